package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A DialConfig says whom to dial and as whom.
type DialConfig struct {
	Address  Address       // required; its fingerprint is the pin
	Identity *pgp.Identity // who dials; required, except for guests
	Role     Role          // zero is RoleClient

	// KnownServer is the newest certificate known of the server, if any. It is
	// merged with the one that the server shows, so that a revocation once seen
	// stays.
	KnownServer *pgp.Certificate

	// Ticket resumes the session that it came from, if the server still takes
	// it; otherwise the whole handshake follows on the same connection. nil for
	// none. The next one is Conn.Ticket.
	Ticket *Ticket

	// Register answers a server that does not know the account or the device:
	// with the account's certificate and newest location record (servers have
	// none). nil never registers, and Dial then fails with omega.CodeNeedCert.
	Register func(ctx context.Context) (wire.Entry, error)

	// Dialer opens the TCP connection; nil is the operating system's. A browser
	// opens its WebSockets itself and ignores it.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// RootCAs are who vouches for the HTTPS of a wss:// address; nil is the
	// system's. The server's identity never rests on it: it only hides from
	// others who talks to whom.
	RootCAs *x509.CertPool

	MaxQueue     int           // octets that Send may queue; zero is DefaultClientQueue, DefaultPeerQueue for RoleServer
	WriteTimeout time.Duration // until a write that makes no progress ends the connection; zero is DefaultWriteTimeout
	Timeout      time.Duration // of dialling and handshake together; zero is 10 seconds

	Clock func() time.Time // nil is time.Now
	Rand  io.Reader        // nil is crypto/rand
}

// Dial connects, finds out who is there, and proves who dials. When it returns
// the connection is authenticated both ways. An *omega.Error in the chain is
// what the server said: CodeAuth (it does not believe us), CodeNeedCert,
// CodeRefused (registration is closed), CodeVersion and others that
// registration may give. ErrServer means that nothing was proved to us.
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

// A Guest is a connection on which only the server proved who it is. It may
// ask a few things and ends after five minutes. Its methods may not be called
// concurrently. Over a WebSocket nothing protects the answers on the way;
// entries prove themselves and blobs have to be sealed by their makers anyway.
type Guest struct {
	conn *Conn
	tag  uint32 // of the last request
}

// DialGuest connects without saying who dials. Identity, Ticket and Register
// of cfg are not used.
func DialGuest(ctx context.Context, cfg DialConfig) (*Guest, error) {
	return nil, errors.ErrUnsupported
}

// Server is who answered, as it proved; its Role, SessionID and Version are
// not set.
func (g *Guest) Server() Peer { return Peer{} }

// Lookup asks for the certificate and record of an account or server, by the
// fingerprint of its primary key or of a signing subkey. The caller checks
// both. No such thing is omega.CodeNotFound.
func (g *Guest) Lookup(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	return wire.Entry{}, errors.ErrUnsupported
}

// Drop leaves a blob of at most MaxBlob octets under a handle, for five
// minutes. The same again changes nothing; another blob under the same handle
// is omega.CodeConflict.
func (g *Guest) Drop(ctx context.Context, handle Handle, blob []byte) error {
	return errors.ErrUnsupported
}

// Pick returns the blob under a handle, or omega.CodeNotFound while there is
// none.
func (g *Guest) Pick(ctx context.Context, handle Handle) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Close ends the connection.
func (g *Guest) Close() error { return nil }
