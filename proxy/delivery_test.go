package proxy

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

func TestDeliverOnOneServer(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).attach(s, s)
		b := newClient(bob, 0).attach(s, s)
		a.send("one", bob)
		b.send("two", alice)
		a.send("three", bob, alice)
		b.expect("one", "three")
		a.expect("two", "three")
		synctest.Wait()
		if n := s.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait after all were acknowledged", n)
		}
	})
}

func TestDeliverAcrossServers(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob, carol := c.register(1, c.servers[0]), c.register(1, c.servers[1]), c.register(1, c.servers[2])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		b := newClient(bob, 0).attach(c.servers[0], c.servers[1])   // proxy and home differ
		d := newClient(carol, 0).attach(c.servers[1], c.servers[2]) // three servers take part
		for i := range 20 {
			a.send(fmt.Sprint(i), bob, carol)
		}
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint(i))
		}
		b.expect(want...)
		d.expect(want...)
		synctest.Wait()
		for _, s := range c.servers {
			if n := s.store.Stats().Messages; n != 0 {
				t.Errorf("server %d: %d mails wait", s.n, n)
			}
		}
	})
}

func TestOneCopyPerHome(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice := c.register(1, c.servers[0])
		var people []*testPerson
		for range 5 {
			people = append(people, c.register(1, c.servers[1]))
		}
		sends := 0
		c.spy = func(_, _ int, f wire.Frame) {
			if f.Type == wire.TypeSend {
				sends++
			}
		}
		newClient(alice, 0).connect(c.servers[0]).send("x", people...)
		c.mu.Lock()
		defer c.mu.Unlock()
		if sends != 1 {
			t.Errorf("%d copies for one home, want 1", sends)
		}
	})
}

func TestOfflineThenAttach(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).connect(c.servers[0])
		var want []string
		for i := range 700 { // more than two windows
			want = append(want, fmt.Sprint(i))
			a.send(want[i], bob)
		}
		b := newClient(bob, 0).attach(c.servers[1], c.servers[1])
		b.expect(want...)
		b.conn.leave()
		a.send("later", bob)
		b.attach(c.servers[0], c.servers[1])
		b.expect(append(want, "later")...)
		if b.count() != 701 {
			t.Errorf("%d mails were pushed, want 701: nothing twice without need", b.count())
		}
	})
}

func TestTwoDevices(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(2, s)
		a := newClient(alice, 0).connect(s)
		phone, laptop := newClient(bob, 0), newClient(bob, 1)
		phone.attach(s, s)
		a.send("one", bob)
		phone.expect("one")
		synctest.Wait()
		if n := s.store.Stats().Messages; n != 1 {
			t.Errorf("%d mails wait for the laptop, want 1", n)
		}
		laptop.attach(s, s)
		a.send("two", bob)
		laptop.expect("one", "two")
		phone.expect("one", "two")
		synctest.Wait()
		if n := s.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait, want 0", n)
		}
	})
}

func TestDuplicates(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).connect(c.servers[0])
		b := newClient(bob, 0).attach(c.servers[1], c.servers[1])
		env := a.envelope("once", bob)
		for range 3 {
			if code, _ := a.sendCode(env); code != omega.CodeOK {
				t.Fatalf("send = %s", code)
			}
		}
		b.expect("once")
		if b.count() != 1 {
			t.Errorf("pushed %d times", b.count())
		}
		if n := c.servers[1].proxy.Metrics().Duplicates; n != 2 {
			t.Errorf("%d duplicates counted, want 2", n)
		}
	})
}

// TestUnknownRecipient: that there is no such account is said only when all have
// said so twice; until then it may just not have been heard of.
func TestUnknownRecipient(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[0])
		stranger := newPerson(t, 1)
		a := newClient(alice, 0).connect(c.servers[0])
		env := a.envelope("x", stranger, bob)
		for i, want := range []omega.Code{omega.CodeUnavailable, omega.CodeUnavailable, omega.CodeNotFound, omega.CodeNotFound} {
			code, results := a.sendCode(env)
			if code != want || len(results) != 1 || results[0] != (wire.Result{Index: 0, Code: want}) {
				t.Errorf("send %d = %s %v, want %s", i, code, results, want)
			}
			if i == 1 {
				time.Sleep(missTime)
			}
		}
		newClient(bob, 0).attach(c.servers[0], c.servers[0]).expect("x")
	})
}

