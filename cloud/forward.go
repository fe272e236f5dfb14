package cloud

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Errors of Forward. Each is an *omega.Error and may be told to a client as it
// is; they are values so that refusing costs nothing.
var (
	ErrNoWay    = omega.Errorf(omega.CodeUnavailable, "there is no way to the server now")
	ErrBusy     = omega.Errorf(omega.CodeUnavailable, "the way to the server is full")
	ErrTooLarge = omega.Errorf(omega.CodeTooLarge, "too large to go between servers")
)

// maxDirect is to how many servers a message goes as to each alone; with more
// it is one packet over the mesh. (spec/cloud.md, CLOUD-28)
const maxDirect = 8

// now is the time on the cloud's own clock: nanoseconds since the start.
func (c *Cloud) now() int64 { return int64(c.cfg.Clock().Sub(c.start)) }

// Forward sends msg, which is one whole frame, to a server: straight to it if
// it is connected, otherwise by the next hop of the mesh. Where only the mesh
// leads to a server that can be dialled, a direct connection is begun on the
// way, for the next message; so it is, by a circuit, for bulk to a server behind
// NAT.
//
// Forward does not block, except in the Deliverer when to is this server. An
// error means that msg was not sent. None does not mean that it arrived: it is
// kept and repeated over other ways for some seconds, but not on stable
// storage, and whoever wants an answer sends it again. Forward keeps no
// reference to msg. (spec/cloud.md, CLOUD-8, CLOUD-20)
func (c *Cloud) Forward(ctx context.Context, to omega.Fingerprint, class wire.Class, msg []byte) error {
	if to == c.self {
		c.stats.delivered.Add(1)
		c.cfg.Deliverer.Deliver(ctx, c.self, class, msg)
		return nil
	}
	t := c.table.Load()
	l := t.links[to]
	if l == nil && (t.dialable(to) || class == wire.ClassBulk && c.mayCircuit(t, to)) {
		c.requestDial(to)
	}
	if l != nil && !l.stalls.Load() {
		err := c.sendDirect(l, to, class, msg)
		if err == nil || errors.Is(err, ErrTooLarge) {
			return err
		}
	}
	return c.sendOverMesh(t, to, class, msg, true)
}

// ForwardAll sends msg to several servers, each at most once. Up to 8 get it as
// Forward sends it; for more it is one packet over the mesh that is split where
// the ways part, so that no connection carries it twice. What it promises is
// what Forward does; the error is the first one, and the others got it all the
// same. (spec/cloud.md, CLOUD-28)
func (c *Cloud) ForwardAll(ctx context.Context, to []omega.Fingerprint, class wire.Class, msg []byte) error {
	if len(to) <= maxDirect {
		var first error
		for _, fp := range to {
			if err := c.Forward(ctx, fp, class, msg); err != nil && first == nil {
				first = err
			}
		}
		return first
	}
	var first error
	others := make([]omega.Fingerprint, 0, min(len(to), wire.MaxDestinations))
	flush := func() {
		if err := c.multicast(others, class, msg); err != nil && first == nil {
			first = err
		}
		others = others[:0]
	}
	for _, fp := range to {
		if fp == c.self {
			first = errors.Join(first, c.Forward(ctx, fp, class, msg))
			continue
		}
		if slices.Contains(others, fp) {
			continue
		}
		if others = append(others, fp); len(others) == wire.MaxDestinations {
			flush()
		}
	}
	if len(others) > 0 {
		flush()
	}
	return first
}

// requestDial asks the owner for a direct connection. If the owner is busy the
// next message asks again.
func (c *Cloud) requestDial(to omega.Fingerprint) {
	select {
	case c.dials <- to:
	default:
	}
}

// sendDirect sends a packet without MAC over the destination's own connection.
func (c *Cloud) sendDirect(l *link, to omega.Fingerprint, class wire.Class, msg []byte) error {
	p, err := c.wrap(to, class, 0, msg, c.nextPacketID(), false)
	if err != nil {
		return err
	}
	return c.sendOwn(l, p)
}

// sendOwn posts a packet of this server.
func (c *Cloud) sendOwn(l *link, p *parcel) error {
	if err := c.post(l, p, p.view(), c.now()); err != nil {
		p.release()
		return ErrBusy
	}
	c.courier.wake()
	c.stats.sent.Add(1)
	return nil
}

// sendOverMesh sends a packet by a next hop. tracked: it is repeated until
// there is a receipt.
func (c *Cloud) sendOverMesh(t *table, to omega.Fingerprint, class wire.Class, msg []byte, tracked bool) error {
	l, dead := c.chooseOwn(t, to)
	if l == nil {
		c.stats.noWay.Add(1)
		return ErrNoWay
	}
	id, flags := c.nextPacketID(), uint8(0)
	tracked = tracked && class != wire.ClassEphemeral && l.peer != to && c.letters.room()
	if tracked {
		flags = wire.PacketReceipt
	}
	p, err := c.wrap(to, class, flags, msg, id, true)
	if err != nil {
		return err
	}
	if len(dead) > 0 {
		p = c.withDead(p, dead)
	}
	if tracked {
		c.letters.add(numOf(id), to, p, c.now(), t.distance(to))
	}
	if c.sendOwn(l, p) == nil {
		return nil
	}
	return c.sendElsewhere(t, l, to, class, msg, id, flags)
}

