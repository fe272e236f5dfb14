package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// gate is a driver whose Sync waits while it is shut.
type gate struct {
	mailbox.Driver
	mu   sync.Mutex
	cond sync.Cond
	shut bool
}

// behindGates puts the drivers of all servers behind gates.
func behindGates(gates map[int]*gate) func(*testCloud) {
	return func(c *testCloud) {
		c.mail = func(n int, cfg *mailbox.Config) {
			g := &gate{Driver: cfg.Driver}
			g.cond.L = &g.mu
			gates[n] = g
			cfg.Driver = g
			c.finally = append(c.finally, func() { g.set(false) })
		}
	}
}

func (g *gate) Sync(b *mailbox.Batch) error {
	g.mu.Lock()
	for g.shut {
		g.cond.Wait()
	}
	g.mu.Unlock()
	return g.Driver.Sync(b)
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	g.shut = shut
	g.cond.Broadcast()
	g.mu.Unlock()
}

// TestStoredMeansSynced: a device that is online gets mail before the disk has
// it; the sender's answer comes only after that.
func TestStoredMeansSynced(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		for _, home := range c.servers { // the proxy itself, and another one
			alice, bob := c.register(1, c.servers[0]), c.register(1, home)
			a := newClient(alice, 0).connect(c.servers[0])
			b := newClient(bob, 0).attach(home, home)
			b.attachedAt(home, 0)
			gates[home.n].set(true)
			tag := a.start(wire.TypeSend, a.envelope("x", bob))
			b.expect("x")
			synctest.Wait()
			a.mu.Lock()
			if len(a.frames) != 0 {
				t.Errorf("home %d: answered before the disk had it: %v", home.n, a.frames)
			}
			a.mu.Unlock()
			gates[home.n].set(false)
			if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK {
				t.Errorf("home %d: send = %s", home.n, code)
			}
		}
	}, behindGates(gates))
}

// TestCrashBetweenPushAndCommit: the device has acknowledged mail that the home
// then lost. What the sender repeats, and what comes later, still arrives, and
// nothing is shown twice.
func TestCrashBetweenPushAndCommit(t *testing.T) {
	gates := make(map[int]*gate)
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, c.servers[0]), c.register(1, home)
		a := newClient(alice, 0).connect(c.servers[0])
		b := newClient(bob, 0).attach(c.servers[0], home)
		a.send("stored", bob)
		b.expect("stored")

		gates[home.n].set(true)
		var lost [][]byte
		for i := range 5 {
			lost = append(lost, a.envelope(fmt.Sprint(i), bob))
			a.start(wire.TypeSend, lost[i])
		}
		b.expect("stored", "0", "1", "2", "3", "4")
		synctest.Wait()
		home.disk.Crash()
		gates[home.n].set(false)
		home.stop()
		home.start()

		time.Sleep(6 * time.Second)
		for tag := uint32(2); tag <= 6; tag++ {
			// Either the crash was told, or the proxy's repetition was stored.
			if code, _ := a.codes(a.answer(tag)); code != omega.CodeOK && !code.Retry() {
				t.Errorf("send %d = %s though the home lost it", tag, code)
			}
		}
		a.send("new", bob)
		for _, env := range lost {
			if code, _ := a.sendCode(env); code != omega.CodeOK {
				t.Errorf("send again = %s", code)
			}
		}
		a.send("newer", bob)
		b.expect("stored", "0", "1", "2", "3", "4", "new", "newer")
	}, behindGates(gates))
}

