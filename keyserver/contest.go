package keyserver

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// maxSightings bounds the removals whose coming is remembered; past it the time counts
// that their devices gave.
const maxSightings = 1 << 16

// sightings are when this server learned of removals of devices by devices, in an entry
// that it had without them: nobody can date one back before somebody who knew. They are
// not stored: after a start the removal's own time counts. (spec/keys.md, KEYS-38)
type sightings struct {
	mu     sync.Mutex
	seen   map[sighting]time.Time // guarded by mu
	tidied time.Time              // when forget looked at all; guarded by mu
}

type sighting struct {
	by, about omega.Fingerprint
	at        int64 // seconds: a device may say the same again
}

func sightingOf(w *pgp.Word) sighting { return sighting{w.By, w.About, w.At.Unix()} }

func (s *sightings) init() { s.seen = make(map[sighting]time.Time) }

// note remembers the removals in after that before had not.
func (s *sightings) note(before, after *pgp.Certificate, now time.Time) {
	list := after.Removals()
	if len(list) == 0 {
		return
	}
	old := before.Removals()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		k := sightingOf(&list[i])
		if _, ok := s.seen[k]; ok || known(old, k) {
			continue
		}
		if len(s.seen) >= maxSightings && now.Sub(s.tidied) >= time.Minute {
			s.forget(now)
		}
		if len(s.seen) < maxSightings {
			s.seen[k] = now
		}
	}
}

func known(list []pgp.Word, k sighting) bool {
	return slices.ContainsFunc(list, func(w pgp.Word) bool { return sightingOf(&w) == k })
}

// forget drops what is over. s.mu is held.
func (s *sightings) forget(now time.Time) {
	s.tidied = now
	for k, t := range s.seen {
		if now.Sub(t) >= pgp.ContestTime {
			delete(s.seen, k)
		}
	}
}

// open reports whether a removal can be contested at this server.
func (s *sightings) open(w *pgp.Word, now time.Time) bool {
	s.mu.Lock()
	seen := s.seen[sightingOf(w)]
	s.mu.Unlock()
	return now.Before(later(seen, w.At).Add(pgp.ContestTime))
}

// Contestable reports whether a device that others removed may be in the list again,
// by the time at which this server learned of the removal if that is later than the
// removal's own. (spec/keys.md, KEYS-38)
func (s *Server) Contestable(cert *pgp.Certificate, device omega.Fingerprint, now time.Time) bool {
	return cert.Contestable(device, func(w *pgp.Word) bool { return s.sightings.open(w, now) })
}

// checkWords holds what somebody brings, who is no server, to the time for it.
func (s *Server) checkWords(before, after *pgp.Certificate, now time.Time) error {
	err := pgp.Timely(before, after, func(w *pgp.Word) bool { return s.sightings.open(w, now) })
	if errors.Is(err, pgp.ErrLate) {
		return omega.Errorf(omega.CodeRefused, "%v: devices have %d hours to contest what another one removed; the primary key can still do it", err, pgp.ContestTime/time.Hour)
	}
	return err
}
