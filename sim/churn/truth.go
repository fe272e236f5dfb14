package churn

import "slices"

// A graph is servers and links as they truly are, in compact arrays. Package
// mesh has its own; this one is made a thousand times as often, of what no
// server can know, and each serves as the check of the other.
type graph struct {
	nodes []int32 // server by number
	place []int32 // number by server, -1: not in it
	first []int32 // arcs of number k are to[first[k]:first[k+1]]
	to    []int32
	delay []uint32 // one way, in ticks
	edge  []int32  // by arc: number of the link
	edges int

	search // scratch
}

// search is the memory of one depth-first search.
type search struct {
	low, found, next, up, via []int32
	stack                     []int32
}

// truth makes the graph of the servers that want is true for and the links
// that both ends announce and that work.
func (w *world) truth(g *graph, want func(int32) bool) *graph {
	if g == nil {
		g = new(graph)
	}
	g.nodes, g.to, g.delay, g.edge, g.edges = g.nodes[:0], g.to[:0], g.delay[:0], g.edge[:0], 0
	g.place = slices.Grow(g.place[:0], len(w.servers))[:len(w.servers)]
	for i := range w.servers {
		g.place[i] = -1
		if w.servers[i].alive && want(int32(i)) {
			g.place[i] = int32(len(g.nodes))
			g.nodes = append(g.nodes, int32(i))
		}
	}
	g.first = append(g.first[:0], 0)
	for k, i := range g.nodes {
		s := &w.servers[i]
		for l := range s.links {
			lk := &s.links[l]
			switch to := g.place[lk.peer]; {
			case to < 0:
			case to < int32(k):
				g.tieBack(int32(k), to, lk.delay)
			case w.counts(i, lk):
				g.add(int32(k), to, lk.delay)
			}
		}
		g.first = append(g.first, int32(len(g.to)))
	}
	return g
}

// counts reports whether a link that one end announces works and is announced
// by the other end too.
func (w *world) counts(i int32, l *link) bool {
	if !l.announced || !w.carries(i, l) {
		return false
	}
	back := w.servers[l.peer].linkTo(i)
	return back != nil && back.id == l.id && back.announced
}

// add adds a link as the arc from a to a higher number b.
func (g *graph) add(a, b int32, delay uint32) {
	g.to, g.delay, g.edge = append(g.to, b), append(g.delay, delay), append(g.edge, int32(g.edges))
	g.edges++
}

// tieBack adds the arc from a to a lower number b, if the link was added: what
// counts for one end counts for the other, and servers come in order.
func (g *graph) tieBack(a, b int32, delay uint32) {
	for k := g.first[b]; k < g.first[b+1]; k++ {
		if g.to[k] == a {
			g.to, g.delay, g.edge = append(g.to, b), append(g.delay, delay), append(g.edge, g.edge[k])
			return
		}
	}
}

func (g *graph) degree(k int32) int { return int(g.first[k+1] - g.first[k]) }

// cuts are the weak places of a graph.
type cuts struct {
	parts    int
	largest  int     // servers in the largest part
	bridges  []int32 // links
	vertices []int32 // numbers of servers
}

// cuts finds components, bridges and cut vertices by one depth-first search
// (Tarjan), as if the servers in absent were not there.
func (g *graph) cuts(absent ...int32) (c cuts) {
	g.begin()
	n := int32(len(g.nodes))
	for _, v := range absent {
		g.found[v] = n + 1 // found before anything, and lower than nothing
	}
	clock := int32(0)
	for root := range n {
		if g.found[root] != 0 {
			continue
		}
		c.parts++
		size, children := clock, 0
		clock = g.discover(root, clock)
		for len(g.stack) > 0 {
			v := g.stack[len(g.stack)-1]
			if k := g.next[v]; k < g.first[v+1] {
				g.next[v]++
				switch u := g.to[k]; {
				case g.edge[k] == g.via[v]:
				case g.found[u] == 0:
					g.up[u], g.via[u] = v, g.edge[k]
					clock = g.discover(u, clock)
				default:
					g.low[v] = min(g.low[v], g.found[u])
				}
				continue
			}
			g.stack = g.stack[:len(g.stack)-1]
			if v == root {
				break
			}
			u := g.up[v]
			g.low[u] = min(g.low[u], g.low[v])
			if g.low[v] > g.found[u] {
				c.bridges = append(c.bridges, g.via[v])
			}
			if u == root {
				children++
			} else if g.low[v] >= g.found[u] && (len(c.vertices) == 0 || c.vertices[len(c.vertices)-1] != u) {
				c.vertices = append(c.vertices, u)
			}
		}
		if children > 1 {
			c.vertices = append(c.vertices, root)
		}
		c.largest = max(c.largest, int(clock-size))
	}
	slices.Sort(c.vertices)
	c.vertices = slices.Compact(c.vertices)
	return c
}

func (g *graph) begin() {
	n := len(g.nodes)
	for _, s := range []*[]int32{&g.low, &g.found, &g.next, &g.up, &g.via} {
		*s = slices.Grow((*s)[:0], n)[:n]
	}
	clear(g.found)
	copy(g.next, g.first)
	g.stack = g.stack[:0]
}

func (g *graph) discover(v, clock int32) int32 {
	clock++
	g.found[v], g.low[v] = clock, clock
	if len(g.stack) == 0 {
		g.via[v], g.up[v] = -1, -1
	}
	g.stack = append(g.stack, v)
	return clock
}

// degrees returns the least, mean and largest number of links.
func (g *graph) degrees() (least int, mean float64, most int) {
	if len(g.nodes) == 0 {
		return 0, 0, 0
	}
	least = g.degree(0)
	for k := range g.nodes {
		d := g.degree(int32(k))
		least, most = min(least, d), max(most, d)
	}
	return least, float64(len(g.to)) / float64(len(g.nodes)), most
}
