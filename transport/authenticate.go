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
// (spec/handshake.md, SHAKE-6)
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
	entry, invite, err := wire.DecodeCert(f.Body)
	if err != nil {
		return err
	}
	s := h.server
	if !h.gate.Charge(h.conn.RemoteAddr(), registrationCost, s.now()) {
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
	r := Registration{
		Role: h.role, Certificate: cert, Record: append([]byte(nil), entry.Record...), Invite: invite, Remote: h.conn.RemoteAddr(),
	}
	if who, err = h.register(ctx, r, a.device); err != nil {
		return err
	}
	s.registered.Add(1)
	return h.welcome(who, p)
}

// register asks the hook, and looks at the merged certificate once more: a
// revocation that was known here sticks.
func (h *shake) register(ctx context.Context, r Registration, device omega.Fingerprint) (*claim, error) {
	s, account := h.server, r.Certificate.Fingerprint()
	if s.cfg.Register == nil {
		return nil, tell(omega.Errorf(omega.CodeRefused, "this server takes no registrations"))
	}
	merged, generation, err := s.cfg.Register(ctx, r)
	h.renew()
	if err != nil {
		return nil, tell(fmt.Errorf("register %s: %w", account, err))
	}
	who := claimOf(merged, generation, device, s.now())
	if who == nil || merged.Fingerprint() != account {
		return nil, fmt.Errorf("register %s: device %s is not active after the merge", account, device)
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
		Role: h.role, Bulk: h.bulk, Mode: h.bind.mode, Version: w.version, SessionID: w.sessionID, Resumed: p.ticket != nil,
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
