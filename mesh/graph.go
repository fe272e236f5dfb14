package mesh

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// maxCost bounds the cost of one link, so that the cost of any path fits 40
// bits: a minute per link, over 16,384 links.
const maxCost = uint32(time.Minute / time.Microsecond)

// An Edge is an undirected link between two servers, A before B.
type Edge struct {
	A, B omega.Fingerprint
	RTT  time.Duration
}

// A Graph is the servers and links of one moment in compact arrays (compressed
// sparse rows). Servers are numbered in ascending order of fingerprint, links
// in ascending order of their ends. Immutable.
type Graph struct {
	nodes   []omega.Fingerprint
	index   map[omega.Fingerprint]int32
	transit []bool  // by server: may forward for others
	first   []int32 // by server: its arcs are arcs[first[i]:first[i+1]]
	arcs    []arc   // ascending by far end within a server
	edges   []edge
}

// An arc is a link as seen from one end.
type arc struct {
	to   int32
	edge int32 // number of the link
	cost uint32
}

// An edge is a link between servers a < b.
type edge struct {
	a, b int32
	cost uint32 // microseconds, at least 1
}

// NewGraph makes a graph. Links with an unknown end, to itself or given twice
// are left out. A server that transit is false for (nil: for none) never
// carries what is neither from nor to it.
func NewGraph(servers []omega.Fingerprint, links []Edge, transit func(omega.Fingerprint) bool) *Graph {
	g := &Graph{nodes: slices.Clone(servers)}
	slices.SortFunc(g.nodes, omega.Fingerprint.Compare)
	g.nodes = slices.Compact(g.nodes)
	g.number(transit)
	for _, l := range links {
		a, aok := g.index[l.A]
		b, bok := g.index[l.B]
		if aok && bok && a != b {
			g.edges = append(g.edges, edge{min(a, b), max(a, b), cost(l.RTT)})
		}
	}
	g.tidy()
	g.build()
	return g
}

func (g *Graph) number(transit func(omega.Fingerprint) bool) {
	g.index = make(map[omega.Fingerprint]int32, len(g.nodes))
	g.transit = make([]bool, len(g.nodes))
	for i, fp := range g.nodes {
		g.index[fp] = int32(i)
		g.transit[i] = transit == nil || transit(fp)
	}
}

// cost is what SPF adds up: microseconds, never zero.
func cost(rtt time.Duration) uint32 {
	us := rtt / time.Microsecond
	return uint32(min(max(us, 1), time.Duration(maxCost)))
}

// tidy sorts the edges and drops double ones.
func (g *Graph) tidy() {
	slices.SortFunc(g.edges, func(x, y edge) int {
		if x.a != y.a {
			return int(x.a - y.a)
		}
		if x.b != y.b {
			return int(x.b - y.b)
		}
		return int(x.cost) - int(y.cost)
	})
	g.edges = slices.CompactFunc(g.edges, func(x, y edge) bool { return x.a == y.a && x.b == y.b })
}

// build fills the arcs from the edges, which are in order.
func (g *Graph) build() {
	g.first = make([]int32, len(g.nodes)+1)
	for _, e := range g.edges {
		g.first[e.a+1]++
		g.first[e.b+1]++
	}
	for i := range g.nodes {
		g.first[i+1] += g.first[i]
	}
	g.arcs = make([]arc, 2*len(g.edges))
	at := slices.Clone(g.first)
	put := func(from, to int32, id int, cost uint32) {
		g.arcs[at[from]] = arc{to, int32(id), cost}
		at[from]++
	}
	// Two passes over edges sorted by (a, b) leave every server's arcs
	// sorted: first those to lower numbers, then those to higher ones.
	for id, e := range g.edges {
		put(e.b, e.a, id, e.cost)
	}
	for id, e := range g.edges {
		put(e.a, e.b, id, e.cost)
	}
}

func (g *Graph) arcsOf(i int32) []arc { return g.arcs[g.first[i]:g.first[i+1]] }

