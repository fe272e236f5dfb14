package cloud

import "time"

// What a neighbour may have answered in the long run and at once. Answers are a
// hundred times as long as their questions, and cost the owner time that belongs
// to all. What is asked above it is left unanswered, but for links. (spec/cloud.md,
// CLOUD-35)
const (
	// Announcements, and for the digest of every answer as many as are as long: all
	// of the database twice at once and once a minute, and in small clouds what
	// asking anew costs.
	recordsSpare  = 2048
	answerRecords = 4

	certsBurst = 1024 // certificates: a thousand newcomers at once,
	certsPace  = time.Second / 64

	// Requests for links, each of which is judged over the whole graph. A newcomer
	// whose plan does not fit asks again after a second, with jitter.
	requestsBurst = 16
	requestsPace  = time.Second / 4
)

// takeRecords takes the answer to a request for parts of a database of size
// announcements, of which there are n in it.
func (r *rations) takeRecords(now time.Time, n, size int) bool {
	return r.records.take(now, n+answerRecords, time.Minute/time.Duration(size+recordsSpare), 2*(size+recordsSpare))
}

// takeNews takes one announcement that this server offered, of the same ration.
func (r *rations) takeNews(now time.Time, size int) bool {
	return r.records.take(now, 1, time.Minute/time.Duration(size+recordsSpare), 2*(size+recordsSpare))
}

// takeOffer takes one announcement that the neighbour offers, so that offers of
// what is not there leave room for others.
func (r *rations) takeOffer(now time.Time, size int) bool {
	return r.offers.take(now, 1, time.Minute/time.Duration(size+recordsSpare), 2*(size+recordsSpare))
}

// Rations are what is left to one neighbour.
type rations struct{ records, offers, certs, requests ration }

// idle reports whether all are whole.
func (r *rations) idle(now time.Time) bool {
	return !r.records.whole.After(now) && !r.offers.whole.After(now) && !r.certs.whole.After(now) && !r.requests.whole.After(now)
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