// TestStrangerIsSilent: a server that never was a member and has gone makes no
// account that nobody knows one that somebody may know.
func TestStrangerIsSilent(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, nobody := c.register(1, c.servers[0]), newPerson(t, 1)
		gone := c.servers[2]
		c.mu.Lock()
		gone.stranger, c.cut[[2]int{0, 2}] = true, true
		c.mu.Unlock()
		a := newClient(alice, 0).connect(c.servers[0])
		f := a.request(wire.TypeLookup, nobody.fp().Wire())
		if code := codeOf(wire.DecodeStatus(f.Body)); f.Type != wire.TypeError || code != omega.CodeNotFound {
			t.Errorf("look-up = type %d %s, want %s", f.Type, code, omega.CodeNotFound)
		}
	})
}

// TestNotFoundYet: an account that somebody who could not be asked may know is
// not missing, however often that is tried.
func TestNotFoundYet(t *testing.T) {
	tests := map[string]func(c *testCloud){
		"no way to a server": func(c *testCloud) { c.cut[[2]int{0, 2}] = true },
		"look-ups are lost": func(c *testCloud) {
			c.drop = func(_, to int, f wire.Frame) bool {
				return to == 2 && (f.Type == wire.TypeLookup || f.Type == wire.TypeFetch)
			}
		},
		"a server's store fails": func(c *testCloud) {
			c.drop = func(from, to int, f wire.Frame) bool {
				if from == 2 && f.Type == wire.TypeError {
					b := wire.AppendFrame(nil, wire.TypeError, f.Tag, wire.AppendStatus(nil, omega.CodeInternal, ""))
					c.wg.Go(func() { c.servers[to].proxy.Receive(c.ctx, c.servers[from].fp(), wire.ClassControl, b) })
					return true
				}
				return false
			}
		},
		"apart from the cloud": nil,
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			inCloud(t, 3, func(t *testing.T, c *testCloud) {
				alice, stranger := c.register(1, c.servers[0]), newPerson(t, 1)
				c.mu.Lock()
				if spoil != nil {
					spoil(c)
				}
				c.mu.Unlock()
				a := newClient(alice, 0).connect(c.servers[0])
				for range 4 {
					if code, _ := a.sendCode(a.envelope("x", stranger)); code != omega.CodeUnavailable {
						t.Errorf("send = %s, want %s", code, omega.CodeUnavailable)
					}
					f := a.request(wire.TypeLookup, stranger.fp().Wire())
					if code := codeOf(wire.DecodeStatus(f.Body)); f.Type != wire.TypeError || code != omega.CodeUnavailable {
						t.Errorf("look-up = type %d %s, want %s", f.Type, code, omega.CodeUnavailable)
					}
					time.Sleep(missTime)
				}
				// When it registers what is sent again arrives.
				c.publish(stranger.entry(c.servers[0]))
				a.send("y", stranger)
				newClient(stranger, 0).attach(c.servers[0], c.servers[0]).expect("y")
			}, func(c *testCloud) {
				if spoil == nil {
					c.edit = func(cfg *Config) { cfg.Apart = func() bool { return true } }
				}
			})
		})
	}
}

// TestNoRecordYet: an account whose location record has not been heard of is not
// missing.
func TestNoRecordYet(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), newPerson(t, 1)
		c.publish(wire.Entry{Certificate: bob.cert.Bytes()})
		a := newClient(alice, 0).connect(c.servers[0])
		for range 4 {
			if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeUnavailable {
				t.Errorf("send = %s, want %s", code, omega.CodeUnavailable)
			}
			time.Sleep(missTime)
		}
		c.publish(bob.entry(c.servers[1]))
		a.send("y", bob)
	})
}

// TestEntryIsPulled: neither the sender's proxy nor the home need have heard of
// the recipient before.
func TestEntryIsPulled(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), newPerson(t, 1)
		// Only the third server knows; the home is the second.
		if _, _, err := c.servers[2].keys.Accept(c.ctx, 1, bob.entry(c.servers[1])); err != nil {
			t.Fatal(err)
		}
		a := newClient(alice, 0).connect(c.servers[0])
		a.send("x", bob)
		newClient(bob, 0).attach(c.servers[1], c.servers[1]).expect("x")
	})
}

