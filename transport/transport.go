// Package transport is the handshake and the authenticated, framed connection
// that comes out of it, for both sides, between a client and its proxy and
// between two servers. It runs over TLS 1.3 on TCP, over WebSockets, and over
// anything else that is a net.Conn, such as the in-memory network of tests.
//
// A server shows first who it is: a one-use nonce and its OpenPGP signature
// over that, its TLS key and the TLS session. A client answers with an OpenPGP
// message, signed by its device, over an OpenPGP message, encrypted to the
// server, that names both, the nonce and the session. So neither can be
// impersonated, and nothing of it is worth anything on another connection.
// Later connections may be resumed with a ticket, at the cost of one HMAC.
// (spec/handshake.md)
//
// The files, in the order of a connection's life: address.go, dial.go and
// server.go; hello.go, auth.go, resume.go and welcome.go (the messages, with
// their layouts); keys.go and ticket.go (what is derived from them);
// accept.go, authenticate.go and guest.go (the server's order of work) and
// greet.go (the client's); conn.go, read.go and send.go (frames); tls13.go
// (records after the handshake of TLS, at the server) and websocket.go (frames
// where there is no TLS of our own).
package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// MinVersion is the oldest version of the protocol that this code speaks; the
// newest is MaxVersion. Both sides name all they can, and the highest one in
// common is used; the rule is N and N-1, and the first version has nothing
// before it. (spec/wire.md, WIRE-10)
const MinVersion = max(1, MaxVersion-1)

// ALPN protocol ids (RFC 7301) and the WebSocket subprotocol and path
// (RFC 6455). The id of the TLS session and the role in the proof must agree.
const (
	ALPNClient    = "omega/1"
	ALPNPeer      = "omega-peer/1"
	ALPNBulk      = "omega-peer-bulk/1" // a second connection between servers (spec/cloud.md, CLOUD-34)
	Subprotocol   = "omega.v1"
	WebSocketPath = "/api/v1/connect"
)

// Magic is the protocol's word in every proof: the SHA-1 of its pass-phrase.
// It is a label, not a secret: everyone may know it, and nothing rests on it.
// (spec/handshake.md, SHAKE-5)
var Magic = [20]byte{
	0xe2, 0x01, 0x4b, 0x07, 0xb0, 0x2c, 0x33, 0x59, 0xa3, 0x70,
	0x34, 0x3e, 0xdc, 0x03, 0xb0, 0x80, 0x8b, 0x12, 0x98, 0x92,
}

// A Role is what the dialling side is.
type Role uint8

const (
	RoleClient Role = 1 // a user's device
	RoleServer Role = 2 // a server that dials another one
)

// String returns "client" or "server".
func (r Role) String() string {
	switch r {
	case RoleClient:
		return "client"
	case RoleServer:
		return "server"
	}
	return fmt.Sprintf("role_%d", uint8(r))
}

func (r Role) alpn(bulk bool) string {
	if r == RoleServer && bulk {
		return ALPNBulk
	}
	if r == RoleServer {
		return ALPNPeer
	}
	return ALPNClient
}

func (r Role) maxFrame() int {
	if r == RoleServer {
		return omega.MaxPeerFrame
	}
	return omega.MaxFrame
}

// A Mode is what ties the handshake to the connection. It also stands as a
// bit in the ServerHello: the modes that a server offers. (spec/handshake.md,
// SHAKE-2)
type Mode uint8

const (
	// ModeExporter binds to the TLS session by its exporter (RFC 9266); TLS
	// protects the frames.
	ModeExporter Mode = 1

	// ModeTerminated is for WebSockets, where TLS may end in a browser or in
	// front of the server: both sides agree on keys and seal every frame.
	ModeTerminated Mode = 2
)

// String returns "exporter" or "terminated".
func (m Mode) String() string {
	switch m {
	case ModeExporter:
		return "exporter"
	case ModeTerminated:
		return "terminated"
	}
	return fmt.Sprintf("mode_%d", uint8(m))
}

// Errors that callers decide on. What the other side said is an *omega.Error.
var (
	// ErrSlow is returned by Send when the other side does not take what is
	// queued for it. The frame was not queued.
	ErrSlow = errors.New("the other side reads too slowly")

	// ErrClosed is returned by everything on a connection that this side closed.
	ErrClosed = errors.New("connection is closed")

	// ErrGuest is returned by Server.Accept after it served a visitor who only
	// looked something up and left. Nothing is wrong.
	ErrGuest = errors.New("a guest came and left")

	// ErrBusy is returned by Server.Accept for a connection that it refused
	// unread because too many others are in a handshake or this address tries
	// too often.
	ErrBusy = errors.New("too many handshakes")

	// ErrServer is wrapped by Dial when whoever answered is not the wanted
	// server: another key, a revoked key, or somebody between.
	ErrServer = errors.New("the server cannot prove that it is the wanted one")

	// ErrRole is wrapped by Dial when TLS answers and does not take who dials in
	// this role: most likely the port is the one for the other role.
	ErrRole = errors.New("nobody in this role is taken at this port")

	// ErrPlain is wrapped by Dial when no TLS answers: most likely the port is the
	// one of the web site.
	ErrPlain = errors.New("what answers at this port is no TLS")
)

// An OtherServer is the error of Dial when whoever answered says that it is another
// server than the wanted one. It wraps ErrServer.
type OtherServer struct{ Says omega.Fingerprint }

// Error implements error.
func (e *OtherServer) Error() string { return fmt.Sprintf("%v: it says it is %s", ErrServer, e.Says) }

// Unwrap returns ErrServer.
func (e *OtherServer) Unwrap() error { return ErrServer }

// errAuth is the one answer to every handshake that fails.
var errAuth = &omega.Error{Code: omega.CodeAuth, Text: "authentication failed"}

// A Peer is who is at the other end, as the handshake proved it.
type Peer struct {
	Account omega.Fingerprint // of the user or server
	Device  omega.Fingerprint // its signing subkey

	// Certificate is the account's, as it was known when the handshake ended. It
	// is nil on a connection that was resumed without DialConfig.KnownServer, and
	// after Conn.ReleaseCertificate.
	Certificate *pgp.Certificate

	Role      Role // of the dialling side, whichever this is
	Mode      Mode
	Version   uint8    // of the protocol, agreed
	SessionID [16]byte // the same at both ends, for logs; no secret
	Resumed   bool     // by a ticket
	Bulk      bool     // a second connection between servers, for bulk

	// Time is the server's clock at the start of the handshake, in whole
	// seconds and signed by it; zero at the server itself.
	Time time.Time
}
