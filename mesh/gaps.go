package mesh

import (
	"cmp"
	"slices"
)

// A gap is two groups of servers that need a link between them.
type gap struct {
	a, b group          // those of a dial
	weak map[int32]bool // ends of links that are weak already; another end is better
}

// A group is servers of a graph: some stretches of an order of all of them. So
// what a cut leaves is told in a few words however large it is.
type group struct {
	order []int32 // servers
	place []int32 // by server: where in order
	spans []span
}

// A span is order[from:to].
type span struct{ from, to int32 }

func (of group) has(v int32) bool {
	at := of.place[v]
	return slices.ContainsFunc(of.spans, func(s span) bool { return s.from <= at && at < s.to })
}

// each yields the servers of the group.
func (of group) each(yield func(v int32) bool) {
	for _, s := range of.spans {
		for _, v := range of.order[s.from:s.to] {
			if !yield(v) {
				return
			}
		}
	}
}

// before reports whether server x is to get a link rather than y: not weak
// first, then the one with fewest links, then the lower one.
func (g *Graph) before(x, y int32, weak map[int32]bool) bool {
	if weak[x] != weak[y] {
		return weak[y]
	}
	return cmp.Or(g.degree(x)-g.degree(y), int(x-y)) < 0
}

// turn is how many servers of the group go before one of them, at most most.
func (g *Graph) turn(of group, weak map[int32]bool, self int32, most int) int {
	n := 0
	for v := range of.each {
		if g.before(v, self, weak) {
			if n++; n >= most {
				break
			}
		}
	}
	return n
}

// foremost is the server of the group that fits and goes before all others that
// do, -1 if none does.
func (of group) foremost(before func(x, y int32) bool, fits func(int32) bool) int32 {
	best := int32(-1)
	for v := range of.each {
		if (best < 0 || before(v, best)) && fits(v) {
			best = v
		}
	}
	return best
}

// gaps finds where links are missing, worst first: between parts, else at
// bridges, else at cut vertices, else at pairs of links that cut. Mending one
// kind shows whether the next is there at all. All servers find the same. It
// takes one search of the graph, which is w.
func (g *Graph) gaps(w *walk, random func() uint64) []gap {
	if gaps := g.weakest(w); len(gaps) > 0 || len(g.nodes) <= RequiredLinks {
		return gaps
	}
	var gaps []gap
	for _, class := range g.twoCutClasses(w, random) {
		gaps = append(gaps, pair(w.ring(g, class), g.ends(class))...)
	}
	return gaps
}

// weakest are the gaps between parts, else at bridges, else at cut vertices.
func (g *Graph) weakest(w *walk) []gap {
	if w.parts > 1 {
		return pair(w.components(), nil)
	}
	if gaps := g.bridgeGaps(w); len(gaps) > 0 {
		return gaps
	}
	var gaps []gap
	for v, cut := range w.cut {
		if cut {
			gaps = append(gaps, pair(w.around(int32(v)), nil)...)
		}
	}
	return gaps
}

// pairGaps finds a pair of servers that cut the graph together, one of them a
// neighbour of self. To look at every server would take a search of the graph
// for each; like this every server is looked at by its neighbours. So it is
// their turn only.
func (g *Graph) pairGaps(self int32) []gap {
	for _, a := range g.arcsOf(self) {
		v := a.to
		w := g.walk(v)
		u := slices.Index(w.cut, true)
		if u < 0 {
			continue
		}
		beside := map[int32]bool{}
		for _, pivot := range []int32{int32(u), v} {
			for _, a := range g.arcsOf(pivot) {
				beside[a.to] = true
			}
		}
		gaps := pair(w.around(int32(u)), nil)
		for i := range gaps {
			gaps[i].a = gaps[i].a.only(func(x int32) bool { return beside[x] })
		}
		return gaps
	}
	return nil
}

// only is the servers of the group that keep is true for.
func (of group) only(keep func(int32) bool) group {
	o := group{place: fill(len(of.place), -1)}
	for v := range of.each {
		if keep(v) {
			o.place[v] = int32(len(o.order))
			o.order = append(o.order, v)
		}
	}
	o.spans = []span{{0, int32(len(o.order))}}
	return o
}

// bridgeGaps pairs the leaves of the tree that the bridges make of one
// connected graph: half as many links as there are leaves is the least that
// leaves no bridge (Eswaran and Tarjan, "Augmentation problems").
func (g *Graph) bridgeGaps(w *walk) []gap {
	blocks, of := w.blocks()
	if len(blocks) < 2 {
		return nil
	}
	bridges := make([]int, len(blocks)) // by block
	var weak []int32
	for id, e := range g.edges {
		if w.bridge[id] {
			bridges[of[e.a]]++
			bridges[of[e.b]]++
			weak = append(weak, int32(id))
		}
	}
	var leaves []group
	for i, b := range blocks {
		if bridges[i] == 1 {
			leaves = append(leaves, b)
		}
	}
	return pair(leaves, g.ends(weak))
}

