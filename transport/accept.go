package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// maxFirst is the longest frame that a stranger may send, in octets: a blob.
const maxFirst = wire.HeaderSize + HandleSize + MaxBlob

// maxCert is the longest Cert frame in octets: a certificate and a record.
const maxCert = wire.HeaderSize + omega.MaxCertificate + 2<<10

// A told is an error whose code the other side may know. Every other error is
// answered with errAuth.
type told struct {
	say *omega.Error
	err error // for the log
}

func (t *told) Error() string { return t.err.Error() }
func (t *told) Unwrap() error { return t.err }

// tell lets the other side know the code of err, or CodeInternal if it has
// none.
func tell(err error) error {
	var say *omega.Error
	if !errors.As(err, &say) {
		say = &omega.Error{Code: omega.CodeInternal, Text: "the server failed; try again later"}
	}
	return &told{say: say, err: err}
}

// A shake is one handshake, seen from the server.
type shake struct {
	server     *Server
	gate       *Gate // that it came by
	conn       *Conn
	bind       *binding
	role       Role // by the ALPN id
	bulk       bool // the same
	hello      *serverHello
	helloHash  [32]byte
	transcript transcript
}

// Accept does TLS and the handshake on nc and returns the connection, or
// closes nc and returns why not: ErrGuest, ErrBusy, or what went wrong (for
// the log; the other side was told only CodeAuth). It returns within the
// handshake timeout, or the lifetime of a guest. The end of ctx ends it too.
func (s *Server) Accept(ctx context.Context, nc net.Conn) (*Conn, error) {
	return s.accept(ctx, nc, entrance{s.tls, s.gate}, nil)
}

// An entrance is what a listener asks of who comes.
type entrance struct {
	tls  *tls.Config
	gate *Gate
}

// accept is Accept with the entrance of a listener, for a connection that may be
// something else: isCircuit, if any, looks at it first. With errCircuit the
// connection stays open.
func (s *Server) accept(ctx context.Context, nc net.Conn, in entrance, isCircuit func() (bool, error)) (*Conn, error) {
	c, err := s.enter(ctx, in.gate, nc.RemoteAddr(), nc, func() (*shake, error) { return s.acceptTLS(nc, in.tls, isCircuit) })
	if err != nil && !errors.Is(err, errCircuit) {
		_ = nc.Close()
	}
	return c, err
}

// enter passes a gate and does the handshake on what open returns; raw is
// what the end of ctx closes.
func (s *Server) enter(ctx context.Context, gate *Gate, addr net.Addr, raw io.Closer, open func() (*shake, error)) (*Conn, error) {
	if !gate.Enter(addr, s.now()) {
		s.busy.Add(1)
		return nil, ErrBusy
	}
	inside := true
	leave := func() {
		if inside {
			inside = false
			gate.Leave(addr, s.now())
		}
	}
	defer leave()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()

	c, err := s.shakeHands(ctx, gate, open, leave)
	switch {
	case err == nil:
		s.accepted.Add(1)
	case !errors.Is(err, ErrGuest) && !errors.Is(err, errCircuit):
		s.failed.Add(1)
	}
	return c, err
}

func (s *Server) shakeHands(ctx context.Context, gate *Gate, open func() (*shake, error), leave func()) (*Conn, error) {
	h, err := open()
	if err != nil {
		return nil, err
	}
	h.gate = gate
	if err := h.sendHello(ctx); err != nil {
		return nil, err
	}
	first, err := h.read(maxFirst)
	if err != nil {
		return nil, h.refuse(err)
	}
	if isGuest(first.Type) && h.role == RoleClient {
		leave()
		return nil, h.serveGuest(ctx, first)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Limits.HandshakeTimeout)
	defer cancel()
	if err := h.authenticate(ctx, first); err != nil {
		return nil, h.refuse(err)
	}
	return h.conn, nil
}

// acceptTLS makes the TLS session.
func (s *Server) acceptTLS(nc net.Conn, config *tls.Config, isCircuit func() (bool, error)) (*shake, error) {
	// One deadline for all that comes before the client has proved itself.
	if err := nc.SetDeadline(time.Now().Add(s.cfg.Limits.HandshakeTimeout)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	if isCircuit != nil {
		if is, err := isCircuit(); err != nil {
			return nil, err
		} else if is {
			return nil, errCircuit
		}
	}
	raw, secrets := &feed{Conn: nc}, &trafficSecrets{}
	tc := tls.Server(raw, secrets.config(config))
	if err := tc.Handshake(); err != nil { // the end of ctx closes nc, see enter
		return nil, fmt.Errorf("TLS: %w", err)
	}
	state := tc.ConnectionState()
	role := RoleClient
	switch state.NegotiatedProtocol {
	case ALPNClient:
	case ALPNPeer, ALPNBulk:
		role = RoleServer
	default:
		return nil, errors.New("TLS: no ALPN protocol id")
	}
	bind, err := tlsBinding(&state, s.leaf)
	if err != nil {
		return nil, err
	}
	keepAlive(nc, role)
	if role == RoleClient {
		boundSendBuffer(nc)
	}
	h := s.newShake(newConn(afterHandshake(tc, raw, &state, secrets, role), s.cfg.WriteTimeout), bind, role)
	h.bulk = state.NegotiatedProtocol == ALPNBulk
	return h, nil
}

// afterHandshake chooses who carries on with a TLS connection.
func afterHandshake(tc *tls.Conn, raw *feed, state *tls.ConnectionState, secrets *trafficSecrets, role Role) link {
	if l := newTLS13Link(raw, state, secrets, role); l != nil {
		return l
	}
	raw.over = true
	return tlsLink{tc}
}

func (s *Server) newShake(c *Conn, bind *binding, role Role) *shake {
	return &shake{server: s, conn: c, bind: bind, role: role, transcript: newTranscript()}
}

func (h *shake) sendHello(ctx context.Context) error {
	var err error
	if h.hello, err = h.server.newHello(ctx, h.bind); err != nil {
		return err
	}
	body := h.hello.bytes()
	h.helloHash = h.transcript.add(wire.TypeServerHello, body)
	if err := h.conn.writeNow(wire.TypeServerHello, 0, body); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	return nil
}

// read reads a frame of at most max octets.
func (h *shake) read(max int) (wire.Frame, error) {
	h.conn.maxFrame = max
	return h.conn.ReadFrame()
}

// renew gives the client the handshake timeout once more, after a hook that
// may have taken all of it.
func (h *shake) renew() {
	until := time.Now().Add(h.server.cfg.Limits.HandshakeTimeout)
	_ = h.conn.link.SetReadDeadline(until)
	_ = h.conn.link.SetWriteDeadline(until)
}

// refuse answers err and returns it. It is the only place that chooses what a
// stranger is told: the same for everything, but for what has nothing to do
// with who the stranger is, or comes after the proof was good.
// (spec/handshake.md, SHAKE-10)
func (h *shake) refuse(err error) error {
	say := errAuth
	var t *told
	if errors.As(err, &t) {
		say = t.say
	}
	_ = h.say(0, say)
	_ = h.conn.Close()
	return err
}

func (h *shake) say(tag uint32, e *omega.Error) error {
	return h.conn.writeNow(wire.TypeError, tag, wire.AppendStatus(nil, e.Code, e.Text))
}
