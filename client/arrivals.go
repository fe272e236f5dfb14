package client

import (
	"sync"
	"time"
)

// Homes do not say when they have sent everything that waited: they send it
// right behind their answer to the lease, a window at a time. So all is here
// when nothing has come for a while; where the answer itself took long, mail
// may too.
const (
	minQuiet = 300 * time.Millisecond
	maxQuiet = 3 * time.Second
)

// arrivals tells when mail has stopped coming in. The zero value is ready.
type arrivals struct {
	mu       sync.Mutex
	asked    time.Time     // when the last lease was sent; guarded by mu
	answered time.Duration // how long the slowest home took to answer it; guarded by mu
	last     time.Time     // when something came, or was taken in; guarded by mu
	waiting  int           // mails that the inbox has not taken in; guarded by mu
}

// ask notes that a lease was sent.
func (a *arrivals) ask() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.answered = time.Now(), 0
}

// answer notes that a home answered it.
func (a *arrivals) answer() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	a.answered = max(a.answered, a.last.Sub(a.asked))
}

// come notes n mails more, or fewer, that wait for the inbox.
func (a *arrivals) come(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	a.waiting += n
}

// left is how long nothing more must come until all is here.
func (a *arrivals) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	quiet := min(minQuiet+2*a.answered, maxQuiet)
	if a.waiting > 0 {
		return quiet
	}
	return max(0, quiet-time.Since(a.last))
}

// caughtUp returns how long to wait until everything that waits at the homes is
// here, if nothing else comes: 0 is now. false: too few homes are attached. All
// but one are enough: what was acknowledged is at two (spec/delivery.md,
// DELIV-13).
func (c *Client) caughtUp() (time.Duration, bool) {
	c.mu.Lock()
	attached := 0
	enough := 1
	if c.session != nil && c.record != nil {
		for _, h := range c.record.Homes {
			if c.homes[h] != nil && c.homes[h].attached {
				attached++
			}
		}
		enough = max(1, len(c.record.Homes)-1)
	}
	c.mu.Unlock()
	return c.arrivals.left(), attached >= enough
}
