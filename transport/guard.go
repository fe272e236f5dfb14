package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/omega-im/omega"
)

// A DialFunc opens connections as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// ErrResting says that an address was not dialled: too many dials to its block
// proved nothing.
var ErrResting = errors.New("too many servers that were announced near this address did not prove themselves")

// errCrowded is an ErrResting that is over when one of the dials is.
var errCrowded = fmt.Errorf("%w: as many dials as may be are under way", ErrResting)

// Bounds of what strangers' announcements may have dialled. (spec/cloud.md, CLOUD-43)
const (
	guardAtOnce  = 4                // in one block, while none of it failed; afterwards one
	guardRest    = time.Minute      // of a block after a failure, twice as long after each further one,
	guardMaxRest = 15 * time.Minute // up to this
	guardForget  = time.Hour        // after the rest, when nothing is tried
	guardPatient = 30               // failures in a row after which a server that had proved itself counts as new
	guardBlocks  = 1 << 14          // blocks that are remembered
	guardProved  = 1 << 14          // servers that are
)

// A Guard dials servers where they said that they are, and keeps those who say so
// from aiming this machine at others: it takes public addresses only, looks at
// each that a name leads to, when it is dialled, and leaves a block of addresses alone
// for a while when who was said to be there did not prove it. Its methods may be
// called concurrently.
type Guard struct {
	private bool
	trusted map[string]bool
	dial    DialFunc // nil: the system's
	refused func(address string, err error)

	mu     sync.Mutex
	blocks map[netip.Prefix]guarded // guarded by mu
	swept  time.Time                // when blocks was last looked through; guarded by mu
	proved map[proof]int            // failures since; guarded by mu
	turn   chan struct{}            // closed when a dial is decided; guarded by mu
}

// guarded is a block of addresses: an IPv4 /24, an IPv6 /48.
type guarded struct {
	open     int       // dials that are not decided
	failures int       // in a row
	until    time.Time // it rests
}

// A proof is a server that proved itself at an address.
type proof struct {
	at     netip.AddrPort
	server omega.Fingerprint
}

// GuardConfig says what a Guard takes. All of it may be zero.
type GuardConfig struct {
	Private bool     // addresses of private networks and of this machine too
	Trusted []string // host:port that the owner of this machine wrote down: anything
	Dial    DialFunc // opens connections; nil is the system's

	// Refused is told of an address that is not dialled. nil: nobody is.
	Refused func(address string, err error)
}

// NewGuard returns a Guard.
func NewGuard(cfg GuardConfig) *Guard {
	g := &Guard{
		private: cfg.Private, trusted: make(map[string]bool), dial: cfg.Dial, refused: cfg.Refused,
		blocks: make(map[netip.Prefix]guarded), proved: make(map[proof]int),
		turn: make(chan struct{}),
	}
	for _, t := range cfg.Trusted {
		g.trusted[t] = true
	}
	return g
}

// An Attempt is one try to reach a server. Its Dial goes into a DialConfig, or
// whatever dials; Done says what came of it.
type Attempt struct {
	g      *Guard
	server omega.Fingerprint

	mu     sync.Mutex
	tried  []try          // guarded by mu
	landed netip.AddrPort // guarded by mu
	done   bool           // guarded by mu
}

// A try is a dial to one address.
type try struct {
	at    netip.AddrPort
	known bool // the server had proved itself there
}

// Attempt begins one.
func (g *Guard) Attempt(server omega.Fingerprint) *Attempt { return &Attempt{g: g, server: server} }

// Dial opens a connection to an address that was announced.
func (a *Attempt) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	g := a.g
	if g.trusted[address] {
		return dialOr(g.dial, new(net.Dialer))(ctx, network, address)
	}
	if err := CheckAnnounced(address, g.private); err != nil {
		if g.refused != nil {
			g.refused(address, err)
		}
		return nil, err
	}
	if g.dial != nil { // a network of its own: what a name means there is its own affair
		if ap, err := netip.ParseAddrPort(address); err == nil {
			if err := a.admit(ap); err != nil {
				return nil, err
			}
		}
	}
	nc, err := dialOr(g.dial, &net.Dialer{ControlContext: a.control})(ctx, network, address)
	if err == nil {
		if ap, addrErr := netip.ParseAddrPort(nc.RemoteAddr().String()); addrErr == nil {
			a.mu.Lock()
			a.landed = plain(ap)
			a.mu.Unlock()
		}
	}
	return nc, err
}

func dialOr(dial DialFunc, d *net.Dialer) DialFunc {
	if dial != nil {
		return dial
	}
	return d.DialContext
}

func plain(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }

