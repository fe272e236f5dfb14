package mesh

import (
	"cmp"
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
	RefusalVersion  Refusal = 11 // it does not know requests of this version
)

// String returns a word for logs, JSON and the keys of texts.
func (r Refusal) String() string {
	words := [...]string{"none", "full", "operator", "busy", "denied", "clock", "vouch", "bridge", "links", "draining", "mistake", "version"}
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
	ChosenFormer                    // there was a link to it
	ChosenNear                      // one of the nearest
	ChosenRandom                    // drawn at random, the one with fewer links of two
	PassedOver                      // fit, but not drawn or not near
	PassedOperator                  // the same, and its operator is chosen already
	PassedBlock                     // the same, and another of its block of addresses is
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
		"mend", "former", "near", "random", "passed", "passed-operator", "passed-block", "passed-site",
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

	// RTT returns the measured round trip to a server; nil: nothing is measured.
	// The nearest are chosen among the measured ones; where there is none, the
	// way through the mesh from the entry stands in for it.
	RTT func(omega.Fingerprint) (time.Duration, bool)

	Skip func(omega.Fingerprint) bool // not to be asked now; nil: nobody

	Block func(omega.Fingerprint) uint64 // as in PlanInput

	// Former are links that the server had when it was last a member; nil: it was
	// none.
	Former []Link
}

