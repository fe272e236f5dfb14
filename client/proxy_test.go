package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A fakeProxy is a server of a few lines: proxy and home of everybody, which
// can be told to misbehave.
type fakeProxy struct {
	id      *pgp.Identity
	address string

	skew atomic.Int64 // how wrong the clock is; ns

	mu       sync.Mutex
	entries  map[omega.Fingerprint]wire.Entry // guarded by mu
	conns    []*transport.Conn                // guarded by mu
	got      map[wire.Type][][]byte           // bodies of all frames; guarded by mu
	refusals []error                          // of the next registrations; guarded by mu
	answer   func(f wire.Frame) (wire.Type, []byte)
	mute     func(f wire.Frame) bool               // what is not answered; guarded by mu
	after    func(f wire.Frame, c *transport.Conn) // called after each frame; guarded by mu
	stop     func()                                // closes the listener and all connections
	attached wire.Attached                         // what leases are answered with
	pushed   uint64                                // sequence of the last mail of push; of the test's goroutine
}

func newIdentity(tb testing.TB, name string) *pgp.Identity {
	tb.Helper()
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	must(tb, err)
	dev, err := pgp.GenerateDevice(rand.Reader, name, now)
	must(tb, err)
	cert, err := bind(tb.Context(), primary, time.Time{}, dev, now)
	must(tb, err)
	id, err := pgp.NewIdentity(cert, dev)
	must(tb, err)
	return id
}

func newFakeProxy(t *testing.T) *fakeProxy {
	t.Helper()
	p := &fakeProxy{id: newIdentity(t, "server"), entries: map[omega.Fingerprint]wire.Entry{}, got: map[wire.Type][][]byte{}}
	p.put(wire.Entry{Certificate: p.id.Certificate.Bytes()}, p.id.Account())
	p.attached = wire.Attached{Home: p.id.Account(), Incarnation: [8]byte{1}}
	srv, err := transport.NewServer(transport.Config{Identity: p.id, Find: p.find, Register: p.register, Lookup: p.lookup, Clock: p.now})
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p.address = ln.Addr().String() + "#" + p.id.Account().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ctx, ln, p.session) }()
	p.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(p.stop)
	return p
}

func (p *fakeProxy) now() time.Time { return time.Now().Add(time.Duration(p.skew.Load())) }

func (p *fakeProxy) find(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, uint64, error) {
	p.mu.Lock()
	e, ok := p.entries[fp]
	p.mu.Unlock()
	if !ok {
		return nil, 0, omega.Errorf(omega.CodeNotFound, "%s", fp)
	}
	cert, err := pgp.ParseCertificate(e.Certificate, time.Now())
	return cert, 1, err
}

// lookup answers guests.
func (p *fakeProxy) lookup(_ context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[fp]
	if !ok {
		return e, omega.Errorf(omega.CodeNotFound, "%s", fp)
	}
	return e, nil
}

func (p *fakeProxy) register(_ context.Context, r transport.Registration) (*pgp.Certificate, uint64, error) {
	p.mu.Lock()
	if len(p.refusals) > 0 {
		err := p.refusals[0]
		p.refusals = p.refusals[1:]
		p.mu.Unlock()
		return nil, 0, err
	}
	p.mu.Unlock()
	p.put(wire.Entry{Certificate: r.Certificate.Bytes(), Record: r.Record}, r.Certificate.Fingerprint())
	return r.Certificate, 1, nil
}

func (p *fakeProxy) put(e wire.Entry, fp omega.Fingerprint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries[fp] = e
}

func (p *fakeProxy) session(ctx context.Context, c *transport.Conn) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			c.Close()
			return
		}
		typ, body := p.reply(f)
		if typ != 0 {
			for errors.Is(c.SendFrame(typ, f.Tag, body), transport.ErrSlow) { // parts of blobs are larger than the queue
				time.Sleep(time.Millisecond)
			}
		}
		p.mu.Lock()
		after := p.after
		p.mu.Unlock()
		if after != nil {
			after(f, c)
		}
	}
}

func (p *fakeProxy) reply(f wire.Frame) (wire.Type, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got[f.Type] = append(p.got[f.Type], append([]byte(nil), f.Body...))
	if p.mute != nil && p.mute(f) {
		return 0, nil
	}
	if p.answer != nil {
		if typ, body := p.answer(f); typ != 0 {
			return typ, body
		}
	}
	switch f.Type {
	case wire.TypeLookup:
		fp, _, err := omega.DecodeFingerprint(f.Body)
		e, ok := p.entries[fp]
		if err != nil || !ok {
			return wire.TypeError, wire.AppendStatus(nil, omega.CodeNotFound, "")
		}
		return wire.TypeEntry, wire.AppendEntry(nil, &e)
	case wire.TypeAttach:
		return wire.TypeAttached, wire.AppendAttached(nil, &p.attached)
	case wire.TypeSend:
		return wire.TypeSent, wire.AppendResults(nil, omega.CodeOK, nil)
	case wire.TypePublish:
		return wire.TypeDone, wire.AppendStatus(nil, omega.CodeOK, "")
	case wire.TypeServers:
		return wire.TypeServerList, nil
	case wire.TypePrekeyLook, wire.TypePrekeyPut, wire.TypePrekeyTake, wire.TypeTokenLook, wire.TypeTokenPut:
		return wire.TypeError, wire.AppendStatus(nil, omega.CodeRefused, "")
	case wire.TypePing:
		return wire.TypePong, f.Body
	}
	return 0, nil
}

