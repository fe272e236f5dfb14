package churn

import (
	"slices"
	"time"

	"github.com/omega-im/omega/mesh"
)

// Times of package cloud. (spec/cloud.md, CLOUD-6)
const (
	silentAfter = 1500 * time.Millisecond // three hellos
	silentSlack = 50 * time.Millisecond   // a tenth of a hello interval: the tick that notices

	linkHold    = 300 * time.Millisecond
	maxLinkHold = 5 * time.Minute
	flapMemory  = 10 * time.Minute

	announceGap  = 50 * time.Millisecond
	refreshAfter = mesh.RefreshAfter

	firstRedial = time.Second
	lastRedial  = time.Minute
)

// end takes a server from the cloud. Its peers notice by the reset of their
// connections, or after a while by the silence.
func (w *world) end(i int32, silent bool) {
	if w.watch != nil {
		w.watch.before(w)
	}
	s := &w.servers[i]
	p := w.position(i)
	links := s.links
	w.setAlive(i, false)
	s.silent, s.full = silent, false
	s.links, s.making, s.past, s.inbound, s.join, s.accepts, s.promised = nil, nil, nil, nil, nil, nil, nil
	s.pending, s.loss, s.planning, s.stuck = false, false, false, p // what is on its disk
	s.life++
	for _, l := range links {
		delay := time.Duration(l.delay) * tick
		if silent {
			delay = silentAfter + time.Duration(w.rng.Int64N(int64(silentSlack)))
		}
		w.notice(l.peer, i, l.id, delay)
	}
	w.tally.ends++
	w.ended(i)
}

// notice lets server i lose a link after a while.
func (w *world) notice(i, peer int32, id uint32, delay time.Duration) {
	begin := w.now
	w.afterLife(i, delay, func() {
		if l := w.servers[i].linkTo(peer); l != nil && l.id == id {
			w.tally.detection.add(w.now - begin)
			w.servers[i].cause, w.servers[i].silentCause = begin, w.servers[peer].silent
			w.lose(i, peer)
		}
	})
}

// lose takes a link away from one end, which says so at once.
func (w *world) lose(i, peer int32) {
	s := &w.servers[i]
	k := slices.IndexFunc(s.links, func(l link) bool { return l.peer == peer })
	announced := s.links[k].announced
	s.links = slices.Delete(s.links, k, k+1)
	w.flood.change(i)
	if w.turns != nil {
		w.turns.ledger.untie(w, i, peer)
	}
	p := s.pastOf(peer)
	if w.now-p.lost > flapMemory {
		p.losses = 0
	}
	p.losses++
	p.lost = w.now
	w.failed(i, p)
	if announced {
		s.loss = true
		w.announceSoon(i)
	}
	if w.post != nil {
		w.post.lost(i, peer)
	}
	if len(s.links) == 0 {
		w.beginJoin(i)
		return
	}
	w.planSoon(i)
}

func (s *server) pastOf(peer int32) *past {
	p := s.past[peer]
	if p == nil {
		if s.past == nil {
			s.past = map[int32]*past{}
		}
		p = &past{lost: -time.Hour}
		s.past[peer] = p
	}
	return p
}

// failed notes that a server is not to be dialled for a while.
func (w *world) failed(i int32, p *past) {
	wait := min(firstRedial<<min(p.failures, 10), lastRedial)
	p.failures++
	p.until = w.now + wait + w.jitter(w.servers[i].rng, wait/4)
}

// join makes the two ends of a link. They notice it half a round trip apart.
func (w *world) link(dialler, accepter int32, late time.Duration) {
	w.linkID++
	id := w.linkID
	delay := ticks(w.pop.roundTrip(dialler, accepter)/2 + handling)
	w.raise(accepter, dialler, id, delay)
	w.raise(dialler, accepter, id, delay)
	w.servers[dialler].join, w.servers[accepter].join = nil, nil // they have a link
	w.tally.made++
	w.compare(dialler, accepter)
	w.hold(accepter, dialler, id, 0)
	w.hold(dialler, accepter, id, late)
}

func (w *world) raise(i, peer int32, id, delay uint32) {
	s := &w.servers[i]
	s.links = append(s.links, link{peer: peer, life: w.servers[peer].life, id: id, delay: delay})
	w.flood.change(i)
	slices.SortFunc(s.links, func(x, y link) int { return int(x.peer - y.peer) })
	if p := s.past[peer]; p != nil {
		p.failures, p.until = 0, 0
	}
}

