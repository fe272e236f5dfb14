package proxy

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// A placedDeputy is a cloud that shares its entries, in which bob's only home is
// away, and his deputy neither owns his entry nor has it.
type placedDeputy struct {
	*testCloud
	bob                  *testPerson
	sender, home, deputy *testServer
	alice                *testClient
}

func placeDeputy(t *testing.T, c *testCloud) *placedDeputy {
	t.Helper()
	c.introduce()
	for range 20 { // more than anybody keeps
		c.register(1, c.servers[0])
	}
	c.place()
	d := &placedDeputy{testCloud: c, sender: c.servers[0], home: c.servers[1]}
	for {
		d.bob = newPerson(t, 1)
		d.deputy = c.deputiesOf(d.bob, d.home)[0]
		owners := c.owners(d.bob)
		if d.deputy != d.sender && !slices.Contains(owners, d.deputy.fp()) && !slices.Contains(owners, d.home.fp()) {
			break
		}
	}
	if err := d.home.enter(d.bob, d.home); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second) // virtual
	if d.knows(d.deputy) {
		t.Fatal("the deputy has the entry")
	}
	d.alice = newClient(c.register(1, d.sender), 0).connect(d.sender)
	if _, err := d.sender.proxy.Lookup(c.ctx, d.bob.fp()); err != nil {
		t.Fatal(err)
	}
	d.home.stop()
	return d
}

// knows reports whether a server has bob's entry.
func (d *placedDeputy) knows(s *testServer) bool {
	_, err := s.keys.Find(d.ctx, d.bob.fp())
	return err == nil
}

// write has alice write to bob; the deputy keeps it.
func (d *placedDeputy) write(t *testing.T) {
	t.Helper()
	if code, _ := d.alice.sendCode(d.alice.envelope("x", d.bob)); code != omega.CodeQueued {
		t.Fatalf("sent: %s", code)
	}
	if d.deputy.spooled(t, d.home) != 1 || d.deputy.held(t, d.bob) != 1 {
		t.Fatalf("the deputy keeps %d for the home, %d for the device; want 1 each", d.deputy.spooled(t, d.home), d.deputy.held(t, d.bob))
	}
}

// handOff lets the time of visits go by and has a server forget of bob's leaf
// what it may.
func (d *placedDeputy) handOff(t *testing.T, s *testServer) {
	t.Helper()
	d.pass(2 * time.Hour)
	for range 2 {
		if _, err := s.proxy.HandOff(d.ctx, keyserver.LeafOf(d.bob.fp())); err != nil && !errors.Is(err, keyserver.ErrUnheld) {
			t.Fatal(err)
		}
	}
}

// A deputy that does not have the entry of a recipient looks for it, and has it as
// long as it has mail of the account: the device reads there.
// (spec/delivery.md, DELIV-36)
func TestDeputyLooksForRecipients(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		d := placeDeputy(t, c)
		d.write(t)
		d.handOff(t, d.deputy)
		if !d.knows(d.deputy) {
			t.Error("the deputy forgot whose mail it has")
		}
		newClient(d.bob, 0).attach(d.sender, d.deputy).expect("x")
		waitFor(t, time.Minute, "the device has it", func() bool { return d.deputy.held(t, d.bob) == 0 })
	}, placed(3, 1000), withSpool)
}

// What a deputy has is gone with the account, also when it does not own the
// tombstone and has forgotten it before the home is back, and when nobody told
// it.
func TestDeputyOfDeletedAccount(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, 8, func(t *testing.T, c *testCloud) {
				d := placeDeputy(t, c)
				d.write(t)
				d.delete(t, told)
				if told {
					waitFor(t, time.Second, "the mail of the device is gone", func() bool { return d.deputy.held(t, d.bob) == 0 })
					d.handOff(t, d.deputy)
					if d.knows(d.deputy) {
						t.Fatal("the deputy has the tombstone for ever")
					}
				}
				d.home.start()
				d.home.placeOn(c.servers)
				d.handOff(t, d.home) // and hears of it
				d.deputy.proxy.ServerUp(d.home.fp())
				waitFor(t, time.Minute, "the deputy owes nothing", func() bool { return d.deputy.spooled(t, d.home) == 0 })
				waitFor(t, time.Minute, "and has nothing", func() bool { return d.deputy.held(t, d.bob) == 0 })
			}, placed(3, 1000), withSpool)
		})
	}
}

// A deputy that has the tombstone does not wait for a home that never comes back.
func TestDeputyNeedsNoHomeToForget(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		d := placeDeputy(t, c)
		d.write(t)
		d.delete(t, true)
		waitFor(t, 2*spoolMaxWait, "the deputy owes nothing", func() bool { return d.deputy.spooled(t, d.home) == 0 })
	}, placed(3, 1000), withSpool)
}

// delete has an owner take bob's tombstone and tell others of it, the deputy
// only if told is true.
func (d *placedDeputy) delete(t *testing.T, told bool) {
	t.Helper()
	deaf := !told
	d.mu.Lock()
	d.drop = func(_, to int, f wire.Frame) bool { return deaf && to == d.deputy.n && f.Type == wire.TypePlace }
	d.mu.Unlock()
	e, _, err := d.sender.keys.Accept(d.ctx, keyserver.FromServer, d.bob.tombstone())
	if err != nil {
		t.Fatal(err)
	}
	d.sender.proxy.announce(e)
	time.Sleep(10 * time.Second) // virtual
	d.mu.Lock()
	deaf = false
	d.mu.Unlock()
}

// A deputy says of whom it keeps nothing, and its word is taken for the others
// only: the sender is not told that mail is safe which nobody has.
// (spec/delivery.md, DELIV-36)
func TestDeputyNamesWhomItLacks(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		sender, up, home := c.servers[0], c.servers[1], c.servers[2]
		alice, bob, carol := c.register(1, sender), c.register(1, up, home), newPerson(t, 1)
		deputies := c.deputiesOf(bob, up, home)
		for !slices.Equal(deputies, c.deputiesOf(carol, up, home)) || slices.Contains(deputies, sender) {
			carol = newPerson(t, 1)
			if slices.Contains(deputies, sender) {
				bob = c.register(1, up, home)
				deputies = c.deputiesOf(bob, up, home)
			}
		}
		// The deputies believe that she lives elsewhere: what they know is old.
		first, second := carol.entry(up), carol.entry(up, home)
		for _, s := range c.servers {
			e := second
			if slices.Contains(deputies, s) {
				e = first
			}
			if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		home.stop()
		a := newClient(alice, 0).connect(sender)
		code, results := a.sendCode(a.envelope("x", bob, carol))
		if want := []wire.Result{{Index: 1, Code: omega.CodeQueued}}; code != omega.CodeQueued || !slices.Equal(results, want) {
			t.Errorf("sent: %s %v, want %s %v", code, results, omega.CodeQueued, want)
		}
		if n := sender.spooled(t, home); n != 1 {
			t.Errorf("the sender's server keeps %d for her, want 1", n)
		}
	}, withSpool)
}
