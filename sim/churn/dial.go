package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

const (
	dialTimeout  = 5 * time.Second
	answerWithin = 3 * time.Second // has a peer to accept a link
	refusedFor   = time.Minute     // is a peer not asked again that did not
	maxDials     = 32              // under way at once
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

// arrive is the hello of a new connection at its far end, which accepts the
// link or says nothing.
func (w *world) arrive(i, to int32, rtt time.Duration) {
	s, t := &w.servers[i], &w.servers[to]
	if t.alive {
		t.inbound = append(t.inbound, w.now)
	}
	switch {
	case s.linkTo(to) != nil: // the other side was faster
		w.stopMaking(i, to)
	case !t.alive || w.cut(i, to): // it went in between
		w.afterLife(i, dialTimeout-5*rtt/2, func() { w.dialFailed(i, to) })
	case len(t.links)+len(t.making) >= mesh.LinkCap && !slices.Contains(t.making, i):
		w.tally.refusals++
		w.afterLife(i, answerWithin, func() { w.refuse(i, to) })
	default:
		w.stopMaking(i, to)
		w.stopMaking(to, i)
		w.link(i, to, rtt/2)
	}
}

func (w *world) refuse(i, to int32) {
	w.stopMaking(i, to)
	s := &w.servers[i]
	s.pastOf(to).until = w.now + refusedFor + w.jitter(s.rng, refusedFor/4)
	w.planSoon(i)
}
