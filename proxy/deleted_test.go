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

// tombstone deletes a person's account.
func (p *testPerson) tombstone() wire.Entry {
	p.t.Helper()
	cert, err := pgp.Delete(p.t.Context(), p.primary, p.cert, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return wire.Entry{Certificate: cert.Bytes()}
}

// One device publishes the tombstone, and is told that it stands. All sessions and leases of the account
// end, wherever they are, mail that waits at any home is thrown away, and who
// writes to it is told that it is deleted and not to try again.
func TestDeletion(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		one, two, proxy := c.servers[0], c.servers[1], c.servers[2]
		alice, bob := c.register(1, one), c.register(2, one, two)
		a := newClient(alice, 0).connect(one)
		here, other := newClient(bob, 0).attach(proxy, one, two), newClient(bob, 1).attach(one, one, two)
		here.noAck, other.noAck = true, true
		here.attachedAt(one, 0)
		other.attachedAt(two, 0)
		a.send("before", bob)
		other.expect("before")
		synctest.Wait()
		if one.store.Stats().Messages != 1 || two.store.Stats().Messages != 1 {
			t.Fatal("the mail does not wait at both homes")
		}
		e := bob.tombstone()
		tag := here.start(wire.TypePublish, wire.AppendEntry(nil, &e))
		for _, s := range []*testClient{here, other} {
			if err := <-s.served; codeOf(err) != omega.CodeDeleted {
				t.Errorf("a session of the account ended with %v", err)
			}
		}
		if f := here.answer(tag); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Errorf("the device that deleted the account was told %v", f)
		}
		for _, home := range []*testServer{one, two} {
			waitFor(t, time.Minute, "end of leases and mail", func() bool {
				return home.proxy.home.boxes.get(bob.fp()) == nil && home.store.Stats().Messages == 0
			})
		}
		if code, _ := a.sendCode(a.envelope("after", bob)); code != omega.CodeDeleted {
			t.Errorf("sending to it: %s", code)
		}
		if code, results := a.sendCode(a.envelope("to both", alice, bob)); code != omega.CodeDeleted || len(results) != 1 || results[0].Index != 1 {
			t.Errorf("sending to it and somebody else: %s %v", code, results)
		}
	})
}

// A home that was away hears of it when it compares; one that crashed between
// the news and the clearing clears when it starts.
func TestDeletionIsMadeGood(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		up, away := c.servers[0], c.servers[1]
		alice, bob := c.register(1, up), c.register(1, up, away)
		a := newClient(alice, 0).connect(up)
		a.send("before", bob)
		synctest.Wait()
		e := bob.tombstone()
		if _, _, err := up.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil { // and the other hears nothing
			t.Fatal(err)
		}
		synctest.Wait()
		if n := away.store.Stats().Messages; n != 1 {
			t.Fatalf("%d mails wait at the home that heard nothing, want 1", n)
		}
		if _, err := away.proxy.SyncWith(c.ctx, up.fp()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, time.Minute, "end of the mail", func() bool { return away.store.Stats().Messages == 0 })

		carol := c.register(1, up)
		a.send("before", carol)
		synctest.Wait()
		e = carol.tombstone()
		up.stop()
		keys, err := keyserver.New(keyserver.Config{Store: up.kept})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
			t.Fatal(err)
		}
		up.start()
		waitFor(t, time.Minute, "end of the mail", func() bool { return up.store.Stats().Messages == 0 })
	})
}
