package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// DefaultDialTimeout is how long dialling and handshake may take together.
const DefaultDialTimeout = 10 * time.Second

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
	// none. A ticket of another server, device or time is left aside. The next
	// one is Conn.Ticket.
	Ticket *Ticket

	// Register answers a server that does not know the account or the device:
	// with the account's certificate and newest location record (servers have
	// none). nil never registers, and Dial then fails with omega.CodeNeedCert.
	Register func(ctx context.Context) (wire.Entry, error)

	// Invite goes with what Register returns: a server that takes new accounts by
	// invitation wants it. Servers of versions that know no invites end the
	// connection. nil for none.
	Invite *omega.Invite

	// Dialer opens the TCP connection; nil is the operating system's. A browser
	// opens its WebSockets itself and ignores it.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// Circuit, if any, says that Address is a relay's and its fingerprint that of
	// the server at the other end of this circuit. (spec/cloud.md, CLOUD-32)
	Circuit *wire.Handle

	// Bulk makes a second connection between two servers. (spec/cloud.md, CLOUD-34)
	Bulk bool

	// RootCAs are who vouches for the HTTPS of a wss:// address; nil is the
	// system's. The server's identity never rests on it: it only hides from
	// others who talks to whom.
	RootCAs *x509.CertPool

	MaxQueue     int           // octets that Send may queue; zero is DefaultClientQueue, DefaultPeerQueue for RoleServer
	WriteTimeout time.Duration // until a write that makes no progress ends the connection; zero is DefaultWriteTimeout
	Timeout      time.Duration // of dialling and handshake together; zero is DefaultDialTimeout

	Clock func() time.Time // nil is time.Now
	Rand  io.Reader        // nil is crypto/rand
}

func (cfg DialConfig) withDefaults() DialConfig {
	if cfg.Role == 0 {
		cfg.Role = RoleClient
	}
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = DefaultClientQueue
		if cfg.Role == RoleServer {
			cfg.MaxQueue = DefaultPeerQueue
		}
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = DefaultWriteTimeout
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultDialTimeout
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return cfg
}

// Dial connects, finds out who is there, and proves who dials. When it returns
// the connection is authenticated both ways. An *omega.Error in the chain is
// what the server said: CodeAuth (it does not believe us), CodeNeedCert,
// CodeRefused (registration is closed), CodeVersion and others that
// registration may give. ErrServer means that nothing was proved to us.
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	if cfg.Identity == nil {
		return nil, errors.New("dial: Identity is required")
	}
	return open(ctx, cfg, (*greeting).authenticate)
}

// open connects, reads the hello and does the rest.
func open(ctx context.Context, cfg DialConfig, rest func(*greeting, context.Context) error) (*Conn, error) {
	cfg = cfg.withDefaults()
	if cfg.MaxQueue < cfg.Role.maxFrame() {
		return nil, fmt.Errorf("dial: a queue of %d octets holds no frame", cfg.MaxQueue)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	g := &greeting{cfg: &cfg, transcript: newTranscript()}
	err := g.connect(ctx)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = g.conn.link.Close() })
		if err = g.readHello(); err == nil {
			err = rest(g, ctx)
		}
		stop()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx) // the link was closed under us; that is why
	}
	if err == nil {
		return g.conn, nil
	}
	if g.conn != nil {
		_ = g.conn.Close()
	}
	return nil, fmt.Errorf("connect to %s: %w", cfg.Address.URL(), err)
}

// connect makes the link and what binds the handshake to it. The address alone
// decides which: a TLS client cannot be talked into ModeTerminated.
func (g *greeting) connect(ctx context.Context) error {
	cfg := g.cfg
	var l link
	var err error
	switch cfg.Address.Network {
	case NetworkTLS:
		l, g.bind, err = connectTLS(ctx, cfg)
	case NetworkWS, NetworkWSS:
		if cfg.Role != RoleClient {
			return errors.New("servers use TLS between them")
		}
		if l, err = connectWS(ctx, cfg); err == nil {
			g.bind, err = terminatedBinding(cfg.Rand)
		}
	default:
		return fmt.Errorf("%w: network %q", ErrAddress, cfg.Address.Network)
	}
	if l != nil {
		g.conn = newConn(l, cfg.WriteTimeout)
	}
	return err
}

func connectTLS(ctx context.Context, cfg *DialConfig) (link, *binding, error) {
	dial := cfg.Dialer
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if cfg.Circuit != nil {
		tcp := dial
		dial = func(ctx context.Context, _, relay string) (net.Conn, error) {
			return DialCircuit(ctx, tcp, relay, *cfg.Circuit)
		}
	}
	nc, err := dial(ctx, "tcp", cfg.Address.HostPort)
	if err != nil {
		return nil, nil, err
	}
	keepAlive(nc, cfg.Role)
	host, _, _ := net.SplitHostPort(cfg.Address.HostPort)
	tc := tls.Client(nc, clientTLS(cfg.Role.alpn(cfg.Bulk), host))
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, nil, fmt.Errorf("TLS: %w", wrongPort(err))
	}
	state := tc.ConnectionState()
	bind, err := tlsBinding(&state, state.PeerCertificates[0])
	if err == nil && state.NegotiatedProtocol != cfg.Role.alpn(cfg.Bulk) {
		err = fmt.Errorf("TLS: ALPN protocol id %q, want %q", state.NegotiatedProtocol, cfg.Role.alpn(cfg.Bulk))
	}
	if err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	return tlsLink{tc}, bind, nil
}

// alertNoProtocol is the TLS alert of a server that has no ALPN protocol id in
// common with the client (RFC 7301, section 3.2).
const alertNoProtocol = tls.AlertError(120)

// wrongPort tells from how TLS fails that another service answered.
func wrongPort(err error) error {
	var remote *net.OpError // crypto/tls shows alerts in this form only
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &remote) && remote.Op == "remote error" && remote.Err.Error() == alertNoProtocol.Error():
		return fmt.Errorf("%w: %w", ErrRole, err)
	case errors.As(err, &plain) && plain.Conn != nil: // the first record of all
		return fmt.Errorf("%w: %w", ErrPlain, err)
	}
	return err
}
