//go:build !js

package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// serveHTTP has the server of w answer WebSockets at web:80.
func (w *world) serveHTTP() {
	w.t.Helper()
	ln, err := w.net.Listen("web:80")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sessions sync.WaitGroup
	h := &http.Server{BaseContext: func(net.Listener) context.Context { return ctx }, Handler: w.handler(&sessions)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(ln)
	}()
	w.t.Cleanup(func() {
		cancel()
		_ = h.Close()
		sessions.Wait()
		<-done
	})
}

func (w *world) handler(sessions *sync.WaitGroup) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		sessions.Add(1)
		defer sessions.Done()
		c, err := w.server.ServeWebSocket(rw, r)
		if err != nil {
			_, _ = w.logs.Write([]byte(err.Error() + "\n"))
			return
		}
		defer c.Close()
		w.hold(r.Context(), c)
	})
}

// wsConfig is how p dials the server of w over a WebSocket.
func (w *world) wsConfig(p *person) DialConfig {
	cfg := w.config(p)
	cfg.Address = Address{Network: NetworkWS, HostPort: "web:80", Path: WebSocketPath, Fingerprint: w.id.Account()}
	return cfg
}

func newWebWorld(t testing.TB, people ...*person) *world {
	t.Helper()
	w := newWorld(t, func(c *Config) { c.Terminated, c.ClientQueue = true, 1<<20 }, people...)
	w.serveHTTP()
	return w
}

func TestWebSocket(t *testing.T) {
	alice, bob := newPerson(t), newPerson(t)
	w := newWebWorld(t, alice)
	cfg := w.wsConfig(alice)
	c := w.dial(cfg)
	there := <-w.sessions
	ping(t, c, "hello")
	ping(t, c, "")
	ping(t, c, strings.Repeat("x", omega.MaxFrame-wire.HeaderSize))
	if p := c.Peer(); p.Mode != ModeTerminated || p.Account != w.id.Account() || p.SessionID != there.Peer().SessionID {
		t.Errorf("session %+v", p)
	}
	cfg.Ticket = c.Ticket()
	again := w.dial(cfg)
	if <-w.sessions; !again.Peer().Resumed {
		t.Error("not resumed")
	}
	ping(t, again, "resumed")

	// A ticket of one mode is good in the other: it is the same device.
	tls := w.config(alice)
	tls.Ticket = c.Ticket()
	if c := w.dial(tls); !c.Peer().Resumed || c.Peer().Mode != ModeExporter {
		t.Errorf("session %+v, want a resumed one over TLS", c.Peer())
	}
	ping(t, w.dial(w.wsConfig(bob)), "registered")

	cfg = w.wsConfig(alice)
	stale := *c.Ticket()
	stale.secret[0]++
	cfg.Ticket = &stale
	ping(t, w.dial(cfg), "fell back")
}

// TestWebSocketManyFrames has each side send more than fits a record.
func TestWebSocketManyFrames(t *testing.T) {
	alice := newPerson(t)
	w := newWebWorld(t, alice)
	cfg := w.wsConfig(alice)
	cfg.MaxQueue = 1 << 20
	c := w.dial(cfg)
	<-w.sessions
	const n = 200
	body := bytes.Repeat([]byte("y"), 3000)
	var all []byte
	for i := range n {
		all = wire.AppendFrame(all, wire.TypePing, uint32(i), body)
	}
	if err := c.Send(all); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		f, err := c.ReadFrame()
		if err != nil || f.Tag != uint32(i) || !bytes.Equal(f.Body, body) {
			t.Fatalf("frame %d = tag %d, %d octets, %v", i, f.Tag, len(f.Body), err)
		}
	}
}

func TestWebSocketGuest(t *testing.T) {
	alice := newPerson(t)
	w := newWebWorld(t, alice)
	g, err := DialGuest(t.Context(), w.wsConfig(alice))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if e, err := g.Lookup(t.Context(), alice.Account()); err != nil || len(e.Certificate) == 0 {
		t.Errorf("look up = %d octets, %v", len(e.Certificate), err)
	}
}

