package transport

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

func (w *world) guest() *Guest {
	w.t.Helper()
	g, err := DialGuest(w.t.Context(), DialConfig{Address: w.address(), Dialer: w.net.Dialer("guest")})
	if err != nil {
		w.t.Fatalf("DialGuest = %v", err)
	}
	w.t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestGuest(t *testing.T) {
	alice, bob := newPerson(t), newPerson(t)
	w := newWorld(t, nil, alice)
	g := w.guest()
	if s := g.Server(); s.Account != w.id.Account() || s.Certificate == nil {
		t.Errorf("server = %+v, want %v", s, w.id.Account())
	}
	e, err := g.Lookup(t.Context(), alice.Account())
	if err != nil || !bytes.Equal(e.Certificate, alice.Certificate.Bytes()) {
		t.Errorf("look up = %d octets, %v", len(e.Certificate), err)
	}
	_, err = g.Lookup(t.Context(), bob.Account())
	wantCode(t, err, omega.CodeNotFound)

	h, blob := Handle{1, 2, 3}, bytes.Repeat([]byte("b"), MaxBlob)
	_, err = g.Pick(t.Context(), h)
	wantCode(t, err, omega.CodeNotFound)
	if err := g.Drop(t.Context(), h, blob); err != nil {
		t.Fatal(err)
	}
	if err := g.Drop(t.Context(), h, blob); err != nil {
		t.Errorf("the same drop again = %v", err)
	}
	wantCode(t, g.Drop(t.Context(), h, []byte("other")), omega.CodeConflict)
	wantCode(t, g.Drop(t.Context(), h, make([]byte, MaxBlob+1)), omega.CodeTooLarge)
	if got, err := w.guest().Pick(t.Context(), h); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("another guest picks %d octets, %v", len(got), err)
	}
	if got := len(w.sessions); got != 0 {
		t.Errorf("%d sessions, want none", got)
	}
}

func TestGuestServers(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Servers = func(query []byte) ([]byte, error) {
			if len(query) > 0 {
				return nil, omega.Errorf(omega.CodeBadRequest, "question for servers")
			}
			return []byte("list"), nil
		}
	}, newPerson(t))
	g := w.guest()
	if list, err := g.Servers(t.Context(), nil); err != nil || string(list) != "list" {
		t.Errorf("servers = %q, %v", list, err)
	}
	_, err := g.Servers(t.Context(), []byte("x"))
	wantCode(t, err, omega.CodeBadRequest)
	_, err = g.Servers(t.Context(), nil) // the third time
	wantCode(t, err, omega.CodeRateLimited)

	_, err = newWorld(t, nil, newPerson(t)).guest().Servers(t.Context(), nil)
	wantCode(t, err, omega.CodeNotFound)
}

func TestGuestLimits(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, func(c *Config) { c.Limits.Guests = 3 }, alice)
	for _, tt := range []struct {
		name string
		ask  func(*Guest) error
		want int // how often
	}{
		{"look-ups", func(g *Guest) error { _, err := g.Lookup(t.Context(), alice.Account()); return err }, 8},
		{"picks", func(g *Guest) error { _, err := g.Pick(t.Context(), Handle{9}); return err }, 64},
		{"drops", func(g *Guest) error { return g.Drop(t.Context(), Handle{8}, nil) }, 8},
		{"a frame of no guest", func(g *Guest) error {
			_, err := g.ask(t.Context(), wire.TypeSend, wire.TypeSent, []byte("x"))
			return err
		}, 0},
		{"a proof after all", func(g *Guest) error {
			_, err := g.ask(t.Context(), wire.TypeAuth, wire.TypeWelcome, []byte("x"))
			return err
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := w.guest()
			defer g.Close()
			if _, err := g.Pick(t.Context(), Handle{7}); err == nil {
				t.Fatal("something was there")
			}
			want := tt.want
			if tt.name == "picks" {
				want--
			}
			for i := range want {
				if err := tt.ask(g); errors.Is(err, &omega.Error{Code: omega.CodeRateLimited}) {
					t.Fatalf("request %d of %d = %v", i+1, want, err)
				}
			}
			wantCode(t, tt.ask(g), omega.CodeRateLimited)
			if err := tt.ask(g); err == nil || errors.Is(err, &omega.Error{Code: omega.CodeRateLimited}) {
				t.Errorf("then = %v, want the end", err)
			}
		})
	}
}

