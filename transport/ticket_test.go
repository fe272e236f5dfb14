package transport

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

func TestResume(t *testing.T) {
	alice := newPerson(t)
	for _, role := range []Role{RoleClient, RoleServer} {
		t.Run(role.String(), func(t *testing.T) {
			w := newWorld(t, nil, alice)
			cfg := w.config(alice)
			cfg.Role = role
			first := w.dial(cfg)
			<-w.sessions
			b, err := first.Ticket().MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			cfg.Ticket = new(Ticket)
			if err := cfg.Ticket.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				// Resuming must do without the device's key.
				cfg.Identity = &pgp.Identity{Certificate: alice.Certificate, Signer: publicOnly{alice.Signer}}
				c := w.dial(cfg)
				there := <-w.sessions
				ping(t, c, "back again")
				here, far := c.Peer(), there.Peer()
				if !here.Resumed || !far.Resumed || here.SessionID != far.SessionID || far.Device != alice.Device() || far.Role != role {
					t.Errorf("resumed as %+v and %+v", here, far)
				}
				if here.Certificate != nil || far.Certificate == nil {
					t.Error("certificates: want none at the client, one at the server")
				}
				cfg.Ticket = c.Ticket()
			}
			cfg.KnownServer = w.id.Certificate
			if got := w.dial(cfg).Peer().Certificate; got != w.id.Certificate {
				t.Errorf("certificate = %v, want the known one", got)
			}
		})
	}
}

// publicOnly is a signer that cannot sign.
type publicOnly struct{ pgp.Signer }

func TestStaleTicketFallsBack(t *testing.T) {
	alice := newPerson(t)
	for _, tt := range []struct {
		name  string
		stale func(t *testing.T, w *world, tk *Ticket)
	}{
		{"sealed by another server", func(t *testing.T, w *world, tk *Ticket) {
			other := newWorld(t, nil, alice)
			tk.sealed = other.dial(other.config(alice)).Ticket().sealed
		}},
		{"damaged", func(_ *testing.T, _ *world, tk *Ticket) { tk.sealed[40] ^= 1 }},
		{"another key id", func(_ *testing.T, _ *world, tk *Ticket) { tk.sealed[0] ^= 1 }},
		{"empty", func(_ *testing.T, _ *world, tk *Ticket) { tk.sealed = nil }},
		{"wrong secret", func(_ *testing.T, _ *world, tk *Ticket) { tk.secret[0]++ }},
		{"the device list moved", func(_ *testing.T, w *world, _ *Ticket) { w.directory.put(alice.Certificate) }},
		{"expired, says the client", func(_ *testing.T, _ *world, tk *Ticket) { tk.expires = time.Now().Add(-time.Second) }},
		{"another device", func(t *testing.T, _ *world, tk *Ticket) { tk.device = newPerson(t).Device() }},
		{"another account", func(t *testing.T, _ *world, tk *Ticket) { tk.account = newPerson(t).Account() }},
		{"of another server", func(t *testing.T, _ *world, tk *Ticket) { tk.server = newPerson(t).Account() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, alice)
			cfg := w.config(alice)
			stale := *w.dial(cfg).Ticket()
			stale.sealed = bytes.Clone(stale.sealed)
			tt.stale(t, w, &stale)
			cfg.Ticket = &stale
			c := w.dial(cfg)
			ping(t, c, "the whole handshake on the same connection")
			if c.Peer().Resumed {
				t.Error("resumed with a ticket that is void")
			}
			if c.Ticket() == nil || c.Ticket() == &stale {
				t.Error("want a new ticket")
			}
		})
	}
}

func TestTicketDiesWithDevice(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	cfg.Ticket = w.dial(cfg).Ticket()
	revoked := alice.revoked(t, alice.Device())
	w.directory.mu.Lock()
	w.directory.certs[alice.Account()] = revoked // under the same generation
	w.directory.mu.Unlock()
	_, err := Dial(t.Context(), cfg)
	wantCode(t, err, omega.CodeAuth)
}

