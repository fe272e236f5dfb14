package proxy

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// placed makes key servers keep no more than their share, and sponsor.
func placed(everything, budget int) func(*testCloud) {
	return func(c *testCloud) {
		c.keyed = func(n int, cfg *keyserver.Config) {
			s := c.servers[n]
			cfg.Self, cfg.Identity, cfg.Everything, cfg.Budget = s.fp(), s.id, everything, budget
			cfg.MemberSince = func(fp omega.Fingerprint) (time.Time, bool) {
				return time.Time{}, slices.ContainsFunc(c.servers, func(o *testServer) bool { return o.fp() == fp })
			}
			cfg.Now = c.clock
			cfg.InUse = func(e *keyserver.Entry) bool { return s.proxy != nil && s.proxy.InUse(e) }
		}
	}
}

// clock is the time of key servers; pass moves it, since days of virtual time
// have too many ticks.
func (c *testCloud) clock() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *testCloud) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// introduce gives every key server the certificates of all servers.
func (c *testCloud) introduce() {
	c.t.Helper()
	for _, s := range c.servers {
		for _, o := range c.servers {
			if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, wire.Entry{Certificate: o.id.Certificate.Bytes()}); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// placeOn tells s that these servers share the entries.
func (s *testServer) placeOn(servers []*testServer) {
	var list []keyserver.Candidate
	for _, o := range servers {
		list = append(list, keyserver.Candidate{Server: o.fp()})
	}
	s.keys.Place(list, s.c.clock())
}

// live are the servers that run.
func (c *testCloud) live() (out []*testServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if !s.dead {
			out = append(out, s)
		}
	}
	return out
}

// place tells all servers that run that they share the entries.
func (c *testCloud) place() {
	live := c.live()
	for _, s := range live {
		s.placeOn(live)
	}
}

// enter registers a person at s through what a handshake calls.
func (s *testServer) enter(p *testPerson, homes ...*testServer) error {
	_, err := s.proxy.Register(s.c.ctx, transport.RoleClient, p.entry(homes...), nil, nil)
	return err
}

// copies lists the servers that have an entry, and checks that all have the same.
func (c *testCloud) copies(p *testPerson) (at []*testServer, equal bool) {
	var first *keyserver.Entry
	equal = true
	for _, s := range c.live() {
		e, err := s.keys.Find(c.ctx, p.fp())
		if err != nil {
			continue
		}
		if first == nil {
			first = e
		}
		equal = equal && e.Hash() == first.Hash()
		at = append(at, s)
	}
	return at, equal
}

// settle compares every key server with every other and hands on what others
// own, once; check is called between the steps.
func (c *testCloud) settle(check func()) (moved int) {
	c.t.Helper()
	live := c.live()
	for _, s := range live {
		for _, o := range live {
			if s == o {
				continue
			}
			n, err := s.proxy.SyncWith(c.ctx, o.fp())
			if err != nil && !c.isCut(s, o) {
				c.t.Errorf("compare %d with %d: %v", s.n, o.n, err)
			}
			moved += n
		}
	}
	check()
	for _, s := range live {
		for l, ok := s.keys.NextLeaf(0); ok; l, ok = s.keys.NextLeaf(l + 1) {
			n, err := s.proxy.HandOff(c.ctx, l)
			if err != nil && !errors.Is(err, errNoWay) && !errors.Is(err, errTimeout) && !errors.Is(err, keyserver.ErrUnheld) {
				c.t.Errorf("hand leaf %d of %d on: %v", l, s.n, err)
			}
			if moved += n; n > 0 {
				check()
			}
			if l == keyserver.Leaves-1 {
				break
			}
		}
	}
	return moved
}

func (c *testCloud) isCut(a, b *testServer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut[[2]int{a.n, b.n}] || c.cut[[2]int{b.n, a.n}]
}

// owners are who owns an account in the view of all that run.
func (c *testCloud) owners(p *testPerson) []omega.Fingerprint {
	var list []keyserver.Candidate
	for _, s := range c.live() {
		list = append(list, keyserver.Candidate{Server: s.fp()})
	}
	l := keyserver.LeafOf(p.fp())
	return keyserver.NewPlacement(list).Owners(l, keyserver.EpochOf(l, c.clock()))
}

// Each entry is where its owners are, and its homes, and nowhere else; everybody
// finds it all the same, and its newest state.
func TestPlacement(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		c.introduce()
		c.place()
		var people []*testPerson
		for i := range 24 {
			p := newPerson(t, 1)
			if err := c.servers[i%8].enter(p, c.servers[(i+3)%8]); err != nil {
				t.Fatal(err)
			}
			people = append(people, p)
		}
		time.Sleep(10 * time.Second) // virtual
		for c.settle(func() {}) > 0 {
			c.place()
		}
		c.pass(2 * time.Hour) // visitors are gone
		c.place()
		for c.settle(func() {}) > 0 {
		}
		for i, p := range people {
			at, _ := c.copies(p)
			owners := c.owners(p)
			for _, s := range at {
				if !slices.Contains(owners, s.fp()) && s != c.servers[(i+3)%8] {
					t.Errorf("person %d is at server %d as well", i, s.n)
				}
			}
			if len(at) < keyserver.Copies {
				t.Errorf("person %d has %d copies", i, len(at))
			}
		}
		dropped := int64(0)
		for _, s := range c.servers {
			dropped += s.keys.Metrics().Dropped
			for i, p := range people {
				if e, err := s.proxy.Lookup(c.ctx, p.fp()); err != nil || e.Sequence() != 1 {
					t.Errorf("server %d, person %d: %v", s.n, i, err)
				}
			}
		}
		if dropped == 0 {
			t.Error("nothing was handed on")
		}
	}, placed(5, 1000))
}

