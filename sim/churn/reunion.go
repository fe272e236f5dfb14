package churn

import (
	"math"
	"time"

	"github.com/omega-im/omega/mesh"
)

// reunite dials for one second what is lost from sight.
func (w *world) reunite() {
	rate := w.planRate()
	for _, st := range w.streams {
		inside, lost := w.lostTo(st)
		if len(lost) == 0 || len(inside) == 0 {
			continue
		}
		mean := float64(len(inside)) * rate / math.Sqrt(float64(len(inside)))
		for range poisson(w.rng, mean) {
			w.tally.reunions++
			i, to := inside[w.rng.IntN(len(inside))], lost[w.rng.IntN(len(lost))]
			s := &w.servers[i]
			if p := s.past[to]; p != nil && w.now < p.until || len(s.links)+len(s.making) >= mesh.LinkCap {
				continue
			}
			if w.servers[to].alive && !w.cut(i, to) {
				w.tally.reasons[mesh.ReasonReunion]++
				w.dial(i, to)
			}
		}
	}
}

// lostTo returns the servers of a stream, and those that they know and cannot
// reach: dead for less than a day, without links, or in another part.
func (w *world) lostTo(st *stream) (inside, lost []int32) {
	for i := range w.servers {
		s := &w.servers[i]
		switch {
		case s.alive && s.stream == st.id && len(s.links) > 0:
			inside = append(inside, int32(i))
		case !w.transit(int32(i)) || s.joined > 0 || s.own == nil:
		case w.clock().Sub(epoch.Add(s.own.issued)) < mesh.MaxAge:
			lost = append(lost, int32(i))
		}
	}
	return inside, lost
}

// planRate is how many plans per second a server makes now: one for every view
// that changed, at most ten, and one every second to five while it is quiet.
func (w *world) planRate() float64 {
	windows, last := 0, time.Duration(-1)
	for k := len(w.tally.issued) - 1; k >= 0 && w.now-w.tally.issued[k] < time.Second; k-- {
		if at := w.tally.issued[k] / planGap; at != last {
			windows, last = windows+1, at
		}
	}
	quiet := time.Hour
	if n := len(w.tally.issued); n > 0 {
		quiet = w.now - w.tally.issued[n-1]
	}
	return float64(windows) + 1/min(max(quiet/4, minPlanInterval), 5*time.Second).Seconds()
}
