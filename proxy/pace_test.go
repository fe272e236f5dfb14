package proxy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// slowAnswers has the answers to envelopes from one server come late: each after
// what wait says, which is called in order.
func (c *testCloud) slowAnswers(server int, wait func() time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = func(from, to int, f wire.Frame) bool {
		if from != server || f.Type != wire.TypeSent {
			return false
		}
		frame, late := wire.AppendFrame(nil, f.Type, f.Tag, f.Body), wait()
		c.wg.Go(func() {
			time.Sleep(late) // virtual
			c.servers[to].proxy.Receive(c.ctx, c.servers[from].fp(), wire.ClassControl, frame)
		})
		return true
	}
}

// A home that answers is there, however late it does: what is done twice stays
// within a tenth and what a budget holds, and all is stored. (spec/delivery.md,
// DELIV-35)
func TestSlowIsNotAway(t *testing.T) {
	const messages, gap = 4000, 2500 * time.Microsecond
	rng := rand.New(rand.NewPCG(1, 1))
	start := time.Now()
	free := start // when the home that works through a queue is
	for _, tt := range []struct {
		name string
		wait func() time.Duration
	}{
		{"300 to 800 ms", func() time.Duration { return 300*time.Millisecond + time.Duration(rng.IntN(500))*time.Millisecond }},
		{"half as fast as it is asked", func() time.Duration {
			free = time.Unix(0, max(free.UnixNano(), time.Now().UnixNano())).Add(2 * gap)
			return time.Until(free)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inCloud(t, 5, func(t *testing.T, c *testCloud) {
				free = time.Now()
				homes := c.servers[1:3]
				alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
				c.slowAnswers(2, tt.wait)
				a := newClient(alice, 0).connect(c.servers[0])
				begin := time.Now()
				var tags []uint32
				for i := range messages {
					tags = append(tags, a.start(wire.TypeSend, a.envelope(fmt.Sprint(i), bob)))
					time.Sleep(gap) // virtual
				}
				for _, tag := range tags {
					if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK {
						t.Fatalf("answer %s", code)
					}
				}
				took := time.Since(begin)
				waitFor(t, maxWait, "nothing is under way", func() bool { return c.servers[0].proxy.Metrics().Requests == 0 })
				m := c.servers[0].proxy.Metrics()
				twice := m.Hinted + m.Spooled + m.Retries
				if bound := paceDepth + messages/10 + int64(took/tickInterval); twice > bound || m.Timeouts > m.Spooled { // what the spool sends meanwhile may have to be sent again
					t.Errorf("%d hints, %d spooled, %d repetitions, at most %d in all; %d timeouts", m.Hinted, m.Spooled, m.Retries, bound, m.Timeouts)
				}
				t.Logf("%d messages in %v: %d hints, %d repetitions", messages, took, m.Hinted, m.Retries)
				for _, h := range homes {
					if n := h.held(t, bob); n != messages {
						t.Errorf("a home holds %d of %d", n, messages)
					}
				}
			}, withSpool)
		})
	}
}

// A home that falls silent is not waited for longer than ever, though others are
// many and it was slow before. (spec/delivery.md, DELIV-35)
func TestSilentAfterSlow(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		silent := false // guarded by c.mu: drop is called with it
		c.slowAnswers(2, func() time.Duration {
			if silent {
				return time.Hour
			}
			return 600 * time.Millisecond
		})
		a := newClient(alice, 0).connect(c.servers[0])
		for i := range 100 {
			a.start(wire.TypeSend, a.envelope(fmt.Sprint(i), bob))
			time.Sleep(10 * time.Millisecond) // virtual
		}
		c.mu.Lock()
		silent = true
		c.mu.Unlock()
		begin := time.Now()
		var tags []uint32
		for i := range 500 {
			tags = append(tags, a.start(wire.TypeSend, a.envelope(fmt.Sprint("later ", i), bob)))
		}
		for _, tag := range tags {
			if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK {
				t.Fatalf("answer %s", code)
			}
		}
		// Deputies are asked once the last of what it was sent before is late.
		if d := time.Since(begin); d > 2*mostPatience {
			t.Errorf("stored after %v", d)
		}
	}, withSpool)
}

// TestPagesAreOneAnswer: the frames after the first one of an answer are no news
// of how long answers take, and pay for nothing.
func TestPagesAreOneAnswer(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		p, to := c.servers[0].proxy, c.servers[1].fp()
		c.mu.Lock()
		c.drop = func(int, int, wire.Frame) bool { return true }
		c.mu.Unlock()
		pace := p.pace(to)
		spend := func() (n int) {
			for pace.budget.Spend(paceDepth) {
				n++
			}
			return n
		}
		spend()
		const pages = 50
		came := 0
		var tag uint32
		c.mu.Lock()
		c.spy = func(_, _ int, f wire.Frame) { tag = f.Tag }
		c.mu.Unlock()
		p.ask(c.ctx, to, wire.ClassControl, wire.TypeList, nil, func(wire.Frame, error) bool { came++; return came < pages })
		for i := range pages {
			time.Sleep(10 * time.Millisecond) // virtual
			p.Receive(c.ctx, to, wire.ClassControl, wire.AppendFrame(nil, wire.TypeListed, tag, nil))
			if i == 0 {
				pace.mu.Lock()
				spend() // what time paid
				pace.mu.Unlock()
			}
		}
		pace.mu.Lock()
		defer pace.mu.Unlock()
		if came != pages {
			t.Fatalf("%d of %d frames came", came, pages)
		}
		if got := pace.took.Timeout(); got > 40*time.Millisecond {
			t.Errorf("an answer takes %v, and its first frame came after 10ms", got)
		}
		if n, most := spend(), int(pages*10*time.Millisecond/tickInterval)+1; n > most {
			t.Errorf("one answer and the time paid for %d repetitions, want %d at most", n, most)
		}
	})
}
