package proxy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Bounds of frames about blobs that go to other servers. (spec/media.md, MEDIA-7)
const (
	maxSessionBlobs = 32               // of one session, answered here or elsewhere
	maxRelayBytes   = 8 << 20          // of all sessions: of the question or the answer, whichever carries the blob
	relayTimeout    = 10 * time.Second // a disk that has gibibytes to read again first is asked again
)

// A relay is a frame about a blob that another server has to answer. It is not
// repeated: the client does that.
type relay struct {
	to     omega.Fingerprint
	by     omega.Fingerprint // the account that asks
	t      wire.Type         // of the question
	size   int               // octets that it counts as
	until  int64             // steady ms
	answer answerer
}

// relays are under way.
type relays struct {
	mu    sync.Mutex
	m     map[uint32]*relay         // by tag; guarded by mu
	bytes int                       // guarded by mu
	by    map[omega.Fingerprint]int // octets of one account; guarded by mu
	to    map[omega.Fingerprint]int // octets for one server; guarded by mu
}

func (r *relays) init() {
	r.m = make(map[uint32]*relay)
	r.by, r.to = make(map[omega.Fingerprint]int), make(map[omega.Fingerprint]int)
}

// add keeps r unless there is too much, of all, of its account or for its server;
// tag is what it has. (spec/delivery.md, DELIV-42)
func (r *relays) add(tag uint32, one *relay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := maxRelayBytes - r.bytes
	if tag == 0 || r.m[tag] != nil || r.by[one.by]+one.size > free || r.to[one.to]+one.size > free {
		return false
	}
	r.m[tag] = one
	r.count(one, one.size)
	return true
}

// count counts octets of a relay that comes, or, below zero, goes. mu is held.
func (r *relays) count(one *relay, n int) {
	r.bytes += n
	count(r.by, one.by, n)
	count(r.to, one.to, n)
}

// count adds n to what m counts under fp, and forgets what is none.
func count(m map[omega.Fingerprint]int, fp omega.Fingerprint, n int) {
	if m[fp] += n; m[fp] == 0 {
		delete(m, fp)
	}
}

// take returns the relay that an answer from a server is for, or nil.
func (r *relays) take(tag uint32, from omega.Fingerprint, t wire.Type) *relay {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.m[tag]
	if one == nil || one.to != from || blobAnswer(one.t) != t {
		return nil
	}
	delete(r.m, tag)
	r.count(one, -one.size)
	return one
}

// late takes those that nobody answered in time.
func (r *relays) late(now int64) (out []*relay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for tag, one := range r.m {
		if now >= one.until {
			delete(r.m, tag)
			r.count(one, -one.size)
			out = append(out, one)
		}
	}
	return out
}

// blob takes a frame about a blob from the client: for this server, or for another
// one. It runs on the reading goroutine and does not block.
func (s *session) blob(ctx context.Context, f wire.Frame) error {
	to, ok := s.blobServer(f)
	if !ok {
		return s.refuse(f.Tag, omega.CodeBadRequest, "blob")
	}
	tag := f.Tag
	if s.blobs.Add(1) > maxSessionBlobs {
		s.blobs.Add(-1)
		refuseBlob(func(t wire.Type, body []byte) { _ = s.c.SendFrame(t, tag, body) }, f.Type, omega.CodeRateLimited)
		return nil
	}
	answer := func(t wire.Type, body []byte) {
		s.postPart(t, tag, body)
	}
	if to == s.p.self {
		s.p.serveBlob(s.p.self, s.account, f, answer)
		return nil
	}
	s.p.relayBlob(ctx, to, s.account, f, answer)
	return nil
}

// maxQueuedParts is how much may wait in the connection of a session before
// parts of blobs wait here: mail, which has room for more (maxQueuedMail), goes
// past them.
const maxQueuedParts = 64 << 10 // octets

// How often a full connection is looked at: after a pause that is doubled each time,
// so that a client that reads slowly waits twice as long as it has to at most, when
// half of what is queued is still to be sent, and one that reads nothing costs little.
const (
	partsPause    = time.Millisecond
	maxPartsPause = 64 * time.Millisecond
)

// parts are answers that wait for room in the connection, at most
// maxSessionBlobs of them. They leave by a goroutine that lives until there is
// none left.
type parts struct {
	mu      sync.Mutex
	frames  [][]byte // guarded by mu
	running bool     // guarded by mu
}

