package node

import (
	"context"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// Bounds of comparing key servers and mailboxes.
const (
	compareInterval = 10 * time.Minute // between two with one server, and for one
	compareAgain    = 15 * time.Second // after one that failed
	compareAtOnce   = 16
)

// comparisons are those of this server with others. Each has a goroutine of
// its own: a server that lists what it does not have holds up nobody else.
type comparisons struct {
	compare func(ctx context.Context, server omega.Fingerprint) error
	running sync.WaitGroup

	mu     sync.Mutex
	others map[omega.Fingerprint]comparison // that are there; guarded by mu
	busy   int                              // guarded by mu
}

// A comparison is how one server stands.
type comparison struct {
	busy bool
	met  bool      // it came again while busy
	at   time.Time // when it ended last; zero: the next is due
}

func newComparisons(compare func(context.Context, omega.Fingerprint) error) *comparisons {
	return &comparisons{compare: compare, others: make(map[omega.Fingerprint]comparison)}
}

// look begins what is due among the servers that are there. One that goes and
// comes back is compared with again.
func (c *comparisons) look(ctx context.Context, there []omega.Fingerprint, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := make(map[omega.Fingerprint]comparison, len(there))
	for _, server := range there {
		o := c.others[server]
		if !o.busy && c.busy < compareAtOnce && (o.at.IsZero() || now.Sub(o.at) >= compareInterval) {
			o.busy = true
			c.busy++
			c.running.Go(func() { c.run(ctx, server) })
		}
		others[server] = o
	}
	for server, o := range c.others {
		if _, ok := others[server]; !ok && o.busy {
			others[server] = comparison{busy: true} // it soon fails
		}
	}
	c.others = others
}

func (c *comparisons) run(ctx context.Context, server omega.Fingerprint) {
	ctx, cancel := context.WithTimeout(ctx, compareInterval)
	defer cancel()
	err := c.compare(ctx, server)
	at := time.Now()
	if err != nil && ctx.Err() == nil { // who used all the time waits as long
		at = at.Add(compareAgain - compareInterval)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	if c.others[server].met {
		at = time.Time{}
	}
	c.others[server] = comparison{at: at}
}

// meet notes that a server is connected again: it may have been away for less
// time than lies between two looks, and come back with less.
func (c *comparisons) meet(server omega.Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.others[server]; ok {
		o.met, o.at = o.busy, time.Time{}
		c.others[server] = o
	}
}

// meetAll makes a comparison with everybody due.
func (c *comparisons) meetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for server, o := range c.others {
		o.met, o.at = o.busy, time.Time{}
		c.others[server] = o
	}
}

// wait returns when all have ended, which the end of their context makes soon.
func (c *comparisons) wait() { c.running.Wait() }