func TestLeaseIsJudged(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, other := c.servers[1], c.servers[0]
		bob, eve := c.register(2, home), c.register(1, home)
		revoked := c.register(2, home)
		cert, err := pgp.RevokeDevice(t.Context(), revoked.primary, revoked.cert, revoked.device(1), pgp.ReasonCompromised, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		revoked.cert = cert
		c.publish(revoked.entry(home))
		for _, tt := range []struct {
			name string
			who  *testClient
			edit func(*wire.Lease)
			late func(*wire.Lease) // after it was signed
			want omega.Code
		}{
			{"good", newClient(bob, 0), nil, nil, omega.CodeOK},
			{"expired", newClient(bob, 0), func(l *wire.Lease) {
				l.Issued = l.Issued.Add(-2 * time.Hour)
				l.NotAfter = time.Now().Add(-time.Second)
			}, nil, omega.CodeExpired},
			{"too long", newClient(bob, 0), func(l *wire.Lease) { l.NotAfter = l.Issued.Add(25 * time.Hour) }, nil, omega.CodeExpired},
			{"for another proxy", newClient(bob, 0), func(l *wire.Lease) { l.Proxy = home.fp() }, nil, omega.CodeBadRequest},
			{"without this home", newClient(bob, 0), func(l *wire.Lease) { l.Homes[0].Home = other.fp() }, nil, omega.CodeBadRequest},
			{"of another's device, which could be a new one", newClient(eve, 0), func(l *wire.Lease) { l.User = bob.fp() }, nil, omega.CodeUnavailable},
			{"of a revoked device", newClient(revoked, 1), nil, nil, omega.CodeRefused},
			{"changed", newClient(bob, 0), nil, func(l *wire.Lease) { l.Homes[0].Cursor = 1 }, omega.CodeRefused},
			{"signed by the other device", newClient(bob, 1), func(l *wire.Lease) { l.Device = bob.device(0) }, nil, omega.CodeRefused},
		} {
			l := tt.who.lease(other, tt.edit, home)
			if tt.late != nil {
				tt.late(l)
			}
			var got *wire.Attached
			home.proxy.home.attach(c.ctx, other.fp(), l.Bytes(), nil, func(a wire.Attached) { got = &a })
			if got == nil || got.Code != tt.want {
				t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
			}
		}
		if n := home.proxy.Metrics().Leases; n != 1 {
			t.Errorf("%d leases in force, want 1", n)
		}
	})
}

// TestOlderLeaseAcknowledgesNothing: a lease that came late, after a newer one of the same
// device, is refused before its cursor takes mail out of the mailbox: a copy of the device
// that is behind may still lack it. (spec/delivery.md, DELIV-7)
func TestOlderLeaseAcknowledgesNothing(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, other := c.servers[0], c.servers[1]
		alice, bob := c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		a.send("one", bob)
		mail := home.proxy.cfg.Mail
		last, err := mail.Last(c.ctx, bob.fp())
		if err != nil || last == 0 {
			t.Fatalf("nothing waits: %d, %v", last, err)
		}
		c.mu.Lock()
		c.drop = func(_, to int, _ wire.Frame) bool { return to == other.n } // or it says that no such device is there
		c.mu.Unlock()
		b := newClient(bob, 0)
		with := func(epoch, cursor uint64) func(*wire.Lease) {
			return func(l *wire.Lease) {
				l.Epoch, l.Homes[0].Incarnation, l.Homes[0].Cursor = epoch, mail.Incarnation(), cursor
			}
		}
		for _, row := range []struct {
			name          string
			epoch, cursor uint64
			want          omega.Code
			acknowledged  uint64
		}{
			{"the first", 2, 0, omega.CodeOK, 0},
			{"an older one that has the mail", 1, last, omega.CodeSuperseded, 0},
			{"a newer one that has it", 3, last, omega.CodeOK, last},
		} {
			var got *wire.Attached
			home.proxy.home.attach(c.ctx, other.fp(), b.lease(other, with(row.epoch, row.cursor), home).Bytes(), nil, func(a wire.Attached) { got = &a })
			if got == nil || got.Code != row.want {
				t.Errorf("%s: %+v, want %s", row.name, got, row.want)
			}
			if at, err := mail.Cursor(c.ctx, bob.fp(), bob.device(0)); err != nil || at != row.acknowledged {
				t.Errorf("%s: acknowledged up to %d, %v; want %d", row.name, at, err, row.acknowledged)
			}
		}
	})
}

// TestNewestLeaseWins: mail goes through the proxy of the newest lease only, an
// older lease cannot come back, and the older proxy hears of it at once, or with
// its next heartbeat if that word is lost.
func TestNewestLeaseWins(t *testing.T) {
	for name, lost := range map[string]bool{"told": false, "word lost": true} {
		t.Run(name, func(t *testing.T) { testNewestLeaseWins(t, lost) })
	}
}