func (g *Graph) degree(i int32) int { return int(g.first[i+1] - g.first[i]) }

// Len is the number of servers.
func (g *Graph) Len() int { return len(g.nodes) }

// Servers returns the servers in ascending order. Do not change the slice.
func (g *Graph) Servers() []omega.Fingerprint { return g.nodes }

// Edges returns the links in order.
func (g *Graph) Edges() []Edge {
	out := make([]Edge, len(g.edges))
	for i := range g.edges {
		out[i] = g.edge(int32(i))
	}
	return out
}

func (g *Graph) edge(id int32) Edge {
	e := g.edges[id]
	return Edge{g.nodes[e.a], g.nodes[e.b], time.Duration(e.cost) * time.Microsecond}
}

// Degree returns how many links a server has, 0 for an unknown one.
func (g *Graph) Degree(fp omega.Fingerprint) int {
	i, ok := g.index[fp]
	if !ok {
		return 0
	}
	return g.degree(i)
}

// Has reports whether fp is in the graph.
func (g *Graph) Has(fp omega.Fingerprint) bool { _, ok := g.index[fp]; return ok }

// MinDegree is the smallest number of links that a server has, 0 for the empty
// graph.
func (g *Graph) MinDegree() int {
	least := -1
	for i := range g.nodes {
		if d := g.degree(int32(i)); least < 0 || d < least {
			least = d
		}
	}
	return max(least, 0)
}

// Sub returns the graph of the servers that keep is true for, and the links
// between them.
func (g *Graph) Sub(keep func(omega.Fingerprint) bool) *Graph {
	return g.sub(func(i int32) bool { return keep(g.nodes[i]) })
}

func (g *Graph) sub(keep func(int32) bool) *Graph {
	s, _ := g.part(keep)
	s.index = make(map[omega.Fingerprint]int32, len(s.nodes))
	for i, fp := range s.nodes {
		s.index[fp] = int32(i)
	}
	return s
}

// part is sub without the index, which costs more than all else, and the new
// numbers of the servers, -1 for those that are left out.
func (g *Graph) part(keep func(int32) bool) (s *Graph, renumber []int32) {
	s = &Graph{nodes: make([]omega.Fingerprint, 0, len(g.nodes)), edges: make([]edge, 0, len(g.edges))}
	renumber = fill(len(g.nodes), -1)
	for i, fp := range g.nodes {
		if keep(int32(i)) {
			renumber[i] = int32(len(s.nodes))
			s.nodes = append(s.nodes, fp)
			s.transit = append(s.transit, g.transit[i])
		}
	}
	for _, e := range g.edges {
		if a, b := renumber[e.a], renumber[e.b]; a >= 0 && b >= 0 {
			s.edges = append(s.edges, edge{a, b, e.cost})
		}
	}
	s.build()
	return s, renumber
}

// Graph returns the servers of the database and the links that count: those
// which both ends announce, apart from those of servers that are shunned for
// equivocation. The cost of a link is the larger of the two
// round trips, so that it is the same in both directions; hop-by-hop routing
// is free of loops because of that.
func (db *DB) Graph() *Graph {
	c := db.count()
	g := &Graph{nodes: c.nodes, index: c.index, transit: make([]bool, len(c.nodes))}
	ends := 0
	for _, l := range c.links {
		ends += len(l)
	}
	g.edges = make([]edge, 0, ends/2+1)
	for a, rec := range c.records {
		g.transit[a] = rec.Transit()
		if db.shunned[rec.Server] {
			continue
		}
		for _, e := range c.links[a] {
			if e.to < int32(a) || len(db.shunned) > 0 && db.shunned[c.nodes[e.to]] {
				continue // seen from the other end, or the other end is shunned
			}
			if cost, ok := c.back(e.to, int32(a)); ok {
				g.edges = append(g.edges, edge{int32(a), e.to, max(e.cost, cost)})
			}
		}
	}
	g.build()
	return g
}
