package proxy

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// asked counts the look-ups that servers send.
func (c *testCloud) asked() func(from int) int {
	counts := make([]int, len(c.servers))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spy = func(from, _ int, f wire.Frame) {
		if f.Type == wire.TypeFetch {
			counts[from]++ // under mu
		}
	}
	return func(from int) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return counts[from]
	}
}

// scatter registers people until n have their home at s, which knows nobody else.
func (c *testCloud) scatter(n int, s *testServer, other func(*testPerson) bool) (people []*testPerson) {
	c.t.Helper()
	for len(people) < n {
		p := newPerson(c.t, 1)
		if !other(p) {
			continue
		}
		if err := s.enter(p, s); err != nil {
			c.t.Fatal(err)
		}
		people = append(people, p)
	}
	return people
}

// A deputy looks for those recipients of a large group whose deputy it can be, not
// for everybody in it. (spec/delivery.md, DELIV-40)
func TestHintLooksForItsOwn(t *testing.T) {
	inCloud(t, 24, func(t *testing.T, c *testCloud) {
		c.introduce()
		for range 20 { // more than anybody keeps
			c.register(1, c.servers[0])
		}
		c.place()
		sender, home, away := c.servers[0], c.servers[1], c.servers[2]
		bob := c.scatter(1, away, func(p *testPerson) bool {
			d := c.deputiesOf(p, away)[0]
			return d != sender && d != home
		})[0]
		deputy := c.deputiesOf(bob, away)[0]
		var all []omega.Fingerprint
		for _, s := range c.servers {
			all = append(all, s.fp())
		}
		strangers := c.scatter(40, home, func(p *testPerson) bool {
			return !slices.Contains(c.owners(p), deputy.fp()) && !keyserver.StandsAmong(deputyRank+1, p.fp(), deputy.fp(), all)
		})
		alice := c.register(1, sender)
		time.Sleep(10 * time.Second) // virtual
		for _, p := range append(strangers, bob) {
			if _, err := sender.proxy.Lookup(c.ctx, p.fp()); err != nil {
				t.Fatal(err)
			}
		}
		away.stop()
		asked := c.asked()
		a := newClient(alice, 0).connect(sender)
		code, results := a.sendCode(a.envelope("x", append(strangers, bob)...))
		if want := []wire.Result{{Index: 40, Code: omega.CodeQueued}}; code != omega.CodeQueued || !slices.Equal(results, want) {
			t.Errorf("sent: %s %v, want %s %v", code, results, omega.CodeQueued, want)
		}
		if deputy.spooled(t, away) != 1 || deputy.held(t, bob) != 1 {
			t.Error("the deputy does not keep it")
		}
		if n := asked(deputy.n); n > findServers+1 {
			t.Errorf("the deputy asked %d times for one recipient", n)
		}
	}, placed(3, 1000), withSpool)
}

// A home does not look for all who are in a large group because it knows only those
// that live there. (spec/delivery.md, DELIV-41)
func TestHomeLooksForItsOwn(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		c.introduce()
		for range 20 { // more than anybody keeps
			c.register(1, c.servers[0])
		}
		c.place()
		sender, home, other := c.servers[0], c.servers[1], c.servers[2]
		strangers := c.scatter(2*findEach, other, func(p *testPerson) bool { return !slices.Contains(c.owners(p), home.fp()) })
		bob := c.scatter(1, home, func(*testPerson) bool { return true })[0]
		alice := c.register(1, sender)
		time.Sleep(10 * time.Second) // virtual
		for _, p := range append(strangers, bob) {
			if _, err := sender.proxy.Lookup(c.ctx, p.fp()); err != nil {
				t.Fatal(err)
			}
		}
		asked := c.asked()
		a := newClient(alice, 0).connect(sender)
		if code, results := a.sendCode(a.envelope("x", append(strangers, bob)...)); code != omega.CodeOK {
			t.Errorf("sent: %s %v", code, results)
		}
		if n := asked(home.n); n > 0 {
			t.Errorf("the home asked %d times", n)
		}
		// Whom it should know and does not it learns of by the sender's doubt.
		carol := newPerson(t, 1)
		e := carol.entry(home)
		for _, s := range c.servers {
			if s == sender || s != home && slices.Contains(c.owners(carol), s.fp()) {
				if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
					t.Fatal(err)
				}
			}
		}
		env := a.envelope("y", append(strangers, bob, carol)...)
		waitFor(t, time.Minute, "it has what is for her", func() bool {
			code, _ := a.sendCode(env)
			return code == omega.CodeOK && home.held(t, carol) == 1
		})
	}, placed(3, 1000))
}

// What is owed for deleted accounts is let go even where it waits behind mail that
// is owed for others, and the home never comes back. (spec/delivery.md, DELIV-33)
func TestSpoolForgetsBehindOthers(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, sender := c.servers[1], c.servers[0]
		alice, bob, carol := c.register(1, sender), c.register(1, home), newPerson(t, 1)
		for !slices.Equal(c.deputiesOf(bob, home), c.deputiesOf(carol, home)) {
			carol = newPerson(t, 1) // so that it is in one lane
		}
		c.publish(carol.entry(home))
		home.stop()
		a := newClient(alice, 0).connect(sender)
		for i := range spoolWindow + 10 {
			to := bob
			if i >= spoolWindow {
				to = carol
			}
			e := &wire.Envelope{Class: wire.ClassText, Lifetime: 7 * 24 * time.Hour, Sender: alice.fp(), ID: omega.ID{byte(i)}, Recipients: []omega.Fingerprint{to.fp()}, Payload: []byte("x")}
			b, err := e.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			if code, _ := a.sendCode(b); code != omega.CodeQueued {
				t.Fatalf("sent: %s", code)
			}
		}
		total := func() (n int) {
			for _, s := range homesOf(c, home) {
				n += s.spooled(t, home)
			}
			return n
		}
		before := total()
		c.publish(carol.tombstone())
		waitFor(t, 2*sweepInterval, "what was owed for her is gone", func() bool { return before-total() >= 10 })
		if n := total(); n < spoolWindow {
			t.Errorf("%d are left, want what is owed for others, %d at least", n, spoolWindow)
		}
	}, withSpool)
}
