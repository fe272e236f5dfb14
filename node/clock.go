package node

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/transport"
)

// What is kept of others' clocks: for so long, and of so many servers.
const (
	clockAge  = 15 * time.Minute
	maxClocks = 256
)

// A ClockOff is how wrong the clock of this server is by those of others.
// (spec/cloud.md, CLOUD-52)
type ClockOff struct {
	Ahead   float64 `json:"ahead"`   // seconds; negative: behind
	Servers int     `json:"servers"` // that it was compared with
}

// Off is how far the clock is from right.
func (c *ClockOff) Off() time.Duration { return time.Duration(c.Ahead * float64(time.Second)).Abs() }

// Direction is "ahead" or "behind".
func (c *ClockOff) Direction() string {
	if c.Ahead < 0 {
		return "behind"
	}
	return "ahead"
}

// clocks compares this server's clock with those of the servers that it shakes
// hands with. Its zero value is ready.
type clocks struct {
	mu      sync.Mutex
	samples map[omega.Fingerprint]clockSample // guarded by mu
}

type clockSample struct {
	at    time.Time     // when it was taken, by the clock that nobody sets
	ahead time.Duration // this clock minus the other server's
}

// note takes down what another server's clock said just now; c may be nil.
func (c *clocks) note(server omega.Fingerprint, ahead time.Duration, at time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.samples == nil {
		c.samples = map[omega.Fingerprint]clockSample{}
	}
	if _, known := c.samples[server]; !known && len(c.samples) >= maxClocks {
		oldest := server
		for fp, s := range c.samples {
			if o, ok := c.samples[oldest]; !ok || s.at.Before(o.at) {
				oldest = fp
			}
		}
		delete(c.samples, oldest)
	}
	c.samples[server] = clockSample{at, ahead}
}

// noteRefused takes down what a refusal tells of the other server's clock.
func (c *clocks) noteRefused(err error, at time.Time) {
	var off *transport.ClockError
	if errors.As(err, &off) {
		c.note(off.Server, off.Ahead, at)
	}
}

// off returns how far this clock is from the median of the others; nil: not more
// than honest clocks may differ, or nobody knows. Of two in the middle the nearer
// one counts, so that of three servers the one that is wrong is alone.
func (c *clocks) off(now time.Time) *ClockOff {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []time.Duration
	for fp, s := range c.samples {
		if now.Sub(s.at) >= clockAge {
			delete(c.samples, fp)
			continue
		}
		all = append(all, s.ahead)
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	low, high := all[(len(all)-1)/2], all[len(all)/2]
	if cmp.Compare(high.Abs(), low.Abs()) < 0 {
		low = high
	}
	if low.Abs() <= omega.ClockTolerance {
		return nil
	}
	return &ClockOff{Ahead: low.Round(time.Second).Seconds(), Servers: len(all)}
}

// clockOff is off by this server's clocks.
func (n *Node) clockOff() *ClockOff { return n.clocks.off(time.Now()) }

// noteClock takes down the time that another server told.
func (n *Node) noteClock(p transport.Peer) {
	if !p.Time.IsZero() {
		n.clocks.note(p.Account, n.opt.Clock().Sub(p.Time), time.Now())
	}
}

// A clockLamp logs when this server's clock begins to be wrong, or to be right. It
// belongs to one goroutine.
type clockLamp struct{ off bool }

func (l *clockLamp) look(n *Node) {
	off := n.clockOff()
	switch {
	case off != nil && !l.off:
		n.log.Error("the clock of this server is wrong: devices and servers cannot connect; set it by NTP (timedatectl set-ntp true)",
			"off", off.Off(), "direction", off.Direction(), "servers", off.Servers)
	case off == nil && l.off:
		n.log.Info("the clock of this server agrees with those of others again")
	}
	l.off = off != nil
}
