package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// aCloud is a view of 200 members with four to ten links each, and what one of
// them puts into plans.
func aCloud(seed uint64) (*View, PlanInput) {
	rng := seeded(seed)
	g := meshGraph(rng, 200, 2)
	edges := g.Edges()
	for i := range g.nodes {
		for k := 1; k <= 2; k++ { // a ring on which nobody, and no two links, cut anything
			edges = append(edges, Edge{g.nodes[i], g.nodes[(i+k)%len(g.nodes)], time.Duration(1+rng.IntN(200)) * time.Millisecond})
		}
	}
	g = NewGraph(g.nodes, edges, nil)
	self := slices.IndexFunc(g.nodes, func(f omega.Fingerprint) bool { return g.Degree(f) < SurplusLinks })
	v := memberDB(g).ViewOf(g.nodes[self], t0.Add(time.Hour), new(Standing))
	in := PlanInput{RTT: func(f omega.Fingerprint) (time.Duration, bool) { // any, but always the same
		return time.Duration(1+int(f.Digest()[5])%97) * time.Millisecond, true
	}}
	for _, a := range g.arcsOf(int32(self)) {
		in.Links = append(in.Links, g.nodes[a.to])
	}
	return v, in
}

// Whoever is measured could be asked: it is a member with fewer than eight links,
// none of this server's neighbours, and not to be skipped; and the second
// sixteen are the nearest to the nearest of the first.
func TestLookMeasuresWhoCanBeAsked(t *testing.T) {
	for seed := range uint64(5) {
		v, in := aCloud(seed)
		rng := seeded(seed)
		first := v.LookSample(in, rng)
		in.Skip = func(f omega.Fingerprint) bool { return f == first[0] }
		sample := v.LookSample(in, rng)
		around := v.LookAround(in, sample, rng)
		if len(sample) != LookServers || len(around) != LookServers {
			t.Fatalf("measures %d and %d servers", len(sample), len(around))
		}
		seen := map[omega.Fingerprint]bool{v.Self: true, first[0]: true}
		for _, f := range append(slices.Clone(in.Links), append(slices.Clone(sample), around...)...) {
			if seen[f] {
				t.Errorf("%s twice, or not to be asked", nameOf(f))
			}
			seen[f] = true
			if d := v.Graph.Degree(f); d >= SurplusLinks && !slices.Contains(in.Links, f) {
				t.Errorf("%s has %d links", nameOf(f), d)
			}
		}
		nearest := slices.MinFunc(sample, func(a, b omega.Fingerprint) int {
			x, _ := in.RTT(a)
			y, _ := in.RTT(b)
			return int(x - y)
		})
		tree := v.Graph.SPF(nearest)
		farthest, _ := tree.Distance(around[LookServers-1])
		for _, f := range v.Graph.nodes {
			if d, _ := tree.Distance(f); !seen[f] && v.Graph.Degree(f) < SurplusLinks && d < farthest {
				t.Errorf("%s is left out: %v from the nearest, and another is %v", nameOf(f), d, farthest)
			}
		}
	}
}

// The server that is asked is the one for which most is won, as a search of all
// says; and not too little.
func TestLookAsksWhereMostIsWon(t *testing.T) {
	asked := 0
	for seed := range uint64(20) {
		v, in := aCloud(seed)
		got, ok := v.LookLink(in, seeded(seed))
		most := 1.5
		var want omega.Fingerprint
		for i, f := range v.Graph.nodes {
			if f == v.Self || slices.Contains(in.Links, f) || v.States[i] != Full || v.Graph.Degree(f) >= SurplusLinks {
				continue
			}
			rtt, _ := in.RTT(f)
			way, _ := v.Tree.Distance(f)
			if x := float64(way) / float64(rtt); x > most {
				most, want = x, f
			}
		}
		if ok != !want.IsZero() || got != want {
			t.Errorf("seed %d: asks %s, want %s (%.2f)", seed, nameOf(got), nameOf(want), most)
		}
		if ok {
			asked++
		}
	}
	if asked == 0 {
		t.Error("nobody was asked")
	}
}

// While very many announce something, nobody adds to it.
func TestNobodyLooksInAnUpheaval(t *testing.T) {
	v, in := aCloud(1)
	v.Time = t0.Add(upheavalTime / 2)
	if sample := v.LookSample(in, seeded(1)); len(sample) > 0 {
		t.Errorf("measures %d servers", len(sample))
	}
	if _, ok := v.LookLink(in, seeded(1)); ok {
		t.Error("asks for a link")
	}
}

// Looks come to an end: links that were made for being near are not given up
// again, nobody gets more than eight by them, and a cloud that changes no more
// makes none any more.
func TestLooksComeToRest(t *testing.T) {
	w := newWorld(t, 7)
	for i := range 40 {
		w.join(fmt.Sprintf("s%03d", i))
		w.settle()
	}
	all := w.alive()
	direct := func(a, b omega.Fingerprint) time.Duration { // on a line
		return time.Duration(1+max(slices.Index(all, a), slices.Index(all, b))-min(slices.Index(all, a), slices.Index(all, b))) * time.Millisecond
	}
	for a, l := range w.links {
		for b := range l {
			l[b] = direct(a, b)
		}
	}
	made, dropped, last := 0, 0, 0
	for round := range 40 {
		for _, self := range all {
			w.now = w.now.Add(SurplusQuiet)
			v := w.as(w.look().View(w.now, &w.stand), self)
			in := PlanInput{RTT: func(f omega.Fingerprint) (time.Duration, bool) { return direct(self, f), true }}
			for to := range w.links[self] {
				in.Links = append(in.Links, to)
			}
			if peer, ok := v.LookLink(in, w.rng); ok {
				w.link(self, peer)
				w.links[self][peer], w.links[peer][self] = direct(self, peer), direct(self, peer)
				made, last = made+1, round
				if len(w.links[self]) > SurplusLinks || len(w.links[peer]) > SurplusLinks {
					t.Fatalf("%s has %d links and %s %d", nameOf(self), len(w.links[self]), nameOf(peer), len(w.links[peer]))
				}
			}
			if peer, ok := w.as(w.look().View(w.now, &w.stand), self).Surplus(w.rng.Uint64); ok {
				delete(w.links[self], peer)
				delete(w.links[peer], self)
				dropped, last = dropped+1, round
			}
		}
		w.check(fmt.Sprintf("round %d", round))
	}
	if made == 0 || last > 20 {
		t.Errorf("%d links made and %d given up, the last in round %d", made, dropped, last)
	}
	t.Logf("%d links made and %d given up, the last in round %d", made, dropped, last)
}
