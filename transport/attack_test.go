package transport

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// greet connects as far as the hello, without checking or proving anything.
func (w *world) greet(cfg DialConfig) *greeting {
	w.t.Helper()
	cfg = cfg.withDefaults()
	g := &greeting{cfg: &cfg, transcript: newTranscript()}
	if err := g.connect(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = g.conn.Close() })
	if err := g.readHello(); err != nil {
		w.t.Fatal(err)
	}
	return g
}

// proofFor is what an honest client would prove on this connection.
func (g *greeting) proofFor(p *person) *proofText {
	text := &proofText{
		serverNonce: g.hello.nonce, hello: g.helloHash, maxVersion: MaxVersion, minVersion: MinVersion,
		mode: g.bind.mode, role: g.cfg.Role, account: p.Account(), device: p.Device(), server: g.hello.server,
		channel: g.bind.channel(),
	}
	_, _ = rand.Read(text.clientNonce[:])
	return text
}

// sealAuth makes the body of an Auth for server out of a plaintext.
func sealAuth(t testing.TB, p *person, server *pgp.Certificate, plaintext []byte) []byte {
	t.Helper()
	proof, err := pgp.SealProof(t.Context(), rand.Reader, p.Signer, server.Devices()[0].Encryption, plaintext, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return (&auth{account: p.Account(), device: p.Device(), proof: proof}).bytes()
}

// answer sends one frame and returns the server's answer to it.
func (g *greeting) answer(t testing.TB, typ wire.Type, body []byte) wire.Frame {
	t.Helper()
	if err := g.conn.writeNow(typ, 0, body); err != nil {
		t.Fatal(err)
	}
	f, err := g.conn.ReadFrame()
	if err != nil {
		t.Fatalf("read the answer = %v", err)
	}
	return f
}

// refusal is the one answer to everything.
var refusal = wire.AppendStatus(nil, omega.CodeAuth, "authentication failed")

// wantRefusal wants the one answer, and then the end if closes is set.
func wantRefusal(t testing.TB, g *greeting, f wire.Frame, closes bool) {
	t.Helper()
	if f.Type != wire.TypeError || f.Tag != 0 || !bytes.Equal(f.Body, refusal) {
		t.Errorf("answer = type %d %q, want the one refusal", f.Type, f.Body)
	}
	if closes {
		if f, err := g.conn.ReadFrame(); err == nil {
			t.Errorf("then a frame of type %d, want the end", f.Type)
		}
	}
}

func TestReplayIsRefused(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	first := w.greet(cfg)
	recorded := sealAuth(t, alice, w.id.Certificate, first.proofFor(alice).bytes())
	if f := first.answer(t, wire.TypeAuth, recorded); f.Type != wire.TypeWelcome {
		t.Fatalf("the first use = type %d %q, want Welcome", f.Type, f.Body)
	}
	second := w.greet(cfg)
	wantRefusal(t, second, second.answer(t, wire.TypeAuth, recorded), true)
}

func TestWrongProofIsRefused(t *testing.T) {
	alice, mallory := newPerson(t), newPerson(t)
	w := newWorld(t, nil, alice, mallory)
	for _, tt := range []struct {
		name   string
		change func(*proofText)
	}{
		{"server nonce", func(p *proofText) { p.serverNonce[31]++ }},
		{"hello", func(p *proofText) { p.hello[0]++ }},
		{"mode", func(p *proofText) { p.mode = ModeTerminated }},
		{"role", func(p *proofText) { p.role = RoleServer }},
		{"account", func(p *proofText) { p.account = mallory.Account() }},
		{"device", func(p *proofText) { p.device = mallory.Device() }},
		{"server", func(p *proofText) { p.server = mallory.Account() }},
		{"session", func(p *proofText) { p.channel[5]++ }},
		{"no versions", func(p *proofText) { p.minVersion, p.maxVersion = 0, 0 }},
		{"versions upside down", func(p *proofText) { p.minVersion, p.maxVersion = 2, 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := w.greet(w.config(alice))
			p := g.proofFor(alice)
			tt.change(p)
			wantRefusal(t, g, g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, p.bytes())), true)
		})
	}
	for _, tt := range []struct {
		name string
		make func(g *greeting) []byte
	}{
		{"magic word", func(g *greeting) []byte {
			b := g.proofFor(alice).bytes()
			b[0]++
			return sealAuth(t, alice, w.id.Certificate, b)
		}},
		{"signed by another", func(g *greeting) []byte {
			// Mallory opened nothing: he signs Alice's inner message himself.
			b := sealAuth(t, mallory, w.id.Certificate, g.proofFor(alice).bytes())
			a, _ := decodeAuth(b)
			a.account, a.device = alice.Account(), alice.Device()
			return a.bytes()
		}},
		{"taken over by another", func(g *greeting) []byte {
			return sealAuth(t, mallory, w.id.Certificate, g.proofFor(alice).bytes())
		}},
		{"encrypted to another", func(g *greeting) []byte {
			return sealAuth(t, alice, mallory.Certificate, g.proofFor(alice).bytes())
		}},
		{"garbage", func(g *greeting) []byte {
			return (&auth{alice.Account(), alice.Device(), []byte("garbage")}).bytes()
		}},
		{"no fingerprint", func(*greeting) []byte { return []byte{9, 9, 9} }},
		{"nothing", func(*greeting) []byte { return nil }},
		{"too long", func(g *greeting) []byte {
			return append(sealAuth(t, alice, w.id.Certificate, g.proofFor(alice).bytes()), make([]byte, 2<<10)...)
		}},
		{"longer than it may be", func(g *greeting) []byte {
			return append(sealAuth(t, alice, w.id.Certificate, g.proofFor(alice).bytes()), 0)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := w.greet(w.config(alice))
			wantRefusal(t, g, g.answer(t, wire.TypeAuth, tt.make(g)), true)
		})
	}
}

