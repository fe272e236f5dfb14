package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// A watch looks at the true graph of the full members after everything that
// could weaken it, and counts what should never be.
type watch struct {
	graph  *graph
	begin  time.Duration
	healed bool // before the last event nobody lacked links

	result  Invariant
	weak    cuts
	mending bool
}

// Invariant is what was found at the events of a scenario. A violation is
// counted at every event at which it stands. Those "alone" were met when
// nothing that failed before was still being repaired.
type Invariant struct {
	Events     int `json:"events"`
	Bridges    int `json:"bridge_violations"`
	Vertices   int `json:"cut_vertex_violations"`
	Degrees    int `json:"min_degree_violations"`
	Alone      int `json:"violations_alone"`
	AloneSeen  int `json:"events_alone"`
	Splits     int `json:"splits"`
	LeastLinks int `json:"least_degree"`

	// First tells when the first violation was, in seconds; -1 for never.
	First float64 `json:"first_violation_s"`
}

func newWatch(now time.Duration) *watch {
	return &watch{begin: now, result: Invariant{LeastLinks: 1 << 30, First: -1}}
}

func (w *world) member(i int32) bool { return w.servers[i].full }

// before notes whether everybody has the links that it aims at.
func (o *watch) before(w *world) {
	o.graph = w.truth(o.graph, w.member)
	least, _, _ := o.graph.degrees()
	o.healed = least >= mesh.TargetLinks
}

// look checks what must hold at every instant. ended: a server just went.
func (o *watch) look(w *world, ended bool) {
	o.graph = w.truth(o.graph, w.member)
	o.weak = o.graph.cuts()
	least, _, _ := o.graph.degrees()
	r := &o.result
	r.Events++
	r.LeastLinks = min(r.LeastLinks, least)
	bad := false
	note := func(count *int, is bool) {
		if is {
			*count++
			bad = true
		}
	}
	note(&r.Bridges, len(o.weak.bridges) > 0)
	note(&r.Vertices, len(o.weak.vertices) > 0)
	note(&r.Degrees, least < mesh.RequiredLinks)
	note(&r.Splits, o.weak.parts > 1)
	if ended && o.healed {
		r.AloneSeen++
		if bad {
			r.Alone++
		}
	}
	if bad && r.First < 0 {
		r.First = (w.now - o.begin).Seconds()
	}
	if len(o.weak.bridges)+len(o.weak.vertices) > 0 {
		w.mendSoon()
	}
}

// mendSoon lets those look for weak places whose turn it may be, once a
// second, as long as there are any.
func (w *world) mendSoon() {
	if w.watch.mending {
		return
	}
	w.watch.mending = true
	w.after(minPlanInterval, w.mend)
}

func (w *world) mend() {
	o := w.watch
	o.mending = false
	o.graph = w.truth(o.graph, w.member)
	o.weak = o.graph.cuts()
	if len(o.weak.bridges)+len(o.weak.vertices) == 0 {
		return
	}
	quiet := w.quiet()
	for _, i := range o.deputies(w) {
		for _, to := range w.plan(i, quiet) {
			w.dial(i, to)
		}
	}
	w.mendSoon()
}

// deputiesPerGroup is how many servers of each side of a weak place are asked.
// mesh gives them turns of two seconds, so further ones are never reached.
const deputiesPerGroup = 3

// maxDeputies bounds the work of one look: the first of each side come first.
const maxDeputies = 200

// deputies are the servers whose turn it may be to mend a weak place: on each
// side those with the fewest links. All others find the same weak places and
// leave them to these.
func (o *watch) deputies(w *world) []int32 {
	groups := o.graph.blocks(o.weak)
	var out []int32
	for _, group := range groups {
		slices.SortFunc(group, func(x, y int32) int {
			if d := o.graph.degree(x) - o.graph.degree(y); d != 0 {
				return d
			}
			return w.pop.all[o.graph.nodes[x]].fp.Compare(w.pop.all[o.graph.nodes[y]].fp)
		})
	}
	for rank := range deputiesPerGroup {
		for _, group := range groups {
			if rank < len(group) && len(out) < maxDeputies {
				out = append(out, o.graph.nodes[group[rank]])
			}
		}
	}
	return out
}

// blocks returns what a graph falls into without its bridges and cut vertices.
func (g *graph) blocks(c cuts) [][]int32 {
	mark := make([]int32, len(g.nodes)) // 0: to be visited; else the group, or -1: left out
	for _, v := range c.vertices {
		mark[v] = -1
	}
	bridge := map[int32]bool{}
	for _, e := range c.bridges {
		bridge[e] = true
	}
	var groups [][]int32
	for root := range mark {
		if mark[root] != 0 {
			continue
		}
		id := int32(len(groups) + 1)
		mark[root] = id
		group := []int32{int32(root)}
		for k := 0; k < len(group); k++ {
			for at := g.first[group[k]]; at < g.first[group[k]+1]; at++ {
				if u := g.to[at]; mark[u] == 0 && !bridge[g.edge[at]] {
					mark[u] = id
					group = append(group, u)
				}
			}
		}
		groups = append(groups, group)
	}
	return groups
}

// quiet is how long no database has changed.
func (w *world) quiet() time.Duration {
	if n := len(w.tally.issued); n > 0 {
		return w.now - w.tally.issued[n-1]
	}
	return w.now
}
