package churn

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// How much is sampled where all would take too long.
const (
	sampledSources = 120 // of ways to everybody
	sampledPairs   = 200 // servers taken away to look for cutting pairs
	sampledLinks   = 500 // for bypasses
	sampledTrips   = 300 // messages past droppers
)

// A Shape is what the true graph is like at one moment. Bridges, cuts, degrees
// and components are of the full members, ways of all servers.
type Shape struct {
	Servers int `json:"servers"`
	Members int `json:"members"` // full ones
	Links   int `json:"links"`   // between those

	Bridges    int     `json:"bridges"`
	TwoCuts    int     `json:"two_cut_edges"` // pairs of links that cut together
	Vertices   int     `json:"cut_vertices"`
	PairCuts   float64 `json:"in_vertex_pair_cuts"` // share of sampled servers that cut together with another
	MinDegree  int     `json:"min_degree"`
	MeanDegree float64 `json:"mean_degree"`
	MaxDegree  int     `json:"max_degree"`
	Degrees    []int   `json:"degrees"` // how many have 0, 1, 2 … links
	Components int     `json:"components"`

	Diameter   int     `json:"diameter_at_least"` // in links, from the sampled sources
	MeanHops   float64 `json:"mean_hops"`         // of the fastest ways
	Stretch    Stretch `json:"stretch"`
	OverlayP50 float64 `json:"one_way_p50_ms"`
	OverlayP99 float64 `json:"one_way_p99_ms"`
	DirectP50  float64 `json:"direct_one_way_p50_ms"`

	Bypass   Bypass    `json:"bypass"`
	Droppers []Dropper `json:"droppers"`

	Operators Losses `json:"loss_of_operators"`
	Sites     Losses `json:"loss_of_sites"`
	Versions  Losses `json:"loss_of_versions"`
}

// Stretch is the time over the mesh as a multiple of the direct way. Pairs
// closer than a millisecond are left out: the last mile is all there is.
type Stretch struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
}

// Bypass says what the ways around single links are like.
type Bypass struct {
	Share  float64 `json:"exists"` // of the sampled links
	HopP50 int     `json:"hops_p50"`
	HopP99 int     `json:"hops_p99"`
	P50    float64 `json:"extra_p50_ms"` // one way
	P99    float64 `json:"extra_p99_ms"`
}

// A Dropper is how many messages get past servers that drop what they should
// forward, by tries over ways that share no server, when no direct connection
// helps.
type Dropper struct {
	Share     float64    `json:"share"`
	Delivered [4]float64 `json:"delivered_after_tries"`
}

// Losses are what is left of the members when all servers of one operator,
// site or version go at once: the worst case and the sum over all.
type Losses struct {
	Groups       int     `json:"groups"`
	Largest      int     `json:"largest"` // servers
	WithBridges  int     `json:"groups_leaving_bridges"`
	WithVertices int     `json:"groups_leaving_cut_vertices"`
	WithSplit    int     `json:"groups_leaving_a_split"`
	WorstBridges int     `json:"worst_bridges"`
	WorstCuts    int     `json:"worst_cut_vertices"`
	WorstParts   int     `json:"worst_parts"`
	WorstShare   float64 `json:"worst_largest_share"`
}

// shape measures the cloud as it is. It changes nothing.
func (w *world) shape() Shape {
	rng := rand.New(rand.NewPCG(w.cfg.Seed, uint64(w.now)^0x5a))
	g := w.truth(nil, w.member)
	c := g.cuts()
	s := Shape{
		Servers: len(w.aliveServers()), Members: len(g.nodes), Links: g.edges,
		Bridges: len(c.bridges), Vertices: len(c.vertices), Components: c.parts,
	}
	var mean float64
	s.MinDegree, mean, s.MaxDegree = g.degrees()
	s.MeanDegree = round(mean, 3)
	s.Degrees = make([]int, s.MaxDegree+1)
	for k := range g.nodes {
		s.Degrees[g.degree(int32(k))]++
	}
	s.TwoCuts = w.meshGraphOf(g).Cuts(rng.Uint64).TwoCuts
	s.PairCuts = g.pairCuts(rng)
	all := w.truth(nil, func(int32) bool { return true })
	w.ways(&s, all, rng)
	s.Bypass = bypasses(w, all, rng)
	for _, share := range []float64{0.05, 0.1, 0.2} {
		s.Droppers = append(s.Droppers, droppers(w, all, share, rng))
	}
	s.Operators = w.losses(func(f *facts) int { return f.operator })
	s.Sites = w.losses(func(f *facts) int { return f.site })
	s.Versions = w.losses(func(f *facts) int { return f.version })
	return s
}

// meshGraphOf is g as a graph of mesh, which finds pairs of cutting links.
func (w *world) meshGraphOf(g *graph) *mesh.Graph {
	edges := make([]mesh.Edge, 0, g.edges)
	for k, i := range g.nodes {
		for a := g.first[k]; a < g.first[k+1]; a++ {
			if g.to[a] > int32(k) {
				j := g.nodes[g.to[a]]
				edges = append(edges, mesh.Edge{A: w.pop.all[i].fp, B: w.pop.all[j].fp, RTT: w.pop.roundTrip(i, j)})
			}
		}
	}
	return mesh.NewGraph(w.fingerprints(g.nodes), edges, nil)
}