// hold announces a new link once it has stood for a while, the longer the more
// often it was lost, but for the first time.
func (w *world) hold(i, peer int32, id uint32, late time.Duration) {
	wait := linkHold
	if p := w.servers[i].past[peer]; p != nil && w.now-p.lost <= flapMemory {
		wait = min(linkHold<<(2*min(max(p.losses-1, 0), 8)), maxLinkHold)
	}
	w.afterLife(i, late+wait, func() {
		if l := w.servers[i].linkTo(peer); l != nil && l.id == id {
			l.announced = true
			w.announceSoon(i)
			w.promote(i)
			w.promote(peer)
			if w.turns != nil && w.counts(i, l) {
				w.turns.ledger.tie(w, i, peer)
			}
			w.planSoon(i) // who joined with three links looks for the fourth
		}
	})
}

// announceSoon announces as soon as the pace allows.
func (w *world) announceSoon(i int32) {
	s := &w.servers[i]
	if s.pending {
		return
	}
	s.pending = true
	w.afterLife(i, max(s.mayAnnounce(w.now)-w.now, 0), func() {
		w.servers[i].pending = false
		w.announce(i)
	})
}

func (s *server) have(now time.Duration) float64 {
	return min(s.allowance+float64(now-s.announced)/float64(mesh.MinAnnounceInterval), mesh.AnnounceBurst)
}

func (s *server) mayAnnounce(now time.Duration) time.Duration {
	due := s.announced + announceGap
	if have := s.have(now); have < 1 {
		return max(due, now+time.Duration((1-have)*float64(mesh.MinAnnounceInterval)))
	}
	return due
}

// announce tells everybody about a server and its links.
func (w *world) announce(i int32) {
	s := &w.servers[i]
	s.allowance = s.have(w.now) - 1
	s.announced = w.now
	r := w.sign(i)
	sp := w.issue(i, s.loss, r)
	s.loss = false
	if w.turns == nil {
		w.tally.flooded(sp, len(r.octets), w.now)
	}
	if s.cause > 0 && w.turns == nil {
		w.tally.converged(s.cause, s.silentCause, w.now+time.Duration(sp.last)*tick)
		s.cause = 0
	}
	w.refreshLater(i, r)
}

// sign makes a server's next announcement.
func (w *world) sign(i int32) *record {
	s := &w.servers[i]
	a := w.pop.announcement(i)
	a.Issued = w.clock().Truncate(time.Millisecond)
	a.Expires = a.Issued.Add(mesh.MaxAge)
	s.sequence = max(s.sequence+1, uint64(a.Issued.UnixMilli()))
	a.Sequence = s.sequence
	for _, l := range s.links {
		if l.announced {
			a.Links = append(a.Links, mesh.Link{Peer: w.pop.all[l.peer].fp, RTT: w.pop.roundTrip(i, l.peer).Truncate(time.Microsecond)})
		}
	}
	slices.SortFunc(a.Links, func(x, y mesh.Link) int { return x.Peer.Compare(y.Peer) })
	octets, err := a.Sign(signAs(a.Server))
	if err != nil {
		panic(err) // the simulator made an announcement that mesh refuses
	}
	s.own = &record{i, a.Issued.Sub(epoch), octets}
	return s.own
}

// refreshLater announces the server again when nothing else did for long.
func (w *world) refreshLater(i int32, r *record) {
	w.idle(i, refreshAfter, func() {
		if w.servers[i].own == r {
			w.announceSoon(i)
		}
	})
}

// ended lets those look who keep watch at what the end of a server left.
func (w *world) ended(i int32) {
	if w.watch != nil {
		w.watch.look(w, true)
	}
	if w.turns != nil {
		w.turns.ledger.leave(w, i)
	}
}

// promote makes a server a full member once it has enough links.
func (w *world) promote(i int32) {
	s := &w.servers[i]
	if s.full || !s.alive || !w.transit(i) {
		return
	}
	n := 0
	for k := range s.links {
		if w.transit(s.links[k].peer) && w.counts(i, &s.links[k]) {
			n++
		}
	}
	if n < mesh.RequiredLinks {
		return
	}
	s.full = true
	if s.joined > 0 {
		w.tally.joins.add(w.now - s.joined)
		s.joined = 0
	}
	if w.watch != nil {
		w.watch.look(w, false)
	}
	if w.turns != nil {
		w.turns.ledger.enter(w, i)
	}
}
