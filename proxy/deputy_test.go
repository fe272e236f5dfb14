package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// held counts the mail that a server keeps for devices of an account.
func (s *testServer) held(t *testing.T, p *testPerson) int {
	t.Helper()
	keys, err := s.store.Keys(t.Context(), p.fp())
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

// With every home dead the devices of an account read at its deputy what was
// acknowledged to its sender; each of them, whatever the others have. The homes
// get it all the same, show it to nobody twice, and the deputy forgets it when
// the last one that was away has it.
func TestDevicesReadAtDeputies(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(2, homes...)
		deputy := c.deputiesOf(bob, homes...)[0]
		homes[0].stop()
		homes[1].stop()
		a := newClient(alice, 0).connect(c.servers[0])
		a.send("x", bob)
		homes[2].stop()

		everywhere := append([]*testServer{deputy}, homes...)
		one := newClient(bob, 0).attach(c.servers[0], everywhere...)
		one.expect("x")
		synctest.Wait()
		if n := deputy.held(t, bob); n != 1 {
			t.Errorf("one device has it, and the deputy holds %d for the other", n)
		}
		two := newClient(bob, 1).attach(deputy, everywhere...)
		two.expect("x")
		waitFor(t, time.Second, "all devices have it", func() bool { return deputy.held(t, bob) == 0 })

		for i, h := range homes[:2] {
			if n := deputy.spooled(t, h); n != 1 {
				t.Errorf("the deputy owes home %d %d envelopes", i, n)
			}
			h.start()
			c.publishTo(h, bob)
			deputy.proxy.ServerUp(h.fp())
			waitFor(t, time.Second, "the home has it", func() bool { return deputy.spooled(t, h) == 0 })
		}
		one.attach(c.servers[0], everywhere...)
		two.attach(deputy, everywhere...)
		for _, h := range homes[:2] {
			waitFor(t, time.Minute, "both devices have it from the home too", func() bool { return h.held(t, bob) == 0 })
		}
		one.expect("x")
		two.expect("x")
	}, withSpool)
}

// What nobody read at the deputy is there until the last home that was away has
// it, and no longer.
func TestDeputyLetsGo(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		deputy := c.deputiesOf(bob, homes...)[0]
		homes[0].stop()
		homes[1].stop()
		newClient(alice, 0).connect(c.servers[0]).send("x", bob)
		for i, h := range homes[:2] {
			waitFor(t, time.Second, "the deputy keeps it", func() bool { return deputy.spooled(t, h) == 1 })
			if n := deputy.held(t, bob); n != 1 {
				t.Errorf("with %d homes back the deputy holds %d", i, n)
			}
			h.start()
			c.publishTo(h, bob)
			deputy.proxy.ServerUp(h.fp())
			waitFor(t, time.Second, "the home has it", func() bool { return deputy.spooled(t, h) == 0 })
		}
		if n := deputy.held(t, bob); n != 0 {
			t.Errorf("with all homes back the deputy holds %d", n)
		}
	}, withSpool)
}

// A deputy that crashed after its word still has what it said it has.
func TestDeputyCrashes(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		homes[0].stop()
		homes[1].stop()
		newClient(alice, 0).connect(c.servers[0]).send("x", bob)
		homes[2].stop()
		first := c.deputiesOf(bob, homes...)[0]
		first.disk.Crash()
		first.away.Crash()
		first.stop()
		first.start()
		c.publishTo(first, bob)
		newClient(bob, 0).attach(first, first).expect("x")
	}, withSpool)
}

// Leases at a deputy are leases: a newer one ends it, and its proxy is told.
func TestSupersededAtDeputy(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		bob := c.register(1, homes...)
		deputy := c.deputiesOf(bob, homes...)[0]
		for _, h := range homes {
			h.stop()
		}
		b := newClient(bob, 0).attach(homesOf(c, deputy)[0], deputy)
		b.attachedAt(deputy, 0)
		b.mu.Lock()
		old := b.conn
		b.mu.Unlock()
		b.attach(homesOf(c, deputy)[1], deputy)
		b.attachedAt(deputy, 1)
		synctest.Wait()
		f, ok := old.next(true)
		got, err := wire.DecodeAttached(f.Body)
		if !ok || err != nil || got.Code != omega.CodeSuperseded || got.Home != deputy.fp() {
			t.Errorf("older session got type %d %+v, want superseded", f.Type, got)
		}
	}, withSpool)
}

