package proxy

import (
	"bytes"
	"runtime"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Mail for many accounts is pushed by one goroutine, some leases at a time. Each
// push may start the writing of a connection, and thousands of those at once
// would keep everything else from the processors: first of all what stores the
// mail.
const (
	spreadFrom  = 17      // accounts
	spreadStep  = 16      // pushes before others have a turn
	spreadBytes = 8 << 20 // of envelopes that wait; more are pushed at once
)

// spreads are the mails that wait to be pushed so.
type spreads struct {
	mu      sync.Mutex
	list    []*spread // guarded by mu
	bytes   int       // of envelopes in list; guarded by mu
	running bool      // guarded by mu
}

// A spread is one mail and the leases that take it.
type spread struct {
	mail wire.Mail // with a copy of the envelope
	to   []turn
}

// A turn is a lease that takes a mail after another one.
type turn struct {
	l    *lease
	prev uint64
}

// begin returns a spread of m, nil when too much waits.
func (q *spreads) begin(m *wire.Mail) *spread {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(m.Envelope) > spreadBytes {
		return nil
	}
	s := &spread{mail: *m}
	s.mail.Envelope = bytes.Clone(m.Envelope)
	return s
}

// add queues a spread.
func (q *spreads) add(p *Proxy, s *spread) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, s)
	q.bytes += len(s.mail.Envelope)
	if !q.running {
		q.running = p.spawn(q.run)
	}
}

func (q *spreads) next() *spread {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		q.list, q.running = nil, false
		return nil
	}
	s := q.list[0]
	q.list[0] = nil
	q.list = q.list[1:]
	q.bytes -= len(s.mail.Envelope)
	return s
}

// run pushes until nothing waits.
func (q *spreads) run() {
	var buf []byte
	for s := q.next(); s != nil; s = q.next() {
		for i, t := range s.to {
			buf = t.l.take(&s.mail, t.prev, buf)
			if i%spreadStep == spreadStep-1 {
				runtime.Gosched()
			}
		}
	}
}

// spread is push for mail that s takes along. The store's lock is held.
func (h *home) spread(account omega.Fingerprint, s *spread) {
	b := h.boxes.get(account)
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.leases {
		if prev, ok := l.claim(s.mail.Seq); ok {
			s.to = append(s.to, turn{l, prev})
		}
	}
}

// claim reserves the place after the last mail for one that take brings. It
// reports false when the lease is not live: then the mail is left to the store.
func (l *lease) claim(seq uint64) (prev uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return 0, false
	case l.live:
		prev, ok = l.sent, true
	case l.claimed != 0 && l.claimed == l.latest:
		prev, ok = l.claimed, true
	}
	l.live = false
	l.latest = seq
	if ok {
		l.claimed = seq
	}
	return prev, ok
}

// take pushes mail whose place was claimed after prev, if that is still the last
// one. Otherwise it is left to the store, as what came meanwhile is.
func (l *lease) take(m *wire.Mail, prev uint64, buf []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return buf
	}
	last := l.claimed == m.Seq
	if last {
		l.claimed = 0
	}
	if l.sent == prev && l.room(len(m.Envelope)) {
		var ok bool
		if buf, ok = l.send(m, buf); ok {
			l.h.p.stats.pushed.Add(1)
			l.live = l.latest == m.Seq
		}
	}
	if last {
		l.wake()
	}
	return buf
}
