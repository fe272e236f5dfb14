package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
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
	Remote      net.Addr
}

// Config is what a Server needs. Its functions may be called concurrently.
type Config struct {
	Identity *pgp.Identity // of this server; required

	// Find returns the certificate of an account, or of a server, that this
	// server knows, and a number that grows with its device list (the sequence
	// of the location record): tickets of an older one are void. Nobody by that
	// name is omega.CodeNotFound. Required.
	Find func(ctx context.Context, account omega.Fingerprint) (*pgp.Certificate, uint64, error)

	// Register takes somebody new, or a known account's newer certificate, and
	// returns the merged certificate and its number as Find does. The code of an
	// *omega.Error is told to the client, others become CodeInternal. nil
	// refuses everybody.
	Register func(ctx context.Context, r Registration) (*pgp.Certificate, uint64, error)

	// Lookup answers guests. Nobody by that name is omega.CodeNotFound. nil
	// knows nobody.
	Lookup func(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error)

	// Rendezvous is where guests leave blobs for each other; nil makes one.
	Rendezvous *Rendezvous

	// Terminated offers ModeTerminated, that is, ServeWebSocket.
	Terminated bool

	Limits       Limits
	ClientQueue  int           // octets; zero is DefaultClientQueue
	PeerQueue    int           // octets; zero is DefaultPeerQueue
	WriteTimeout time.Duration // zero is DefaultWriteTimeout

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // nil is time.Now
	Rand   io.Reader        // nil is crypto/rand
}

// A Server makes authenticated connections of accepted ones. Its methods may
// be called concurrently.
type Server struct {
	cfg Config
}

// NewServer checks cfg and makes the TLS key that all connections of this
// process use.
func NewServer(cfg Config) (*Server, error) { return nil, errors.ErrUnsupported }

// Accept does TLS and the handshake on nc and returns the connection, or
// closes nc and returns why not: ErrGuest, ErrBusy, or what went wrong (for
// the log; the other side was told only CodeAuth). It returns within the
// handshake timeout, or the lifetime of a guest. The end of ctx ends it too.
func (s *Server) Accept(ctx context.Context, nc net.Conn) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

// Serve accepts from ln until ctx ends or ln fails, and calls handle with each
// authenticated connection on a goroutine of its own, which is not the one
// that did the handshake: that one's stack is large. The context of a
// connection ends with ctx. handle has to return then; the connection is
// closed after it. Serve closes ln and returns when all of them have returned;
// the end of ctx is no error.
func (s *Server) Serve(ctx context.Context, ln net.Listener, handle func(ctx context.Context, c *Conn)) error {
	return errors.ErrUnsupported
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
func (s *Server) Stats() Stats { return Stats{} }
