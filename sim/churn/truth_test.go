package churn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// The simulator's own search and that of mesh agree on random graphs, sparse
// enough to have every kind of weak place.
func TestCutsAgreeWithMesh(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 200 {
		w := newWorld(&Config{Servers: 40, Seed: 1, Progress: func(string) {}})
		n := 8 + rng.IntN(32)
		for range n {
			i := w.addServer()
			w.pop.all[i].nat = false
			w.setAlive(i, true)
		}
		for range n + rng.IntN(n) {
			a, b := int32(rng.IntN(n)), int32(rng.IntN(n))
			if a != b && w.servers[a].linkTo(b) == nil {
				w.tie(a, b)
			}
		}
		compareCuts(t, round, w)
	}
}

func compareCuts(t *testing.T, round int, w *world) {
	t.Helper()
	g := w.truth(nil, func(int32) bool { return true })
	got := g.cuts()
	m := meshGraph(w)
	want, parts := m.Cuts(rand.New(rand.NewPCG(1, 1)).Uint64), m.Components()
	if len(got.bridges) != len(want.Bridges) || len(got.vertices) != len(want.Vertices) || got.parts != len(parts) || got.largest != len(parts[0]) {
		t.Fatalf("round %d: %d bridges, %d cut vertices, %d parts, largest %d; mesh says %d, %d, %d, %d", round,
			len(got.bridges), len(got.vertices), got.parts, got.largest, len(want.Bridges), len(want.Vertices), len(parts), len(parts[0]))
	}
	for _, v := range got.vertices {
		if without := g.cuts(v); without.parts <= got.parts-1 {
			t.Fatalf("round %d: without cut vertex %d there are %d parts of %d", round, v, without.parts, got.parts)
		}
	}
}

// meshGraph is the whole cloud as a graph of mesh.
func meshGraph(w *world) *mesh.Graph {
	var servers []omega.Fingerprint
	var edges []mesh.Edge
	for i := range w.servers {
		servers = append(servers, w.pop.all[i].fp)
		for _, l := range w.servers[i].links {
			edges = append(edges, mesh.Edge{A: w.pop.all[i].fp, B: w.pop.all[l.peer].fp, RTT: time.Millisecond})
		}
	}
	return mesh.NewGraph(servers, edges, nil)
}