// postPart sends an answer about a blob, now or when there is room.
func (s *session) postPart(t wire.Type, tag uint32, body []byte) {
	frame := wire.AppendFrame(takePart(wire.HeaderSize + len(body))[:0], t, tag, body)
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	s.parts.frames = append(s.parts.frames, frame)
	if !s.parts.running {
		s.parts.running = s.p.spawn(s.sendParts)
	}
}

func (s *session) sendParts() {
	pause := partsPause
	for {
		s.parts.mu.Lock()
		if len(s.parts.frames) == 0 || s.gone.Load() {
			s.parts.frames, s.parts.running = nil, false
			s.parts.mu.Unlock()
			return
		}
		frame := s.parts.frames[0]
		s.parts.mu.Unlock()
		if s.c.Queued() > maxQueuedParts {
			time.Sleep(pause)
			pause = min(2*pause, maxPartsPause)
			continue
		}
		pause = partsPause
		_ = s.c.Send(frame) // of a connection that has ended nobody waits for it
		s.blobs.Add(-1)
		s.parts.mu.Lock()
		s.parts.frames = slices.Delete(s.parts.frames, 0, 1) // a few at most
		s.parts.mu.Unlock()
		givePart(frame)
	}
}

// blobServer is the server that a frame is for. A client speaks of its own
// account only.
func (s *session) blobServer(f wire.Frame) (to omega.Fingerprint, ok bool) {
	switch f.Type {
	case wire.TypeBlobClaim, wire.TypeBlobUsage:
		c, err := wire.DecodeBlobClaim(f.Body)
		if err != nil || c.User != s.account || c.Device != s.device {
			return to, false
		}
		return c.Home, true
	case wire.TypeBlobAppend:
		a, err := wire.DecodeBlobAppend(f.Body)
		return a.Home, err == nil && a.User == s.account
	}
	g, err := wire.DecodeBlobGet(f.Body)
	return g.Server, err == nil
}

// relayBlob passes a frame of an account on and has the answer given to who asked.
func (p *Proxy) relayBlob(ctx context.Context, to, by omega.Fingerprint, f wire.Frame, answer answerer) {
	size := len(f.Body)
	if f.Type == wire.TypeBlobGet {
		size = wire.MaxBlobPart
	}
	one := &relay{to: to, by: by, t: f.Type, size: size, until: p.steady().Add(relayTimeout).UnixMilli(), answer: answer}
	tag := p.requests.next()
	if !p.blobs.relays.add(tag, one) {
		p.stats.relaysRefused.Add(1)
		refuseBlob(answer, f.Type, omega.CodeRateLimited)
		return
	}
	p.stats.relayed.Add(1)
	frame := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(f.Body)), f.Type, tag, f.Body)
	if err := p.forward(ctx, to, wire.ClassBulk, frame); err != nil && p.blobs.relays.take(tag, to, blobAnswer(f.Type)) != nil {
		refuseBlob(answer, f.Type, omega.CodeUnavailable)
	}
}

// receiveBlob takes a frame about a blob from another server.
func (p *Proxy) receiveBlob(ctx context.Context, from omega.Fingerprint, f wire.Frame) bool {
	if blobAnswer(f.Type) == 0 { // it is an answer
		if one := p.blobs.relays.take(f.Tag, from, f.Type); one != nil {
			one.answer(f.Type, f.Body)
		}
		return true
	}
	tag := f.Tag
	p.serveBlob(from, from, f, func(t wire.Type, body []byte) {
		frame := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, tag, body)
		if p.forward(ctx, from, wire.ClassBulk, frame) == nil || t != wire.TypeBlobPart {
			return
		}
		// There is no room for a large answer; there may be for a small one.
		busy := wire.AppendBlobPart(nil, &wire.BlobPart{Code: omega.CodeRateLimited})
		p.postFrame(from, wire.TypeBlobPart, tag, busy)
	})
	return true
}

// tickRelays gives up what nobody answered.
func (p *Proxy) tickRelays(now time.Time) {
	for _, one := range p.blobs.relays.late(now.UnixMilli()) {
		p.stats.relaysLost.Add(1)
		refuseBlob(one.answer, one.t, omega.CodeUnavailable)
	}
}
