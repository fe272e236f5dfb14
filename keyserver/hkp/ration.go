package hkp

import (
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// What one account takes of submissions (KEYS-4).
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

// take takes one submission from an account's ration, or says how long to wait.
func (r *rations) take(fp omega.Fingerprint, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	have, known := r.m[fp]
	if !known && !r.room(now) {
		return time.Minute
	}
	const dayPace = 24 * time.Hour / daily
	soon, day := later(have.soon, now).Add(pace), later(have.day, now).Add(dayPace)
	wait = max(soon.Sub(now)-burst*pace, day.Sub(now)-daily*dayPace)
	if wait <= 0 {
		r.m[fp] = ration{soon, day}
	}
	return max(wait, 0)
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
