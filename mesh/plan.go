package mesh

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// DialDeferral is how long a server leaves the dialling to a peer that wants
// the same link and has the lower fingerprint, counted from its own last
// announcement: by then the peer knows of it.
const DialDeferral = 2 * time.Second

// nearLinks is how many of the TargetLinks go to the nearest servers; the
// others are random. Nearest ones alone make a lattice that falls apart (a
// third of the servers gone leaves 1 % connected), random ones alone make
// every way several times as long.
const nearLinks = 2

// diverseOperators is how many different operators a server's links should
// depend on, where the cloud has them.
const diverseOperators = 3

// A Reason says what a link is wanted for.
type Reason uint8

const (
	ReasonDegree   Reason = iota // this server has too few links
	ReasonOperator               // its links depend on too few operators
	ReasonRepair                 // the cloud has a weak place, and it is this server's turn
	ReasonReunion                // a part of the cloud was lost from sight
	ReasonJoin                   // this server is no member yet
)

// String returns a word for logs.
func (r Reason) String() string {
	words := [...]string{"degree", "operator", "repair", "reunion", "join"}
	if int(r) >= len(words) {
		return "unknown"
	}
	return words[r]
}

// A Want is a server to dial.
type Want struct {
	Peer   omega.Fingerprint
	Reason Reason
}

// PlanInput is what the database does not know.
type PlanInput struct {
	// Links are the servers that self has a link to, or is making one to.
	Links []omega.Fingerprint

	// RTT returns the measured round trip to a server. Nil, or false: not
	// known; the way through the mesh stands in for it.
	RTT func(omega.Fingerprint) (time.Duration, bool)

	// Skip names servers not to dial now: denied, or a dial just failed. Nil
	// skips nobody.
	Skip func(omega.Fingerprint) bool

	// Quiet is how long the database has not changed. Repairs take turns by
	// it.
	Quiet time.Duration
}

// Plan returns whom self should dial now, in order of urgency, nobody twice.
// It depends on the view, the input and rng alone. The first call on a view
// looks for weak places (O(links) time) and keeps them: calls on one view must
// not overlap. (spec/cloud.md, CLOUD-5)
func (v *View) Plan(in PlanInput, rng *rand.Rand) []Want {
	p := newPlanner(v, in, rng)
	p.planDegree()
	p.planOperators()
	p.planRepair()
	p.planReunion()
	return p.wants
}

// KeepDialled decides which of two connections between one pair stays: the one
// that the lower fingerprint dialled (the collision rule of BGP, section 6.8
// of RFC 4271). Both ends come to the same answer.
func KeepDialled(self, peer omega.Fingerprint, dialledBySelf bool) bool {
	return dialledBySelf == (self.Compare(peer) < 0)
}

// A planner is one call of Plan.
type planner struct {
	*View
	in     PlanInput
	rng    *rand.Rand
	own    *Record                    // nil before the first announcement
	linked map[omega.Fingerprint]bool // self, and where a link is there, under way or wanted
	owners map[owner]bool             // operators of linked
	links  int                        // in linked, to servers that transit
	wants  []Want

	// Servers that can be dialled and are not linked; see pools.
	sorted    bool
	near, far []*Record // in reach, and out of reach
}

// An owner is who runs a server. One that does not say is its own operator.
type owner struct {
	name string
	self omega.Fingerprint // if name is empty
}

func ownerOf(r *Record) owner {
	if r.Operator == "" {
		return owner{self: r.Server}
	}
	return owner{name: r.Operator}
}

func newPlanner(v *View, in PlanInput, rng *rand.Rand) *planner {
	p := &planner{
		View: v, in: in, rng: rng, own: v.Record(v.Self),
		linked: map[omega.Fingerprint]bool{v.Self: true}, owners: map[owner]bool{},
	}
	for _, fp := range in.Links {
		p.take(fp)
	}
	return p
}

// pools sorts out who can be dialled. It looks at every server, so it is left
// until something is wanted.
func (p *planner) pools() {
	if p.sorted {
		return
	}
	p.sorted = true
	for i, r := range p.Records {
		switch {
		case !p.canDial(r):
		case p.States[i] == Unreachable:
			p.far = append(p.far, r)
		default:
			p.near = append(p.near, r)
		}
	}
}

// canDial reports whether a link to r can be asked for and is not there.
func (p *planner) canDial(r *Record) bool {
	return r.Dialable() && r.Transit() && !p.linked[r.Server] && (p.in.Skip == nil || !p.in.Skip(r.Server))
}

// take notes a link to fp.
func (p *planner) take(fp omega.Fingerprint) {
	if p.linked[fp] {
		return
	}
	p.linked[fp] = true
	r := p.Record(fp)
	if r == nil || r.Transit() {
		p.links++
	}
	if r != nil {
		p.owners[ownerOf(r)] = true
	}
	gone := func(r *Record) bool { return r.Server == fp }
	p.near = slices.DeleteFunc(p.near, gone)
	p.far = slices.DeleteFunc(p.far, gone)
}

