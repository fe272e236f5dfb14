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
	ReasonNear                   // it makes a way shorter
	ReasonFormer                 // there was one before this server started, or lost all
)

// String returns a word for logs.
func (r Reason) String() string {
	words := [...]string{"degree", "operator", "repair", "reunion", "join", "near", "former"}
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

	// Block numbers the block of addresses that a server is in, which one holder
	// gets easily. Nil, or 0: none, or not known. It is called for every server.
	Block func(omega.Fingerprint) uint64

	// Former are links that this server had before it started or lost all, while
	// it looks for them; nil: it does not. (spec/cloud.md, CLOUD-50)
	Former []Link

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
	p.planFormer()
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
	self   int32                      // number of own; -1 for none
	linked map[omega.Fingerprint]bool // self, and where a link is there, under way or wanted
	owner  []int32                    // by server: who runs it
	owners []int32                    // of linked, different ones
	blocks blocks                     // of linked
	tree   *Tree                      // from self, the part that was needed; nil: none
	links  int                        // in linked, to servers that transit
	wants  []Want
	paired bool // one of wants, or who is left to dial, lacks links itself

	// Servers that can be dialled and are not linked, by number; see pools.
	sorted    bool
	near, far []int32 // in reach, and out of reach
}

// An upheaval is when a twentieth of all servers, and no fewer than a hundred,
// announced something within a short time.
const (
	upheavalTime  = 10 * time.Second
	upheavalLeast = 100
	upheavalShare = 20
)

