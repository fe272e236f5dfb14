package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

func addr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func TestGateRate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := NewGate(Limits{HandshakeRate: 10, HandshakeBurst: 5})
	pass := func(a net.Addr, n int) (passed int) {
		for range n {
			if g.Enter(a, now) {
				passed++
				g.Leave(a, now)
			}
		}
		return passed
	}
	for _, tt := range []struct {
		name  string
		after time.Duration
		addr  string
		want  int // of 20
	}{
		{"burst", 0, "192.0.2.1:1", 5},
		{"then nothing", 0, "192.0.2.1:2", 0},
		{"another address", 0, "192.0.2.2:1", 5},
		{"mapped", 0, "[::ffff:192.0.2.2]:1", 0},
		{"the rate", 300 * time.Millisecond, "192.0.2.1:3", 3},
		{"all again", time.Hour, "192.0.2.1:4", 5},
		{"IPv6", 0, "[2001:db8::1]:1", 5},
		{"the same /64", 0, "[2001:db8::2]:1", 0},
		{"another /64", 0, "[2001:db8:0:1::2]:1", 5},
		{"loopback", 0, "127.0.0.1:1", 20},
		{"loopback 6", 0, "[::1]:1", 20},
	} {
		now = now.Add(tt.after)
		if got := pass(addr(tt.addr), 20); got != tt.want {
			t.Errorf("%s: %d passed, want %d", tt.name, got, tt.want)
		}
	}
	if !g.Charge(addr("198.51.100.1:1"), 5, now) || g.Charge(addr("198.51.100.1:1"), 1, now) {
		t.Error("charge does not count")
	}
	now = now.Add(time.Hour)
	for a := range g.hosts {
		g.Leave(net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr(), 1)), now)
	}
	if len(g.hosts) != 0 {
		t.Errorf("%d addresses are remembered for nothing", len(g.hosts))
	}
}

func TestGateCounts(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := NewGate(Limits{HalfOpen: 3, HalfOpenPerHost: 2})
	a, b := addr("192.0.2.1:1"), addr("192.0.2.2:1")
	for i, tt := range []struct {
		addr net.Addr
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {b, false}} {
		if got := g.Enter(tt.addr, now); got != tt.want {
			t.Errorf("entry %d = %v, want %v", i, got, tt.want)
		}
	}
	g.Leave(a, now)
	if !g.Enter(b, now) || g.Enter(a, now) {
		t.Error("one place became free: want one to enter")
	}
	none := NewGate(Limits{HalfOpen: -1, HalfOpenPerHost: -1, HandshakeRate: -1, HandshakeBurst: -1})
	for i := range 10_000 {
		if !none.Enter(a, now) {
			t.Fatalf("entry %d of an unlimited gate was refused", i)
		}
	}
}

func TestGateRemembersBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := NewGate(Limits{})
	g.maxHosts = 1000
	enter := func(i int) bool {
		a := &net.TCPAddr{IP: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)), Port: 1}
		if !g.Enter(a, now) {
			return false
		}
		g.Leave(a, now)
		return true
	}
	for i := range g.maxHosts {
		if !enter(i) {
			t.Fatalf("address %d was refused", i)
		}
	}
	if enter(g.maxHosts) {
		t.Error("one address too many was remembered")
	}
	if !enter(5) {
		t.Error("a known address was refused")
	}
	now = now.Add(2 * time.Second)
	if !enter(g.maxHosts) {
		t.Error("nobody was forgotten")
	}
	if len(g.hosts) > 10 {
		t.Errorf("%d addresses are remembered, want those of now", len(g.hosts))
	}
}

// connect opens a connection below TLS.
func (w *world) connect() net.Conn {
	w.t.Helper()
	nc, err := w.net.Dialer("192.0.2.9")(w.t.Context(), "tcp", "server:443")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.Close() })
	return nc
}

func TestHalfOpenIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newPerson(t)
		w := newWorld(t, func(c *Config) {
			c.Limits = Limits{HalfOpen: 100, HalfOpenPerHost: -1, HandshakeRate: -1}
		}, alice)
		conns := make([]net.Conn, 1000)
		for i := range conns {
			conns[i] = w.connect()
			synctest.Wait()
		}
		if got := w.server.Stats(); got.HalfOpen != 100 || got.Busy != 900 {
			t.Errorf("stats %+v, want 100 in a handshake and 900 refused", got)
		}
		if _, err := Dial(t.Context(), w.config(alice)); err == nil {
			t.Error("the limit does not count")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := w.server.Stats(); got.HalfOpen != 0 || got.Failed != 100 {
			t.Errorf("stats %+v, want all timed out", got)
		}
		ping(t, w.dial(w.config(alice)), "now there is room")
	})
}

func TestPerAddressLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.HalfOpenPerHost = 10 })
		for range 20 {
			w.connect()
			synctest.Wait()
		}
		if got := w.server.Stats(); got.HalfOpen != 10 || got.Busy != 10 {
			t.Errorf("stats %+v, want 10 in a handshake and 10 refused", got)
		}
	})
}

// TestSlowHandshakes wants every stranger out after the handshake timeout.
func TestSlowHandshakes(t *testing.T) {
	alice := newPerson(t)
	oneByOne := func(w io.Writer, b []byte) {
		for i := range b {
			if _, err := w.Write(b[i : i+1]); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(w *world)
		want time.Duration
	}{
		{"silence", func(w *world) { w.connect() }, 3 * time.Second},
		{"TLS octet by octet", func(w *world) { oneByOne(w.connect(), []byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}) }, 3 * time.Second},
		{"silence after TLS", func(w *world) { w.greet(w.config(alice)) }, 3 * time.Second},
		{"proof octet by octet", func(w *world) {
			g := w.greet(w.config(alice))
			oneByOne(g.conn.link, wire.AppendFrame(nil, wire.TypeAuth, 0, make([]byte, 500)))
		}, 3 * time.Second},
		{"certificate octet by octet", func(w *world) {
			p := newPerson(w.t)
			g := w.greet(w.config(p))
			time.Sleep(2 * time.Second)
			g.answer(w.t, wire.TypeAuth, sealAuth(w.t, p, w.id.Certificate, g.proofFor(p).bytes()))
			oneByOne(g.conn.link, wire.AppendHeader(nil, wire.TypeCert, 0, 30_000))
		}, 5 * time.Second},
		{"guest's answers are not read", func(w *world) {
			g := w.greet(w.config(alice))
			b := wire.AppendFrame(nil, wire.TypePick, 1, make([]byte, HandleSize))
			for range 10 {
				_, _ = g.conn.link.Write(b)
			}
		}, 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, alice)
				start := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					tt.do(w)
				}()
				synctest.Wait()
				for w.server.Stats().HalfOpen+w.server.Stats().GuestsNow > 0 {
					time.Sleep(10 * time.Millisecond)
				}
				if got := time.Since(start); got < tt.want || got > tt.want+10*time.Millisecond {
					t.Errorf("the server let go after %v, want %v", got, tt.want)
				}
				<-done
				synctest.Wait()
				if got := w.server.Stats(); got.Failed+got.Guests != 1 {
					t.Errorf("stats %+v, want one failure or guest", got)
				}
			})
		})
	}
}

func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "\x00", "ssh-2.0\n"} {
			nc := w.connect()
			_, _ = io.WriteString(nc, garbage)
			if _, err := io.Copy(io.Discard, nc); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Logf("%q: %v", garbage, err)
			}
		}
		synctest.Wait()
		if got := w.server.Stats(); got.Failed != 4 || got.HalfOpen != 0 {
			t.Errorf("stats %+v, want 4 failures", got)
		}
	})
}

func TestRegistrationRate(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits = Limits{HandshakeRate: 0.001, HandshakeBurst: 2 + registrationCost} })
	dial := func(p *person) error {
		cfg := w.config(p)
		cfg.Dialer = w.net.Dialer("192.0.2.7")
		c, err := Dial(t.Context(), cfg)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	if err := dial(newPerson(t)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, dial(newPerson(t)), omega.CodeRateLimited)
}