// TestWebSocketIsNoDowngrade wants a server that does not offer the mode to
// have no part in it, and one that does to keep both apart.
func TestWebSocketIsNoDowngrade(t *testing.T) {
	alice := newPerson(t)
	t.Run("not offered", func(t *testing.T) {
		w := newWorld(t, nil, alice)
		w.serveHTTP()
		if _, err := Dial(t.Context(), w.wsConfig(alice)); err == nil {
			t.Error("a WebSocket was accepted")
		}
	})
	t.Run("hello of the other mode", func(t *testing.T) {
		// Somebody between takes what the server says over TLS to a WebSocket.
		w := newWebWorld(t, alice)
		hello := w.greet(w.config(alice)).hello
		bind, err := terminatedBinding(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		hello.ephemeral = bind.ephemeral.PublicKey().Bytes()
		if _, _, err := hello.check(bind, nil, time.Now()); err == nil {
			t.Error("a hello of a TLS session is good on a WebSocket")
		}
	})
	t.Run("hello not offering it", func(t *testing.T) {
		w := newWebWorld(t, alice)
		cfg := w.wsConfig(alice)
		cfg.Address.HostPort = w.webFake(t, func(h *serverHello) { h.modes = uint8(ModeExporter) })
		if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrServer) {
			t.Errorf("Dial = %v, want %v", err, ErrServer)
		}
	})
	t.Run("hello without a key", func(t *testing.T) {
		w := newWebWorld(t, alice)
		cfg := w.wsConfig(alice)
		cfg.Address.HostPort = w.webFake(t, func(h *serverHello) { h.ephemeral = nil })
		if _, err := Dial(t.Context(), cfg); !errors.Is(err, ErrMalformed) {
			t.Errorf("Dial = %v, want %v", err, ErrMalformed)
		}
	})
	t.Run("proof of the other mode", func(t *testing.T) {
		w := newWebWorld(t, alice)
		g := w.greet(w.wsConfig(alice))
		p := g.proofFor(alice)
		p.mode = ModeExporter
		wantRefusal(t, g, g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, p.bytes())), true)
	})
	t.Run("no key in the proof", func(t *testing.T) {
		w := newWebWorld(t, alice)
		g := w.greet(w.wsConfig(alice))
		p := g.proofFor(alice)
		p.channel = [32]byte{}
		wantRefusal(t, g, g.answer(t, wire.TypeAuth, sealAuth(t, alice, w.id.Certificate, p.bytes())), true)
	})
	t.Run("frames that nobody sealed", func(t *testing.T) {
		w := newWebWorld(t, alice)
		g := w.greet(w.wsConfig(alice))
		b := wire.AppendFrame(nil, wire.TypeAuth, 0, sealAuth(t, alice, w.id.Certificate, g.proofFor(alice).bytes()))
		b = wire.AppendFrame(b, wire.TypePing, 1, []byte("in the clear"))
		ws := g.conn.link.(*wsLink)
		if err := ws.ws.Write(t.Context(), websocket.MessageBinary, b); err != nil {
			t.Fatal(err)
		}
		for {
			f, err := g.conn.ReadFrame()
			if err != nil {
				break
			}
			if f.Type == wire.TypePong {
				t.Fatal("an unsealed frame was answered")
			}
		}
	})
}

// webFake serves WebSockets whose signed hello change has altered.
func (w *world) webFake(t *testing.T, change func(*serverHello)) (hostPort string) {
	t.Helper()
	ln, err := w.net.Listen("webfake:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h, err := w.server.acceptWS(&upgrade{ResponseWriter: rw}, r, requestAddr(""))
		if err != nil {
			return
		}
		defer h.conn.Close()
		hello, err := w.server.newHello(r.Context(), h.bind)
		if err != nil {
			return
		}
		change(hello)
		hello.sig, _ = pgp.SignCompact(r.Context(), w.id.Signer, hello.signed(h.bind), hello.time)
		_ = h.conn.writeNow(wire.TypeServerHello, 0, hello.bytes())
		_, _ = h.conn.ReadFrame()
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = h.Close()
		<-done
	})
	return ln.Addr().String()
}

