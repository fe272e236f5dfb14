package cloud

import (
	"context"
	"encoding/binary"

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

// Forward sends msg, which is one whole frame, to a server: straight to it if
// it is connected, otherwise by the next hop of the mesh. Where only the mesh
// leads to a server that can be dialled, a direct connection is begun on the
// way, for the next message.
//
// Forward does not block, except in the Deliverer when to is this server. An
// error means that msg was not sent. None does not mean that it arrived: what
// is not answered is sent again by whoever wants the answer. Forward keeps no
// reference to msg. (spec/cloud.md, CLOUD-8)
func (c *Cloud) Forward(ctx context.Context, to omega.Fingerprint, class wire.Class, msg []byte) error {
	if to == c.self {
		c.stats.delivered.Add(1)
		c.cfg.Deliverer.Deliver(ctx, c.self, class, msg)
		return nil
	}
	t := c.table.Load()
	if t.links[to] == nil && t.dialable(to) {
		c.requestDial(to)
	}
	l := t.way(to)
	if l == nil {
		c.stats.noWay.Add(1)
		return ErrNoWay
	}
	return c.originate(l, to, class, msg)
}

// requestDial asks the owner for a direct connection. If the owner is busy the
// next message asks again.
func (c *Cloud) requestDial(to omega.Fingerprint) {
	select {
	case c.dials <- to:
	default:
	}
}

// originate sends a new packet over l.
func (c *Cloud) originate(l *link, to omega.Fingerprint, class wire.Class, msg []byte) error {
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	b, err := appendPacket((*buf)[:0], c.nextPacketID(), c.self, to, class)
	if err != nil {
		return err
	}
	if len(b)+len(msg) > omega.MaxPeerFrame-wire.HeaderSize {
		return ErrTooLarge
	}
	b = append(b, msg...)
	*buf = b
	if err := l.send(b); err != nil {
		c.stats.busy.Add(1)
		return ErrBusy
	}
	c.stats.sent.Add(1)
	return nil
}

// appendPacket appends the hop header of a packet to one server.
func appendPacket(b []byte, id omega.ID, from, to omega.Fingerprint, class wire.Class) ([]byte, error) {
	destinations := [1]omega.Fingerprint{to}
	p := wire.Packet{Class: class, ID: id, Source: from, Destinations: destinations[:]}
	return p.AppendTo(b)
}

// nextPacketID returns an id that no other packet of this server has. It is
// for traces; nothing rests on its being hard to guess.
func (c *Cloud) nextPacketID() (id omega.ID) {
	binary.BigEndian.PutUint64(id[:8], c.packetRun)
	binary.BigEndian.PutUint64(id[8:], c.packetNum.Add(1))
	return id
}
