package proxy

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// withSpool has the servers of a cloud keep mail for others.
func withSpool(c *testCloud) { c.spool = true }

// deputiesOf are the servers that stand in for an account's homes.
func (c *testCloud) deputiesOf(p *testPerson, homes ...*testServer) (out []*testServer) {
	var fps, all []omega.Fingerprint
	for _, h := range homes {
		fps = append(fps, h.fp())
	}
	for _, s := range c.servers {
		all = append(all, s.fp())
	}
	for _, fp := range keyserver.DeputiesOf(p.fp(), fps, all) {
		out = append(out, c.servers[slices.IndexFunc(c.servers, func(s *testServer) bool { return s.fp() == fp })])
	}
	return out
}

// spooled counts the mail that a server keeps for another one.
func (s *testServer) spooled(t *testing.T, home *testServer) int {
	t.Helper()
	keys, err := s.spool.Keys(t.Context(), home.fp())
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

// waitFor lets virtual time pass until ok.
func waitFor(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// With one home left, a deputy is the second copy, soon; what is kept reaches
// the homes that were away, once, and is then forgotten.
func TestDeputy(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		homes[1].stop()
		homes[2].stop()
		a := newClient(alice, 0).connect(c.servers[0])
		start := time.Now()
		a.send("x", bob)
		if d := time.Since(start); d > time.Second {
			t.Errorf("stored after %v", d)
		}
		first := c.deputiesOf(bob, homes...)[0]
		for _, h := range homes[1:] {
			waitFor(t, time.Second, "the deputy keeps it", func() bool { return first.spooled(t, h) == 1 })
		}
		for _, h := range homes[1:] {
			h.start()
			c.publishTo(h, bob)
			first.proxy.ServerUp(h.fp())
			newClient(bob, 0).attach(h, h).expect("x")
			waitFor(t, time.Second, "the deputy forgets it", func() bool { return first.spooled(t, h) == 0 })
		}
	}, withSpool)
}

// With no home left the answer is that it is queued, whatever deputies say, and
// it arrives though its sender has gone.
func TestQueued(t *testing.T) {
	inCloud(t, 6, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		for _, h := range homes {
			h.stop()
		}
		a := newClient(alice, 0).connect(c.servers[0])
		start := time.Now()
		env := a.envelope("x", bob)
		if code, _ := a.sendCode(env); code != omega.CodeQueued {
			t.Errorf("send = %s, want %s", code, omega.CodeQueued)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("answered after %v", d)
		}
		c.servers[0].stop()
		// The deputy that keeps it starts again, with nobody to tell it.
		first := c.deputiesOf(bob, homes...)[0]
		if first != c.servers[0] {
			first.stop()
			first.start()
			c.publishTo(first, bob)
		} else {
			c.servers[0].start()
			c.publishTo(c.servers[0], bob)
		}
		homes[0].start()
		c.publishTo(homes[0], bob)
		b := newClient(bob, 0).attach(homes[0], homes[0])
		b.expect("x")
	}, withSpool)
}

// A home that hangs is not waited for.
func TestSlowHome(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		c.mu.Lock()
		c.drop = func(_, to int, f wire.Frame) bool { return to == 2 && f.Type == wire.TypeSend }
		c.mu.Unlock()
		a := newClient(alice, 0).connect(c.servers[0])
		start := time.Now()
		a.send("x", bob)
		if d := time.Since(start); d < homePatience || d > homePatience+300*time.Millisecond {
			t.Errorf("stored after %v, want %v", d, homePatience)
		}
	}, withSpool)
}

// Two homes of one operator are one domain.
func TestDomains(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:4]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		homes[2].stop() // the only one of the other operator
		a := newClient(alice, 0).connect(c.servers[0])
		if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeQueued {
			t.Errorf("send = %s with two copies at one operator", code)
		}
	}, func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Operator = func(fp omega.Fingerprint) string {
				if fp == c.servers[3].fp() {
					return "other"
				}
				return "one"
			}
		}
	})
}

// Homes that compare end with the same mail; what a device has acknowledged
// does not come back.
func TestCompare(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		a := newClient(alice, 0).connect(c.servers[0])
		a.send("before", bob)
		newClient(bob, 0).attach(homes[0], homes...).expect("before")
		c.mu.Lock()
		c.cut[[2]int{0, 2}] = true
		c.mu.Unlock()
		for _, text := range []string{"1", "2", "3"} {
			if code, _ := a.sendCode(a.envelope(text, bob)); code != omega.CodeQueued {
				t.Errorf("send = %s with one of two homes", code)
			}
		}
		waitFor(t, time.Second, "the device has acknowledged at one home", func() bool {
			keys, err := homes[0].store.Keys(t.Context(), bob.fp())
			return err == nil && len(keys) == 0
		})
		if n, err := homes[0].proxy.CompareWith(t.Context(), homes[1].fp()); n != 0 || err != nil {
			t.Errorf("sent %d, %v though all is acknowledged", n, err)
		}
	})
}

func TestCompareSendsWhatIsLacking(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		homes := c.servers[1:3]
		alice, bob := c.register(1, c.servers[0]), c.register(1, homes...)
		a := newClient(alice, 0).connect(c.servers[0])
		c.mu.Lock()
		c.cut[[2]int{0, 2}] = true
		c.mu.Unlock()
		for _, text := range []string{"1", "2", "3"} {
			a.sendCode(a.envelope(text, bob))
		}
		for _, want := range []int{3, 0} {
			n, err := homes[0].proxy.CompareWith(t.Context(), homes[1].fp())
			if n != want || err != nil {
				t.Errorf("sent %d, %v", n, err)
			}
		}
		if n, err := homes[1].proxy.CompareWith(t.Context(), homes[0].fp()); n != 0 || err != nil {
			t.Errorf("sent back %d, %v", n, err)
		}
		newClient(bob, 0).attach(homes[1], homes[1]).expect("1", "2", "3")
	})
}

// Nobody can have mail kept for servers that nobody chose, nor for this one.
func TestHintsAreJudged(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		env := newClient(alice, 0).envelope("x", bob)
		var got []omega.Code
		for _, home := range []*testServer{c.servers[1], c.servers[0], c.servers[2]} {
			f, err := c.servers[0].proxy.call(t.Context(), c.servers[2].fp(), wire.TypeHint, wire.AppendHint(nil, wire.Hint{Home: home.fp(), Envelope: env}))
			if err != nil {
				t.Fatal(err)
			}
			code, _, err := wire.DecodeResults(f.Body)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, code)
		}
		if want := []omega.Code{omega.CodeOK, omega.CodeNotFound, omega.CodeBadRequest}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}, withSpool)
}

// What is kept for a home that its account has left follows the account.
func TestSpoolFollows(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		c.servers[1].stop()
		a := newClient(alice, 0).connect(c.servers[0])
		if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeQueued {
			t.Errorf("send = %s", code)
		}
		c.publish(bob.entry(c.servers[2]))
		c.servers[1].start()
		newClient(bob, 0).attach(c.servers[2], c.servers[2]).expect("x")
	}, withSpool)
}

// publishTo gives one server the entry that stands.
func (c *testCloud) publishTo(s *testServer, p *testPerson) {
	c.t.Helper()
	e := wire.Entry{Certificate: p.cert.Bytes(), Record: p.record.Bytes()}
	if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
		c.t.Fatal(err)
	}
}
