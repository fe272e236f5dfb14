package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Defaults of Config and DialConfig.
const (
	// DefaultClientQueue and DefaultPeerQueue are how many octets may wait to
	// be written to one client and to one server.
	DefaultClientQueue = 256 << 10
	DefaultPeerQueue   = 4 << 20

	// DefaultWriteTimeout is how long a write may make no progress.
	DefaultWriteTimeout = 10 * time.Second
)

// A Registration is what came after NeedCert. Its sender already proved to
// hold the device, and the certificate passed package pgp's policy; whether
// the account may live here, and which record stands, is for the hook.
type Registration struct {
	Role        Role
	Certificate *pgp.Certificate // as shown; to be merged with what is known
	Record      []byte           // location record, unchecked; empty for servers
	Invite      *omega.Invite    // what somebody new came with; nil for none
	Remote      net.Addr
}

// Config is what a Server needs. Its functions may be called concurrently.
type Config struct {
	Identity *pgp.Identity // of this server; required

	// Find returns the certificate of an account, or of a server, that this
	// server knows, and a number that grows with its device list (the sequence
	// of the location record): tickets of an older one are void. Nobody by that
	// name is omega.CodeNotFound. Strangers choose whom it is asked for, and
	// wait for it: what that costs must be bounded. Required.
	Find func(ctx context.Context, account omega.Fingerprint) (*pgp.Certificate, uint64, error)

	// Register takes somebody new, or a known account's newer certificate, and
	// returns the merged certificate and its number as Find does. The code of an
	// *omega.Error is told to the client, others become CodeInternal. nil
	// refuses everybody.
	Register func(ctx context.Context, r Registration) (*pgp.Certificate, uint64, error)

	// Lookup answers guests. Nobody by that name is omega.CodeNotFound. nil
	// knows nobody.
	Lookup func(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error)

	// Servers answers guests that ask which servers there are: a body of
	// wire.TypeServers goes in, one of wire.TypeServerList comes out. nil knows none.
	Servers func(query []byte) ([]byte, error)

	// Contest takes from guests what the owner of an account, or a device of it, says
	// of its devices, as a key block. nil takes nothing.
	Contest func(ctx context.Context, account omega.Fingerprint, block []byte) error

	// Rendezvous is where guests leave blobs for each other; nil makes one.
	Rendezvous *Rendezvous

	// Terminated offers ModeTerminated, that is, ServeWebSocket.
	Terminated bool

	Limits       Limits
	ClientQueue  int           // octets; zero is DefaultClientQueue
	PeerQueue    int           // octets; zero is DefaultPeerQueue
	WriteTimeout time.Duration // zero is DefaultWriteTimeout

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // of keys, tickets and rates, not of network deadlines; nil is time.Now
	Rand   io.Reader        // nil is crypto/rand
}

// A Server makes authenticated connections of accepted ones. Its methods may
// be called concurrently.
type Server struct {
	cfg         Config
	certificate []byte // of the identity, as it is shown
	tls         *tls.Config
	leaf        *x509.Certificate
	tickets     *ticketKeys
	gate        *Gate // of clients
	peers       *Gate // of other servers: a crowd of clients does not keep them out

	accepted, resumed, registered, failed, busy, guests atomic.Uint64
}

// NewServer checks cfg and makes the TLS key that all connections of this
// process use.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Identity == nil || cfg.Find == nil {
		return nil, errors.New("new transport server: Identity and Find are required")
	}
	cfg = cfg.withDefaults()
	if cfg.ClientQueue < omega.MaxFrame || cfg.PeerQueue < omega.MaxPeerFrame {
		return nil, fmt.Errorf("new transport server: queues of %d and %d octets hold no frame", cfg.ClientQueue, cfg.PeerQueue)
	}
	certificate := cfg.Identity.Certificate.Bytes()
	if len(certificate) > omega.MaxCertificate {
		return nil, fmt.Errorf("new transport server: certificate of %d octets", len(certificate))
	}
	leaf, err := newLeaf(cfg.Rand, cfg.Clock())
	if err != nil {
		return nil, fmt.Errorf("new transport server: %w", err)
	}
	return &Server{
		cfg: cfg, certificate: certificate, tls: serverTLS(leaf), leaf: leaf.Leaf,
		tickets: &ticketKeys{rand: cfg.Rand}, gate: NewGate(cfg.Limits), peers: NewGate(cfg.Limits),
	}, nil
}

