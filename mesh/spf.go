package mesh

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// unreached is the distance of a server that cannot be reached.
const unreached = ^uint64(0)

// A Tree is the shortest paths from one server to all others. Immutable but for
// what it remembers of questions that were asked (see View.NextHopAvoiding).
type Tree struct {
	graph *Graph
	root  int32
	dist  []uint64 // microseconds
	hop   []int32  // first server on the path, -1 if there is none
	prev  []int32  // last server before the end of the path, -1 if there is none

	detours detours
}

// SPF computes the shortest paths from a server (Dijkstra; section 16.1 of RFC
// 2328). Paths go through transit servers only, apart from their ends. Of
// equal paths the one with the lowest first hop is taken, so the result
// depends on nothing but the graph. It returns nil when from is not in the
// graph.
func (g *Graph) SPF(from omega.Fingerprint) *Tree {
	root, ok := g.index[from]
	if !ok {
		return nil
	}
	return g.spf(root, unreached)
}

// spf is SPF as far as ways are shorter than limit. What is at or beyond it may
// be unreached, or have a way that is no shortest one.
func (g *Graph) spf(root int32, limit uint64) *Tree {
	n := len(g.nodes)
	t := &Tree{graph: g, root: root, dist: make([]uint64, n), hop: fill(n, -1), prev: fill(n, -1)}
	for i := range t.dist {
		t.dist[i] = unreached
	}
	t.dist[root] = 0
	q := queue{pack(0, root)}
	for len(q) > 0 {
		d, at := q.pop().unpack()
		if d >= limit {
			break
		}
		if d > t.dist[at] || at != root && !g.transit[at] {
			continue // superseded, or the end of the way
		}
		// The body of reach once more: this loop is most of what a change of
		// the database costs.
		hop := t.hop[at]
		for _, a := range g.arcsOf(at) {
			next, known := d+uint64(a.cost), t.dist[a.to]
			if next > known {
				continue
			}
			if at == root {
				hop = a.to
			}
			if next < known {
				t.dist[a.to], t.hop[a.to], t.prev[a.to] = next, hop, at
				q.push(pack(next, a.to))
			} else if hop < t.hop[a.to] {
				t.hop[a.to], t.prev[a.to] = hop, at
			}
		}
	}
	return t
}

// outward yields the servers by the length of the way to them from one, that one
// first. It goes no further than it is asked to, and says nothing about ways.
func (g *Graph) outward(from int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		dist, done := make([]uint64, len(g.nodes)), make([]bool, len(g.nodes)) // dist: of those found, and one
		dist[from] = 1
		q := queue{pack(0, from)}
		for len(q) > 0 {
			d, at := q.pop().unpack()
			if done[at] {
				continue
			}
			done[at] = true
			if !yield(at) {
				return
			}
			if at != from && !g.transit[at] {
				continue
			}
			for _, a := range g.arcsOf(at) {
				if next := d + uint64(a.cost); dist[a.to] == 0 || next+1 < dist[a.to] {
					dist[a.to] = next + 1
					q.push(pack(next, a.to))
				}
			}
		}
	}
}

// reach notes the way over the arc a of server at, if it is a better one.
func (t *Tree) reach(q *queue, at int32, a arc) {
	hop := t.hop[at]
	if at == t.root {
		hop = a.to
	}
	next := t.dist[at] + uint64(a.cost)
	switch {
	case next < t.dist[a.to]:
		t.dist[a.to], t.hop[a.to], t.prev[a.to] = next, hop, at
		q.push(pack(next, a.to))
	case next == t.dist[a.to] && hop < t.hop[a.to]:
		t.hop[a.to], t.prev[a.to] = hop, at // costs are positive: a.to is not settled yet
	}
}

