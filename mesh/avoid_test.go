package mesh

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/omega-im/omega"
	"pgregory.net/rapid"
)

// viewOf is a view of g from its server number self.
func viewOf(g *Graph, self int) *View {
	return &View{Self: g.nodes[self], Graph: g, Tree: g.SPF(g.nodes[self])}
}

// dropLinks is g without some links, made anew.
func dropLinks(g *Graph, dead []LinkID) *Graph {
	var rest []Edge
	for _, e := range g.Edges() {
		if !slices.Contains(dead, LinkID{e.A, e.B}) {
			rest = append(rest, e)
		}
	}
	return NewGraph(g.nodes, rest, func(f omega.Fingerprint) bool { return g.transit[g.index[f]] })
}

func someLinks(rng interface{ IntN(int) int }, g *Graph, n int) []LinkID {
	var dead []LinkID
	for range n {
		if len(g.edges) > 0 {
			e := g.edge(int32(rng.IntN(len(g.edges))))
			dead = append(dead, LinkID{e.A, e.B})
		}
	}
	return dead
}

// Without some links, distances and next hops are those of a graph that never
// had them, and a path is one of it.
func TestAvoidingAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(1, 16).Draw(t, "n"), rapid.Float64Range(0.1, 0.6).Draw(t, "p"))
		g = NewGraph(g.nodes, g.Edges(), func(omega.Fingerprint) bool { return rng.Float64() < 0.8 })
		v := viewOf(g, rng.IntN(g.Len()))
		for range 3 { // the later ones find the cache filled
			dead := someLinks(rng, g, rapid.IntRange(0, 5).Draw(t, "dead"))
			want := dropLinks(g, dead).SPF(v.Self)
			compareTrees(t, v.TreeAvoiding(dead), want)
			for i, to := range g.nodes {
				hop, ok := v.NextHopAvoiding(to, dead)
				wantHop, wantOK := want.NextHop(to)
				if ok != wantOK || hop != wantHop {
					t.Fatalf("next hop to %d without %v: %v %v, want %v %v", i, dead, hop, ok, wantHop, wantOK)
				}
			}
			compareSplit(t, v, dead, want)
		}
	})
}

func compareTrees(t *rapid.T, got, want *Tree) {
	for i, to := range want.graph.nodes {
		if got.dist[i] != want.dist[i] || got.hop[i] != want.hop[i] {
			t.Fatalf("to %d: %d by %d, want %d by %d", i, got.dist[i], got.hop[i], want.dist[i], want.hop[i])
		}
		path, sum := got.Path(to), uint64(0)
		for k := 1; k < len(path); k++ {
			id := want.graph.edgeBetween(want.graph.index[path[k-1]], want.graph.index[path[k]])
			if id < 0 {
				t.Fatalf("the path to %d has a link that is not there: %v", i, path)
			}
			sum += uint64(want.graph.edges[id].cost)
		}
		if path != nil && sum != want.dist[i] {
			t.Fatalf("the path to %d costs %d, want %d", i, sum, want.dist[i])
		}
	}
}

func compareSplit(t *rapid.T, v *View, dead []LinkID, want *Tree) {
	to := append(slices.Clone(v.Graph.nodes), fp("nobody"))
	byHop, unreachable := v.Split(to, dead)
	n := len(unreachable) + 1 // self
	for hop, group := range byHop {
		n += len(group)
		for _, f := range group {
			if h, ok := want.NextHop(f); !ok || h != hop {
				t.Fatalf("%v goes by %v, want %v", f, hop, h)
			}
		}
	}
	for _, f := range unreachable {
		if _, ok := want.NextHop(f); ok || f == v.Self {
			t.Fatalf("%v is not reached", f)
		}
	}
	if n != len(to) {
		t.Fatalf("%d destinations, want %d", n, len(to))
	}
}