// A look-up takes the highest sequence of what the owners have, and brings those
// that lag up to date.
func TestLookupTakesTheNewest(t *testing.T) {
	inCloud(t, 8, func(t *testing.T, c *testCloud) {
		c.introduce()
		c.place()
		p := newPerson(t, 1)
		first := p.entry(c.servers[0])
		second := p.entry(c.servers[0])
		owners := c.owners(p)
		var asker *testServer
		for _, s := range c.servers {
			switch i := slices.Index(owners, s.fp()); {
			case i < 0:
				asker = s
			case i == len(owners)-1: // one has nothing
			default:
				e := first
				if i == 1 {
					e = second
				}
				if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := asker.proxy.Lookup(c.ctx, p.fp()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // virtual: all have answered
		if e, err := asker.proxy.Lookup(c.ctx, p.fp()); err != nil || e.Sequence() != 2 {
			t.Errorf("found %v, %v; want sequence 2", e, err)
		}
		for _, s := range c.servers {
			if !slices.Contains(owners, s.fp()) {
				continue
			}
			if e, err := s.keys.Find(c.ctx, p.fp()); err != nil || e.Sequence() != 2 {
				t.Errorf("owner %d was not repaired: %v", s.n, err)
			}
		}
	}, placed(1, 1000))
}

// Whatever servers do, come, go, split and write, nothing is lost, there are
// never fewer copies because entries move, and in the end all owners have the
// newest.
func TestPlacementHistories(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inCloud(t, 8, func(t *testing.T, c *testCloud) { placementHistory(t, c, seed) }, placed(3, 1000))
		})
	}
}

