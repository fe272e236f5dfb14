package churn

import "slices"

// A ledger is the true graph of the full members, kept up to date change by
// change, and what it has come to. A whole search after each of a million
// events would cost more than the events: it looks near the change, and
// everywhere only when that leaves a doubt.
//
// Why near the change is enough. Three-connected means that no two servers
// split the graph; such a graph has neither a bridge nor a cut vertex. A link
// more, or a server with three links more, leaves it three-connected. If it
// is so no longer after losses, two servers cut it into parts, and in each
// part somebody lost a link: a part where nobody did was cut off before. So it
// is three-connected if three disjoint ways go between those who lost a link
// since it was. Ways from three of them to all others are enough: two of the
// three are cutting servers at most.
type ledger struct {
	near  [][]int32 // by server: the members at the other ends of links that count
	in    []bool    // by server: is a full member
	count int       // of members
	sound bool      // three-connected
	lost  []int32   // who lost a link since it was sound; nobody while it is

	touched []int32 // who lost a link, or came, in this event

	ways  ways
	graph *graph // scratch of whole searches
	found Changes
}

// Changes is what was found at the changes of the true graph.
type Changes struct {
	Checks     int `json:"checks"`
	Whole      int `json:"whole_searches"` // of them, of the whole graph
	Bridges    int `json:"bridge_violations"`
	Vertices   int `json:"cut_vertex_violations"`
	Splits     int `json:"splits"`
	LeastLinks int `json:"least_degree"`
	Unsound    int `json:"not_three_connected"` // until a repair; no violation
}

func newLedger(w *world) *ledger {
	o := &ledger{found: Changes{LeastLinks: 1 << 30}}
	for i := range w.servers {
		o.fit(w)
		o.in[i] = w.member(int32(i))
		if o.in[i] {
			o.count++
		}
	}
	for i := range w.servers {
		o.fill(w, int32(i))
	}
	return o
}

// fit makes room for all servers.
func (o *ledger) fit(w *world) {
	for len(o.in) < len(w.servers) {
		o.in, o.near = append(o.in, false), append(o.near, nil)
	}
}

// fill finds the neighbours of a member.
func (o *ledger) fill(w *world, i int32) {
	o.near[i] = o.near[i][:0]
	if !o.in[i] {
		return
	}
	s := &w.servers[i]
	for k := range s.links {
		if l := &s.links[k]; o.in[l.peer] && w.counts(i, l) {
			o.near[i] = append(o.near[i], l.peer)
		}
	}
}

// enter adds a new full member.
func (o *ledger) enter(w *world, i int32) {
	o.fit(w)
	o.in[i] = true
	o.count++
	o.fill(w, i)
	for _, p := range o.near[i] {
		o.near[p] = append(o.near[p], i)
	}
	if len(o.near[i]) < 3 {
		o.sound = false
		o.lost = append(o.lost, i)
	}
	o.check(w, i)
}

// tie adds a link.
func (o *ledger) tie(w *world, a, b int32) {
	if o.fit(w); !o.in[a] || !o.in[b] || slices.Contains(o.near[a], b) {
		return
	}
	o.near[a], o.near[b] = append(o.near[a], b), append(o.near[b], a)
	o.check(w, a, b)
}

// leave takes a member away.
func (o *ledger) leave(w *world, i int32) {
	if o.fit(w); !o.in[i] {
		return
	}
	beside := o.near[i]
	o.in[i], o.near[i] = false, nil
	o.count--
	for _, p := range beside {
		o.drop(p, i)
	}
	o.weaken(w, beside...)
}

// untie takes a link away, if it is there.
func (o *ledger) untie(w *world, a, b int32) {
	if o.fit(w); !o.in[a] || !slices.Contains(o.near[a], b) {
		return
	}
	o.drop(a, b)
	o.drop(b, a)
	o.weaken(w, a, b)
}

func (o *ledger) drop(from, peer int32) {
	k := slices.Index(o.near[from], peer)
	o.near[from] = slices.Delete(o.near[from], k, k+1)
}

// weaken looks at what a loss left.
func (o *ledger) weaken(w *world, losers ...int32) {
	o.lost = append(o.lost, losers...)
	if o.sound {
		o.judge()
	}
	o.check(w, losers...)
}

// check notes the graph after a change. While it is three-connected there is
// nothing to look for.
func (o *ledger) check(w *world, touched ...int32) {
	o.found.Checks++
	o.touched = append(o.touched, touched...)
	for _, i := range touched {
		o.found.LeastLinks = min(o.found.LeastLinks, len(o.near[i]))
	}
	if !o.sound {
		o.found.Unsound++
		o.search(w)
	}
}

// search looks at the whole graph as the servers have it, not the ledger.
func (o *ledger) search(w *world) cuts {
	o.graph = w.truth(o.graph, w.member)
	c := o.graph.cuts()
	r := &o.found
	r.Whole++
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	count(&r.Bridges, len(c.bridges) > 0)
	count(&r.Vertices, len(c.vertices) > 0)
	count(&r.Splits, c.parts > 1)
	return c
}

// judge finds out whether the graph is three-connected again, or still.
func (o *ledger) judge() bool {
	o.lost = slices.DeleteFunc(o.lost, func(i int32) bool { return !o.in[i] })
	slices.Sort(o.lost)
	o.lost = slices.Compact(o.lost)
	o.sound = o.together(o.lost)
	if o.sound {
		o.lost = o.lost[:0]
	}
	return o.sound
}

// together reports whether no two servers separate some others.
func (o *ledger) together(some []int32) bool {
	for _, i := range some {
		if len(o.near[i]) < min(3, o.count-1) {
			return false
		}
	}
	for k, from := range some[:min(3, len(some))] {
		for _, to := range some[k+1:] {
			if !o.ways.three(o.near, from, to) {
				return false
			}
		}
	}
	return true
}

// survey judges the whole graph, from nothing, for the beginning: nobody can
// be separated if no server leaves a cut vertex when it goes.
func (o *ledger) survey(w *world) bool {
	g := w.truth(nil, w.member)
	c := g.cuts()
	least, _, _ := g.degrees()
	o.sound = c.parts == 1 && len(c.vertices) == 0 && least >= 3
	for k := int32(0); o.sound && int(k) < len(g.nodes); k++ {
		without := g.cuts(k)
		o.sound = without.parts == 1 && len(without.vertices) == 0
	}
	o.lost = o.lost[:0]
	if !o.sound {
		o.lost = append(o.lost, g.nodes...)
	}
	return o.sound
}

// least is the smallest number of links of some members, or of all.
func (o *ledger) least(of []int32) (least int, who int32) {
	least, who = 1<<30, -1
	for _, i := range of {
		if o.in[i] && len(o.near[i]) < least {
			least, who = len(o.near[i]), i
		}
	}
	return least, who
}