func testNewestLeaseWins(t *testing.T, lost bool) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home := c.servers[2]
		alice, bob := c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		b := newClient(bob, 0).attach(c.servers[0], home)
		a.send("one", bob)
		b.expect("one")
		c.mu.Lock()
		c.drop = func(from, _ int, f wire.Frame) bool { return lost && from == 2 && f.Type == wire.TypeDetach }
		c.mu.Unlock()
		b.mu.Lock()
		old := b.conn
		b.mu.Unlock()
		b.attach(c.servers[1], home) // the first session stays open
		b.attachedAt(home, 1)
		a.send("two", bob)
		b.expect("one", "two")
		synctest.Wait()
		if lost {
			if n := old.Queued(); n != 0 {
				t.Errorf("the older proxy's session still gets %d octets", n)
			}
			time.Sleep(attachHeartbeat + time.Second)
			synctest.Wait()
		}
		f, ok := old.next(true)
		a2, err := wire.DecodeAttached(f.Body)
		if !ok || f.Type != wire.TypeAttached || err != nil || a2.Code != omega.CodeSuperseded {
			t.Errorf("older session got %+v, want superseded", a2)
		}
		if n := old.Queued(); n != 0 {
			t.Errorf("the older proxy's session still gets %d octets", n)
		}
		old.leave()
		synctest.Wait()
		a.send("three", bob)
		b.expect("one", "two", "three")
	})
}

func TestNewerSessionOfTheDevice(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		b := newClient(bob, 0).attach(s, s)
		b.attachedAt(s, 0)
		first, served := b.conn, b.served
		b.attach(s, s)
		b.attachedAt(s, 1)
		if err := <-served; !errors.Is(err, &omega.Error{Code: omega.CodeSuperseded}) && codeOf(err) != omega.CodeSuperseded {
			t.Errorf("first session ended with %v", err)
		}
		f, ok := first.next(true)
		if !ok || f.Type != wire.TypeError || codeOf(wire.DecodeStatus(f.Body)) != omega.CodeSuperseded {
			t.Errorf("first session was told type %d %q", f.Type, f.Body)
		}
		a.send("x", bob)
		b.expect("x")
		if m := s.proxy.Metrics(); m.Superseded != 1 || m.Leases != 1 {
			t.Errorf("metrics %+v", m)
		}
	})
}

// TestForgedAcks: nobody but the device can make a home forget mail.
func TestForgedAcks(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, other := c.servers[1], c.servers[0]
		alice, bob, eve := c.register(1, home), c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		b := newClient(bob, 0)
		b.noAck = true
		b.attach(other, home)
		a.send("x", bob)
		b.expect("x")
		seq := b.at(home)
		good := b.ack(home.fp(), seq)
		e := newClient(eve, 0).attach(other, home)
		e.attachedAt(home, 0)
		eves, err := wire.DecodeAck(e.ack(home.fp(), seq))
		if err != nil {
			t.Fatal(err)
		}
		eves.Device = b.person.device(0)
		for name, body := range map[string][]byte{
			"no code":         append(slices.Clone(good[:len(good)-wire.MACSize]), make([]byte, wire.MACSize)...),
			"another's code":  wire.AppendAck(nil, &eves),
			"code of another": b.ack(other.fp(), seq),
		} {
			for _, through := range []*testServer{home, other} {
				through.proxy.Receive(c.ctx, other.fp(), wire.ClassControl, wire.AppendFrame(nil, wire.TypeAck, 0, body))
			}
			home.proxy.Receive(c.ctx, other.fp(), wire.ClassControl, wire.AppendFrame(nil, wire.TypeAck, 0, body))
			if n := home.store.Stats().Messages; n != 1 {
				t.Errorf("%s: %d mails wait, want 1", name, n)
			}
		}
		// Eve's session cannot pass an acknowledgement of Bob's device.
		e.conn.write(wire.TypeAck, 9, good)
		if f := e.answer(9); f.Type != wire.TypeError {
			t.Errorf("answered with type %d", f.Type)
		}
		// An acknowledgement of what was never given takes nothing away.
		b.conn.write(wire.TypeAck, 0, b.ack(home.fp(), seq+1<<40))
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 1 {
			t.Errorf("future acknowledgement: %d mails wait, want 1", n)
		}
		b.conn.write(wire.TypeAck, 0, good)
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait after the true one", n)
		}
	})
}