func TestTooManyGuests(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Guests = 1 })
	first := w.guest()
	_, err := first.Pick(t.Context(), Handle{})
	wantCode(t, err, omega.CodeNotFound)
	_, err = w.guest().Pick(t.Context(), Handle{})
	wantCode(t, err, omega.CodeRateLimited)
	if got := w.server.Stats(); got.GuestsNow != 1 || got.HalfOpen != 0 {
		t.Errorf("stats %+v, want one guest and no handshake", got)
	}
}

// TestGuestsOfOneHost: one address does not take the places of all guests, and
// nothing of it stays when they have left.
func TestGuestsOfOneHost(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	g := NewGate(Limits{})
	host, other := addr("192.0.2.1:1"), addr("192.0.2.2:1")
	entered := 0
	for range g.limits.Guests {
		if g.enterGuest(host, now) {
			entered++
		}
	}
	if entered != 64 || !g.enterGuest(other, now) {
		t.Errorf("%d guests of one address, and then no other", entered)
	}
	for range entered {
		g.leaveGuest(host, now)
	}
	if !g.enterGuest(host, now) {
		t.Error("no guest after all have left")
	}
	g.leaveGuest(host, now)
	g.leaveGuest(other, now)
	if _, guests := g.counts(); guests != 0 || len(g.hosts) != 0 {
		t.Errorf("%d guests and %d addresses are left", guests, len(g.hosts))
	}
}

func TestGuestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		g := w.guest()
		start := time.Now()
		_, err := g.Pick(t.Context(), Handle{})
		wantCode(t, err, omega.CodeNotFound)
		_ = g.conn.link.SetReadDeadline(time.Time{})
		if _, err := g.conn.ReadFrame(); err == nil {
			t.Error("a frame that nobody asked for")
		}
		if got := time.Since(start); got != 5*time.Minute {
			t.Errorf("the guest stayed %v, want 5m", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.guest().Pick(ctx, Handle{}); !errors.Is(err, context.Canceled) {
			t.Errorf("pick = %v, want %v", err, context.Canceled)
		}
	})
}

func TestRendezvous(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := NewRendezvous(3*(10+blobCost), time.Minute, func() time.Time { return now })
	for i := range 3 {
		if err := r.Drop("", Handle{byte(i)}, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	wantCode(t, r.Drop("", Handle{3}, nil), omega.CodeRateLimited)
	now = now.Add(57 * time.Second) // a minute after the first
	if _, err := r.Pick(Handle{0}); err == nil {
		t.Error("a blob is there after its time")
	}
	if err := r.Drop("", Handle{3}, nil); err != nil {
		t.Errorf("drop when there is room = %v", err)
	}
	for _, i := range []byte{1, 2, 3} {
		if _, err := r.Pick(Handle{i}); err != nil {
			t.Errorf("pick %d = %v", i, err)
		}
	}
	now = now.Add(time.Hour)
	_, _ = r.Pick(Handle{})
	if r.size != 0 || len(r.blobs) != 0 || r.order.Len() != 0 {
		t.Errorf("%d octets, %d blobs, %d in order, want nothing", r.size, len(r.blobs), r.order.Len())
	}
}

// TestRendezvousShares: one who drops does not take the room of others, and gets
// its share back in time.
func TestRendezvousShares(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := NewRendezvous(1<<20, time.Minute, func() time.Time { return now })
	drop := func(from string, n int) (dropped int) {
		for i := range n {
			if r.Drop(from, Handle{byte(i), byte(i >> 8), from[0]}, make([]byte, 1<<10)) == nil {
				dropped++
			}
		}
		return dropped
	}
	share := 1 << 20 / dropShare / (1<<10 + blobCost)
	if got := drop("mallory", 2000); got != share {
		t.Errorf("%d blobs of one, want %d", got, share)
	}
	if got := drop("alice", 10); got != 10 {
		t.Errorf("%d of 10 blobs of another", got)
	}
	now = now.Add(2 * time.Minute)
	if got := drop("mallory", 1); got != 1 || len(r.of) != 1 {
		t.Errorf("later %d blob, %d who dropped are remembered", got, len(r.of))
	}
}
