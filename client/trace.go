package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// trace answers clientrpc.Trace: it measures the way to somebody's homes.
func (c *Client) trace(ctx context.Context, p clientrpc.TraceParams) (*clientrpc.TraceResult, error) {
	found, err := c.lookup(ctx, clientrpc.LookupParams{Fingerprint: p.Fingerprint})
	if err != nil {
		return nil, err
	}
	homes := found.Homes
	if p.Fingerprint == c.acc.Fingerprint {
		c.mu.Lock()
		if c.record != nil {
			homes = c.record.Homes
		}
		c.mu.Unlock()
	}
	if len(homes) == 0 {
		return nil, fail(clientrpc.CodeNotFound, i18n.T("doing.way"), i18n.T("why.nohomes", p.Fingerprint), i18n.T("next.retry"), nil)
	}
	s, err := c.online()
	if errors.Is(err, errOffline) { // doctor says why
		return nil, fail(clientrpc.CodeOffline, i18n.T("doing.way"), i18n.T("why.offline"), i18n.T("next.server"), nil)
	}
	if err != nil {
		return nil, err
	}
	near, err := s.roundTrip(ctx)
	if err != nil {
		return nil, err
	}
	if !p.All {
		return &clientrpc.TraceResult{Ways: []clientrpc.Way{c.firstWay(ctx, s, homes, near)}}, nil
	}
	out := &clientrpc.TraceResult{Ways: make([]clientrpc.Way, len(homes))}
	var wg sync.WaitGroup
	for i, h := range homes { // omega.MaxHomes at most, as many as a proxy measures at once
		wg.Go(func() { out.Ways[i] = c.way(ctx, s, h, near) })
	}
	wg.Wait()
	return out, nil
}

// firstWay is the way that a message takes: to the first of the homes that can be
// reached. If none can, it is that to the first, with the problem.
func (c *Client) firstWay(ctx context.Context, s *session, homes []omega.Fingerprint, near time.Duration) clientrpc.Way {
	first := c.way(ctx, s, homes[0], near)
	w := first
	for _, h := range homes[1:] {
		if w.Problem == nil {
			return w
		}
		w = c.way(ctx, s, h, near)
	}
	if w.Problem == nil {
		return w
	}
	return first
}

// roundTrip measures the way to the proxy and back.
func (s *session) roundTrip(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	_, err := s.request(ctx, wire.TypePing, nil)
	return time.Since(began), err
}

// way has the proxy measure the way to one home. near is how far the proxy is.
// What goes wrong is that home's alone.
func (c *Client) way(ctx context.Context, s *session, home omega.Fingerprint, near time.Duration) clientrpc.Way {
	proxy := s.conn.Peer().Account
	way, err := s.way(ctx, home)
	if err != nil {
		out := clientrpc.Way{Home: home}
		if errors.Is(err, context.DeadlineExceeded) {
			out.Problem = silentHome(home)
		} else {
			errors.As(explain(i18n.T("doing.way"), err), &out.Problem)
		}
		return out
	}
	hops := append([]wire.Hop{{Server: proxy}}, way.Hops...)
	servers := make([]omega.Fingerprint, len(hops))
	for i, h := range hops {
		servers[i] = h.Server
	}
	c.seekServers(ctx, s, servers) // for their names: a session that has just begun knows none
	known := c.announcements()
	out := clientrpc.Way{Home: home, Direct: home == proxy || way.Flags&wire.WayDirect != 0}
	for _, h := range hops {
		hop := clientrpc.Hop{Server: h.Server, RTTMS: float64((near + h.RTT).Microseconds()) / 1000}
		if a, err := mesh.Decode(known[h.Server]); err == nil {
			hop.Name = a.Name
		}
		out.Hops = append(out.Hops, hop)
		out.TotalMS = hop.RTTMS
	}
	if way.Flags&wire.WayArrived == 0 {
		out.Problem = silentHome(home)
	}
	return out
}

// silentHome says that a home did not answer.
func silentHome(home omega.Fingerprint) *clientrpc.Error {
	return &clientrpc.Error{
		Code: clientrpc.CodeOffline, Doing: i18n.T("doing.way"), Why: i18n.T("why.noanswer", home), Next: i18n.T("next.retry"),
	}
}

// way asks the proxy for the way to a server. (spec/delivery.md, DELIV-22)
func (s *session) way(ctx context.Context, to omega.Fingerprint) (*wire.Way, error) {
	f, err := s.request(ctx, wire.TypeWay, to.Wire())
	if err != nil {
		return nil, fmt.Errorf("trace the way to %s: %w", to, err)
	}
	if f.Type != wire.TypeHops {
		return nil, fmt.Errorf("%w answer of type %d to a question for a way", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeWay(f.Body)
}
