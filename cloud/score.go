package cloud

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// Scores of servers that carry this server's packets. (spec/cloud.md, CLOUD-27)
const (
	badScore  = 0.5
	scoreLife = time.Minute
	maxScores = 4096
)

// scores are what this server holds against others. The zero value trusts
// everybody.
type scores struct {
	held atomic.Int32 // entries in m, so that the usual case takes no lock

	mu   sync.Mutex
	m    map[omega.Fingerprint]score // guarded by mu
	view *mesh.View                  // of ways; guarded by mu
	ways map[omega.Fingerprint]*way  // around bad servers, for view; guarded by mu
}

type score struct {
	points float64
	until  int64
}

// A way leads around bad servers.
type way struct {
	dead    []wire.LinkHash
	between []omega.Fingerprint
}

// any reports whether anything is held against anybody.
func (s *scores) any() bool { return s.held.Load() > 0 }

// blame holds a packet that did not arrive against the servers between.
func (s *scores) blame(between []omega.Fingerprint, now int64) {
	if len(between) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[omega.Fingerprint]score{}
	}
	for _, fp := range between {
		if _, known := s.m[fp]; !known && len(s.m) >= maxScores {
			continue
		}
		sc := s.m[fp]
		sc.points += 1 / float64(len(between))
		sc.until = now + int64(scoreLife)
		s.m[fp] = sc
	}
	s.changed()
}

// forgive holds nothing against the servers on a way that works.
func (s *scores) forgive(between []omega.Fingerprint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.m)
	for _, fp := range between {
		delete(s.m, fp)
	}
	if len(s.m) != n {
		s.changed()
	}
}

// expire forgets what is old.
func (s *scores) expire(now int64) {
	if !s.any() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.m)
	for fp, sc := range s.m {
		if now >= sc.until {
			delete(s.m, fp)
		}
	}
	if len(s.m) != n {
		s.changed()
	}
}

// changed is called with mu held.
func (s *scores) changed() {
	s.held.Store(int32(len(s.m)))
	s.ways = nil
}

// against is what is held against a server, 0 for too little to matter.
func (s *scores) against(fp omega.Fingerprint, now int64) float64 {
	if !s.any() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.againstNow(fp, now)
}

func (s *scores) againstNow(fp omega.Fingerprint, now int64) float64 {
	sc, ok := s.m[fp]
	if !ok || sc.points < badScore || now >= sc.until {
		return 0
	}
	return sc.points
}

// way returns the way to a server around those that are bad, nil when the
// shortest one will do.
func (s *scores) way(t *table, to omega.Fingerprint, now int64) *way {
	if !s.any() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ways == nil || s.view != t.view {
		s.ways, s.view = map[omega.Fingerprint]*way{}, t.view
	}
	w, known := s.ways[to]
	if !known {
		dead, between, ok := t.around(to, func(fp omega.Fingerprint) float64 { return s.againstNow(fp, now) })
		if ok && len(dead) > 0 {
			w = &way{dead, between}
		}
		s.ways[to] = w
	}
	return w
}

// blame is scores.blame for what went wrong now.
func (c *Cloud) blame(between []omega.Fingerprint) { c.scores.blame(between, c.now()) }

// chooseOwn is table.choose for a packet of this server: it goes around servers
// that let packets vanish.
func (c *Cloud) chooseOwn(t *table, to omega.Fingerprint) (*link, []wire.LinkHash) {
	if w := c.scores.way(t, to, c.now()); w != nil {
		if l, dead := t.choose(to, append([]wire.LinkHash(nil), w.dead...), nil); l != nil {
			return l, dead
		}
	}
	return t.choose(to, nil, nil)
}
