package mesh

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// A Refusal says why a server takes no link. The numbers travel.
// (spec/cloud.md, CLOUD-14)
type Refusal uint8

const (
	RefusalNone     Refusal = 0  // it takes the link
	RefusalFull     Refusal = 1  // it has LinkCap links
	RefusalOperator Refusal = 2  // the asker's links would depend on too few operators
	RefusalBusy     Refusal = 3  // it took many links just now
	RefusalDenied   Refusal = 4  // its deny list names the asker or the asker's operator
	RefusalClock    Refusal = 5  // the clocks differ
	RefusalVouch    Refusal = 6  // too few members certified the asker's key
	RefusalBridge   Refusal = 7  // the asker would hang on a bridge, or leave one that it could mend
	RefusalLinks    Refusal = 8  // the asker plans too few links
	RefusalDraining Refusal = 9  // it goes away
	RefusalMistake  Refusal = 10 // the request is not for it, or names somebody else
)

// String returns a word for logs, JSON and the keys of texts.
func (r Refusal) String() string {
	words := [...]string{"none", "full", "operator", "busy", "denied", "clock", "vouch", "bridge", "links", "draining", "mistake"}
	if int(r) >= len(words) {
		return "unknown"
	}
	return words[r]
}

// An Applicant is a server that wants to become a member.
type Applicant struct {
	Server         omega.Fingerprint
	Operator, Site string // as in its announcement
}

func (a Applicant) owner() owner {
	if a.Operator == "" {
		return owner{self: a.Server}
	}
	return owner{name: a.Operator}
}

// A Verdict says what became of a candidate in a JoinPlan.
type Verdict uint8

const (
	ChosenMend       Verdict = iota // its link and another's mend a bridge or a cut vertex
	ChosenNear                      // one of the nearest
	ChosenRandom                    // drawn at random, the one with fewer links of two
	PassedOver                      // fit, but not drawn or not near
	PassedOperator                  // the same, and its operator is chosen already
	PassedSite                      // the same, and its site is
	UnfitFull                       // has LinkCap links
	UnfitTransit                    // forwards for nobody, or goes away
	UnfitAddress                    // cannot be dialled
	UnfitUnreachable                // no member has a way to it
	UnfitProbation                  // is no full member itself
	UnfitSkipped                    // denied, or a dial failed or was refused lately
)

// String returns a word for JSON and the keys of texts.
func (v Verdict) String() string {
	words := [...]string{
		"mend", "near", "random", "passed", "passed-operator", "passed-site",
		"full", "no-transit", "no-address", "unreachable", "probationary", "skipped",
	}
	if int(v) >= len(words) {
		return "unknown"
	}
	return words[v]
}

// Chosen reports whether the candidate is asked for a link.
func (v Verdict) Chosen() bool { return v <= ChosenRandom }

// A Candidate is a server that a newcomer looked at.
type Candidate struct {
	*Record
	Verdict Verdict
	Degree  int           // links that count
	RTT     time.Duration // measured, or from the entry by the mesh; 0: not known
}

// JoinInput is what the database does not know about a newcomer.
type JoinInput struct {
	Applicant

	// Entry is a member that answers: only what it can reach is considered.
	// Zero takes the largest part of the graph.
	Entry omega.Fingerprint

	RTT  func(omega.Fingerprint) (time.Duration, bool) // measured; nil: nothing is
	Skip func(omega.Fingerprint) bool                  // not to be asked now; nil: nobody
}

// A JoinPlan is whom a newcomer asks for links, and why.
type JoinPlan struct {
	State      State       // of the cloud that it finds
	Members    int         // full ones
	Required   int         // links that it needs to become one
	Bridges    []Edge      // that there are now; the plan is made to mend them
	Candidates []Candidate // all servers but the newcomer: the chosen ones in order of choice, then by verdict and fingerprint
	Problem    Refusal     // what makes the plan useless as it is; RefusalNone: nothing
}

// Chosen are the servers to ask, in order of choice.
func (p *JoinPlan) Chosen() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, c := range p.Candidates {
		if c.Verdict.Chosen() {
			out = append(out, c.Server)
		}
	}
	return out
}

// PlanJoin chooses whom a newcomer asks for links: two servers that mend a
// weak place if there is one, then the nearest up to two, then random ones up
// to TargetLinks, the one with fewer links of two (three nearest are a trap:
// nearest ones alone make a lattice that falls apart). Operators and sites are
// all different as long as there are enough. It depends on the graph, the
// input and rng alone, not on Self. (spec/cloud.md, CLOUD-11)
func (v *View) PlanJoin(in JoinInput, rng *rand.Rand) *JoinPlan {
	j := newJoiner(v, in, rng)
	j.mend()
	for len(j.chosen) < TargetLinks && j.choose(len(j.chosen) < nearLinks) {
	}
	return j.plan()
}

