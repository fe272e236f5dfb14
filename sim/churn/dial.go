package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

const (
	dialTimeout = 5 * time.Second
	refusedFor  = time.Minute // is a peer not asked again that did not
	maxDials    = 32          // under way at once
)

// dial makes a link, if the other server is there and takes it.
func (w *world) dial(i, to int32) {
	s := &w.servers[i]
	if s.linkTo(to) != nil || slices.Contains(s.making, to) || len(s.making) >= maxDials {
		return
	}
	s.making = append(s.making, to)
	w.tally.dials++
	rtt := w.pop.roundTrip(i, to)
	t := &w.servers[to]
	switch {
	case w.cut(i, to), !t.alive && t.silent:
		w.tally.timeouts++
		w.afterLife(i, dialTimeout, func() { w.dialFailed(i, to) })
	case !t.alive: // its host says at once that nobody listens
		w.tally.deadDials++
		w.afterLife(i, rtt, func() { w.dialFailed(i, to) })
	default: // TCP, TLS, and half a round trip for the hello
		w.afterLife(i, 5*rtt/2, func() { w.arrive(i, to, rtt) })
	}
}

func (w *world) stopMaking(i, to int32) {
	s := &w.servers[i]
	s.making = slices.DeleteFunc(s.making, func(p int32) bool { return p == to })
}

func (w *world) dialFailed(i, to int32) {
	w.stopMaking(i, to)
	w.failed(i, w.servers[i].pastOf(to))
	w.planSoon(i)
}

// arrive is the request over a new connection at its far end. The answer, and
// the hello by which the asker takes an offer, take a round trip.
func (w *world) arrive(i, to int32, rtt time.Duration) {
	s, t := &w.servers[i], &w.servers[to]
	if t.alive {
		t.inbound = append(t.inbound, w.now)
	}
	switch {
	case s.linkTo(to) != nil: // the other side was faster
		w.stopMaking(i, to)
		return
	case !t.alive || w.cut(i, to): // it went in between
		w.afterLife(i, dialTimeout-5*rtt/2, func() { w.dialFailed(i, to) })
		return
	}
	why, wait := w.judge(to, i, w.linked(i), len(s.links) > 0)
	if why != mesh.RefusalNone {
		w.tally.refusals++
		w.afterLife(i, rtt/2, func() { w.refuse(i, to, wait) })
		return
	}
	life := t.life
	w.afterLife(i, rtt, func() {
		w.stopMaking(i, to)
		if t := &w.servers[to]; t.alive && t.life == life && !w.cut(i, to) && s.linkTo(to) == nil {
			w.stopMaking(to, i)
			w.link(i, to, rtt/2)
		}
	})
}

func (w *world) refuse(i, to int32, wait time.Duration) {
	w.stopMaking(i, to)
	s := &w.servers[i]
	s.pastOf(to).until = w.now + wait + w.jitter(s.rng, wait/4)
	w.planSoon(i)
}

// The candidate's side (package cloud has the same).
const (
	offerLife    = 30 * time.Second
	maxAccepts   = 5
	acceptWindow = 10 * time.Second
	leafReserve  = 2
)

// judge is what a server says to who asks it for a link, by the view that it
// has, and after what time it may be asked again. reunion: a member asks, so a part of the cloud
// that was lost from sight comes back.
func (w *world) judge(by, asker int32, plan []omega.Fingerprint, reunion bool) (mesh.Refusal, time.Duration) {
	t := &w.servers[by]
	t.accepts = slices.DeleteFunc(t.accepts, func(at time.Duration) bool { return w.now-at >= acceptWindow })
	limit := mesh.LinkCap
	if !w.transit(asker) {
		limit -= leafReserve
	}
	switch {
	case len(t.links)+len(t.making)+w.standing(by, asker) >= limit && !slices.Contains(t.making, asker):
		return mesh.RefusalFull, refusedFor
	case len(t.accepts) >= maxAccepts:
		return mesh.RefusalBusy, t.accepts[0] + acceptWindow - w.now
	}
	if len(t.links) > 0 && !(reunion && len(plan) > 1) {
		f := &w.pop.all[asker]
		a := mesh.Applicant{Server: f.fp, Operator: operatorName(f.operator), Site: sites[f.site].name}
		if why, _ := w.view(by, false).JudgeJoin(a, plan); why != mesh.RefusalNone {
			w.tally.judgedBad++
			return why, time.Second
		}
	}
	t.accepts = append(t.accepts, w.now)
	if t.promised == nil {
		t.promised = map[int32]time.Duration{}
	}
	t.promised[asker] = w.now + offerLife
	return mesh.RefusalNone, 0
}

// standing counts the offers of a server to others that stand and were not
// taken.
func (w *world) standing(by, but int32) (n int) {
	t := &w.servers[by]
	for to, until := range t.promised {
		switch {
		case until <= w.now || t.linkTo(to) != nil:
			delete(t.promised, to)
		case to != but:
			n++
		}
	}
	return n
}
