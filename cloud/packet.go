package cloud

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// packet deals with a packet that came over l: it is delivered, kept and sent
// on, dropped and counted, or refused. An error means that the peer breaks the
// protocol.
func (c *Cloud) packet(ctx context.Context, l *link, tag uint32, body []byte) error {
	p, err := wire.ParsePacket(body)
	if err != nil {
		return fmt.Errorf("packet from server %v: %w", l.peer, err)
	}
	if !l.used.Load() {
		l.used.Store(true)
	}
	reason := c.take(ctx, l, p)
	if tag == 0 {
		return nil
	}
	if reason != 0 {
		c.stats.nacked.Add(1)
		// A later acknowledgement would be for this one too. When the connection
		// ends its packets go another way.
		if err := l.conn.SendFrame(wire.TypePacketNack, tag, []byte{byte(reason)}); err != nil {
			return fmt.Errorf("refuse a packet from server %v: %w", l.peer, err)
		}
	}
	l.dealt.Store(tag)
	l.unacked++
	return nil
}

// answer acknowledges what came over l when much has come; a little waits for a
// packet the other way, or the courier's next look, so that it costs no write
// of its own. Receipts go when nothing more waits to be read. (spec/cloud.md,
// CLOUD-20)
func (c *Cloud) answer(l *link) {
	switch {
	case l.unacked >= maxUnacked:
		l.acknowledge()
		l.unacked = 0
	case l.unacked > 0:
		c.courier.wake()
	}
	if len(l.receipts) == 0 || len(l.receipts) < wire.MaxReceipt && l.ready != nil && l.ready.FrameReady() {
		return
	}
	c.sendReceipts(l.receipts)
	l.receipts = l.receipts[:0]
}

// owes reports whether something that came over l is not acknowledged.
func (l *link) owes() bool { return l.dealt.Load() != l.told.Load() }

// acknowledge says what was dealt with. With a full queue a later one does.
// Several goroutines may say it, in any order: the peer takes no older word.
func (l *link) acknowledge() {
	if tag := l.dealt.Load(); tag != l.told.Load() && l.conn.SendFrame(wire.TypePacketAck, tag, nil) == nil {
		l.told.Store(tag)
	}
}

// take judges a packet and returns why it is refused, 0 when it is not.
func (c *Cloud) take(ctx context.Context, l *link, p wire.PacketView) wire.Reason {
	t := c.table.Load()
	switch source := p.Source(); {
	case source == c.self:
		c.stats.forged.Add(1)
		return wire.ReasonLoop
	case source != l.peer && !mayCarry(t, l.peer):
		c.stats.forged.Add(1)
		return wire.ReasonNoTransit // which is also right for a newcomer that is not known yet
	}
	if p.NumDestinations() > 1 {
		return c.takeMany(ctx, t, l, p)
	}
	if p.Destination() == c.self {
		c.arrive(ctx, l, p)
		return 0
	}
	return c.transit(t, l, p)
}

// mayCarry reports whether a peer may bring packets of others: it says that it
// forwards, or did and drains. Leaves speak for themselves only.
func mayCarry(t *table, peer omega.Fingerprint) bool {
	r := t.view.Record(peer)
	return r != nil && r.Flags&mesh.FlagTransit != 0 && r.Flags&mesh.FlagNAT == 0
}

// arrive takes a packet for this server.
func (c *Cloud) arrive(ctx context.Context, l *link, p wire.PacketView) {
	source := p.Source()
	if source != l.peer && !c.seals.proves(p) {
		c.stats.unproven.Add(1)
		return
	}
	news := c.seen.first(source, p.ID(), l.now(c))
	if p.Flags()&packetAgain != 0 {
		// Packets vanish on the way here, or receipts on the way back, which is
		// mostly the same way.
		c.blame(c.between(source))
	}
	if p.Flags()&wire.PacketReceipt != 0 {
		l.receipts = append(l.receipts, receipt{source, p.ID()})
	}
	if !news {
		c.stats.repeated.Add(1)
		return
	}
	c.stats.delivered.Add(1)
	if t := p.PayloadType(); t >= wire.TypeReceipt && t <= lastOwnType {
		c.inner(ctx, source, p)
		return
	}
	c.cfg.Deliverer.Deliver(ctx, source, p.Class(), p.Payload())
	l.at = 0 // that may have taken a while
}

