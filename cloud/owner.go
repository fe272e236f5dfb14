package cloud

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// An owner is the state of the mesh. Everything in it belongs to the goroutine
// of Run; others reach it by Cloud.do.
type owner struct {
	*Cloud
	ctx context.Context // of the dials and connections that the owner starts; ends with Run
	log *slog.Logger
	rng *rand.Rand
	wg  sync.WaitGroup // dials, connections and saves that the owner started

	now        time.Time // of the current turn
	lastTick   time.Time
	ticks      uint
	db         *mesh.DB
	standing   mesh.Standing
	view       *mesh.View // the table's, in a copy to plan with
	neighbours map[omega.Fingerprint]*neighbour
	wanted     map[omega.Fingerprint]*wanting // by server; see news.go
	bootstrap  []*bootstrap
	accepts    []time.Time // of offers within acceptWindow
	firstOffer time.Time   // to this server while it joins; zero: none
	joinNeeds  int         // offers that a newcomer waits for
	survey     survey      // of this server while it joins
	look       survey      // of a member that looks for a nearer way
	lookAt     time.Time   // when it looks next; zero: not decided
	former     []mesh.Link // of its last announcement that had enough of them, and of the one on the disk
	regains    time.Time   // until when it looks for those (spec/cloud.md, CLOUD-50)
	gaveUp     time.Time   // when it looked last whether there is a link too many
	dialling   int         // dials under way
	attached   int         // connections

	facts        mesh.Announcement
	needAnnounce bool      // something to tell
	announced    time.Time // last time
	rttAnnounced time.Time // last time that a round trip was told
	allowance    float64   // announcements that may go now

	linksChanged bool          // connections or rests differ from the table
	viewed       time.Time     // last view
	throttle     mesh.Throttle // of views that the database is the reason for
	planCost     time.Duration // of plans since the last view
	dbChanged    time.Time     // the database last changed
	planAt       time.Time
	planned      time.Time
	expired      time.Time
	saved        time.Time
	savedVersion uint64
	saving       bool
}

func newOwner(ctx context.Context, c *Cloud, rng *rand.Rand) *owner {
	o := &owner{
		Cloud: c, ctx: ctx, rng: rng, now: c.cfg.Clock(),
		log:        c.cfg.Logger.With("server", c.self),
		db:         mesh.NewDB(mesh.Config{Self: c.self, Verify: c.certs.verify, MaxServers: c.cfg.MaxServers}),
		neighbours: map[omega.Fingerprint]*neighbour{},
		wanted:     map[omega.Fingerprint]*wanting{},
		facts:      c.cfg.Announcement,
		allowance:  mesh.AnnounceBurst,
	}
	o.regains = o.now.Add(mesh.FormerTime)
	o.facts.Links = nil
	for _, a := range c.cfg.Bootstrap {
		o.bootstrap = append(o.bootstrap, &bootstrap{addr: a})
	}
	o.needAnnounce = true
	return o
}

// bootstrap is a configured server to begin with.
type bootstrap struct {
	addr     transport.Address
	fp       omega.Fingerprint // who answered there, or was configured
	backoff  backoff
	dialling bool
}

// run takes events and looks after timers until ctx ends.
func (o *owner) run(ctx context.Context) error {
	tick := time.NewTicker(o.cfg.HelloInterval / ticksPerHello)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-o.events:
			o.now = o.cfg.Clock()
			e(o)
		case to := <-o.dials:
			o.now = o.cfg.Clock()
			o.dialDirect(to)
		case <-tick.C:
			o.now = o.cfg.Clock()
			o.tick()
		case <-soon.C:
			o.now = o.cfg.Clock()
		}
		soon.Reset(o.settle())
	}
}

// settle does what is due after an event and returns how long nothing else is.
// The order matters: what is announced changes the database, that changes the
// view, and that whom to dial.
func (o *owner) settle() time.Duration {
	next := time.Minute
	wait := func(due time.Time) bool {
		if d := due.Sub(o.now); d > 0 {
			next = min(next, d)
			return true
		}
		return false
	}
	if due := o.raiseLinks(); !due.IsZero() {
		wait(due)
	}
	if o.needAnnounce && !wait(o.mayAnnounce()) {
		o.announce()
	}
	o.publish(wait)
	if !wait(o.planAt) {
		o.plan()
	}
	return next
}

// publish recomputes the view when the database changed, not more often than
// the cost of it allows, and the table when anything in it did.
func (o *owner) publish(wait func(time.Time) bool) {
	t := o.table.Load()
	changed := t.view.Version != o.db.Version()
	if changed && !wait(o.throttle.Next()) || o.now.Sub(o.viewed) >= viewInterval {
		begin := o.cfg.Clock()
		view := o.db.View(o.now, &o.standing)
		links, resting := o.connections()
		o.use(newTable(view, links, resting, o.rng.Uint64()))
		copied := *view
		o.view = &copied
		o.throttle.Done(o.now, o.planCost+o.cfg.Clock().Sub(begin))
		o.planCost, o.viewed, o.linksChanged = 0, o.now, false
		if changed {
			o.dbChanged = o.now
			o.planSoon()
		}
		return
	}
	if o.linksChanged {
		links, resting := o.connections()
		o.use(t.with(links, resting))
		o.linksChanged = false
		o.planSoon()
	}
}

// use puts a table in force and tells of the connections that are new in it.
func (o *owner) use(next *table) {
	before := o.table.Load()
	o.table.Store(next)
	for fp, l := range before.links {
		if next.links[fp] != l {
			o.courier.lose(l)
		}
	}
	if o.cfg.Connected == nil {
		return
	}
	for fp, l := range next.links {
		if before.links[fp] != l {
			o.cfg.Connected(fp)
		}
	}
}

