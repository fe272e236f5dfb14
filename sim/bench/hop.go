package main

import (
	"context"
	"errors"
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
	d.offline, d.forwards, d.groups = false, false, nil // these modes want one server
	return d, err
}

// Start runs both servers, with fresh data.
func (o *omegaHop) Start(ctx context.Context, s *site, users int) (*process, error) {
	o.far = nil
	p, clients, err := o.startCloud(ctx, s, 2)
	if err != nil {
		return nil, err
	}
	if o.far, err = meet(ctx, clients[1]); err == nil {
		err = o.register(ctx, users)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// omegaHomes is a cloud of three servers in one process, to the first of which
// everybody is connected. With one home that is the first one; with three, each
// message is stored by all and comes three times.
type omegaHomes struct {
	omegaServer
	n int // homes
}

func (o *omegaHomes) Describe(ctx context.Context) (description, error) {
	d, err := o.omegaServer.Describe(ctx)
	d.name = fmt.Sprintf("omega, %d of 3 servers are homes,", o.n)
	d.offline, d.forwards, d.groups = false, false, nil
	return d, err
}

// Start runs the servers, with fresh data.
func (o *omegaHomes) Start(ctx context.Context, s *site, users int) (*process, error) {
	o.homes = nil
	p, clients, err := o.startCloud(ctx, s, 3)
	if err != nil {
		return nil, err
	}
	for _, port := range clients[:o.n] {
		home, meetErr := meetServer(ctx, port)
		err = errors.Join(err, meetErr)
		o.homes = append(o.homes, home)
	}
	if err == nil {
		err = o.register(ctx, users)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// startCloud runs a development cloud of n servers and returns their ports for
// clients.
func (o *omegaServer) startCloud(ctx context.Context, s *site, n int) (*process, []int, error) {
	dir := filepath.Join(s.dir, "cloud")
	clients := make([]int, n)
	for i := range clients {
		home := filepath.Join(dir, fmt.Sprintf("s%d", i+1))
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, nil, err
		}
		text := ""
		for j := range 4 { // client, peer, http, admin: see node.choosePorts
			port, err := freePort()
			if err != nil {
				return nil, nil, err
			}
			if j == 0 {
				clients[i] = port
			}
			text += fmt.Sprintln(port)
		}
		if err := os.WriteFile(filepath.Join(home, "ports"), []byte(text), 0o600); err != nil {
			return nil, nil, err
		}
	}
	p, err := startProcess(ctx, s, command{path: o.program, args: []string{"dev", "-n", fmt.Sprint(n), "--dir", dir}, port: clients[n-1]})
	if err != nil {
		return nil, nil, err
	}
	o.begin()
	o.port = clients[0]
	return p, clients, nil
}

// meet asks a server on this machine who it is.
func meet(ctx context.Context, port int) (*transport.Address, error) {
	server, err := meetServer(ctx, port)
	return &transport.Address{Network: transport.NetworkTLS, HostPort: fmt.Sprintf("127.0.0.1:%d", port), Fingerprint: server.Account}, err
}

func meetServer(ctx context.Context, port int) (transport.Peer, error) {
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: fmt.Sprintf("127.0.0.1:%d", port)}
	guest, err := transport.DialGuest(ctx, transport.DialConfig{Address: addr})
	if err != nil {
		return transport.Peer{}, err
	}
	return guest.Server(), guest.Close()
}