// transits reports whether this server forwards for others. A draining one
// still does: the others take a moment to route around it.
func (c *Cloud) transits(t *table) bool {
	r := t.view.Record(c.self)
	return r != nil && r.Flags&mesh.FlagTransit != 0
}

// mayPass takes one from the hop limit of a packet for others, or says why it
// may not go on.
func (c *Cloud) mayPass(t *table, p wire.PacketView) wire.Reason {
	if !c.transits(t) {
		c.stats.refused.Add(1)
		return wire.ReasonNoTransit
	}
	if p.PayloadType() == wire.TypeTrace {
		c.answerTrace(p)
	}
	if !p.Hop() {
		c.stats.hopLimit.Add(1)
		return wire.ReasonHops
	}
	return 0
}

// transit keeps a packet for one other server and sends it on.
func (c *Cloud) transit(t *table, from *link, p wire.PacketView) wire.Reason {
	if reason := c.mayPass(t, p); reason != 0 {
		return reason
	}
	kept := c.custody.keep(p.Source(), from.peer, p.Class(), len(p))
	if kept == nil {
		c.stats.busy.Add(1)
		return wire.ReasonBusy
	}
	kept.b = append(kept.b, p...)
	// What came is in the processor's caches, what is kept is not yet.
	return c.passAs(t, kept, p, from, from.now(c))
}

// takeMany deals with a packet of several destinations.
func (c *Cloud) takeMany(ctx context.Context, t *table, from *link, p wire.PacketView) wire.Reason {
	others := make([]omega.Fingerprint, 0, p.NumDestinations())
	for to := range p.Destinations {
		if to == c.self {
			c.arrive(ctx, from, p)
		} else {
			others = append(others, to)
		}
	}
	reason := c.mayPass(t, p)
	if reason == 0 {
		kept := c.custody.keep(p.Source(), from.peer, p.Class(), len(p))
		if kept != nil {
			kept.b = p.AppendFor(kept.b, others, p.Avoid(nil))
			return c.split(t, kept, from)
		}
		c.stats.busy.Add(1)
		reason = wire.ReasonBusy
	}
	return reason
}

// pass sends a parcel on to its one destination, over the first connection that
// takes it and is not from. It holds the parcel from here on. (spec/cloud.md,
// CLOUD-21, CLOUD-22)
func (c *Cloud) pass(t *table, p *parcel, from *link) wire.Reason {
	return c.passAs(t, p, p.view(), from, c.now())
}

// passAs is pass with the parcel's octets where they are at hand.
func (c *Cloud) passAs(t *table, p *parcel, v wire.PacketView, from *link, now int64) wire.Reason {
	var buf [wire.MaxAvoid]wire.LinkHash
	dead := v.Avoid(buf[:0])
	carried := len(dead)
	to, reason := v.Destination(), wire.ReasonNoWay
	own := v.Source() == c.self
	for {
		var l *link
		if l, dead = t.choose(to, dead, from); l == nil {
			break
		}
		if len(dead) > carried {
			p, carried = c.withDead(p, dead), len(dead)
			v = p.view()
		}
		if c.post(l, p, v, now) == nil {
			c.courier.wake() // and p is the connection's
			c.countForwarded(own)
			return 0
		}
		reason = wire.ReasonBusy
		if len(dead) == wire.MaxAvoid {
			break
		}
		dead = append(dead, wire.HashLink(c.self, l.peer))
	}
	p.release()
	if reason == wire.ReasonNoWay {
		c.stats.noWay.Add(1)
	} else {
		c.stats.busy.Add(1)
	}
	return reason
}

