package whole

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/node"
)

// young lets servers be homes from the start.
func young(cfg *node.Config) { cfg.Homes.MinAge = 0 }

func (d *device) homes(t *testing.T) *clientrpc.HomesResult {
	t.Helper()
	r, err := clientrpc.Homes.Call(t.Context(), d.conn, clientrpc.None{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// awaitHomes waits until the device is attached to n homes.
func (d *device) awaitHomes(t *testing.T, n int) (homes []omega.Fingerprint) {
	t.Helper()
	until(t, fmt.Sprintf("%s is attached to %d homes", d.cfg.Name, n), func() bool {
		homes = nil
		for _, h := range d.homes(t).Homes {
			if h.Attached && !h.Former {
				homes = append(homes, h.Server)
			}
		}
		return len(homes) == n
	})
	return homes
}

func find(t *testing.T, servers []*server, fp omega.Fingerprint) *server {
	t.Helper()
	i := slices.IndexFunc(servers, func(s *server) bool { return s.fpr() == fp })
	if i < 0 {
		t.Fatalf("no server %v", fp)
	}
	return servers[i]
}

// TestThreeHomes gives new accounts three homes of different operators and
// takes away two of the reader's, one of which the reader was attached to: what
// was stored is there, what is written then is stored as well, and all of it
// comes once. When the homes are back they have it too.
func TestThreeHomes(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 6, "open", young)
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	a.awaitHomes(t, 3)
	homes := b.awaitHomes(t, 3)
	operators := map[string]bool{}
	for _, h := range b.homes(t).Homes {
		operators[h.Operator] = true
	}
	if homes[0] != servers[1].fpr() || len(operators) != 3 {
		t.Errorf("homes %v, operators %v", homes, operators)
	}
	a.know(t, b)
	a.send(t, b, "one", "delivered")
	b.close(t)
	a.send(t, b, "two", "stored")
	away := homes[:2]
	if homes[1] == servers[0].fpr() { // of the sender: leave it alone
		away = []omega.Fingerprint{homes[0], homes[2]}
	}
	for _, h := range away {
		if err := find(t, servers, h).end(); err != nil {
			t.Fatal(err)
		}
	}
	a.send(t, b, "three", "stored")
	b.open(t)
	wantVerified(t, b.receive(t, 3), "one", "two", "three")
	b.send(t, a, "four", "delivered")
	for _, h := range away {
		if err := find(t, servers, h).start(); err != nil {
			t.Fatal(err)
		}
	}
	b.awaitHomes(t, 3)
	a.send(t, b, "five", "delivered")
	wantVerified(t, b.receive(t, 1), "five")
	wantVerified(t, b.history(t, a), "one", "two", "three", "four", "five")
}

// TestMoveHomes moves an account while mail waits at its old home.
func TestMoveHomes(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open")
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	b2 := b.link(t, servers[1].address())
	a.know(t, b)
	b2.close(t)
	a.send(t, b, "before", "delivered")
	wantVerified(t, b.receive(t, 1), "before")
	r, err := clientrpc.SetHomes.Call(t.Context(), b.conn, clientrpc.SetHomesParams{Homes: []omega.Fingerprint{servers[2].fpr(), servers[3].fpr()}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Chosen || len(r.Homes) != 3 || r.Homes[0].Server != servers[2].fpr() || !r.Homes[2].Former {
		t.Errorf("homes %+v", r)
	}
	b.awaitHomes(t, 2)
	a.send(t, b, "after", "delivered")
	wantVerified(t, b.receive(t, 1), "after")
	// The device that was away finds both, at the old home and at the new ones.
	b2.open(t)
	wantVerified(t, b2.receive(t, 2), "before", "after")
	if _, err := clientrpc.SetHomes.Call(t.Context(), b.conn, clientrpc.SetHomesParams{Homes: []omega.Fingerprint{a.account}}); err == nil {
		t.Error("an account was taken for a server")
	}
}

// TestOtherDeviceMoves moves an account by one device. Another one, which meets the
// new record when it publishes something itself, attaches to the new homes.
func TestOtherDeviceMoves(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open")
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	b2 := b.link(t, servers[1].address())
	a.know(t, b)
	b2.awaitHomes(t, 1)
	_, err := clientrpc.SetHomes.Call(t.Context(), b.conn, clientrpc.SetHomesParams{Homes: []omega.Fingerprint{servers[2].fpr(), servers[3].fpr()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clientrpc.Listed.Call(t.Context(), b2.conn, clientrpc.ListedParams{Listed: new(true)}); err != nil {
		t.Fatal(err)
	}
	if homes := b2.awaitHomes(t, 2); !slices.Equal(homes, []omega.Fingerprint{servers[2].fpr(), servers[3].fpr()}) {
		t.Errorf("attached to %v", homes)
	}
	a.send(t, b, "after", "stored")
	wantVerified(t, b2.receive(t, 1), "after")
}

// TestDeputies takes away all homes of the reader, one after the other, while it
// is written to: what was stored is read at a deputy, and comes once though the
// homes have it when they are back.
func TestDeputies(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 7, "open", young)
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	a.awaitHomes(t, 3)
	homes := b.awaitHomes(t, 3)
	a.know(t, b)
	a.send(t, b, "one", "delivered")
	wantVerified(t, b.receive(t, 1), "one")
	b.close(t)
	// The sender's own server goes last, should the reader live there.
	slices.SortFunc(homes, func(x, y omega.Fingerprint) int {
		return btoi(x == servers[0].fpr()) - btoi(y == servers[0].fpr())
	})
	end := func(fp omega.Fingerprint) {
		if err := find(t, servers, fp).end(); err != nil {
			t.Fatal(err)
		}
	}
	end(homes[0])
	end(homes[1])
	a.send(t, b, "two", "stored") // at one home and a deputy
	a.close(t)
	end(homes[2])
	b.open(t)
	wantVerified(t, b.receive(t, 1), "two")
	for _, h := range homes {
		if err := find(t, servers, h).start(); err != nil {
			t.Fatal(err)
		}
	}
	b.awaitHomes(t, 3)
	a.open(t)
	a.send(t, b, "three", "delivered")
	wantVerified(t, b.receive(t, 1), "three")
	wantVerified(t, b.history(t, a), "one", "two", "three")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestClosedHome: a server that is closed becomes the home of nobody, chosen or
// not, but stays that of an account that it has taken.
func TestClosedHome(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open", young, func(cfg *node.Config) {
		if cfg.Name == "s4" {
			cfg.Registration = "closed"
		}
	})
	b := newPerson(t, "b", servers[0].address())
	if homes := b.awaitHomes(t, 3); slices.Contains(homes, servers[3].fpr()) {
		t.Errorf("homes %v: the closed one was chosen", homes)
	}
	choose := func(d *device, homes ...omega.Fingerprint) error {
		d.close(t) // a new session hears what servers announce now
		d.open(t)
		d.online(t)
		_, err := clientrpc.SetHomes.Call(t.Context(), d.conn, clientrpc.SetHomesParams{Homes: homes})
		return err
	}
	closed, open := servers[3].fpr(), servers[1].fpr()
	refused := func(d *device) bool {
		var e *clientrpc.Error
		return errors.As(choose(d, closed, open), &e) && e.Code == clientrpc.CodeRefused && e.Why.Key == "why.homeclosed"
	}
	until(t, "the closed one is refused", func() bool { return refused(b) })
	restart := func(registration string) {
		if err := servers[3].end(); err != nil {
			t.Fatal(err)
		}
		servers[3].cfg.Registration = registration
		if err := servers[3].start(); err != nil {
			t.Fatal(err)
		}
	}
	restart("open")
	until(t, "the open one is taken", func() bool { return choose(b, closed, open) == nil })
	restart("closed")
	other := newPerson(t, "other", servers[0].address())
	until(t, "it is refused to others", func() bool { return refused(other) })
	if err := choose(b, open, closed); err != nil {
		t.Errorf("a closed home of this account was refused: %v", err)
	}
}

// TestDevicesHearOfAMove: when one device moves the account the other one is at the
// new homes long before it looks for itself, and a new device is known to the first.
func TestDevicesHearOfAMove(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open", young)
	first := newPerson(t, "first", servers[0].address())
	before := first.awaitHomes(t, 3)
	second := first.link(t, servers[1].address())
	second.awaitHomes(t, 3)
	to := slices.DeleteFunc([]omega.Fingerprint{servers[3].fpr(), servers[2].fpr(), servers[1].fpr()}, func(h omega.Fingerprint) bool { return h == before[1] })
	if _, err := clientrpc.SetHomes.Call(t.Context(), first.conn, clientrpc.SetHomesParams{Homes: to}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, d := range []*device{first, second} {
		if got := d.awaitHomes(t, len(to)); !slices.Equal(got, to) {
			t.Errorf("%s lives at %v, want %v", d.cfg.Name, got, to)
		}
	}
	t.Logf("both are at the new homes after %v", time.Since(began))
}

// TestYoungCloud: a new account in a cloud whose servers are too young to be homes
// has one home, and is told why and until when. In one that comes of age the
// client moves to three by itself.
func TestYoungCloud(t *testing.T) {
	t.Parallel()
	age := func(d time.Duration) func(*node.Config) {
		return func(cfg *node.Config) { cfg.Homes.MinAge = node.Duration(d) }
	}
	t.Run("too young", func(t *testing.T) {
		t.Parallel()
		servers := ownCloud(t, 4, "open", age(168*time.Hour), func(cfg *node.Config) {
			if cfg.Name == "s4" {
				cfg.Registration = "invite"
			}
		})
		a := newPerson(t, "a", servers[0].address())
		a.awaitHomes(t, 1)
		until(t, "every other server has its reason and name", func() bool {
			r := a.homes(t)
			if r.Want != 3 || len(r.Homes) != 1 || len(r.Passed) != 3 {
				return false
			}
			whys := map[string]int{}
			for _, p := range r.Passed {
				whys[p.Why]++
				young := p.Why == clientrpc.PassedYoung
				if p.Name == "" || young != !p.Until.IsZero() || young && time.Until(p.Until) > 168*time.Hour {
					return false
				}
			}
			return whys[clientrpc.PassedYoung] == 2 && whys[clientrpc.PassedInvites] == 1
		})
	})
	t.Run("comes of age", func(t *testing.T) {
		t.Parallel()
		servers := ownCloud(t, 4, "open", age(3*time.Second))
		a := newPerson(t, "a", servers[0].address())
		a.awaitHomes(t, 3)
		if r := a.homes(t); r.Want != 0 || len(r.Passed) != 0 {
			t.Errorf("with three homes there is something to explain: %+v", r)
		}
	})
}
