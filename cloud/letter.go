package cloud

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/patience"
	"github.com/omega-im/omega/wire"
)

// Times and bounds of the packets that this server made and others carry.
// (spec/cloud.md, CLOUD-26)
const (
	minPatience = 250 * time.Millisecond // until the first repetition, at least

	// patienceSlack is what a receipt may take besides one and a half round trips of
	// the way. What a server had taken when it died is only missed here, so this
	// is most of what such a death costs a message.
	patienceSlack = 100 * time.Millisecond

	letterLife = 5 * time.Second // then it is given up
	maxLetters = 1 << 16
	maxRetries = 64 // per look of the courier

	// maxPatience is how long the first repetition waits at most because
	// receipts usually take long. (CLOUD-46)
	maxPatience = 2 * time.Second
)

// packetAgain is the flag of a packet that its origin repeats. It says to the
// destination that a receipt may have been lost; others carry it untouched.
const packetAgain = 1 << 2

// letters are this server's packets that have no receipt yet.
type letters struct {
	mu      sync.Mutex
	m       map[letterKey]*letter // guarded by mu
	late    patience.Estimate     // by how much receipts come after a round trip; guarded by mu
	repeats repeats               // guarded by mu
	pool    sync.Pool
}

type letterKey struct {
	num uint64 // of the id
	to  omega.Fingerprint
}

// A letter is one packet on its way to one server.
type letter struct {
	p        *parcel       // as it was made
	at       int64         // when it was sent first
	rtt      time.Duration // of the way then
	due      int64         // when it is repeated
	asked    bool          // for that: somebody said that it does not arrive
	attempts int
	between  []omega.Fingerprint // the way of the last attempt, if it is known
	tried    []omega.Fingerprint // servers on ways that brought no receipt
}

func (s *letters) init() {
	s.m = map[letterKey]*letter{}
	s.repeats.m = map[omega.Fingerprint]*repeatBudget{}
	s.pool.New = func() any { return &letter{} }
}

func (s *letters) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.m)
}

// room reports whether one more can be tracked. Those above it go once.
func (s *letters) room() bool { return s.len() < maxLetters }

// add tracks a packet to one of its destinations, a round trip of rtt away.
func (s *letters) add(num uint64, to omega.Fingerprint, p *parcel, now int64, rtt time.Duration) {
	l := s.pool.Get().(*letter)
	*l = letter{p: p.share(), at: now, rtt: rtt, tried: l.tried[:0]}
	s.mu.Lock()
	l.due = now + int64(s.patience(rtt))
	old := s.m[letterKey{num, to}]
	s.m[letterKey{num, to}] = l
	s.mu.Unlock()
	if old != nil {
		s.end(old)
	}
}

// patience is how long a receipt may take from a server that is a round trip of
// rtt away. mu is held. (spec/cloud.md, CLOUD-26, CLOUD-46)
func (s *letters) patience(rtt time.Duration) time.Duration {
	return max(minPatience, rtt+rtt/2+patienceSlack, min(rtt+s.late.Timeout(), maxPatience))
}

// came takes in the receipt that a server gave for a packet that is tracked no more.
func (s *letters) came(l *letter, from omega.Fingerprint, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repeats.earn(from)
	if l.attempts == 0 {
		s.late.Observe(time.Duration(now-l.at) - l.rtt)
	}
}

// take stops tracking a packet and returns it, nil when it was not tracked.
func (s *letters) take(num uint64, to omega.Fingerprint) *letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.m[letterKey{num, to}]
	delete(s.m, letterKey{num, to})
	return l
}

// forget stops tracking a packet.
func (s *letters) forget(num uint64, to omega.Fingerprint) {
	if l := s.take(num, to); l != nil {
		s.end(l)
	}
}

func (s *letters) end(l *letter) {
	l.p.release()
	l.p, l.between = nil, nil
	s.pool.Put(l)
}

// hurry has a packet repeated soon: somebody says that it does not arrive.
func (s *letters) hurry(num uint64, to omega.Fingerprint, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.m[letterKey{num, to}]; l != nil {
		l.due, l.asked = min(l.due, now), true
	}
}

// overdue returns the packets to be repeated now, and takes out those that are
// given up.
func (s *letters) overdue(now int64) (again []letterKey, over []*letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repeats.sweep(now)
	for k, l := range s.m {
		switch {
		case now-l.at >= int64(letterLife):
			delete(s.m, k)
			over = append(over, l)
		case now >= l.due && len(again) < maxRetries && s.mayRepeat(l, k.to, now):
			again = append(again, k)
		}
	}
	return again, over
}

// mayRepeat reports whether a packet that is due is sent to a server again now. mu
// is held.
func (s *letters) mayRepeat(l *letter, to omega.Fingerprint, now int64) bool {
	if l.asked {
		return true // it is known, not guessed
	}
	if usual := l.at + int64(s.patience(l.rtt)); l.attempts == 0 && now < usual {
		l.due = usual // receipts take longer than they did when it was sent
		return false
	}
	return s.repeats.spend(to, now)
}

// A receipt is owed to a source.
type receipt struct {
	source omega.Fingerprint
	id     omega.ID
}

