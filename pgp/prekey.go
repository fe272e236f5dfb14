package pgp

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/sha1" // #nosec: v4 fingerprints are SHA-1 by definition
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/aes/keywrap"
)

// Hybrid is ML-KEM-768 with X25519 (RFC 9980, section 4.2). Only prekeys have
// it: gpg 2.2 does not know it, and one such subkey in the owner's keyring
// would keep gpg from using the rest.
const Hybrid Algorithm = 35

const (
	prekeyBody = 1 + 4 + 1 + 32 + mlkem.EncapsulationKeySize768

	// hybridWrapBody is the body of a PKESK packet, version 3: version, key id,
	// algorithm, ephemeral point, ML-KEM ciphertext, length, cipher, wrapped
	// session key.
	hybridWrapBody = 1 + 8 + 1 + 32 + mlkem.CiphertextSize768 + 1 + 1 + sessionKeySize + 8

	// HybridWrapSize is the size of what Prekey.Wrap makes, in octets, with its
	// packet header.
	HybridWrapSize = 3 + hybridWrapBody

	// PrekeySize is the same of a public prekey.
	PrekeySize = 3 + prekeyBody

	// PrekeySecretSize is the size of what PrekeySecret.Marshal writes.
	PrekeySecretSize = 4 + 32 + mlkem.SeedSize
)

// A Prekey is a public key that lives outside certificates, for one wrapped
// secret or a week of them. It is immutable. Nothing in it says whose it is:
// that is what a device's signature over Hash is for. (spec/secure.md, SEC-1)
type Prekey struct {
	body []byte
	x    *ecdh.PublicKey
	m    *mlkem.EncapsulationKey768
	id   [8]byte
}

// ParsePrekey reads one Public-Subkey packet of the one form that prekeys have.
// The bytes are copied.
func ParsePrekey(b []byte) (*Prekey, error) {
	tag, body, rest, err := nextPacket(b)
	if err != nil || tag != tagPublicSubkey || len(rest) != 0 || len(body) != prekeyBody || len(b) != PrekeySize {
		return nil, fmt.Errorf("read prekey of %d octets: %w", len(b), ErrMalformed)
	}
	if body[0] != 4 || Algorithm(body[5]) != Hybrid {
		return nil, fmt.Errorf("read prekey: %w: version %d, algorithm %d", ErrPolicy, body[0], body[5])
	}
	return newPrekey(bytes.Clone(body))
}

func newPrekey(body []byte) (*Prekey, error) {
	p := &Prekey{body: body}
	var err error
	if p.x, err = ecdh.X25519().NewPublicKey(body[6:38]); err != nil {
		return nil, fmt.Errorf("read prekey: %w: %v", ErrMalformed, err)
	}
	if p.m, err = mlkem.NewEncapsulationKey768(body[38:]); err != nil {
		return nil, fmt.Errorf("read prekey: %w: %v", ErrMalformed, err)
	}
	h := sha1.New() // #nosec
	h.Write(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(body))))
	h.Write(body)
	p.id = [8]byte(h.Sum(nil)[12:])
	return p, nil
}

// Packet returns the Public-Subkey packet.
func (p *Prekey) Packet() []byte {
	return appendPacket(make([]byte, 0, PrekeySize), tagPublicSubkey, p.body)
}

// KeyID is what wraps name the prekey by: the last octets of its v4
// fingerprint. It can be forged and is for looking up only.
func (p *Prekey) KeyID() [8]byte { return p.id }

// Created is the creation time in the key packet, in whole seconds, UTC.
func (p *Prekey) Created() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(p.body[1:])), 0).UTC()
}

// Wrap wraps a 32-octet AES-256 session key and returns a whole PKESK packet,
// version 3 (RFC 9580, section 5.1.1; RFC 9980, section 4.3.1). It reads 32
// octets of rand; ML-KEM takes its randomness from the system.
func (p *Prekey) Wrap(rand io.Reader, key []byte) ([]byte, error) {
	w, err := NewWrapper(rand, key)
	if err != nil {
		return nil, err
	}
	return w.Wrap(p)
}

// A Wrapper wraps one session key for many prekeys. The ephemeral X25519 key is
// the same in all its wraps, which is sound because they carry the same secret
// and each is derived with the reader's own point; ML-KEM is done anew for each.
// (spec/secure.md, SEC-14)
type Wrapper struct {
	key       []byte
	ephemeral *ecdh.PrivateKey
	point     []byte
}

// NewWrapper reads 32 octets of rand. It keeps key, which the caller destroys
// when everything is wrapped.
func NewWrapper(rand io.Reader, key []byte) (*Wrapper, error) {
	if len(key) != sessionKeySize {
		return nil, fmt.Errorf("wrap session key of %d octets: %w", len(key), ErrPolicy)
	}
	var scalar [32]byte
	if _, err := io.ReadFull(rand, scalar[:]); err != nil {
		return nil, fmt.Errorf("wrap session key: %w", err)
	}
	defer clear(scalar[:])
	ephemeral, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		return nil, fmt.Errorf("wrap session key: %w", err)
	}
	return &Wrapper{key, ephemeral, ephemeral.PublicKey().Bytes()}, nil
}

// Wrap returns a whole PKESK packet for p, as Prekey.Wrap does. Several goroutines may call it
// at once.
func (w *Wrapper) Wrap(p *Prekey) ([]byte, error) {
	classical, err := w.ephemeral.ECDH(p.x)
	if err != nil {
		return nil, fmt.Errorf("wrap session key: %w: degenerate point", ErrPolicy)
	}
	quantum, ciphertext := p.m.Encapsulate()
	wrapped, err := keywrap.Wrap(combine(quantum, classical, w.point, p.x.Bytes()), w.key)
	if err != nil {
		return nil, fmt.Errorf("wrap session key: %w", err)
	}
	body := make([]byte, 0, hybridWrapBody)
	body = append(append(append(body, 3), p.id[:]...), byte(Hybrid))
	body = append(append(body, w.point...), ciphertext...)
	body = append(append(body, byte(1+len(wrapped)), cipherAES256), wrapped...)
	return appendPacket(make([]byte, 0, HybridWrapSize), tagPKESK, body), nil
}

