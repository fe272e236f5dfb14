package transport

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
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
	conn       *Conn
	bind       *binding
	role       Role // by the ALPN id
	hello      *serverHello
	helloHash  [32]byte
	transcript transcript
}

// Accept does TLS and the handshake on nc and returns the connection, or
// closes nc and returns why not: ErrGuest, ErrBusy, or what went wrong (for
// the log; the other side was told only CodeAuth). It returns within the
// handshake timeout, or the lifetime of a guest. The end of ctx ends it too.
func (s *Server) Accept(ctx context.Context, nc net.Conn) (*Conn, error) {
	c, err := s.enter(ctx, nc.RemoteAddr(), nc, func() (*shake, error) { return s.acceptTLS(nc) })
	if err != nil {
		_ = nc.Close()
	}
	return c, err
}

// enter passes the gate and does the handshake on what open returns; raw is
// what the end of ctx closes.
func (s *Server) enter(ctx context.Context, addr net.Addr, raw io.Closer, open func() (*shake, error)) (*Conn, error) {
	if !s.gate.enter(addr, s.now()) {
		s.busy.Add(1)
		return nil, ErrBusy
	}
	inside := true
	leave := func() {
		if inside {
			inside = false
			s.gate.leave(addr, s.now())
		}
	}
	defer leave()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()

	c, err := s.shakeHands(ctx, open, leave)
	switch {
	case err == nil:
		s.accepted.Add(1)
	case !errors.Is(err, ErrGuest):
		s.failed.Add(1)
	}
	return c, err
}

