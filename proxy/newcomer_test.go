package proxy

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// byInvitation has servers take nobody new: nobody has an invite.
func byInvitation(c *testCloud) {
	keyed := c.keyed
	c.keyed = func(n int, cfg *keyserver.Config) {
		keyed(n, cfg)
		cfg.Registration = keyserver.RegistrationInvite
		cfg.Redeem = func(omega.Fingerprint, *omega.Invite) (func(), error) {
			return nil, omega.Errorf(omega.CodeRefused, "registration is by invitation")
		}
	}
}

// Whether an account is new is said by half of its owners, and by nobody if they
// do not answer: an old account is not taken for a new one because they are slow,
// nor because an owner lacks it, and a new one is not kept waiting by one that is
// away. (spec/keys.md, KEYS-19)
func TestWhoIsNew(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		c.introduce()
		for range 20 { // more than anybody keeps
			c.register(1, c.servers[0])
		}
		c.place()
		old, fresh := newPerson(t, 1), newPerson(t, 1)
		e := old.entry(c.servers[0])
		owners := c.owners(old)
		outside := slices.IndexFunc(c.servers, func(s *testServer) bool {
			return !slices.Contains(owners, s.fp()) && !slices.Contains(c.owners(fresh), s.fp())
		})
		for outside < 0 {
			fresh = newPerson(t, 1)
			outside = slices.IndexFunc(c.servers, func(s *testServer) bool {
				return !slices.Contains(owners, s.fp()) && !slices.Contains(c.owners(fresh), s.fp())
			})
		}
		at := c.servers[outside]
		var owner *testServer // that lacks the entry
		for _, s := range c.servers {
			if !slices.Contains(owners, s.fp()) {
				continue
			}
			if s.fp() == owners[0] {
				owner = s
				continue
			}
			if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		var deaf func(n int) bool
		c.mu.Lock()
		c.drop = func(_, to int, f wire.Frame) bool { return f.Type == wire.TypeFetch && deaf != nil && deaf(to) }
		c.mu.Unlock()
		silence := func(of func(int) bool) {
			c.mu.Lock()
			deaf = of
			c.mu.Unlock()
		}
		enter := func(s *testServer, p *testPerson) omega.Code { return codeOf(s.enter(p, s)) }

		silence(func(int) bool { return true })
		for name, s := range map[string]*testServer{"a server": at, "an owner without it": owner} {
			if code := enter(s, old); code != omega.CodeUnavailable {
				t.Errorf("the owners are silent, and %s says %s to an old account", name, code)
			}
		}
		if code := enter(at, fresh); code != omega.CodeUnavailable {
			t.Errorf("the owners are silent, and a new account is told %s", code)
		}
		newOwners := c.owners(fresh)
		silence(func(n int) bool { return c.servers[n].fp() == newOwners[1] || c.servers[n].fp() == newOwners[2] })
		if code := enter(at, fresh); code != omega.CodeRefused {
			t.Errorf("half of the owners do not know a new account, which has no invite and is told %s", code)
		}
		silence(nil)
		time.Sleep(10 * time.Second) // virtual: what was under way is over
		for name, s := range map[string]*testServer{"a server": at, "an owner without it": owner} {
			if code := enter(s, old); code != omega.CodeOK {
				t.Errorf("%s says %s to an old account", name, code)
			}
		}
	}, placed(3, 1000), byInvitation)
}

// However much strangers are looked for, whoever is new is asked about.
// (spec/cloud.md, CLOUD-44)
func TestLookUpsKeepNobodyOut(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		c.introduce()
		c.place()
		p := c.servers[0].proxy
		for range findBurst { // of as many servers as it takes
			by := asker{forServer, nobody(t)}
			if _, mine, err := p.finds.join(nobody(t), by, p.steady()); !mine || err != nil {
				t.Fatal(mine, err)
			}
		}
		if _, _, err := p.finds.join(nobody(t), asker{forServer, nobody(t)}, p.steady()); codeOf(err) != omega.CodeRateLimited {
			t.Fatalf("one more look-up: %v", err)
		}
		if err := c.servers[0].enter(newPerson(t, 1), c.servers[0]); err != nil {
			t.Errorf("somebody new is told %v", err)
		}
	}, placed(3, 1000))
}

// Who has very many addresses in a few networks keeps nobody of other networks from
// registering, and its neighbours no longer than a moment. (spec/keys.md, KEYS-20)
func TestNetworksShareNewcomers(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		c.introduce()
		c.place()
		p := c.servers[0].proxy
		ask := func(ip string) bool {
			return p.finds.newcomer(nobody(t), &net.TCPAddr{IP: net.ParseIP(ip)}, p.steady())
		}
		told := map[bool]int{}
		for i := range 2 * findBurst {
			told[ask(fmt.Sprintf("2001:db8:%x:%x::1", i%1000, i))]++
			told[ask(fmt.Sprintf("198.51.100.%d", i%256))]++
		}
		if most := 400 + 100; told[true] != most {
			t.Errorf("%d of two networks were asked about, want %d", told[true], most)
		}
		for _, ip := range []string{"2a00:1::1", "203.0.113.1", "127.0.0.1"} {
			if !ask(ip) {
				t.Errorf("somebody at %s is kept out", ip)
			}
		}
		if ask("198.51.100.77") {
			t.Error("a network has no ration")
		}
		time.Sleep(time.Second) // virtual
		if !ask("198.51.100.77") {
			t.Error("a neighbour is kept out for longer than a second")
		}
		p.finds.forget(p.steady().Add(time.Hour))
		p.finds.mu.Lock()
		defer p.finds.mu.Unlock()
		if n := len(p.finds.nets); n != 0 {
			t.Errorf("%d networks are remembered", n)
		}
	}, placed(3, 1000))
}
