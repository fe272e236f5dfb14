package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// How a server without links joins (package cloud has the same).
const (
	probeWait    = 300 * time.Millisecond
	answerWithin = 3 * time.Second
	joinPatience = 2 * answerWithin
)

// A joining is a server that looks for its first links: it connects to servers
// that it knows, compares databases over the first connection, measures a
// sample, plans all its links at once, collects offers and takes them together.
type joining struct {
	entry    int32 // whom it has the link-state from; -1: nobody yet
	seeking  int   // connections under way
	rtt      map[omega.Fingerprint]time.Duration
	required int
	pending  []int32 // asked, or being dialled
	offers   []int32
	first    time.Duration // offer
	planning bool
}

func (w *world) beginJoin(i int32) {
	s := &w.servers[i]
	s.join = &joining{entry: -1}
	w.seek(i)
}

// during is afterLife unless the server joins no more, or begins anew.
func (w *world) during(i int32, j *joining, d time.Duration, do func()) {
	w.afterLife(i, d, func() {
		if w.servers[i].join == j {
			do()
		}
	})
}

// seek connects to one server of the public list, or to four that the disk
// remembers.
func (w *world) seek(i int32) {
	s := &w.servers[i]
	j := s.join
	tries := mesh.TargetLinks
	if s.joined > 0 {
		tries = 1
	}
	for range 20 * tries {
		to := int32(w.rng.IntN(len(w.servers)))
		t := &w.servers[to]
		if j.seeking == tries {
			break
		}
		if to == i || !w.transit(to) || t.own == nil || t.join != nil || s.joined > 0 && !t.alive {
			continue
		}
		if p := s.past[to]; p != nil && w.now < p.until {
			continue
		}
		j.seeking++
		rtt, life := w.pop.roundTrip(i, to), t.life
		switch {
		case w.cut(i, to) || !t.alive && t.silent:
			w.during(i, j, dialTimeout, func() { w.soughtInVain(i, to) })
		case !t.alive:
			w.during(i, j, rtt, func() { w.soughtInVain(i, to) })
		default:
			w.during(i, j, 5*rtt/2, func() { w.fetch(i, to, life) })
		}
	}
	if j.seeking == 0 {
		w.during(i, j, firstRedial, func() { w.seek(i) })
	}
}

func (w *world) soughtInVain(i, to int32) {
	s := &w.servers[i]
	w.failed(i, s.pastOf(to))
	if s.join.seeking--; s.join.seeking == 0 && s.join.entry < 0 {
		w.seek(i)
	}
}

// fetch compares databases with the first server that answers.
func (w *world) fetch(i, from int32, life uint32) {
	s := &w.servers[i]
	j := s.join
	j.seeking--
	if j.entry >= 0 {
		return
	}
	j.entry = from
	missed := 0
	if s.stuck >= 0 {
		missed = len(w.streams[s.stream].log) - s.stuck
	}
	if s.joined > 0 && s.ready == 0 {
		missed = len(w.servers)
	}
	took := w.exchangeTime(missed, w.pop.roundTrip(i, from))
	w.during(i, j, took, func() {
		t := &w.servers[from]
		if !t.alive || t.life != life || w.cut(i, from) || t.join != nil {
			w.beginJoin(i)
			return
		}
		s.stream = t.stream // it sees what that server sees
		s.stuck, s.since, s.ready = -1, w.now, w.now
		if t.stuck >= 0 {
			s.stuck = t.stuck
		}
		w.survey(i, w.early(missed, took))
	})
}

func (w *world) joinInput(i int32) mesh.JoinInput {
	s, f := &w.servers[i], &w.pop.all[i]
	return mesh.JoinInput{
		Applicant: mesh.Applicant{Server: f.fp, Operator: operatorName(f.operator), Site: sites[f.site].name},
		Entry:     w.pop.all[s.join.entry].fp,
		RTT:       func(fp omega.Fingerprint) (time.Duration, bool) { d, ok := s.join.rtt[fp]; return d, ok },
		Skip:      skip(w.skipped(i)),
		Former:    s.former,
	}
}

// seenBy is what a joining server sees: the same as its entry.
func (w *world) seenBy(i int32) *mesh.View {
	w.tally.views++
	return w.database(i).seen(w.pop.all[w.servers[i].join.entry].fp, w)
}

// early is how long before the end of a comparison a server knows enough to
// measure a sample.
func (w *world) early(missed int, took time.Duration) time.Duration {
	lacks := mesh.ProbeEarly - (len(w.servers) - missed)
	if len(w.servers) < mesh.ProbeEarly {
		return 0
	}
	return took - took*time.Duration(max(lacks, 0))/time.Duration(max(missed, 1))
}

// survey measures a sample, then those that are near the nearest of it. What is
// early of the sample's time has gone by already.
func (w *world) survey(i int32, early time.Duration) {
	s := &w.servers[i]
	s.join.rtt = map[omega.Fingerprint]time.Duration{}
	sample := w.seenBy(i).ProbeSample(w.joinInput(i), s.rng)
	w.during(i, s.join, max(w.measure(i, sample, s.join.rtt)-early, 0), func() {
		w.during(i, s.join, w.measure(i, w.seenBy(i).ProbeNear(w.joinInput(i), sample), s.join.rtt), func() { w.askAll(i) })
	})
}

// measure takes round trips, and returns how long that takes.
func (w *world) measure(i int32, servers []omega.Fingerprint, into map[omega.Fingerprint]time.Duration) (wait time.Duration) {
	for _, fp := range servers {
		to := w.pop.index[fp]
		rtt := w.pop.roundTrip(i, to)
		if t := &w.servers[to]; !t.alive && t.silent || w.cut(i, to) {
			rtt = probeWait
		} else if t.alive && rtt < probeWait {
			into[fp] = rtt
		}
		wait = max(wait, min(rtt, probeWait))
	}
	return wait
}

