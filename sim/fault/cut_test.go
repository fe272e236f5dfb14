package fault

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// reachTimeout bounds how long one text may take over ways that were just cut;
// how long it takes is printed.
const reachTimeout = 60 * time.Second

// A probe is two people who write to each other now and then.
type probe struct {
	l    *ledger
	rng  *rand.Rand
	n    int
	ends [2]*person
}

// send sends one text and waits until it is received, and returns how long
// that took. What it brings is checked by the ledger.
func (p *probe) send(t *testing.T, from, to *person) time.Duration {
	t.Helper()
	p.n++
	s := p.l.sending(from.devices[0], to, p.n, p.rng)
	began := time.Now()
	r, err := clientrpc.Send.Call(t.Context(), from.devices[0].conn, s.params("stored", reachTimeout))
	p.l.sent(s, r, err)
	if err != nil {
		t.Fatalf("send %q: %v", s.text, err)
	}
	if r.State == clientrpc.StateQueued {
		t.Fatalf("%q is not stored after %v: %v", s.text, time.Since(began), r.Why)
	}
	until(t, reachTimeout, "received: "+s.text, func() bool { return p.l.missing() == 0 })
	return time.Since(began)
}

// both sends there and back.
func (p *probe) both(t *testing.T, when string) {
	t.Helper()
	there, back := p.send(t, p.ends[0], p.ends[1]), p.send(t, p.ends[1], p.ends[0])
	t.Logf("%s: %v there, %v back", when, there.Round(time.Millisecond), back.Round(time.Millisecond))
}

// Texts go straight from server to server, through others where that way is
// cut, and straight again when it is mended, while a crowd writes all the time.
func TestCutWays(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, func(int, int) time.Duration { return time.Millisecond })
	s := seed(t)
	c := newLabServers(t, l)
	const first, last = 0, 4

	// Two crowds: one is counted, the other is quiet so that counts mean something.
	p := &probe{l: newLedger(), rng: rand.New(rand.NewPCG(s, 99))}
	for i, at := range []int{first, last} {
		person := newPerson(t, c.dir, []string{"a", "z"}[i], c.servers[at].address(), c.servers[at].dial)
		person.devices[0].online(t, startTimeout)
		p.l.device(person.devices[0], false)
		p.ends[i] = person
	}
	befriend(t, p.ends[:]...)
	readers := &crowd{people: p.ends[:], ledger: p.l}
	readers.listen(t)

	straight := func() bool {
		before := l.forwarded(t, c)
		p.send(t, p.ends[0], p.ends[1])
		p.send(t, p.ends[1], p.ends[0])
		return l.forwarded(t, c) == before
	}
	// News of the new accounts go to all servers through others.
	until(t, startTimeout, "texts go straight", straight)
	p.both(t, "whole")

	cuts := []struct {
		name string
		cut  func()
	}{
		{"cut both ways", func() { l.cut(first, last) }},
		{"cut one way", func() { l.deaf(last, first) }},
		{"cut the other way", func() { l.deaf(first, last) }},
	}
	for _, tt := range cuts {
		before := l.forwarded(t, c)
		tt.cut()
		p.both(t, tt.name)
		if n := l.forwarded(t, c) - before; n == 0 {
			t.Errorf("%s: nothing was forwarded", tt.name)
		}
		l.heal()
		began := time.Now()
		until(t, startTimeout, "texts go straight again", straight)
		t.Logf("%s: straight again after %v", tt.name, time.Since(began).Round(100*time.Millisecond))
	}
	readers.finish(t, settleTimeout)
	crowdThroughStops(t, l, c, s)
}

// crowdThroughStops stops servers for three seconds and cuts ways while a crowd
// writes.
func crowdThroughStops(t *testing.T, l *lab, c *site, seed uint64) {
	t.Helper()
	w := newCrowd(t, c)
	w.begin(t, seed)
	rng := rand.New(rand.NewPCG(seed, 98))
	for range kills(3) {
		s := c.servers[rng.IntN(len(c.servers))]
		s.process().signal(syscall.SIGSTOP)
		pass(t, 3*time.Second)
		s.process().signal(syscall.SIGCONT)
		pair := rng.Perm(len(l.machines))[:2]
		l.deaf(pair[0], pair[1])
		if rng.IntN(2) == 0 {
			l.deaf(pair[1], pair[0])
		}
		pass(t, upTo(rng, 3*time.Second))
		l.heal()
	}
	w.finish(t, settleTimeout)
}
