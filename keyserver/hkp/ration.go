package hkp

import (
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// What one account takes of submissions that say something new (KEYS-4): only its owner can
// sign those, so nobody else uses them up.
const (
	pace  = 10 * time.Second
	burst = 5
	daily = 200

	maxRations = 100_000 // accounts remembered; each for a day after its last submission
)

// rations are what accounts have taken lately.
type rations struct {
	mu    sync.Mutex
	m     map[omega.Fingerprint]ration // guarded by mu
	swept time.Time                    // guarded by mu
}

// A ration is two token buckets, each kept as the instant when it is full
// again.
type ration struct{ soon, day time.Time }

func (r *rations) init() { r.m = make(map[omega.Fingerprint]ration) }

// wait is how long an account takes nothing new; 0: it takes some now.
func (r *rations) wait(fp omega.Fingerprint, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.m[fp]; !known && !r.room(now) {
		return time.Minute
	}
	_, wait := r.m[fp].next(now)
	return wait
}

// charge counts a submission that said something new. Those that were let in at once may
// go over the ration, and are counted all the same.
func (r *rations) charge(fp omega.Fingerprint, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.m[fp]; known || r.room(now) {
		r.m[fp], _ = r.m[fp].next(now)
	}
}

// next is the ration after one more submission, and how long that has to wait.
func (have ration) next(now time.Time) (after ration, wait time.Duration) {
	const dayPace = 24 * time.Hour / daily
	after = ration{later(have.soon, now).Add(pace), later(have.day, now).Add(dayPace)}
	return after, max(0, after.soon.Sub(now)-burst*pace, after.day.Sub(now)-daily*dayPace)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// room forgets accounts whose rations are whole, at most once a second.
func (r *rations) room(now time.Time) bool {
	if len(r.m) >= maxRations && now.Sub(r.swept) >= time.Second {
		r.swept = now
		for fp, have := range r.m {
			if !have.day.After(now) && !have.soon.After(now) {
				delete(r.m, fp)
			}
		}
	}
	return len(r.m) < maxRations
}