func (s *Server) shakeHands(ctx context.Context, open func() (*shake, error), leave func()) (*Conn, error) {
	h, err := open()
	if err != nil {
		return nil, err
	}
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
func (s *Server) acceptTLS(nc net.Conn) (*shake, error) {
	// One deadline for all that comes before the client has proved itself.
	if err := nc.SetDeadline(time.Now().Add(s.cfg.Limits.HandshakeTimeout)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	tc := tls.Server(nc, s.tls)
	if err := tc.Handshake(); err != nil { // the end of ctx closes nc, see enter
		return nil, fmt.Errorf("TLS: %w", err)
	}
	state := tc.ConnectionState()
	role := RoleClient
	switch state.NegotiatedProtocol {
	case ALPNClient:
	case ALPNPeer:
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
	return s.newShake(newConn(tlsLink{tc}, s.cfg.WriteTimeout), bind, role), nil
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

// authenticate goes from the client's first frame to the Welcome. A Resume
// that is refused may be followed by an Auth, so that a ticket that a restart
// made void does not cost another TLS handshake.
func (h *shake) authenticate(ctx context.Context, f wire.Frame) error {
	if f.Type == wire.TypeResume {
		err := h.resume(ctx, f.Body)
		if err == nil {
			return nil
		}
		if err := h.say(0, errAuth); err != nil {
			return err
		}
		next, readErr := h.read(wire.HeaderSize + maxAuth)
		if readErr != nil {
			return fmt.Errorf("after a refused ticket (%w): %w", err, readErr)
		}
		f = next
	}
	if f.Type != wire.TypeAuth {
		return malformed(fmt.Sprintf("frame of type %d, want Auth", f.Type))
	}
	return h.auth(ctx, f.Body)
}

// A claim is who says to be there, and what this server knows of them.
type claim struct {
	certificate *pgp.Certificate
	device      pgp.Device
	generation  uint64
}

// auth checks a proof. Whoever is not known here as an active device of an
// account gets NeedCert, whatever the reason: unknown account, unknown,
// expired or revoked device, expired certificate. That tells no more than a
// guest's look-up does, and lets a new device, or a renewed certificate, in.
func (h *shake) auth(ctx context.Context, body []byte) error {
	a, err := decodeAuth(body)
	if err != nil {
		return err
	}
	h.transcript.add(wire.TypeAuth, body)
	who, err := h.find(ctx, a.account, a.device)
	if err != nil {
		return err
	}
	if who == nil {
		return h.authWithCert(ctx, a)
	}
	p, err := h.openProof(ctx, a, &who.device)
	if err != nil {
		return err
	}
	return h.welcome(who, p)
}

// find returns nil for everybody whose proof cannot be checked yet.
func (h *shake) find(ctx context.Context, account, device omega.Fingerprint) (*claim, error) {
	cert, generation, err := h.server.cfg.Find(ctx, account)
	h.renew()
	if errors.Is(err, &omega.Error{Code: omega.CodeNotFound}) {
		return nil, nil
	}
	if err != nil {
		return nil, tell(internal(fmt.Errorf("find %s: %w", account, err)))
	}
	return claimOf(cert, generation, device, h.server.now()), nil
}

// internal hides the code of an error that is not for the other side.
func internal(err error) error { return errors.New(err.Error()) }

func claimOf(cert *pgp.Certificate, generation uint64, device omega.Fingerprint, now time.Time) *claim {
	if cert == nil || cert.Check(now) != nil {
		return nil
	}
	dev, ok := cert.Device(device)
	if !ok || !dev.Active(now) {
		return nil
	}
	return &claim{certificate: cert, device: dev, generation: generation}
}

// authWithCert asks for the certificate, checks the proof with it, and only
// then registers it: nobody can register what is not his.
func (h *shake) authWithCert(ctx context.Context, a *auth) error {
	if err := h.say(0, &omega.Error{Code: omega.CodeNeedCert, Text: "send the certificate"}); err != nil {
		return err
	}
	f, err := h.read(maxCert)
	if err != nil {
		return err
	}
	if f.Type != wire.TypeCert {
		return malformed(fmt.Sprintf("frame of type %d, want Cert", f.Type))
	}
	entry, err := wire.DecodeEntry(f.Body)
	if err != nil {
		return err
	}
	s := h.server
	if !s.gate.charge(h.conn.RemoteAddr(), registrationCost, s.now()) {
		return tell(omega.Errorf(omega.CodeRateLimited, "too many registrations"))
	}
	h.transcript.add(wire.TypeCert, f.Body)
	cert, err := pgp.ParseCertificate(entry.Certificate, s.now())
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", a.account, err)
	}
	who := claimOf(cert, 0, a.device, s.now())
	if who == nil || cert.Fingerprint() != a.account {
		return fmt.Errorf("certificate shown for %s does not hold it and the device %s", a.account, a.device)
	}
	p, err := h.openProof(ctx, a, &who.device)
	if err != nil {
		return err
	}
	record := append([]byte(nil), entry.Record...)
	if who, err = h.register(ctx, cert, record, a.device); err != nil {
		return err
	}
	s.registered.Add(1)
	return h.welcome(who, p)
}

// register asks the hook, and looks at the merged certificate once more: a
// revocation that was known here sticks.
func (h *shake) register(ctx context.Context, cert *pgp.Certificate, record []byte, device omega.Fingerprint) (*claim, error) {
	s := h.server
	if s.cfg.Register == nil {
		return nil, tell(omega.Errorf(omega.CodeRefused, "this server takes no registrations"))
	}
	r := Registration{Role: h.role, Certificate: cert, Record: record, Remote: h.conn.RemoteAddr()}
	merged, generation, err := s.cfg.Register(ctx, r)
	h.renew()
	if err != nil {
		return nil, tell(fmt.Errorf("register %s: %w", cert.Fingerprint(), err))
	}
	who := claimOf(merged, generation, device, s.now())
	if who == nil || merged.Fingerprint() != cert.Fingerprint() {
		return nil, fmt.Errorf("register %s: device %s is not active after the merge", cert.Fingerprint(), device)
	}
	return who, nil
}

// A proven is a proof that was good.
type proven struct {
	device    *pgp.Device // nil after a Resume
	version   uint8
	secret    [32]byte // that the keys come from
	ephemeral []byte   // the client's, for ModeTerminated
	ticket    *ticketState
}

// openProof checks the proof of a with dev's key.
func (h *shake) openProof(ctx context.Context, a *auth, dev *pgp.Device) (*proven, error) {
	s := h.server
	plain, err := pgp.OpenProof(ctx, dev.Signing, s.cfg.Identity.Decrypter, a.proof, s.now())
	if err != nil {
		return nil, fmt.Errorf("proof of %s: %w", a.account, err)
	}
	p, err := decodeProofText(plain)
	if err != nil {
		return nil, err
	}
	if !p.matches(h, a) {
		return nil, fmt.Errorf("proof of %s is not for this connection", a.account)
	}
	out := &proven{device: dev, secret: p.clientNonce}
	if h.bind.mode == ModeTerminated {
		out.ephemeral = p.channel[:]
	}
	out.version = commonVersion(MaxVersion, MinVersion, p.maxVersion, p.minVersion)
	if out.version == 0 {
		return nil, tell(omega.Errorf(omega.CodeVersion, "this server speaks versions %d to %d", MinVersion, MaxVersion))
	}
	return out, nil
}

// resume checks a Resume and, if it is good, ends the handshake.
func (h *shake) resume(ctx context.Context, body []byte) error {
	s, now := h.server, h.server.now()
	h.transcript.add(wire.TypeResume, body)
	r, err := decodeResume(body)
	if err != nil {
		return err
	}
	t, err := s.tickets.open(r.ticket, now)
	if err != nil {
		return err
	}
	mac := r.sum(t.secret, h.helloHash, h.bind)
	if !hmac.Equal(mac[:], r.mac[:]) {
		return fmt.Errorf("resume %s: wrong MAC", t.account)
	}
	if r.mode != h.bind.mode || r.role != h.role || t.role != h.role {
		return fmt.Errorf("resume %s: wrong mode or role", t.account)
	}
	p := &proven{secret: t.secret, ephemeral: r.ephemeral, ticket: t}
	if p.version = commonVersion(MaxVersion, MinVersion, r.maxVersion, r.minVersion); p.version == 0 {
		return fmt.Errorf("resume %s: no version in common", t.account)
	}
	who, err := h.find(ctx, t.account, t.device)
	if err != nil {
		return err
	}
	if who == nil || who.generation != t.generation {
		return fmt.Errorf("resume %s: the device list moved", t.account)
	}
	return h.welcome(who, p)
}

// welcome ends the handshake.
func (h *shake) welcome(who *claim, p *proven) error {
	shared, err := h.bind.shared(p.ephemeral)
	if err != nil {
		return err
	}
	k, err := deriveKeys(h.transcript.sum(h.bind), p.secret, shared, h.bind.mode)
	if err != nil {
		return err
	}
	w, err := h.newWelcome(who, p, k)
	if err != nil {
		return tell(internal(err))
	}
	if err := h.conn.writeNow(wire.TypeWelcome, 0, w.bytes()); err != nil {
		return fmt.Errorf("send welcome: %w", err)
	}
	if err := h.conn.secure(&k.toClient, &k.toServer); err != nil {
		return err
	}
	queue := h.server.cfg.ClientQueue
	if h.role == RoleServer {
		queue = h.server.cfg.PeerQueue
	}
	if p.ticket != nil {
		h.server.resumed.Add(1)
	}
	h.conn.establish(Peer{
		Account: who.certificate.Fingerprint(), Device: who.device.Signing.Fingerprint(), Certificate: who.certificate,
		Role: h.role, Mode: h.bind.mode, Version: w.version, SessionID: w.sessionID, Resumed: p.ticket != nil,
	}, queue)
	return nil
}

// newWelcome makes the Welcome, with a ticket unless one was just used.
func (h *shake) newWelcome(who *claim, p *proven, k *keys) (*welcome, error) {
	s, now := h.server, h.server.now()
	w := &welcome{version: p.version}
	if _, err := io.ReadFull(s.cfg.Rand, w.sessionID[:]); err != nil {
		return nil, fmt.Errorf("make session id: %w", err)
	}
	if p.ticket != nil {
		w.expires = p.ticket.expires
	} else {
		t := &ticketState{
			role: h.role, account: who.certificate.Fingerprint(), device: who.device.Signing.Fingerprint(),
			generation: who.generation, expires: now.Add(omega.MaxTicket).Truncate(time.Millisecond), secret: k.resume,
		}
		var err error
		if w.ticket, err = s.tickets.seal(t, now); err != nil {
			return nil, err
		}
		w.expires = t.expires
	}
	w.proof = w.sum(k.welcome)
	return w, nil
}
