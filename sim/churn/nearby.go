package churn

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// lookGrid is how far apart the times are at which anybody looks. Those who look at
// one time have one database, and to bring that up to date is most of the work.
const lookGrid = 30 * time.Second

// looks lets servers that have links to spare look for nearer ways, each when
// its time comes, of which a part has gone by already. (spec/cloud.md, CLOUD-49)
func (w *world) looks() {
	for i := range w.servers {
		rng := w.servers[i].rng
		w.lookAfter(int32(i), time.Duration(rng.Int64N(int64(mesh.LookGap(rng)))))
	}
}

func (w *world) lookLater(i int32) { w.lookAfter(i, mesh.LookGap(w.servers[i].rng)) }

func (w *world) lookAfter(i int32, wait time.Duration) {
	at := (w.now + wait + lookGrid).Truncate(lookGrid)
	w.idle(i, at-w.now, func() { w.look(i) })
}

// look measures some servers, then those around the nearest, and asks for one
// link at most. It goes by what it knew at first.
func (w *world) look(i int32) {
	w.lookLater(i)
	s := &w.servers[i]
	if !s.full || len(s.links) >= mesh.SurplusLinks || len(s.making) > 0 || w.needs(i) {
		return
	}
	rtt := map[omega.Fingerprint]time.Duration{}
	input := func() mesh.PlanInput {
		in := w.planInput(i, 0)
		in.RTT = func(fp omega.Fingerprint) (time.Duration, bool) { d, ok := rtt[fp]; return d, ok }
		return in
	}
	v := w.view(i, true)
	sample := v.LookSample(input(), s.rng)
	if len(sample) == 0 {
		return
	}
	w.tally.looks++
	w.afterLife(i, w.measure(i, sample, rtt), func() {
		around := v.LookAround(input(), sample, s.rng)
		w.afterLife(i, w.measure(i, around, rtt), func() {
			if fp, ok := v.LookLink(input(), s.rng); ok {
				w.tally.reasons[mesh.ReasonNear]++
				w.dial(i, w.pop.index[fp])
			}
		})
	})
}