// sendElsewhere is for a packet that its next hop l does not take.
func (c *Cloud) sendElsewhere(t *table, l *link, to omega.Fingerprint, class wire.Class, msg []byte, id omega.ID, flags uint8) error {
	if other, _ := t.choose(to, []wire.LinkHash{wire.HashLink(c.self, l.peer)}, nil); other == nil {
		c.letters.forget(numOf(id), to)
		c.stats.busy.Add(1)
		return ErrBusy
	}
	p, err := c.wrap(to, class, flags, msg, id, true)
	if err != nil || c.reroute(t, p, l.peer, nil) != 0 {
		c.letters.forget(numOf(id), to)
		return ErrBusy
	}
	c.stats.sent.Add(1)
	return nil
}

// wrap makes a packet of this server for one other.
func (c *Cloud) wrap(to omega.Fingerprint, class wire.Class, flags uint8, msg []byte, id omega.ID, sealed bool) (*parcel, error) {
	destinations := [1]omega.Fingerprint{to}
	var macs [1][wire.PacketMACSize]byte
	head := wire.Packet{Class: class, Flags: flags, ID: id, Source: c.self, Destinations: destinations[:]}
	if sealed {
		var ok bool
		if macs[0], ok = c.seals.seal(to, id, class, msg); !ok {
			c.stats.noWay.Add(1)
			return nil, ErrNoWay // its certificate comes with its announcement
		}
		head.MACs = macs[:]
	}
	return c.fill(&head, msg)
}

// maxMessage is the longest message in a packet to n servers, in octets.
func maxMessage(n int) int {
	head := wire.MaxPacketHeader - (wire.MaxDestinations-n)*(omega.MaxFingerprintSize+wire.PacketMACSize)
	return omega.MaxPeerFrame - wire.HeaderSize - head
}

// fill makes a packet of a header and a message.
func (c *Cloud) fill(head *wire.Packet, msg []byte) (*parcel, error) {
	n := len(head.Destinations)
	if len(msg) > maxMessage(n) {
		return nil, ErrTooLarge
	}
	p := c.custody.keep(c.self, c.self, head.Class, omega.MaxPeerFrame-maxMessage(n)+len(msg))
	if p == nil {
		c.stats.busy.Add(1)
		return nil, ErrBusy
	}
	b, err := head.AppendTo(p.b)
	if err != nil {
		p.release()
		return nil, err
	}
	p.b = append(b, msg...)
	return p, nil
}

// multicast sends one packet to several others. Those without a key are left
// out and reported.
func (c *Cloud) multicast(to []omega.Fingerprint, class wire.Class, msg []byte) error {
	head := wire.Packet{Class: class, ID: c.nextPacketID(), Source: c.self}
	var first error
	for _, fp := range to {
		mac, ok := c.seals.seal(fp, head.ID, class, msg)
		if !ok {
			c.stats.noWay.Add(1)
			first = ErrNoWay
			continue
		}
		head.Destinations, head.MACs = append(head.Destinations, fp), append(head.MACs, mac)
	}
	if len(head.Destinations) == 0 {
		return first
	}
	if class != wire.ClassEphemeral {
		head.Flags = wire.PacketReceipt
	}
	p, err := c.fill(&head, msg)
	if err != nil {
		return err
	}
	t, now := c.table.Load(), c.now()
	for _, fp := range head.Destinations {
		if class != wire.ClassEphemeral && c.letters.room() {
			c.letters.add(numOf(head.ID), fp, p, now, t.distance(fp))
		}
	}
	c.courier.wake()
	c.stats.sent.Add(1)
	if reason := c.split(t, p, nil); reason != 0 && first == nil {
		first = ErrNoWay
	}
	return first
}

// distance is the round trip of the way to a server, 0 if it is not known.
func (t *table) distance(to omega.Fingerprint) time.Duration {
	if t.view.Tree == nil {
		return 0
	}
	rtt, _ := t.view.Tree.Distance(to)
	return rtt
}

// nextPacketID returns an id that no other packet of this server has: half of
// it random for each run, so that a server that started again does not repeat
// itself.
func (c *Cloud) nextPacketID() (id omega.ID) {
	binary.BigEndian.PutUint64(id[:8], c.packetRun)
	binary.BigEndian.PutUint64(id[8:], c.packetNum.Add(1))
	return id
}

// numOf is the second half of an id.
func numOf(id omega.ID) uint64 { return binary.BigEndian.Uint64(id[8:]) }