// askAll plans and asks those that are not asked yet.
func (w *world) askAll(i int32) {
	s := &w.servers[i]
	j := s.join
	j.planning = false
	v := w.seenBy(i)
	if v.State(w.pop.all[j.entry].fp) == mesh.Unreachable {
		w.during(i, j, firstRedial, func() { w.beginJoin(i) })
		return
	}
	w.tally.plans++
	chosen, required := v.ChooseJoin(w.joinInput(i), s.rng)
	j.required = required
	target := w.joinInput(i).Target()
	for _, fp := range chosen {
		to := w.pop.index[fp]
		if len(j.pending)+len(j.offers) >= target {
			break
		}
		if !slices.Contains(j.pending, to) && !slices.Contains(j.offers, to) {
			j.pending = append(j.pending, to)
			w.tally.reasons[mesh.ReasonJoin]++
		}
	}
	for _, to := range slices.Clone(j.pending) {
		w.askFor(i, to)
	}
	if len(j.pending)+len(j.offers) == 0 {
		w.during(i, j, firstRedial, func() { w.beginJoin(i) })
	}
}

// askFor dials a server, unless there is a connection, and asks it.
func (w *world) askFor(i, to int32) {
	s, t := &w.servers[i], &w.servers[to]
	j := s.join
	rtt := w.pop.roundTrip(i, to)
	there := 5 * rtt / 2
	if to == j.entry {
		there = rtt / 2
	} else {
		w.tally.dials++
	}
	switch {
	case w.cut(i, to) || !t.alive && t.silent:
		w.tally.timeouts++
		w.during(i, j, dialTimeout, func() { w.answered(i, to, false, 0) })
	case !t.alive:
		w.tally.deadDials++
		w.during(i, j, rtt, func() { w.answered(i, to, false, 0) })
	default:
		w.during(i, j, there, func() {
			if t := &w.servers[to]; !t.alive || w.cut(i, to) {
				w.during(i, j, answerWithin, func() { w.answered(i, to, false, 0) })
				return
			}
			w.servers[to].inbound = append(w.servers[to].inbound, w.now)
			why, wait := w.judge(to, i, w.joinPlan(j), false)
			w.during(i, j, rtt/2, func() { w.answered(i, to, why == mesh.RefusalNone, wait) })
		})
	}
}

// joinPlan is what a request tells of the plan.
func (w *world) joinPlan(j *joining) []omega.Fingerprint {
	return append(w.fingerprints(j.offers), w.fingerprints(j.pending)...)
}

// answered is an offer, a refusal, or a dial that failed (wait is 0).
func (w *world) answered(i, to int32, offer bool, wait time.Duration) {
	s := &w.servers[i]
	j := s.join
	k := slices.Index(j.pending, to)
	if k < 0 {
		return
	}
	j.pending = slices.Delete(j.pending, k, k+1)
	switch {
	case offer:
		if j.offers = append(j.offers, to); j.first == 0 {
			j.first = w.now
			w.during(i, j, joinPatience, func() { w.takeOffers(i, true) })
		}
	case wait > 0:
		w.tally.refusals++
		s.pastOf(to).until = w.now + wait + w.jitter(s.rng, wait/4)
	default:
		w.failed(i, s.pastOf(to))
	}
	w.takeOffers(i, false)
	if s.join == j && !j.planning && len(j.pending)+len(j.offers) < mesh.TargetLinks && !offer {
		j.planning = true
		w.during(i, j, planGap, func() { w.askMore(i) })
	}
}

// askMore asks others in the place of those who said no.
func (w *world) askMore(i int32) {
	s := &w.servers[i]
	asked := slices.Clone(s.join.pending)
	s.join.pending = nil
	j := s.join
	j.planning = false
	chosen, required := w.seenBy(i).ChooseJoin(w.joinInput(i), s.rng)
	j.required, j.pending = required, asked
	for _, fp := range chosen {
		to := w.pop.index[fp]
		if len(j.pending)+len(j.offers) < w.joinInput(i).Target() && !slices.Contains(j.pending, to) && !slices.Contains(j.offers, to) {
			j.pending = append(j.pending, to)
			w.tally.reasons[mesh.ReasonJoin]++
			w.askFor(i, to)
		}
	}
	w.takeOffers(i, false)
	if s.join == j && len(j.pending)+len(j.offers) == 0 {
		w.during(i, j, firstRedial, func() { w.beginJoin(i) })
	}
}

// takeOffers makes the links, once there are as many offers as are needed and
// nobody else is going to answer.
func (w *world) takeOffers(i int32, patience bool) {
	s := &w.servers[i]
	j := s.join
	if len(j.offers) == 0 || !patience && (len(j.pending) > 0 || len(j.offers) < max(j.required, 1) && w.now-j.first < answerWithin) {
		return
	}
	offers := j.offers
	j.offers, j.pending = nil, nil
	for _, to := range offers {
		rtt, life := w.pop.roundTrip(i, to), w.servers[to].life
		w.afterLife(i, rtt/2, func() {
			if t := &w.servers[to]; t.alive && t.life == life && !w.cut(i, to) && w.servers[i].linkTo(to) == nil && len(t.links) < mesh.LinkCap {
				w.link(i, to, rtt/2)
			}
		})
	}
	w.during(i, j, answerWithin, func() { w.beginJoin(i) }) // none came
}
