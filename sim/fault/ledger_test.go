package fault

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A ledger is what was sent and what arrived. It judges the promises.
type ledger struct {
	mu      sync.Mutex // guards everything below
	sends   map[im.ID]*sending
	devices map[im.Fingerprint]*device
	away    map[im.Fingerprint]bool          // devices that are not open yet
	inbox   map[im.Fingerprint][]arrival     // by device, in the order of arrival
	times   map[im.Fingerprint]map[im.ID]int // by device: how often it was received
	history map[im.Fingerprint]map[im.ID]int // by device: how often its history has it
	odd     []string                         // what must not be
	waited  int                              // texts that were overtaken after a wait
	clocks  bool                             // servers' clocks are wrong at times
}

// A sending is one text.
type sending struct {
	id       im.ID
	from     *device
	to       *person
	n        int // counts the texts of from
	text     string
	at       time.Time
	accepted bool   // some call returned it as queued or better
	state    string // best that was returned
}

// An arrival is one received message.
type arrival struct {
	s      *sending  // nil: nobody sent it
	at     time.Time // given to the reader
	stored time.Time // at the home
}

// orderWait is how long a client waits for a text that was written before one
// that it has.
const orderWait = 15 * time.Second

func newLedger() *ledger {
	return &ledger{
		sends: map[im.ID]*sending{}, devices: map[im.Fingerprint]*device{}, away: map[im.Fingerprint]bool{},
		inbox: map[im.Fingerprint][]arrival{}, times: map[im.Fingerprint]map[im.ID]int{}, history: map[im.Fingerprint]map[im.ID]int{},
	}
}

// device makes d known.
func (l *ledger) device(d *device, away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices[d.fpr], l.away[d.fpr] = d, away
	l.times[d.fpr], l.history[d.fpr] = map[im.ID]int{}, map[im.ID]int{}
}

// back notes that a device is away no more.
func (l *ledger) back(d *device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away[d.fpr] = false
}

// sending notes a text that is about to be sent.
func (l *ledger) sending(from *device, to *person, n int, rng *rand.Rand) *sending {
	s := &sending{from: from, to: to, n: n, at: time.Now(), text: fmt.Sprintf("%s to %s, text %d, %s%016x", from.name, to.name, n, canary, rng.Uint64())}
	binary.BigEndian.PutUint64(s.id[:], rng.Uint64())
	binary.BigEndian.PutUint64(s.id[8:], rng.Uint64())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends[s.id] = s
	return s
}

func (s *sending) params(wait string, timeout time.Duration) clientrpc.SendParams {
	return clientrpc.SendParams{ID: s.id, To: s.to.fpr.String(), Text: s.text, Wait: wait, Timeout: timeout}
}

// sent notes what a call returned. After an error nobody knows.
func (l *ledger) sent(s *sending, r *clientrpc.SendResult, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		return
	}
	if s.accepted && r.State == clientrpc.StateFailed {
		l.oddly("%q was accepted as %s and failed: %v", s.text, s.state, r.Why)
	}
	s.state = r.State
	s.accepted = s.accepted || r.State != clientrpc.StateFailed
}

func (l *ledger) oddly(format string, args ...any) {
	l.odd = append(l.odd, fmt.Sprintf(format, args...))
}

// received notes a message that a device was given.
func (l *ledger) received(d *device, m *clientrpc.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sends[m.ID]
	stored := m.Received
	if l.clocks && s != nil {
		stored = s.at // it was not stored earlier than that; no clock of a server is asked
	}
	l.inbox[d.fpr] = append(l.inbox[d.fpr], arrival{s, time.Now(), stored})
	l.times[d.fpr][m.ID]++
	switch {
	case s == nil:
		l.oddly("%s received %s %q, which nobody sent", d.name, m.ID, m.Text)
	case m.Text != s.text || m.From != s.from.owner.fpr || m.Device != s.from.fpr || d.owner != s.to:
		l.oddly("%s received %q from %s, sent was %q by %s to %s", d.name, m.Text, m.From, s.text, s.from.name, s.to.name)
	case !m.Verified || m.Problem != "":
		l.oddly("%s received %q with verified=%v problem=%q", d.name, m.Text, m.Verified, m.Problem)
	}
}

// shown notes a message in a device's history.
func (l *ledger) shown(d *device, m *clientrpc.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history[d.fpr][m.ID]++
}

