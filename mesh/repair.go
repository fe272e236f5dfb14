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
	full, self := p.weak.full, p.weak.full.index[p.Self]
	turns := int(p.in.Quiet/RepairTurn) + 1
	before := len(p.wants)
	for _, gap := range p.weak.gaps {
		if p.crowded() || len(p.wants)-before == maxRepairs {
			return
		}
		if !gap.a.has(self) || full.turn(gap.a, gap.weak, self, turns) >= turns || p.wantsOneOf(full, gap.b) {
			continue
		}
		to := full.foremost(gap.b, gap.weak, func(v int32) bool {
			return full.degree(v) < LinkCap && p.canDial(p.Record(full.nodes[v]))
		})
		if to >= 0 {
			p.want(full.nodes[to], ReasonRepair)
		}
	}
}

// wantsOneOf reports whether a server of the group is dialled anyway.
func (p *planner) wantsOneOf(g *Graph, of group) bool {
	return slices.ContainsFunc(p.wants, func(w Want) bool {
		i, ok := g.index[w.Peer]
		return ok && of.has(i)
	})
}
