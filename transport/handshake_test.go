package transport

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

func TestHandshake(t *testing.T) {
	alice := newPerson(t)
	for _, tt := range []struct {
		name string
		role Role
	}{{"client", RoleClient}, {"server", RoleServer}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, alice)
			cfg := w.config(alice)
			cfg.Role = tt.role
			c := w.dial(cfg)
			there := <-w.sessions
			ping(t, c, "hello")
			ping(t, c, strings.Repeat("x", 100<<10))

			here, far := c.Peer(), there.Peer()
			if here.Account != w.id.Account() || here.Device != w.id.Device() || here.Certificate == nil {
				t.Errorf("client sees %v, want the server %v", here, w.id.Account())
			}
			if far.Account != alice.Account() || far.Device != alice.Device() || far.Certificate.Hash() != alice.Certificate.Hash() {
				t.Errorf("server sees %v, want %v", far, alice.Account())
			}
			if here.Role != tt.role || far.Role != tt.role || here.Mode != ModeExporter || here.Version != 1 || here.Resumed {
				t.Errorf("client's session %+v", here)
			}
			if here.SessionID != far.SessionID || here.SessionID == [16]byte{} {
				t.Errorf("session ids %x and %x, want the same", here.SessionID, far.SessionID)
			}
			if d := time.Since(here.Time); d < 0 || d > time.Minute {
				t.Errorf("server's time is %v ago", d)
			}
			there.ReleaseCertificate()
			if there.Peer().Certificate != nil {
				t.Error("certificate is still there")
			}
			if c.Ticket() == nil || c.Ticket().Server() != w.id.Account() {
				t.Errorf("ticket = %v, want one of the server", c.Ticket())
			}
		})
	}
}

func TestFirstMeeting(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	cfg.Address.Fingerprint = omega.Fingerprint{}
	if got := w.dial(cfg).Peer().Account; got != w.id.Account() {
		t.Errorf("met %v, want %v", got, w.id.Account())
	}
}

func TestRegistration(t *testing.T) {
	alice := newPerson(t)
	t.Run("a stranger", func(t *testing.T) {
		w := newWorld(t, nil)
		ping(t, w.dial(w.config(alice)), "new here")
		got := w.directory.registered
		if len(got) != 1 || got[0].Role != RoleClient || string(got[0].Record) != "record" || got[0].Certificate.Fingerprint() != alice.Account() {
			t.Fatalf("registered %+v", got)
		}
		w.dial(w.config(alice))
		<-w.sessions
		<-w.sessions
		if got := w.server.Stats(); got.Registered != 1 || got.Accepted != 2 {
			t.Errorf("stats %+v, want 1 registration of 2 sessions", got)
		}
	})
	t.Run("with an invite", func(t *testing.T) {
		w := newWorld(t, nil)
		cfg := w.config(alice)
		cfg.Invite = &omega.Invite{1, 2, 3}
		w.dial(cfg)
		if got := w.directory.registered; len(got) != 1 || got[0].Invite == nil || *got[0].Invite != *cfg.Invite || string(got[0].Record) != "record" {
			t.Errorf("registered %+v, want one with the invite", got)
		}
	})
	t.Run("a new device", func(t *testing.T) {
		w := newWorld(t, nil, alice)
		phone := alice.device(t)
		w.dial(w.config(phone))
		w.dial(w.config(alice))
		if got := len(w.directory.certs[alice.Account()].Devices()); got != 2 {
			t.Errorf("%d devices known, want 2", got)
		}
	})
	t.Run("a server", func(t *testing.T) {
		w := newWorld(t, nil)
		cfg := w.config(alice)
		cfg.Role = RoleServer
		w.dial(cfg)
		if got := w.directory.registered; len(got) != 1 || got[0].Role != RoleServer {
			t.Errorf("registered %+v, want one server", got)
		}
	})
	t.Run("without a certificate", func(t *testing.T) {
		w := newWorld(t, nil)
		cfg := w.config(alice)
		cfg.Register = nil
		_, err := Dial(t.Context(), cfg)
		wantCode(t, err, omega.CodeNeedCert)
	})
	t.Run("closed", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Register = nil })
		_, err := Dial(t.Context(), w.config(alice))
		wantCode(t, err, omega.CodeRefused)
	})
	t.Run("the hook's own code", func(t *testing.T) {
		w := newWorld(t, func(c *Config) {
			c.Register = func(context.Context, Registration) (*pgp.Certificate, uint64, error) {
				return nil, 0, omega.Errorf(omega.CodeConflict, "a newer record stands")
			}
		})
		_, err := Dial(t.Context(), w.config(alice))
		wantCode(t, err, omega.CodeConflict)
	})
	t.Run("the hook breaks", func(t *testing.T) {
		w := newWorld(t, func(c *Config) {
			c.Register = func(context.Context, Registration) (*pgp.Certificate, uint64, error) {
				return nil, 0, errors.New("disk on fire")
			}
		})
		_, err := Dial(t.Context(), w.config(alice))
		wantCode(t, err, omega.CodeInternal)
		if strings.Contains(err.Error(), "fire") {
			t.Errorf("the client was told %v", err)
		}
	})
	t.Run("revoked elsewhere", func(t *testing.T) {
		w := newWorld(t, nil)
		w.directory.put(alice.revoked(t, alice.Device()))
		_, err := Dial(t.Context(), w.config(alice))
		wantCode(t, err, omega.CodeAuth)
	})
	t.Run("another's certificate", func(t *testing.T) {
		w, bob := newWorld(t, nil), newPerson(t)
		cfg := w.config(alice)
		cfg.Register = w.config(bob).Register
		_, err := Dial(t.Context(), cfg)
		wantCode(t, err, omega.CodeAuth)
		if len(w.directory.registered) != 0 {
			t.Error("somebody was registered")
		}
	})
}

