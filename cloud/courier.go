package cloud

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega/wire"
)

// Times of the courier. (spec/cloud.md, CLOUD-23)
const (
	courierTick = 25 * time.Millisecond  // between looks while anything is under way
	unknownRTT  = 150 * time.Millisecond // of a connection that was not measured yet

	// A connection stalls after half a round trip more than an acknowledgement
	// takes. That may wait at the other end for two looks, and here for one to
	// be missed. Being wrong costs a copy, being late costs what is under way.
	minStall   = 150 * time.Millisecond
	stallSlack = 3 * courierTick

	// maxStall is how much longer than that a connection may take whose
	// acknowledgements usually do: a bit less than until hellos tell.
	maxStall = time.Second

	// maxHedges is how many packets go around one connection per look: 2,560 a
	// second, so that a connection that is slow because it is full does not
	// fill the others at once.
	maxHedges = 64

	// hedgeDepth is how many packets may go around one connection that
	// acknowledges nothing; with each ten that it does, one more. (CLOUD-46)
	hedgeDepth = 1024
)

// A courier looks after what is under way: what a connection does not
// acknowledge goes around it, what a lost connection carried goes another way,
// and what has no receipt is repeated. It sleeps while nothing is under way.
type courier struct {
	active atomic.Bool   // it looks every tick
	bell   chan struct{} // it is to wake up, or a connection was lost

	mu    sync.Mutex
	lost  []*link // connections that ended; guarded by mu
	bulks []*link // connections that want another one for bulk; guarded by mu
}

func (k *courier) init() { k.bell = make(chan struct{}, 1) }

// wake sees to it that the courier is awake. It costs one load while it is.
func (k *courier) wake() {
	if !k.active.Load() {
		k.ring()
	}
}

func (k *courier) ring() {
	select {
	case k.bell <- struct{}{}:
	default:
	}
}

// lose hands a connection that is no longer used to the courier.
func (k *courier) lose(l *link) {
	k.mu.Lock()
	k.lost = append(k.lost, l)
	k.mu.Unlock()
	k.ring()
}

func (k *courier) takeLost() (lost []*link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lost, k.lost = k.lost, nil
	return lost
}

// carry is the courier's work, until ctx ends.
func (c *Cloud) carry(ctx context.Context) {
	k := &c.courier
	tick := time.NewTicker(courierTick)
	tick.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.bell:
			if !k.active.Swap(true) {
				tick.Reset(courierTick)
			}
			for _, l := range k.takeLost() {
				c.rescue(l)
			}
			for _, l := range k.takeBulks() {
				c.do(func(o *owner) { o.wg.Go(func() { c.dialBulk(o.ctx, l) }) })
			}
		case <-tick.C:
			if c.look() {
				continue
			}
			// Whoever sends between the look and this rings the bell.
			k.active.Store(false)
			if c.look() {
				k.active.Store(true)
				continue
			}
			tick.Stop()
			for _, l := range c.table.Load().links {
				l.trim()
			}
		}
	}
}

// rescue sends what a lost connection carried another way.
func (c *Cloud) rescue(l *link) {
	left := l.close()
	t := c.table.Load()
	for _, p := range left {
		c.stats.rerouted.Add(1)
		if next := t.links[l.peer]; next != nil && c.post(next, p, p.view(), c.now()) == nil {
			continue // there is another connection
		}
		var failed func(wire.PacketView, wire.Reason)
		if v := p.view(); v.NumAvoid() == wire.MaxAvoid && v.Source() != c.self {
			failed = c.giveUpAll
		}
		c.reroute(t, p, l.peer, failed)
	}
}

// look does what is due and reports whether anything is under way.
func (c *Cloud) look() (busy bool) {
	now := c.now()
	t := c.table.Load()
	for _, l := range t.links {
		if l.look(now) {
			busy = true
			c.hedge(t, l, now)
		}
		for _, b := range l.bulks.all() {
			busy = b.look(now) || busy
		}
	}
	c.retry(now)
	c.scores.expire(now)
	return busy || c.letters.len() > 0
}

// look acknowledges what came and sends what waits for room. It reports whether
// anything was to be done, or is under way.
func (l *link) look(now int64) (busy bool) {
	if busy = l.owes(); busy {
		l.acknowledge()
	}
	if l.quiet() {
		return busy
	}
	l.pump(now)
	return true
}

// stall is how long a connection may acknowledge nothing, at least.
func (l *link) stall() time.Duration {
	rtt := time.Duration(l.rtt.Load())
	if rtt == 0 {
		rtt = unknownRTT
	}
	return max(minStall, rtt+rtt/2+stallSlack)
}

// hedge sends copies of what stalls on a connection around it. If there is no
// way around, the connection may still do it; but if that is because the list of
// dead links is full, another server is told that knows more ways: the origin.
func (c *Cloud) hedge(t *table, l *link, now int64) {
	for _, x := range l.overdue(nil, now, l.stall(), maxHedges) {
		c.stats.hedged.Add(1)
		l.stalls.Store(true)
		var failed func(wire.PacketView, wire.Reason)
		if v := x.p.view(); v.NumAvoid() == wire.MaxAvoid && v.Source() != c.self {
			failed = c.giveUpAll
		}
		if c.reroute(t, x.p, l.peer, failed) != 0 {
			l.keep(x.n)
		}
	}
}