func TestNoCommonVersion(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	g := w.greet(w.config(alice))
	p := g.proofFor(alice)
	p.minVersion, p.maxVersion = 200, 201
	f := g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, p.bytes()))
	wantCode(t, wire.DecodeStatus(f.Body), omega.CodeVersion)
}

func TestUnknownDevicesLookAlike(t *testing.T) {
	alice, bob, carol := newPerson(t), newPerson(t), newPerson(t)
	old := carol
	carol = carol.device(t)
	w := newWorld(t, nil, alice)
	w.directory.put(carol.revoked(t, old.Device()))
	var answers [][]byte
	for _, p := range []*person{bob, alice.device(t), old} {
		g := w.greet(w.config(p))
		f := g.answer(t, wire.TypeAuth, sealAuth(t, p, w.id.Certificate, g.proofFor(p).bytes()))
		if f.Type != wire.TypeError {
			t.Fatalf("answer = type %d, want Error", f.Type)
		}
		answers = append(answers, bytes.Clone(f.Body))
	}
	wantCode(t, wire.DecodeStatus(answers[0]), omega.CodeNeedCert)
	for _, a := range answers[1:] {
		if !bytes.Equal(a, answers[0]) {
			t.Errorf("answers %q and %q, want the same", a, answers[0])
		}
	}
}

func TestWrongOrderIsRefused(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	for _, tt := range []struct {
		name string
		typ  wire.Type
		body []byte
	}{
		{"a session's frame first", wire.TypeSend, []byte("x")},
		{"a certificate first", wire.TypeCert, wire.AppendEntry(nil, &wire.Entry{Certificate: alice.Certificate.Bytes()})},
		{"a welcome", wire.TypeWelcome, make([]byte, 64)},
		{"an unknown type", 200, nil},
		{"a frame over the size", wire.TypeAuth, make([]byte, maxFirst)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := w.greet(w.config(alice))
			wantRefusal(t, g, g.answer(t, tt.typ, tt.body), true)
		})
	}
	t.Run("two proofs", func(t *testing.T) {
		g := w.greet(w.config(alice))
		p := g.proofFor(alice)
		bad := *p
		bad.role = RoleServer
		wantRefusal(t, g, g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, bad.bytes())), false)
		_ = g.conn.writeNow(wire.TypeAuth, 0, sealAuth(t, alice, w.id.Certificate, p.bytes()))
		if f, err := g.conn.ReadFrame(); err == nil {
			t.Errorf("the second proof was answered with type %d", f.Type)
		}
	})
	t.Run("two tickets", func(t *testing.T) {
		g := w.greet(w.config(alice))
		body := (&resume{ticket: make([]byte, 100), maxVersion: 1, minVersion: 1, mode: 1, role: 1}).bytes()
		wantRefusal(t, g, g.answer(t, wire.TypeResume, body), false)
		wantRefusal(t, g, g.answer(t, wire.TypeResume, body), true)
	})
	t.Run("a proof in a session", func(t *testing.T) {
		c := w.dial(w.config(alice))
		there := <-w.sessions
		before := there.Peer()
		_ = c.SendFrame(wire.TypeAuth, 0, []byte("again"))
		ping(t, c, "still the same")
		if there.Peer() != before {
			t.Error("the session changed")
		}
	})
}

