package mesh

import (
	"cmp"
	"slices"

	"github.com/omega-im/omega"
)

// Cuts are the weak places of a graph.
type Cuts struct {
	Bridges  []Edge              // links whose loss splits it
	Vertices []omega.Fingerprint // servers whose loss splits it
	TwoCuts  int                 // pairs of links whose loss together splits it
}

// Cuts finds bridges, cut vertices and pairs of cutting links. The labels that
// find the pairs are drawn from random; a pair is reported wrongly with a
// probability of 2^-64 (cycle space sampling; Pritchard and Thurimella,
// "Fast computation of small cuts via cycle space sampling").
func (g *Graph) Cuts(random func() uint64) Cuts {
	w := g.walk()
	var c Cuts
	for id := range g.edges {
		if w.bridge[id] {
			c.Bridges = append(c.Bridges, g.edge(int32(id)))
		}
	}
	for i, cut := range w.cut {
		if cut {
			c.Vertices = append(c.Vertices, g.nodes[i])
		}
	}
	for _, class := range g.twoCutClasses(w, random) {
		c.TwoCuts += len(class) * (len(class) - 1) / 2
	}
	return c
}

// A walk is one depth-first search over the whole graph.
type walk struct {
	order  []int32 // servers in the order of discovery
	place  []int32 // by server: its place in order, or beyond it if it is absent
	size   []int32 // by server: how many were found from it, itself included
	start  []int32 // by component: the place of its first server
	parent []int32 // by server: link to the parent, -1 for a root
	up     []int32 // by server: its parent, -1 for a root
	part   []int32 // by server: number of its component, -1 for absent ones
	parts  int
	bridge []bool // by link
	cut    []bool // by server

	// apart are the servers below which all hangs on the one above, ascending
	// by place.
	apart []int32
}

// walk searches depth first, without recursion, and finds bridges and cut
// vertices on the way (Tarjan). It skips the link that it came by, not the
// server that it came from, so parallel links would be told apart. Absent
// servers are taken as not there.
func (g *Graph) walk(absent ...int32) *walk {
	n := len(g.nodes)
	w := &walk{
		order:  make([]int32, 0, n),
		parent: fill(n, -1), up: fill(n, -1), part: fill(n, -1),
		place: fill(n, -1), size: make([]int32, n),
		bridge: make([]bool, len(g.edges)), cut: make([]bool, n),
	}
	var (
		found = w.place
		low   = make([]int32, n)
		next  = slices.Clone(g.first[:n]) // by server: the arc to look at next
		stack = make([]int32, 0, n)
	)
	for _, v := range absent {
		found[v] = int32(n) // found before anything, and lower than nothing
	}
	discover := func(v int32) {
		found[v], low[v] = int32(len(w.order)), int32(len(w.order))
		w.part[v] = int32(w.parts)
		w.order = append(w.order, v)
		stack = append(stack, v)
	}
	for root := range int32(n) {
		if found[root] >= 0 {
			continue
		}
		children := 0
		w.start = append(w.start, int32(len(w.order)))
		for discover(root); len(stack) > 0; {
			v := stack[len(stack)-1]
			if next[v] < g.first[v+1] {
				a := g.arcs[next[v]]
				next[v]++
				switch {
				case a.edge == w.parent[v]:
				case found[a.to] < 0:
					w.parent[a.to], w.up[a.to] = a.edge, v
					discover(a.to)
				default:
					low[v] = min(low[v], found[a.to])
				}
				continue
			}
			stack = stack[:len(stack)-1]
			w.size[v] = int32(len(w.order)) - found[v]
			u := w.up[v]
			if u < 0 {
				continue
			}
			low[u] = min(low[u], low[v])
			w.bridge[w.parent[v]] = low[v] > found[u]
			if low[v] >= found[u] {
				w.apart = append(w.apart, v)
			}
			if u == root {
				children++
			} else if low[v] >= found[u] {
				w.cut[u] = true
			}
		}
		w.cut[root] = children > 1
		w.parts++
	}
	slices.SortFunc(w.apart, func(x, y int32) int { return int(found[x] - found[y]) })
	return w
}

func fill(n int, v int32) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// twoCutClasses groups the links that are no bridges so that any two of one
// group cut the graph together and no others do. Groups of one are left
// out. Links in a group and groups are in ascending order.
func (g *Graph) twoCutClasses(w *walk, random func() uint64) [][]int32 {
	label := make([]uint64, len(g.edges))
	sum := make([]uint64, len(g.nodes))
	for id, e := range g.edges {
		if w.parent[e.a] != int32(id) && w.parent[e.b] != int32(id) {
			label[id] = random()
			sum[e.a] ^= label[id]
			sum[e.b] ^= label[id]
		}
	}
	for _, v := range slices.Backward(w.order) {
		if u := w.up[v]; u >= 0 {
			label[w.parent[v]] = sum[v]
			sum[u] ^= sum[v]
		}
	}
	byLabel := map[uint64][]int32{}
	for id, first := range repeated(label, w.bridge) {
		if len(byLabel[label[id]]) == 0 {
			byLabel[label[id]] = []int32{first}
		}
		byLabel[label[id]] = append(byLabel[label[id]], id)
	}
	var classes [][]int32
	for _, class := range byLabel {
		classes = append(classes, class)
	}
	slices.SortFunc(classes, func(x, y []int32) int { return cmp.Compare(x[0], y[0]) })
	return classes
}

// repeated yields what has a label that was there before, and the first that
// has it. Labels are random, so their low bits do for the place in a table;
// nearly all differ, and a map of them would take most of the time.
func repeated(label []uint64, skip []bool) func(yield func(id, first int32) bool) {
	return func(yield func(id, first int32) bool) {
		size := 4
		for size < 2*len(label) {
			size *= 2
		}
		table := make([]int32, size) // number of the first, and one
		for id, l := range label {
			if skip[id] {
				continue
			}
			at := int(l) & (size - 1)
			for table[at] != 0 && label[table[at]-1] != l {
				at = (at + 1) & (size - 1)
			}
			if table[at] == 0 {
				table[at] = int32(id) + 1
			} else if !yield(int32(id), table[at]-1) {
				return
			}
		}
	}
}

// Components returns the connected parts, the largest first, servers in
// ascending order.
func (g *Graph) Components() [][]omega.Fingerprint {
	w := g.walk()
	parts := make([][]omega.Fingerprint, w.parts)
	for i, p := range w.part {
		parts[p] = append(parts[p], g.nodes[i])
	}
	slices.SortStableFunc(parts, func(x, y []omega.Fingerprint) int { return len(y) - len(x) })
	return parts
}
