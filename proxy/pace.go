package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/patience"
)

// Times of the copies that homes get, and of what is repeated. A server that
// answers, however late, is there: its work is not to be multiplied. (spec/delivery.md,
// DELIV-35)
const (
	homePatience = 700 * time.Millisecond  // with a home that answers nothing, before a deputy is asked
	mostPatience = 1500 * time.Millisecond // the same, if its answers usually take longer
	maxTimeout   = 4 * time.Second         // before a first repetition, however long answers take
	maxWait      = 30 * time.Second        // for the answer of a home that answers others

	// paceDepth is how much may be done twice for one server at once, and
	// every tick of the clock pays for another one, so that what is asked
	// rarely is always repeated.
	paceDepth = 64
)

// A pace is how fast another server answers, and what may still be done twice
// because it did not.
type pace struct {
	to    omega.Fingerprint
	count atomic.Int64 // of its requests that are under way
	bytes atomic.Int64 // of their frames

	mu     sync.Mutex
	took   patience.Estimate // guarded by mu
	budget patience.Budget   // guarded by mu
	heard  int64             // when it last answered as a home, steady ms; guarded by mu
	used   bool              // since the last sweep; guarded by mu
}

func (p *Proxy) pace(to omega.Fingerprint) *pace {
	return p.paces.getOr(to, func() *pace { return &pace{to: to} })
}

// begin takes up a request.
func (c *pace) begin(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = true
	r.due = r.sent + max(firstRetry, c.timeout()).Milliseconds()
}

// timeout is how long an answer may take. c.mu is held.
func (c *pace) timeout() time.Duration { return min(c.took.Timeout(), maxTimeout) }

// answered takes in the first frame of an answer: those that follow it were sent
// without being asked for, and say nothing about how long that takes.
func (c *pace) answered(r *request, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = true
	c.budget.Earn(1)
	if r.repeats == 0 {
		c.took.Observe(time.Duration(now-r.sent) * time.Millisecond)
	}
	if r.slow != nil {
		c.heard = now
	}
}

// silent is how long the server has answered nothing as a home while it had r.
// c.mu is held.
func (c *pace) silent(r *request, now int64) time.Duration {
	return time.Duration(now-max(r.sent, c.heard)) * time.Millisecond
}

// doubts reports whether somebody else is to get what r brings as well: the
// server answers nothing, or not this, for longer than it usually takes.
func (c *pace) doubts(r *request, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	timeout := c.timeout()
	if c.silent(r, now) >= max(homePatience, min(timeout, mostPatience)) {
		return true
	}
	return now-r.sent >= max(homePatience, timeout).Milliseconds() && c.budget.Spend(paceDepth)
}

// over reports whether r is given up.
func (c *pace) over(r *request, now int64) bool {
	if now-r.sent < requestTimeout.Milliseconds() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.slow == nil || now-r.sent >= maxWait.Milliseconds() || c.silent(r, now) >= requestTimeout
}

// again reports whether r, which is due, is sent again now, and sets when it is
// looked at next.
func (c *pace) again(r *request, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	timeout := c.timeout()
	if usual := r.sent + timeout.Milliseconds(); r.repeats == 0 && now < usual {
		r.due = usual // answers take longer than they did when it was sent
		return false
	}
	// What has nobody else to go to, as a copy for a deputy, is repeated anyway:
	// a deputy drops what is more than it may have waiting from one server.
	if r.slow != nil && !c.budget.Spend(paceDepth) {
		return false
	}
	r.due = now + (max(nextRetry, timeout) << min(r.repeats, 3)).Milliseconds()
	r.repeats++
	return true
}

// tickPaces pays each server's share of a tick.
func (p *Proxy) tickPaces() {
	p.paces.all(func(c *pace) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.budget.Earn(patience.Share)
	})
}

// sweepPaces forgets those that nobody used for a while: what answers took then
// says little about now. Requests that still hold one may go on using it.
func (p *Proxy) sweepPaces() {
	p.paces.all(func(c *pace) {
		c.mu.Lock()
		idle := !c.used && c.count.Load() == 0
		c.used = false
		c.mu.Unlock()
		if idle {
			p.paces.removeIf(c.to, func(x *pace) bool { return x == c })
		}
	})
}