// connections returns what the table needs to know of the neighbours.
func (o *owner) connections() (links map[omega.Fingerprint]*link, resting map[omega.Fingerprint]bool) {
	links, resting = map[omega.Fingerprint]*link{}, map[omega.Fingerprint]bool{}
	for fp, n := range o.neighbours {
		switch {
		case n.link != nil:
			links[fp] = n.link
		case n.dialling || n.backoff.rests(o.now):
			resting[fp] = true
		}
	}
	return links, resting
}

// tick looks after everything that goes by the clock, ticksPerHello times per
// hello interval.
func (o *owner) tick() {
	// An owner that was kept from its work cannot judge others by the time.
	late := o.now.Sub(o.lastTick) > 2*o.cfg.HelloInterval
	o.lastTick = o.now
	o.ticks++
	for _, n := range o.neighbours {
		o.tickNeighbour(n, late)
		if n.link != nil {
			o.tickBulks(n.link)
		}
	}
	o.tickWanted()
	o.makeRoom() // a connection over which no link was agreed on is a direct one now
	if o.now.Sub(o.announced) >= mesh.RefreshAfter {
		o.needAnnounce = true
	}
	if o.now.Sub(o.expired) >= expireInterval {
		o.expired = o.now
		for _, fp := range o.db.Expire(o.now) {
			o.log.Info("server is forgotten", "peer", fp)
		}
		for _, n := range o.neighbours {
			if n.link != nil {
				n.link.bad = 0
			}
		}
		proven := map[omega.Fingerprint]bool{}
		for _, ev := range o.db.Evidence() {
			proven[ev.Server] = true
		}
		wanted := func(fp omega.Fingerprint) bool {
			_, known := o.db.Get(fp)
			n := o.neighbours[fp]
			return known || proven[fp] || n != nil && n.link != nil
		}
		o.certs.keep(wanted)
		o.seals.keep(wanted)
	}
	if o.now.Sub(o.saved) >= saveInterval {
		o.saveSoon()
	}
}

// planSoon plans after planGap, or when it is due anyway.
func (o *owner) planSoon() {
	if due := o.planned.Add(planGap); due.Before(o.planAt) {
		o.planAt = due
	}
}

// plan dials and promotes as the mesh's rules say.
func (o *owner) plan() {
	o.planned = o.now
	wait := min(max(o.now.Sub(o.dbChanged)/4, minPlanInterval), maxPlanInterval)
	o.planAt = o.now.Add(wait + o.jitter(wait/4))
	o.planBootstrap()
	if o.view == nil || o.facts.Flags&mesh.FlagDraining != 0 {
		return
	}
	o.view.Time = o.now
	if o.joining() {
		o.planJoin()
		return
	}
	o.survey = survey{pending: o.survey.pending}
	o.askAll()
	o.giveUp()
	begin := o.cfg.Clock()
	defer func() { o.planCost += o.cfg.Clock().Sub(begin) }()
	for _, w := range o.view.Plan(o.planInput(), o.rng) {
		o.log.Debug("link wanted", "peer", w.Peer, "for", w.Reason)
		o.wantLink(w.Peer, w.Reason)
	}
	o.lookAround()
}

func (o *owner) planInput() mesh.PlanInput {
	in := mesh.PlanInput{Links: o.linked(), RTT: o.measured, Skip: o.skip, Block: o.block, Quiet: o.now.Sub(o.dbChanged)}
	if o.now.Before(o.regains) {
		in.Former = o.former
	}
	return in
}

// linked are the servers that count as linked for planning: up, or being made.
func (o *owner) linked() []omega.Fingerprint {
	var out []omega.Fingerprint
	for fp, n := range o.neighbours {
		if n.link != nil && n.link.mine || o.seeks(n) {
			out = append(out, fp)
		}
	}
	return out
}

func (o *owner) measured(fp omega.Fingerprint) (time.Duration, bool) {
	n := o.neighbours[fp]
	if n != nil && n.rtt != 0 {
		return n.rtt, true
	}
	rtt, ok := o.survey.rtt[fp]
	return rtt, ok
}

func (o *owner) skip(fp omega.Fingerprint) bool {
	n := o.neighbours[fp]
	return o.denies(fp) || o.unvouched(fp) || n != nil && (n.dialling || n.backoff.rests(o.now) || o.now.Before(n.refusedUntil))
}

// unvouched reports whether a server would have to show certifications here. A
// member looks for no such server by itself, because who is asked shows nothing:
// not for one that is out of sight, nor, once there are four members, for one on
// probation. The founders of a cloud are all on probation to each other.
// (spec/cloud.md, CLOUD-15)
func (o *owner) unvouched(fp omega.Fingerprint) bool {
	if o.cfg.Vouch == 0 || o.joining() || o.view == nil {
		return false
	}
	switch o.view.State(fp) {
	case mesh.Unreachable:
	case mesh.Probationary:
		if o.view.Full().Len() <= mesh.RequiredLinks {
			return false
		}
	default:
		return false
	}
	_, before := o.cfg.MemberSince(fp)
	return !before
}

// denies reports whether there are to be no links with a server.
func (o *owner) denies(fp omega.Fingerprint) bool {
	operator := ""
	if r, ok := o.db.Get(fp); ok {
		operator = r.Operator
	}
	return o.cfg.Deny.names(fp, operator)
}

// jitter is a random time up to d either way.
func (o *owner) jitter(d time.Duration) time.Duration {
	return time.Duration((2*o.rng.Float64() - 1) * float64(d))
}

// closeAll ends all connections.
func (o *owner) closeAll() {
	for _, n := range o.neighbours {
		if n.link != nil {
			n.link.conn.Close()
		}
	}
}