// between accepts from ln with a TLS key of its own and passes everything on
// to the server and back.
func (w *world) between(t *testing.T, ln net.Listener) {
	leaf, err := newLeaf(rand.Reader, time.Now())
	if err != nil {
		t.Error(err)
		return
	}
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		here := tls.Server(nc, serverTLS(leaf))
		far, err := w.net.Dialer("between")(t.Context(), "tcp", "server:443")
		if err != nil {
			t.Error(err)
			return
		}
		there := tls.Client(far, clientTLS(ALPNClient, ""))
		go func() {
			defer there.Close()
			_, _ = io.Copy(there, here)
		}()
		_, _ = io.Copy(here, there)
		here.Close()
	}
}

func TestManInTheMiddle(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	ln, err := w.net.Listen("between:443")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.between(t, ln)
	}()
	cfg := w.config(alice)
	cfg.Address.HostPort = "between:443"
	if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) || !errors.Is(err, pgp.ErrSignature) {
		t.Errorf("Dial through somebody = %v, want %v", err, ErrServer)
	}
	if _, err := DialGuest(t.Context(), cfg); !errors.Is(err, ErrServer) {
		t.Errorf("DialGuest through somebody = %v, want %v", err, ErrServer)
	}
	honest := w.config(alice)
	cfg.Ticket = w.dial(honest).Ticket()
	if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) {
		t.Errorf("Dial with a ticket through somebody = %v, want %v", err, ErrServer)
	}
	ln.Close()
	<-done
}

// TestProofForAnotherServer has a server that the client trusts use the
// client's proof at another one.
func TestProofForAnotherServer(t *testing.T) {
	alice, evil := newPerson(t), newPerson(t)
	w := newWorld(t, nil, alice)
	g := w.greet(w.config(alice))
	p := g.proofFor(alice) // the nonce of the victim, passed on by the evil server
	p.server = evil.Account()
	toEvil := sealAuth(t, alice, evil.Certificate, p.bytes())
	wantRefusal(t, g, g.answer(t, wire.TypeAuth, toEvil), true)
}

// fake answers one dial with a hello that change has altered before (sign) or
// after it was signed.
func (w *world) fake(t *testing.T, sign bool, change func(*serverHello)) Address {
	t.Helper()
	ln, err := w.net.Listen("fake:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		h, err := w.server.acceptTLS(nc, w.server.tls, nil)
		if err != nil {
			return
		}
		hello, err := w.server.newHello(t.Context(), h.bind)
		if err != nil {
			t.Error(err)
			return
		}
		change(hello)
		if sign {
			hello.sig, _ = pgp.SignCompact(t.Context(), w.id.Signer, hello.signed(h.bind), hello.time)
		}
		_ = h.conn.writeNow(wire.TypeServerHello, 0, hello.bytes())
		_, _ = io.Copy(io.Discard, h.conn.link)
	}()
	a := w.address()
	a.HostPort = ln.Addr().String()
	return a
}

