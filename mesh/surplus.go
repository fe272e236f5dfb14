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

	// SurplusQuiet is how long nobody near both ends must have announced
	// anything, and SurplusGap how long a server waits between two looks.
	SurplusQuiet = 10 * time.Minute
	SurplusGap   = time.Hour

	// surplusDetour is by how much the way without a link may be longer, as a
	// divisor: a tenth. Few links are there for nothing but their number.
	surplusDetour = 10

	surplusTries = 3 // links looked at in one call: each takes a search of the graph
)

// Calm reports whether a look at Surplus makes sense: Self is a full member with
// more than SurplusLinks links, and neither it nor a neighbour announced
// anything for SurplusQuiet. What happens elsewhere in the cloud does not matter:
// somewhere something always does. It costs little.
func (v *View) Calm() bool {
	self, known := v.Graph.index[v.Self]
	return known && v.States[self] == Full && v.Graph.degree(self) > SurplusLinks && v.calmAt(self)
}

// calmAt reports whether a server and its neighbours have been quiet.
func (v *View) calmAt(i int32) bool {
	quiet := func(i int32) bool { return v.Time.Sub(v.Records[i].Issued) >= SurplusQuiet }
	return quiet(i) && !slices.ContainsFunc(v.Graph.arcsOf(i), func(a arc) bool { return !quiet(a.to) })
}

// Surplus returns the neighbour to which the link can be given up, if there is
// one: of those near whom all is quiet, too, the one to which the way without the
// link is least longer, and no more than a tenth; that keeps at least
// TargetLinks full members as neighbours without it, as Self does; and whose
// loss leaves neither a bridge, a cut vertex nor a pair of cutting links, nor
// one of both ends with fewer operators than it should depend on. Of the two
// ends the one with the lower fingerprint acts, so that never both do.
func (v *View) Surplus(random func() uint64) (omega.Fingerprint, bool) {
	if !v.Calm() {
		return omega.Fingerprint{}, false
	}
	full := v.members()
	self := full.number[v.Graph.index[v.Self]]
	if full.degree(self) <= SurplusLinks {
		return omega.Fingerprint{}, false
	}
	spare := slices.DeleteFunc(slices.Clone(full.arcsOf(self)), func(a arc) bool {
		return a.to < self || full.degree(a.to) <= TargetLinks || !v.calmAt(v.Graph.index[full.nodes[a.to]]) ||
			!v.staysDiverse(full.Graph, self, a.to) || !v.staysDiverse(full.Graph, a.to, self)
	})
	for _, a := range full.byDetour(self, spare) {
		if full.spares(a.edge, random) {
			return full.nodes[a.to], true
		}
	}
	return omega.Fingerprint{}, false
}

// byDetour are those links of a server without which the way is at most a tenth
// longer, surplusTries at most, the one with the least detour first.
func (g *Graph) byDetour(self int32, links []arc) []arc {
	if len(links) == 0 {
		return nil
	}
	tree := g.spf(self, unreached)
	detour := map[int32]float64{} // by link: the way without it, as a multiple
	links = slices.DeleteFunc(links, func(a arc) bool {
		around := tree.without([]int32{a.edge}).dist[a.to]
		detour[a.edge] = float64(around) / float64(a.cost)
		return around == unreached || around > uint64(a.cost)+uint64(a.cost)/surplusDetour
	})
	slices.SortStableFunc(links, func(x, y arc) int { return cmp.Compare(detour[x.edge], detour[y.edge]) })
	return links[:min(len(links), surplusTries)]
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
