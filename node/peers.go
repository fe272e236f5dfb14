package node

import (
	"context"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// probePeer measures the round trip to a server over the node's network.
func (n *Node) probePeer(ctx context.Context, to transport.Address) (time.Duration, error) {
	return n.guard.Probe(ctx, to)
}

// dialPeer connects to another server as this one.
func (n *Node) dialPeer(ctx context.Context, to transport.Address) (cloud.Conn, error) {
	return n.dialServer(ctx, to, nil, false)
}

// dialBulk makes a second connection to a server, for bulk.
func (n *Node) dialBulk(ctx context.Context, to transport.Address) (cloud.Conn, error) {
	return n.dialServer(ctx, to, nil, true)
}

// dialByCircuit connects to a server behind NAT, by a relay.
func (n *Node) dialByCircuit(ctx context.Context, to transport.Address, h wire.Handle) (cloud.Conn, error) {
	return n.dialServer(ctx, to, &h, false)
}

// answerCircuit takes the connection of another server that comes by a relay.
func (n *Node) answerCircuit(ctx context.Context, relay string, h wire.Handle) (cloud.Conn, error) {
	a := n.guard.Attempt(omega.Fingerprint{})
	nc, err := transport.DialCircuit(ctx, a.Dial, relay, h)
	var conn *transport.Conn
	if err == nil {
		conn, err = n.transport.Accept(ctx, nc)
	}
	if a.Done(err == nil); err != nil {
		return nil, err
	}
	return conn, nil
}

func (n *Node) dialServer(ctx context.Context, to transport.Address, circuit *wire.Handle, bulk bool) (cloud.Conn, error) {
	conn, err := dialAs(ctx, n.guard, transport.DialConfig{Address: to, Circuit: circuit, Bulk: bulk, Identity: n.identity, Clock: n.opt.Clock})
	if err != nil {
		n.clocks.noteRefused(err, time.Now())
		return nil, err
	}
	n.noteClock(conn.Peer())
	return conn, nil
}

// splice joins two servers that cannot dial each other.
func (n *Node) splice(ctx context.Context, h wire.Handle, nc net.Conn) {
	if err := n.cloud.Splice(ctx, h, nc); err != nil {
		n.log.Debug("circuit ended", "err", err)
	}
}
