package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A peerEnd is a server that is connected to the one under measurement and does
// no more than a stream needs: hellos, packets and acknowledgements.
// (spec/cloud.md, CLOUD-6, CLOUD-20)
type peerEnd struct {
	conn    *transport.Conn
	id      *pgp.Identity
	got     atomic.Uint32 // packets that came, which is the tag of the last one
	more    chan struct{} // got moved
	refused atomic.Uint32 // of its own, because the server was busy
	reason  atomic.Uint32 // of one that was refused for another reason; 0: none was
	told    uint32        // the reader's: acknowledged
	ended   chan struct{} // nothing more is read
}

// Times of a peerEnd, which are those of servers.
const (
	helloEvery = 500 * time.Millisecond
	ackAfter   = 64
)

// Between connects two servers to omegad that have no other connection.
func (o *omegaServer) Between(ctx context.Context) (stream, error) {
	near, err := meetPeer(ctx, o.peer)
	if err != nil {
		return nil, err
	}
	s := &omegaStream{}
	if s.from, err = newPeerEnd(ctx, near); err != nil {
		return nil, err
	}
	if s.to, err = newPeerEnd(ctx, near); err != nil {
		s.from.close()
		return nil, err
	}
	return s, nil
}

// meetPeer asks the listener for servers who is there.
func meetPeer(ctx context.Context, port int) (transport.Address, error) {
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: fmt.Sprintf("127.0.0.1:%d", port)}
	conn, _, err := dialPeer(ctx, addr)
	if err != nil {
		return addr, err
	}
	addr.Fingerprint = conn.Peer().Account
	return addr, conn.Close()
}

// dialPeer connects as a server that nobody knows yet.
func dialPeer(ctx context.Context, to transport.Address) (*transport.Conn, *pgp.Identity, error) {
	id, err := newUser(ctx) // a server has the keys of somebody with one device
	if err != nil {
		return nil, nil, err
	}
	conn, err := transport.Dial(ctx, transport.DialConfig{
		Address: to, Identity: id, Role: transport.RoleServer, MaxQueue: 8 << 20,
		Register: func(context.Context) (wire.Entry, error) { return wire.Entry{Certificate: id.Certificate.Bytes()}, nil },
	})
	return conn, id, err
}

func newPeerEnd(ctx context.Context, to transport.Address) (*peerEnd, error) {
	conn, id, err := dialPeer(ctx, to)
	if err != nil {
		return nil, err
	}
	e := &peerEnd{conn: conn, id: id, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go e.read()
	go e.hellos()
	return e, nil
}

func (e *peerEnd) hellos() {
	tick := time.NewTicker(helloEvery)
	defer tick.Stop()
	for {
		_ = e.conn.SendFrame(wire.TypeHello, 0, make([]byte, 9)) // the reader notices the end
		select {
		case <-e.ended:
			return
		case <-tick.C:
		}
	}
}

func (e *peerEnd) read() {
	defer close(e.ended)
	for {
		f, err := e.conn.ReadFrame()
		if err != nil {
			return
		}
		switch f.Type {
		case wire.TypePacket:
			e.got.Store(f.Tag)
			if f.Tag-e.told >= ackAfter {
				_ = e.conn.SendFrame(wire.TypePacketAck, f.Tag, nil)
				e.told = f.Tag
				select {
				case e.more <- struct{}{}:
				default:
				}
			}
		case wire.TypePacketNack: // one octet
			if r := wire.Reason(f.Body[0]); r != wire.ReasonBusy {
				e.reason.Store(uint32(r))
			}
			e.refused.Add(1)
		case wire.TypeHello:
			_ = e.conn.SendFrame(wire.TypeHelloAck, 0, f.Body)
		}
	}
}

func (e *peerEnd) close() {
	e.conn.Close()
	<-e.ended
}

// An omegaStream is what one of two servers sends the other.
type omegaStream struct{ from, to *peerEnd }

// Flood keeps up to flooded packets between both.
func (s *omegaStream) Flood(ctx context.Context) (sent int, err error) {
	one, err := s.packet()
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(ackAfter * time.Millisecond)
	defer tick.Stop()
	var batch []byte
	for tag := uint32(1); ctx.Err() == nil; {
		if r := s.from.reason.Load(); r != 0 {
			return sent, fmt.Errorf("the server refused a packet for reason %d", r)
		}
		if flooded-int(tag-1-s.from.refused.Load()-s.to.got.Load()) < ackAfter {
			select {
			case <-s.to.more:
			case <-tick.C: // refusals make room as well
			case <-ctx.Done():
			case <-s.from.ended:
				return sent, errors.New("the server ended the sender's connection")
			case <-s.to.ended:
				return sent, errors.New("the server ended the receiver's connection")
			}
			continue
		}
		batch = batch[:0]
		for range ackAfter {
			start := len(batch)
			batch = wire.AppendFrame(batch, wire.TypePacket, tag, one)
			binary.BigEndian.PutUint32(batch[start+wire.HeaderSize+20:], tag) // the end of its id
			tag++
		}
		if err := s.from.conn.Send(batch); err != nil {
			return sent, err
		}
		sent += ackAfter
	}
	return sent, nil
}

// packet is what Flood sends: a message of 300 octets, which only the other end
// could judge.
func (s *omegaStream) packet() ([]byte, error) {
	head := wire.Packet{
		Class: wire.ClassText, Source: s.from.id.Account(), Destinations: []omega.Fingerprint{s.to.id.Account()},
		MACs: make([][wire.PacketMACSize]byte, 1),
	}
	b, err := head.AppendTo(nil)
	if err != nil {
		return nil, err
	}
	b = wire.AppendFrame(b, wire.TypeSend, 0, make([]byte, 300-wire.HeaderSize))
	if len(b)+wire.HeaderSize != forwardFrame {
		return nil, fmt.Errorf("a message is %d octets long on the connection, %d were expected", len(b)+wire.HeaderSize, forwardFrame)
	}
	return b, nil
}

func (s *omegaStream) Arrived() int { return int(s.to.got.Load()) }

func (s *omegaStream) Refused() int { return int(s.from.refused.Load()) }

func (s *omegaStream) Close() error {
	s.from.close()
	s.to.close()
	return nil
}