// upheaval reports whether very many links were lost just now, as in the
// failure of a whole operator. Clocks that are wrong only make it seem smaller.
func (v *View) upheaval() bool {
	n := 0
	for _, issued := range v.traits().issued {
		if age := v.Time.Sub(issued); age > -upheavalTime && age < upheavalTime {
			n++
		}
	}
	return n >= upheavalLeast && n*upheavalShare >= len(v.Records)
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

// blocks are blocks of addresses that are taken already. Who fills a server's
// links decides what it sees; operators are names that cost nothing, addresses
// are not.
type blocks struct {
	of    func(omega.Fingerprint) uint64 // nil: none is known
	taken []uint64
}

func (b *blocks) take(fp omega.Fingerprint) {
	if b.of == nil {
		return
	}
	if block := b.of(fp); block != 0 {
		b.taken = append(b.taken, block)
	}
}

// fresh reports whether nothing that was taken is in the block of a server.
func (b *blocks) fresh(fp omega.Fingerprint) bool {
	return len(b.taken) == 0 || !slices.Contains(b.taken, b.of(fp))
}

func newPlanner(v *View, in PlanInput, rng *rand.Rand) *planner {
	p := &planner{
		View: v, in: in, rng: rng, own: v.Record(v.Self), owner: v.traits().owner, tree: v.Tree,
		linked: map[omega.Fingerprint]bool{v.Self: true}, self: -1, blocks: blocks{of: in.Block},
	}
	if i, ok := v.Graph.index[v.Self]; ok {
		p.self = i
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
	var links []int32
	for fp := range p.linked {
		if i, ok := p.Graph.index[fp]; ok {
			links = append(links, i)
		}
	}
	for _, i := range p.traits().open {
		switch {
		case slices.Contains(links, i) || p.in.Skip != nil && p.in.Skip(p.Graph.nodes[i]):
		case p.States[i] == Unreachable:
			p.far = append(p.far, i)
		default:
			p.near = append(p.near, i)
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
	p.blocks.take(fp)
	i, known := p.Graph.index[fp]
	if !known {
		p.links++
		return
	}
	if p.Records[i].Transit() {
		p.links++
	}
	if !slices.Contains(p.owners, p.owner[i]) {
		p.owners = append(p.owners, p.owner[i])
	}
	gone := func(x int32) bool { return x == i }
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
func (p *planner) degree(i int32) int { return int(p.traits().links[i]) }

// FormerTime is for how long a server that started, or lost all links, looks for
// those that it had. Who was busy is not by then, and who is full stays so.
const FormerTime = 10 * time.Minute

// planFormer asks those again that there were links to, the nearest first, for as
// many links in all as a newcomer with them would have: what was measured and
// chosen once is kept also where somebody else was the first to make a link, and
// by who said no at first. (spec/cloud.md, CLOUD-50)
func (p *planner) planFormer() {
	if len(p.in.Former) == 0 || len(p.linked) > SurplusLinks || p.upheaval() {
		return
	}
	p.pools()
	for _, l := range byDistance(p.in.Former) {
		i, known := p.Graph.index[l.Peer]
		if known && slices.Contains(p.near, i) && p.degree(i) < LinkCap && len(p.linked) <= SurplusLinks {
			p.want(l.Peer, ReasonFormer)
		}
	}
}

// planDegree fills up to the target: the nearest up to two, the rest random.
func (p *planner) planDegree() {
	target := p.target()
	if p.links >= target {
		return
	}
	p.pools()
	// A server that lost everybody but leaves dials who it remembers.
	pool := &p.near
	if p.links == 0 && len(p.near) == 0 {
		pool = &p.far
	}
	later := 0 // links that the peers are left to dial
	for p.links+later < target {
		pick := p.pickDegree(*pool, later)
		if pick < 0 {
			return
		}
		if p.leave(pick) {
			later++
			*pool = slices.DeleteFunc(*pool, func(i int32) bool { return i == pick })
			continue
		}
		p.want(p.Records[pick].Server, ReasonDegree)
	}
}

// pickDegree chooses one more for who has too few links, or is going to have
// later ones that peers dial: the nearest, if there are fewer than nearLinks;
// then one of those that would be among its nearest, so that near links that were
// lost are replaced by near ones (not the very nearest, which is everybody's); else
// as pick does. (spec/cloud.md, CLOUD-45)
func (p *planner) pickDegree(pool []int32, later int) int32 {
	if p.links+later < nearLinks {
		return p.pick(pool, true)
	}
	if near := p.nearer(p.freshest(pool)); len(near) > 0 {
		return p.drawn(near)
	}
	return p.pick(pool, false)
}

// nearer are those of pool that are nearer than all links but one (nearLinks - 1)
// that this server announces and still has.
func (p *planner) nearer(pool []int32) (out []int32) {
	if p.own == nil {
		return nil
	}
	var links []time.Duration
	for _, l := range p.own.Links {
		if p.linked[l.Peer] {
			links = append(links, l.RTT)
		}
	}
	if len(links) < nearLinks {
		return nil
	}
	slices.Sort(links)
	bound := links[nearLinks-1]
	p.search(uint64(bound/time.Microsecond) + 1)
	for _, i := range pool {
		if rtt, ok := p.rtt(i); ok && rtt < bound {
			out = append(out, i)
		}
	}
	return out
}

// target is how many links to have. In an upheaval everybody has lost some and
// looks for others, and every link mends two servers if they do not all look at
// once: the last link that is required is looked for by half of those that
// lack it at a time, and the spare one when all is over.
func (p *planner) target() int {
	switch {
	case !p.upheaval():
		return TargetLinks
	case p.links == RequiredLinks-1 && p.rng.IntN(2) == 0:
		return p.links
	}
	return RequiredLinks
}

// leave reports whether the peer is about to dial this server itself.
func (p *planner) leave(peer int32) bool {
	return p.own != nil && p.own.Dialable() && p.own.Transit() &&
		p.Graph.nodes[peer].Compare(p.Self) < 0 && p.degree(peer) < TargetLinks &&
		len(p.in.Links) > 0 && p.States[peer] != Unreachable &&
		p.Time.Sub(p.own.Issued) < DialDeferral
}

// pick chooses one of pool, of an operator without a link where possible, and
// then in a block of addresses without one: the nearest, or one that lacks links
// itself, or else a random one. It returns -1 if there is nobody.
func (p *planner) pick(pool []int32, near bool) int32 {
	fresh := p.freshest(pool)
	switch {
	case len(fresh) == 0:
		return -1
	case near:
		return p.nearest(fresh)
	}
	if next := p.lacking(fresh); next >= 0 && !p.paired {
		p.paired = true
		return next
	}
	return p.drawn(fresh)
}

// drawn is one at random: of two, the one with fewer links, which keeps degrees
// even.
func (p *planner) drawn(pool []int32) int32 {
	a, b := pool[p.rng.IntN(len(pool))], pool[p.rng.IntN(len(pool))]
	if p.degree(b) < p.degree(a) {
		return b
	}
	return a
}

// freshest are those of pool that take links and add most to diversity.
func (p *planner) freshest(pool []int32) []int32 {
	var fresh []int32
	most := 0
	for _, i := range pool {
		if p.degree(i) >= LinkCap {
			continue
		}
		adds := 0
		if p.fresh(i) {
			adds += 2
		}
		if p.blocks.fresh(p.Graph.nodes[i]) {
			adds++
		}
		if adds > most {
			fresh, most = fresh[:0], adds
		}
		if adds == most {
			fresh = append(fresh, i)
		}
	}
	return fresh
}

// lacking is the member of the pool that lacks links and whose fingerprint is
// closest to this server's, as Kademlia counts; -1 if none lacks any, or others
// who look for links are closer to it. Being closest is mostly mutual: those who
// look for links at the same time pair up, one link mends two, and the last ones
// that lack any are not asked by everybody at once.
func (p *planner) lacking(pool []int32) int32 {
	best := int32(-1)
	for _, i := range pool {
		if p.States[i] == Full && p.degree(i) < TargetLinks && (best < 0 || closer(p.Self, p.Graph.nodes[i], p.Graph.nodes[best])) {
			best = i
		}
	}
	if best >= 0 && p.suitors(best) >= maxSuitors {
		return -1
	}
	return best
}

// maxSuitors is how many servers that lack links ask the same one for being the
// closest.
const maxSuitors = 2

// suitors counts those in reach that lack links and are closer to a server than
// this one is.
func (p *planner) suitors(to int32) (n int) {
	at := p.Graph.nodes[to]
	for i, st := range p.States {
		if fp := p.Graph.nodes[i]; st != Unreachable && p.degree(int32(i)) < TargetLinks && int32(i) != to && fp != p.Self && closer(at, fp, p.Self) {
			n++
		}
	}
	return n
}

// closer reports whether a is closer to self than b by the XOR of fingerprints.
func closer(self, a, b omega.Fingerprint) bool {
	s, x, y := self.Digest(), a.Digest(), b.Digest()
	for k := range min(len(s), len(x), len(y)) {
		if x[k] != y[k] {
			return x[k]^s[k] < y[k]^s[k]
		}
	}
	return a.Compare(b) < 0
}

// fresh reports whether a link to a server would be the first to its operator,
// and that operator is another than this server's.
func (p *planner) fresh(i int32) bool {
	return !slices.Contains(p.owners, p.owner[i]) && (p.self < 0 || p.owner[i] != p.owner[p.self])
}

// nearest returns the server with the shortest round trip, at random among
// those of which nothing is known.
func (p *planner) nearest(pool []int32) int32 {
	p.search(unreached)
	best, least := pool[p.rng.IntN(len(pool))], time.Duration(math.MaxInt64)
	for _, i := range pool {
		if rtt, ok := p.rtt(i); ok && rtt < least {
			best, least = i, rtt
		}
	}
	return best
}

// search finds the ways shorter than limit, where the view has none and they are
// asked for.
func (p *planner) search(limit uint64) {
	if p.Tree == nil && p.paths && p.self >= 0 {
		p.tree = p.Graph.spf(p.self, limit)
	}
}

func (p *planner) rtt(i int32) (time.Duration, bool) {
	if p.in.RTT != nil {
		if rtt, ok := p.in.RTT(p.Graph.nodes[i]); ok {
			return rtt, true
		}
	}
	return p.way(i)
}

// way is how long the way through the mesh is, as far as it was looked for.
func (p *planner) way(i int32) (time.Duration, bool) {
	if p.tree == nil || p.tree.dist[i] == unreached {
		return 0, false
	}
	return time.Duration(p.tree.dist[i]) * time.Microsecond, true
}

// planOperators asks for one more link while the links depend on fewer
// operators than they could.
func (p *planner) planOperators() {
	if p.links < TargetLinks || p.crowded() || len(p.owners) >= diverseOperators {
		return
	}
	p.pools()
	if pick := p.pick(p.near, false); pick >= 0 && p.fresh(pick) {
		p.want(p.Records[pick].Server, ReasonOperator)
	}
}

// planReunion dials a server that is known but out of reach. About the square
// root of all servers try at a time: enough to mend a split at once, too few
// to flood a server that comes back.
func (p *planner) planReunion() {
	if p.lost == 0 || p.crowded() || p.own != nil && len(p.own.Links) == 0 && len(p.in.Links) > 0 {
		return // nothing lost, no room, or own links not announced yet: nobody is in reach then
	}
	if p.rng.Float64() >= ReunionChance(len(p.Records)-p.lost) {
		return
	}
	p.pools()
	// One without links is a newcomer: it looks for the cloud itself.
	lost := slices.DeleteFunc(slices.Clone(p.far), func(i int32) bool { return len(p.Records[i].Links) == 0 })
	if len(lost) == 0 {
		return
	}
	if r := p.Records[lost[p.rng.IntN(len(lost))]]; p.rng.Float64() < RetryChance(p.Time.Sub(r.Issued)) {
		p.want(r.Server, ReasonReunion)
	}
}

// ReunionChance is how probable it is that a plan looks for a server that was
// lost from sight, in a part of the cloud of that many servers.
func ReunionChance(reach int) float64 { return 1 / math.Sqrt(float64(max(reach, 1))) }

// reunionFresh is for how long a server that was lost from sight is looked for
// in earnest.
const reunionFresh = 10 * time.Minute

// RetryChance is how probable it is that it is dialled if its last announcement
// is that old. Who died is forgotten after a day only, and after a great
// failure there are thousands; what was cut off for hours still comes back
// within seconds, because there are many to dial and many that do.
func RetryChance(age time.Duration) float64 {
	return min(1, float64(reunionFresh)/float64(max(age, 1)))
}
