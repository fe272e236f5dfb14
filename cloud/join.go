package cloud

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// The asker's side of a link. A member asks for one link at a time, when the
// rules want it. A server without any link joins: it connects to members that
// it knows, fetches the link-state, plans all its links at once, collects
// offers, and then makes them together. (spec/cloud.md, CLOUD-10 to CLOUD-13)

// joinPatience is how long a newcomer that has an offer waits for more when
// some of those it asked do not answer.
const joinPatience = 2 * answerWithin

// An asking is a request that was not answered yet.
type asking struct {
	nonce [16]byte
	at    time.Time // zero: nothing was asked
}

// ask requests a link over the connection that there is.
func (o *owner) ask(n *neighbour, why mesh.Reason) {
	l := n.link
	if l == nil || l.mine || !n.asked.at.IsZero() || o.now.Before(n.offered) || o.denies(n.fp) {
		return
	}
	n.asked = asking{at: o.now}
	for i := 0; i < len(n.asked.nonce); i += 8 {
		binary.BigEndian.PutUint64(n.asked.nonce[i:], o.rng.Uint64())
	}
	q := wire.LinkRequest{
		Purpose: uint8(why), Nonce: n.asked.nonce, Issued: o.now, Database: o.databaseHash(), Asker: o.self, Candidate: l.peer,
		Operator: o.facts.Operator, Site: o.facts.Site, Plan: o.wholePlan(), Vouches: o.cfg.Vouches,
	}
	if !o.forwards() {
		q.Flags |= wire.RequestLeaf
	}
	b, err := q.AppendTo(nil)
	if err != nil {
		o.log.Error("link request not made", "peer", l.peer, "err", err)
		return
	}
	l.conn.SendFrame(wire.TypeLinkRequest, 0, b) // without an answer it ends by itself
}

// wholePlan are the servers that this one has links to, asks or dials for
// links, ascending; not more than it may have.
func (o *owner) wholePlan() []omega.Fingerprint {
	plan := o.linked()
	slices.SortFunc(plan, omega.Fingerprint.Compare)
	return plan[:min(len(plan), mesh.LinkCap)]
}

// forwards reports whether this server says that it forwards for others.
func (o *owner) forwards() bool { return o.facts.Transit() }

// heardOffer keeps an offer and uses it, now or with others.
func (o *owner) heardOffer(l *link, body []byte) {
	offer, err := wire.DecodeLinkOffer(body)
	if err != nil {
		l.bad++
		return
	}
	n := o.neighbour(l.peer)
	if n.asked.at.IsZero() || offer.Nonce != n.asked.nonce || offer.Asker != o.self || offer.Candidate != l.peer {
		return // late, or not for us
	}
	at := time.Unix(offer.Sig.Time, 0)
	if err := o.certs.verify(l.peer, offer.Signed(), at, offer.Sig.Bytes); err != nil {
		l.bad++
		o.log.Warn("link offer refused", "peer", l.peer, "err", err)
		return
	}
	life := min(offer.Expires.Sub(offer.Issued), offerLife)
	n.asked, n.offered = asking{}, o.now.Add(life)
	if o.firstOffer.IsZero() {
		o.firstOffer = o.now
	}
	o.takeOffers()
}

// heardRefusal notes why there is no link, and for how long not to ask again.
func (o *owner) heardRefusal(l *link, body []byte) {
	f, err := wire.DecodeLinkRefusal(body)
	if err != nil {
		l.bad++
		return
	}
	n := o.neighbour(l.peer)
	if n.asked.at.IsZero() || f.Nonce != n.asked.nonce {
		return
	}
	why := mesh.Refusal(f.Reason)
	o.log.Info("link refused", "peer", l.peer, "why", why, "text", f.Text)
	n.asked = asking{}
	wait := min(max(f.Retry, firstRedial/2), time.Hour)
	n.refusedUntil = o.now.Add(wait + o.jitter(wait/4))
	if o.joining() {
		o.refusals.note(Refused{By: l.peer, Why: why, Text: f.Text, Again: n.refusedUntil})
	}
	switch why {
	case mesh.RefusalLinks, mesh.RefusalBridge, mesh.RefusalOperator:
		o.beginExchange(l) // it sees another cloud than this server does
	}
	o.takeOffers()
	o.planSoon()
}

// takeOffers makes the links that were offered. A newcomer waits until it has
// as many as it needs, or nobody else is going to answer.
func (o *owner) takeOffers() {
	if o.joining() && !o.collected() {
		return
	}
	o.firstOffer = time.Time{}
	for _, n := range o.neighbours {
		if n.link != nil && o.now.Before(n.offered) {
			n.offered = time.Time{}
			o.setMine(n.link, true)
		}
	}
}