// homesOf are servers that run and are not the one given.
func homesOf(c *testCloud, but *testServer) (out []*testServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if s != but && !s.dead {
			out = append(out, s)
		}
	}
	return out
}

// A device that a home has heard to be revoked is told so through a proxy that
// has not.
func TestRevokedAtHome(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, proxy := c.servers[0], c.servers[1]
		bob := c.register(2, home)
		stolen := newClient(bob, 1).attach(proxy, home)
		stolen.attachedAt(home, 0)
		cert, err := pgp.RevokeDevice(t.Context(), bob.primary, bob.cert, bob.device(1), pgp.ReasonCompromised, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		bob.cert = cert
		if _, _, err := home.keys.Accept(t.Context(), keyserver.FromServer, bob.entry(home)); err != nil {
			t.Fatal(err)
		}
		if got := stolen.attachedAt(home, 1); got.Code != omega.CodeRefused {
			t.Errorf("the session was told %s, want %s", got.Code, omega.CodeRefused)
		}
	})
}

// waitingAt waits for the n-th word on what waits at a home.
func (c *testClient) waitingAt(home *testServer, n int) wire.Waiting {
	c.t.Helper()
	var got wire.Waiting
	c.wait("word on what waits", func() bool {
		seen := 0
		for _, f := range c.frames {
			if w, err := wire.DecodeWaiting(f.Body); f.Type == wire.TypeWaiting && err == nil && w.Home == home.fp() {
				if got = w; seen == n {
					return true
				}
				seen++
			}
		}
		return false
	})
	return got
}

// A device hears up to where mail waits before it hears that its lease stands,
// here and through another server, and then no more of it.
func TestWaiting(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, proxy := c.servers[0], c.servers[1]
		alice, bob := c.register(1, home), c.register(2, home)
		a := newClient(alice, 0).connect(home)
		for _, text := range []string{"1", "2", "3"} {
			a.send(text, bob)
		}
		for i, at := range []*testServer{home, proxy} {
			b := newClient(bob, i).attach(at, home)
			b.expect("1", "2", "3")
			w := b.waitingAt(home, 0)
			if w.Seq == 0 || w.Seq != b.at(home) {
				t.Errorf("waiting up to %d, has %d", w.Seq, b.at(home))
			}
			if key := b.keys[home.fp()]; at == proxy && !key.CheckWaiting(&w) {
				t.Error("the word of the home is not proved")
			}
			if b.frames[0].Type != wire.TypeWaiting || b.frames[1].Type != wire.TypeAttached {
				t.Errorf("got types %d, %d", b.frames[0].Type, b.frames[1].Type)
			}
			time.Sleep(3*attachHeartbeat + 7*time.Second) // none is under way then
			b.mu.Lock()
			if n := len(b.frames); n != 2 {
				t.Errorf("%d frames beside the mail, want 2", n)
			}
			b.mu.Unlock()
			waitFor(t, time.Second, "all is acknowledged", func() bool {
				seq, err := home.store.Cursor(t.Context(), bob.fp(), bob.device(i))
				return err == nil && seq == w.Seq
			})
			b.attach(at, home)
			if w := b.waitingAt(home, 1); w.Seq != 0 {
				t.Errorf("nothing waits, told %d", w.Seq)
			}
		}
	})
}

// What expires before it is sent is not waited for.
func TestWaitingExpires(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, proxy := c.servers[0], c.servers[1]
		alice, bob := c.register(1, home), c.register(1, home)
		e := &wire.Envelope{Class: wire.ClassText, Lifetime: time.Minute, Sender: alice.fp(), Recipients: []omega.Fingerprint{bob.fp()}, Payload: []byte("x")}
		env, err := e.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if code, _ := newClient(alice, 0).connect(home).sendCode(env); code != omega.CodeOK {
			t.Fatal(code)
		}
		c.mu.Lock()
		c.drop = func(_, _ int, f wire.Frame) bool { return f.Type == wire.TypeMail }
		c.mu.Unlock()
		b := newClient(bob, 0).attach(proxy, home)
		if w := b.waitingAt(home, 0); w.Seq == 0 {
			t.Error("nothing waits")
		}
		if w := b.waitingAt(home, 1); w.Seq != 0 {
			t.Errorf("waiting up to %d after the end of its life", w.Seq)
		}
	})
}