// A link has a bypass if and only if it is no bridge, and the bypass carries
// to every destination of the link without coming back over it.
func TestBypassAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(2, 14).Draw(t, "n"), rapid.Float64Range(0.2, 0.6).Draw(t, "p"))
		bridges := g.Cuts(rng.Uint64).Bridges
		for self := range g.nodes {
			v := viewOf(g, self)
			for _, a := range g.arcsOf(int32(self)) {
				peer, link := g.nodes[a.to], g.edge(a.edge)
				b, ok := v.Bypass(peer)
				if ok == slices.Contains(bridges, link) {
					t.Fatalf("bypass of %v: %v with bridges %v", link, ok, bridges)
				}
				if !ok {
					continue
				}
				want := dropLinks(g, []LinkID{{link.A, link.B}}).SPF(v.Self)
				if d, _ := want.Distance(peer); b.Cost != d || b.Path[1] != b.Hop || b.Path[len(b.Path)-1] != peer {
					t.Fatalf("bypass of %v is %+v, want %v", link, b, d)
				}
				checkNoReturn(t, g, int32(self), a)
			}
		}
	})
}

// checkNoReturn fails if the far end of an arc sends back over it what it got
// because the arc is the shortest way.
func checkNoReturn(t *rapid.T, g *Graph, self int32, a arc) {
	from, far := g.SPF(g.nodes[self]), g.SPF(g.nodes[a.to])
	for to := range g.nodes {
		if from.hop[to] == a.to && far.hop[to] == self {
			t.Fatalf("%d and %d play ball with what is for %d", self, a.to, to)
		}
	}
}

func TestAvoidingBeforeTheFirstAnnouncement(t *testing.T) {
	v := newTestDB("A").View(t0, new(Standing))
	if _, ok := v.NextHopAvoiding(fp("B"), nil); ok || v.TreeAvoiding(nil) != nil {
		t.Error("there is a way out of nowhere")
	}
	if byHop, lost := v.Split([]omega.Fingerprint{fp("A"), fp("B")}, nil); len(byHop) != 0 || !slices.Equal(lost, []omega.Fingerprint{fp("B")}) {
		t.Errorf("split: %v, %v", byHop, lost)
	}
	if _, ok := v.Bypass(fp("B")); ok {
		t.Error("there is a bypass out of nowhere")
	}
}

// Many goroutines ask; what is kept is bounded.
func TestAvoidingConcurrently(t *testing.T) {
	v := viewOf(meshGraph(seeded(4), 200, 6), 0)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			rng := seeded(uint64(worker))
			for range 200 {
				dead := someLinks(rng, v.Graph, 3)
				to := v.Graph.nodes[1+rng.IntN(199)]
				hop, _ := v.NextHopAvoiding(to, dead)
				if want, _ := v.TreeAvoiding(dead).NextHop(to); hop != want {
					t.Errorf("%v and %v", hop, want)
				}
			}
		})
	}
	wg.Wait()
	if n := len(v.Tree.detours.trees); n > maxDetours || n != len(v.Tree.detours.order) {
		t.Errorf("%d trees are kept, %d in order", n, len(v.Tree.detours.order))
	}
}

func BenchmarkAvoiding(b *testing.B) {
	g := meshGraph(seeded(1), 10_000, 8)
	v := viewOf(g, 0)
	peer := g.nodes[g.arcsOf(0)[0].to]
	own := []LinkID{LinkBetween(v.Self, peer)}
	b.Run("own link, first time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Tree.detours = detours{}
			v.TreeAvoiding(own)
		}
	})
	for _, n := range []int{1, 8} {
		dead := someLinks(seeded(2), g, n)
		b.Run(fmt.Sprintf("%d links, first time", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Tree.detours = detours{}
				v.TreeAvoiding(dead)
			}
		})
	}
	b.Run("next hop", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.NextHopAvoiding(peer, own)
		}
	})
	b.Run("next hop, not affected", func(b *testing.B) {
		b.ReportAllocs()
		dead := someLinks(seeded(9), g, 4)
		for b.Loop() {
			v.NextHopAvoiding(peer, dead)
		}
	})
	b.Run("split 200", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Split(g.nodes[1:201], own)
		}
	})
	b.Run("bypass", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := v.Bypass(peer); !ok {
				b.Fatal("no bypass")
			}
		}
	})
}
