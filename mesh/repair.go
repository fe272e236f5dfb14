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

// planRepair mends the weak places of the graph of full members. Every server
// finds the same gaps in the same order; in each, the servers of the first
// group take turns, the one with the fewest links first. Pairs of servers that
// cut are the least urgent and take the longest to find: they are looked for
// when everybody had a turn to do something about the rest.
func (p *planner) planRepair() {
	if p.State(p.Self) != Full || p.crowded() {
		return
	}
	full := p.members()
	self := full.number[p.Graph.index[p.Self]]
	p.Search(p.rng.Uint64)
	gaps := *p.gaps
	if len(gaps) == 0 && p.in.Quiet >= RepairTurn && full.Len() > RequiredLinks {
		if p.pairs == nil {
			found := full.pairGaps(self)
			p.pairs = &found
		}
		gaps = *p.pairs
	}
	p.mend(full, self, gaps)
}

// Search looks for weak places as the first Plan does that has an interest in
// them, so that further plans find them known.
func (v *View) Search(random func() uint64) {
	if v.gaps == nil {
		full := v.members()
		found := full.gaps(full.walk, random)
		v.gaps = &found
	}
}

func (p *planner) mend(full *members, self int32, gaps []gap) {
	turns := int(p.in.Quiet/RepairTurn) + 1
	before := len(p.wants)
	for _, gap := range gaps {
		if p.crowded() || len(p.wants)-before == maxRepairs {
			return
		}
		if !gap.a.has(self) || full.turn(gap.a, gap.weak, self, turns) >= turns || p.wantsOneOf(full, gap.b) {
			continue
		}
		// Others mend other gaps with the same group at the same time: let each
		// ask another server of it.
		before := func(x, y int32) bool {
			if gap.weak[x] != gap.weak[y] {
				return gap.weak[y]
			}
			if lx, ly := full.degree(x) < TargetLinks, full.degree(y) < TargetLinks; lx != ly {
				return lx
			}
			return closer(p.Self, full.nodes[x], full.nodes[y])
		}
		to := gap.b.foremost(before, func(v int32) bool {
			return full.degree(v) < LinkCap && p.canDial(p.Record(full.nodes[v]))
		})
		if to >= 0 {
			p.want(full.nodes[to], ReasonRepair)
		}
	}
}

// wantsOneOf reports whether a server of the group is dialled anyway.
func (p *planner) wantsOneOf(full *members, of group) bool {
	return slices.ContainsFunc(p.wants, func(w Want) bool {
		i, ok := p.Graph.index[w.Peer]
		return ok && full.number[i] >= 0 && of.has(full.number[i])
	})
}