// partners lists the people that somebody wrote to or got texts from.
func (l *ledger) partners(p *person) []*person {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[*person]bool{}
	for _, s := range l.sends {
		if s.to == p {
			seen[s.from.owner] = true
		} else if s.from.owner == p {
			seen[s.to] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// lacks calls f for every accepted text that some open device of the recipient
// has not got. l.mu is held.
func (l *ledger) lacks(f func(*sending, *device)) {
	for _, s := range l.sends {
		for _, d := range s.to.devices {
			if s.accepted && !l.away[d.fpr] && l.times[d.fpr][s.id] == 0 {
				f(s, d)
			}
		}
	}
}

// missing counts what open devices lack.
func (l *ledger) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(func(*sending, *device) { n++ })
	return n
}

// noteLost notes what is missing now as lost, whether it comes later or not.
func (l *ledger) noteLost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(func(s *sending, d *device) {
		if s.state != clientrpc.StateQueued {
			l.oddly("lost by servers: %q, %s at the sender, did not come to %s while the sender was away", s.text, s.state, d.name)
		}
	})
}

// toAway lists the texts to people who are away, and are not known to be
// stored.
func (l *ledger) toAway() (out []*sending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sends {
		if s.accepted && s.state == clientrpc.StateQueued && l.away[s.to.devices[0].fpr] {
			out = append(out, s)
		}
	}
	return out
}

// totals are the figures of a run.
type totals struct{ sent, accepted, stored, received int }

func (l *ledger) totals() (out totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sends {
		out.sent++
		if s.accepted {
			out.accepted++
		}
		if s.accepted && s.state != clientrpc.StateQueued {
			out.stored++
		}
	}
	for _, list := range l.inbox {
		out.received += len(list)
	}
	return out
}

// maxReported bounds the broken promises that are shown one by one.
const maxReported = 20

// report fails the test for every broken promise.
func (l *ledger) report(t *testing.T) {
	t.Helper()
	sum := l.totals()
	problems := l.judge()
	t.Logf("%d texts, %d accepted, %d of them stored when last asked, %d received, %d overtaken after %v, %d promises broken",
		sum.sent, sum.accepted, sum.stored, sum.received, l.waited, orderWait, len(problems))
	for _, p := range problems[:min(len(problems), maxReported)] {
		t.Error(p)
	}
	if sum.stored == 0 || sum.received == 0 {
		t.Error("nothing was stored or received, so nothing is shown")
	}
}

// judge lists the broken promises.
func (l *ledger) judge() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(func(s *sending, d *device) {
		l.oddly("lost: %q, %s at the sender, never came to %s", s.text, s.state, d.name)
	})
	for _, s := range l.sends {
		for _, d := range s.to.devices {
			n, shown := l.times[d.fpr][s.id], l.history[d.fpr][s.id]
			if n > 1 {
				l.oddly("twice: %q came to %s %d times", s.text, d.name, n)
			}
			if n == 1 && shown != 1 {
				l.oddly("%s received %q and shows it %d times in its history", d.name, s.text, shown)
			}
		}
		for _, d := range s.from.owner.devices {
			if n := l.history[d.fpr][s.id]; l.devices[d.fpr] != nil && s.accepted && n != 1 {
				l.oddly("the history of %s, whose account sent it, shows %q %d times", d.name, s.text, n)
			}
		}
	}
	for _, d := range l.devices {
		l.judgeOrder(d)
	}
	return l.odd
}

// judgeOrder wants the texts of each device in the order in which it wrote
// them. One that came later than orderWait after a newer one may be overtaken.
func (l *ledger) judgeOrder(d *device) {
	lanes := map[*device][]arrival{}
	for _, a := range l.inbox[d.fpr] {
		if a.s != nil {
			lanes[a.s.from] = append(lanes[a.s.from], a)
		}
	}
	for _, lane := range lanes {
		for i, late := range lane {
			over := slices.IndexFunc(lane[:i], func(a arrival) bool { return a.s.n > late.s.n })
			if over < 0 {
				continue
			}
			first := lane[over] // that overtook it
			gap := first.stored // since when a newer one was there
			for _, a := range lane {
				if a.s.n > late.s.n && a.stored.Before(gap) {
					gap = a.stored
				}
			}
			if waited := first.at.Sub(gap); waited >= orderWait-time.Second {
				l.waited++
			} else {
				l.oddly("order: %s received %q after %q, %v after something newer was there", d.name, late.s.text, first.s.text, waited)
			}
		}
	}
}