func TestFindFails(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	w.directory.fails = omega.Errorf(omega.CodeDiskFull, "secret detail")
	_, err := Dial(t.Context(), w.config(alice))
	wantCode(t, err, omega.CodeInternal)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the client was told %v", err)
	}
}

func TestDialConfigChecks(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	ok := w.config(alice)
	for _, tt := range []struct {
		name   string
		change func(*DialConfig)
	}{
		{"no identity", func(c *DialConfig) { c.Identity = nil }},
		{"no network", func(c *DialConfig) { c.Address.Network = "" }},
		{"nobody listens", func(c *DialConfig) { c.Address.HostPort = "server:1" }},
		{"a server on a WebSocket", func(c *DialConfig) { c.Address.Network, c.Role = NetworkWS, RoleServer }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := ok
			tt.change(&cfg)
			if c, err := Dial(t.Context(), cfg); err == nil {
				_ = c.Close()
				t.Error("Dial succeeded")
			}
		})
	}
	if _, err := NewServer(Config{}); err == nil {
		t.Error("NewServer without anything succeeded")
	}
}

func TestDialEndsWithContext(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	ln, err := w.net.Listen("silent:1")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := ln.Accept()
		if err == nil {
			defer c.Close()
		}
		cancel()
		<-t.Context().Done()
	}()
	cfg := w.config(alice)
	cfg.Address.HostPort = "silent:1"
	if _, err := Dial(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v, want %v", err, context.Canceled)
	}
}

func TestServeEndsSessions(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	c := w.dial(w.config(alice))
	there := <-w.sessions
	_ = there.SendFrame(wire.TypeBye, 0, wire.AppendStatus(nil, omega.CodeShutdown, "draining"))
	there.CloseAfterFlush()
	f, err := c.ReadFrame()
	if err != nil || f.Type != wire.TypeBye {
		t.Fatalf("read = %+v, %v, want Bye", f, err)
	}
	if err := there.SendFrame(wire.TypeBye, 0, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("send after the end = %v, want %v", err, ErrClosed)
	}
	if _, err := c.ReadFrame(); err == nil {
		t.Error("a frame after Bye")
	}
}