// collected reports whether a newcomer has what offers it is going to get.
func (o *owner) collected() bool {
	offers, pending := 0, 0
	for _, n := range o.neighbours {
		switch {
		case n.link != nil && o.now.Before(n.offered):
			offers++
		case n.dialling && n.wanted, !n.asked.at.IsZero():
			pending++
		}
	}
	return offers >= max(o.joinNeeds, 1) && pending == 0 ||
		!o.firstOffer.IsZero() && o.now.Sub(o.firstOffer) >= joinPatience ||
		offers > 0 && pending == 0 && o.now.Sub(o.firstOffer) >= answerWithin
}

// joining reports whether this server has no link of the mesh.
func (o *owner) joining() bool {
	for _, n := range o.neighbours {
		if !n.up.IsZero() {
			return false
		}
	}
	return true
}

// planJoin takes the next step of a server without links.
func (o *owner) planJoin() {
	o.takeOffers()
	o.regains = o.now.Add(mesh.FormerTime)
	entry := o.entry()
	in := mesh.JoinInput{
		Applicant: mesh.Applicant{Server: o.self, Operator: o.facts.Operator, Site: o.facts.Site},
		Entry:     entry, RTT: o.measured, Skip: o.skipAsking, Block: o.block, Former: o.former,
	}
	if entry.IsZero() {
		if fetching := o.seek(); fetching && o.view.Graph.Len() >= mesh.ProbeEarly {
			o.sampled(in)
		}
		return
	}
	if !o.probed(in) {
		return // it takes less than a second
	}
	want, required := o.view.ChooseJoin(in, o.rng)
	o.joinNeeds = required
	// Whoever else answers may be in another part, and then helps to join them.
	for fp, n := range o.neighbours {
		if n.link != nil && n.link.exchange.synced && !slices.Contains(want, fp) && !o.skipAsking(fp) && len(want) < required {
			want = append(want, fp)
		}
	}
	for _, fp := range want {
		if len(o.linked()) >= in.Target() {
			break
		}
		o.wantLink(fp, mesh.ReasonJoin)
	}
	o.askAll()
}

// askAll asks those that were connected to since: a request tells the whole
// plan, so it is asked when that is made.
func (o *owner) askAll() {
	for _, n := range o.neighbours {
		if n.wanted && n.link != nil {
			n.wanted = false
			o.ask(n, n.purpose)
		}
	}
}

// skipAsking is skip for a newcomer: those that it asked stay chosen.
func (o *owner) skipAsking(fp omega.Fingerprint) bool {
	n := o.neighbours[fp]
	if n != nil && (o.now.Before(n.offered) || !n.asked.at.IsZero() || n.dialling && n.wanted) {
		return false
	}
	return o.skip(fp)
}

// entry is the connected server whose link-state is here and that reaches most
// others; zero if there is none.
func (o *owner) entry() omega.Fingerprint {
	var best omega.Fingerprint
	most := -1
	for fp, n := range o.neighbours {
		if n.link == nil || !n.link.exchange.synced || !o.view.Graph.Has(fp) {
			continue
		}
		if d := o.view.Graph.Degree(fp); d > most || d == most && fp.Compare(best) < 0 {
			best, most = fp, d
		}
	}
	return best
}

// seek connects to a few servers of which the database knows, until one is
// found that leads into the cloud. It reports whether the link-state of one is
// on its way.
func (o *owner) seek() (fetching bool) {
	under := 0
	for _, n := range o.neighbours {
		fetching := n.link != nil && !n.link.exchange.synced
		if fetching && o.now.Sub(n.link.exchange.active) < time.Second {
			return true // it comes
		}
		if n.dialling || fetching {
			under++
		}
	}
	var known []omega.Fingerprint
	for _, r := range o.view.Records {
		if n := o.neighbours[r.Server]; r.Server != o.self && r.Dialable() && !o.skip(r.Server) && (n == nil || n.link == nil) {
			known = append(known, r.Server)
		}
	}
	o.rng.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	for _, fp := range known[:max(0, min(len(known), mesh.TargetLinks-under))] {
		n := o.neighbour(fp)
		n.probe = true
		o.dial(n, false)
	}
	return false
}

// tickAsked ends a request that nobody answered, and an offer that was not used.
func (o *owner) tickAsked(n *neighbour) {
	if at := n.asked.at; !at.IsZero() && o.now.Sub(at) >= answerWithin {
		n.asked = asking{}
		n.refusedUntil = o.now.Add(refusedFor + o.jitter(refusedFor/4))
		o.planSoon()
	}
	if !o.firstOffer.IsZero() {
		o.takeOffers()
	}
}

// giveUp ends one link too many, when all is quiet here. It looks once in
// mesh.SurplusGap.
func (o *owner) giveUp() {
	if o.view == nil || o.now.Sub(o.gaveUp) < mesh.SurplusGap || !o.view.Calm() {
		return
	}
	o.gaveUp = o.now
	peer, ok := o.view.Surplus(o.rng.Uint64)
	if n := o.neighbours[peer]; ok && n != nil && n.link != nil && n.link.up() && o.keepsElders(peer) {
		o.log.Info("link given up: both ends have enough", "peer", peer)
		n.refusedUntil = o.now.Add(mesh.SurplusGap)
		o.setMine(n.link, false)
	}
}
