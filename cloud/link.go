package cloud

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
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
	rtt   atomic.Int64 // in nanoseconds; 0: not measured

	// stalls: nothing was acknowledged for so long that packets went around.
	// Others do so at once until something is.
	stalls atomic.Bool

	window window
	bulks  bulks
	queued interface{ Queued() int }      // conn, if it tells; nil: it does not
	ready  interface{ FrameReady() bool } // the same

	dealt atomic.Uint32 // tag of the packet that was dealt with last
	told  atomic.Uint32 // the last tag that was acknowledged

	// Owned by the reading goroutine.
	unacked  int // packets since it acknowledged last
	receipts []receipt
	lastWord byte // flags of the peer's last hello
	samples  [rttSamples]time.Duration
	sampled  int   // samples taken
	at       int64 // when the present frame was read, or one with which it came; 0: not known

	// Owned by the owner.
	attached bool
	since    time.Time // attached
	mine     bool      // this server counts it as a link of the mesh
	mineFrom time.Time // since when
	theirs   bool      // the peer does
	follows  bool      // the peer compares databases over it without a link: it is joining, and gets the news
	missed   int       // looks without a frame
	idle     time.Time // since when no packet went
	bad      int       // announcements that did not verify
	cert     []byte    // the certificate that came last, for the next announcement
	exchange exchange
	batches  bool // the peer takes TypeLSBatch
}

func newLink(conn Conn, dialled bool) *link {
	l := &link{conn: conn, peer: conn.Peer().Account, dialled: dialled, lastWord: 0xff} // no such flags
	l.queued, _ = conn.(interface{ Queued() int })
	l.ready, _ = conn.(interface{ FrameReady() bool })
	return l
}

// up reports whether both ends count l as a link of the mesh.
func (l *link) up() bool { return l.mine && l.theirs }

// read carries out what comes over l until it ends, and returns why. Packets
// and hellos are dealt with here; all else is the owner's.
func (c *Cloud) read(ctx context.Context, l *link) error {
	for {
		if l.ready == nil || !l.ready.FrameReady() {
			l.at = 0
		}
		f, err := l.conn.ReadFrame()
		if err != nil {
			return fmt.Errorf("read from server %v: %w", l.peer, err)
		}
		if !l.heard.Load() {
			l.heard.Store(true)
		}
		switch f.Type {
		case wire.TypePacket:
			err = c.packet(ctx, l, f.Tag, f.Body)
		case wire.TypePacketAck:
			l.acked(f.Tag, l.now(c))
		case wire.TypePacketNack:
			err = c.nacked(l, f.Tag, f.Body)
		case wire.TypeHello:
			err = c.hello(l, f.Body)
		case wire.TypeHelloAck:
			err = c.helloAck(l, f.Body)
		case wire.TypeLSA, wire.TypeLSDigest, wire.TypeLSRequest, wire.TypeServerCert, wire.TypeCertRequest,
			wire.TypeLinkRequest, wire.TypeLinkOffer, wire.TypeLinkRefusal, wire.TypeEvidence,
			wire.TypeLSNews, wire.TypeLSWant:
			t, body := f.Type, bytes.Clone(f.Body)
			if !c.do(func(o *owner) { o.control(l, t, body) }) {
				return ErrStopped
			}
		case wire.TypeLSBatch:
			err = c.batch(l, f.Body)
		default:
			c.stats.unknown.Add(1) // a later version's; not an error
		}
		if err != nil {
			return err
		}
		c.answer(l)
	}
}

// now is the time for the reading goroutine: frames that came together share it,
// as reading the clock takes a tenth of what a packet does.
func (l *link) now(c *Cloud) int64 {
	if l.at == 0 {
		l.at = c.now()
	}
	return l.at
}

// A hello is 9 octets: a stamp of 8 that the other side sends back, in
// nanoseconds on a clock of the sender's own, and an octet of flags. Its
// answer is the same octets. (spec/cloud.md, CLOUD-6)
const (
	helloSize  = 9
	helloLink  = 1 << 0 // the sender counts this connection as a link of the mesh
	helloBatch = 1 << 1 // the sender takes TypeLSBatch (CLOUD-51)
)

func appendHello(b []byte, stamp time.Duration, mine bool) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(stamp))
	word := byte(helloBatch)
	if mine {
		word |= helloLink
	}
	return append(b, word)
}

// hello answers at once, so that the answer's time is the network's alone.
func (c *Cloud) hello(l *link, body []byte) error {
	if len(body) != helloSize {
		return fmt.Errorf("hello of %d octets from %v", len(body), l.peer)
	}
	if word := body[8]; word != l.lastWord {
		l.lastWord = word
		hear := func(o *owner) {
			l.batches = word&helloBatch != 0
			o.heardHello(l, word&helloLink != 0)
		}
		if !c.do(hear) {
			return ErrStopped
		}
	}
	l.conn.SendFrame(wire.TypeHelloAck, 0, body) // the next one comes soon
	return nil
}

// rttSamples is over how many answers the shortest round trip counts: what is
// longer is the work of the machines and the queues at that moment, which
// would only make routes restless. Four seconds later a longer way shows.
const rttSamples = 8

// helloAck measures the round trip.
func (c *Cloud) helloAck(l *link, body []byte) error {
	if len(body) != helloSize {
		return fmt.Errorf("hello answer of %d octets from %v", len(body), l.peer)
	}
	rtt := c.cfg.Clock().Sub(c.start) - time.Duration(binary.BigEndian.Uint64(body))
	if rtt < 0 || rtt > missedHellos*c.cfg.HelloInterval {
		return nil // not an answer to a hello of ours, or too late to count
	}
	l.samples[l.sampled%rttSamples] = max(rtt, time.Microsecond)
	l.sampled++
	l.rtt.Store(int64(slices.Min(l.samples[:min(l.sampled, rttSamples)])))
	return nil
}

// exchange is how far a comparison of databases over one link is.
type exchange struct {
	tried  [mesh.Buckets]bool // asked for already
	open   int                // requests without an answer
	active time.Time          // last step
	synced bool               // all that differed was asked for and answered
}
