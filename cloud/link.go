package cloud

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// A link is one connection to another server. It is a link in the sense of the
// mesh, listed in announcements, while both ends say so in their hellos;
// otherwise it only carries packets between the two servers.
type link struct {
	conn    Conn
	peer    omega.Fingerprint
	dialled bool // by this server

	// Shared between the reading goroutine, senders and the owner.
	heard atomic.Bool  // a frame came since the owner last looked
	used  atomic.Bool  // a packet went either way since the owner last looked
	rtt   atomic.Int64 // smoothed, in nanoseconds; 0: not measured

	lastWord byte // flags of the peer's last hello; owned by the reading goroutine

	// Owned by the owner.
	attached bool
	mine     bool      // this server counts it as a link of the mesh
	mineFrom time.Time // since when
	theirs   bool      // the peer does
	missed   int       // looks without a frame
	idle     time.Time // since when no packet went
	bad      int       // announcements that did not verify
	cert     []byte    // the certificate that came last, for the next announcement
	exchange exchange
}

func newLink(conn Conn, dialled bool) *link {
	return &link{conn: conn, peer: conn.Peer().Account, dialled: dialled, lastWord: 0xff} // no such flags
}

// up reports whether both ends count l as a link of the mesh.
func (l *link) up() bool { return l.mine && l.theirs }

// send queues a packet frame's body and notes that the connection is in use.
func (l *link) send(body []byte) error {
	if !l.used.Load() {
		l.used.Store(true)
	}
	return l.conn.SendFrame(wire.TypePacket, 0, body)
}

// read carries out what comes over l until it ends, and returns why. Packets
// and hellos are dealt with here; all else is the owner's.
func (c *Cloud) read(ctx context.Context, l *link) error {
	for {
		f, err := l.conn.ReadFrame()
		if err != nil {
			return fmt.Errorf("read from server %v: %w", l.peer, err)
		}
		if !l.heard.Load() {
			l.heard.Store(true)
		}
		switch f.Type {
		case wire.TypePacket:
			err = c.packet(ctx, l, f.Body)
		case wire.TypeHello:
			err = c.hello(l, f.Body)
		case wire.TypeHelloAck:
			err = c.helloAck(l, f.Body)
		case wire.TypeLSA, wire.TypeLSDigest, wire.TypeLSRequest, wire.TypeServerCert, wire.TypeCertRequest:
			t, body := f.Type, bytes.Clone(f.Body)
			if !c.do(func(o *owner) { o.control(l, t, body) }) {
				return ErrStopped
			}
		default:
			c.stats.unknown.Add(1) // a later version's; not an error
		}
		if err != nil {
			return err
		}
	}
}

// A hello is 9 octets: a stamp of 8 that the other side sends back, in
// nanoseconds on a clock of the sender's own, and an octet of flags. Its
// answer is the same octets. (spec/cloud.md, CLOUD-6)
const (
	helloSize = 9
	helloLink = 1 << 0 // the sender counts this connection as a link of the mesh
)

func appendHello(b []byte, stamp time.Duration, mine bool) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(stamp))
	if mine {
		return append(b, helloLink)
	}
	return append(b, 0)
}

// hello answers at once, so that the answer's time is the network's alone.
func (c *Cloud) hello(l *link, body []byte) error {
	if len(body) != helloSize {
		return fmt.Errorf("hello of %d octets from %v", len(body), l.peer)
	}
	if word := body[8]; word != l.lastWord {
		l.lastWord = word
		if !c.do(func(o *owner) { o.heardHello(l, word&helloLink != 0) }) {
			return ErrStopped
		}
	}
	l.conn.SendFrame(wire.TypeHelloAck, 0, body) // the next one comes soon
	return nil
}

// helloAck measures the round trip. The average follows a change within about
// eight hellos (SRTT of RFC 6298).
func (c *Cloud) helloAck(l *link, body []byte) error {
	if len(body) != helloSize {
		return fmt.Errorf("hello answer of %d octets from %v", len(body), l.peer)
	}
	rtt := c.cfg.Clock().Sub(c.start) - time.Duration(binary.BigEndian.Uint64(body))
	if rtt < 0 || rtt > missedHellos*c.cfg.HelloInterval {
		return nil // not an answer to a hello of ours, or too late to count
	}
	rtt = max(rtt, time.Microsecond)
	if old := time.Duration(l.rtt.Load()); old != 0 {
		rtt = old + (rtt-old)/8
	}
	l.rtt.Store(int64(rtt))
	return nil
}

// exchange is how far a comparison of databases over one link is.
type exchange struct {
	tried  [mesh.Buckets]bool // asked for already
	active time.Time          // last step
}
