package cloud

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// A neighbour is a server that this one is, was or wants to be connected to.
type neighbour struct {
	fp       omega.Fingerprint
	link     *link // nil: not connected
	dialling bool
	wanted   bool // the dial under way is for a link of the mesh
	purpose  mesh.Reason
	probe    bool // the dial under way is to fetch the link-state
	backoff  backoff

	asked   asking    // request of this server without an answer
	offered time.Time // until when the peer's offer of a link stands
	given   time.Time // until when this server's offer to the peer does

	up           time.Time     // since when both count it as a link; zero: they do not
	announced    bool          // as a link
	told         time.Duration // round trip in the last announcement
	rtt          time.Duration // last measured, on this or an earlier connection
	losses       int           // of the link, within flapMemory of each other
	lost         time.Time     // the last one
	refusedUntil time.Time     // it refused a link; not to be asked again before
	rations      rations       // of what it asks
}

// A backoff says when something that failed may be tried again.
type backoff struct {
	failures int
	until    time.Time
}

func (b backoff) rests(now time.Time) bool { return now.Before(b.until) }

func (o *owner) failed(b *backoff) {
	wait := min(firstRedial<<min(b.failures, 10), lastRedial)
	b.failures++
	b.until = o.now.Add(wait + o.jitter(wait/4))
}

func (o *owner) neighbour(fp omega.Fingerprint) *neighbour {
	n := o.neighbours[fp]
	if n == nil {
		n = &neighbour{fp: fp}
		o.neighbours[fp] = n
	}
	return n
}

// attach takes a new connection, dialled or accepted.
func (o *owner) attach(l *link) {
	n := o.neighbour(l.peer)
	if l.peer == o.self {
		o.log.Warn("connection to this server itself: two servers with one key, or a wrong address")
		o.failed(&n.backoff)
		l.conn.Close()
		return
	}
	if !o.settleCollision(n, l) {
		l.conn.Close()
		return
	}
	n.link, n.backoff = l, backoff{}
	l.attached, l.idle, l.since = true, o.now, o.now
	o.attached++
	o.linksChanged = true
	if cert := l.conn.Peer().Certificate; cert != nil {
		if _, err := o.certs.learn(cert); err != nil {
			o.log.Warn("certificate of a neighbour is refused", "peer", l.peer, "err", err)
		}
	}
	o.log.Debug("connected", "peer", l.peer, "dialled", l.dialled, "version", l.conn.Peer().Version)
	o.stats.connections.Store(int64(o.attached))
	o.makeRoom()
	o.sendHello(l)
	if l.mine {
		o.beginExchange(l)
	}
	o.putToUse(n, l)
}

// putToUse does what a connection was made for: to fetch the link-state, to ask
// for a link, or neither.
func (o *owner) putToUse(n *neighbour, l *link) {
	if n.probe && !l.exchange.synced {
		o.beginExchange(l)
	}
	n.probe = false
	o.askSoon(n)
}

// askSoon asks for the link that a connection was made for. A newcomer asks
// when it plans next: by then it may have more to tell about its plan.
func (o *owner) askSoon(n *neighbour) {
	switch {
	case !n.wanted:
	case n.purpose == mesh.ReasonJoin && o.joining():
		o.planSoon()
	default:
		n.wanted = false
		o.ask(n, n.purpose)
	}
}

// settleCollision sees to it that one connection of a pair stays, and reports
// whether that is l. Of two that one side dialled the newer stays: the older
// is a leftover. The one that stays takes over what the other was.
func (o *owner) settleCollision(n *neighbour, l *link) bool {
	old := n.link
	if old == nil {
		return true
	}
	if old.dialled != l.dialled && !mesh.KeepDialled(o.self, l.peer, l.dialled) {
		o.putToUse(n, old)
		return false
	}
	l.mine, l.mineFrom, l.theirs = old.mine, old.mineFrom, old.theirs
	n.probe = n.probe || !old.exchange.active.IsZero() && !old.exchange.synced
	if !n.asked.at.IsZero() { // the answer may be lost with the connection
		n.asked, n.wanted = asking{}, true
	}
	old.attached = false
	o.attached--
	old.conn.Close()
	return true
}

