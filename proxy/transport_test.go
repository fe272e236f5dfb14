package proxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// listen lets real connections come to a server of a cloud.
func (s *testServer) listen(t *testing.T, ctx context.Context, ln net.Listener, wg *sync.WaitGroup) {
	t.Helper()
	srv, err := transport.NewServer(transport.Config{
		Identity: s.id,
		Find: func(ctx context.Context, account omega.Fingerprint) (*pgp.Certificate, uint64, error) {
			cert, err := s.keys.FindCertificate(ctx, account)
			return cert, s.keys.Generation(ctx, account), err
		},
		Register: func(ctx context.Context, r transport.Registration) (*pgp.Certificate, uint64, error) {
			e, err := s.proxy.Register(ctx, r.Role, wire.Entry{Certificate: r.Certificate.Bytes(), Record: r.Record}, r.Invite, r.Remote)
			if err != nil {
				return nil, 0, err
			}
			return e.Certificate, s.keys.Generation(ctx, e.Fingerprint()), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if err := srv.Serve(ctx, ln, func(ctx context.Context, c *transport.Conn) { _ = s.proxy.Serve(ctx, c) }); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// TestOverTransport registers, attaches, sends and drains over real
// connections.
func TestOverTransport(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		s := c.servers[0]
		mesh := memnet.New()
		ln, err := mesh.Listen("server:1")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		s.listen(t, ctx, ln, &wg)
		address, err := transport.ParseAddress("server:1#" + s.fp().String())
		if err != nil {
			t.Fatal(err)
		}
		dial := func(p *testPerson) *transport.Conn {
			conn, err := transport.Dial(ctx, transport.DialConfig{
				Address: address, Identity: p.identity(0), Dialer: mesh.Dialer("client"),
				Register: func(context.Context) (wire.Entry, error) { return p.entry(s), nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		read := func(conn *transport.Conn, want wire.Type) wire.Frame {
			f, err := conn.ReadFrame()
			if err != nil || f.Type != want {
				t.Fatalf("read = type %d %q, %v; want %d", f.Type, f.Body, err, want)
			}
			return f
		}
		alice, bob := newPerson(t, 1), newPerson(t, 1)
		a, b := dial(alice), dial(bob)
		defer a.Close()
		receiver := newClient(bob, 0)
		if err := b.SendFrame(wire.TypeAttach, 5, receiver.lease(s, nil, s).Bytes()); err != nil {
			t.Fatal(err)
		}
		read(b, wire.TypeWaiting)
		if f := read(b, wire.TypeAttached); f.Tag != 5 {
			t.Errorf("attached with tag %d", f.Tag)
		}
		sender := newClient(alice, 0)
		for i := range 100 {
			text := fmt.Sprint(i)
			if err := a.SendFrame(wire.TypeSend, uint32(i+1), sender.envelope(text, bob)); err != nil {
				t.Fatal(err)
			}
			m, err := wire.DecodeMail(read(b, wire.TypeMail).Body)
			if err != nil {
				t.Fatal(err)
			}
			if env, err := wire.ParseEnvelope(m.Envelope); err != nil || string(env.Payload()) != text {
				t.Fatalf("mail %d: %q, %v", i, m.Envelope, err)
			}
			if err := b.SendFrame(wire.TypeAck, 0, receiver.ack(s.fp(), m.Seq)); err != nil {
				t.Fatal(err)
			}
			if f := read(a, wire.TypeSent); f.Tag != uint32(i+1) || f.Body[0] != 0 {
				t.Fatalf("sent = %d %v", f.Tag, f.Body)
			}
		}
		synctest.Wait()
		if st := s.store.Stats(); st.Messages != 0 {
			t.Errorf("%d mails wait", st.Messages)
		}
		// A newer session of the same device takes over.
		b2 := dial(bob)
		defer b2.Close()
		if f := read(b, wire.TypeError); codeOf(wire.DecodeStatus(f.Body)) != omega.CodeSuperseded {
			t.Errorf("first session was told %q", f.Body)
		}
		if _, err := b.ReadFrame(); err == nil {
			t.Error("the first session goes on")
		}
		b.Close()
		start := time.Now()
		if err := s.proxy.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("shutdown took %v", d)
		}
		read(b2, wire.TypeBye)
	})
}