// TestWindow: a device that acknowledges nothing gets one window, then silence,
// then the same again; once it acknowledges it gets everything in order.
func TestWindow(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		b := newClient(bob, 0)
		b.noAck = true
		b.attach(s, s)
		b.attachedAt(s, 0)
		var want []string
		for i := range 600 {
			want = append(want, fmt.Sprint(i))
			a.send(want[i], bob)
		}
		synctest.Wait()
		if b.count() != windowMails {
			t.Errorf("%d mails under way, want %d", b.count(), windowMails)
		}
		time.Sleep(resendAfter + 2*time.Second)
		synctest.Wait()
		if b.count() != 2*windowMails {
			t.Errorf("%d mails after silence, want the window twice", b.count())
		}
		b.mu.Lock()
		b.noAck = false
		b.mu.Unlock()
		b.conn.write(wire.TypeAck, 0, b.ack(s.fp(), b.at(s)))
		b.expect(want...)
	})
}

func TestWindowInOctets(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		b := newClient(bob, 0)
		b.noAck = true
		b.attach(c.servers[0], home)
		b.attachedAt(home, 0)
		b.conn.limit = 64 << 20
		big := strings.Repeat("x", 60<<10)
		for i := range 40 {
			a.send(fmt.Sprint(i, big), bob)
			synctest.Wait()
		}
		if n := b.count() * len(big); n > windowBytes || n < windowBytes*3/4 {
			t.Errorf("%d octets under way, want almost %d", n, windowBytes)
		}
	})
}

// TestSlowReader: a client that does not read holds up nobody, and gets
// everything later.
func TestSlowReader(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		b := newClient(bob, 0)
		b.attach(s, s)
		b.attachedAt(s, 0)
		slow := b.conn
		b.mu.Lock() // its reader stands still
		var want []string
		start := time.Now()
		big := strings.Repeat("x", 10<<10)
		for i := range 100 {
			want = append(want, fmt.Sprint(i, big))
			a.send(want[i], bob)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("the sender waited %v", d)
		}
		if n := slow.Queued(); n > maxQueuedMail {
			t.Errorf("%d octets wait in the connection", n)
		}
		b.mu.Unlock()
		b.expect(want...)
	})
}

func TestRewind(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		b := newClient(bob, 0)
		b.noAck = true
		b.attach(s, s)
		b.attachedAt(s, 0)
		for i := range 10 {
			a.send(fmt.Sprint(i), bob)
		}
		b.wait("mail", func() bool { return b.mails == 10 })
		rewind := func(seq uint64) {
			b.conn.write(wire.TypeRewind, 0, wire.AppendAck(nil, &wire.Ack{Home: s.fp(), Device: bob.device(0), Seq: seq}))
			synctest.Wait()
		}
		rewind(b.at(s) - 3)
		if b.count() != 13 {
			t.Errorf("%d mails, want 3 again", b.count())
		}
		rewind(1 << 50)
		if b.count() != 13 {
			t.Errorf("%d mails after a rewind into the future", b.count())
		}
		for range 50 {
			rewind(0)
		}
		if n := s.proxy.Metrics().Rewinds; n != rewindBurst {
			t.Errorf("%d rewinds taken, want %d at once", n, rewindBurst)
		}
	})
}

func TestFullMailbox(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		alice, bob, carol := c.register(1, c.servers[0]), c.register(1, c.servers[1]), c.register(1, c.servers[1])
		a := newClient(alice, 0).connect(c.servers[0])
		for i := range 3 {
			a.send(fmt.Sprint(i), bob)
		}
		code, results := a.sendCode(a.envelope("x", carol, bob))
		if code != omega.CodeMailboxFull || len(results) != 1 || results[0] != (wire.Result{Index: 1, Code: omega.CodeMailboxFull}) {
			t.Errorf("send = %s %v", code, results)
		}
		newClient(carol, 0).attach(c.servers[0], c.servers[1]).expect("x")
		c.servers[1].disk.SetFull(true)
		if code, _ := a.sendCode(a.envelope("y", carol)); code != omega.CodeDiskFull {
			t.Errorf("full disk: send = %s", code)
		}
		b := newClient(bob, 0).attach(c.servers[0], c.servers[1])
		b.expect("0", "1", "2") // what is there is served
	}, func(c *testCloud) { c.mail = func(_ int, cfg *mailbox.Config) { cfg.MaxMessages = 3 } })
}

// TestHomeStartsAgain: its memory of leases is gone; the proxy's heartbeat
// brings them back, and with it mail that came meanwhile.
func TestHomeStartsAgain(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, c.servers[0]), c.register(1, home)
		a := newClient(alice, 0).connect(c.servers[0])
		b := newClient(bob, 0).attach(c.servers[0], home)
		a.send("one", bob)
		b.expect("one")
		home.stop()
		home.start()
		a.send("two", bob)
		synctest.Wait()
		if n := home.proxy.Metrics().Leases; n != 0 {
			t.Fatalf("%d leases right after the start", n)
		}
		c.servers[0].proxy.ServerUp(home.fp())
		b.expect("one", "two")
		home.stop()
		home.start()
		a.send("three", bob)
		b.expect("one", "two", "three") // by the heartbeat alone
	})
}

