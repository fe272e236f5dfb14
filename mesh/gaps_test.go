package mesh

import (
	"fmt"
	"slices"
	"testing"
)

// partsWithout are the components of g without some links and one server (-1:
// none), found by removing them, as sorted lists.
func partsWithout(g *Graph, links []int32, server int32) []string {
	part := fill(len(g.nodes), -1)
	var out []string
	for root := range int32(len(g.nodes)) {
		if part[root] >= 0 || root == server {
			continue
		}
		line := []int32{root}
		part[root] = root
		for k := 0; k < len(line); k++ {
			for _, a := range g.arcsOf(line[k]) {
				if part[a.to] < 0 && a.to != server && !slices.Contains(links, a.edge) {
					part[a.to] = root
					line = append(line, a.to)
				}
			}
		}
		slices.Sort(line)
		out = append(out, fmt.Sprint(line))
	}
	slices.Sort(out)
	return out
}

func listed(groups []group) []string {
	var out []string
	for _, g := range groups {
		list := slices.Sorted(g.each)
		for _, v := range list {
			if !g.has(v) {
				return []string{fmt.Sprint(v, " is and is not in ", list)}
			}
		}
		out = append(out, fmt.Sprint(list))
	}
	slices.Sort(out)
	return out
}

// What one search tells of the graph without a server or some links is what is
// there when they are taken away.
func TestGroupsAgainstRemoval(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(600) {
		rng := seeded(seed)
		g := randomGraph(rng, 3+rng.IntN(14), 0.12+0.25*rng.Float64())
		w := g.walk()
		var bridges []int32
		for id, is := range w.bridge {
			if is {
				bridges = append(bridges, int32(id))
			}
		}
		compare := func(what string, got, want []string) {
			t.Helper()
			seen[what]++
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s of %v:\n%v, want\n%v", seed, what, g.edges, got, want)
			}
		}
		compare("components", listed(w.components()), partsWithout(g, nil, -1))
		blocks, _ := w.blocks()
		compare("blocks", listed(blocks), partsWithout(g, bridges, -1))
		for v, cut := range w.cut {
			if cut {
				compare("around", listed(w.around(int32(v))), inPartOf(w, int32(v), partsWithout(g, nil, int32(v)), g))
			}
		}
		for _, class := range g.twoCutClasses(w, rng.Uint64) {
			compare("ring", listed(w.ring(g, class)), inPartOf(w, g.edges[class[0]].a, partsWithout(g, class, -1), g))
		}
	}
	for _, what := range []string{"around", "ring"} {
		if seen[what] < 100 {
			t.Errorf("%s was compared %d times", what, seen[what])
		}
	}
}

// inPartOf keeps the lists of the component of v.
func inPartOf(w *walk, v int32, lists []string, g *Graph) []string {
	return slices.DeleteFunc(lists, func(s string) bool {
		var first int32
		fmt.Sscanf(s, "[%d", &first)
		return w.part[first] != w.part[v]
	})
}

// To look for weak places takes a time in proportion to the graph, however many
// there are: here 2,000 of 10,000 servers hang on the others by two links each.
func BenchmarkManyGaps(b *testing.B) {
	rng := seeded(1)
	g := meshGraph(rng, 8000, 8)
	servers, links := g.Servers(), g.Edges()
	for i := range 2000 {
		hanging := fp(fmt.Sprintf("t%05d", i))
		servers = append(servers, hanging)
		links = append(links, Edge{hanging, servers[rng.IntN(8000)], 1}, Edge{hanging, servers[rng.IntN(8000)], 1})
	}
	g = NewGraph(servers, links, nil)
	for b.Loop() {
		if len(g.gaps(g.walk(), rng.Uint64)) < 1900 {
			b.Fatal("there are no gaps")
		}
	}
}
