package mesh

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"
	"pgregory.net/rapid"
)

// without returns the links of g but the given ones, as gonum sees nothing of
// what is tested here: plain adjacency by number.
func adjacency(g *Graph, drop ...int) [][]int {
	adj := make([][]int, g.Len())
	for id, e := range g.edges {
		if !slices.Contains(drop, id) {
			adj[e.a] = append(adj[e.a], int(e.b))
			adj[e.b] = append(adj[e.b], int(e.a))
		}
	}
	return adj
}

// parts counts the components without the absent servers, by plain search.
func parts(adj [][]int, absent ...int) int {
	seen := make([]bool, len(adj))
	for _, v := range absent {
		seen[v] = true
	}
	n := 0
	for root := range adj {
		if seen[root] {
			continue
		}
		n++
		seen[root] = true
		for line := []int{root}; len(line) > 0; line = line[1:] {
			for _, to := range adj[line[0]] {
				if !seen[to] {
					seen[to] = true
					line = append(line, to)
				}
			}
		}
	}
	return n
}

func TestCutsAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(0, 9).Draw(t, "n"), rapid.Float64Range(0.1, 0.9).Draw(t, "p"))
		got := g.Cuts(rng.Uint64)

		whole := parts(adjacency(g))
		if n := len(g.Components()); n != whole {
			t.Fatalf("%d components, want %d", n, whole)
		}
		var bridges []Edge
		isBridge := make([]bool, len(g.edges))
		for id := range g.edges {
			if parts(adjacency(g, id)) > whole {
				isBridge[id] = true
				bridges = append(bridges, g.edge(int32(id)))
			}
		}
		if !slices.Equal(got.Bridges, bridges) {
			t.Fatalf("bridges %v, want %v in %v", got.Bridges, bridges, g.Edges())
		}
		var vertices []omega.Fingerprint
		for v, f := range g.nodes {
			// Taking v away removes a component if v was alone.
			if without := parts(adjacency(g), v); without > whole {
				vertices = append(vertices, f)
			}
		}
		if !slices.Equal(got.Vertices, vertices) {
			t.Fatalf("cut vertices %v, want %v in %v", got.Vertices, vertices, g.Edges())
		}
		pairs := 0
		for i := range g.edges {
			for j := range i {
				if !isBridge[i] && !isBridge[j] && parts(adjacency(g, i, j)) > whole {
					pairs++
				}
			}
		}
		if got.TwoCuts != pairs {
			t.Fatalf("%d pairs of cutting links, want %d in %v", got.TwoCuts, pairs, g.Edges())
		}
	})
}

// connectivity by trying all sets of up to 3 servers.
func bruteConnectivity(g *Graph) int {
	n, adj := g.Len(), adjacency(g)
	if n < 2 || parts(adj) > 1 {
		return 0
	}
	for a := range n {
		if n > 2 && parts(adj, a) > 1 {
			return 1
		}
	}
	for a := range n {
		for b := range a {
			if n > 3 && parts(adj, a, b) > 1 {
				return min(2, n-1)
			}
		}
	}
	for a := range n {
		for b := range a {
			for c := range b {
				if n > 4 && parts(adj, a, b, c) > 1 {
					return min(3, n-1)
				}
			}
		}
	}
	return min(MaxConnectivity, n-1)
}

func TestConnectivityAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(0, 10).Draw(t, "n"), rapid.Float64Range(0.2, 1).Draw(t, "p"))
		if got, want := g.Connectivity(), bruteConnectivity(g); got != want {
			t.Fatalf("connectivity %d, want %d in %v", got, want, g.Edges())
		}
	})
}

// Above 128 servers another way is taken, which must not claim more.
func TestConnectivityOfManyServers(t *testing.T) {
	ring := func(n, near int) *Graph {
		var servers []omega.Fingerprint
		for i := range n {
			servers = append(servers, fp(fmt.Sprintf("s%05d", i)))
		}
		var links []Edge
		for i := range n {
			for d := 1; d <= near; d++ {
				links = append(links, Edge{servers[i], servers[(i+d)%n], 1})
			}
		}
		return NewGraph(servers, links, nil)
	}
	rows := []struct {
		g    *Graph
		want int
	}{
		{ring(100, 1), 2}, {ring(100, 2), 4}, {ring(200, 1), 2}, {ring(200, 2), 3}, {ring(3000, 2), 2},
		{ring(100, 0), 0}, {ring(200, 0), 0},
	}
	for i, row := range rows {
		if got := row.g.Connectivity(); got != row.want {
			t.Errorf("row %d: connectivity %d, want %d", i, got, row.want)
		}
	}
}

func TestSPFAgainstGonum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(1, 30).Draw(t, "n"), rapid.Float64Range(0.05, 0.6).Draw(t, "p"))
		compareWithGonum(t, g, rng.IntN(g.Len()))
	})
	compareWithGonum(t, meshGraph(seeded(1), 500, 6), 17)
}

// gonumGraph is g for gonum.
func gonumGraph(g *Graph) *simple.WeightedUndirectedGraph {
	out := simple.NewWeightedUndirectedGraph(0, math.Inf(1))
	for i := range g.nodes {
		out.AddNode(simple.Node(i))
	}
	for _, e := range g.edges {
		out.SetWeightedEdge(simple.WeightedEdge{F: simple.Node(e.a), T: simple.Node(e.b), W: float64(e.cost)})
	}
	return out
}