func (p *planner) want(fp omega.Fingerprint, why Reason) {
	p.take(fp)
	p.wants = append(p.wants, Want{fp, why})
}

// crowded reports whether there are as many links, to leaves too, as there
// should be. Only a server that lacks links of its own goes beyond.
func (p *planner) crowded() bool { return len(p.linked)-1 >= LinkCap }

// degree is how many links a server announces.
func (p *planner) degree(r *Record) int { return len(r.Links) }

// planDegree fills up to TargetLinks: 2 near, 2 random.
func (p *planner) planDegree() {
	if p.links >= TargetLinks {
		return
	}
	p.pools()
	// A server that lost everybody but leaves dials who it remembers.
	pool := &p.near
	if p.links == 0 && len(p.near) == 0 {
		pool = &p.far
	}
	later := 0 // links that the peers are left to dial
	for p.links+later < TargetLinks {
		pick := p.pick(*pool, p.links+later < nearLinks)
		if pick == nil {
			return
		}
		if p.leave(pick) {
			later++
			*pool = slices.DeleteFunc(*pool, func(r *Record) bool { return r == pick })
			continue
		}
		p.want(pick.Server, ReasonDegree)
	}
}

// leave reports whether the peer is about to dial this server itself.
func (p *planner) leave(peer *Record) bool {
	return p.own != nil && p.own.Dialable() && p.own.Transit() &&
		peer.Server.Compare(p.Self) < 0 && p.degree(peer) < TargetLinks &&
		len(p.in.Links) > 0 && p.State(peer.Server) != Unreachable &&
		p.Time.Sub(p.own.Issued) < DialDeferral
}

// pick chooses one of pool, of an operator without a link where possible.
func (p *planner) pick(pool []*Record, near bool) *Record {
	var fresh, rest []*Record
	for _, r := range pool {
		switch {
		case p.degree(r) >= LinkCap:
		case !p.fresh(r):
			rest = append(rest, r)
		default:
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 {
		fresh = rest
	}
	switch {
	case len(fresh) == 0:
		return nil
	case near:
		return p.nearest(fresh)
	}
	// The power of two choices keeps degrees even.
	a, b := fresh[p.rng.IntN(len(fresh))], fresh[p.rng.IntN(len(fresh))]
	if p.degree(b) < p.degree(a) {
		return b
	}
	return a
}

// fresh reports whether a link to r would be the first to its operator, and
// that operator is another than this server's.
func (p *planner) fresh(r *Record) bool {
	o := ownerOf(r)
	return !p.owners[o] && (p.own == nil || o != ownerOf(p.own))
}

// nearest returns the server with the shortest round trip, at random among
// those of which nothing is known.
func (p *planner) nearest(pool []*Record) *Record {
	best, least := pool[p.rng.IntN(len(pool))], time.Duration(math.MaxInt64)
	for _, r := range pool {
		if rtt, ok := p.rtt(r.Server); ok && rtt < least {
			best, least = r, rtt
		}
	}
	return best
}

func (p *planner) rtt(fp omega.Fingerprint) (time.Duration, bool) {
	if p.in.RTT != nil {
		if rtt, ok := p.in.RTT(fp); ok {
			return rtt, true
		}
	}
	if p.Tree == nil {
		return 0, false
	}
	return p.Tree.Distance(fp)
}

// planOperators asks for one more link while the links depend on fewer
// operators than they could.
func (p *planner) planOperators() {
	if p.links < TargetLinks || p.crowded() || len(p.owners) >= diverseOperators {
		return
	}
	p.pools()
	if pick := p.pick(p.near, false); pick != nil && p.fresh(pick) {
		p.want(pick.Server, ReasonOperator)
	}
}

// planReunion dials a server that is known but out of reach. About the square
// root of all servers try at a time: enough to mend a split at once, too few
// to flood a server that comes back.
func (p *planner) planReunion() {
	if p.lost == 0 || p.crowded() || p.own != nil && len(p.own.Links) == 0 && len(p.in.Links) > 0 {
		return // nothing lost, no room, or own links not announced yet: nobody is in reach then
	}
	reach := float64(max(1, len(p.Records)-p.lost))
	if p.rng.Float64() >= 1/math.Sqrt(reach) {
		return
	}
	p.pools()
	// One without links is a newcomer: it looks for the cloud itself.
	lost := slices.DeleteFunc(slices.Clone(p.far), func(r *Record) bool { return len(r.Links) == 0 })
	if len(lost) > 0 {
		p.want(lost[p.rng.IntN(len(lost))].Server, ReasonReunion)
	}
}
