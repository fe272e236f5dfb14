package proxy

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Times at which a proxy sends a lease to a home again.
const (
	attachRetry     = 5 * time.Second  // while the home has not taken it
	attachHeartbeat = 30 * time.Second // after it was last confirmed, by itself or by a heartbeat (heartbeat.go)
)

// An attachment is a lease at a home that is another server.
type attachment struct {
	home        omega.Fingerprint
	tag         uint32 // of the client's request
	told        bool   // the client knows how it stands
	ok          bool   // the home took it
	over        bool   // the home will not take it
	incarnation [8]byte
	due         int64        // when to send it again, steady ms
	waiting     wire.Waiting // what the client was told of it last

	// The newest acknowledgement of the device, to be said again: the way to
	// the home loses some, and a home that crashed may have forgotten it.
	ack   []byte // whole frame; nil: none, or void
	acked uint64
	said  int64 // when it was said again last, coarse ms
}

// attach takes a lease from the client and passes it to every home in it.
func (s *session) attach(ctx context.Context, f wire.Frame) error {
	l, err := wire.DecodeLease(f.Body)
	if err != nil || l.User != s.account || l.Device != s.device || l.Proxy != s.p.self {
		return s.refuse(f.Tag, omega.CodeBadRequest, "lease")
	}
	left, ok := s.setLease(l, bytes.Clone(f.Body), f.Tag)
	if !ok {
		return s.refuse(f.Tag, omega.CodeSuperseded, "the session has a newer lease")
	}
	s.detachFrom(left, l.Epoch)
	here := false
	for _, lh := range l.Homes {
		here = here || lh.Home == s.p.self
	}
	if here {
		s.p.home.attach(ctx, s.p.self, f.Body, s, func(a wire.Attached) { s.attached(f.Tag, &a) })
	}
	s.attachDue(s.p.steady(), omega.Fingerprint{})
	return nil
}

// setLease replaces the session's lease and returns the homes that are not in
// the new one. It reports false if there is a newer one.
func (s *session) setLease(l *wire.Lease, raw []byte, tag uint32) (left []omega.Fingerprint, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Epoch < s.epoch {
		return nil, false
	}
	s.epoch, s.lease, s.key = l.Epoch, raw, wire.KeyOfLease(raw)
	old := s.remotes
	s.remotes = nil
	for _, lh := range l.Homes {
		known := slices.ContainsFunc(s.remotes, func(a attachment) bool { return a.home == lh.Home })
		if lh.Home != s.p.self && !known {
			s.remotes = append(s.remotes, attachment{home: lh.Home, tag: tag})
		}
	}
	for i := range s.remotes {
		a := &s.remotes[i]
		if j := slices.IndexFunc(old, func(b attachment) bool { return a.home == b.home }); j >= 0 {
			a.incarnation, a.ack, a.acked = old[j].incarnation, old[j].ack, old[j].acked
		}
	}
	if len(s.remotes) == 0 {
		s.lease = nil // nobody needs it again
	}
	for _, a := range old {
		if !slices.ContainsFunc(s.remotes, func(b attachment) bool { return a.home == b.home }) {
			left = append(left, a.home)
		}
	}
	return left, true
}

// attached tells the client how its lease stands at one home.
func (s *session) attached(tag uint32, a *wire.Attached) {
	_ = s.c.SendFrame(wire.TypeAttached, tag, wire.AppendAttached(nil, a))
}

// noteAck keeps what the device says to a home elsewhere, and reports whether
// that home is in its lease. A rewind voids what was acknowledged.
func (s *session) noteAck(t wire.Type, a *wire.Ack, frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.remotes {
		if at := &s.remotes[i]; at.home == a.Home {
			if t == wire.TypeRewind {
				at.ack, at.acked = nil, 0
			} else if a.Seq >= at.acked {
				at.ack, at.acked = frame, a.Seq
			}
			return true
		}
	}
	return false
}

// repeats reports whether the device has acknowledged a mail from a home
// already, and returns the acknowledgement if it is time to say it again.
func (s *session) repeats(home omega.Fingerprint, seq uint64) (ack []byte, repeated bool) {
	now := s.p.coarse.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.remotes {
		at := &s.remotes[i]
		if at.home != home || at.ack == nil || seq == 0 || seq > at.acked {
			continue
		}
		if now-at.said < tickInterval.Milliseconds() {
			return nil, true
		}
		at.said = now
		return at.ack, true
	}
	return nil, false
}

// isRemote reports whether the session's lease names another server as home.
func (s *session) isRemote(home omega.Fingerprint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.remotes, func(a attachment) bool { return a.home == home })
}