func TestHomeIsDownWhenAttaching(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		bob := c.register(1, home)
		home.stop()
		b := newClient(bob, 0).attach(c.servers[0], home)
		if a := b.attachedAt(home, 0); a.Code != omega.CodeUnavailable {
			t.Errorf("attached = %s", a.Code)
		}
		home.start()
		if a := b.attachedAt(home, 1); a.Code != omega.CodeOK {
			t.Errorf("attached = %s", a.Code)
		}
	})
}

// TestDetach: a home stops pushing when the device's proxy says
// that the device left, or does not know it.
func TestDetach(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		b := newClient(bob, 0).attach(c.servers[0], home)
		b.attachedAt(home, 0)
		b.conn.leave()
		synctest.Wait()
		if n := home.proxy.Metrics().Leases; n != 0 {
			t.Errorf("%d leases after the client left", n)
		}
		b.attach(c.servers[0], home)
		b.attachedAt(home, 1)
		c.servers[0].stop()
		c.servers[0].start()
		a.send("x", bob)
		synctest.Wait()
		if n := home.proxy.Metrics().Leases; n != 0 {
			t.Errorf("%d leases though the proxy has forgotten the device", n)
		}
	})
}

// TestInventedHomes: servers that do not exist leave nothing behind.
func TestInventedHomes(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		b := newClient(c.register(1, s), 0).connect(s)
		for i := range 20 {
			nowhere := &testServer{id: newPerson(t, 1).identity(0)}
			b.conn.write(wire.TypeAttach, 0, b.lease(s, nil, nowhere).Bytes())
			if a := b.attachedAt(nowhere, 0); a.Code != omega.CodeUnavailable {
				t.Errorf("%d: attached = %s", i, a.Code)
			}
		}
		b.conn.leave()
		time.Sleep(15 * time.Second)
		n := 0
		s.proxy.outboxes.all(func(*outbox) { n++ })
		if m := s.proxy.Metrics(); n != 0 || m.Requests != 0 || m.Leases != 0 {
			t.Errorf("%d outboxes, metrics %+v", n, m)
		}
	})
}

// TestLeaseSignature: a home elsewhere believes the signature alone; the home
// that the device is connected to has its proof already.
func TestLeaseSignature(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		here, elsewhere := c.servers[0], c.servers[1]
		b := newClient(c.register(1, here, elsewhere), 0).connect(here)
		l := b.lease(here, nil, here, elsewhere)
		l.Sig.Bytes[0] ^= 1
		b.conn.write(wire.TypeAttach, 0, l.Bytes())
		if a := b.attachedAt(here, 0); a.Code != omega.CodeOK {
			t.Errorf("attached here: %s, want %s", a.Code, omega.CodeOK)
		}
		if a := b.attachedAt(elsewhere, 0); a.Code == omega.CodeOK {
			t.Error("a home elsewhere took a lease that nobody signed")
		}
	})
}

func TestLeaseEnds(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		b := newClient(bob, 0).connect(s)
		b.conn.write(wire.TypeAttach, 0, b.lease(s, func(l *wire.Lease) { l.NotAfter = l.Issued.Add(time.Minute) }, s).Bytes())
		b.attachedAt(s, 0)
		a.send("one", bob)
		b.expect("one")
		time.Sleep(2 * time.Minute)
		a.send("two", bob)
		synctest.Wait()
		b.expect("one")
		b.conn.write(wire.TypeAttach, 0, b.lease(s, nil, s).Bytes())
		b.expect("one", "two")
	})
}

// TestRevokedDevice: its session ends and its lease with it, and mail is no
// longer kept for it.
func TestRevokedDevice(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(2, s)
		a := newClient(alice, 0).connect(s)
		kept, stolen := newClient(bob, 0).attach(s, s), newClient(bob, 1).attach(s, s)
		kept.attachedAt(s, 0)
		stolen.attachedAt(s, 0)
		cert, err := pgp.RevokeDevice(t.Context(), bob.primary, bob.cert, bob.device(1), pgp.ReasonCompromised, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		bob.cert = cert
		e := bob.entry(s)
		if f := kept.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Fatalf("publish = %d %q", f.Type, f.Body)
		}
		if err := <-stolen.served; codeOf(err) != omega.CodeAuth {
			t.Errorf("session of the revoked device ended with %v", err)
		}
		a.send("x", bob)
		kept.expect("x")
		synctest.Wait()
		if n := s.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait for a revoked device", n)
		}
	})
}

