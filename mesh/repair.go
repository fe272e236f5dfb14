package mesh

import (
	"slices"
	"time"
)

// RepairTurn is how long each deputy waits for the one before it, so that a
// weak place is mended once (spec/cloud.md, CLOUD-5).
const RepairTurn = 2 * time.Second

// maxRepairs is how many links one plan wants for repair. Where there is more to
// do the next plan goes on, with a view of what others have done meanwhile.
const maxRepairs = 3

// A gap is two groups of servers that need a link between them.
type gap struct {
	a, b []int32 // servers, ascending; those of a dial
	weak []bool  // by server: an end of a link that is weak already; another end is better
}

// A weakness is where the graph of full members needs links.
type weakness struct {
	full *Graph
	gaps []gap
}

// planRepair mends the weak places of the graph of full members. Every server
// finds the same gaps in the same order; in each, the servers of the first
// group take turns, the one with the fewest links first.
func (p *planner) planRepair() {
	if p.State(p.Self) != Full || p.crowded() {
		return
	}
	if p.weak == nil {
		full := p.Full()
		p.weak = &weakness{full, full.gaps(full.index[p.Self], p.rng.Uint64)}
	}
	if len(p.weak.gaps) == 0 {
		return
	}
	p.pools()
	full, self := p.weak.full, p.weak.full.index[p.Self]
	before := len(p.wants)
	for _, gap := range p.weak.gaps {
		if p.crowded() || len(p.wants)-before == maxRepairs {
			return
		}
		turn := slices.Index(full.byNeed(gap.a, gap.weak), self)
		if turn < 0 || p.in.Quiet < time.Duration(turn)*RepairTurn || p.wantsOneOf(full, gap.b) {
			continue
		}
		for _, to := range full.byNeed(gap.b, gap.weak) {
			fp := full.nodes[to]
			if slices.ContainsFunc(p.near, func(r *Record) bool { return r.Server == fp }) && full.degree(to) < LinkCap {
				p.want(fp, ReasonRepair)
				break
			}
		}
	}
}

// wantsOneOf reports whether a server of the group is dialled anyway.
func (p *planner) wantsOneOf(g *Graph, group []int32) bool {
	return slices.ContainsFunc(p.wants, func(w Want) bool {
		i, ok := g.index[w.Peer]
		return ok && slices.Contains(group, i)
	})
}

// byNeed orders servers: not weak first, then fewest links, then lowest.
func (g *Graph) byNeed(group []int32, weak []bool) []int32 {
	group = slices.Clone(group)
	slices.SortFunc(group, func(x, y int32) int {
		if weak[x] != weak[y] {
			if weak[y] {
				return -1
			}
			return 1
		}
		if d := g.degree(x) - g.degree(y); d != 0 {
			return d
		}
		return int(x - y)
	})
	return group
}

// gaps finds where links are missing, worst first: bridges, else cut vertices,
// else pairs of links that cut, else pairs of servers that do. Mending one kind
// shows whether the next is there at all. All servers find the same gaps, but
// of the last kind each finds those beside it.
func (g *Graph) gaps(self int32, random func() uint64) []gap {
	w := g.walk()
	if gaps := g.bridgeGaps(w); len(gaps) > 0 {
		return gaps
	}
	var gaps []gap
	for v, cut := range w.cut {
		if cut {
			weak := make([]bool, len(g.nodes))
			gaps = append(gaps, pair(g.walk(int32(v)).groups(), weak)...)
		}
	}
	if len(gaps) > 0 || len(g.nodes) <= RequiredLinks {
		return gaps
	}
	for _, class := range g.twoCutClasses(w, random) {
		cut := make([]bool, len(g.edges))
		for _, id := range class {
			cut[id] = true
		}
		gaps = append(gaps, pair(g.without(cut), g.ends(cut))...)
	}
	if len(gaps) > 0 {
		return gaps
	}
	return g.pairGaps(self)
}

// pairGaps finds a pair of servers that cut the graph together, one of them a
// neighbour of self. To look at every server would take a search of the graph
// for each; like this every server is looked at by its neighbours. So it is
// their turn only.
func (g *Graph) pairGaps(self int32) []gap {
	for _, a := range g.arcsOf(self) {
		v := a.to
		for u, cut := range g.walk(v).cut {
			if !cut {
				continue
			}
			beside := make([]bool, len(g.nodes))
			for _, pivot := range []int32{int32(u), v} {
				for _, a := range g.arcsOf(pivot) {
					beside[a.to] = true
				}
			}
			gaps := pair(g.walk(v, int32(u)).groups(), make([]bool, len(g.nodes)))
			for i := range gaps {
				gaps[i].a = slices.DeleteFunc(gaps[i].a, func(x int32) bool { return !beside[x] })
			}
			return gaps
		}
	}
	return nil
}

// bridgeGaps pairs the leaves of the tree that the bridges make: half as many
// links as there are leaves is the least that leaves no bridge (Eswaran and
// Tarjan, "Augmentation problems").
func (g *Graph) bridgeGaps(w *walk) []gap {
	groups := g.without(w.bridge)
	if len(groups) == w.parts {
		return nil
	}
	of := make([]int, len(g.nodes))
	for i, group := range groups {
		for _, v := range group {
			of[v] = i
		}
	}
	bridges := make([]int, len(groups)) // by group
	for id, e := range g.edges {
		if w.bridge[id] {
			bridges[of[e.a]]++
			bridges[of[e.b]]++
		}
	}
	leaves := make([][][]int32, w.parts) // by component
	for i, group := range groups {
		if bridges[i] == 1 {
			part := w.part[group[0]]
			leaves[part] = append(leaves[part], group)
		}
	}
	var gaps []gap
	weak := g.ends(w.bridge)
	for _, l := range leaves {
		gaps = append(gaps, pair(l, weak)...)
	}
	return gaps
}

// pair matches each group with the one half the list away; with an odd number
// the one left over goes to the first. Groups come in the order of a
// depth-first search, so that the matches cross each other.
func pair(groups [][]int32, weak []bool) []gap {
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

// groups returns the components of a walk in order of discovery, servers
// ascending.
func (w *walk) groups() [][]int32 {
	groups := make([][]int32, w.parts)
	for v, p := range w.part {
		if p >= 0 {
			groups[p] = append(groups[p], int32(v))
		}
	}
	return groups
}

// without returns the components of the graph without the cut links, in the
// order in which a search of the whole graph finds them.
func (g *Graph) without(cut []bool) [][]int32 {
	rest := &Graph{nodes: g.nodes, transit: g.transit}
	for id, e := range g.edges {
		if !cut[id] {
			rest.edges = append(rest.edges, e)
		}
	}
	rest.build()
	groups := rest.walk().groups()
	place := fill(len(g.nodes), 0)
	for i, v := range g.walk().order {
		place[v] = int32(i)
	}
	found := func(group []int32) int32 {
		return place[slices.MinFunc(group, func(x, y int32) int { return int(place[x] - place[y]) })]
	}
	slices.SortFunc(groups, func(x, y []int32) int { return int(found(x) - found(y)) })
	return groups
}

// ends marks the servers at the marked links.
func (g *Graph) ends(marked []bool) []bool {
	ends := make([]bool, len(g.nodes))
	for id, e := range g.edges {
		if marked[id] {
			ends[e.a], ends[e.b] = true, true
		}
	}
	return ends
}