// without returns the tree of the same root without the dead links.
// Only the servers behind them are looked at again: behind a
// link drawn at random are a handful, behind one of the root a share of all.
func (t *Tree) without(dead []int32) *Tree {
	g := t.graph
	w := &Tree{graph: g, root: t.root, dist: slices.Clone(t.dist), hop: slices.Clone(t.hop), prev: slices.Clone(t.prev)}
	behind := t.behind(dead)
	var lost []int32
	for i := range int32(len(behind)) {
		if behind[i] {
			w.dist[i], w.hop[i], w.prev[i] = unreached, -1, -1
			lost = append(lost, i)
		}
	}
	var q queue
	usable := func(at int32, a arc) bool {
		return w.dist[at] != unreached && (at == t.root || g.transit[at]) && !slices.Contains(dead, a.edge)
	}
	for _, i := range lost {
		for _, a := range g.arcsOf(i) {
			if back := (arc{i, a.edge, a.cost}); !behind[a.to] && usable(a.to, back) {
				w.reach(&q, a.to, back)
			}
		}
	}
	for len(q) > 0 {
		d, at := q.pop().unpack()
		if d > w.dist[at] {
			continue // superseded
		}
		for _, a := range g.arcsOf(at) {
			if behind[a.to] && usable(at, a) {
				w.reach(&q, at, a)
			}
		}
	}
	return w
}

// behind marks the servers whose path in t has one of the links.
func (t *Tree) behind(dead []int32) []bool {
	const unknown, clear, marked = 0, 1, 2
	mark := make([]uint8, len(t.dist))
	for _, id := range dead {
		e := t.graph.edges[id]
		if t.prev[e.a] == e.b {
			mark[e.a] = marked
		}
		if t.prev[e.b] == e.a {
			mark[e.b] = marked
		}
	}
	mark[t.root] = clear
	behind := make([]bool, len(mark))
	var trail []int32
	for i := range int32(len(mark)) {
		at := i
		for trail = trail[:0]; at >= 0 && mark[at] == unknown; at = t.prev[at] {
			trail = append(trail, at)
		}
		found := uint8(clear) // never reached: nothing to lose
		if at >= 0 {
			found = mark[at]
		}
		for _, v := range trail {
			mark[v] = found
		}
		behind[i] = mark[i] == marked
	}
	return behind
}

// NextHop returns the neighbour that is next on the way to a server. It
// reports false when there is no way, and for the root itself.
func (t *Tree) NextHop(to omega.Fingerprint) (omega.Fingerprint, bool) {
	i, ok := t.graph.index[to]
	if !ok || t.hop[i] < 0 {
		return omega.Fingerprint{}, false
	}
	return t.graph.nodes[t.hop[i]], true
}

// Distance returns the round trip time along the path.
func (t *Tree) Distance(to omega.Fingerprint) (time.Duration, bool) {
	i, ok := t.graph.index[to]
	if !ok || t.dist[i] == unreached {
		return 0, false
	}
	return time.Duration(t.dist[i]) * time.Microsecond, true
}

// Path returns the servers on the way from the root to a server, both
// included, and nil when there is no way.
func (t *Tree) Path(to omega.Fingerprint) []omega.Fingerprint {
	i, ok := t.graph.index[to]
	if !ok || t.dist[i] == unreached {
		return nil
	}
	var path []omega.Fingerprint
	for ; i >= 0; i = t.prev[i] {
		path = append(path, t.graph.nodes[i])
	}
	slices.Reverse(path)
	return path
}

// Routes yields every reachable server but the root with its next hop, in
// ascending order.
func (t *Tree) Routes(yield func(to, hop omega.Fingerprint) bool) {
	for i, hop := range t.hop {
		if hop >= 0 && !yield(t.graph.nodes[i], t.graph.nodes[hop]) {
			return
		}
	}
}

// A key is a distance above the number of a server, in one word: the heap
// then compares plain numbers, which is what makes it fast.
type key uint64

const nodeBits = 24

func pack(dist uint64, node int32) key { return key(dist<<nodeBits | uint64(node)) }

func (k key) unpack() (dist uint64, node int32) {
	return uint64(k >> nodeBits), int32(k & (1<<nodeBits - 1))
}

// A queue is a binary heap, lowest first.
type queue []key

func (q *queue) push(k key) {
	h := append(*q, k)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= k {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = k
	*q = h
}

func (q *queue) pop() key {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1] < h[down] {
			down++
		}
		if h[down] >= last {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = last
	return top
}
