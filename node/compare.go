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
	compareAtOnce   = 16
)

// comparisons are those of this server with others. Each has a goroutine of
// its own: a server that lists what it does not have holds up nobody else.
type comparisons struct {
	compare func(ctx context.Context, server omega.Fingerprint)
	running sync.WaitGroup

	mu     sync.Mutex
	others map[omega.Fingerprint]comparison // that are there; guarded by mu
	busy   int                              // guarded by mu
}

// A comparison is how one server stands.
type comparison struct {
	busy bool
	at   time.Time // when it ended last
}

func newComparisons(compare func(context.Context, omega.Fingerprint)) *comparisons {
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
	c.compare(ctx, server)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.others[server] = comparison{at: time.Now()}
}

// wait returns when all have ended, which the end of their context makes soon.
func (c *comparisons) wait() { c.running.Wait() }
