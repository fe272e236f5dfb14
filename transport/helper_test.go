package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A person is an account with its primary key at hand and one device.
type person struct {
	*pgp.Identity
	primary *pgp.SecretKey
}

func newPerson(t testing.TB) *person {
	t.Helper()
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return (&person{Identity: &pgp.Identity{Certificate: cert}, primary: primary}).device(t)
}

// device returns the same person at a new device; the certificate holds both.
func (p *person) device(t testing.TB) *person {
	t.Helper()
	dev, err := pgp.GenerateDevice(rand.Reader, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req, err := dev.Request(t.Context(), p.primary.Public(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.AddDevice(t.Context(), p.primary, p.Certificate, req, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id, err := pgp.NewIdentity(cert, dev)
	if err != nil {
		t.Fatal(err)
	}
	return &person{Identity: id, primary: p.primary}
}

func (p *person) revoked(t testing.TB, device omega.Fingerprint) *pgp.Certificate {
	t.Helper()
	cert, err := pgp.RevokeDevice(t.Context(), p.primary, p.Certificate, device, pgp.Reason(0), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// A directory is what a server knows of accounts, as Config's hooks want it.
type directory struct {
	mu          sync.Mutex
	certs       map[omega.Fingerprint]*pgp.Certificate
	generations map[omega.Fingerprint]uint64
	registered  []Registration
	fails       error // of Find, if any
}

func newDirectory(people ...*person) *directory {
	d := &directory{certs: make(map[omega.Fingerprint]*pgp.Certificate), generations: make(map[omega.Fingerprint]uint64)}
	for _, p := range people {
		d.put(p.Certificate)
	}
	return d
}

func (d *directory) put(c *pgp.Certificate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.certs[c.Fingerprint()] = c
	d.generations[c.Fingerprint()]++
}

func (d *directory) find(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return nil, 0, d.fails
	}
	if c := d.certs[fp]; c != nil {
		return c, d.generations[fp], nil
	}
	return nil, 0, omega.Errorf(omega.CodeNotFound, "no account %s", fp)
}

func (d *directory) register(ctx context.Context, r Registration) (*pgp.Certificate, uint64, error) {
	cert := r.Certificate
	if known, _, err := d.find(ctx, cert.Fingerprint()); err == nil {
		if cert, err = pgp.Merge(known, cert, time.Now()); err != nil {
			return nil, 0, err
		}
	}
	d.put(cert)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.registered = append(d.registered, r)
	return cert, d.generations[cert.Fingerprint()], nil
}

func (d *directory) lookup(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	c, _, err := d.find(ctx, fp)
	if err != nil {
		return wire.Entry{}, err
	}
	return wire.Entry{Certificate: c.Bytes()}, nil
}

// A world is one server in a network of its own.
type world struct {
	t         testing.TB
	net       *memnet.Network
	ln        net.Listener
	server    *Server
	id        *person
	directory *directory
	logs      *logBuffer
	sessions  chan *Conn // what the server accepted
}

// logBuffer is a bytes.Buffer for several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts a server that knows people. change may alter its Config.
func newWorld(t testing.TB, change func(*Config), people ...*person) *world {
	t.Helper()
	w := &world{t: t, net: memnet.New(), id: newPerson(t), directory: newDirectory(people...),
		logs: &logBuffer{}, sessions: make(chan *Conn, 64)}
	cfg := Config{
		Identity: w.id.Identity, Find: w.directory.find, Register: w.directory.register,
		Lookup: w.directory.lookup,
		Logger: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.server, err = NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	if w.ln, err = w.net.Listen("server:443"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(ctx, w.ln, w.hold) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return w
}

// hold keeps a session until the test or the client ends it.
func (w *world) hold(ctx context.Context, c *Conn) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	w.sessions <- c
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if f.Type == wire.TypePing {
			if err := c.SendFrame(wire.TypePong, f.Tag, f.Body); err != nil {
				return
			}
		}
	}
}

func (w *world) address() Address {
	return Address{Network: NetworkTLS, HostPort: "server:443", Fingerprint: w.id.Account()}
}

// config is how p dials the server of w.
func (w *world) config(p *person) DialConfig {
	return DialConfig{
		Address: w.address(), Identity: p.Identity, Dialer: w.net.Dialer("client"),
		Register: func(context.Context) (wire.Entry, error) {
			return wire.Entry{Certificate: p.Certificate.Bytes(), Record: []byte("record")}, nil
		},
	}
}

// dial connects p and fails the test if that fails.
func (w *world) dial(cfg DialConfig) *Conn {
	w.t.Helper()
	c, err := Dial(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatalf("Dial = %v\nserver's log:\n%s", err, w.logs)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ping has the server answer once.
func ping(t testing.TB, c *Conn, body string) {
	t.Helper()
	if err := c.SendFrame(wire.TypePing, 7, []byte(body)); err != nil {
		t.Fatalf("send = %v", err)
	}
	f, err := c.ReadFrame()
	if err != nil || f.Type != wire.TypePong || f.Tag != 7 || string(f.Body) != body {
		t.Fatalf("answer = %+v, %v, want the same octets", f, err)
	}
}

func wantCode(t testing.TB, err error, want omega.Code) {
	t.Helper()
	var e *omega.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("error = %v, want code %v", err, want)
	}
}
