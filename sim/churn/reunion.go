package churn

import (
	"slices"
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
		mean := float64(len(inside)) * rate * mesh.ReunionChance(len(inside))
		for range poisson(w.rng, mean) {
			i, to := inside[w.rng.IntN(len(inside))], lost[w.rng.IntN(len(lost))]
			if w.rng.Float64() >= mesh.RetryChance(w.now-w.servers[to].own.issued) {
				continue
			}
			w.tally.reunions++
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

// fragmentReunion is the coin of a server in a small part of the cloud: there
// it falls often, and reunite counts the server with the large part.
func (w *world) fragmentReunion(i int32, v *mesh.View) []int32 {
	reach := 0
	for _, st := range v.States {
		if st != mesh.Unreachable {
			reach++
		}
	}
	s := &w.servers[i]
	if reach == 0 || 2*reach > len(v.States) || s.rng.Float64() >= mesh.ReunionChance(reach) {
		return nil
	}
	skipped := w.skipped(i)
	var far []int32
	for k, r := range v.Records {
		if v.States[k] == mesh.Unreachable && r.Dialable() && r.Transit() && !slices.Contains(skipped, r.Server) {
			far = append(far, w.pop.index[r.Server])
		}
	}
	if len(far) == 0 {
		return nil
	}
	w.tally.reasons[mesh.ReasonReunion]++
	return far[s.rng.IntN(len(far)):][:1]
}
