package churn

import (
	"time"

	"github.com/omega-im/omega/mesh"
)

// giveUps lets servers give up links that they have too many of, once all has
// been quiet for long enough. Real servers look with every plan, which is every
// few seconds then.
func (w *world) giveUps(end time.Duration) {
	const look = 5 * time.Second
	if w.now+look >= end {
		return
	}
	w.after(look, func() {
		if quiet := w.quiet(); quiet >= mesh.SurplusQuiet {
			for i := range w.servers {
				if s := &w.servers[i]; s.alive && len(s.links) > mesh.SurplusLinks {
					w.giveUp(int32(i), quiet)
				}
			}
		}
		w.giveUps(end)
	})
}

// quiet is how long no database has changed.
func (w *world) quiet() time.Duration {
	if n := len(w.tally.issued); n > 0 {
		return w.now - w.tally.issued[n-1]
	}
	return w.now
}

func (w *world) giveUp(i int32, quiet time.Duration) {
	s := &w.servers[i]
	fp, ok := w.view(i, false).Surplus(quiet, w.now-s.gaveUp, s.rng.Uint64)
	if !ok {
		return
	}
	peer := w.pop.index[fp]
	l := s.linkTo(peer)
	if l == nil || w.servers[peer].linkTo(i) == nil {
		return
	}
	s.gaveUp = w.now
	w.tally.dropped++
	rtt, id := w.pop.roundTrip(i, peer), l.id
	w.lose(i, peer)
	s.pastOf(peer).until = w.now + mesh.SurplusGap
	w.afterLife(peer, rtt/2, func() {
		if l := w.servers[peer].linkTo(i); l != nil && l.id == id {
			w.lose(peer, i)
		}
	})
}
