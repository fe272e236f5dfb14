package proxy

import (
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// spoolLanes is how many homes' full shares the spool holds together. A
// home's is the quota of its mailbox in the store.
const spoolLanes = 16

// shares count what the spool keeps, by the server that it came from, so that
// none can fill it for the others: of what is for one home, and of all, an origin
// may have as much as is left free beside it (the dynamic threshold of Choudhury
// and Hahne, 1998, with factor one). So one alone gets half, each of two a third,
// and there is room for the next however many there are; what was promised is
// never taken back. (spec/delivery.md, DELIV-30)
//
// The counts are made again from the store when a server starts. What expires is
// given back within the hour.
type shares struct {
	lane, all tally // the most for one home and in all

	mu      sync.Mutex
	total   tally                       // guarded by mu
	homes   map[omega.Fingerprint]tally // guarded by mu
	origins map[omega.Fingerprint]tally // guarded by mu
	pairs   map[pair]tally              // guarded by mu
	ends    map[int64]map[pair]tally    // by the hour of the expiry; guarded by mu
}

// A pair is who handed something over and whom it is for.
type pair struct{ origin, home omega.Fingerprint }

// A tally is a number of envelopes and their octets.
type tally struct {
	count int
	bytes int64
}

func (t tally) plus(o tally) tally  { return tally{t.count + o.count, t.bytes + o.bytes} }
func (t tally) minus(o tally) tally { return tally{t.count - o.count, t.bytes - o.bytes} }

// fits reports whether more fits beside used where most is the bound and taken
// the sum of all.
func (t tally) fits(used, taken, most tally) bool {
	return used.count+t.count <= most.count-taken.count && used.bytes+t.bytes <= most.bytes-taken.bytes
}

func (s *shares) init(messages int, octets int64) {
	s.lane = tally{messages, octets}
	s.all = tally{messages * spoolLanes, octets * spoolLanes}
	s.homes = make(map[omega.Fingerprint]tally)
	s.origins = make(map[omega.Fingerprint]tally)
	s.pairs = make(map[pair]tally)
	s.ends = make(map[int64]map[pair]tally)
}

func one(size int) tally { return tally{1, int64(size)} }

// admit counts one more envelope that an origin has kept for a home until then,
// if it may have that; this server itself may, while the store has room.
func (s *shares) admit(p pair, size int, until time.Time, self bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := one(size)
	if !self && !(t.fits(s.pairs[p], s.homes[p.home], s.lane) && t.fits(s.origins[p.origin], s.total, s.all)) {
		return false
	}
	s.add(p, t, until)
	return true
}

// keep counts an envelope that is kept until then.
func (s *shares) keep(p pair, size int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(p, one(size), until)
}

// add counts t. mu is held.
func (s *shares) add(p pair, t tally, until time.Time) {
	hour := hourOf(until)
	if s.ends[hour] == nil {
		s.ends[hour] = make(map[pair]tally)
	}
	s.ends[hour][p] = s.ends[hour][p].plus(t)
	s.total = s.total.plus(t)
	put(s.homes, p.home, s.homes[p.home].plus(t))
	put(s.origins, p.origin, s.origins[p.origin].plus(t))
	put(s.pairs, p, s.pairs[p].plus(t))
}

// gone takes back what keep counted, if it did.
func (s *shares) gone(p pair, size int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hour, t := hourOf(until), one(size)
	left := s.ends[hour][p].minus(t)
	if left.count < 0 || left.bytes < 0 {
		return
	}
	put(s.ends[hour], p, left)
	s.take(p, t)
}

// take takes t out of the sums. mu is held.
func (s *shares) take(p pair, t tally) {
	s.total = s.total.minus(t)
	put(s.homes, p.home, s.homes[p.home].minus(t))
	put(s.origins, p.origin, s.origins[p.origin].minus(t))
	put(s.pairs, p, s.pairs[p].minus(t))
}

// expire forgets what expired before the hour of now.
func (s *shares) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hour, list := range s.ends {
		if hour >= hourOf(now) {
			continue
		}
		for p, t := range list {
			s.take(p, t)
		}
		delete(s.ends, hour)
	}
}

// put keeps t under k, or nothing if it is nothing.
func put[K comparable](m map[K]tally, k K, t tally) {
	if t.count == 0 {
		delete(m, k)
		return
	}
	m[k] = t
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
