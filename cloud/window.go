package cloud

import (
	"errors"
	"sync"
	"time"

	"github.com/omega-im/omega/internal/patience"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Bounds of one connection, in packets.
const (
	maxInFlight = 8192 // sent and not acknowledged
	maxWaiting  = 8192 // waiting for room, of all levels
	maxUnacked  = 64   // received before an acknowledgement goes at once
)

// backlogs are how many octets may wait in the connection itself before a
// packet of each level waits here, where others can overtake it. (spec/cloud.md,
// CLOUD-29)
var backlogs = [levels]int{256 << 10, 128 << 10, 64 << 10}

// levels of priority on a connection: control, messages, bulk.
const levels = 3

func levelOf(c wire.Class) int {
	switch c {
	case wire.ClassControl:
		return 0
	case wire.ClassBulk:
		return 2
	}
	return 1
}

var (
	errFull = errors.New("the connection takes no more packets now")
	errGone = errors.New("the connection has ended")
)

// A window is the packets of one connection that the peer has not taken yet:
// those under way, by their tags, and those that wait for room. Safe for
// concurrent use; it never blocks on the network.
type window struct {
	mu       sync.Mutex
	ring     []inFlight        // of a power of two; guarded by mu
	first    uint64            // number of the oldest under way; guarded by mu
	next     uint64            // number of the next to be sent; guarded by mu
	progress int64             // when the peer acknowledged something; guarded by mu
	took     patience.Estimate // of acknowledgements; guarded by mu
	hedges   patience.Budget   // guarded by mu
	waiting  [levels]queue
	deferred queue // refused because the peer was busy, for the next look; guarded by mu
	count    int   // in waiting and deferred; guarded by mu
	closed   bool  // guarded by mu
}

// An inFlight is a packet under way. Its parcel is nil once it needs no more.
type inFlight struct {
	p      *parcel
	at     int64 // when it was sent, nanoseconds since the cloud's start
	hedged bool  // a copy was to go another way
	alone  bool  // there was none, so no copy goes
}

// copied reports whether another server has, or will have, the packet.
func (e *inFlight) copied() bool { return e.hedged && !e.alone }

// A stalled packet is one to be sent around its connection: p is a hold of the
// caller's, n its number.
type stalled struct {
	p *parcel
	n uint64
}

// A queue holds parcels, first in, first out.
type queue struct {
	items []*parcel
	head  int
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(p *parcel) {
	if q.head > 64 && 2*q.head > len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, p)
}

func (q *queue) pop() *parcel {
	p := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return p
}

// tagOf is the tag of the packet with a number: 1 to 2^32-1 and round again.
func tagOf(n uint64) uint32 { return uint32(n%(1<<32-1)) + 1 }

// locate returns which packet under way has a tag.
func (w *window) locate(tag uint32) (n uint64, ok bool) {
	if tag == 0 {
		return 0, false
	}
	const tags = 1<<32 - 1
	off := (uint64(tag) + tags - uint64(tagOf(w.first))) % tags
	return w.first + off, off < w.next-w.first
}

func (w *window) at(n uint64) *inFlight { return &w.ring[n%uint64(len(w.ring))] }

// post sends a parcel over l, or has it wait for room. On success the window
// holds it; an error means that the caller still does. v is the parcel's octets,
// or the same ones where they are at hand.
func (l *link) post(p *parcel, v wire.PacketView, now int64) error {
	if !l.used.Load() {
		l.used.Store(true)
	}
	w, class := &l.window, v.Class()
	w.mu.Lock()
	defer w.mu.Unlock()
	level := levelOf(class)
	full := l.backlog() >= backlogs[level]
	switch {
	case w.closed:
		return errGone
	case class == wire.ClassEphemeral:
		if full {
			return errFull
		}
		err := l.conn.SendFrame(wire.TypePacket, 0, v)
		if err == nil {
			p.release()
		}
		return sendError(err)
	case full || w.waiting[level].len() > 0 || w.next-w.first >= maxInFlight:
		if w.count >= maxWaiting {
			return errFull
		}
		w.waiting[level].push(p)
		w.count++
		return nil
	}
	return w.transmit(l, p, v, now)
}

func sendError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, transport.ErrSlow):
		return errFull
	}
	return errGone
}

// transmit sends a packet under the next tag. Called with mu held, so that the
// order of tags is the order on the connection.
func (w *window) transmit(l *link, p *parcel, v wire.PacketView, now int64) error {
	l.acknowledge() // in the same write
	if err := l.conn.SendFrame(wire.TypePacket, tagOf(w.next), v); err != nil {
		return sendError(err)
	}
	if w.next-w.first == uint64(len(w.ring)) {
		w.grow()
	}
	*w.at(w.next) = inFlight{p: p, at: now}
	w.next++
	return nil
}