// An older view of an account, which a newer one has overtaken, does not put a
// revoked device back into the set of those that mail waits for.
func TestOlderDevicesNeverReplaceNewer(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		bob := c.register(2, s)
		older, err := s.proxy.cfg.Keys.Find(t.Context(), bob.fp())
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pgp.RevokeDevice(t.Context(), bob.primary, bob.cert, bob.device(1), pgp.ReasonCompromised, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		bob.cert = cert
		c.publish(bob.entry(s))
		synctest.Wait()
		s.proxy.home.changed(t.Context(), older)
		err = s.store.Ack(t.Context(), bob.fp(), bob.device(1), 0)
		if !errors.Is(err, mailbox.ErrNoDevice) {
			t.Errorf("acknowledgement of the revoked device = %v, want %v", err, mailbox.ErrNoDevice)
		}
	})
}

// Warnings that others can cause are few.
func TestWarningsAreFew(t *testing.T) {
	var w warnings
	n := 0
	for i := range 10_000 {
		if w.take(int64(i) * int64(time.Millisecond)) {
			n++
		}
	}
	if n != warnBurst {
		t.Errorf("%d warnings in ten seconds, want %d", n, warnBurst)
	}
	if !w.take(int64(time.Hour)) {
		t.Error("no warning an hour later")
	}
}

// TestNewIncarnation: cursors of another life of the store count for nothing.
func TestNewIncarnation(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		alice, bob := c.register(1, s), c.register(1, s)
		a := newClient(alice, 0).connect(s)
		a.send("x", bob)
		b := newClient(bob, 0)
		b.cursor[s.fp()] = wire.LeaseHome{Incarnation: [8]byte{9}, Cursor: 1 << 40}
		b.attach(s, s)
		if got := b.attachedAt(s, 0); got.Cursor != 0 || got.Incarnation != s.store.Incarnation() {
			t.Errorf("attached %+v", got)
		}
		b.expect("x")
	})
}

// TestLostAcks: a device does not acknowledge again what it was shown, so its
// proxy says again what got lost, and a home that forgot is told.
func TestLostAcks(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		alice, bob := c.register(1, home), c.register(1, home)
		a := newClient(alice, 0).connect(home)
		b := newClient(bob, 0).attach(c.servers[0], home)
		b.attachedAt(home, 0)
		b.once = true
		c.mu.Lock()
		c.drop = func(_, _ int, f wire.Frame) bool { return f.Type == wire.TypeAck }
		c.mu.Unlock()
		var want []string
		for i := range 300 { // more than a window
			want = append(want, fmt.Sprint(i))
			a.send(want[i], bob)
		}
		b.expect(want[:windowMails]...)
		c.mu.Lock()
		c.drop = nil
		c.mu.Unlock()
		b.expect(want...)
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait", n)
		}
		if n := b.count(); n != len(want) {
			t.Errorf("%d mails were pushed to the client, want %d", n, len(want))
		}
	})
}

// TestLeaseAcknowledges: the last acknowledgement of a session is lost, and no mail
// comes after it. The next lease says what the device has, so that nothing waits.
func TestLeaseAcknowledges(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		for i, proxy := range c.servers { // another server, and the home itself
			alice, bob := c.register(1, home), c.register(1, home)
			a := newClient(alice, 0).connect(home)
			b := newClient(bob, 0).attach(proxy, home)
			b.attachedAt(home, 0)
			b.noAck = true
			a.send("the last", bob)
			b.expect("the last")
			synctest.Wait()
			if n := home.store.Stats().Messages; n != 1 {
				t.Fatalf("proxy %d: %d mails wait before the lease, want 1", i, n)
			}
			b.conn.leave()
			synctest.Wait()
			b.attach(proxy, home)
			synctest.Wait()
			if n := home.store.Stats().Messages; n != 0 {
				t.Errorf("proxy %d: %d mails wait after the lease", i, n)
			}
		}
	})
}