// Target is how many links to ask for: those that there were, so that restarts
// do not thin out the cloud, but not so many that some would be given up.
// (spec/cloud.md, CLOUD-45)
func (in JoinInput) Target() int {
	return max(TargetLinks, min(len(in.Former), SurplusLinks))
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

// ProbeServers is how many servers a newcomer measures the round trip to at a
// time, to choose the nearest: some at random, then those near the nearest of
// them. With the random ones alone, ways through a cloud of 10,000 are a quarter
// longer; with none they are four times as long.
const ProbeServers = 64

// ProbeEarly is how many servers a newcomer must know to draw the first of them
// while it still fetches the link-state. That comes in no order that means
// anything, so a part of it is as good to draw from.
const ProbeEarly = 4 * ProbeServers

// ProbeSample draws servers that a newcomer could ask for a link, ProbeServers
// at most, for it to measure; none if there are enough of those that it had links
// to. (spec/cloud.md, CLOUD-11, CLOUD-45)
func (v *View) ProbeSample(in JoinInput, rng *rand.Rand) []omega.Fingerprint {
	j := newJoiner(v, in, rng)
	if len(j.former()) >= TargetLinks {
		return nil
	}
	n := min(ProbeServers, len(j.pool))
	out := make([]omega.Fingerprint, n)
	for k := range n {
		at := k + rng.IntN(len(j.pool)-k)
		j.pool[k], j.pool[at] = j.pool[at], j.pool[k]
		out[k] = v.Graph.nodes[j.pool[k]]
	}
	return out
}

// ProbeNear are the servers that a newcomer measures next, ProbeServers at most:
// those that the mesh says are nearest to the nearest one of the sample and the
// entry, by the ways between them, nearest first. Most of them are nearer than
// any of a random sample. It returns none if nobody of those was measured, there
// is nobody else, or ProbeSample had none. (spec/cloud.md, CLOUD-11)
func (v *View) ProbeNear(in JoinInput, sample []omega.Fingerprint) []omega.Fingerprint {
	j := newJoiner(v, in, nil)
	if len(j.former()) >= TargetLinks {
		return nil
	}
	var known []int32
	seen := map[int32]bool{} // measured, or without an answer
	for _, fp := range append(slices.Clone(sample), in.Entry) {
		if i, ok := v.Graph.index[fp]; ok {
			seen[i] = true
			if _, ok := j.measured(i); ok {
				known = append(known, i)
			}
		}
	}
	if len(known) == 0 {
		return nil
	}
	var out []omega.Fingerprint
	for i := range v.Graph.outward(j.nearest(known)) {
		if len(out) == ProbeServers {
			break
		}
		if j.why[i] == PassedOver && !seen[i] && v.Graph.nodes[i] != in.Server {
			out = append(out, v.Graph.nodes[i])
		}
	}
	return out
}

// PlanJoin chooses whom a newcomer asks for links: two servers that mend a
// weak place if there is one, then those it had links to, then the nearest up to two, then random ones up
// to TargetLinks, the one with fewer links of two (three nearest are a trap:
// nearest ones alone make a lattice that falls apart). Operators, then blocks
// of addresses, are all different as long as there are enough; so are the sites
// of the random ones. It depends on the graph, the input and rng alone, not on
// Self. (spec/cloud.md, CLOUD-11)
func (v *View) PlanJoin(in JoinInput, rng *rand.Rand) *JoinPlan {
	j := newJoiner(v, in, rng)
	j.chooseAll()
	return j.plan()
}

// ChooseJoin is PlanJoin without the reasons: whom to ask, and how many links
// are needed.
func (v *View) ChooseJoin(in JoinInput, rng *rand.Rand) (ask []omega.Fingerprint, required int) {
	j := newJoiner(v, in, rng)
	j.chooseAll()
	for _, i := range j.chosen {
		ask = append(ask, v.Graph.nodes[i])
	}
	return ask, j.needs.required
}

// A prospect is the cloud as newcomers see it who enter by the same part of it.
type prospect struct {
	states []ServerState
	full   *members
	weak   []gap // at the weakest places
	needs  rules

	fitness []Verdict // by server, whoever the newcomer is
}

// prospect returns what a newcomer finds.
func (v *View) prospect(entry, newcomer omega.Fingerprint) *prospect {
	at, known := v.Graph.index[entry]
	self, old := v.Graph.index[newcomer]
	if known && v.Graph.transit[at] {
		for _, p := range v.prospects {
			if p.states[at] != Unreachable && (!old || p.states[self] <= Leaf) {
				return p
			}
		}
	}
	p := &prospect{states: new(Standing).update(v.Time, v.Graph, v.Graph.reach(entry))}
	but := int32(-1)
	if old {
		but = self
	}
	p.full = v.Graph.membersOf(p.states, but)
	p.weak = p.full.weakest(p.full.walk)
	p.needs = v.rules(p.states, but)
	p.fitness = make([]Verdict, len(v.Records))
	for i := range p.fitness {
		p.fitness[i] = v.fitnessOf(int32(i), p)
	}
	if !old || p.states[self] <= Leaf {
		v.prospects = append(v.prospects, p)
	}
	return p
}

// A joiner is one call of PlanJoin.
type joiner struct {
	*View
	*prospect
	in     JoinInput
	rng    *rand.Rand
	paths  *Tree     // from the entry; see tree
	owner  []int32   // by server: who runs it
	site   []int32   // by server: where it stands; 0: unknown
	pool   []int32   // servers to choose from, by number, ascending
	why    []Verdict // by server
	chosen []int32
	owners []int32 // of the chosen, and the newcomer's own
	blocks blocks  // of the chosen
	sites  []int32 // of the chosen
}

func newJoiner(v *View, in JoinInput, rng *rand.Rand) *joiner {
	if in.Entry.IsZero() || !v.Graph.Has(in.Entry) {
		in.Entry = v.Graph.largestPart(in.Server)
	}
	j := &joiner{
		View: v, prospect: v.prospect(in.Entry, in.Server), in: in, rng: rng,
		owner: v.traits().owner, site: v.traits().site, blocks: blocks{of: in.Block},
	}
	if n, ok := v.traits().owners[owner{name: in.Operator}]; ok && in.Operator != "" {
		j.owners = append(j.owners, n)
	}
	j.why = slices.Clone(j.prospect.fitness)
	for i, why := range j.why {
		switch fp := v.Graph.nodes[i]; {
		case why != PassedOver || fp == in.Server:
		case in.Skip != nil && in.Skip(fp):
			j.why[i] = UnfitSkipped
		default:
			j.pool = append(j.pool, int32(i))
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

// fitnessOf is PassedOver for a server that can be chosen. Where there are no
// four full members yet, the others will do.
func (v *View) fitnessOf(i int32, p *prospect) Verdict {
	r := v.Records[i]
	switch {
	case p.states[i] == Unreachable:
		return UnfitUnreachable
	case !r.Transit():
		return UnfitTransit
	case !r.Dialable():
		return UnfitAddress
	case p.states[i] == Probationary && p.full.Len() >= TargetLinks:
		return UnfitProbation
	case v.Graph.degree(i) >= LinkCap:
		return UnfitFull
	}
	return PassedOver
}

func (j *joiner) take(i int32, why Verdict) {
	j.why[i] = why
	j.chosen = append(j.chosen, i)
	j.pool = slices.DeleteFunc(j.pool, func(x int32) bool { return x == i })
	j.owners = append(j.owners, j.owner[i])
	j.blocks.take(j.Records[i].Server)
	if site := j.site[i]; site > 0 {
		j.sites = append(j.sites, site)
	}
}

func (j *joiner) chooseAll() {
	j.mend()
	j.chooseFormer()
	for len(j.chosen) < TargetLinks && j.choose(len(j.chosen) < nearLinks) {
	}
}

// chooseFormer takes those again that there were links to: what was measured and
// chosen once is not left to chance with every restart. (spec/cloud.md, CLOUD-45)
func (j *joiner) chooseFormer() {
	for _, i := range j.former() {
		if len(j.chosen) < j.in.Target() {
			j.take(i, ChosenFormer)
		}
	}
}

// former are those of the pool that there were links to, the nearest first.
func (j *joiner) former() (out []int32) {
	for _, l := range byDistance(j.in.Former) {
		if i, known := j.Graph.index[l.Peer]; known && slices.Contains(j.pool, i) {
			out = append(out, i)
		}
	}
	return out
}

// byDistance are links with the nearest first.
func byDistance(links []Link) []Link {
	return slices.SortedStableFunc(slices.Values(links), func(x, y Link) int { return cmp.Compare(x.RTT, y.RTT) })
}

// mend takes one server on either side of the first weak place.
func (j *joiner) mend() {
	if len(j.weak) == 0 {
		return
	}
	first := j.weak[0]
	for _, of := range []group{first.a, first.b} {
		before := func(x, y int32) bool { return j.full.before(x, y, first.weak) }
		v := of.foremost(before, func(v int32) bool {
			_, fit := slices.BinarySearch(j.pool, j.Graph.index[j.full.nodes[v]])
			return fit
		})
		if v >= 0 {
			j.take(j.Graph.index[j.full.nodes[v]], ChosenMend)
		}
	}
}

// choose takes one more, and reports false when there is none.
func (j *joiner) choose(near bool) bool {
	best := j.freshest(near)
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

// freshest are those of the pool that add most to diversity: an operator without
// a link, then a block of addresses, then, of those operators, a site. Sites
// say nothing about those that are wanted for being near: most of these stand
// where the newcomer does, and if the servers of one site were not to link to
// each other, their ways would lead through other countries.
func (j *joiner) freshest(near bool) []int32 {
	var best []int32
	most := 0
	for _, i := range j.pool {
		adds := 0
		if !slices.Contains(j.owners, j.owner[i]) {
			adds += 4
			if near || !slices.Contains(j.sites, j.site[i]) {
				adds++
			}
		}
		if j.blocks.fresh(j.Graph.nodes[i]) {
			adds += 2
		}
		if adds > most {
			best, most = best[:0], adds
		}
		if adds == most {
			best = append(best, i)
		}
	}
	return best
}

// nearest is the nearest of those that were measured, else of all by what is
// known of the ways to them.
func (j *joiner) nearest(pool []int32) int32 {
	for _, rtt := range []func(int32) (time.Duration, bool){j.measured, j.rtt} {
		best, least := int32(-1), time.Duration(0)
		for _, i := range pool {
			if d, ok := rtt(i); ok && (best < 0 || d < least) {
				best, least = i, d
			}
		}
		if best >= 0 {
			return best
		}
	}
	return pool[0]
}

func (j *joiner) measured(i int32) (time.Duration, bool) {
	if j.in.RTT == nil {
		return 0, false
	}
	return j.in.RTT(j.Graph.nodes[i])
}

// rtt is measured, or stands in for it: the way from the entry.
func (j *joiner) rtt(i int32) (time.Duration, bool) {
	at, ok := j.Graph.index[j.in.Entry]
	if d, measured := j.measured(i); measured || !ok {
		return d, measured
	}
	if j.paths == nil {
		j.paths = j.Graph.SPF(j.in.Entry)
	}
	first, _ := j.measured(at)
	rest, ok := j.paths.Distance(j.Graph.nodes[i])
	return first + rest, ok
}

// plan says what was chosen and why the others were not.
func (j *joiner) plan() *JoinPlan {
	p := &JoinPlan{State: stateOf(j.full.Len()), Members: j.full.Len(), Required: j.needs.required}
	for id := range j.full.edges {
		if j.full.walk.bridge[id] {
			p.Bridges = append(p.Bridges, j.full.edge(int32(id)))
		}
	}
	for _, i := range j.pool {
		switch {
		case slices.Contains(j.owners, j.owner[i]):
			j.why[i] = PassedOperator
		case !j.blocks.fresh(j.Records[i].Server):
			j.why[i] = PassedBlock
		case slices.Contains(j.sites, j.site[i]):
			j.why[i] = PassedSite
		}
	}
	for i, why := range j.why {
		if r := j.Records[i]; r.Server != j.in.Server {
			rtt, _ := j.rtt(int32(i))
			p.Candidates = append(p.Candidates, Candidate{r, why, j.Graph.degree(int32(i)), rtt})
		}
	}
	order := func(c Candidate) int { return slices.Index(j.chosen, j.Graph.index[c.Server]) }
	slices.SortFunc(p.Candidates, func(x, y Candidate) int {
		if x.Verdict.Chosen() && y.Verdict.Chosen() {
			return order(x) - order(y)
		}
		return cmp.Or(cmp.Compare(x.Verdict, y.Verdict), x.Server.Compare(y.Server))
	})
	p.Problem, _ = j.judge(j.prospect.states, j.full, j.needs, j.in.Server, p.Chosen())
	return p
}
