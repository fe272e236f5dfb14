package cloud

import (
	"time"

	"github.com/omega-im/omega/mesh"
)

// What a neighbour may have answered in the long run and at once. Answers are a
// hundred times as long as their questions, and cost the owner time that belongs
// to all. What is asked above it is left unanswered, but for links. (spec/cloud.md,
// CLOUD-35)
const (
	partsBurst = 2 * mesh.Buckets // parts of the database: all of it twice,
	partsPace  = time.Minute / mesh.Buckets

	certsBurst = 1024 // certificates: a thousand newcomers at once,
	certsPace  = time.Second / 64

	// Requests for links, each of which is judged over the whole graph. A newcomer
	// whose plan does not fit asks again after a second, with jitter.
	requestsBurst = 16
	requestsPace  = time.Second / 4
)

// Rations are what is left to one neighbour.
type rations struct{ parts, certs, requests ration }

// idle reports whether all are whole.
func (r *rations) idle(now time.Time) bool {
	return !r.parts.whole.After(now) && !r.certs.whole.After(now) && !r.requests.whole.After(now)
}

// A ration is a token bucket kept as one instant: when all that was taken will
// be back.
type ration struct{ whole time.Time }

// take takes n, if they are there. One comes back per pace, up to burst.
func (r *ration) take(now time.Time, n int, pace time.Duration, burst int) bool {
	whole := r.whole
	if whole.Before(now) {
		whole = now
	}
	if whole = whole.Add(time.Duration(n) * pace); whole.Sub(now) > time.Duration(burst)*pace {
		return false
	}
	r.whole = whole
	return true
}
