package proxy

import (
	"context"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Times of the heartbeat between a proxy and a home. (spec/delivery.md,
// DELIV-27)
const (
	// beatInterval is short enough for one heartbeat to fail before leases are
	// due by themselves (attachHeartbeat).
	beatInterval = 15 * time.Second

	// freshLease is how long a lease stands at its home without being in its
	// proxy's list, which may have been made before.
	freshLease = 10 * time.Second
)

// heartbeats are the proxy's: which homes it stands for. Owned by tickLoop.
type heartbeats struct {
	homes map[omega.Fingerprint]bool // of the last round
}

// beat sends each home a tally of the leases that it has taken through this
// proxy, also one without any if it had some in the last round.
func (p *Proxy) beat() {
	tallies := make(map[omega.Fingerprint]*wire.Tally)
	p.sessions.all(func(s *session) {
		s.held(func(home omega.Fingerprint, k wire.LeaseKey) {
			if tallies[home] == nil {
				tallies[home] = new(wire.Tally)
			}
			tallies[home].Toggle(k)
		})
	})
	last := p.beats.homes
	p.beats.homes = make(map[omega.Fingerprint]bool, len(tallies))
	for home, t := range tallies {
		p.beats.homes[home] = true
		p.sendTally(home, t)
	}
	for home := range last {
		if tallies[home] == nil {
			p.sendTally(home, new(wire.Tally))
		}
	}
}

func (p *Proxy) sendTally(home omega.Fingerprint, t *wire.Tally) {
	asked := p.steady()
	p.ask(context.Background(), home, wire.ClassControl, wire.TypeLeases, wire.AppendTally(nil, t), func(f wire.Frame, err error) bool {
		if err == nil && f.Type == wire.TypeLeases && len(f.Body) == 8 {
			differs := binary.BigEndian.Uint64(f.Body)
			p.spawn(func() { p.compareLeases(home, asked, differs) })
		}
		return false
	})
}

// compareLeases acts on a home's answer: leases in buckets that are equal need
// not be sent again soon, the others are listed. Those that the home took after
// the tally was sent go by their own time.
func (p *Proxy) compareLeases(home omega.Fingerprint, asked time.Time, differs uint64) {
	lists := make(map[int][]wire.LeaseKey, bits.OnesCount64(differs))
	for b := range wire.LeaseBuckets {
		if differs&(1<<b) != 0 {
			lists[b] = nil
		}
	}
	p.sessions.all(func(s *session) {
		s.held(func(at omega.Fingerprint, k wire.LeaseKey) {
			if at != home {
				return
			}
			if list, differ := lists[k.Bucket()]; differ {
				lists[k.Bucket()] = append(list, k)
			} else {
				s.confirm(home, k, asked)
			}
		})
	})
	for b, keys := range lists {
		if len(keys) <= wire.MaxLeaseList {
			p.sendLeaseList(home, asked, &wire.LeaseList{Bucket: byte(b), Keys: keys})
		}
	}
}

func (p *Proxy) sendLeaseList(home omega.Fingerprint, asked time.Time, l *wire.LeaseList) {
	p.ask(context.Background(), home, wire.ClassControl, wire.TypeLeaseList, wire.AppendLeaseList(nil, l), func(f wire.Frame, err error) bool {
		if err != nil || f.Type != wire.TypeLeaseList {
			return false
		}
		if lacks, err := wire.DecodeLeaseList(f.Body); err == nil && lacks.Answer && lacks.Bucket == l.Bucket {
			p.spawn(func() { p.sendLeases(home, asked, l.Keys, lacks.Keys) })
		}
		return false
	})
}

// sendLeases sends a home the leases of a list that it lacks.
func (p *Proxy) sendLeases(home omega.Fingerprint, asked time.Time, list, lacks []wire.LeaseKey) {
	said := make(map[wire.LeaseKey]bool, len(list)) // whether the home lacks it
	for _, k := range list {
		said[k] = false
	}
	for _, k := range lacks {
		said[k] = true
	}
	now := p.steady()
	p.sessions.all(func(s *session) {
		s.held(func(at omega.Fingerprint, k wire.LeaseKey) {
			lacking, listed := said[k]
			switch {
			case at != home || !listed:
			case lacking:
				s.attachDue(now, home)
			default:
				s.confirm(home, k, asked)
			}
		})
	})
}

// held calls visit, without a lock, for each home elsewhere that has taken the
// session's lease.
func (s *session) held(visit func(home omega.Fingerprint, k wire.LeaseKey)) {
	var buf [omega.MaxHomes]omega.Fingerprint
	homes := buf[:0]
	s.mu.Lock()
	for _, a := range s.remotes {
		if a.ok && !a.over {
			homes = append(homes, a.home)
		}
	}
	k := s.key
	s.mu.Unlock()
	for _, home := range homes {
		visit(home, k)
	}
}

// confirm notes that a home had the lease with this key in force at a time.
func (s *session) confirm(home omega.Fingerprint, k wire.LeaseKey, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.remotes, func(a attachment) bool { return a.home == home })
	if i < 0 || s.key != k || !s.remotes[i].ok {
		return
	}
	s.remotes[i].due = max(s.remotes[i].due, at.Add(attachHeartbeat).UnixMilli())
}

// A proxyLeases is what one proxy's devices have in force at this home.
type proxyLeases struct {
	tally wire.Tally
	byKey map[wire.LeaseKey]*lease
}

// noteProxy counts a lease that comes or goes among those of its proxy. The
// leases of this server's own sessions need no heartbeat. h.install is held.
func (h *home) noteProxy(l *lease, comes bool) {
	if l.s != nil {
		return
	}
	of := h.byProxy[l.proxy]
	if of == nil {
		of = &proxyLeases{byKey: make(map[wire.LeaseKey]*lease)}
		h.byProxy[l.proxy] = of
	}
	k := l.leaseKey()
	of.tally.Toggle(k)
	if comes {
		of.byKey[k] = l
	} else if delete(of.byKey, k); len(of.byKey) == 0 {
		delete(h.byProxy, l.proxy)
	}
}

// receiveTally answers a proxy's heartbeat.
func (h *home) receiveTally(from omega.Fingerprint, f wire.Frame) bool {
	theirs, err := wire.DecodeTally(f.Body)
	if err != nil {
		return false
	}
	h.install.Lock()
	var own wire.Tally
	if of := h.byProxy[from]; of != nil {
		own = of.tally
	}
	h.install.Unlock()
	h.p.postFrame(from, wire.TypeLeases, f.Tag, binary.BigEndian.AppendUint64(nil, own.Differs(theirs)))
	return true
}

// receiveLeaseList ends the leases of a bucket that their proxy does not hold
// any more and answers which ones it holds that are not in force.
func (h *home) receiveLeaseList(from omega.Fingerprint, tag uint32, l *wire.LeaseList) {
	listed := make(map[wire.LeaseKey]bool, len(l.Keys))
	lacks := &wire.LeaseList{Bucket: l.Bucket, Answer: true}
	fresh := h.p.steady().Add(-freshLease).UnixMilli()
	h.install.Lock()
	of := h.byProxy[from]
	for _, k := range l.Keys {
		if !listed[k] && (of == nil || of.byKey[k] == nil) {
			lacks.Keys = append(lacks.Keys, k)
		}
		listed[k] = true
	}
	if of != nil {
		for k, lease := range of.byKey {
			if k.Bucket() == int(l.Bucket) && !listed[k] && lease.taken < fresh {
				h.remove(lease)
			}
		}
	}
	h.install.Unlock()
	h.p.postFrame(from, wire.TypeLeaseList, tag, wire.AppendLeaseList(nil, lacks))
}