// A home that goes away is told to the client, once, and so is its return.
func TestHomeGoesAway(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, proxy := c.servers[0], c.servers[1]
		bob := c.register(1, home)
		b := newClient(bob, 0).attach(proxy, home)
		b.attachedAt(home, 0)
		home.stop()
		start := time.Now()
		if got := b.attachedAt(home, 1); got.Code != omega.CodeUnavailable {
			t.Errorf("told %s", got.Code)
		}
		if d := time.Since(start); d > attachHeartbeat+2*requestTimeout {
			t.Errorf("told after %v", d)
		}
		time.Sleep(time.Minute)
		home.start()
		c.publishTo(home, bob)
		if got := b.attachedAt(home, 2); got.Code != omega.CodeOK {
			t.Errorf("told %s", got.Code)
		}
	})
}

// A deputy that let mail go because a home has it does not pass for another home
// that has it.
func TestDeputyBecomesHome(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		deputy := c.deputiesOf(bob, homes...)[0]
		homes[0].stop()
		newClient(alice, 0).connect(c.servers[0]).send("x", bob)
		waitFor(t, time.Second, "the deputy keeps it", func() bool { return deputy.spooled(t, homes[0]) == 1 })
		homes[0].start()
		c.publishTo(homes[0], bob)
		deputy.proxy.ServerUp(homes[0].fp())
		waitFor(t, time.Second, "the deputy has let go", func() bool { return deputy.spooled(t, homes[0]) == 0 && deputy.held(t, bob) == 0 })

		c.publish(bob.entry(homes[0], deputy))
		if n, err := homes[0].proxy.CompareWith(t.Context(), deputy.fp()); err != nil || n != 1 {
			t.Errorf("compare = %d, %v; want 1 envelope that the new home lacks", n, err)
		}
		if n := deputy.held(t, bob); n != 1 {
			t.Errorf("the new home holds %d", n)
		}
	}, withSpool)
}

// A home that takes an envelope for some of its accounts, and has not heard of
// another, is still owed that one's.
func TestDeputyOwesTheRest(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, c.servers[0]), c.register(1, home)
		home.stop()
		carol := newPerson(t, 1)
		e := carol.entry(home)
		for _, s := range c.servers {
			if s == home {
				continue
			}
			if _, _, err := s.keys.Accept(t.Context(), keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		a := newClient(alice, 0).connect(c.servers[0])
		if code, _ := a.sendCode(a.envelope("x", bob, carol)); code != omega.CodeQueued {
			t.Fatalf("sent: %s", code)
		}
		deaf := true
		c.mu.Lock()
		c.drop = func(from, _ int, f wire.Frame) bool { return deaf && from == home.n && f.Type == wire.TypeFetch }
		c.mu.Unlock()
		home.start()
		for _, s := range c.servers {
			if s != home {
				s.proxy.ServerUp(home.fp())
			}
		}
		waitFor(t, time.Minute, "the home has what it knows of", func() bool { return home.held(t, bob) == 1 })
		time.Sleep(2 * requestTimeout)
		c.mu.Lock()
		deaf = false
		c.mu.Unlock()
		waitFor(t, time.Hour, "the home has the rest", func() bool { return home.held(t, carol) == 1 })
	}, withSpool)
}

// Whose records name servers that do not exist fills no memory for good.
func TestIdleLanesGo(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, deputy := c.servers[1], c.servers[2]
		alice, bob := c.register(1, c.servers[0]), c.register(1, home)
		home.stop()
		a := newClient(alice, 0).connect(c.servers[0])
		env := a.envelope("x", bob)
		if code, _ := a.sendCode(env); code != omega.CodeQueued {
			t.Fatalf("sent: %s", code)
		}
		keeper := deputy
		if deputy.spooled(t, home) == 0 {
			keeper = c.servers[0]
		}
		for range 100 {
			keeper.proxy.ServerUp(newPerson(t, 0).fp())
		}
		lanes := func() (n int) {
			keeper.proxy.spool.lanes.all(func(*spoolLane) { n++ })
			return n
		}
		waitFor(t, 2*spoolLook, "only what is owed has a lane", func() bool { return lanes() == 1 })
		home.start()
		waitFor(t, 2*spoolMaxWait, "the home has it", func() bool { return home.held(t, bob) == 1 })
		waitFor(t, 2*spoolLook, "nothing is owed", func() bool { return lanes() == 0 })
	}, withSpool)
}