// announcement is the server's own.
func (p *fakeProxy) announcement(t *testing.T, edit ...func(*mesh.Announcement)) []byte {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	a := &mesh.Announcement{
		Server: p.id.Account(), Sequence: 1, Issued: now, Expires: now.Add(mesh.MaxAge), Certificate: p.id.Certificate.Hash(),
		Client: p.address[:strings.IndexByte(p.address, '#')],
	}
	for _, f := range edit {
		f(a)
	}
	b, err := a.Sign(func(data []byte, at time.Time) (mesh.Signature, error) {
		sig, err := pgp.SignCompact(t.Context(), p.id.Signer, data, at)
		return mesh.Signature(sig), err
	})
	must(t, err)
	return b
}

// know has the client know a server as if it had verified it.
func (c *Client) know(t *testing.T, p *fakeProxy) {
	t.Helper()
	b := p.announcement(t)
	a, err := mesh.Decode(b)
	must(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers[a.Server] = &knownServer{
		Server:    history.Server{Fingerprint: a.Server, Announcement: b, Certificate: p.id.Certificate.Bytes()},
		announced: a, changed: true,
	}
}

// frames returns the bodies of one type that came so far.
func (p *fakeProxy) frames(typ wire.Type) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([][]byte(nil), p.got[typ]...)
}

// mail pushes a mail that nobody can read: it is acknowledged all the same.
func (p *fakeProxy) mail(t *testing.T, home, device omega.Fingerprint, prev, seq uint64) {
	t.Helper()
	p.mu.Lock()
	c := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	m := wire.Mail{Home: home, Device: device, Seq: seq, Prev: prev, Envelope: []byte("no envelope")}
	must(t, c.SendFrame(wire.TypeMail, 0, wire.AppendMail(nil, &m)))
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// newCore makes an account at the proxy and runs its core.
func (p *fakeProxy) newCore(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Home: filepath.Join(t.TempDir(), "home"), Name: "x"}
	_, err := Init(t.Context(), InitConfig{Config: cfg, Server: p.address, DeviceName: "first"})
	must(t, err)
	for _, f := range change {
		f(&cfg)
	}
	c, err := Open(t.Context(), cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		c.Close()
	})
	until(t, "attached", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		h := c.homes[p.id.Account()]
		return c.session != nil && h != nil && h.attached
	})
	return c
}

// TestUselessServer: a server that takes the device and then is of no use is not
// the only one that is ever tried.
func TestUselessServer(t *testing.T) {
	first, second := newFakeProxy(t), newFakeProxy(t)
	cfg := first.newHome(t)
	c, err := Open(t.Context(), cfg)
	must(t, err)
	defer c.Close()
	c.know(t, second)
	own := entryOf(t, c.identity(), first.id.Account(), 1)
	second.put(own, c.acc.Fingerprint)
	first.mu.Lock()
	first.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeLookup {
			return wire.TypeEntry, []byte("no entry")
		}
		return 0, nil
	}
	first.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until(t, "connected to the other server", func() bool {
		s, err := c.online()
		return err == nil && s.server == second.address
	})
}

// TestShortSessions: sessions that end as soon as they are of use are not dialled
// again at once for ever: each pause is twice the one before. The four here are at
// least half of 0.2, 0.4, 0.8 and 1.6 s.
func TestShortSessions(t *testing.T) {
	p := newFakeProxy(t)
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeAttach && len(p.got[wire.TypeAttach]) > 1 {
			p.conns[len(p.conns)-1].Close()
		}
		return 0, nil
	}
	p.newCore(t)
	start := time.Now()
	p.mu.Lock()
	p.conns[len(p.conns)-1].Close()
	p.mu.Unlock()
	until(t, "five sessions", func() bool { return len(p.frames(wire.TypeAttach)) > 5 })
	if d := time.Since(start); d < 1500*time.Millisecond {
		t.Errorf("five sessions in %v", d)
	}
}

// TestServerClockOff: a server whose clock is 25 minutes behind refuses this device
// as from the future. The person is told of the clock, and another server is taken.
// (spec/cloud.md, CLOUD-52)
func TestServerClockOff(t *testing.T) {
	first, second := newFakeProxy(t), newFakeProxy(t)
	cfg := first.newHome(t)
	first.skew.Store(int64(-25 * time.Minute))
	c, err := Open(t.Context(), cfg)
	must(t, err)
	own := entryOf(t, c.identity(), first.id.Account(), 1)
	second.put(own, c.acc.Fingerprint)
	stop := c.start(t)
	until(t, "the clock is the reason", func() bool {
		st, err := clientrpc.Status.Call(t.Context(), c, clientrpc.None{})
		must(t, err)
		return st.Problem != nil && st.Problem.Why.Key == "why.serverbehind" && st.Problem.Code == clientrpc.CodeOffline
	})
	stop()

	c, err = Open(t.Context(), cfg)
	must(t, err)
	c.know(t, second)
	defer c.start(t)()
	until(t, "connected to the other server", func() bool {
		s, err := c.online()
		return err == nil && s.server == second.address
	})
}
