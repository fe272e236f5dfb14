package client

import (
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// Servers say up to where mail waits for this device (spec/delivery.md,
// DELIV-24): all is here when it has that from each that did not turn out to be
// away. One that does not say it is of an older version, or its word was lost:
// it sends what waits right behind its answer to the lease, a window at a time,
// so all is here when nothing has come for a moment; where the answer itself took
// long, mail may too.
const (
	minQuiet = 300 * time.Millisecond
	maxQuiet = 3 * time.Second

	// longQuiet is how long nothing may come of what a server said that it has,
	// or from one that has not answered: longer than the proxy tries to reach it
	// and a home waits before it sends again.
	longQuiet = 12 * time.Second
)

// arrivals tells when all mail that waited is here. The zero value is ready.
type arrivals struct {
	mu       sync.Mutex
	asked    time.Time                      // when the last lease was sent; guarded by mu
	answered time.Duration                  // how long the slowest server took to answer it; guarded by mu
	last     time.Time                      // when something came, or was taken in; guarded by mu
	mails    int                            // that the inbox has not taken in; guarded by mu
	told     time.Time                      // when faces were told how far this is; zero: they are not being told; guarded by mu
	servers  map[omega.Fingerprint]*backlog // that the last lease names; guarded by mu
}

// A backlog is how far this device is with what waits at one server.
type backlog struct {
	answered bool    // the lease
	ok       bool    // and took it
	store    [8]byte // incarnation of its store
	taken    uint64  // this device has everything up to here
	from     uint64  // it had everything up to here when the server answered
	said     bool    // up to where mail waits
	waits    uint64  // that
	of       [8]byte // incarnation that it was said of
}

// complete reports whether everything that the server said waits is here; sure
// is false if it has not said it.
func (b *backlog) complete() (all, sure bool) {
	if b.answered && !b.ok {
		return true, true
	}
	return b.taken >= b.waits, b.said && b.of == b.store
}

// ask notes that a lease was sent that names these servers.
func (a *arrivals) ask(servers []omega.Fingerprint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.answered = time.Now(), 0
	a.last = a.asked
	before := a.servers
	a.servers = make(map[omega.Fingerprint]*backlog, len(servers))
	for _, s := range servers {
		b := &backlog{}
		if old := before[s]; old != nil {
			b.store, b.taken = old.store, old.taken
		}
		a.servers[s] = b
	}
}

// wait notes up to where a server said that mail waits.
func (a *arrivals) wait(w *wire.Waiting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.servers[w.Home]; b != nil {
		b.said, b.waits, b.of = true, w.Seq, w.Incarnation
	}
}

// answer notes a server's answer to the lease.
func (a *arrivals) answer(at *wire.Attached) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	a.answered = max(a.answered, a.last.Sub(a.asked))
	b := a.servers[at.Home]
	if b == nil {
		return
	}
	b.answered, b.ok = true, at.Code == omega.CodeOK
	if !b.ok {
		return
	}
	if b.store != at.Incarnation {
		b.store, b.taken = at.Incarnation, 0
	}
	b.taken = max(b.taken, at.Cursor)
	b.from = b.taken
}

// take notes that everything from a server up to seq is on stable storage here.
func (a *arrivals) take(server omega.Fingerprint, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.servers[server]; b != nil {
		b.taken = max(b.taken, seq)
	}
}

// come notes n mails more, or fewer, that wait for the inbox.
func (a *arrivals) come(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	a.mails += n
}

// behind reports whether mails came that the inbox has not taken in.
func (a *arrivals) behind() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mails > 0
}

// left is how long nothing more must come until all is here; 0 is now.
func (a *arrivals) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	quiet := time.Duration(0)
	for _, b := range a.servers {
		switch all, sure := b.complete(); {
		case !b.answered, sure && !all:
			quiet = longQuiet
		case !sure:
			quiet = max(quiet, min(minQuiet+2*a.answered, maxQuiet))
		}
	}
	if a.mails > 0 {
		return max(quiet, minQuiet)
	}
	return max(0, quiet-time.Since(a.last))
}

// manyWait is how many mails must have waited at a server for faces to be told how
// far taking them in is.
const manyWait = 256

// progress is how many of the mails that waited are here, of how many, at the server of
// which most are missing: all homes have the same.
func (a *arrivals) progress() (done, total int) {
	for _, b := range a.servers {
		if _, sure := b.complete(); !sure || !b.ok || b.waits <= b.from {
			continue
		}
		d, t := int(min(b.taken, b.waits)-b.from), int(b.waits-b.from)
		if total == 0 || t-d > total-done {
			done, total = d, t
		}
	}
	return done, total
}

// tell returns how far taking in is, if faces are to be told now: four times a second
// at most, and at the end.
func (a *arrivals) tell(now time.Time) (e clientrpc.CatchUpEvent, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.Done, e.Total = a.progress()
	switch {
	case e.Done >= e.Total:
		ok = !a.told.IsZero()
		a.told = time.Time{}
	case e.Total >= manyWait && now.Sub(a.told) >= tellEvery:
		ok, a.told = true, now
	}
	return e, ok
}

// waiting is about how many mails still wait at homes.
func (a *arrivals) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	done, total := a.progress()
	return total - done
}

// caughtUp returns how long to wait until everything that waits at the homes is
// here, if nothing else comes: 0 is now. false: too few homes are attached. All
// but one are enough: what was acknowledged is at two (spec/delivery.md,
// DELIV-13).
func (c *Client) caughtUp() (time.Duration, bool) {
	c.mu.Lock()
	attached := 0
	enough := 1
	looking := false
	if c.session != nil && c.record != nil {
		for _, h := range c.record.Homes {
			if c.homes[h] != nil && c.homes[h].attached {
				attached++
			}
		}
		enough = max(1, len(c.record.Homes)-1)
		looking = c.looking
	}
	c.mu.Unlock()
	left := c.arrivals.left()
	if looking { // for deputies of a home that is away
		left = max(left, minQuiet)
	}
	return left, attached >= enough
}
