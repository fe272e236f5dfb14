package transport

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A greeting is one handshake, seen from the dialling side.
type greeting struct {
	cfg        *DialConfig
	conn       *Conn
	bind       *binding
	hello      *serverHello
	helloHash  [32]byte
	transcript transcript

	server *pgp.Certificate // once the hello was checked
	device *pgp.Device      // the server's
}

// readHello reads the server's first frame and compares it with what is
// wanted. It proves nothing yet.
func (g *greeting) readHello() error {
	f, err := g.conn.ReadFrame()
	if err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	if f.Type != wire.TypeServerHello {
		return malformed(fmt.Sprintf("frame of type %d, want ServerHello", f.Type))
	}
	if g.hello, err = decodeServerHello(f.Body); err != nil {
		return err
	}
	g.helloHash = g.transcript.add(wire.TypeServerHello, f.Body)
	h, want := g.hello, g.cfg.Address.Fingerprint
	switch {
	case !want.IsZero() && h.server != want:
		return &OtherServer{h.server}
	case h.modes&uint8(g.bind.mode) == 0:
		return fmt.Errorf("%w: it does not offer the mode %s", ErrServer, g.bind.mode)
	case (g.bind.mode == ModeTerminated) != (len(h.ephemeral) == 32):
		return malformed("server hello: ephemeral key")
	case commonVersion(MaxVersion, MinVersion, h.maxVersion, h.minVersion) == 0:
		return omega.Errorf(omega.CodeVersion, "server speaks versions %d to %d, this program %d to %d",
			h.minVersion, h.maxVersion, MinVersion, MaxVersion)
	}
	return nil
}

// checkHello verifies the server's signature.
func (g *greeting) checkHello() error {
	cert, dev, err := g.hello.check(g.bind, g.knownServer(), g.cfg.Clock())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	g.server, g.device = cert, dev
	return nil
}

// authenticate proves who dials, by a ticket if one is at hand. Then the
// server's signature need not even be checked: a server that knows the
// ticket's secret is the one that gave it.
func (g *greeting) authenticate(ctx context.Context) error {
	if g.ticketFits() {
		done, err := g.resume()
		if done || err != nil {
			return err
		}
	}
	if err := g.checkHello(); err != nil {
		return err
	}
	return g.auth(ctx)
}

// ticketFits reports whether the ticket is for this server and identity and
// has some life left, and the server's key is still good as far as is known.
func (g *greeting) ticketFits() bool {
	t, id, now := g.cfg.Ticket, g.cfg.Identity, g.cfg.Clock()
	if known := g.knownServer(); known != nil && claimOf(known, 0, g.hello.device, now) == nil {
		return false
	}
	return t != nil && t.server == g.hello.server && t.account == id.Account() && t.device == id.Device() &&
		now.Before(t.expires)
}

// knownServer is the certificate known of the server that answered, or nil.
func (g *greeting) knownServer() *pgp.Certificate {
	if k := g.cfg.KnownServer; k != nil && k.Fingerprint() == g.hello.server {
		return k
	}
	return nil
}

// resume reports whether the server took the ticket.
func (g *greeting) resume() (done bool, err error) {
	t := g.cfg.Ticket
	r := &resume{ticket: t.sealed, maxVersion: MaxVersion, minVersion: MinVersion, mode: g.bind.mode, role: g.cfg.Role}
	if _, err := io.ReadFull(g.cfg.Rand, r.clientNonce[:]); err != nil {
		return false, fmt.Errorf("make nonce: %w", err)
	}
	if g.bind.ephemeral != nil {
		r.ephemeral = g.bind.ephemeral.PublicKey().Bytes()
	}
	r.mac = r.sum(t.secret, g.helloHash, g.bind)
	body := r.bytes()
	g.transcript.add(wire.TypeResume, body)
	if err := g.conn.writeNow(wire.TypeResume, 0, body); err != nil {
		return false, fmt.Errorf("send ticket: %w", err)
	}
	err = g.finish(t.secret, true)
	if errors.Is(err, errRefused) {
		return false, nil
	}
	return err == nil, err
}

// errRefused marks a handshake frame that was answered with CodeAuth.
var errRefused = &omega.Error{Code: omega.CodeAuth}

