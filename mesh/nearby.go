package mesh

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// How a member that has links to spare looks for a nearer way. (spec/cloud.md,
// CLOUD-49)
const (
	// LookMin and LookMax bound how long a server waits between two looks. A look
	// is 64 connections, which is nothing; but the link that may come of it is
	// announced by both ends, and everybody hears that.
	LookMin = 3 * time.Hour
	LookMax = 5 * time.Hour

	// LookServers is how many servers are measured at a time: some at random, then
	// those around the nearest of them.
	LookServers = 32

	// lookGain is by how much the way through the mesh must be longer than the
	// round trip, as a divisor: half. At a tenth a third more links are made, and
	// ways are no shorter. A link that is given up was worth a tenth at most
	// (surplusDetour), so none goes back and forth.
	lookGain = 2
)

// LookGap is how long a server waits before it looks (again): another time each
// time, so that a cloud that was started at once does not look at once.
func LookGap(rng *rand.Rand) time.Duration {
	return LookMin + time.Duration(rng.Int64N(int64(LookMax-LookMin)))
}

// LookSample draws servers that Self could have a link to, LookServers at most,
// for it to measure. It returns none unless Self is a full member that has what
// it needs and fewer than SurplusLinks links, and there is no upheaval.
func (v *View) LookSample(in PlanInput, rng *rand.Rand) []omega.Fingerprint {
	pool := newPlanner(v, in, rng).lookPool()
	n := min(LookServers, len(pool))
	out := make([]omega.Fingerprint, n)
	for k := range n {
		at := k + rng.IntN(len(pool)-k)
		pool[k], pool[at] = pool[at], pool[k]
		out[k] = v.Graph.nodes[pool[k]]
	}
	return out
}

// LookAround are the servers to measure next, LookServers at most: those that
// the mesh says are nearest to the nearest one of the sample that was measured.
// It returns none if nobody was.
func (v *View) LookAround(in PlanInput, sample []omega.Fingerprint, rng *rand.Rand) []omega.Fingerprint {
	p := newPlanner(v, in, rng)
	from, least := int32(-1), time.Duration(0)
	for _, fp := range sample {
		if i, known := v.Graph.index[fp]; known {
			if rtt, ok := in.RTT(fp); ok && (from < 0 || rtt < least) {
				from, least = i, rtt
			}
		}
	}
	pool := p.lookPool()
	if from < 0 || len(pool) == 0 {
		return nil
	}
	var out []omega.Fingerprint
	for i := range v.Graph.outward(from) {
		if _, fit := slices.BinarySearch(pool, i); fit && !slices.Contains(sample, v.Graph.nodes[i]) {
			if out = append(out, v.Graph.nodes[i]); len(out) == LookServers {
				break
			}
		}
	}
	return out
}

// LookLink returns the server to ask for a link, if there is one: of those that
// in.RTT knows, the one to which the way through the mesh is the most times as
// long as the round trip, and more than half as long again. Ways between
// neighbours that lead through other countries are what makes a mesh slow. While
// the cloud has a weak place there is none.
func (v *View) LookLink(in PlanInput, rng *rand.Rand) (omega.Fingerprint, bool) {
	p := newPlanner(v, in, rng)
	best, most := int32(-1), 0.
	for _, i := range p.lookPool() {
		rtt, ok := in.RTT(v.Graph.nodes[i])
		if !ok || rtt < time.Microsecond {
			continue
		}
		if p.tree == nil {
			p.search(unreached)
		}
		if way, ok := p.way(i); ok && way > rtt+rtt/lookGain && float64(way)/float64(rtt) > most {
			best, most = i, float64(way)/float64(rtt)
		}
	}
	if best < 0 || p.weak() {
		return omega.Fingerprint{}, false
	}
	return v.Graph.nodes[best], true
}

// lookPool are the members that a server which looks may ask, ascending: those
// that can be dialled, have fewer than SurplusLinks links and add most to
// diversity. There are none while Self has no business to look.
func (p *planner) lookPool() []int32 {
	if p.State(p.Self) != Full || p.links < TargetLinks || len(p.linked)-1 >= SurplusLinks || p.upheaval() {
		return nil
	}
	p.pools()
	return p.freshest(slices.DeleteFunc(slices.Clone(p.near), func(i int32) bool {
		return p.States[i] != Full || p.degree(i) >= SurplusLinks
	}))
}

// weak reports whether there is a bridge, a cut vertex or a pair of cutting links.
func (p *planner) weak() bool {
	p.Search(p.rng.Uint64)
	return len(*p.gaps) > 0
}
