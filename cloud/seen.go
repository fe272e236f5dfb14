package cloud

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// The window of packets that were delivered: two generations of at most
// seenEach, each at least seenFor old when it is forgotten, if it is not full
// before. (spec/cloud.md, CLOUD-24)
const (
	seenEach = 1 << 16
	seenFor  = 30 * time.Second
)

// seen remembers which packets were delivered, by a seeded hash of source and
// id: 64 bits that nobody can aim at.
type seen struct {
	seed maphash.Seed

	mu        sync.Mutex
	now, past map[uint64]struct{} // guarded by mu
	since     int64               // when now began; guarded by mu
}

type packetName struct {
	source omega.Fingerprint
	id     omega.ID
}

func newSeen() *seen {
	return &seen{seed: maphash.MakeSeed(), now: map[uint64]struct{}{}, past: map[uint64]struct{}{}}
}

// first notes a packet and reports whether it is new.
func (s *seen) first(source omega.Fingerprint, id omega.ID, now int64) bool {
	h := maphash.Comparable(s.seed, packetName{source, id})
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.now[h]; ok {
		return false
	}
	if _, ok := s.past[h]; ok {
		return false
	}
	if len(s.now) >= seenEach || now-s.since >= int64(seenFor) {
		s.now, s.past = s.past, s.now
		clear(s.now)
		s.since = now
	}
	s.now[h] = struct{}{}
	return true
}