func placementHistory(t *testing.T, c *testCloud, seed uint64) {
	r := mathrand.New(mathrand.NewPCG(seed, 5))
	c.introduce()
	c.place()
	type person struct {
		*testPerson
		newest uint64
		gone   bool // deleted
	}
	var people []*person
	// No move may leave fewer copies than there were or have to be.
	before := map[*person]int{}
	count := func() {
		for _, p := range people {
			at, _ := c.copies(p.testPerson)
			if n := len(at); n < min(before[p], keyserver.Copies) {
				t.Fatalf("there were %d copies of an entry, and are %d after a move", before[p], n)
			}
			before[p] = len(at)
		}
	}
	recount := func() {
		clear(before)
		count()
	}
	split := false
	for step := range 40 {
		live := c.live()
		s := live[r.IntN(len(live))]
		switch what := r.IntN(12); {
		case what < 3:
			p := &person{testPerson: newPerson(t, 1), newest: 1}
			err := s.enter(p.testPerson, s)
			if codeOf(err) == omega.CodeUnavailable && (split || len(live) < len(c.servers)) {
				continue // too few of those who would know are in reach
			}
			if err != nil {
				t.Fatal(err)
			}
			people = append(people, p)
		case what < 6 && len(people) > 0:
			p := people[r.IntN(len(people))]
			if p.gone {
				continue
			}
			e, err := s.proxy.Lookup(c.ctx, p.fp())
			if err != nil || e.Sequence() != p.newest {
				continue // it is in the other part: who does not know what stands cannot build on it
			}
			entry := p.entry(s)
			if _, _, err := s.keys.Publish(c.ctx, p.fp(), entry); err != nil {
				t.Fatalf("step %d: publish %d: %v", step, p.newest+1, err)
			}
			p.newest++
			e, err = s.keys.Find(c.ctx, p.fp())
			if err != nil {
				t.Fatal(err)
			}
			s.proxy.announce(e)
		case what == 6 && len(people) > 0:
			p := people[r.IntN(len(people))]
			if p.gone {
				continue
			}
			gone, err := pgp.Delete(t.Context(), p.primary, p.cert, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.proxy.Lookup(c.ctx, p.fp()); err != nil {
				continue
			}
			if _, _, err := s.keys.Publish(c.ctx, p.fp(), wire.Entry{Certificate: gone.Bytes()}); err != nil {
				t.Fatal(err)
			}
			p.gone = true
			e, err := s.keys.Find(c.ctx, p.fp())
			if err != nil {
				t.Fatal(err)
			}
			s.proxy.announce(e)
		case what == 7 && len(live) > keyserver.Copies+1:
			s.stop()
		case what == 8:
			for _, o := range c.servers {
				if !slices.Contains(live, o) {
					o.start()
					break
				}
			}
		case what == 9 && !split:
			split = true
			at := r.IntN(len(c.servers))
			c.mu.Lock()
			for i := range c.servers {
				for j := range c.servers {
					c.cut[[2]int{i, j}] = (i < at) != (j < at)
				}
			}
			c.mu.Unlock()
		case what == 10:
			split = false
			c.mu.Lock()
			clear(c.cut)
			c.mu.Unlock()
		case what == 11:
			// Time goes by: epochs change, and views differ for a while.
			c.pass(time.Duration(r.Int64N(int64(10 * 24 * time.Hour))))
			s.placeOn(live[:max(1, len(live)-1)])
		}
		time.Sleep(6 * time.Second) // virtual: what is under way arrives or is given up
		if r.IntN(3) == 0 {
			c.place()
		}
		if r.IntN(3) == 0 {
			recount()
			c.settle(count)
		}
	}
	c.mu.Lock()
	clear(c.cut)
	c.mu.Unlock()
	for _, s := range c.servers {
		if !slices.Contains(c.live(), s) {
			s.start()
		}
	}
	for round := 0; ; round++ {
		c.pass(2 * time.Hour) // visits are over
		c.place()
		recount()
		if c.settle(count) == 0 && round > 1 {
			break
		}
		if round == 30 {
			t.Fatal("entries move for ever")
		}
	}
	for i, p := range people {
		at, equal := c.copies(p.testPerson)
		if !equal {
			t.Errorf("person %d: not all have the same", i)
		}
		owners := c.owners(p.testPerson)
		for _, s := range c.servers {
			if !slices.Contains(owners, s.fp()) {
				continue
			}
			e, err := s.keys.Find(c.ctx, p.fp())
			switch {
			case err != nil:
				t.Errorf("person %d: owner %d has nothing: %v", i, s.n, err)
			case p.gone && (!e.Certificate.Deleted() || e.Record != nil || len(e.Certificate.Devices()) != 0):
				t.Errorf("person %d: owner %d has somebody who was deleted", i, s.n)
			case !p.gone && e.Sequence() != p.newest:
				t.Errorf("person %d: owner %d has sequence %d, want %d", i, s.n, e.Sequence(), p.newest)
			}
		}
		if len(at) < keyserver.Copies {
			t.Errorf("person %d: %d copies", i, len(at))
		}
		if got := c.servers[i%len(c.servers)]; true {
			if _, err := got.proxy.Lookup(context.Background(), p.fp()); err != nil {
				t.Errorf("person %d: not found at server %d: %v", i, got.n, err)
			}
		}
	}
}

// Servers of the version before, which know neither trees nor receipts, and
// those of this one bring each other up to date.
func TestPlacementWithOlderServers(t *testing.T) {
	var c *testCloud
	older := func(fp omega.Fingerprint) bool { return c.servers[1].fp() == fp }
	inCloud(t, 3, func(t *testing.T, cloud *testCloud) {
		c = cloud
		c.introduce()
		c.place()
		var old, now *testPerson
		for _, x := range []struct {
			p  **testPerson
			at int
		}{{&old, 1}, {&now, 0}} {
			c.mu.Lock()
			c.drop = func(_, _ int, f wire.Frame) bool { return f.Type == wire.TypePlace || f.Type == wire.TypePublish } // nobody hears of it
			c.mu.Unlock()
			*x.p = newPerson(t, 1)
			if err := c.servers[x.at].enter(*x.p, c.servers[x.at]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second) // virtual
		}
		c.mu.Lock()
		// The old one understands nothing new.
		c.drop = func(_, to int, f wire.Frame) bool { return to == 1 && f.Type >= wire.TypeCompare }
		c.mu.Unlock()
		for c.settle(func() {}) > 0 {
		}
		for _, p := range []*testPerson{old, now} {
			if at, equal := c.copies(p); len(at) != 3 || !equal {
				t.Errorf("%d of 3 have an account, the same %v", len(at), equal)
			}
		}
		// Pushes reach it as well.
		third := newPerson(t, 1)
		if err := c.servers[2].enter(third, c.servers[2]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // virtual
		if at, _ := c.copies(third); len(at) != 3 {
			t.Errorf("%d of 3 were told of an account", len(at))
		}
	}, placed(1000, 1000), func(cloud *testCloud) {
		cloud.keyed = nil
		cloud.edit = func(cfg *Config) {
			self := cfg.Identity.Account()
			cfg.Places = func(fp omega.Fingerprint) bool { return !older(fp) && !older(self) }
		}
		c = cloud
	})
}

// Whoever floods the cloud with accounts gets the budget of a day everywhere, and
// what comes over it no further than to the owners.
func TestFloodStaysWithinBudget(t *testing.T) {
	const budget = 3
	inCloud(t, 7, func(t *testing.T, c *testCloud) {
		c.introduce()
		c.place()
		var junk []*testPerson
		limited := 0
		for range 3 * budget {
			p := newPerson(t, 1)
			switch err := c.servers[0].enter(p, c.servers[0]); codeOf(err) {
			case omega.CodeOK:
				junk = append(junk, p)
			case omega.CodeRateLimited:
				limited++
			default:
				t.Fatal(err)
			}
		}
		if len(junk) != 2*budget || limited != budget {
			t.Fatalf("%d were taken and %d refused, want %d and %d", len(junk), limited, 2*budget, budget)
		}
		time.Sleep(10 * time.Second) // virtual
		for range 3 {
			c.settle(func() {})
		}
		for i, p := range junk {
			at, _ := c.copies(p)
			owners := c.owners(p)
			for _, s := range c.servers {
				has := slices.Contains(at, s)
				switch want := i < budget || s.n == 0 || slices.Contains(owners, s.fp()); {
				case has != want:
					t.Errorf("account %d at server %d: %v, want %v", i, s.n, has, want)
				}
			}
			for _, s := range c.servers { // it is found all the same
				if _, err := s.proxy.Lookup(c.ctx, p.fp()); err != nil {
					t.Errorf("account %d not found at server %d: %v", i, s.n, err)
				}
			}
		}
	}, placed(1000, budget))
}

// An entry is forgotten only after each owner has said that it holds it and owns
// it.
func TestAllOwnersHaveToHold(t *testing.T) {
	inCloud(t, 7, func(t *testing.T, c *testCloud) {
		c.introduce()
		for range 20 { // more than anybody keeps
			c.register(1, c.servers[0])
		}
		c.place()
		p := newPerson(t, 1)
		l := keyserver.LeafOf(p.fp())
		var owners []*testServer
		var s *testServer
		for _, x := range c.servers {
			if slices.Contains(c.owners(p), x.fp()) {
				owners = append(owners, x)
			} else {
				s = x
			}
		}
		c.mu.Lock()
		c.drop = func(_, _ int, f wire.Frame) bool { return f.Type == wire.TypePlace && f.Tag == 0 }
		c.cut[[2]int{s.n, owners[3].n}] = true
		c.mu.Unlock()
		if err := s.enter(p, owners[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // virtual
		has := func() bool { _, err := s.keys.Find(c.ctx, p.fp()); return err == nil }
		if n, err := s.proxy.HandOff(c.ctx, l); n != 0 || err == nil || !has() {
			t.Fatalf("%d entries forgotten while an owner is out of reach, %v", n, err)
		}
		c.mu.Lock()
		clear(c.cut)
		c.mu.Unlock()
		var without []*testServer // in the view of one owner
		for _, x := range c.servers {
			if x != owners[2] {
				without = append(without, x)
			}
		}
		owners[2].placeOn(without)
		if n, err := s.proxy.HandOff(c.ctx, l); n != 0 || !errors.Is(err, keyserver.ErrUnheld) || !has() {
			t.Fatalf("%d entries forgotten while an owner does not know that it is one, %v", n, err)
		}
		c.place()
		c.mu.Lock()
		// The last owner takes nothing.
		c.drop = func(_, to int, f wire.Frame) bool { return f.Type == wire.TypePlace && to == owners[1].n }
		c.mu.Unlock()
		if err := owners[1].keysForget(p); err != nil {
			t.Fatal(err)
		}
		if n, err := s.proxy.HandOff(c.ctx, l); n != 0 || err == nil || !has() {
			t.Fatalf("%d entries forgotten while an owner has nothing, %v", n, err)
		}
		c.mu.Lock()
		c.drop = nil
		c.mu.Unlock()
		if n, err := s.proxy.HandOff(c.ctx, l); n < 1 || err != nil || has() { // another of the leaf may be there as well
			t.Fatalf("%d entries forgotten when all owners have them, %v", n, err)
		}
		for _, o := range owners {
			if _, err := o.keys.Find(c.ctx, p.fp()); err != nil {
				t.Errorf("owner %d: %v", o.n, err)
			}
		}
	}, placed(3, 1000))
}

// keysForget starts s again without an entry, as after the loss of a disk.
func (s *testServer) keysForget(p *testPerson) error {
	s.stop()
	if err := s.kept.Delete(s.c.ctx, p.fp()); err != nil {
		return err
	}
	s.start()
	s.placeOn(s.c.servers)
	return nil
}