// TestMovedAccount: a proxy that believes an old record learns the new one from
// the old home, and the second try arrives.
func TestMovedAccount(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		moved := bob.entry(c.servers[2])
		for _, s := range c.servers[1:] {
			if _, _, err := s.keys.Accept(c.ctx, 1, moved); err != nil {
				t.Fatal(err)
			}
		}
		a := newClient(alice, 0).connect(c.servers[0])
		env := a.envelope("x", bob)
		if code, _ := a.sendCode(env); code != omega.CodeUnavailable {
			t.Errorf("first send = %s, want unavailable: the client tries again", code)
		}
		synctest.Wait()
		if code, _ := a.sendCode(env); code != omega.CodeOK {
			t.Errorf("second send = %s", code)
		}
		newClient(bob, 0).attach(c.servers[2], c.servers[2]).expect("x")
	})
}

func TestSeveralHomes(t *testing.T) {
	for _, tt := range []struct {
		name string
		down []int
		want omega.Code
	}{
		{"all up", nil, omega.CodeOK},
		{"one of three down", []int{2}, omega.CodeOK},
		{"two of three down", []int{1, 2}, omega.CodeQueued},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inCloud(t, 4, func(t *testing.T, c *testCloud) {
				alice := c.register(1, c.servers[0])
				bob := c.register(1, c.servers[1], c.servers[2], c.servers[3])
				for _, n := range tt.down {
					c.servers[n].stop()
				}
				a := newClient(alice, 0).connect(c.servers[0])
				start := time.Now()
				if code, _ := a.sendCode(a.envelope("x", bob)); code != tt.want {
					t.Errorf("send = %s, want %s", code, tt.want)
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("answered after %v", d)
				}
				homes := c.servers[1:]
				newClient(bob, 0).attach(c.servers[3], homes...).expect("x")
			})
		})
	}
}

func TestHomeThatDoesNotAnswer(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		sends := 0
		c.drop = func(_, _ int, f wire.Frame) bool {
			if f.Type == wire.TypeSend {
				sends++
			}
			return f.Type == wire.TypeSent
		}
		a := newClient(alice, 0).connect(c.servers[0])
		start := time.Now()
		if code, _ := a.sendCode(a.envelope("x", bob)); code != omega.CodeUnavailable {
			t.Errorf("send = %s", code)
		}
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("answered after %v, want 5s", d)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if sends != 3 {
			t.Errorf("sent %d times, want 3: at once, after 1 s and after 2 s more", sends)
		}
	})
}

func TestEphemeralIsNotStored(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob, carol := c.register(1, c.servers[0]), c.register(1, c.servers[1]), c.register(1, c.servers[0])
		a := newClient(alice, 0).connect(c.servers[0])
		b := newClient(bob, 0).attach(c.servers[0], c.servers[1])
		d := newClient(carol, 0)
		a.send("text", bob)
		b.expect("text")
		synctest.Wait() // what is pushed is only for devices that have caught up
		env := a.envelope("typing", bob, carol)
		env[1] = byte(wire.ClassEphemeral)
		if code, _ := a.sendCode(env); code != omega.CodeOK {
			t.Errorf("send = %s", code)
		}
		b.expect("text", "ephemeral typing")
		d.attach(c.servers[0], c.servers[0])
		a.send("after", carol)
		d.expect("after")
	})
}

func TestForeignSenderIsRefused(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		forged := newClient(bob, 0).envelope("i am bob", alice)
		if code, _ := a.sendCode(forged); code != omega.CodeRefused {
			t.Errorf("send = %s, want refused", code)
		}
	})
}

// TestLossyLinks: with loss, repetition and reordering between servers
// everything that was answered arrives, once, in order.
func TestLossyLinks(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).connect(c.servers[0])
		b := newClient(bob, 0).attach(c.servers[2], c.servers[1])
		b.attachedAt(c.servers[1], 0)
		c.mu.Lock()
		c.lose, c.twice, c.delay = 0.1, 0.2, 50*time.Millisecond
		c.mu.Unlock()
		var want []string
		for i := range 200 {
			text := fmt.Sprint(i)
			env := a.envelope(text, bob)
			for {
				code, _ := a.sendCode(env)
				if code == omega.CodeOK {
					break
				}
				if !code.Retry() {
					t.Fatalf("send = %s", code)
				}
			}
			want = append(want, text)
		}
		b.expect(want...)
		b.wait("an empty mailbox", func() bool {
			b.mu.Unlock()
			defer b.mu.Lock()
			time.Sleep(time.Second)
			return c.servers[1].store.Stats().Messages == 0
		})
	})
}