// A joiner is one call of PlanJoin.
type joiner struct {
	*View
	in     JoinInput
	rng    *rand.Rand
	tree   *Tree // from the entry; nil: nobody is there
	states []ServerState
	full   *Graph
	pool   []int32 // servers to choose from, by number
	chosen []int32
	why    map[int32]Verdict // of all servers
	owners map[owner]bool    // of the chosen, and the newcomer's own
	sites  map[string]bool   // of the chosen
}

func newJoiner(v *View, in JoinInput, rng *rand.Rand) *joiner {
	j := &joiner{
		View: v, in: in, rng: rng, why: map[int32]Verdict{},
		owners: map[owner]bool{in.owner(): true}, sites: map[string]bool{},
	}
	if in.Entry.IsZero() || !v.Graph.Has(in.Entry) {
		j.in.Entry = v.Graph.largestPart(in.Server)
	}
	j.tree = v.Graph.SPF(j.in.Entry)
	j.states = new(Standing).update(v.Time, v.Graph, j.tree)
	j.full = v.Graph.sub(func(i int32) bool { return j.states[i] == Full && v.Graph.nodes[i] != in.Server })
	for i := range int32(len(v.Records)) {
		if v.Graph.nodes[i] == in.Server {
			continue
		}
		if j.why[i] = j.fitness(i); j.why[i] == PassedOver {
			j.pool = append(j.pool, i)
		}
	}
	return j
}

// largestPart returns a server of the largest component without the newcomer,
// of equal ones the one with the lowest fingerprint; zero if there is none.
func (g *Graph) largestPart(newcomer omega.Fingerprint) omega.Fingerprint {
	rest, _ := g.part(func(i int32) bool { return g.nodes[i] != newcomer })
	for _, part := range rest.Components() {
		return part[0]
	}
	return omega.Fingerprint{}
}

// fitness is PassedOver for a server that can be chosen. Where there are no
// four full members yet, the others will do.
func (j *joiner) fitness(i int32) Verdict {
	r := j.Records[i]
	switch {
	case j.states[i] == Unreachable:
		return UnfitUnreachable
	case !r.Transit():
		return UnfitTransit
	case !r.Dialable():
		return UnfitAddress
	case j.states[i] == Probationary && j.full.Len() >= TargetLinks:
		return UnfitProbation
	case j.Graph.degree(i) >= LinkCap:
		return UnfitFull
	case j.in.Skip != nil && j.in.Skip(r.Server):
		return UnfitSkipped
	}
	return PassedOver
}

func (j *joiner) take(i int32, why Verdict) {
	j.why[i] = why
	j.chosen = append(j.chosen, i)
	j.pool = slices.DeleteFunc(j.pool, func(x int32) bool { return x == i })
	j.owners[ownerOf(j.Records[i])] = true
	if site := j.Records[i].Site; site != "" {
		j.sites[site] = true
	}
}

// mend takes one server on either side of the first weak place.
func (j *joiner) mend() {
	gaps := j.full.weakest(j.full.walk())
	if len(gaps) == 0 {
		return
	}
	for _, of := range []group{gaps[0].a, gaps[0].b} {
		v := j.full.foremost(of, gaps[0].weak, func(v int32) bool {
			return slices.Contains(j.pool, j.Graph.index[j.full.nodes[v]])
		})
		if v >= 0 {
			j.take(j.Graph.index[j.full.nodes[v]], ChosenMend)
		}
	}
}

// choose takes one more, and reports false when there is none.
func (j *joiner) choose(near bool) bool {
	best := j.freshest()
	if len(best) == 0 {
		return false
	}
	if near {
		j.take(j.nearest(best), ChosenNear)
		return true
	}
	a, b := best[j.rng.IntN(len(best))], best[j.rng.IntN(len(best))]
	if j.Graph.degree(b) < j.Graph.degree(a) {
		a = b
	}
	j.take(a, ChosenRandom)
	return true
}

// freshest are those of the pool that add most to diversity: an operator and a
// site without a link, else an operator, else anybody.
func (j *joiner) freshest() []int32 {
	var both, operator []int32
	for _, i := range j.pool {
		r := j.Records[i]
		if j.owners[ownerOf(r)] {
			continue
		}
		operator = append(operator, i)
		if r.Site == "" || !j.sites[r.Site] {
			both = append(both, i)
		}
	}
	switch {
	case len(both) > 0:
		return both
	case len(operator) > 0:
		return operator
	}
	return j.pool
}

func (j *joiner) nearest(pool []int32) int32 {
	best, least := pool[0], time.Duration(-1)
	for _, i := range pool {
		if rtt, ok := j.rtt(i); ok && (least < 0 || rtt < least) {
			best, least = i, rtt
		}
	}
	return best
}

// rtt is measured, or stands in for it: the way from the entry.
func (j *joiner) rtt(i int32) (time.Duration, bool) {
	fp, measured := j.Graph.nodes[i], j.in.RTT
	if measured == nil {
		measured = func(omega.Fingerprint) (time.Duration, bool) { return 0, false }
	}
	if rtt, ok := measured(fp); ok || j.tree == nil {
		return rtt, ok
	}
	first, _ := measured(j.in.Entry)
	rest, ok := j.tree.Distance(fp)
	return first + rest, ok
}

