package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omega-im/omega/transport"
)

// omegaHop is a cloud of two servers in one process: every sender lives at one
// and every receiver at the other, so that each message takes one hop between
// servers. What its rows have more than those of omegaServer is that hop.
type omegaHop struct{ omegaServer }

func (o *omegaHop) Describe(ctx context.Context) (description, error) {
	d, err := o.omegaServer.Describe(ctx)
	d.name = "omega, one hop"
	d.offline, d.forwards = false, false // these modes want one server
	return d, err
}

// Start runs both servers, with fresh data.
func (o *omegaHop) Start(ctx context.Context, s *site, users int) (*process, error) {
	o.far = nil
	dir := filepath.Join(s.dir, "cloud")
	var clients [2]int
	for i := range clients {
		home := filepath.Join(dir, fmt.Sprintf("s%d", i+1))
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
		text := ""
		for j := range 4 { // client, peer, http, admin: see node.choosePorts
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			if j == 0 {
				clients[i] = port
			}
			text += fmt.Sprintln(port)
		}
		if err := os.WriteFile(filepath.Join(home, "ports"), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := startProcess(ctx, s, command{path: o.program, args: []string{"dev", "-n", "2", "--dir", dir}, port: clients[1]})
	if err != nil {
		return nil, err
	}
	o.begin()
	o.port = clients[0]
	if o.far, err = meet(ctx, clients[1]); err == nil {
		err = o.register(ctx, users)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// meet asks a server on this machine who it is.
func meet(ctx context.Context, port int) (*transport.Address, error) {
	addr := &transport.Address{Network: transport.NetworkTLS, HostPort: fmt.Sprintf("127.0.0.1:%d", port)}
	guest, err := transport.DialGuest(ctx, transport.DialConfig{Address: *addr})
	if err != nil {
		return nil, err
	}
	addr.Fingerprint = guest.Server().Account
	return addr, guest.Close()
}
