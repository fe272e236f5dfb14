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
	unknownTook   = 200 * time.Millisecond // guess for a server of which nothing says how far it is
	nearTook      = 100 * time.Millisecond // servers nearer than this are as good: or all would go to the nearest
)

// errNoServer says that no server is known that could be dialled.
var errNoServer = errors.New("no other server is known")

// errUseless says of a server that it took this device and no session came of it.
var errUseless = errors.New("the server took this device and was of no use")

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
	text := c.choice()
	addr, err := transport.ParseAddress(text)
	if err != nil {
		return candidate{}, &addressError{text, err}
	}
	return candidate{addr, text}, nil
}

// ownServers are the servers that the owner of the account gave this device: the one of
// choice first, then what was named last, and where the account was made.
func (c *Client) ownServers() (out []candidate) {
	for _, text := range []string{c.choice(), c.named(), c.acc.Server} {
		addr, err := transport.ParseAddress(text)
		if err == nil && !isOf(out, addr) {
			out = append(out, candidate{addr, text})
		}
	}
	return out
}

// isOf reports whether an address is one of the candidates.
func isOf(list []candidate, addr transport.Address) bool {
	return slices.ContainsFunc(list, func(o candidate) bool { return o.addr == addr })
}

// candidates lists the servers to try: the one of choice first, then homes, near
// ones and others, with some chance in it, so that the clients of a server that
// died do not all go to the same, then what else the owner gave. The one to avoid is
// the last, or, without, not there. vain says that no server was of use since the last time.
func (c *Client) candidates(avoid omega.Fingerprint, without, vain bool) []candidate {
	own := c.ownServers()
	var out, rest, last []candidate
	for _, o := range own {
		switch {
		case !avoid.IsZero() && o.addr.Fingerprint == avoid:
			last = append(last, o)
		case o.text == c.choice():
			out = append(out, o)
		default:
			rest = append(rest, o)
		}
	}
	out = append(out, choose(c.proxies(avoid, own), c.cfg.now(), vain, maxCandidates-1-len(rest))...)
	out = append(out, rest...)
	if !without && !avoid.IsZero() {
		if len(last) > 0 {
			out = append(out, last[0])
		} else if p, ok := c.proxy(avoid); ok {
			out = append(out, p)
		}
	}
	return out
}

// A prospect is a server that could be dialled.
type prospect struct {
	candidate
	cost    float64   // of being there; less is better
	crowded bool      // or draining
	failed  time.Time // when it was of no use, if it was of none since
	tried   uint64    // in which place of the tries in vain of this process; 0: not among them
}

// proxies are the servers that are known, but for the one to avoid and the owner's own.
func (c *Client) proxies(avoid omega.Fingerprint, own []candidate) (all []prospect) {
	private := c.mayBeInside()
	c.mu.Lock()
	defer c.mu.Unlock()
	took := handshakes(c.acc.Fingerprint, c.servers)
	for fp, p := range c.servers {
		addr, ok := p.address(private)
		if !ok || fp == avoid || isOf(own, addr) {
			continue
		}
		r := prospect{candidate: candidate{addr, addr.String()}, failed: p.Failed, tried: p.tried}
		r.crowded = p.announced.Load >= crowded || p.announced.Flags&mesh.FlagDraining != 0
		r.cost = float64(max(cmp.Or(took[fp], unknownTook), nearTook)) * (0.5 + rand.Float64())
		if c.record != nil && slices.Contains(c.record.Homes, fp) {
			r.cost /= 2 // it has the account's mail
		}
		all = append(all, r)
	}
	return all
}

// choose returns at most n prospects, best first: those that were of no use lately
// come after the others. While the search is in vain those come last that were
// tried last, however near they are, so that each is tried in time: of p that refuse,
// all within p/n+1 choices. (spec/delivery.md, DELIV-20)
func choose(all []prospect, now time.Time, vain bool, n int) (out []candidate) {
	class := func(p *prospect) int {
		switch {
		case vain && !p.failed.IsZero():
			return 2
		case p.crowded, young(now, p.failed, failedFor):
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b prospect) int {
		order := cmp.Compare(class(&a), class(&b))
		if vain { // by places and not by times: clocks are set
			order = cmp.Or(cmp.Compare(a.tried, b.tried), order, a.failed.Compare(b.failed))
		}
		return cmp.Or(order, cmp.Compare(a.cost, b.cost))
	})
	for _, p := range all[:min(len(all), n)] {
		out = append(out, p.candidate)
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
	return c.dialAs(ctx, to, c.isNamed(to.text))
}

// dialAs is dial for an address that the owner of the account named, or that others did.
func (c *Client) dialAs(ctx context.Context, to candidate, named bool) (*dialled, error) {
	d := c.cfg.dial(to.addr)
	if d.Dialer == nil && !named {
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
