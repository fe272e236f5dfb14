// Package proxy serves clients: their sessions, the delivery of what they
// send, and, as the home of accounts, their mailboxes.
//
// One server plays two parts that know each other only by frames, as if they
// were two machines, and it is the same frames that travel between a client
// and its proxy and between servers (package wire):
//
//   - as proxy it takes envelopes from sessions, hands one copy to each home
//     server of the recipients, gathers the answers, and passes leases, mail
//     and acknowledgements between devices and their homes;
//   - as home it keeps mail of the accounts whose location record names it,
//     pushes it to the devices that attached with a lease, and forgets it when
//     all of them have acknowledged it.
//
// The life of a message, by file:
//
//	session.go   a frame of a client
//	send.go      recipients are grouped by home; what became of them is merged
//	request.go   copies under way to other servers, repeated until answered
//	receive.go   a frame of another server
//	deliver.go   the home stores an envelope, pushes it at once, and answers when it is durable
//	lease.go     what is under way to one device
//	pump.go      mail that waited, read from the store in windows
//
// Frames to other servers go through a Forwarder, which package node joins
// with package cloud. Nothing here verifies a signature per message: sessions
// are authenticated, leases are verified once, readers verify the rest.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A Forwarder carries frames to other servers, at best effort: what is lost is
// repeated here until it is answered.
type Forwarder interface {
	// Forward hands on one whole frame for the server to. It does not block,
	// does not call Receive before it returns, and keeps no reference to frame.
	// An error means that there is no way to that server now.
	Forward(ctx context.Context, to omega.Fingerprint, class wire.Class, frame []byte) error
}

// Config says who a Proxy is and what it works with.
type Config struct {
	Identity *pgp.Identity     // of this server; required
	Keys     *keyserver.Server // loaded; required
	Mail     *mailbox.Store    // required; the caller closes it after Shutdown

	// Forwarder carries frames to other servers. Nil means that there are none.
	Forwarder Forwarder

	// Servers lists the other servers of the cloud, in any order: entries are
	// published to all of them, and unknown accounts are looked up at some. Nil
	// means none. It is called often and must be cheap.
	Servers func() []omega.Fingerprint

	// Announcements is what clients get that ask which servers there are
	// (wire.TypeServers): signed announcements of package mesh. Nil means none.
	Announcements func() [][]byte

	// Rendezvous is where devices meet to be linked; it is the one of the
	// transport.Server, so that sessions and guests meet. Nil means that
	// sessions cannot use it.
	Rendezvous *transport.Rendezvous

	// IdleTimeout ends a session that has been silent this long. Zero means 5
	// minutes; phones on mobile networks ping every 4.
	IdleTimeout time.Duration

	// SendRate is how many envelopes a session may send per second in the long
	// run, and SendBurst how many at once. Zero means 500 and 5,000; a negative
	// rate takes the limit away.
	SendRate  int
	SendBurst int

	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// New checks cfg and does nothing else. Sessions are served once Run is
// called.
func New(cfg Config) (*Proxy, error) {
	if cfg.Identity == nil || cfg.Keys == nil || cfg.Mail == nil {
		return nil, errors.New("proxy: Config needs Identity, Keys and Mail")
	}
	return nil, errors.ErrUnsupported
}

// A Proxy is one server's proxy and home. Its methods may be called
// concurrently.
type Proxy struct{}

// Run does what has to be done from time to time and what must not be done on
// the caller's goroutine: it repeats requests, reads waiting mail, ends idle
// sessions. It returns when ctx ends; Shutdown comes before that.
func (p *Proxy) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Serve serves one client until its connection ends, ctx ends, a newer session
// of the same device takes over, or Shutdown. It closes c. The error says why
// the session ended; nil is the client's own wish.
func (p *Proxy) Serve(ctx context.Context, c *transport.Conn) error { return errors.ErrUnsupported }

// Receive takes one whole frame from another server, which the caller has
// authenticated. It keeps no reference to frame and does not block for long:
// what takes time is handed to the workers of Run.
func (p *Proxy) Receive(ctx context.Context, from omega.Fingerprint, class wire.Class, frame []byte) {
}

// Register takes an entry that an account, or a server that dials in, shows
// during its handshake (transport.Config.Register), and publishes it. The
// error is an *omega.Error.
func (p *Proxy) Register(ctx context.Context, role transport.Role, e wire.Entry) (*keyserver.Entry, error) {
	return nil, errors.ErrUnsupported
}

// Lookup returns the entry of an account, server or subkey from this key
// server, or, if it is not there, from others of the cloud, within 3 seconds.
// The error is an *omega.Error.
func (p *Proxy) Lookup(ctx context.Context, fp omega.Fingerprint) (*keyserver.Entry, error) {
	return nil, errors.ErrUnsupported
}

// SyncWith compares this key server with another one and takes over what that
// has and this lacks. It is called when a link to a server comes up and every
// ten minutes, at both ends. It returns how many entries changed.
func (p *Proxy) SyncWith(ctx context.Context, server omega.Fingerprint) (changed int, err error) {
	return 0, errors.ErrUnsupported
}

// ServerUp says that a server can be reached again: leases of devices whose
// home it is are sent to it at once, in case it forgot them.
func (p *Proxy) ServerUp(server omega.Fingerprint) {}

// Shutdown drains: it takes no new session and no new envelope, tells every
// client to attach elsewhere after a delay of its own, waits for what is being
// stored, and ends all sessions. It returns early with ctx's error.
func (p *Proxy) Shutdown(ctx context.Context) error { return errors.ErrUnsupported }
