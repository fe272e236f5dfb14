package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
)

// A gcra limits a rate in one number (generic cell rate algorithm, ITU-T
// I.371): the time at which everything taken so far would be paid off. It
// belongs to one goroutine.
type gcra struct {
	paid int64 // nanoseconds, steady
}

// take reports whether one more is allowed now, at one per interval in the
// long run and burst at once.
func (g *gcra) take(now, interval, burst int64) bool {
	paid := max(g.paid, now)
	if paid-now > interval*(burst-1) {
		return false
	}
	g.paid = paid + interval
	return true
}

// rates are rates of accounts, whichever sessions they have.
type rates struct {
	mu sync.Mutex
	m  map[omega.Fingerprint]gcra // of those that have something to pay off; guarded by mu
}

// may reports whether take would.
func (r *rates) may(fp omega.Fingerprint, now, interval, burst int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.m[fp]
	return g.take(now, interval, burst)
}

// take is gcra.take for an account.
func (r *rates) take(fp omega.Fingerprint, now, interval, burst int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.m[fp]
	if !g.take(now, interval, burst) {
		return false
	}
	if r.m == nil {
		r.m = make(map[omega.Fingerprint]gcra)
	}
	r.m[fp] = g
	return true
}

// forget forgets accounts that have paid everything off.
func (r *rates) forget(now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for fp, g := range r.m {
		if g.paid <= now {
			delete(r.m, fp)
		}
	}
}

// warnings limits what others can have written into the log.
type warnings struct {
	mu   sync.Mutex
	rate gcra // guarded by mu
}

// Warnings of one kind in the long run, and at once.
const (
	warnInterval = time.Minute
	warnBurst    = 5
)

// take reports whether one more may be logged at a time (steady nanoseconds).
func (w *warnings) take(now int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rate.take(now, int64(warnInterval), warnBurst)
}

// Limits of what one session may have under way. A client that has more is
// not read from until answers have made room.
const (
	maxUnderWay      = 1024    // envelopes
	maxUnderWayBytes = 4 << 20 // octets of them
)

// flow counts the envelopes of one session that are not answered yet.
type flow struct {
	count   atomic.Int64
	bytes   atomic.Int64
	waiting atomic.Bool
	room    chan struct{} // capacity 1
}

func (f *flow) full() bool {
	return f.count.Load() >= maxUnderWay || f.bytes.Load() >= maxUnderWayBytes
}

func (f *flow) start(size int) {
	f.count.Add(1)
	f.bytes.Add(int64(size))
}

func (f *flow) end(size int) {
	f.bytes.Add(-int64(size))
	f.count.Add(-1)
	if f.waiting.Load() {
		select {
		case f.room <- struct{}{}:
		default:
		}
	}
}

// wait returns when there is room, or when done is closed.
func (f *flow) wait(done <-chan struct{}) {
	if !f.full() {
		return
	}
	f.waiting.Store(true)
	defer f.waiting.Store(false)
	for f.full() {
		select {
		case <-f.room:
		case <-done:
			return
		}
	}
}