// plan says what was chosen and why the others were not.
func (j *joiner) plan() *JoinPlan {
	p := &JoinPlan{State: stateOf(j.full.Len()), Members: j.full.Len()}
	w := j.full.walk()
	for id := range j.full.edges {
		if w.bridge[id] {
			p.Bridges = append(p.Bridges, j.full.edge(int32(id)))
		}
	}
	for _, i := range j.pool {
		switch r := j.Records[i]; {
		case j.owners[ownerOf(r)]:
			j.why[i] = PassedOperator
		case r.Site != "" && j.sites[r.Site]:
			j.why[i] = PassedSite
		}
	}
	for i, why := range j.why {
		rtt, _ := j.rtt(i)
		p.Candidates = append(p.Candidates, Candidate{j.Records[i], why, j.Graph.degree(i), rtt})
	}
	order := func(c Candidate) int { return slices.Index(j.chosen, j.Graph.index[c.Server]) }
	slices.SortFunc(p.Candidates, func(x, y Candidate) int {
		if x.Verdict.Chosen() && y.Verdict.Chosen() {
			return order(x) - order(y)
		}
		return cmp.Or(cmp.Compare(x.Verdict, y.Verdict), x.Server.Compare(y.Server))
	})
	rules := j.rules(j.states, j.in.Applicant)
	p.Required = rules.required
	p.Problem, _ = rules.judge(p.Chosen())
	return p
}

// JudgeJoin is what a candidate thinks of a newcomer's plan: the servers that
// it has links to or asks now. A refusal comes with a text for people. Who is
// in reach already is not judged by it: another link only makes it better.
// (spec/cloud.md, CLOUD-14)
func (v *View) JudgeJoin(a Applicant, plan []omega.Fingerprint) (Refusal, string) {
	if v.State(a.Server) != Unreachable {
		return RefusalNone, ""
	}
	return v.rules(v.States, a).judge(plan)
}

// joinRules are what a newcomer's links must be.
type joinRules struct {
	*View
	states    []ServerState
	applicant Applicant
	required  int // links to members
	operators int // different operators of them
}

// rules counts the members that a newcomer could link to: of more than those
// it cannot be asked.
func (v *View) rules(states []ServerState, a Applicant) *joinRules {
	r := &joinRules{View: v, states: states, applicant: a}
	members, fit, owners := 0, 0, map[owner]bool{}
	for i, rec := range v.Records {
		if states[i] <= Leaf || rec.Server == a.Server {
			continue
		}
		members++
		if rec.Dialable() && v.Graph.degree(int32(i)) < LinkCap {
			if fit++; len(owners) < RequiredLinks { // more do not matter
				owners[ownerOf(rec)] = true
			}
		}
	}
	r.required = min(Required(members+1), max(fit, 1))
	r.operators = min(r.required, len(owners))
	return r
}

func (r *joinRules) judge(plan []omega.Fingerprint) (Refusal, string) {
	var members []int32
	owners := map[owner]bool{}
	for _, fp := range plan {
		if i, ok := r.Graph.index[fp]; ok && r.states[i] > Leaf && fp != r.applicant.Server {
			members = append(members, i)
			owners[ownerOf(r.Records[i])] = true
		}
	}
	switch {
	case len(members) < r.required:
		return RefusalLinks, fmt.Sprintf("%d links to members are planned, %d are required", len(members), r.required)
	case len(owners) < r.operators:
		return RefusalOperator, fmt.Sprintf("the planned links depend on %d operators, %d are required", len(owners), r.operators)
	}
	if before, after, hangs := r.bridges(members); hangs {
		return RefusalBridge, "the newcomer would hang on a bridge"
	} else if after > 0 && after >= before {
		return RefusalBridge, fmt.Sprintf("the cloud has %d bridges now, and the planned links mend none", before)
	}
	return RefusalNone, ""
}

// bridges counts those among the full members without and with the newcomer,
// and reports whether one of its own links would be one. With two servers that
// cannot be helped.
func (r *joinRules) bridges(members []int32) (before, after int, hangs bool) {
	full, number := r.Graph.part(func(i int32) bool { return r.states[i] == Full && r.Graph.nodes[i] != r.applicant.Server })
	before = full.walk().countBridges()
	newcomer := int32(len(full.nodes))
	if newcomer < 2 {
		return before, 0, false
	}
	old := len(full.edges)
	full.nodes = append(full.nodes, r.applicant.Server)
	for _, i := range members {
		if at := number[i]; at >= 0 {
			full.edges = append(full.edges, edge{at, newcomer, 1})
		}
	}
	own := len(full.edges) - old
	full.build()
	w := full.walk()
	for id := old; id < len(full.edges); id++ {
		hangs = hangs || w.bridge[id]
	}
	return before, w.countBridges(), hangs && own > 0
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