func (cfg Config) withDefaults() Config {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Rendezvous == nil {
		cfg.Rendezvous = NewRendezvous(0, 0, cfg.Clock)
	}
	if cfg.ClientQueue == 0 {
		cfg.ClientQueue = DefaultClientQueue
	}
	if cfg.PeerQueue == 0 {
		cfg.PeerQueue = DefaultPeerQueue
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = DefaultWriteTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return cfg
}

func (s *Server) now() time.Time { return s.cfg.Clock() }

// modes are the bits of what this server offers.
func (s *Server) modes() uint8 {
	m := ModeExporter
	if s.cfg.Terminated {
		m |= ModeTerminated
	}
	return uint8(m)
}

// Serve accepts from ln until ctx ends or ln fails for good, and calls handle with each
// authenticated connection on a goroutine of its own, which is not the one
// that did the handshake: that one's stack is large. The context of a
// connection ends with ctx. handle has to return then; the connection is
// closed after it. Serve closes ln and returns when all of them have returned;
// the end of ctx is no error. Whoever dials in another role than roles, if there
// are any, is refused by TLS already, so that a client that was given the port
// for servers learns it at once.
func (s *Server) Serve(ctx context.Context, ln net.Listener, handle func(ctx context.Context, c *Conn), roles ...Role) error {
	in := entrance{s.tlsFor(roles), s.gate}
	return s.serve(ctx, ln, handle, func(ctx context.Context, nc net.Conn) *Conn {
		c, err := s.accept(ctx, nc, in, nil)
		s.logHandshake(ctx, nc, err)
		return c
	})
}

// serve is Serve with the handshake as an argument; accept returns nil for
// whoever did not become a session.
func (s *Server) serve(ctx context.Context, ln net.Listener, handle func(ctx context.Context, c *Conn), accept func(context.Context, net.Conn) *Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	ln = Steady(ln, s.cfg.Logger)
	// Accept takes no context; closing the listener is what unblocks it.
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	defer func() { _ = ln.Close() }()

	for {
		nc, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = nc.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept connections at %s: %w", ln.Addr(), err)
		}
		all.Go(func() {
			growStack([handshakeStack]byte{})
			if c := accept(ctx, nc); c != nil {
				all.Go(func() { run(ctx, c, handle) })
			}
		})
	}
}

// handshakeStack is about what a handshake needs of the stack, in octets.
const handshakeStack = 12 << 10

// growStack makes the stack of this goroutine as large as room at once. Without
// it a handshake outgrows its stack four times and is copied each time.
//
//go:noinline
func growStack(room [handshakeStack]byte) byte { return room[len(room)-1] }

// tlsFor is the TLS of a listener for roles; none means all.
func (s *Server) tlsFor(roles []Role) *tls.Config {
	if len(roles) == 0 {
		return s.tls
	}
	config := s.tls.Clone()
	config.NextProtos = nil
	for _, r := range roles {
		config.NextProtos = append(config.NextProtos, r.alpn(false))
		if r == RoleServer {
			config.NextProtos = append(config.NextProtos, ALPNBulk)
		}
	}
	return config
}

// run is apart from the handshake so that it begins on a small stack.
func run(ctx context.Context, c *Conn, handle func(ctx context.Context, c *Conn)) {
	defer func() { _ = c.Close() }()
	handle(ctx, c)
}

// logHandshake logs why somebody did not become a session.
func (s *Server) logHandshake(ctx context.Context, nc net.Conn, err error) {
	if err == nil || errors.Is(err, ErrGuest) {
		return
	}
	level := slog.LevelDebug
	var t *told
	if errors.As(err, &t) && t.say.Code == omega.CodeInternal {
		level = slog.LevelError
	}
	s.cfg.Logger.Log(ctx, level, "handshake failed", "peer", nc.RemoteAddr().String(), "err", err)
}

// Rendezvous is where this server's guests leave blobs, for sessions that do
// the same.
func (s *Server) Rendezvous() *Rendezvous { return s.cfg.Rendezvous }

// Stats counts what came to a Server since its start.
type Stats struct {
	Accepted   uint64 // whole handshakes, registrations included
	Resumed    uint64 // by a ticket
	Registered uint64 // after NeedCert
	Failed     uint64 // handshakes that ended in an error
	Busy       uint64 // refused unread
	Guests     uint64 // served
	HalfOpen   int    // in a handshake now
	GuestsNow  int    // connected now
}

// Stats returns the counts for metrics.
func (s *Server) Stats() Stats {
	halfOpen, guests := s.gate.counts()
	servers, _ := s.peers.counts()
	return Stats{
		Accepted: s.accepted.Load(), Resumed: s.resumed.Load(), Registered: s.registered.Load(),
		Failed: s.failed.Load(), Busy: s.busy.Load(), Guests: s.guests.Load(),
		HalfOpen: halfOpen + servers, GuestsNow: guests,
	}
}
