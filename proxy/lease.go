package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// What may be under way to one device. (spec/delivery.md, DELIV-8)
const (
	windowMails = 256
	windowBytes = 1 << 20 // of envelopes; one larger than what is left goes alone
)

// Times of a lease.
const (
	resendAfter    = 5 * time.Second // without progress, doubled for each time in a row
	maxResendAfter = 5 * time.Minute
	rewindInterval = 1 * time.Second // rewinds in the long run
	rewindBurst    = 10              // and at once
)

// maxQueuedMail is how much may wait in the connection of a session before
// mail is left to the window: the rest of its queue is for answers.
const maxQueuedMail = 192 << 10

// keepFlight is how long a list of mails in flight an idle lease keeps.
const keepFlight = 16

// A lease is one device that attached through one proxy, and what is under way
// to it. Mail goes to it in the order of sequences, each after the one before
// it in the chain of Prev.
//
// While it is live everything that comes is pushed at once. Once the window is
// full, or the connection, it is not, and new mail is left to the store until
// acknowledgements have made room and the pump has read up to the present.
type lease struct {
	h        *home
	account  omega.Fingerprint
	device   omega.Fingerprint
	proxy    omega.Fingerprint
	epoch    uint64
	notAfter int64 // ms since 1970
	start    uint64
	waits    uint64                           // sequence of the last mail that waited when the device attached
	hash     [32]byte                         // SHA-256 of its wire form, tells a repetition
	taken    int64                            // when it was put in force, steady ms
	key      atomic.Pointer[keyserver.AckKey] // of a session here: nil until the first acknowledgement
	s        *session                         // of the device, if this server is its proxy
	out      *outbox                          // to its proxy otherwise

	mu       sync.Mutex // guards everything below
	acked    uint64     // the device has everything up to here
	sent     uint64     // pushed last; the next one's Prev
	latest   uint64     // came last while the lease was not live
	claimed  uint64     // the last mail that a spread brings; 0: none does
	flight   []inFlight // pushed and not acknowledged, ascending
	bytes    int        // of envelopes in flight
	live     bool       // sent is the newest there is
	pumping  bool       // in the queue of pumps, or being pumped
	held     bool       // the lease is not answered yet: the first mail comes after that
	told     uint64     // up to where the device was told that mail waits
	closed   bool
	progress int64  // when the oldest in flight was pushed or became the oldest, coarse ms
	resends  uint   // in a row without progress
	gen      uint64 // rises with every rewind
	asked    gcra   // rewinds
}

type inFlight struct {
	seq  uint64
	size uint32
}

func newLease(h *home, w *wire.Lease, hash [32]byte, s *session, start, waits uint64) *lease {
	l := &lease{
		waits: waits,
		h:     h, account: w.User, device: w.Device, proxy: w.Proxy, epoch: w.Epoch,
		notAfter: w.NotAfter.UnixMilli(), start: start, hash: hash, taken: h.p.steady().UnixMilli(), s: s,
		acked: start, sent: start, held: true,
	}
	if s == nil {
		l.out = h.p.outbox(w.Proxy)
	}
	return l
}

// newer reports whether one of an epoch by a proxy does not take its place.
func (l *lease) newer(epoch uint64, proxy omega.Fingerprint) bool {
	return l.epoch > epoch || l.epoch == epoch && l.proxy != proxy
}

// leaseKey is what the lease is called between servers. (DELIV-27)
func (l *lease) leaseKey() wire.LeaseKey { return wire.LeaseKey(l.hash[:len(wire.LeaseKey{})]) }

func (l *lease) close() {
	l.mu.Lock()
	l.closed = true
	l.flight = nil
	l.mu.Unlock()
}

// push sends new mail if the lease is live and has room. The envelope in m is
// copied before push returns.
func (l *lease) push(m *wire.Mail, buf []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return buf
	}
	if !l.live || !l.room(len(m.Envelope)) {
		l.live = false
		l.latest = m.Seq
		return buf
	}
	buf, ok := l.send(m, buf)
	if !ok {
		l.live = false
		l.latest = m.Seq
		return buf
	}
	l.h.p.stats.pushed.Add(1)
	return buf
}

// room reports whether another envelope may be under way. l.mu is held.
func (l *lease) room(size int) bool {
	return len(l.flight) == 0 || len(l.flight) < windowMails && l.bytes+size <= windowBytes
}

// send puts one mail under way. l.mu is held.
func (l *lease) send(m *wire.Mail, buf []byte) ([]byte, bool) {
	buf, frame, size := l.frame(m, l.sent, buf)
	if !l.write(frame) {
		return buf, false
	}
	l.sent = m.Seq
	if len(l.flight) == 0 {
		l.progress = l.h.p.coarse.Load()
	}
	l.flight = append(l.flight, inFlight{m.Seq, uint32(size)})
	l.bytes += size
	return buf, true
}

