package proxy

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// keeper is the server that keeps mail for a home that is away.
func (c *testCloud) keeper(home *testServer) *testServer {
	c.t.Helper()
	var at *testServer
	waitFor(c.t, time.Second, "somebody keeps it", func() bool {
		for _, s := range homesOf(c, home) {
			if s.spooled(c.t, home) > 0 {
				at = s
			}
		}
		return at != nil
	})
	return at
}

// TestHintFollowsWhoMoved: of an envelope for several accounts at a home that was
// away, the one whose mailbox moved meanwhile gets it where it lives now, before
// the deputy forgets it; who never lived at that home does not.
// (spec/delivery.md, DELIV-31)
func TestHintFollowsWhoMoved(t *testing.T) {
	inCloud(t, 5, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob, carol, dave := c.register(1, c.servers[0]), c.register(1, home), c.register(1, home), c.register(1, c.servers[3])
		home.stop()
		a := newClient(alice, 0).connect(c.servers[0])
		if code, _ := a.sendCode(a.envelope("x", bob, carol, dave)); code != omega.CodeQueued {
			t.Fatalf("sent: %s", code)
		}
		keeper := c.deputiesOf(carol, home)[0]
		waitFor(t, time.Second, "her deputy keeps it", func() bool { return keeper.spooled(t, home) == 1 })
		next := c.servers[2]
		if next == keeper {
			next = c.servers[4]
		}
		moved := carol.entry(next)
		c.publish(moved)
		next.stop() // nor is the new home there at first
		home.start()
		for _, e := range []wire.Entry{{Certificate: bob.cert.Bytes(), Record: bob.record.Bytes()}, moved} {
			if _, _, err := home.keys.Accept(t.Context(), keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range homesOf(c, home) {
			s.proxy.ServerUp(home.fp())
		}
		waitFor(t, time.Minute, "the home has what is for it", func() bool { return home.held(t, bob) == 1 })
		waitFor(t, time.Minute, "the deputy has done with the home", func() bool { return keeper.spooled(t, home) == 0 })
		if n := keeper.spooled(t, next); n != 1 {
			t.Fatalf("the new home is owed %d envelopes", n)
		}
		if n := home.held(t, carol); n != 0 {
			t.Errorf("the old home has %d of who moved", n)
		}
		if n := keeper.spooled(t, c.servers[3]); n != 0 {
			t.Errorf("a home that was never away is owed %d", n)
		}
		next.start()
		c.publishTo(next, carol)
		keeper.proxy.ServerUp(next.fp())
		waitFor(t, time.Minute, "the new home has it", func() bool { return next.held(t, carol) == 1 && keeper.spooled(t, next) == 0 })
	}, withSpool)
}

// TestNoRefusalEndsWhatIsOwed: whatever a home answers, but that it has the mail,
// leaves it with the deputy; and mail of others is not held up.
func TestNoRefusalEndsWhatIsOwed(t *testing.T) {
	for code := omega.CodeInternal; code <= omega.CodeQueued; code++ {
		inCloud(t, 5, func(t *testing.T, c *testCloud) {
			home := c.servers[1]
			alice, bob := c.register(1, c.servers[0]), c.register(1, home)
			home.stop()
			a := newClient(alice, 0).connect(c.servers[0])
			env := a.envelope("x", bob)
			for _, e := range [][]byte{env, a.envelope("y", bob)} {
				if got, _ := a.sendCode(e); got != omega.CodeQueued {
					t.Fatalf("sent: %s", got)
				}
			}
			keeper := c.keeper(home)
			refuses, refused := true, 0
			c.mu.Lock()
			c.drop = func(from, to int, f wire.Frame) bool {
				if !refuses || to != home.n || f.Type != wire.TypeSend || !bytes.Equal(f.Body, env) {
					return false
				}
				refused++
				body := wire.AppendRequestHash(wire.AppendResults(nil, code, nil), wire.TypeSend, f.Body)
				answer := wire.AppendFrame(nil, wire.TypeSent, f.Tag, body)
				c.wg.Go(func() { c.servers[from].proxy.Receive(c.ctx, home.fp(), wire.ClassControl, answer) })
				return true
			}
			c.mu.Unlock()
			home.start()
			c.publishTo(home, bob)
			keeper.proxy.ServerUp(home.fp())
			waitFor(t, time.Minute, "the home has the other", func() bool { return home.held(t, bob) == 1 })
			time.Sleep(time.Minute)
			c.mu.Lock()
			if refuses = false; refused == 0 {
				t.Error("nothing was refused")
			}
			c.mu.Unlock()
			waitFor(t, 2*spoolMaxWait, "the home has it after "+code.String(), func() bool { return home.held(t, bob) == 2 })
			waitFor(t, time.Minute, "nothing is owed", func() bool { return keeper.spooled(t, home) == 0 })
		}, withSpool)
	}
}

// TestSpoolHasRoomForOthers: one origin cannot fill what a deputy keeps, a
// stranger has no part in it, who is over its share is told so, and what was kept
// counts after a new start. (spec/delivery.md, DELIV-30)
func TestSpoolHasRoomForOthers(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		greedy, home, deputy, modest := c.servers[0], c.servers[1], c.servers[2], c.servers[3]
		alice, bob := newPerson(t, 1), c.register(1, home)
		home.stop()
		const most = 64
		narrow := func() { deputy.proxy.spool.shares.init(most, 1<<30) }
		narrow()
		answers := make(chan omega.Code, 1)
		c.mu.Lock()
		c.drop = func(from, _ int, f wire.Frame) bool {
			if from != deputy.n || f.Type != wire.TypeSent {
				return false
			}
			code, _, err := wire.DecodeResults(f.Body[:len(f.Body)-wire.RequestHashSize])
			if err != nil {
				t.Error(err)
			}
			answers <- code
			return true
		}
		c.mu.Unlock()
		sent := uint64(0)
		hint := func(from *testServer) omega.Code {
			sent++
			e := wire.Envelope{Class: wire.ClassText, ID: omega.ID{byte(sent >> 8), byte(sent)}, Sender: alice.fp(), Recipients: []omega.Fingerprint{bob.fp()}, Payload: []byte("x")}
			env, err := e.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			body := wire.AppendHint(nil, wire.Hint{Home: home.fp(), Envelope: env})
			deputy.proxy.Receive(t.Context(), from.fp(), wire.ClassText, wire.AppendFrame(nil, wire.TypeHint, uint32(sent), body))
			return <-answers
		}
		kept := 0
		for hint(greedy) == omega.CodeOK {
			if kept++; kept > most {
				break
			}
		}
		if kept != most/2 {
			t.Errorf("one origin has %d of %d", kept, most)
		}
		if code := hint(greedy); code != omega.CodeMailboxFull {
			t.Errorf("over its share: %s", code)
		}
		if code := hint(modest); code != omega.CodeOK {
			t.Errorf("another origin: %s", code)
		}
		if n := deputy.held(t, bob); n != kept+1 {
			t.Errorf("%d are held for devices, %d were taken", n, kept+1)
		}
		c.mu.Lock()
		modest.stranger = true
		c.mu.Unlock()
		if code := hint(modest); code != omega.CodeRefused {
			t.Errorf("a stranger: %s", code)
		}

		deputy.stop()
		deputy.start()
		c.publishTo(deputy, bob)
		narrow()
		waitFor(t, 2*spoolLook, "what is kept is counted", func() bool { return hint(greedy) == omega.CodeMailboxFull })
		c.mu.Lock()
		modest.stranger = false
		c.mu.Unlock()
		if code := hint(modest); code != omega.CodeOK {
			t.Errorf("another origin after a start: %s", code)
		}
		home.start()
		c.publishTo(home, bob)
		c.mu.Lock()
		c.drop = nil
		c.mu.Unlock()
		deputy.proxy.ServerUp(home.fp())
		waitFor(t, time.Minute, "the home has it", func() bool { return deputy.spooled(t, home) == 0 })
		synctest.Wait()
		s := &deputy.proxy.spool.shares
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.total != (tally{}) || len(s.homes)+len(s.origins)+len(s.pairs) != 0 {
			t.Errorf("counted after all is gone: %+v of %d origins", s.total, len(s.origins))
		}
	}, withSpool)
}

