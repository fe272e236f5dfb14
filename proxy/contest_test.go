package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// blockOf is what the primary key signed before to revoke a device.
func (p *testPerson) blockOf(device int) []byte {
	p.t.Helper()
	block, err := pgp.RevokeBefore(p.t.Context(), p.primary, p.cert, p.device(device), time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return block
}

// removes has one device remove another one.
func (p *testPerson) removes(by, about int, block []byte) {
	p.t.Helper()
	cert, err := pgp.Remove(p.t.Context(), p.devices[by].Signing, p.cert, p.device(about), block, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.cert = cert
}

// bring has a guest bring to a server what one device says of another one.
func (s *testServer) bring(p *testPerson, by, about int) error {
	own, fp, err := pgp.Own(p.cert.Said(p.device(by), p.device(about)))
	if err != nil {
		s.c.t.Fatal(err)
	}
	_, err = s.proxy.Update(s.c.ctx, fp, own)
	return err
}

// newQuarrel registers somebody whose second device was linked after the first one.
func newQuarrel(c *testCloud, home *testServer) *testPerson {
	bob := newPerson(c.t, 1)
	time.Sleep(2 * time.Second) // of the bubble
	bob.addDevice()
	home.accept(bob, home)
	synctest.Wait()
	return bob
}

// A thief of a device removes another one of the account: that loses its session at
// once, and what comes for it waits. It was linked earlier and contests: everywhere it
// is in the list again, and the thief is not; it gets what waited.
func TestRemovalContested(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, other := c.servers[0], c.servers[1]
		alice, bob := c.register(1, home), newQuarrel(c, home)
		other.accept(bob, home)
		byFirst, bySecond := bob.blockOf(1), bob.blockOf(0)
		a := newClient(alice, 0).connect(home)
		first, thief := newClient(bob, 0).attach(home, home), newClient(bob, 1).attach(home, home)
		first.attachedAt(home, 0)
		thief.attachedAt(home, 0)
		bob.removes(1, 0, bySecond)
		e := bob.entryBy(1, home)
		if f := thief.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Fatalf("publish = %d %q", f.Type, f.Body)
		}
		if err := <-first.served; codeOf(err) != omega.CodeAuth {
			t.Errorf("session of the removed device ended with %v", err)
		}
		a.send("between", bob)
		thief.expect("between")
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 1 {
			t.Errorf("%d mails wait for the removed device, want 1", n)
		}
		bob.removes(0, 1, byFirst)
		if err := other.bring(bob, 0, 1); err != nil {
			t.Fatal(err)
		}
		if err := <-thief.served; codeOf(err) != omega.CodeAuth {
			t.Errorf("session of the thief ended with %v", err)
		}
		again := newClient(bob, 0).attach(home, home)
		again.attachedAt(home, 0)
		again.expect("between")
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait for nobody", n)
		}
	})
}

// When nobody contested, that is over: nothing waits any more, and who was removed can
// say nothing about it.
func TestRemovalNotContested(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		home := c.servers[0]
		alice, bob := c.register(1, home), newQuarrel(c, home)
		byFirst, bySecond := bob.blockOf(1), bob.blockOf(0)
		second := newClient(bob, 1).attach(home, home)
		second.attachedAt(home, 0)
		bob.removes(1, 0, bySecond)
		e := bob.entryBy(1, home)
		if f := second.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Fatalf("publish = %d %q", f.Type, f.Body)
		}
		home.stop() // its ticks of three days would take long
		time.Sleep(pgp.ContestTime - time.Hour)
		home.start()
		time.Sleep(time.Hour + time.Minute)
		bob.removes(0, 1, byFirst)
		if err := home.bring(bob, 0, 1); codeOf(err) != omega.CodeRefused {
			t.Errorf("a contest after 72 hours: %v", err)
		}
		again := newClient(bob, 1).attach(home, home)
		again.attachedAt(home, 0)
		newClient(alice, 0).connect(home).send("after", bob)
		again.expect("after")
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait for a device that is out", n)
		}
	})
}