// control is asked before every connect, with the very address.
func (a *Attempt) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if err := CheckPublic(ap, a.g.private); err != nil {
		if a.g.refused != nil {
			a.g.refused(address, err)
		}
		return err
	}
	return a.admit(ap)
}

// admit counts a dial, or refuses it.
func (a *Attempt) admit(ap netip.AddrPort) error {
	ap = plain(ap)
	if isPrivate(ap.Addr()) {
		return nil // of a network that its owner answers for
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return context.Canceled
	}
	known, err := a.g.enter(proof{ap, a.server}, time.Now())
	if err == nil {
		a.tried = append(a.tried, try{ap, known})
	}
	return err
}

// An outcome is what came of an attempt.
type outcome uint8

const (
	unknown outcome = iota // nobody was asked for a proof
	failed
	proved
)

// Done ends the attempt: whether the server proved that it is the one that was
// meant. Dial is not called any more.
func (a *Attempt) Done(ok bool) {
	if ok {
		a.end(proved)
	} else {
		a.end(failed)
	}
}

// Leave ends an attempt that asked for no proof.
func (a *Attempt) Leave() { a.end(unknown) }

func (a *Attempt) end(o outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done {
		a.done = true
		a.g.leave(a.tried, proof{a.landed, a.server}, o, time.Now())
	}
}

// Probe measures the round trip to a server that was announced, as the function
// Probe does. Where as many dials into the block are under way as may be, it
// waits for its turn until ctx ends: most of a newcomer's near ones may stand in
// one house. (spec/cloud.md, CLOUD-43)
func (g *Guard) Probe(ctx context.Context, to Address) (time.Duration, error) {
	for {
		g.mu.Lock()
		turn := g.turn
		g.mu.Unlock()
		a := g.Attempt(to.Fingerprint)
		rtt, err := Probe(ctx, a.Dial, to)
		a.Leave()
		if !errors.Is(err, errCrowded) {
			return rtt, err
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// blockAround is the block that an address is in.
func blockAround(ip netip.Addr) netip.Prefix {
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	p, _ := ip.Prefix(bits) // fits
	return p
}

// enter lets one more dial begin, or not. known: the server proved itself there.
func (g *Guard) enter(p proof, now time.Time) (known bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.proved[p]; known {
		return true, nil
	}
	block := blockAround(p.at.Addr())
	b, remembered := g.blocks[block]
	if now.After(b.until.Add(guardForget)) {
		b.failures = 0
	}
	atOnce := guardAtOnce
	if b.failures > 0 {
		atOnce = 1
	}
	switch {
	case now.Before(b.until) || !remembered && !g.room(now):
		return false, ErrResting
	case b.open >= atOnce:
		return false, errCrowded
	}
	b.open++
	g.blocks[block] = b
	return false, nil
}

// leave ends what enter began.
func (g *Guard) leave(tried []try, landed proof, o outcome, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	freed := false
	for _, t := range tried {
		if t.known {
			g.disappoint(proof{t.at, landed.server}, o)
			continue
		}
		block := blockAround(t.at.Addr())
		b := g.blocks[block]
		b.open--
		freed = true
		switch {
		case o == failed:
			b.until = now.Add(min(guardRest<<min(b.failures, 10), guardMaxRest))
			b.failures++
		case o == proved && t.at == landed.at:
			b.failures, b.until = 0, time.Time{}
		}
		g.blocks[block] = b
		if b.open == 0 && b.failures == 0 {
			delete(g.blocks, block)
		}
	}
	if freed {
		close(g.turn)
		g.turn = make(chan struct{})
	}
	if o == proved && landed.at.IsValid() && !isPrivate(landed.at.Addr()) {
		g.prove(landed)
	}
}

// disappoint counts a failure of a server that had proved itself; g.mu is held.
func (g *Guard) disappoint(p proof, o outcome) {
	failures, known := g.proved[p]
	if !known || o != failed {
		return
	}
	if g.proved[p] = failures + 1; failures+1 >= guardPatient {
		delete(g.proved, p)
	}
}

// prove remembers who proved himself where; g.mu is held.
func (g *Guard) prove(p proof) {
	if _, known := g.proved[p]; !known && len(g.proved) >= guardProved {
		for old := range g.proved { // one of them
			delete(g.proved, old)
			break
		}
	}
	g.proved[p] = 0
}

// room reports whether one more block can be remembered; g.mu is held.
func (g *Guard) room(now time.Time) bool {
	if len(g.blocks) < guardBlocks {
		return true
	}
	if now.Sub(g.swept) < time.Minute {
		return false
	}
	g.swept = now
	for block, b := range g.blocks {
		if b.open == 0 && now.After(b.until.Add(guardForget)) {
			delete(g.blocks, block)
		}
	}
	return len(g.blocks) < guardBlocks
}
