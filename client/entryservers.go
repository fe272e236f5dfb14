//go:build !js

package client

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Bounds of looking around before there is an account.
const (
	maxOffered  = 32              // servers that are offered
	offerDials  = 8               // at once
	offerWithin = 4 * time.Second // what has not answered by then is not offered
)

// An offer is what a server announced, as it came.
type offer struct {
	*mesh.Announcement
	octets []byte
}

// servers asks one server which others there are, connects to each, and takes what
// each announced if it proves that it is who announced it.
func (e *Entry) servers(ctx context.Context, p clientrpc.SetupServersParams) (out clientrpc.SetupServersResult, err error) {
	address := p.Server
	if _, invited, err := transport.ParseInvite(p.Server); err == nil {
		address = invited
	}
	start := time.Now()
	m, err := dialMeeting(ctx, e.cfg.Config, address)
	if err != nil {
		return out, err
	}
	defer m.close()
	first := clientrpc.SetupServer{Address: m.address.String(), Fingerprint: m.address.Fingerprint, Took: time.Since(start)}
	announced, err := m.announced(ctx)
	if err != nil {
		return out, err
	}
	found := e.meetAll(ctx, m, announced)
	if !slices.ContainsFunc(found, func(s clientrpc.SetupServer) bool { return s.Fingerprint == first.Fingerprint }) {
		found = append(found, first)
	}
	slices.SortFunc(found, func(a, b clientrpc.SetupServer) int { return cmp.Compare(a.Took, b.Took) })
	out.Servers = found
	return out, nil
}

// announced lists what the server knows of others, unverified, itself first.
func (m *meeting) announced(ctx context.Context) (out []offer, err error) {
	query := wire.AppendServersQuery(nil, &wire.ServersQuery{Most: askServers, Named: []omega.Fingerprint{m.address.Fingerprint}})
	list, err := m.guest.Servers(ctx, query)
	switch {
	case isCode(err, omega.CodeNotFound), isCode(err, omega.CodeBadRequest), isCode(err, omega.CodeRateLimited):
		return nil, nil // it tells guests nothing: there is itself
	case err != nil:
		return nil, &dialError{m.address, err}
	}
	blobs, err := wire.DecodeBlobs(list, askServers)
	if err != nil {
		return nil, err
	}
	for _, b := range blobs {
		if a, err := mesh.Decode(b); err == nil {
			out = append(out, offer{a, b})
		}
	}
	return out, nil
}

// meetAll connects to servers, a few at a time, and returns those that answered.
func (e *Entry) meetAll(ctx context.Context, from *meeting, all []offer) (out []clientrpc.SetupServer) {
	ctx, cancel := context.WithTimeout(ctx, offerWithin)
	defer cancel()
	host, _, _ := net.SplitHostPort(from.address.HostPort) // it was parsed
	inside := transport.LeadsInside(host)
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, offerDials)
	for _, a := range all[:min(len(all), maxOffered)] {
		k := knownServer{announced: a.Announcement}
		addr, ok := k.address(inside)
		if !ok || time.Now().After(a.Expires.Add(omega.ClockTolerance)) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if s, err := e.meetOne(ctx, addr, a, inside); err == nil {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, *s)
			}
		})
	}
	wg.Wait()
	return out
}

// errForeign is an announcement that the server did not make.
var errForeign = errors.New("the announcement is not by this server")

// meetOne connects to a server, which proves who it is, and measures that.
func (e *Entry) meetOne(ctx context.Context, addr transport.Address, a offer, inside bool) (*clientrpc.SetupServer, error) {
	cfg := e.cfg.dial(addr)
	if cfg.Dialer == nil {
		cfg.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			return transport.DialPublic(ctx, network, address, func(context.Context) bool { return inside })
		}
	}
	start := time.Now()
	guest, err := transport.DialGuest(ctx, cfg)
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	defer guest.Close()
	peer := guest.Server()
	if peer.Account != a.Server || peer.Certificate == nil {
		return nil, errForeign
	}
	if err := provenBy(peer.Certificate, a.octets, e.cfg.now()); err != nil {
		return nil, err
	}
	return &clientrpc.SetupServer{
		Address: addr.String(), Fingerprint: a.Server, Name: a.Name, Operator: a.Operator, Site: a.Site,
		Registration: a.Registration.String(), Users: a.Users, Took: took,
	}, nil
}