// auth sends the proof and, if asked, the certificate.
func (g *greeting) auth(ctx context.Context) error {
	id := g.cfg.Identity
	p := &proofText{
		serverNonce: g.hello.nonce, hello: g.helloHash, maxVersion: MaxVersion, minVersion: MinVersion,
		mode: g.bind.mode, role: g.cfg.Role,
		account: id.Account(), device: id.Device(), server: g.hello.server, channel: g.bind.channel(),
	}
	if _, err := io.ReadFull(g.cfg.Rand, p.clientNonce[:]); err != nil {
		return fmt.Errorf("make nonce: %w", err)
	}
	proof, err := pgp.SealProof(ctx, g.cfg.Rand, id.Signer, g.device.Encryption, p.bytes(), g.cfg.Clock())
	if err != nil {
		return err
	}
	body := (&auth{account: p.account, device: p.device, proof: proof}).bytes()
	g.transcript.add(wire.TypeAuth, body)
	if err := g.conn.writeNow(wire.TypeAuth, 0, body); err != nil {
		return fmt.Errorf("send proof: %w", err)
	}
	err = g.finish(p.clientNonce, false)
	if errors.Is(err, &omega.Error{Code: omega.CodeNeedCert}) && g.cfg.Register != nil {
		if err = g.sendCert(ctx); err == nil {
			err = g.finish(p.clientNonce, false)
		}
	}
	return g.explain(err)
}

func (g *greeting) sendCert(ctx context.Context) error {
	entry, err := g.cfg.Register(ctx)
	if err != nil {
		return fmt.Errorf("prepare registration: %w", err)
	}
	body := wire.AppendCert(nil, &entry, g.cfg.Invite)
	g.transcript.add(wire.TypeCert, body)
	if err := g.conn.writeNow(wire.TypeCert, 0, body); err != nil {
		return fmt.Errorf("send certificate: %w", err)
	}
	return nil
}

// explain adds to a refusal what may be the reason: the server does not say.
func (g *greeting) explain(err error) error {
	ahead := g.cfg.Clock().Sub(g.hello.time)
	if errors.Is(err, errRefused) && ahead.Abs() > omega.ClockTolerance {
		return &ClockError{Server: g.hello.server, Ahead: ahead, err: err}
	}
	return err
}

// A ClockError is a refusal (CodeAuth) by a server whose clock differs from this
// one by more than honest ones do, which is what it may be for.
type ClockError struct {
	Server omega.Fingerprint
	Ahead  time.Duration // this clock minus the server's
	err    error
}

// Error says by how much the clocks differ.
func (e *ClockError) Error() string {
	return fmt.Sprintf("%v (this clock and the server's differ by %v)", e.err, e.Ahead.Abs().Round(time.Second))
}

// Unwrap returns the refusal.
func (e *ClockError) Unwrap() error { return e.err }

// finish reads the server's answer to what the transcript ends with and, if it
// is a Welcome, checks that it comes from who could open our secret.
func (g *greeting) finish(secret [32]byte, resumed bool) error {
	f, err := g.conn.ReadFrame()
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if f.Type == wire.TypeError {
		if err := wire.DecodeStatus(f.Body); err != nil {
			return err
		}
	}
	if f.Type != wire.TypeWelcome {
		return malformed(fmt.Sprintf("frame of type %d, want Welcome", f.Type))
	}
	w, err := decodeWelcome(f.Body)
	if err != nil {
		return err
	}
	shared, err := g.bind.shared(g.hello.ephemeral)
	if err != nil {
		return err
	}
	k, err := deriveKeys(g.transcript.sum(g.bind), secret, shared, g.bind.mode)
	if err != nil {
		return err
	}
	if proof := w.sum(k.welcome); !hmac.Equal(proof[:], w.proof[:]) {
		return fmt.Errorf("%w: it could not open our proof", ErrServer)
	}
	if w.version != commonVersion(MaxVersion, MinVersion, g.hello.maxVersion, g.hello.minVersion) {
		return fmt.Errorf("%w: it chose version %d", ErrServer, w.version)
	}
	if err := g.conn.secure(&k.toServer, &k.toClient); err != nil {
		return err
	}
	g.keepTicket(w, k, resumed)
	peer := g.peer()
	peer.Version, peer.SessionID, peer.Resumed = w.version, w.sessionID, resumed
	g.conn.establish(peer, g.cfg.MaxQueue)
	return nil
}

func (g *greeting) keepTicket(w *welcome, k *keys, resumed bool) {
	id := g.cfg.Identity
	switch {
	case resumed:
		g.conn.ticket = g.cfg.Ticket
	case len(w.ticket) > 0:
		g.conn.ticket = &Ticket{
			server: g.hello.server, account: id.Account(), device: id.Device(),
			expires: w.expires, secret: k.resume, sealed: w.ticket,
		}
	}
}

// peer is the server, as far as it is known now.
func (g *greeting) peer() Peer {
	p := Peer{
		Account: g.hello.server, Device: g.hello.device, Certificate: g.server,
		Role: g.cfg.Role, Bulk: g.cfg.Bulk, Mode: g.bind.mode, Time: g.hello.time,
	}
	if p.Certificate == nil {
		p.Certificate = g.knownServer()
	}
	return p
}
