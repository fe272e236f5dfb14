package transport

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// helloLabel starts what a server signs (spec/identity.md, IDENT-8).
const helloLabel = "omega-im/server-hello/v1\n"

// maxHello is more than the longest ServerHello body in octets.
const maxHello = omega.MaxCertificate + 512

// A serverHello is the first frame of every connection, server to client:
//
//	u8 highest version | u8 lowest version | u8 modes offered
//	| 32 nonce | u8 n | n X25519 public key (n is 0 over TLS, otherwise 32)
//	| fp server | fp its signing subkey | u16 length | certificate
//	| u64 seconds | u8 64 | 64 compact signature
//
// The signature covers the label, everything before the seconds, and then what
// the connection itself must be (see binding.signed):
//
//	u8 mode | 32 SHA-256 of the TLS key (SPKI) | 32 TLS exporter
//
// with zeros for both over a WebSocket. So nobody can show it on a connection
// of his own, and nobody can take a TLS client to the WebSocket or back.
// (spec/handshake.md, SHAKE-3)
type serverHello struct {
	maxVersion  uint8
	minVersion  uint8
	modes       uint8 // bits of Mode
	nonce       [32]byte
	ephemeral   []byte // nil over TLS
	server      omega.Fingerprint
	device      omega.Fingerprint // that signed
	certificate []byte
	time        time.Time // whole seconds
	sig         pgp.Compact
}

func (h *serverHello) appendFields(b []byte) []byte {
	b = append(b, h.maxVersion, h.minVersion, h.modes)
	b = append(b, h.nonce[:]...)
	b = appendOptional32(b, h.ephemeral)
	b = h.server.AppendTo(b)
	b = h.device.AppendTo(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.certificate)))
	return append(b, h.certificate...)
}

func (h *serverHello) bytes() []byte {
	b := h.appendFields(make([]byte, 0, len(h.certificate)+256))
	b = binary.BigEndian.AppendUint64(b, uint64(h.time.Unix()))
	b = append(b, pgp.CompactSize)
	return append(b, h.sig[:]...)
}

// signed returns what the signature covers on a connection bound by bind.
func (h *serverHello) signed(bind *binding) []byte {
	b := h.appendFields(append(make([]byte, 0, len(h.certificate)+256), helloLabel...))
	return bind.signed(b)
}

// decodeServerHello reads a ServerHello. The certificate is a copy.
func decodeServerHello(b []byte) (*serverHello, error) {
	c := cursor{b: b}
	h := &serverHello{maxVersion: c.u8(), minVersion: c.u8(), modes: c.u8(), nonce: c.b32()}
	h.ephemeral = append([]byte(nil), c.optional32()...)
	h.server, h.device = c.fp(), c.fp()
	n := int(c.u16())
	if n > omega.MaxCertificate {
		return nil, malformed("server hello: certificate")
	}
	h.certificate = append([]byte(nil), c.take(n)...)
	seconds := c.u64()
	if seconds > maxSeconds || c.u8() != pgp.CompactSize {
		return nil, malformed("server hello: signature")
	}
	h.time = time.Unix(int64(seconds), 0).UTC()
	copy(h.sig[:], c.take(pgp.CompactSize))
	if h.minVersion == 0 || h.minVersion > h.maxVersion {
		return nil, malformed("server hello: versions")
	}
	return h, c.end("server hello")
}

// maxSeconds is the last second that an OpenPGP signature can be made in.
const maxSeconds = 1<<32 - 1

// newHello makes and signs the hello of one connection.
func (s *Server) newHello(ctx context.Context, bind *binding) (*serverHello, error) {
	id := s.cfg.Identity
	h := &serverHello{
		maxVersion: MaxVersion, minVersion: MinVersion, modes: s.modes(),
		server: id.Account(), device: id.Device(), certificate: s.certificate, time: s.now(),
	}
	if bind.ephemeral != nil {
		h.ephemeral = bind.ephemeral.PublicKey().Bytes()
	}
	if _, err := io.ReadFull(s.cfg.Rand, h.nonce[:]); err != nil {
		return nil, fmt.Errorf("make nonce: %w", err)
	}
	sig, err := pgp.SignCompact(ctx, id.Signer, h.signed(bind), h.time)
	if err != nil {
		return nil, fmt.Errorf("sign hello: %w", err)
	}
	h.sig = sig
	return h, nil
}

// check verifies that the hello was made by the wanted server for this very
// connection, and returns its certificate and device. known, if any, is
// merged with what the server shows.
func (h *serverHello) check(bind *binding, known *pgp.Certificate, now time.Time) (*pgp.Certificate, *pgp.Device, error) {
	cert, err := pgp.ParseCertificate(h.certificate, now)
	if err != nil {
		return nil, nil, fmt.Errorf("server's certificate: %w", err)
	}
	if cert.Fingerprint() != h.server {
		return nil, nil, fmt.Errorf("server says it is %s and shows the certificate of %s", h.server, cert.Fingerprint())
	}
	if known != nil {
		if cert, err = pgp.Merge(known, cert, now); err != nil {
			return nil, nil, fmt.Errorf("merge the server's certificate with the known one: %w", err)
		}
	}
	if err := cert.Check(now); err != nil {
		return nil, nil, fmt.Errorf("server %s: %w", h.server, err)
	}
	dev, ok := cert.Device(h.device)
	if !ok || !dev.Active(now) {
		return nil, nil, fmt.Errorf("server %s: subkey %s may not sign for it", h.server, h.device)
	}
	if err := pgp.VerifyCompact(dev.Signing, h.signed(bind), h.time, h.sig); err != nil {
		return nil, nil, fmt.Errorf("server %s: hello for this connection: %w", h.server, err)
	}
	return cert, &dev, nil
}

// commonVersion is the highest version that both sides speak, or 0.
func commonVersion(maxA, minA, maxB, minB uint8) uint8 {
	v := min(maxA, maxB)
	if v < max(minA, minB) {
		return 0
	}
	return v
}