func TestChangedHelloIsRefused(t *testing.T) {
	alice, mallory := newPerson(t), newPerson(t)
	w := newWorld(t, nil, alice)
	for _, tt := range []struct {
		name   string
		sign   bool
		change func(*serverHello)
		want   error
	}{
		{"higher version", false, func(h *serverHello) { h.maxVersion = 2 }, ErrServer},
		{"another mode offered", false, func(h *serverHello) { h.modes |= uint8(ModeTerminated) }, ErrServer},
		{"nonce", false, func(h *serverHello) { h.nonce[0]++ }, ErrServer},
		{"time", false, func(h *serverHello) { h.time = h.time.Add(time.Second) }, ErrServer},
		{"signature", false, func(h *serverHello) { h.sig[10]++ }, ErrServer},
		{"the mode is not offered", true, func(h *serverHello) { h.modes = uint8(ModeTerminated) }, ErrServer},
		{"another server", true, func(h *serverHello) { h.server = mallory.Account() }, ErrServer},
		{"another's certificate", true, func(h *serverHello) { h.certificate = mallory.Certificate.Bytes() }, ErrServer},
		{"another's key", true, func(h *serverHello) { h.device = mallory.Device() }, ErrServer},
		{"no certificate", true, func(h *serverHello) { h.certificate = []byte("none") }, ErrServer},
		{"an ephemeral key over TLS", true, func(h *serverHello) { h.ephemeral = make([]byte, 32) }, ErrMalformed},
		{"no version in common", true, func(h *serverHello) { h.minVersion, h.maxVersion = 7, 8 }, &omega.Error{Code: omega.CodeVersion}},
		{"versions upside down", true, func(h *serverHello) { h.minVersion, h.maxVersion = 3, 1 }, ErrMalformed},
		{"stale device", true, func(h *serverHello) {
			h.certificate = w.id.revoked(t, w.id.Device()).Bytes()
		}, ErrServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := w.config(alice)
			cfg.Address = w.fake(t, tt.sign, tt.change)
			if _, err := Dial(t.Context(), cfg); !errors.Is(err, tt.want) {
				t.Errorf("Dial = %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("a revocation once seen", func(t *testing.T) {
		cfg := w.config(alice)
		cfg.KnownServer = w.id.revoked(t, w.id.Device())
		if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) {
			t.Errorf("Dial = %v, want %v", err, ErrServer)
		}
	})
	t.Run("the wrong pin", func(t *testing.T) {
		cfg := w.config(alice)
		cfg.Address.Fingerprint = mallory.Account()
		if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) {
			t.Errorf("Dial = %v, want %v", err, ErrServer)
		}
	})
}

// TestFalseWelcome has somebody who holds the server's signing key, but not
// its encryption key, go through with the handshake.
func TestFalseWelcome(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	ln, err := w.net.Listen("fake:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		h, err := w.server.acceptTLS(nc, w.server.tls, nil)
		if err != nil || h.sendHello(t.Context()) != nil {
			return
		}
		if _, err := h.read(maxFirst); err != nil {
			return
		}
		_ = h.conn.writeNow(wire.TypeWelcome, 0, (&welcome{version: 1, expires: time.Now()}).bytes())
		_, _ = io.Copy(io.Discard, h.conn.link)
	}()
	cfg := w.config(alice)
	cfg.Address.HostPort = ln.Addr().String()
	if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) {
		t.Errorf("Dial = %v, want %v", err, ErrServer)
	}
}

func TestRoleMustFitALPN(t *testing.T) {
	alice := newPerson(t)
	w := newWorld(t, nil, alice)
	cfg := w.config(alice)
	cfg.Role = RoleServer
	g := w.greet(cfg)
	p := g.proofFor(alice)
	p.role = RoleClient
	wantRefusal(t, g, g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, p.bytes())), true)

	g = w.greet(cfg)
	wantRefusal(t, g, g.answer(t, wire.TypeLookup, alice.Account().Wire()), true)

	nc, err := w.net.Dialer("client")(t.Context(), "tcp", "server:443")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	_ = tc.Handshake()
	if _, err := tc.Read(make([]byte, 1)); err == nil {
		t.Error("a client without ALPN got an answer")
	}
	old, err := w.net.Dialer("client")(t.Context(), "tcp", "server:443")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	c := clientTLS(ALPNClient, "")
	c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if err := tls.Client(old, c).Handshake(); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}