// attachDue sends the lease to homes where it is due, and to the home that is
// given whether it is due or not.
func (s *session) attachDue(now time.Time, home omega.Fingerprint) {
	ms := now.UnixMilli()
	var to []omega.Fingerprint
	s.mu.Lock()
	for i := range s.remotes {
		if a := &s.remotes[i]; !a.over && (ms >= a.due || a.home == home) {
			a.due = ms + attachRetry.Milliseconds()
			if a.ok {
				a.due = ms + attachHeartbeat.Milliseconds()
			}
			to = append(to, a.home)
		}
	}
	lease, epoch := s.lease, s.epoch
	s.mu.Unlock()
	for _, h := range to {
		s.p.ask(context.Background(), h, wire.ClassControl, wire.TypeAttach, lease, func(f wire.Frame, err error) bool {
			s.remoteAttached(h, epoch, f, err)
			return false
		})
	}
}

// remoteAttached takes a home's answer. The client is told the first one, one
// that turns failure into success or success into failure, and a new
// incarnation of the store.
func (s *session) remoteAttached(home omega.Fingerprint, epoch uint64, f wire.Frame, err error) {
	got := wire.Attached{Home: home, Code: codeOf(err)}
	if err == nil {
		if got, err = wire.DecodeAttached(f.Body); err != nil || f.Type != wire.TypeAttached || got.Home != home {
			got = wire.Attached{Home: home, Code: omega.CodeUnavailable}
		}
	}
	tag, tell := s.noteAttached(epoch, &got)
	if tell {
		s.attached(tag, &got)
	}
}

func (s *session) noteAttached(epoch uint64, got *wire.Attached) (tag uint32, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.remotes, func(a attachment) bool { return a.home == got.Home })
	if epoch != s.epoch || i < 0 {
		return 0, false
	}
	a := &s.remotes[i]
	ok := got.Code == omega.CodeOK
	tell = !a.told || ok != a.ok || ok && a.incarnation != got.Incarnation
	switch got.Code {
	case omega.CodeSuperseded, omega.CodeBadRequest, omega.CodeRefused, omega.CodeExpired:
		tell = tell || !a.over
		a.over = true // the same lease will not do another time
	}
	a.told = true
	if ok {
		if a.incarnation != got.Incarnation {
			a.ack, a.acked = nil, 0
		}
		a.incarnation = got.Incarnation
		a.due = s.p.steady().UnixMilli() + attachHeartbeat.Milliseconds()
	}
	a.ok = ok
	return a.tag, tell
}

// noteWaiting reports whether the client is to hear what a home says of waiting
// mail: it does once per answer that it hears, not with every heartbeat.
func (s *session) noteWaiting(w *wire.Waiting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.remotes, func(a attachment) bool { return a.home == w.Home })
	if i < 0 {
		return false
	}
	a := &s.remotes[i]
	if a.ok && a.incarnation == w.Incarnation && w.Seq >= a.waiting.Seq {
		return false
	}
	a.waiting = *w
	return true
}

// detach tells all homes that the device has left.
func (s *session) detach() {
	s.p.home.detach(s.device, func(l *lease) bool { return l.s == s })
	s.mu.Lock()
	var homes []omega.Fingerprint
	for _, a := range s.remotes {
		if !a.over {
			homes = append(homes, a.home)
		}
	}
	s.remotes = nil
	epoch := s.epoch
	s.mu.Unlock()
	s.detachFrom(homes, epoch)
}

func (s *session) detachFrom(homes []omega.Fingerprint, epoch uint64) {
	for _, h := range homes {
		s.p.sendDetach(h, h, s.device, epoch)
	}
}

// sendDetach says that leases of a device at a home, up to an epoch, do not
// stand any more: to the home, which shall push nothing more for them, or by the
// home to the proxy.
func (p *Proxy) sendDetach(to, home, device omega.Fingerprint, epoch uint64) {
	p.postFrame(to, wire.TypeDetach, 0, wire.AppendAck(nil, &wire.Ack{Home: home, Device: device, Seq: epoch}))
}

// dismissed takes a home's word that a lease does not stand any more: the same
// lease, sent again, is answered with the reason.
func (p *Proxy) dismissed(home omega.Fingerprint, a *wire.Ack) {
	s := p.sessions.get(a.Device)
	if s == nil || !s.holds(home, a.Seq) {
		return
	}
	s.attachDue(p.steady(), home)
}

// holds reports whether the session's lease has this epoch and names home.
func (s *session) holds(home omega.Fingerprint, epoch uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch == epoch && slices.ContainsFunc(s.remotes, func(a attachment) bool { return a.home == home })
}

// ServerUp says that a server can be reached again: leases of devices whose
// home it is are sent to it at once, in case it forgot them, and so is mail that
// is kept for it.
func (p *Proxy) ServerUp(server omega.Fingerprint) {
	p.spool.up(server)
	now := p.steady()
	p.sessions.all(func(s *session) {
		if s.isRemote(server) {
			s.attachDue(now, server)
		}
	})
}