// detach notes that a connection has ended.
func (o *owner) detach(l *link, err error) {
	if !l.attached {
		return // it lost against another one
	}
	n := o.neighbour(l.peer)
	l.attached, n.link = false, nil
	n.asked, n.offered, n.given = asking{}, time.Time{}, time.Time{}
	o.attached--
	o.stats.connections.Store(int64(o.attached))
	o.linksChanged = true
	if l.mine || l.dialled {
		o.failed(&n.backoff) // not at once again, and not all together
	}
	o.log.Debug("disconnected", "peer", l.peer, "err", err)
	o.checkUp(n)
}

// drop ends a connection without waiting for its reader to notice.
func (o *owner) drop(l *link, err error) {
	l.conn.Close()
	o.detach(l, err)
}

// setMine changes whether this server counts l as a link, and says so.
func (o *owner) setMine(l *link, mine bool) {
	if l.mine == mine {
		return
	}
	l.mine, l.mineFrom = mine, o.now
	o.sendHello(l)
	if mine {
		o.beginExchange(l)
	}
	o.checkUp(o.neighbour(l.peer))
}

// heardHello notes that the peer counts l as a link, or no more.
func (o *owner) heardHello(l *link, theirs bool) {
	if !l.attached {
		return
	}
	l.theirs = theirs
	n := o.neighbour(l.peer)
	if theirs && !l.mine && (o.now.Before(n.given) || o.now.Before(n.offered)) {
		n.given, n.offered = time.Time{}, time.Time{} // whoever asked, both agreed
		o.setMine(l, true)
	}
	o.checkUp(n)
}

// checkUp notes when a link of the mesh comes or goes.
func (o *owner) checkUp(n *neighbour) {
	up := n.link != nil && n.link.up()
	switch {
	case up && n.up.IsZero():
		n.up = o.now
		o.refusals.forget()
		if o.now.Sub(n.lost) > flapMemory {
			n.losses = 0
		}
		o.log.Info("link up", "peer", n.fp)
		o.stats.linksUp.Add(1)
		o.beginExchange(n.link)
	case !up && !n.up.IsZero():
		n.up = time.Time{}
		n.losses++
		n.lost = o.now
		o.log.Info("link down", "peer", n.fp)
		o.stats.linksUp.Add(-1)
		o.stats.linksLost.Add(1)
		if n.announced {
			n.announced = false
			o.needAnnounce = true // bad news at once
		}
	}
}