func (c *Cloud) countForwarded(own bool) {
	if !own {
		c.stats.forwarded.Add(1)
	}
}

// withDead replaces a parcel by one whose packet carries exactly the dead links
// given.
func (c *Cloud) withDead(p *parcel, dead []wire.LinkHash) *parcel {
	v := p.view()
	to := make([]omega.Fingerprint, 0, v.NumDestinations())
	for fp := range v.Destinations {
		to = append(to, fp)
	}
	n := c.custody.copyOf(p, 8*len(dead), func(b []byte) []byte { return v.AppendFor(b, to, dead) })
	p.release()
	return n
}

// split sends a parcel on, one copy per connection, each for the destinations
// behind it. It holds the parcel from here on. The reason is 0 if any copy went;
// what becomes of destinations that none serves is told to the origin then.
func (c *Cloud) split(t *table, p *parcel, from *link) (reason wire.Reason) {
	v := p.view()
	defer p.release()
	dead := v.Avoid(nil)
	ways := map[*link][]omega.Fingerprint{}
	var alone []omega.Fingerprint // whose way needs another list of dead links
	for to := range v.Destinations {
		if l, more := t.choose(to, slices.Clone(dead), from); l != nil && len(more) == len(dead) {
			ways[l] = append(ways[l], to)
		} else {
			alone = append(alone, to)
		}
	}
	sent := false
	for l, to := range ways {
		n := c.custody.copyOf(p, 0, func(b []byte) []byte { return v.AppendFor(b, to, dead) })
		if c.post(l, n, n.view(), c.now()) != nil {
			n.release()
			alone = append(alone, to...)
			continue
		}
		c.countForwarded(v.Source() == c.self)
		sent = true
	}
	c.courier.wake()
	failed := map[omega.Fingerprint]wire.Reason{}
	for _, to := range alone {
		n := c.custody.copyOf(p, 0, func(b []byte) []byte { return v.AppendFor(b, []omega.Fingerprint{to}, dead) })
		if r := c.pass(t, n, from); r != 0 {
			reason, failed[to] = r, r
			continue
		}
		sent = true
	}
	if !sent {
		return reason
	}
	for to, r := range failed {
		c.giveUp(v, to, r)
	}
	return 0
}

// nacked acts on a refusal by the peer: another way, or word to the origin.
func (c *Cloud) nacked(l *link, tag uint32, body []byte) error {
	if len(body) != 1 {
		return fmt.Errorf("refusal of %d octets from %v", len(body), l.peer)
	}
	p := l.nacked(tag, l.now(c))
	if p == nil {
		return nil
	}
	c.stats.refusals.Add(1)
	reason := wire.Reason(body[0])
	v := p.view()
	if reason == wire.ReasonHops {
		c.giveUpAll(v, reason)
		p.release()
		return nil
	}
	t := c.table.Load()
	if reason == wire.ReasonBusy && c.onlyWay(t, v, l) && c.patientWith(p) && l.again(p) {
		c.courier.wake()
		return nil
	}
	c.reroute(t, p, l.peer, c.giveUpAll)
	return nil
}

// onlyWay reports whether a packet cannot go to its destinations but over l.
func (c *Cloud) onlyWay(t *table, v wire.PacketView, l *link) bool {
	link := wire.HashLink(c.self, l.peer)
	if v.Avoids(link) || v.NumAvoid() == wire.MaxAvoid {
		return false
	}
	for to := range v.Destinations {
		if other, _ := t.choose(to, append(v.Avoid(nil), link), nil); other != nil {
			return false
		}
	}
	return true
}

// busyLife is how long a packet waits for a next hop that is busy.
const busyLife = 5 * time.Second

// patientWith reports whether a packet may go on waiting for a busy next hop.
func (c *Cloud) patientWith(p *parcel) bool {
	now := max(c.now(), 1)
	p.refused.CompareAndSwap(0, now)
	return now-p.refused.Load() < int64(busyLife)
}