// TestForgedResume goes on with a stolen sealed ticket, and with a recorded
// Resume of its owner.
func TestForgedResume(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	tk := w.dial(cfg).Ticket()
	honest := func(g *greeting) *resume {
		r := &resume{ticket: tk.sealed, maxVersion: 1, minVersion: 1, mode: ModeExporter, role: RoleClient}
		r.mac = r.sum(tk.secret, g.helloHash, g.bind)
		return r
	}
	first := w.greet(cfg)
	recorded := honest(first).bytes()
	if f := first.answer(t, wire.TypeResume, recorded); f.Type != wire.TypeWelcome {
		t.Fatalf("honest resume = type %d %q", f.Type, f.Body)
	}
	for _, tt := range []struct {
		name string
		make func(g *greeting) []byte
	}{
		{"recorded", func(*greeting) []byte { return recorded }},
		{"no secret", func(g *greeting) []byte {
			r := honest(g)
			r.mac = r.sum([32]byte{}, g.helloHash, g.bind)
			return r.bytes()
		}},
		{"another role", func(g *greeting) []byte {
			r := honest(g)
			r.role = RoleServer
			r.mac = r.sum(tk.secret, g.helloHash, g.bind)
			return r.bytes()
		}},
		{"another mode", func(g *greeting) []byte {
			r := honest(g)
			r.mode = ModeTerminated
			r.mac = r.sum(tk.secret, g.helloHash, g.bind)
			return r.bytes()
		}},
		{"versions changed on the way", func(g *greeting) []byte {
			r := honest(g)
			r.maxVersion = 2
			return r.bytes()
		}},
		{"no version in common", func(g *greeting) []byte {
			r := honest(g)
			r.minVersion, r.maxVersion = 8, 9
			r.mac = r.sum(tk.secret, g.helloHash, g.bind)
			return r.bytes()
		}},
		{"an ephemeral key over TLS", func(g *greeting) []byte {
			r := honest(g)
			r.ephemeral = make([]byte, 32)
			r.mac = r.sum(tk.secret, g.helloHash, g.bind)
			return r.bytes()
		}},
		{"cut", func(g *greeting) []byte { return honest(g).bytes()[:50] }},
		{"empty", func(*greeting) []byte { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := w.greet(cfg)
			wantRefusal(t, g, g.answer(t, wire.TypeResume, tt.make(g)), false)
			// The same connection still takes the whole proof.
			if err := g.checkHello(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestTicketKeys(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond).UTC()
	keys := &ticketKeys{rand: rand.Reader}
	p := newPerson(t)
	state := &ticketState{role: RoleClient, account: p.Account(), device: p.Device(), generation: 7, expires: now.Add(omega.MaxTicket)}
	sealed, err := keys.seal(state, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.open(sealed, now); err != nil || *got != *state {
		t.Errorf("open = %+v, %v, want %+v", got, err, state)
	}
	if bytes.Contains(sealed, p.Account().Digest()) {
		t.Error("the ticket shows whose it is")
	}
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 0x80
		if _, err := keys.open(forged, now); err == nil {
			t.Errorf("opened with octet %d changed", i)
		}
	}
	if _, err := keys.open(sealed, state.expires); err == nil {
		t.Error("opened when expired")
	}
	// A day later there is a new key, and the old ticket lives to its end.
	later := now.Add(omega.MaxTicket - time.Second)
	if _, err := keys.seal(state, now.Add(omega.MaxTicket)); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.open(sealed, later); err != nil {
		t.Errorf("open under the key of yesterday = %v", err)
	}
	state.expires = now.Add(10 * omega.MaxTicket)
	sealed, _ = keys.seal(state, now.Add(2*omega.MaxTicket))
	_, _ = keys.seal(state, now.Add(3*omega.MaxTicket))
	_, _ = keys.seal(state, now.Add(4*omega.MaxTicket))
	if _, err := keys.open(sealed, now); err == nil {
		t.Error("opened under a key of two days ago")
	}
}

func TestTicketHidesItself(t *testing.T) {
	tk := &Ticket{secret: [32]byte{0xAB, 0xAB, 0xAB}}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "ticket", tk)
	text := fmt.Sprintf("%v %+v %#v %v %#v %s", tk, tk, tk, *tk, *tk, b.String())
	if strings.Contains(text, "171") || strings.Contains(strings.ToLower(text), "ab, ab") || strings.Contains(text, "0xab") {
		t.Errorf("ticket shows itself: %s", text)
	}
	if _, err := (&Ticket{}).MarshalBinary(); err == nil {
		t.Error("an empty ticket was written")
	}
}

// TestServerSaysExpired has the server's clock run ahead of the client's.
func TestServerSaysExpired(t *testing.T) {
	alice := newPerson(t)
	var ahead atomic.Int64
	w := newWorld(t, func(c *Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}, alice)
	cfg := w.config(alice)
	cfg.Ticket = w.dial(cfg).Ticket()
	ahead.Store(int64(omega.MaxTicket - time.Minute))
	if !w.dial(cfg).Peer().Resumed {
		t.Error("not resumed within the ticket's life")
	}
	ahead.Store(int64(omega.MaxTicket + time.Minute))
	if w.dial(cfg).Peer().Resumed {
		t.Error("resumed after the ticket's end")
	}
}

// TestClockIsNamed has a client whose clock is ahead be told so by itself: the
// server does not say why it refuses.
func TestClockIsNamed(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	cfg.Clock = func() time.Time { return time.Now().Add(3 * time.Hour) }
	_, err := Dial(t.Context(), cfg)
	wantCode(t, err, omega.CodeAuth)
	if err == nil || !strings.Contains(err.Error(), "3h0m") {
		t.Errorf("error = %v, want it to name the difference of the clocks", err)
	}
}