// raiseLinks announces the links that were held long enough. It returns when
// the next one will be, or zero. A newcomer's first links are announced
// together: with fewer it would be on probation in between.
func (o *owner) raiseLinks() (next time.Time) {
	if wait := o.firstLinks(); !wait.IsZero() {
		return wait
	}
	for _, n := range o.neighbours {
		if n.up.IsZero() || n.announced || n.measure() == 0 {
			continue // a tick comes soon
		}
		due := n.up.Add(o.hold(n))
		switch {
		case !o.now.Before(due):
			n.announced = true
			o.needAnnounce = true
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	return next
}

// firstLinks returns when the first links go out together, while some are
// still on their way; zero: there is nothing to wait for.
func (o *owner) firstLinks() time.Time {
	var last time.Time
	waiting := false
	for _, n := range o.neighbours {
		switch {
		case n.announced:
			return time.Time{}
		case n.link == nil || !n.link.mine:
		case n.up.IsZero():
			waiting = true
		default:
			due := n.up.Add(o.hold(n))
			waiting = waiting || due.After(o.now)
			if due.After(last) {
				last = due
			}
		}
	}
	if !waiting || last.IsZero() {
		return time.Time{}
	}
	if give := last.Add(o.cfg.LinkHold); give.After(o.now) {
		return give
	}
	return time.Time{}
}

func (o *owner) hold(n *neighbour) time.Duration {
	return min(o.cfg.LinkHold<<(2*min(max(n.losses-1, 0), 8)), max(maxLinkHold, o.cfg.LinkHold))
}

// tickNeighbour looks after one neighbour. late: this server was kept from its
// work, so silence proves nothing.
func (o *owner) tickNeighbour(n *neighbour, late bool) {
	l := n.link
	if l == nil {
		o.tickAbsent(n)
		return
	}
	if l.heard.Swap(false) || late {
		l.missed = 0
	} else if l.missed++; l.missed >= ticksPerHello*missedHellos {
		o.stats.silent.Add(1)
		o.drop(l, errSilent)
		return
	}
	if l.used.Swap(false) || l.up() {
		l.idle = o.now
	}
	n.measure()
	o.tickAsked(n)
	if o.ticks%ticksPerHello == 0 {
		o.sendHello(l)
	}
	switch {
	case l.mine && !l.theirs && o.now.Sub(l.mineFrom) >= answerWithin:
		n.refusedUntil = o.now.Add(refusedFor + o.jitter(refusedFor/4))
		o.setMine(l, false)
		o.planSoon()
	case !l.mine && o.now.Sub(l.idle) >= o.idleLimit(l):
		o.drop(l, errIdle)
		n.backoff = backoff{}
	case l.up() && o.now.Sub(l.exchange.active) >= exchangeInterval:
		o.beginExchange(l)
	}
	o.tellRTT(n)
}

// measure returns the round trip of the connection, 0 while no hello was
// answered, and remembers it.
func (n *neighbour) measure() time.Duration {
	rtt := time.Duration(n.link.rtt.Load())
	if rtt != 0 {
		n.rtt = rtt
	}
	return rtt
}

// idleLimit is how long a direct connection may carry nothing. The side that
// dialled it ends it; the other one only if that does not.
func (o *owner) idleLimit(l *link) time.Duration {
	if l.dialled {
		return o.cfg.DirectIdle
	}
	return 2 * o.cfg.DirectIdle
}

// tickAbsent lets the table know when a rest is over, and forgets neighbours
// about which there is nothing left to remember.
func (o *owner) tickAbsent(n *neighbour) {
	if n.dialling || n.backoff.rests(o.now) {
		return
	}
	if o.table.Load().resting[n.fp] {
		o.linksChanged = true
	}
	if !o.now.Before(n.refusedUntil) && o.now.Sub(n.backoff.until) > flapMemory && o.now.Sub(n.lost) > flapMemory && n.rations.idle(o.now) {
		delete(o.neighbours, n.fp)
	}
}

// tellRTT announces a round trip that changed by a fifth and 5 ms, at most
// once in rttInterval.
func (o *owner) tellRTT(n *neighbour) {
	if !n.announced || o.now.Sub(o.rttAnnounced) < rttInterval {
		return
	}
	diff := max(n.rtt-n.told, n.told-n.rtt)
	if diff > 5*time.Millisecond && diff > n.told/5 {
		o.rttAnnounced = o.now
		o.needAnnounce = true
	}
}

// makeRoom ends the connection that was unused for longest, when there are too
// many direct ones, or too many that newcomers follow the news over.
func (o *owner) makeRoom() {
	// What somebody else has just dialled may be a newcomer's.
	follows := func(l *link) bool { return l.follows || !l.dialled && o.now.Sub(l.since) < answerWithin }
	o.evict(o.cfg.MaxDirect, func(n *neighbour) bool { return !n.link.mine && !follows(n.link) && !o.courts(n) })
	o.evict(maxFollowers, func(n *neighbour) bool { return !n.link.mine && follows(n.link) && !o.courts(n) })
}

// evict ends the oldest connection of a kind, if there are more than limit.
func (o *owner) evict(limit int, kind func(*neighbour) bool) {
	count := 0
	var oldest *link
	for _, n := range o.neighbours {
		if l := n.link; l != nil && kind(n) {
			count++
			if oldest == nil || l.idle.Before(oldest.idle) {
				oldest = l
			}
		}
	}
	if count > limit {
		o.drop(oldest, errIdle)
	}
}

// courts reports whether a link with the neighbour is being agreed on: its
// connection is no longer a direct one, and not yet a link.
func (o *owner) courts(n *neighbour) bool { return o.seeks(n) || o.now.Before(n.given) }

// seeks reports whether this server is getting a link with the neighbour.
func (o *owner) seeks(n *neighbour) bool {
	return n.wanted || !n.asked.at.IsZero() || o.now.Before(n.offered)
}

func (o *owner) sendHello(l *link) {
	var buf [helloSize]byte
	// A hello that finds the queue full is not missed: the queue is heard.
	l.conn.SendFrame(wire.TypeHello, 0, appendHello(buf[:0], o.now.Sub(o.start), l.mine))
}