// TestWebSocketRecords has the client send other than what it should.
func TestWebSocketRecords(t *testing.T) {
	alice := newPerson(t)
	frame := wire.AppendFrame(nil, wire.TypePing, 1, []byte("body"))
	for _, tt := range []struct {
		name string
		send func(t *testing.T, l *wsLink) error
	}{
		{"in the clear", func(t *testing.T, l *wsLink) error {
			return l.ws.Write(t.Context(), websocket.MessageBinary, frame)
		}},
		{"changed", func(t *testing.T, l *wsLink) error {
			b, _ := l.send.seal(nil, frame)
			b[3] ^= 1
			return l.ws.Write(t.Context(), websocket.MessageBinary, b)
		}},
		{"one was lost", func(t *testing.T, l *wsLink) error {
			_, _ = l.send.seal(nil, frame)
			return l.writeMessage(frame)
		}},
		{"repeated", func(t *testing.T, l *wsLink) error {
			b, _ := l.send.seal(nil, wire.AppendFrame(nil, wire.TypeDone, 0, nil))
			_ = l.ws.Write(t.Context(), websocket.MessageBinary, b)
			return l.ws.Write(t.Context(), websocket.MessageBinary, b)
		}},
		{"empty", func(t *testing.T, l *wsLink) error { return l.writeMessage(nil) }},
		{"nothing", func(t *testing.T, l *wsLink) error {
			return l.ws.Write(t.Context(), websocket.MessageBinary, nil)
		}},
		{"text", func(t *testing.T, l *wsLink) error { return l.ws.Write(t.Context(), websocket.MessageText, frame) }},
		{"too long", func(t *testing.T, l *wsLink) error {
			b, _ := l.send.seal(nil, make([]byte, 2*omega.MaxFrame))
			return l.ws.Write(t.Context(), websocket.MessageBinary, b)
		}},
		{"a frame over the size", func(t *testing.T, l *wsLink) error {
			return l.writeMessage(wire.AppendHeader(nil, wire.TypePing, 1, omega.MaxFrame))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWebWorld(t, alice)
			c := w.dial(w.wsConfig(alice))
			if err := tt.send(t, c.link.(*wsLink)); err != nil {
				t.Logf("send = %v", err)
			}
			if f, err := c.ReadFrame(); err == nil {
				t.Errorf("the server answered with type %d", f.Type)
			}
		})
	}
}

// TestWebSocketShowsNothing looks for a text in everything on the wire.
func TestWebSocketShowsNothing(t *testing.T) {
	alice := newPerson(t)
	w := newWebWorld(t, alice)
	cfg := w.wsConfig(alice)
	seen := &logBuffer{}
	dial := cfg.Dialer
	cfg.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return &tap{c, seen}, err
	}
	c := w.dial(cfg)
	ping(t, c, "canary in a mine")
	if got := seen.String(); strings.Contains(got, "canary") || len(got) < 1000 {
		t.Errorf("%d octets on the wire, the text among them: %v", len(got), strings.Contains(got, "canary"))
	}
}

// A tap writes down what is read.
type tap struct {
	net.Conn
	to io.Writer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	_, _ = t.to.Write(p[:n])
	return n, err
}