// Format keeps every verb away from the session key.
func (w *Wrapper) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "Wrapper(hidden)") }

// LogValue keeps the session key out of logs.
func (w *Wrapper) LogValue() slog.Value { return slog.StringValue("Wrapper(hidden)") }

// combine derives the key that wraps a session key (RFC 9980, section 4.2.1).
func combine(quantum, classical, point, public []byte) []byte {
	const label = "OpenPGPCompositeKDFv1"
	h := sha3.New256()
	for _, part := range [][]byte{quantum, classical, point, public, {byte(Hybrid)}, []byte(label), {byte(len(label))}} {
		h.Write(part)
	}
	return h.Sum(nil)
}

// WrapKeyID returns the key id that a wrapped session key names; false if b is
// no wrap of the form that Wrap makes.
func WrapKeyID(b []byte) ([8]byte, bool) {
	tag, body, rest, err := nextPacket(b)
	if err != nil || tag != tagPKESK || len(rest) != 0 || len(body) != hybridWrapBody ||
		body[0] != 3 || Algorithm(body[9]) != Hybrid {
		return [8]byte{}, false
	}
	return [8]byte(body[1:9]), true
}

// A PrekeySecret opens what was wrapped for its prekey. It is immutable and
// hides itself from logs. Who destroys it destroys Marshal's octets.
type PrekeySecret struct {
	pub *Prekey
	x   *ecdh.PrivateKey
	m   *mlkem.DecapsulationKey768
}

// GeneratePrekey makes a prekey out of 96 octets of rand. Its creation time is
// now, cut to seconds.
func GeneratePrekey(rand io.Reader, now time.Time) (*PrekeySecret, error) {
	b := make([]byte, PrekeySecretSize)
	sec := now.Unix()
	if sec < 0 || sec > 1<<32-1 {
		return nil, fmt.Errorf("make prekey: %w: creation time %s", ErrMalformed, now)
	}
	binary.BigEndian.PutUint32(b, uint32(sec))
	if _, err := io.ReadFull(rand, b[4:]); err != nil {
		return nil, fmt.Errorf("make prekey: %w", err)
	}
	return UnmarshalPrekeySecret(b)
}

// UnmarshalPrekeySecret reads what Marshal wrote.
func UnmarshalPrekeySecret(b []byte) (*PrekeySecret, error) {
	if len(b) != PrekeySecretSize {
		return nil, fmt.Errorf("read prekey secret of %d octets: %w", len(b), ErrMalformed)
	}
	s := &PrekeySecret{}
	var err error
	if s.x, err = ecdh.X25519().NewPrivateKey(b[4:36]); err != nil {
		return nil, fmt.Errorf("read prekey secret: %w", err)
	}
	if s.m, err = mlkem.NewDecapsulationKey768(b[36:]); err != nil {
		return nil, fmt.Errorf("read prekey secret: %w", err)
	}
	body := append([]byte{4}, b[:4]...)
	body = append(append(body, byte(Hybrid)), s.x.PublicKey().Bytes()...)
	s.pub, err = newPrekey(append(body, s.m.EncapsulationKey().Bytes()...))
	return s, err
}

// Marshal returns creation time, scalar and seed. The caller keeps them where
// they can be destroyed.
func (s *PrekeySecret) Marshal() []byte {
	b := bytes.Clone(s.pub.body[1:5])
	return append(append(b, s.x.Bytes()...), s.m.Bytes()...)
}

// Public is the prekey.
func (s *PrekeySecret) Public() *Prekey { return s.pub }

// Open returns the session key in a PKESK packet. Every failure is ErrDecrypt.
func (s *PrekeySecret) Open(pkesk []byte) ([]byte, error) {
	id, ok := WrapKeyID(pkesk)
	if !ok || id != s.pub.id {
		return nil, ErrDecrypt
	}
	_, body, _, _ := nextPacket(pkesk)
	point, ciphertext, tail := body[10:42], body[42:42+mlkem.CiphertextSize768], body[42+mlkem.CiphertextSize768:]
	if tail[0] != 1+sessionKeySize+8 || tail[1] != cipherAES256 || point[31]&0x80 != 0 {
		return nil, ErrDecrypt
	}
	ephemeral, err := ecdh.X25519().NewPublicKey(point)
	if err != nil {
		return nil, ErrDecrypt
	}
	classical, err := s.x.ECDH(ephemeral)
	if err != nil { // a point of low order
		return nil, ErrDecrypt
	}
	quantum, err := s.m.Decapsulate(ciphertext)
	if err != nil {
		return nil, ErrDecrypt
	}
	key, err := keywrap.Unwrap(combine(quantum, classical, point, s.pub.x.Bytes()), tail[2:])
	if err != nil || len(key) != sessionKeySize {
		return nil, ErrDecrypt
	}
	return key, nil
}

// String names the prekey and hides the secret.
func (s PrekeySecret) String() string { return "PrekeySecret(hidden)" }

// GoString is String: %#v must not show the secret either.
func (s PrekeySecret) GoString() string { return s.String() }

// Format keeps every verb away from the secret.
func (s PrekeySecret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps the secret out of logs.
func (s PrekeySecret) LogValue() slog.Value { return slog.StringValue(s.String()) }
