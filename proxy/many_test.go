package proxy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// An envelope to many homes leaves as one frame for all of them, one to few as
// a frame for each; each home answers for its own, and one that is away does not
// hold up the others' answers.
func TestManyHomes(t *testing.T) {
	var together atomic.Int64
	for _, n := range []int{manyHomes - 1, manyHomes} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			together.Store(0)
			inCloud(t, n+1, func(t *testing.T, c *testCloud) {
				alice := c.register(1, c.servers[0])
				var to []*testPerson
				for _, s := range c.servers[1:] {
					to = append(to, c.register(1, s))
				}
				a := newClient(alice, 0).connect(c.servers[0])
				a.send("x", to...)
				want := 0
				if n >= manyHomes {
					want = n
				}
				if got := int(together.Load()); got != want {
					t.Errorf("%d of %d copies left as one frame, want %d", got, n, want)
				}
				for i, p := range to {
					newClient(p, 0).attach(c.servers[i+1], c.servers[i+1]).expect("x")
				}
				c.servers[n].stop()
				code, results := a.sendCode(a.envelope("y", to...))
				if code != omega.CodeUnavailable || len(results) != 1 || int(results[0].Index) != n-1 {
					t.Errorf("with one home away: %s %v", code, results)
				}
			}, func(c *testCloud) {
				c.multi = func(t wire.Type, servers int) {
					if t == wire.TypeSend {
						together.Add(int64(servers))
					}
				}
			})
		})
	}
}

// A message to many is pushed to each of them in its place among the others, not
// read from the store, here and through another server.
func TestSpread(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, other := c.servers[0], c.servers[1]
		var people []*testPerson
		var readers []*testClient
		for i := range spreadFrom {
			people = append(people, c.register(1, home))
			readers = append(readers, newClient(people[i], 0).attach(c.servers[i%2], home))
		}
		a, b := newClient(c.register(1, home), 0).connect(home), newClient(c.register(1, other), 0).connect(other)
		synctest.Wait() // all leases are live: the pumps have seen that nothing waits
		want := make(map[string]bool)
		var wg sync.WaitGroup
		for _, sender := range []*testClient{a, b} {
			name := map[*testClient]string{a: "a", b: "b"}[sender]
			for i := range 10 {
				want[fmt.Sprint(name, i)] = true
			}
			wg.Go(func() {
				for i := range 10 {
					sender.send(fmt.Sprint(name, i), people...)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		for i, r := range readers {
			r.mu.Lock()
			next := map[byte]int{}
			for _, text := range r.got {
				if n := next[text[0]]; text != fmt.Sprint(string(text[0]), n) {
					t.Errorf("reader %d got %q where %d was due", i, text, n)
				}
				next[text[0]]++
			}
			if len(r.got) != len(want) || r.mails != len(want) {
				t.Errorf("reader %d got %d of %d messages in %d mails", i, len(r.got), len(want), r.mails)
			}
			r.mu.Unlock()
		}
		// Where the two meet at one lease, one of them may leave it to the store.
		if st, all := home.proxy.Metrics(), int64(len(readers)*len(want)); st.Pushed+st.Pumped != all || st.Pumped > all/20 || st.Rewinds != 0 {
			t.Errorf("%d pushed, %d read from the store, %d rewinds; want nearly all %d pushed", st.Pushed, st.Pumped, st.Rewinds, all)
		}
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait after all were acknowledged", n)
		}
	})
}

// What comes while a message to many waits for its turn comes after it, whoever
// brings it; and a lease that was rewound meanwhile takes it from the store.
func TestSpreadIsOvertaken(t *testing.T) {
	for _, rewound := range []bool{false, true} {
		inCloud(t, 1, func(t *testing.T, c *testCloud) {
			s := c.servers[0]
			bob := c.register(1, s)
			b := newClient(bob, 0).attach(s, s)
			a := newClient(c.register(1, s), 0).connect(s)
			a.send("before", bob)
			b.expect("before")
			synctest.Wait()
			l := s.proxy.home.leases.get(bob.device(0))
			prev, ok := l.claim(1 << 40) // mail that is not in the store, to be seen to be dropped
			if !ok || l.live {
				t.Fatalf("claimed after %d: %v; live: %v", prev, ok, l.live)
			}
			a.send("single", bob)
			synctest.Wait()
			if got := len(b.got); got != 1 {
				t.Errorf("%d texts came before the turn", got)
			}
			if rewound {
				l.mu.Lock()
				l.restart(l.sent)
				l.mu.Unlock()
			}
			l.take(&wire.Mail{Seq: 1 << 40}, prev+1, nil) // something went in between
			b.expect("before", "single")
		})
	}
}