func TestWebSocketRefusals(t *testing.T) {
	w := newWebWorld(t)
	client := &http.Client{Transport: &http.Transport{DialContext: w.net.Dialer("client"), DisableKeepAlives: true}}
	resp, err := client.Get("http://web:80" + WebSocketPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain request = %s, want 426", resp.Status)
	}
	ws, _, err := websocket.Dial(t.Context(), "ws://web:80"+WebSocketPath, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); err == nil {
		t.Error("without the subprotocol there is an answer")
	}
	_ = ws.CloseNow()

	other := &http.Client{Transport: client.Transport}
	ws, _, err = websocket.Dial(t.Context(), "ws://web:80"+WebSocketPath, &websocket.DialOptions{
		HTTPClient: other, Subprotocols: []string{Subprotocol}, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}},
	})
	if err != nil {
		t.Fatalf("from a page of another origin = %v", err)
	}
	_ = ws.CloseNow()
	for w.server.Stats().HalfOpen > 0 {
		time.Sleep(time.Millisecond)
	}
	w.server.gate.limits.HalfOpen = 0
	resp, err = client.Get("http://web:80" + WebSocketPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("request when busy = %s, want 503", resp.Status)
	}
}

// TestHTTPS goes through a real TLS server on loopback.
func TestHTTPS(t *testing.T) {
	alice := newPerson(t)
	w := newWebWorld(t, alice)
	var sessions sync.WaitGroup
	web := httptest.NewUnstartedServer(w.handler(&sessions))
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(func() {
		web.Close()
		sessions.Wait()
	})
	a, err := ParseAddress("wss://" + strings.TrimPrefix(web.URL, "https://") + "#" + w.id.Account().String())
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.wsConfig(alice)
	cfg.Address, cfg.Dialer = a, nil
	var unknown x509.UnknownAuthorityError
	if _, err := Dial(t.Context(), cfg); !errors.As(err, &unknown) {
		t.Errorf("Dial without the authority = %v, want %T", err, unknown)
	}
	cfg.RootCAs = x509.NewCertPool()
	cfg.RootCAs.AddCert(web.Certificate())
	c := w.dial(cfg)
	ping(t, c, "through HTTPS")
	there := <-w.sessions
	there.CloseAfterFlush()
	if _, err := c.ReadFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("read = %v, want %v", err, io.EOF)
	}
}

// TestSlowWebSocketHandshakes wants strangers out after the handshake timeout
// here as well.
func TestSlowWebSocketHandshakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		send []byte // of a masked WebSocket message, octet by octet
	}{
		{"silence", nil},
		{"message octet by octet", append([]byte{0x82, 0xfe, 0x40, 0, 1, 2, 3, 4}, make([]byte, 100)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWebWorld(t)
				nc, err := w.net.Dialer("client")(t.Context(), "tcp", "web:80")
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				_, _ = io.WriteString(nc, "GET "+WebSocketPath+" HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
					"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: "+Subprotocol+"\r\n\r\n")
				start := time.Now()
				synctest.Wait()
				if got := w.server.Stats().HalfOpen; got != 1 {
					t.Fatalf("%d in a handshake, want 1", got)
				}
				for _, b := range tt.send {
					if _, err := nc.Write([]byte{b}); err != nil {
						break
					}
					time.Sleep(500 * time.Millisecond)
				}
				for w.server.Stats().HalfOpen > 0 {
					time.Sleep(10 * time.Millisecond)
				}
				if got := time.Since(start); got > 3510*time.Millisecond {
					t.Errorf("the server let go after %v, want 3s", got)
				}
			})
		})
	}
}

// TestSlowWebSocketMessage has a session begin a long message and stop.
func TestSlowWebSocketMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newPerson(t)
		w := newWebWorld(t, alice)
		c := w.dial(w.wsConfig(alice))
		there := <-w.sessions
		start := time.Now()
		// The header of a masked message of 16 KiB.
		if _, err := c.link.(*wsLink).raw.Write([]byte{0x82, 0xfe, 0x40, 0, 1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		for there.SendFrame(wire.TypePong, 0, nil) == nil {
			time.Sleep(time.Second)
			if time.Since(start) > time.Hour {
				t.Fatal("the session goes on")
			}
		}
		if got := time.Since(start); got > bodyTimeout+time.Second {
			t.Errorf("ended after %v, want %v", got, bodyTimeout)
		}
	})
}