func compareWithGonum(t interface{ Fatalf(string, ...any) }, g *Graph, root int) {
	oracle := gonumGraph(g)
	want := path.DijkstraFrom(simple.Node(root), oracle)
	tree := g.SPF(g.nodes[root])
	for i := range g.nodes {
		w := want.WeightTo(int64(i))
		if math.IsInf(w, 1) != (tree.dist[i] == unreached) || !math.IsInf(w, 1) && w != float64(tree.dist[i]) {
			t.Fatalf("distance from %d to %d is %d, want %v", root, i, tree.dist[i], w)
		}
		if i == root || tree.hop[i] < 0 {
			continue
		}
		way := tree.Path(g.nodes[i])
		if way[0] != g.nodes[root] || way[1] != g.nodes[tree.hop[i]] || way[len(way)-1] != g.nodes[i] {
			t.Fatalf("path from %d to %d is %v", root, i, way)
		}
		// The next hop is a neighbour, and the rest of the way adds up.
		rest := g.SPF(g.nodes[tree.hop[i]])
		first := uint64(math.MaxUint64)
		for _, a := range g.arcsOf(int32(root)) {
			if a.to == tree.hop[i] {
				first = uint64(a.cost)
			}
		}
		if first+rest.dist[i] != tree.dist[i] {
			t.Fatalf("from %d to %d by %d: %d + %d, want %d", root, i, tree.hop[i], first, rest.dist[i], tree.dist[i])
		}
	}
}

// Hop by hop, every packet arrives, and only through servers that transit.
func TestHopByHopArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := seeded(rapid.Uint64().Draw(t, "seed"))
		g := randomGraph(rng, rapid.IntRange(2, 12).Draw(t, "n"), 0.3)
		g = NewGraph(g.nodes, g.Edges(), func(omega.Fingerprint) bool { return rng.Float64() < 0.7 })
		trees := make([]*Tree, g.Len())
		for i, f := range g.nodes {
			trees[i] = g.SPF(f)
		}
		for from := range g.nodes {
			for to := range g.nodes {
				if from == to || trees[from].hop[to] < 0 {
					continue
				}
				at := int32(from)
				for hops := 0; at != int32(to); hops++ {
					if hops > g.Len() || hops > 0 && !g.transit[at] {
						t.Fatalf("from %d to %d: at %d after %d hops", from, to, at, hops)
					}
					at = trees[at].hop[to]
				}
			}
		}
	})
}

func TestSubKeepsLinks(t *testing.T) {
	g := randomGraph(seeded(3), 20, 0.4)
	even := func(f omega.Fingerprint) bool { return f.Digest()[5]%2 == 0 }
	s := g.Sub(even)
	for _, e := range g.Edges() {
		if want := even(e.A) && even(e.B); slices.Contains(s.Edges(), e) != want {
			t.Errorf("link %v in the part: %v, want %v", e, !want, want)
		}
	}
	for i := range s.nodes {
		arcs := s.arcsOf(int32(i))
		if !slices.IsSortedFunc(arcs, func(x, y arc) int { return int(x.to - y.to) }) {
			t.Errorf("arcs of %d are out of order", i)
		}
	}
}

func BenchmarkSPF(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		g := meshGraph(seeded(1), n, 8)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.SPF(g.nodes[0])
			}
		})
	}
}

// The same by gonum, which the tests compare with: what it costs not to use it.
func BenchmarkSPFGonum(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		g := gonumGraph(meshGraph(seeded(1), n, 8))
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path.DijkstraFrom(simple.Node(0), g)
			}
		})
	}
}

// What a server does for every change of the database: the shortest paths, and
// where the weak places are. (The goal is 3 ms at 10,000 servers.)
func BenchmarkSPFAndBridges(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		g := meshGraph(seeded(1), n, 8)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.SPF(g.nodes[0])
				g.walk()
			}
		})
	}
}

func BenchmarkCuts(b *testing.B) {
	g := meshGraph(seeded(1), 10_000, 8)
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			g.walk()
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			g.Cuts(seeded(2).Uint64)
		}
	})
}

func BenchmarkView(b *testing.B) {
	g := meshGraph(seeded(1), 10_000, 8)
	db := NewDB(Config{Self: g.nodes[0], Verify: fakeVerify})
	for i, f := range g.nodes {
		a := &Announcement{Server: f, Flags: FlagTransit, Peer: "192.0.2.1:1", Issued: t0, Expires: t0.Add(MaxAge)}
		for _, arc := range g.arcsOf(int32(i)) {
			a.Links = append(a.Links, Link{g.nodes[arc.to], time.Duration(arc.cost) * time.Microsecond})
		}
		a.Operator = fmt.Sprint(i % 900)
		db.put(&Record{Announcement: a})
	}
	var s Standing
	b.Run("graph", func(b *testing.B) {
		for b.Loop() {
			db.Graph()
		}
	})
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			db.View(t0, &s)
		}
	})
	v := db.View(t0, &s)
	b.Run("first plan", func(b *testing.B) {
		for b.Loop() {
			v.gaps = nil
			v.Plan(PlanInput{}, seeded(1))
		}
	})
	newcomer := Applicant{Server: fp("newcomer"), Operator: "newcomer"}
	b.Run("plan join", func(b *testing.B) {
		for b.Loop() {
			v.PlanJoin(JoinInput{Applicant: newcomer, Entry: g.nodes[7]}, seeded(1))
		}
	})
	b.Run("judge join", func(b *testing.B) {
		for b.Loop() {
			v.JudgeJoin(newcomer, g.nodes[:4])
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			v.Plan(PlanInput{}, seeded(1))
		}
	})
}
