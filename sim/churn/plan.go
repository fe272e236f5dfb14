package churn

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// When servers look at whom to dial (package cloud has the same).
const (
	planGap         = 100 * time.Millisecond
	minPlanInterval = time.Second
)

// planSoon lets a server plan, unless it is known to want nothing: a plan that
// finds nothing changes nothing. Real servers look every few seconds.
func (w *world) planSoon(i int32) {
	s := &w.servers[i]
	if s.planning || s.join != nil || !w.needs(i) {
		return
	}
	s.planning = true
	w.afterLife(i, max(s.planned+planGap-w.now, 0), func() { w.planNow(i) })
}

func (w *world) planNow(i int32) {
	s := &w.servers[i]
	s.planning = false
	if len(s.links) == 0 || !w.needs(i) {
		return // it joins, or wants nothing
	}
	s.planned = w.now
	for _, to := range w.plan(i, 0) {
		w.dial(i, to)
	}
	s.planning = true
	wait := minPlanInterval + w.jitter(s.rng, minPlanInterval/4)
	w.afterLife(i, wait, func() {
		w.servers[i].planning = false
		w.planSoon(i)
	})
}

// plan asks mesh whom to dial.
func (w *world) plan(i int32, quiet time.Duration) []int32 {
	s := &w.servers[i]
	v := w.view(i, w.memberLinks(i, true) < mesh.TargetLinks)
	w.tally.plans++
	var out []int32
	wants := v.Plan(w.planInput(i, quiet), s.rng)
	w.tally.mostWants = max(w.tally.mostWants, len(wants))
	for _, want := range wants {
		w.tally.reasons[want.Reason]++
		out = append(out, w.pop.index[want.Peer])
	}
	return append(out, w.fragmentReunion(i, v)...)
}

func (w *world) planInput(i int32, quiet time.Duration) mesh.PlanInput {
	s := &w.servers[i]
	return mesh.PlanInput{
		Links: w.linked(i), Quiet: quiet, Former: s.lacks(w.now),
		Skip: skip(w.skipped(i)),
		RTT: func(fp omega.Fingerprint) (time.Duration, bool) {
			if len(s.past) == 0 {
				return 0, false
			}
			j := w.pop.index[fp]
			if p := s.past[j]; p != nil && p.losses > 0 {
				return w.pop.roundTrip(i, j), true
			}
			return 0, false
		},
	}
}

// skip is a set as mesh asks for it: who is in it.
func skip(who []omega.Fingerprint) func(omega.Fingerprint) bool {
	if len(who) == 0 {
		return nil
	}
	return func(fp omega.Fingerprint) bool { return slices.Contains(who, fp) }
}

// skipped are the servers that are not to be dialled now: a few.
func (w *world) skipped(i int32) []omega.Fingerprint {
	s := &w.servers[i]
	out := w.fingerprints(s.making)
	for j, p := range s.past {
		if w.now < p.until {
			out = append(out, w.pop.all[j].fp)
		}
	}
	return out
}

// linked are the servers that a link is up to or being made to.
func (w *world) linked(i int32) []omega.Fingerprint {
	s := &w.servers[i]
	var out []omega.Fingerprint
	for _, l := range s.links {
		out = append(out, w.pop.all[l.peer].fp)
	}
	for _, p := range s.making {
		out = append(out, w.pop.all[p].fp)
	}
	return out
}

// needs reports whether a server lacks links or operators: the part of a plan
// that depends on it alone. Weak places are looked for apart (see watch).
func (w *world) needs(i int32) bool {
	if w.memberLinks(i, true) < mesh.TargetLinks {
		return true
	}
	return w.operatorsOf(i) < 3 && len(w.servers[i].links) < mesh.LinkCap
}

// lacks are links that a server had before it ended, while it looks for them.
func (s *server) lacks(now time.Duration) []mesh.Link {
	if now >= s.regains {
		return nil
	}
	return s.former
}

func (w *world) operatorsOf(i int32) int {
	var seen []int
	add := func(p int32) {
		if o := w.pop.all[p].operator; !slices.Contains(seen, o) {
			seen = append(seen, o)
		}
	}
	for _, l := range w.servers[i].links {
		add(l.peer)
	}
	for _, p := range w.servers[i].making {
		add(p)
	}
	return len(seen)
}

// poisson draws how many of many unlikely things happen.
func poisson(rng *rand.Rand, mean float64) int {
	n := 0
	for t := rng.ExpFloat64(); t < mean; t += rng.ExpFloat64() {
		n++
	}
	return n
}