// reroute sends a parcel that the server hop does not take another way. It holds
// the parcel from here on. failed, if any, is called when there is none.
func (c *Cloud) reroute(t *table, p *parcel, hop omega.Fingerprint, failed func(wire.PacketView, wire.Reason)) wire.Reason {
	p = c.sealed(p)
	name := wire.HashLink(c.self, hop)
	var not *link
	switch v := p.view(); {
	case v.Avoids(name):
	case v.NumAvoid() < wire.MaxAvoid:
		p = c.withDead(p, v.Avoid([]wire.LinkHash{name}))
	default:
		not = t.links[hop] // the list is full: at least not from here again
	}
	spare := p.share() // what failed reads, after p is gone
	defer spare.release()
	var reason wire.Reason
	if p.view().NumDestinations() > 1 {
		reason = c.split(t, p, not)
	} else {
		reason = c.pass(t, p, not)
	}
	if reason != 0 && failed != nil {
		failed(spare.view(), reason)
	}
	return reason
}

// sealed replaces a packet of this server that was to go straight to its
// destination, and so has no MAC, by one that others may carry. It is repeated
// until there is a receipt.
func (c *Cloud) sealed(p *parcel) *parcel {
	v := p.view()
	if v.Source() != c.self || v.Flags()&wire.PacketMACs != 0 {
		return p
	}
	to, id := v.Destination(), v.ID()
	mac, ok := c.seals.seal(to, id, v.Class(), v.Payload())
	if !ok {
		return p // nobody else may bring it then, but trying does no harm
	}
	head := wire.Packet{
		Class: v.Class(), Flags: v.Flags(), ID: id, Source: c.self, Destinations: []omega.Fingerprint{to},
		MACs: [][wire.PacketMACSize]byte{mac}, Avoid: v.Avoid(nil),
	}
	tracked := c.letters.room()
	if tracked {
		head.Flags |= wire.PacketReceipt
	}
	n := c.custody.copyOf(p, wire.PacketMACSize, func(b []byte) []byte {
		b, _ = head.AppendTo(b) // as well formed as what it is made from
		return append(b, v.Payload()...)
	})
	p.release()
	if tracked {
		c.letters.add(numOf(id), to, n, c.now(), c.table.Load().distance(to))
	}
	return n
}

// giveUpAll tells the origin that none of the destinations is reached.
func (c *Cloud) giveUpAll(v wire.PacketView, reason wire.Reason) {
	for to := range v.Destinations {
		c.giveUp(v, to, reason)
	}
}

// giveUp tells the origin of a packet that a destination is not reached from
// here. Nothing is told of what is itself such word. (spec/cloud.md, CLOUD-21)
func (c *Cloud) giveUp(v wire.PacketView, to omega.Fingerprint, reason wire.Reason) {
	if v.Source() == c.self {
		c.letters.hurry(numOf(v.ID()), to, c.now())
		return
	}
	switch v.PayloadType() {
	case wire.TypeBounce, wire.TypeReceipt, wire.TypeTrace, wire.TypeTraced:
		return
	}
	if v.Class() == wire.ClassEphemeral {
		return
	}
	c.stats.bounced.Add(1)
	c.say(v.Source(), wire.TypeBounce, wire.AppendBounce(nil, &wire.Bounce{ID: v.ID(), Reason: reason, To: to}))
}

// say sends a frame of the cloud's own to another server, without repeating it.
func (c *Cloud) say(to omega.Fingerprint, t wire.Type, body []byte) error {
	tbl := c.table.Load()
	msg := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, 0, body)
	if l := tbl.links[to]; l != nil && c.sendDirect(l, to, wire.ClassControl, msg) == nil {
		return nil
	}
	return c.sendOverMesh(tbl, to, wire.ClassControl, msg, false)
}
