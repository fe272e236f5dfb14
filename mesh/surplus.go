package mesh

import (
	"cmp"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// When a link may be given up. (spec/cloud.md, CLOUD-18)
const (
	// SurplusLinks is above how many links a server gives one up. Members have
	// eight on average, four that they asked for and four that they were asked
	// for; fewer would make every way longer.
	SurplusLinks = 8

	// SurplusQuiet is how long the database must not have changed before, and
	// SurplusGap how long a server waits between two.
	SurplusQuiet = 10 * time.Minute
	SurplusGap   = time.Hour

	surplusTries = 3 // links looked at in one call: each takes a search of the graph
)

// Surplus returns the neighbour to which the link can be given up, if there is
// one: the farthest of those that keep at least TargetLinks full members as
// neighbours without it, as Self does, and whose loss leaves neither a bridge,
// a cut vertex nor a pair of cutting links, nor one of both ends with fewer
// operators than it should depend on. quiet is how long the database has not
// changed, since how long ago this server gave one up last. Of the two ends
// the one with the lower fingerprint acts, so that never both do.
func (v *View) Surplus(quiet, since time.Duration, random func() uint64) (omega.Fingerprint, bool) {
	if quiet < SurplusQuiet || since < SurplusGap || v.State(v.Self) != Full {
		return omega.Fingerprint{}, false
	}
	full := v.Full()
	self := full.index[v.Self]
	if full.degree(self) <= SurplusLinks {
		return omega.Fingerprint{}, false
	}
	arcs := slices.Clone(full.arcsOf(self))
	slices.SortStableFunc(arcs, func(x, y arc) int { return cmp.Compare(y.cost, x.cost) })
	tries := 0
	for _, a := range arcs {
		if a.to < self || full.degree(a.to) <= TargetLinks || !v.staysDiverse(full, self, a.to) || !v.staysDiverse(full, a.to, self) {
			continue
		}
		if tries++; tries > surplusTries {
			break
		}
		if full.spares(a.edge, random) {
			return full.nodes[a.to], true
		}
	}
	return omega.Fingerprint{}, false
}

// staysDiverse reports whether the links of a server of the graph depend on
// enough operators without the one to peer, or on no fewer than with it.
func (v *View) staysDiverse(full *Graph, server, peer int32) bool {
	with, without := map[owner]bool{}, map[owner]bool{}
	for _, a := range full.arcsOf(server) {
		o := ownerOf(v.Record(full.nodes[a.to]))
		with[o] = true
		if a.to != peer {
			without[o] = true
		}
	}
	return len(without) >= min(diverseOperators, len(with))
}

// spares reports whether the graph has no weak place without a link.
func (g *Graph) spares(id int32, random func() uint64) bool {
	rest := &Graph{nodes: g.nodes, transit: g.transit, edges: slices.Delete(slices.Clone(g.edges), int(id), int(id)+1)}
	rest.build()
	w := rest.walk()
	return w.countBridges() == 0 && !w.weak() && len(rest.twoCutClasses(w, random)) == 0
}