// pairCuts is the share of sampled servers without which another one would be
// a cut vertex.
func (g *graph) pairCuts(rng *rand.Rand) float64 {
	if len(g.nodes) == 0 {
		return 0
	}
	found, looked := 0, min(sampledPairs, len(g.nodes))
	for _, v := range rng.Perm(len(g.nodes))[:looked] {
		if c := g.cuts(int32(v)); len(c.vertices) > 0 {
			found++
		}
	}
	return round(float64(found)/float64(looked), 5)
}

// ways measures ways from sampled sources to everybody.
func (w *world) ways(s *Shape, g *graph, rng *rand.Rand) {
	n := len(g.nodes)
	sources := rng.Perm(n)[:min(sampledSources, n)]
	type found struct {
		stretch, overlay, direct []float64
		hops, diameter           int
	}
	results := make([]found, len(sources))
	parallel(len(sources), func(k int) {
		r, f := newRouter(w, g), &results[k]
		root := int32(sources[k])
		r.from(root, -1)
		f.diameter = r.eccentricity(root)
		for to := range int32(n) {
			if to == root || r.dist[to] == never {
				continue
			}
			over := millis(time.Duration(r.dist[to]) * tick)
			straight := millis(w.pop.roundTrip(g.nodes[root], g.nodes[to]) / 2)
			f.overlay, f.direct = append(f.overlay, over), append(f.direct, straight)
			f.hops += r.hops(to)
			if straight >= 1 {
				f.stretch = append(f.stretch, over/straight)
			}
		}
	})
	var all found
	for _, f := range results {
		all.stretch = append(all.stretch, f.stretch...)
		all.overlay = append(all.overlay, f.overlay...)
		all.direct = append(all.direct, f.direct...)
		all.hops += f.hops
		all.diameter = max(all.diameter, f.diameter)
	}
	s.Diameter = all.diameter
	s.MeanHops = round(float64(all.hops)/float64(max(len(all.overlay), 1)), 3)
	sum := 0.0
	for _, x := range all.stretch {
		sum += x
	}
	s.Stretch = Stretch{round(sum/float64(max(len(all.stretch), 1)), 3), quantile(all.stretch, 0.5), quantile(all.stretch, 0.95), quantile(all.stretch, 0.99)}
	s.OverlayP50, s.OverlayP99 = quantile(all.overlay, 0.5), quantile(all.overlay, 0.99)
	s.DirectP50 = quantile(all.direct, 0.5)
}

// quantile sorts s.
func quantile(s []float64, q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return round(s[min(int(q*float64(len(s))), len(s)-1)], 3)
}

// bypasses looks for a way around each of some links.
func bypasses(w *world, g *graph, rng *rand.Rand) (b Bypass) {
	if g.edges == 0 {
		return b
	}
	r := newRouter(w, g)
	var hops, extra []float64
	tried := 0
	for range sampledLinks {
		k := int32(rng.IntN(len(g.nodes)))
		if g.degree(k) == 0 {
			continue
		}
		a := g.first[k] + int32(rng.IntN(g.degree(k)))
		tried++
		r.noEdge = g.edge[a]
		r.from(k, g.to[a])
		if r.dist[g.to[a]] != never {
			hops = append(hops, float64(r.hops(g.to[a])))
			extra = append(extra, millis(time.Duration(r.dist[g.to[a]]-g.delay[a])*tick))
		}
	}
	b.Share = round(float64(len(hops))/float64(max(tried, 1)), 5)
	b.HopP50, b.HopP99 = int(quantile(hops, 0.5)), int(quantile(hops, 0.99))
	b.P50, b.P99 = quantile(extra, 0.5), quantile(extra, 0.99)
	return b
}

// droppers sends messages through a cloud in which some servers forward
// nothing.
func droppers(w *world, g *graph, share float64, rng *rand.Rand) Dropper {
	d := Dropper{Share: share}
	n := len(g.nodes)
	bad := make([]bool, n)
	for _, k := range rng.Perm(n)[:int(share*float64(n))] {
		bad[k] = true
	}
	r := newRouter(w, g)
	for range sampledTrips {
		from, to := int32(rng.IntN(n)), int32(rng.IntN(n))
		for from == to || bad[from] || bad[to] {
			from, to = int32(rng.IntN(n)), int32(rng.IntN(n))
		}
		clear(r.blocked)
		for try := range d.Delivered {
			r.from(from, to)
			inside := r.between(to)
			if r.dist[to] != never && !slices.ContainsFunc(inside, func(k int32) bool { return bad[k] }) {
				for ; try < len(d.Delivered); try++ {
					d.Delivered[try]++
				}
				break
			}
			for _, k := range inside {
				r.blocked[k] = true
			}
		}
	}
	for k := range d.Delivered {
		d.Delivered[k] = round(d.Delivered[k]/sampledTrips, 4)
	}
	return d
}