// TestSharesLeaveRoom: whatever comes and goes, each origin has as much as is
// free at most when it is given something, nothing is over the bounds, and what
// is gone or too old counts no more.
func TestSharesLeaveRoom(t *testing.T) {
	var s shares
	s.init(100, 10_000)
	rnd := rand.New(rand.NewPCG(7, 7))
	var servers []omega.Fingerprint
	for range 5 {
		servers = append(servers, nobody(t))
	}
	type mail struct {
		p     pair
		size  int
		until time.Time
	}
	var kept []mail
	now := time.Unix(1_800_000_000, 0)
	for range 20_000 {
		p := pair{servers[rnd.IntN(5)], servers[rnd.IntN(5)]}
		m := mail{p, 1 + rnd.IntN(400), now.Add(time.Duration(rnd.IntN(10)) * time.Hour)}
		switch {
		case rnd.IntN(10) == 0 && len(kept) > 0:
			i := rnd.IntN(len(kept))
			s.gone(kept[i].p, kept[i].size, kept[i].until)
			kept = slices.Delete(kept, i, i+1)
		case rnd.IntN(200) == 0:
			now = now.Add(time.Hour)
			s.expire(now)
			kept = slices.DeleteFunc(kept, func(m mail) bool { return hourOf(m.until) < hourOf(now) })
		case s.admit(p, m.size, m.until, false):
			kept = append(kept, m)
		}
		var all, lane, own tally
		for _, k := range kept {
			all = all.plus(one(k.size))
			if k.p.home == p.home {
				lane = lane.plus(one(k.size))
			}
			if k.p == p {
				own = own.plus(one(k.size))
			}
		}
		if s.total != all || s.homes[p.home] != lane || s.pairs[p] != own {
			t.Fatalf("counted %v, %v, %v; want %v, %v, %v", s.total, s.homes[p.home], s.pairs[p], all, lane, own)
		}
		if lane.count >= 100 || lane.bytes >= 10_000 {
			t.Fatalf("a home is owed %v: no room is left", lane)
		}
	}
	s.expire(now.Add(24 * time.Hour))
	if s.total != (tally{}) || len(s.ends)+len(s.homes)+len(s.origins)+len(s.pairs) != 0 {
		t.Errorf("left: %+v", s.total)
	}
}

