package proxy

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// revoke makes a certificate that revokes a device.
func (p *testPerson) revoke(device int) {
	p.t.Helper()
	cert, err := pgp.RevokeDevice(p.t.Context(), p.primary, p.cert, p.device(device), pgp.ReasonCompromised, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.cert = cert
}

// accept takes the newest certificate of a person as another server sends it.
func (s *testServer) accept(p *testPerson, homes ...*testServer) {
	if _, _, err := s.keys.Accept(s.c.ctx, keyserver.FromServer, p.entry(homes...)); err != nil {
		s.c.t.Error(err)
	}
}

// A device is revoked at one server. The home and the server where the device is
// connected hear of it from that one: the lease ends, the session ends, and no
// mail waits for the device.
func TestRevocationSpreads(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		elsewhere, home, proxy := c.servers[0], c.servers[1], c.servers[2]
		alice, bob := c.register(1, home), c.register(2, home)
		a := newClient(alice, 0).connect(home)
		kept, stolen := newClient(bob, 0).attach(elsewhere, home), newClient(bob, 1).attach(proxy, home)
		kept.attachedAt(home, 0)
		stolen.attachedAt(home, 0)
		stolen.noAck = true
		a.send("before", bob)
		kept.expect("before")
		stolen.expect("before")
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 1 {
			t.Fatalf("%d mails wait for the device, want 1", n)
		}
		bob.revoke(1)
		e := bob.entry(home)
		if f := kept.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Fatalf("publish = %d %q", f.Type, f.Body)
		}
		if err := <-stolen.served; codeOf(err) != omega.CodeAuth {
			t.Errorf("session of the revoked device ended with %v", err)
		}
		waitFor(t, time.Minute, "end of the lease", func() bool { return home.proxy.home.leases.get(bob.device(1)) == nil })
		waitFor(t, time.Minute, "end of the mail that waited", func() bool { return home.store.Stats().Messages == 0 })
		a.send("after", bob)
		kept.expect("before", "after")
		synctest.Wait()
		if n := home.store.Stats().Messages; n != 0 {
			t.Errorf("%d mails wait for a revoked device", n)
		}
	})
}

// A pause does something once, before a key for somebody else is derived.
type pause struct {
	pgp.Decrypter
	once sync.Once
	do   func()
}

func (p *pause) SharedSecret(ctx context.Context, remote *pgp.PublicKey) ([]byte, error) {
	if remote.Fingerprint() != p.Decrypter.Public().Fingerprint() {
		p.once.Do(p.do)
	}
	return p.Decrypter.SharedSecret(ctx, remote)
}

// A lease that was verified before the device is revoked, and put in force after
// it, does not stand.
func TestRevokedWhileItAttaches(t *testing.T) {
	var home, proxy *testServer
	var bob *testPerson
	wait := &pause{do: func() {
		bob.revoke(1)
		home.accept(bob, home)
		synctest.Wait() // nobody is left who could end the lease
	}}
	edit := func(c *testCloud) {
		first := true
		c.edit = func(cfg *Config) {
			if !first {
				return
			}
			first = false
			id := *cfg.Identity
			wait.Decrypter = id.Decrypter
			id.Decrypter = wait
			cfg.Identity = &id
		}
	}
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home, proxy = c.servers[0], c.servers[1]
		bob = c.register(2, home)
		stolen := newClient(bob, 1).attach(proxy, home)
		if got := stolen.attachedAt(home, 0); got.Code != omega.CodeRefused {
			t.Errorf("the device was told %s, want %s", got.Code, omega.CodeRefused)
		}
		if home.proxy.home.leases.get(bob.device(1)) != nil || home.proxy.home.boxes.get(bob.fp()) != nil {
			t.Error("the lease of the revoked device stands")
		}
		alice := c.register(1, home)
		newClient(alice, 0).connect(home).send("x", bob)
		synctest.Wait()
		if got := stolen.count(); got != 0 {
			t.Errorf("the revoked device got %d mails", got)
		}
	}, edit)
}

// A lateConn does something between the handshake and the session.
type lateConn struct {
	*testConn
	do func()
}

func (c lateConn) ReleaseCertificate() { c.do() }

// A session whose handshake ended before its device was revoked does not begin
// after it.
func TestRevokedWhileItConnects(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		bob := c.register(2, s)
		conn := newTestConn(transport.Peer{Account: bob.fp(), Device: bob.device(1), Role: transport.RoleClient})
		err := s.proxy.serve(c.ctx, lateConn{conn, func() {
			bob.revoke(1)
			s.accept(bob, s)
			synctest.Wait() // nobody is left who could end the session
		}})
		if codeOf(err) != omega.CodeAuth {
			t.Errorf("the session ended with %v, want %s", err, omega.CodeAuth)
		}
		if len(conn.out) == 0 || wire.Type(conn.out[3]) != wire.TypeError { // u24 length | u8 type
			t.Errorf("the device was told %x, want an error", conn.out)
		}
		if s.proxy.sessions.get(bob.device(1)) != nil {
			t.Error("the session of the revoked device stands")
		}
	})
}

// A new device attaches before its home has heard of it: that is no refusal, and
// it is attached once the news are there, with the lease that it has.
func TestNewDeviceBeforeTheNews(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		proxy, home := c.servers[0], c.servers[1]
		bob := c.register(1, home)
		bob.addDevice()
		proxy.accept(bob, home)
		fresh := newClient(bob, 1).attach(proxy, home)
		if a := fresh.attachedAt(home, 0); a.Code != omega.CodeUnavailable {
			t.Errorf("before the news: code %d, want %d", a.Code, omega.CodeUnavailable)
		}
		home.accept(bob, home)
		if a := fresh.attachedAt(home, 1); a.Code != omega.CodeOK {
			t.Errorf("after the news: code %d", a.Code)
		}
	})
}
