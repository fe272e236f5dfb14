package cloud

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// A newcomer measures the round trip to a sample of servers, and then to those
// around the nearest of them, before it chooses. (spec/cloud.md, CLOUD-11)

const (
	// probeWait is how long answers count: who takes longer is not near.
	probeWait = 300 * time.Millisecond

	// probesStand is how long a newcomer that finds no links uses what it
	// measured.
	probesStand = time.Minute
)

// A survey is what a newcomer, or a member that looks around, measured.
type survey struct {
	at      time.Time // of the sample
	pending bool
	sample  []omega.Fingerprint
	near    bool // those near the nearest of the sample are measured, too
	rtt     map[omega.Fingerprint]time.Duration
}

// probed reports whether all is measured that a plan needs, and begins with it
// if not.
func (o *owner) probed(in mesh.JoinInput) bool {
	if !o.sampled(in) {
		return false
	}
	if o.cfg.Probe != nil && !o.survey.near {
		o.survey.near = true
		if near := o.view.ProbeNear(in, o.survey.sample); len(near) > 0 {
			o.measure(&o.survey, near)
			return false
		}
	}
	return true
}

// sampled is the first half of probed. It needs no more than a part of the
// link-state, so most of that can come meanwhile.
func (o *owner) sampled(in mesh.JoinInput) bool {
	if o.cfg.Probe == nil || o.survey.pending {
		return !o.survey.pending
	}
	if o.survey.at.IsZero() || o.now.Sub(o.survey.at) >= probesStand {
		o.survey = survey{at: o.now, sample: o.view.ProbeSample(in, o.rng), rtt: map[omega.Fingerprint]time.Duration{}}
		o.measure(&o.survey, o.survey.sample)
		return false
	}
	return true
}

// measure takes the round trips to servers into a survey of the owner's, and
// lets the plan go on then.
func (o *owner) measure(s *survey, servers []omega.Fingerprint) {
	sample := peerAddresses(o.db, servers)
	s.pending = true
	o.wg.Go(func() {
		rtt := probeAll(o.ctx, o.cfg.Probe, sample)
		o.do(func(o *owner) {
			s.pending = false
			if s.rtt != nil { // it did not become a member meanwhile
				maps.Copy(s.rtt, rtt)
			}
			o.log.Debug("servers measured", "asked", len(sample), "answered", len(rtt))
			o.planAt = o.now
		})
	})
}

// peerAddresses are where servers of the database are dialled.
func peerAddresses(db *mesh.DB, servers []omega.Fingerprint) []transport.Address {
	var out []transport.Address
	for _, fp := range servers {
		if rec, ok := db.Get(fp); ok {
			out = append(out, transport.Address{Network: transport.NetworkTLS, HostPort: rec.Peer, Fingerprint: fp})
		}
	}
	return out
}

// probeAll measures all servers at the same time and returns who answered
// within probeWait.
func probeAll(ctx context.Context, probe func(context.Context, transport.Address) (time.Duration, error), servers []transport.Address) map[omega.Fingerprint]time.Duration {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		rtt = map[omega.Fingerprint]time.Duration{}
	)
	for _, to := range servers {
		wg.Go(func() {
			if d, err := probe(ctx, to); err == nil {
				mu.Lock()
				defer mu.Unlock()
				rtt[to.Fingerprint] = d
			}
		})
	}
	wg.Wait()
	return rtt
}