// FuzzReadSpooled: what the disk holds is read without harm, and what was written
// is read again.
func FuzzReadSpooled(f *testing.F) {
	p := newPerson(f, 0)
	e := wire.Envelope{Class: wire.ClassText, Sender: p.fp(), Recipients: []omega.Fingerprint{p.fp(), p.fp()}, Payload: []byte("x")}
	env, err := e.AppendTo(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(env)
	f.Add((&spooled{p.fp(), []uint16{0, 1}, env}).append(nil))
	f.Add([]byte{spooledVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSpooled(b)
		if err != nil {
			return
		}
		if len(accountsOf(s.env, s.index)) != len(s.index) {
			t.Errorf("%d recipients for %v", len(accountsOf(s.env, s.index)), s.index)
		}
		if s.index != nil && !bytes.Equal(s.append(nil), b) {
			t.Error("written otherwise than read")
		}
	})
}

// TestSpoolOfOlderServer: an envelope alone, as older servers kept it, is still
// handed over.
func TestSpoolOfOlderServer(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, keeper := c.servers[0], c.servers[1]
		alice, bob := newPerson(t, 1), c.register(1, home)
		e := wire.Envelope{Class: wire.ClassText, Sender: alice.fp(), Recipients: []omega.Fingerprint{bob.fp()}, Payload: []byte("x")}
		env, err := e.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		it := &mailbox.Item{
			Recipients: []omega.Fingerprint{home.fp()}, Envelope: env, Key: mailbox.KeyOf(alice.fp(), e.ID, e.Payload),
			Done: func(_ *mailbox.Item, err error) { done <- err },
		}
		if err := errors.Join(keeper.spool.Append(t.Context(), it), <-done); err != nil {
			t.Fatal(err)
		}
		keeper.proxy.ServerUp(home.fp())
		waitFor(t, time.Minute, "the home has it", func() bool { return home.held(t, bob) == 1 && keeper.spooled(t, home) == 0 })
	}, withSpool)
}
