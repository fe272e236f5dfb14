package mesh

import (
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// JudgeJoin is what a candidate thinks of a newcomer's plan: the servers that
// it has links to or asks now. A refusal comes with a text for people. Who is
// in reach already is not judged by it: another link only makes it better.
// (spec/cloud.md, CLOUD-14)
func (v *View) JudgeJoin(a Applicant, plan []omega.Fingerprint) (Refusal, string) {
	if v.State(a.Server) != Unreachable {
		return RefusalNone, ""
	}
	return v.judge(v.States, v.members(), v.rules(v.States, -1), a.Server, plan)
}

// rules are what a newcomer's links must be.
type rules struct {
	required  int // links to members
	operators int // different operators of them
}

// rules counts the members but one (-1: all) that a newcomer could link to: of
// more than those it cannot be asked. Four and more are all the same.
func (v *View) rules(states []ServerState, but int32) rules {
	const enough = RequiredLinks + 1
	members, fit := 0, 0
	var owners []owner
	for i, rec := range v.Records {
		if states[i] <= Leaf || int32(i) == but {
			continue
		}
		members++
		if rec.Dialable() && v.Graph.degree(int32(i)) < LinkCap {
			fit++
			if o := ownerOf(rec); len(owners) < enough && !slices.Contains(owners, o) {
				owners = append(owners, o)
			}
		}
		if fit >= enough && len(owners) >= RequiredLinks {
			break
		}
	}
	r := rules{required: min(Required(members+1), max(fit, 1))}
	r.operators = min(r.required, len(owners))
	return r
}

func (v *View) judge(states []ServerState, full *members, r rules, newcomer omega.Fingerprint, plan []omega.Fingerprint) (Refusal, string) {
	var links []int32
	owners := map[owner]bool{}
	for _, fp := range plan {
		if i, ok := v.Graph.index[fp]; ok && states[i] > Leaf && fp != newcomer {
			links = append(links, i)
			owners[ownerOf(v.Records[i])] = true
		}
	}
	switch {
	case len(links) < r.required:
		return RefusalLinks, fmt.Sprintf("%d links to members are planned, %d are required", len(links), r.required)
	case len(owners) < r.operators:
		return RefusalOperator, fmt.Sprintf("the planned links depend on %d operators, %d are required", len(owners), r.operators)
	}
	if before, after, hangs := full.bridgesWith(links); hangs {
		return RefusalBridge, "the newcomer would hang on a bridge"
	} else if after > 0 && after >= before {
		return RefusalBridge, fmt.Sprintf("the cloud has %d bridges now, and the planned links mend none", before)
	}
	return RefusalNone, ""
}

// bridgesWith counts those among the full members without and with a newcomer
// that has links to some servers, and reports whether one of its own links would
// be one. With two servers that cannot be helped.
func (m *members) bridgesWith(links []int32) (before, after int, hangs bool) {
	before = m.walk.countBridges()
	newcomer := int32(len(m.nodes))
	if newcomer < 2 {
		return before, 0, false
	}
	var own []edge
	for _, i := range links {
		if at := m.number[i]; at >= 0 {
			own = append(own, edge{at, newcomer, 1})
		}
	}
	if before == 0 && m.walk.parts == 1 {
		return 0, 0, len(own) == 1
	}
	with := &Graph{nodes: append(slices.Clone(m.nodes), omega.Fingerprint{}), edges: append(slices.Clone(m.edges), own...)}
	with.build()
	w := with.walk()
	for id := len(m.edges); id < len(with.edges); id++ {
		hangs = hangs || w.bridge[id]
	}
	return before, w.countBridges(), hangs
}

func (w *walk) countBridges() int {
	n := 0
	for _, b := range w.bridge {
		if b {
			n++
		}
	}
	return n
}