// sendReceipts sends one packet to each source.
func (c *Cloud) sendReceipts(due []receipt) {
	var buf [wire.MaxReceipt]omega.ID
	for len(due) > 0 {
		source, ids, rest := due[0].source, buf[:0], due[:0]
		for _, r := range due {
			if r.source == source && len(ids) < wire.MaxReceipt {
				ids = append(ids, r.id)
			} else {
				rest = append(rest, r)
			}
		}
		// One that cannot be sent comes with the repetition.
		_ = c.say(source, wire.TypeReceipt, wire.AppendReceipt(make([]byte, 0, len(ids)*omega.IDSize), ids))
		due = rest
	}
}

// lastOwnType is the last type of frame inside packets that is the cloud's own.
const lastOwnType wire.Type = 90

// inner deals with a frame of the cloud's own that came in a packet.
func (c *Cloud) inner(_ context.Context, source omega.Fingerprint, p wire.PacketView) {
	f, rest, err := wire.ParseFrame(p.Payload(), omega.MaxPeerFrame)
	if err != nil || len(rest) > 0 {
		c.stats.unknown.Add(1)
		return
	}
	switch f.Type {
	case wire.TypeReceipt:
		for id := range wire.Receipt(f.Body) {
			c.received(source, id)
		}
	case wire.TypeBounce:
		c.returned(f.Body)
	case wire.TypeTrace:
		c.answerTrace(p)
	case wire.TypeCircuitAsk, wire.TypeCircuitOffer, wire.TypeCircuitAnswer:
		c.heardCircuit(source, f)
	case wire.TypeTraced:
		c.heardTraced(source, f.Body)
	default:
		c.stats.unknown.Add(1) // a later version's
	}
}

// received notes that a packet arrived, and that its way is good.
func (c *Cloud) received(source omega.Fingerprint, id omega.ID) {
	l := c.letters.take(numOf(id), source)
	if l == nil {
		return
	}
	if c.scores.any() {
		way := l.between
		if way == nil {
			way = c.between(source)
		}
		c.scores.forgive(way)
	}
	c.letters.came(l, source, c.now())
	c.letters.end(l)
}

// returned notes that a packet does not arrive by the way that it took.
func (c *Cloud) returned(body []byte) {
	b, err := wire.DecodeBounce(body)
	if err != nil {
		c.stats.unknown.Add(1)
		return
	}
	c.stats.returned.Add(1)
	c.letters.hurry(numOf(b.ID), b.To, c.now())
	c.courier.wake()
}

// between returns the servers between this one and another one on the way that
// packets take now.
func (c *Cloud) between(to omega.Fingerprint) []omega.Fingerprint {
	t := c.table.Load()
	if t.links[to] != nil || t.view.Tree == nil {
		return nil
	}
	if w := c.scores.way(t, to, c.now()); w != nil {
		return w.between
	}
	path := t.view.Graph.Way(c.self, to, nil)
	if len(path) < 3 {
		return nil
	}
	return path[1 : len(path)-1]
}

// retry repeats what has no receipt and is due.
func (c *Cloud) retry(now int64) {
	again, over := c.letters.overdue(now)
	for _, l := range over {
		c.stats.lost.Add(1)
		c.letters.end(l)
	}
	for _, k := range again {
		c.repeat(k, now)
	}
}

// repeat sends a packet again: straight to its destination where there is a
// connection, else over a way that none of the servers tried before is on, or
// as few as can be. (spec/cloud.md, CLOUD-26)
func (c *Cloud) repeat(k letterKey, now int64) {
	t := c.table.Load()
	l := c.letters.take(k.num, k.to)
	if l == nil {
		return // the receipt came just now
	}
	c.stats.retried.Add(1)
	way := l.between
	if way == nil {
		way = c.between(k.to)
	}
	c.blame(way)
	for _, fp := range way {
		if !slices.Contains(l.tried, fp) {
			l.tried = append(l.tried, fp)
		}
	}
	l.attempts++
	l.asked = false
	if t.links[k.to] == nil && (t.dialable(k.to) || c.mayCircuit(t, k.to)) {
		c.requestDial(k.to)
	}
	p := c.again(t, l, k.to)
	c.letters.mu.Lock()
	l.due = now + int64(c.letters.patience(l.rtt))*int64(min(2+l.attempts, 8))/2
	c.letters.m[k] = l
	c.letters.mu.Unlock()
	if p != nil && c.pass(t, p, nil) != 0 {
		c.letters.hurry(k.num, k.to, now+int64(minPatience)/2)
	}
}

// again makes the next attempt's packet of a letter, nil when there is no way.
func (c *Cloud) again(t *table, l *letter, to omega.Fingerprint) *parcel {
	v := l.p.view()
	var dead []wire.LinkHash
	l.between = []omega.Fingerprint{}
	if t.links[to] == nil {
		now := c.now()
		held := func(fp omega.Fingerprint) float64 {
			if slices.Contains(l.tried, fp) {
				return 1 + c.scores.against(fp, now)
			}
			return c.scores.against(fp, now)
		}
		var ok bool
		if dead, l.between, ok = t.around(to, held); !ok {
			return nil
		}
	}
	p := c.custody.copyOf(l.p, 8*len(dead), func(b []byte) []byte {
		return v.AppendFor(b, []omega.Fingerprint{to}, dead)
	})
	wire.PacketView(p.b).MarkAgain(packetAgain)
	return p
}
