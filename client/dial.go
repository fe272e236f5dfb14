package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Bounds of one search for a proxy. (spec/delivery.md, DELIV-20)
const (
	maxCandidates = 8
	raceStagger   = 250 * time.Millisecond // between two dials, as in RFC 8305, section 5
	failedFor     = time.Minute            // one that was dialled in vain comes after the others
	crowded       = 900                    // load, per mille, from which on as well
	unknownTook   = 200 * time.Millisecond // guess for a server that was never dialled
)

// errNoServer says that no server is known that could be dialled.
var errNoServer = errors.New("no other server is known")

// A candidate is a server to dial.
type candidate struct {
	addr transport.Address
	text string // of addr, as its owner wrote it
}

// A dialled connection is not a session yet.
type dialled struct {
	conn *transport.Conn
	to   candidate
	took time.Duration
}

// ownServer is the server of choice.
func (c *Client) ownServer() (candidate, error) {
	addr, err := transport.ParseAddress(c.acc.Server)
	if err != nil {
		return candidate{}, &addressError{c.acc.Server, err}
	}
	return candidate{addr, c.acc.Server}, nil
}

// candidates lists the servers to try: the account's own first, then homes, near
// ones and others, with some chance in it, so that the clients of a server that
// died do not all go to the same. The one to avoid is the last, or, without,
// not there.
func (c *Client) candidates(avoid omega.Fingerprint, without bool) []candidate {
	own, err := c.ownServer()
	var out []candidate
	if err == nil && (avoid.IsZero() || own.addr.Fingerprint != avoid) {
		out = append(out, own)
	}
	out = append(out, c.proxies(avoid, own, maxCandidates-1)...)
	if !without && !avoid.IsZero() {
		if err == nil && own.addr.Fingerprint == avoid {
			out = append(out, own)
		} else if p, ok := c.proxy(avoid); ok {
			out = append(out, p)
		}
	}
	return out
}

// proxies lists at most n of the servers that are known, best first.
func (c *Client) proxies(avoid omega.Fingerprint, own candidate, n int) []candidate {
	type ranked struct {
		candidate
		worse bool
		cost  float64
	}
	var all []ranked
	now, private := c.cfg.now(), c.mayBeInside()
	c.mu.Lock()
	defer c.mu.Unlock()
	for fp, p := range c.servers {
		addr, ok := p.address(private)
		if !ok || fp == avoid || addr == own.addr {
			continue
		}
		r := ranked{candidate: candidate{addr, addr.String()}}
		r.worse = p.announced.Load >= crowded || p.announced.Flags&mesh.FlagDraining != 0 || young(now, p.Failed, failedFor)
		r.cost = float64(cmp.Or(p.Took, unknownTook)) * (0.5 + rand.Float64())
		if c.record != nil && slices.Contains(c.record.Homes, fp) {
			r.cost /= 2 // it has the account's mail
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b ranked) int {
		if a.worse != b.worse {
			return map[bool]int{true: 1, false: -1}[a.worse]
		}
		return cmp.Compare(a.cost, b.cost)
	})
	var out []candidate
	for _, r := range all[:min(len(all), n)] {
		out = append(out, r.candidate)
	}
	return out
}

// proxy is one of the servers that are known.
func (c *Client) proxy(fp omega.Fingerprint) (candidate, bool) {
	private := c.mayBeInside()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.servers[fp]; p != nil {
		addr, ok := p.address(private)
		return candidate{addr, addr.String()}, ok
	}
	return candidate{}, false
}

// race dials the candidates, each when the one before failed or did not answer
// at once, and returns the first connection. The error names all failures, in
// the order of the list.
func (c *Client) race(ctx context.Context, list []candidate) (*dialled, error) {
	type result struct {
		*dialled
		i   int
		err error
	}
	if len(list) == 0 {
		return nil, errNoServer
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result, len(list))
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
		close(results)
		for r := range results {
			if r.err == nil {
				r.conn.Close()
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	errs := make([]error, len(list))
	for begun, open := 0, 0; begun < len(list) || open > 0; {
		select {
		case <-next.C:
			i := begun
			wg.Go(func() {
				d, err := c.dial(ctx, list[i])
				results <- result{d, i, err}
			})
			open++
			if begun++; begun < len(list) {
				next.Reset(raceStagger)
			}
		case r := <-results:
			open--
			if r.err == nil {
				return r.dialled, nil
			}
			if errs[r.i] = r.err; begun < len(list) {
				next.Reset(0)
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, errors.Join(errs...)
}

// dial connects to one server, resuming the last session there if it can, and
// notes how that went.
func (c *Client) dial(ctx context.Context, to candidate) (*dialled, error) {
	d := c.cfg.dial(to.addr)
	if d.Dialer == nil && to.text != c.acc.Server {
		d.Dialer = c.dialAnnounced
	}
	d.Identity = c.identity()
	d.MaxQueue = outboxWindow * omega.MaxFrame // a whole window may wait for a slow network
	d.Ticket = c.ticket(ctx, to.addr.Fingerprint)
	d.Register = func(context.Context) (wire.Entry, error) { return c.ownEntry(), nil }
	began := time.Now()
	conn, err := transport.Dial(ctx, d)
	took := time.Since(began)
	if ctx.Err() == nil {
		c.noteDial(to.addr.Fingerprint, took, err)
	}
	if err != nil {
		return nil, &dialError{to.addr, err}
	}
	return &dialled{conn, to, took}, nil
}

// ownEntry is what this device would register with.
func (c *Client) ownEntry() wire.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := wire.Entry{Certificate: c.id.Certificate.Bytes()}
	if c.record != nil {
		e.Record = c.record.Bytes()
	}
	return e
}
