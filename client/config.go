package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// Config is what a core needs. Zero values are the defaults.
type Config struct {
	Home       string // directory of the account; required
	Name       string // profile name, for a new account
	Passphrase []byte // opens the secrets; nil for unprotected ones

	// Primary reaches a primary key that lives elsewhere, for an account that
	// says so; it may ask a person. nil: it cannot be reached.
	Primary func(ctx context.Context, gnupgHome string) (pgp.Signer, error)

	// Dialer opens connections; nil is the operating system's.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// RootCAs vouch for the HTTPS of wss:// addresses; nil is the system's.
	RootCAs *x509.CertPool

	// KeepAlive is how long a session is silent before the client asks for a
	// sign of life: so long may a proxy that died in silence go unnoticed while
	// nothing is sent. Zero is DefaultKeepAlive; phones on battery take minutes,
	// less than five (proxy.Config.IdleTimeout).
	KeepAlive time.Duration

	// MediaCache is how many octets of blobs the home keeps beside those that have
	// to be sent yet. Zero is DefaultMediaCache.
	MediaCache int64

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // nil is time.Now
	Rand   io.Reader        // nil is crypto/rand
}

func (c *Config) now() time.Time {
	if c.Clock != nil {
		return c.Clock()
	}
	return time.Now()
}

func (c *Config) keepAlive() time.Duration { return cmp.Or(c.KeepAlive, DefaultKeepAlive) }

func (c *Config) rand() io.Reader {
	if c.Rand != nil {
		return c.Rand
	}
	return rand.Reader
}

func (c *Config) log() *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// dial is the configuration of a connection to addr.
func (c *Config) dial(addr transport.Address) transport.DialConfig {
	return transport.DialConfig{
		Address: addr, Dialer: c.Dialer, RootCAs: c.RootCAs, Clock: c.Clock, Rand: c.Rand,
	}
}
