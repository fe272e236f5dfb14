package churn

import (
	"math/rand/v2"
)

// A ByHand is what a cloud of the same servers is like when nobody keeps a
// rule: each newcomer links to one to three servers of its choice. Real meshes
// that grew like that have a bridge for every fifth server.
type ByHand struct {
	Links    int `json:"links"`
	Bridges  int `json:"bridges"`
	Vertices int `json:"cut_vertices"`

	// After the same loss of 30 % at random that the others repair.
	LostParts   int     `json:"parts_after_random_30"`
	LostLargest float64 `json:"largest_share_after_random_30"`
}

// choices is how many servers a newcomer looks at before it takes the nearest.
const choices = 6

// byHand grows such a cloud. Well-known servers are chosen more often.
func (w *world) byHand() *world {
	c := newWorld(w.cfg)
	c.rng = rand.New(rand.NewPCG(w.cfg.Seed, 0xb4))
	var ends []int32 // of all links: a draw from it prefers the well known
	for range w.cfg.Servers {
		known := len(c.servers)
		i := c.addServer()
		c.setAlive(i, true)
		c.servers[i].full = c.transit(i)
		for range min(1+c.rng.IntN(3), known) {
			to := c.favourite(i, known, ends)
			if to != i && c.transit(to) && c.servers[i].linkTo(to) == nil {
				c.tie(i, to)
				ends = append(ends, i, to)
			}
		}
	}
	return c
}

func (w *world) favourite(i int32, known int, ends []int32) int32 {
	best := i
	for range choices {
		to := int32(w.rng.IntN(known))
		if len(ends) > 0 && w.rng.IntN(2) == 0 {
			to = ends[w.rng.IntN(len(ends))]
		}
		if to != i && w.transit(to) && (best == i || w.pop.roundTrip(i, to) < w.pop.roundTrip(i, best)) {
			best = to
		}
	}
	return best
}

func (w *world) compareByHand() (ByHand, Map) {
	c := w.byHand()
	g := c.truth(nil, c.member)
	weak := g.cuts()
	d := c.atOnce("random 30 %", c.randomVictims(0.3))
	m := c.mapOf("byhand", nil)
	c.markBridges(&m, g, weak)
	return ByHand{g.edges, len(weak.bridges), len(weak.vertices), d.Parts, d.LargestShare}, m
}

// markBridges draws bridges in the colour of loss: one failure, and somebody
// is cut off.
func (w *world) markBridges(m *Map, g *graph, weak cuts) {
	bridge := map[int32]bool{}
	for _, e := range weak.bridges {
		bridge[e] = true
	}
	at := map[[2]int]int{}
	for k, a := range m.arcs {
		at[[2]int{a.a, a.b}] = k
	}
	for k, i := range g.nodes {
		for e := g.first[k]; e < g.first[k+1]; e++ {
			if g.to[e] > int32(k) && bridge[g.edge[e]] {
				a, b := w.pop.all[i].site, w.pop.all[g.nodes[g.to[e]]].site
				arc := &m.arcs[at[[2]int{min(a, b), max(a, b)}]]
				arc.links--
				arc.gone++
			}
		}
	}
}
