package cloud

import (
	"context"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// packet deals with a packet that came over l: it is delivered, sent on, or
// dropped and counted. An error means that the peer breaks the protocol.
func (c *Cloud) packet(ctx context.Context, l *link, body []byte) error {
	p, err := wire.ParsePacket(body)
	if err != nil {
		return fmt.Errorf("packet from server %v: %w", l.peer, err)
	}
	if !l.used.Load() {
		l.used.Store(true)
	}
	t := c.table.Load()
	if from := p.Source(); from == c.self || from != l.peer && !mayCarry(t, l.peer) {
		c.stats.forged.Add(1)
		return nil
	}
	if p.NumDestinations() > 1 {
		c.split(ctx, t, l, p)
		return nil
	}
	if to := p.Destination(); to != c.self {
		c.sendOn(t, l, to, p)
		return nil
	}
	c.deliver(ctx, p)
	return nil
}

// mayCarry reports whether a peer may bring packets of others: it says that it
// forwards. Leaves speak for themselves only.
func mayCarry(t *table, peer omega.Fingerprint) bool {
	r := t.view.Record(peer)
	return r != nil && r.Transit()
}

func (c *Cloud) deliver(ctx context.Context, p wire.PacketView) {
	c.stats.delivered.Add(1)
	c.cfg.Deliverer.Deliver(ctx, p.Source(), p.Class(), p.Payload())
}

// sendOn sends the octets of a packet over the way to one of its destinations,
// after taking one from its hop limit. It never goes back where it came from:
// two servers whose views differ would play ball with it.
func (c *Cloud) sendOn(t *table, from *link, to omega.Fingerprint, p wire.PacketView) {
	if !c.transit(t) {
		c.stats.refused.Add(1)
		return
	}
	if !p.Hop() {
		c.stats.hopLimit.Add(1)
		return
	}
	l := t.way(to)
	if l == nil || l == from {
		c.stats.noWay.Add(1)
		return
	}
	if l.send(p) != nil {
		c.stats.busy.Add(1)
		return
	}
	c.stats.forwarded.Add(1)
}

// transit reports whether this server forwards for others. A draining one
// still does: the others take a moment to route around it.
func (c *Cloud) transit(t *table) bool {
	r := t.view.Record(c.self)
	return r != nil && r.Flags&mesh.FlagTransit != 0
}

// split sends a packet of several destinations on, one copy per way.
func (c *Cloud) split(ctx context.Context, t *table, from *link, p wire.PacketView) {
	ways := make(map[*link][]omega.Fingerprint)
	for to := range p.Destinations {
		switch l := t.way(to); {
		case to == c.self:
			c.deliver(ctx, p)
		case l == nil || l == from:
			c.stats.noWay.Add(1)
		default:
			ways[l] = append(ways[l], to)
		}
	}
	if len(ways) > 0 && !c.transit(t) {
		c.stats.refused.Add(1)
		return
	}
	if len(ways) > 0 && !p.Hop() {
		c.stats.hopLimit.Add(1)
		return
	}
	for l, to := range ways {
		c.sendCopy(l, to, p)
	}
}

// hopLimitAt is where the hop limit stands in a packet (see wire.PacketView).
const hopLimitAt = 2

func (c *Cloud) sendCopy(l *link, to []omega.Fingerprint, p wire.PacketView) {
	head := wire.Packet{Class: p.Class(), ID: p.ID(), Source: p.Source(), Destinations: to}
	b, err := head.AppendTo(make([]byte, 0, len(p)))
	if err != nil {
		c.stats.noWay.Add(1)
		return
	}
	b[hopLimitAt] = byte(p.HopLimit())
	if l.send(append(b, p.Payload()...)) != nil {
		c.stats.busy.Add(1)
		return
	}
	c.stats.forwarded.Add(1)
}