func (w *window) grow() {
	ring := make([]inFlight, max(64, 2*len(w.ring)))
	for n := w.first; n < w.next; n++ {
		ring[n%uint64(len(ring))] = *w.at(n)
	}
	w.ring = ring
}

// again has a packet that the peer was too busy for sent once more at the next
// look. It reports false when there is no room; the caller still holds it then.
func (l *link) again(p *parcel) bool {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.count >= maxWaiting {
		return false
	}
	w.deferred.push(p)
	w.count++
	return true
}

// pump sends what waited for room, higher levels first, and what was to be sent
// again.
func (l *link) pump(now int64) {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.deferred.len() > 0 {
		p := w.deferred.pop()
		w.waiting[levelOf(p.view().Class())].push(p)
	}
	w.pump(l, now)
}

func (w *window) pump(l *link, now int64) {
	for level := range w.waiting {
		q := &w.waiting[level]
		for q.len() > 0 && !w.closed && w.next-w.first < maxInFlight && l.backlog() < backlogs[level] {
			if p := q.items[q.head]; w.transmit(l, p, p.view(), now) != nil {
				return // a later look tries again, or the connection ends
			}
			q.pop()
			w.count--
		}
	}
}

// acked lets go of everything up to a tag. A tag that is not under way was
// acknowledged before, or is nonsense; neither does harm.
func (l *link) acked(tag uint32, now int64) {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.locate(tag)
	if !ok {
		return
	}
	w.took.Observe(time.Duration(now - w.at(w.first).at)) // also if a copy went: that went elsewhere
	w.hedges.Earn(int(last - w.first + 1))
	for ; w.first <= last; w.first++ {
		if e := w.at(w.first); e.p != nil {
			e.p.release()
			e.p = nil
		}
	}
	w.progress = now
	if l.stalls.Load() {
		l.stalls.Store(false)
	}
	if w.count > 0 {
		w.pump(l, now)
	}
}

// nacked returns the packet that the peer refuses, nil when it is not under
// way any more. The caller holds it then.
func (l *link) nacked(tag uint32, now int64) *parcel {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ok := w.locate(tag)
	if !ok {
		return nil
	}
	e := w.at(n)
	p := e.p
	e.p = nil
	w.progress = now
	if p != nil && e.copied() {
		p.release() // its copy is on another way
		return nil
	}
	return p
}

// overdue appends to out what is under way, at most room packets and what the
// budget has left, if the peer has not acknowledged the first of it for timeout,
// or as long as it usually takes, since it was sent and since anything was. They
// stay under way, and are not returned again. (spec/cloud.md, CLOUD-23, CLOUD-46)
func (l *link) overdue(out []stalled, now int64, timeout time.Duration, room int) []stalled {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	timeout = max(timeout, min(w.took.Timeout(), maxStall))
	for n := w.first; n < w.next && room > 0; n++ {
		e := w.at(n)
		if n == w.first && now-max(e.at, w.progress) < int64(timeout) {
			break
		}
		if e.p != nil && !e.hedged {
			if !w.hedges.Spend(hedgeDepth) {
				break
			}
			e.hedged = true
			out = append(out, stalled{e.p.share(), n})
			room--
		}
	}
	return out
}

// keep takes back that a copy of a packet under way goes another way: this
// connection alone has it.
func (l *link) keep(n uint64) {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first <= n && n < w.next {
		w.at(n).alone = true
	}
}

// close ends the window and returns what nobody has taken; the caller holds it.
func (l *link) close() []*parcel {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	var left []*parcel
	for ; w.first < w.next; w.first++ {
		switch e := w.at(w.first); {
		case e.p == nil:
		case e.copied():
			e.p.release()
		default:
			left = append(left, e.p)
		}
	}
	for level := range w.waiting {
		for q := &w.waiting[level]; q.len() > 0; {
			left = append(left, q.pop())
		}
	}
	for w.deferred.len() > 0 {
		left = append(left, w.deferred.pop())
	}
	w.ring, w.count = nil, 0
	return left
}

// quiet reports whether nothing is under way or waits.
func (l *link) quiet() bool {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first == w.next && w.count == 0
}

// trim gives back the memory that a burst took, if nothing is under way.
func (l *link) trim() {
	w := &l.window
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == w.next {
		w.ring = nil
	}
	for level := range w.waiting {
		if q := &w.waiting[level]; q.len() == 0 {
			*q = queue{}
		}
	}
}

// backlog is how many octets wait in the connection itself.
func (l *link) backlog() int {
	if l.queued == nil {
		return 0
	}
	return l.queued.Queued()
}