// frame builds a whole frame of TypeMail for this device in buf, and says how
// long the envelope in it is. What goes through another server carries a code,
// which that server cannot make.
func (l *lease) frame(m *wire.Mail, prev uint64, buf []byte) (grown, frame []byte, size int) {
	out := wire.Mail{Home: l.h.self, Device: l.device, Seq: m.Seq, Prev: prev, Received: m.Received, Envelope: m.Envelope}
	buf = buf[:0]
	if env := wire.EnvelopeView(m.Envelope); env.NumRecipients() > 1 {
		buf = env.AppendFor(buf, l.account)
		out.Envelope = buf
	}
	start, size := len(buf), len(out.Envelope)
	if l.s == nil && m.Seq != 0 {
		out.MAC = l.key.Load().MailMAC(&out, l.h.p.cfg.Mail.Incarnation())
	}
	buf = wire.AppendHeader(buf, wire.TypeMail, 0, l.h.self.Size()+l.device.Size()+3*8+wire.MACSize+size)
	buf = wire.AppendMail(buf, &out)
	return buf, buf[start:], size
}

// write hands a frame to the session, or to the proxy of the device.
func (l *lease) write(frame []byte) bool {
	if l.s != nil {
		return l.s.c.Queued()+len(frame) <= maxQueuedMail && l.s.c.Send(frame) == nil
	}
	return l.out.post(wire.ClassText, frame)
}

// pushEphemeral sends an envelope that has no sequence, if nothing is in its
// way: nobody misses it.
func (l *lease) pushEphemeral(m *wire.Mail, buf []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.live || l.closed {
		return buf
	}
	buf, frame, _ := l.frame(m, 0, buf)
	if l.s == nil {
		l.out.post(wire.ClassEphemeral, frame)
	} else if l.s.c.Queued() < maxQueuedMail/4 {
		_ = l.s.c.Send(frame) // nobody misses it
	}
	return buf
}

// has reports whether the device has acknowledged seq already.
func (l *lease) has(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return seq <= l.acked
}

// acknowledged makes room for what the device has.
func (l *lease) acknowledged(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq <= l.acked {
		return
	}
	l.acked = seq
	l.sent = max(l.sent, seq) // it may have got more through an earlier lease
	n := 0
	for n < len(l.flight) && l.flight[n].seq <= seq {
		l.bytes -= int(l.flight[n].size)
		n++
	}
	if n == len(l.flight) && n > keepFlight {
		l.flight = nil // after a burst
	} else {
		l.flight = append(l.flight[:0], l.flight[n:]...)
	}
	l.progress = l.h.p.coarse.Load()
	l.resends = 0
	l.wake()
}

// rewind begins again after seq, when the device has found a gap.
func (l *lease) rewind(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq > l.sent || !l.asked.take(l.h.p.steady().UnixNano(), int64(rewindInterval), rewindBurst) {
		return
	}
	l.h.p.stats.rewinds.Add(1)
	l.acked = min(l.acked, seq) // or what it gets again would never be acknowledged here
	l.restart(seq)
}

// restart forgets what is under way and reads again after seq. l.mu is held.
func (l *lease) restart(seq uint64) {
	l.sent = seq
	l.flight = l.flight[:0]
	l.bytes = 0
	l.live = false
	l.claimed = 0
	l.gen++
	l.progress = l.h.p.coarse.Load()
	l.wake()
}

// tick begins again when nothing was acknowledged for too long, and sees to it
// that a lease that is behind is pumped once there is room in its connection.
func (l *lease) tick(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flight) > 0 {
		patience := min(resendAfter<<min(l.resends, 10), maxResendAfter)
		// What still waits in our own connection is not lost.
		if now-l.progress >= patience.Milliseconds() && (l.s == nil || l.s.c.Queued() == 0) {
			l.resends++
			l.h.p.stats.resends.Add(1)
			l.restart(l.acked)
			return
		}
	}
	l.wake()
}

// tellWaiting says up to where mail waits for the device. l.mu is not held.
// (spec/delivery.md, DELIV-24)
func (l *lease) tellWaiting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = l.waits
	l.writeWaiting()
}

// tellGone corrects it once all has been sent: some expired meanwhile. l.mu is
// held.
func (l *lease) tellGone() {
	if l.sent < l.told {
		l.told = l.sent
		l.writeWaiting()
	}
}

// writeWaiting is at best effort: a device that does not get it goes by the
// clock. l.mu is held.
func (l *lease) writeWaiting() {
	w := wire.Waiting{Home: l.h.self, Device: l.device, Incarnation: l.h.p.cfg.Mail.Incarnation(), Seq: l.told}
	if l.s == nil {
		w.MAC = l.key.Load().WaitingMAC(&w)
	}
	l.write(wire.AppendFrame(nil, wire.TypeWaiting, 0, wire.AppendWaiting(nil, &w)))
}

// dismiss tells the proxy of the device that its lease does not stand any more;
// why is for it to ask. (spec/delivery.md, DELIV-7)
func (l *lease) dismiss() {
	if l.s == nil {
		l.h.p.sendDetach(l.proxy, l.h.self, l.device, l.epoch)
	}
}

// begin lets mail flow once the lease is answered.
func (l *lease) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	l.wake()
}

// wake queues the lease for a pump if there is something for it to do that no
// spread brings. It waits for half of the window, so that mail is not read one at a time. l.mu
// is held.
func (l *lease) wake() {
	if l.live || l.closed || l.pumping || l.held || l.claimed != 0 || len(l.flight) > windowMails/2 || l.bytes > windowBytes/2 {
		return
	}
	l.pumping = true
	l.h.pumps.add(l)
}
