package cloud

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// lookAround lets a member with links to spare look for a nearer way, when its
// time has come: it measures a sample, then those around the nearest of it, and
// asks for one link at most. If that is refused, or nobody answers, it is left at
// that until the next time. It does one step and is called with every plan.
// (spec/cloud.md, CLOUD-49)
func (o *owner) lookAround() {
	s := &o.look
	in := o.planInput()
	in.RTT = func(fp omega.Fingerprint) (time.Duration, bool) { rtt, ok := s.rtt[fp]; return rtt, ok }
	switch {
	case o.cfg.Probe == nil || s.pending:
	case o.lookAt.IsZero():
		o.lookAt = o.now.Add(mesh.LookGap(o.rng))
	case len(s.sample) > 0 && o.now.Sub(s.at) >= probesStand:
		*s = survey{} // it was no member meanwhile
	case len(s.sample) > 0 && !s.near:
		s.near = true
		o.measure(s, o.view.LookAround(in, s.sample, o.rng))
	case len(s.sample) > 0:
		peer, ok := o.view.LookLink(in, o.rng)
		*s = survey{}
		if ok {
			o.log.Info("nearer link wanted", "peer", peer)
			o.wantLink(peer, mesh.ReasonNear)
		}
	case !o.now.Before(o.lookAt):
		o.lookAt = o.now.Add(mesh.LookGap(o.rng))
		if sample := o.view.LookSample(in, o.rng); len(sample) > 0 {
			*s = survey{at: o.now, sample: sample, rtt: map[omega.Fingerprint]time.Duration{}}
			o.measure(s, sample)
		}
	}
}
