package churn

import (
	"time"

	"github.com/omega-im/omega/mesh"
)

// giveUps lets servers give up links that they have too many of, where it has
// been quiet for long enough. Real servers look with every plan, which is every
// few seconds then.
func (w *world) giveUps(end time.Duration) {
	const look = 30 * time.Second
	if w.now+look >= end {
		return
	}
	w.after(look, func() {
		for i := range w.servers {
			if s := &w.servers[i]; s.alive && len(s.links) > mesh.SurplusLinks && w.now-s.gaveUp >= mesh.SurplusGap {
				w.giveUp(int32(i))
			}
		}
		w.giveUps(end)
	})
}

func (w *world) giveUp(i int32) {
	s := &w.servers[i]
	v := w.view(i, false)
	if !v.Calm() {
		return
	}
	s.gaveUp = w.now
	fp, ok := v.Surplus(s.rng.Uint64)
	if !ok {
		return
	}
	peer := w.pop.index[fp]
	l := s.linkTo(peer)
	if l == nil || w.servers[peer].linkTo(i) == nil {
		return
	}
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