// pair matches each group with the one half the list away; with an odd number
// the one left over goes to the first. Groups come in the order of a
// depth-first search, so that the matches cross each other.
func pair(groups []group, weak map[int32]bool) []gap {
	half := (len(groups) + 1) / 2
	var gaps []gap
	for i := range len(groups) / 2 {
		gaps = append(gaps, gap{groups[i], groups[i+half], weak})
	}
	if len(groups)%2 == 1 && len(groups) > 1 {
		gaps = append(gaps, gap{groups[half-1], groups[0], weak})
	}
	return gaps
}

// ends are the servers at some links.
func (g *Graph) ends(links []int32) map[int32]bool {
	ends := map[int32]bool{}
	for _, id := range links {
		ends[g.edges[id].a], ends[g.edges[id].b] = true, true
	}
	return ends
}

// What is left of a graph without some links or a server, told from one search
// of it: the servers below one of them in the tree of the search stand together
// in its order.

func (w *walk) group(spans ...span) group {
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.from >= s.to })
	return group{w.order, w.place, spans}
}

// below is the stretch of a server and all that was found from it.
func (w *walk) below(v int32) span { return span{w.place[v], w.place[v] + w.size[v]} }

// whole is the stretch of the component of a server.
func (w *walk) whole(v int32) span { return w.below(w.order[w.start[w.part[v]]]) }

// components are the connected parts in order of discovery.
func (w *walk) components() (groups []group) {
	for _, at := range w.start {
		groups = append(groups, w.group(w.below(w.order[at])))
	}
	return groups
}

// around returns what the component of cut vertex v falls into without it.
func (w *walk) around(v int32) []group {
	whole, own := w.whole(v), w.below(v)
	rest := []span{{whole.from, own.from}}
	at := own.from + 1
	var groups []group
	for _, c := range w.apart {
		if w.up[c] != v {
			continue
		}
		b := w.below(c)
		rest = append(rest, span{at, b.from})
		at = b.to
		groups = append(groups, w.group(b))
	}
	rest = append(rest, span{at, own.to}, span{own.to, whole.to})
	if others := w.group(rest...); len(others.spans) > 0 {
		groups = append([]group{others}, groups...)
	}
	return groups
}

// blocks returns what is left without the bridges, in order of discovery, and
// by server the number of its block.
func (w *walk) blocks() (blocks []group, of []int32) {
	of = fill(len(w.up), -1)
	var sizes []int32
	for _, v := range w.order {
		if u := w.up[v]; u >= 0 && !w.bridge[w.parent[v]] {
			of[v] = of[u]
		} else {
			of[v] = int32(len(sizes))
			sizes = append(sizes, 0)
		}
		sizes[of[v]]++
	}
	order, place := make([]int32, len(w.order)), fill(len(w.up), -1)
	next := make([]int32, len(sizes))
	for i, at := 0, int32(0); i < len(sizes); i++ {
		next[i] = at
		blocks = append(blocks, group{order, place, []span{{at, at + sizes[i]}}})
		at += sizes[i]
	}
	for _, v := range w.order {
		place[v] = next[of[v]]
		order[place[v]] = v
		next[of[v]]++
	}
	return blocks, of
}

// ring returns what is left without the links of one class of twoCutClasses.
// Those of them that the search went along lie on one path down; what lies
// between two of them hangs together. If it came along all of them, what is
// below the last is tied to what is above the first.
func (w *walk) ring(g *Graph, class []int32) []group {
	var path []int32 // far ends of the links that the search went along
	for _, id := range class {
		e := g.edges[id]
		switch id {
		case w.parent[e.a]:
			path = append(path, e.a)
		case w.parent[e.b]:
			path = append(path, e.b)
		}
	}
	slices.SortFunc(path, func(x, y int32) int { return int(w.place[x] - w.place[y]) })
	top, bottom, whole := w.below(path[0]), w.below(path[len(path)-1]), w.whole(path[0])
	outside := []span{{whole.from, top.from}, {top.to, whole.to}}
	if len(path) == len(class) {
		outside = append(outside, bottom)
	}
	groups := []group{w.group(outside...)}
	for k := 1; k < len(path); k++ {
		outer, inner := w.below(path[k-1]), w.below(path[k])
		groups = append(groups, w.group(span{outer.from, inner.from}, span{inner.to, outer.to}))
	}
	if len(path) < len(class) {
		groups = append(groups, w.group(bottom))
	}
	return groups
}
