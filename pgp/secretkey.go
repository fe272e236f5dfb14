package pgp

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/omega-im/omega/internal/eddsa"
)

// A SecretKey is a software key: a Signer if it was made by GenerateSigning, a
// Decrypter if it was made by GenerateEncryption. It is immutable and hides
// itself from logs.
type SecretKey struct {
	pub *PublicKey
	ed  ed25519.PrivateKey // algorithm 22
	x   *ecdh.PrivateKey   // algorithm 18
}

var (
	_ Signer    = (*SecretKey)(nil)
	_ Decrypter = (*SecretKey)(nil)
)

// GenerateSigning makes an Ed25519 key, for a primary key or for a device's
// signing subkey, out of 32 octets of rand. Its creation time is now, cut to
// seconds.
func GenerateSigning(rand io.Reader, now time.Time) (*SecretKey, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("generate signing key: %w", err)
	}
	return newSigning(seed[:], now)
}

// GenerateEncryption makes a Curve25519 key for a device's encryption subkey
// out of 32 octets of rand. Its creation time is now, cut to seconds.
func GenerateEncryption(rand io.Reader, now time.Time) (*SecretKey, error) {
	var scalar [32]byte
	if _, err := io.ReadFull(rand, scalar[:]); err != nil {
		return nil, fmt.Errorf("generate encryption key: %w", err)
	}
	return newEncryption(scalar[:], now)
}

// newSigning makes the key of an Ed25519 seed.
func newSigning(seed []byte, created time.Time) (*SecretKey, error) {
	ed := ed25519.NewKeyFromSeed(seed)
	pub, err := makePublic(EdDSA, created, ed25519Prefix, ed.Public().(ed25519.PublicKey), nil)
	if err != nil {
		return nil, err
	}
	return &SecretKey{pub: pub, ed: ed}, nil
}

// newEncryption makes the key of an X25519 scalar. The scalar is stored as it
// is used (clamped), as GnuPG expects.
func newEncryption(scalar []byte, created time.Time) (*SecretKey, error) {
	s := [32]byte(scalar)
	s[0] &= 0xF8
	s[31] = s[31]&0x7F | 0x40
	x, err := ecdh.X25519().NewPrivateKey(s[:])
	if err != nil {
		return nil, fmt.Errorf("make encryption key: %w", err)
	}
	pub, err := makePublic(ECDH, created, x25519Prefix, x.PublicKey().Bytes(), kdfParams)
	if err != nil {
		return nil, err
	}
	return &SecretKey{pub: pub, x: x}, nil
}

// makePublic builds and parses the body of a key packet.
func makePublic(alg Algorithm, created time.Time, prefix, point, suffix []byte) (*PublicKey, error) {
	sec := created.Unix()
	if sec < 0 || sec > 1<<32-1 {
		return nil, fmt.Errorf("make %s key: %w: creation time %s", alg, ErrMalformed, created)
	}
	b := binary.BigEndian.AppendUint32([]byte{4}, uint32(sec))
	b = append(b, byte(alg))
	b = append(b, prefix...)
	b = append(b, point...)
	return parseKeyBody(append(b, suffix...))
}

// Public is the public half.
func (k *SecretKey) Public() *PublicKey { return k.pub }

// SignDigest implements Signer. It fails with ErrPolicy for an encryption key.
func (k *SecretKey) SignDigest(_ context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	if k.ed == nil {
		return nil, fmt.Errorf("%w: %s is no signing key", ErrPolicy, k.pub.fp)
	}
	if hashID(hash) == 0 || len(digest) != hash.Size() {
		return nil, fmt.Errorf("%w: digest of %d octets", ErrPolicy, len(digest))
	}
	sig := eddsa.Sign(k.ed, digest)
	return edToMPIs(&sig), nil
}

// edToMPIs packs an EdDSA signature as its two integers.
func edToMPIs(sig *[64]byte) []byte {
	b := make([]byte, 0, 68)
	return appendMPI(appendMPI(b, sig[:32]), sig[32:])
}

// OpenSessionKey implements Decrypter.
func (k *SecretKey) OpenSessionKey(_ context.Context, pkesk []byte) ([]byte, error) {
	if k.x == nil {
		return nil, ErrDecrypt
	}
	return openSessionKey(k, pkesk)
}

// SharedSecret implements Decrypter. Every failure is ErrDecrypt.
func (k *SecretKey) SharedSecret(_ context.Context, peer *PublicKey) ([]byte, error) {
	if k.x == nil || peer.x == nil {
		return nil, ErrDecrypt
	}
	secret, err := k.x.ECDH(peer.x)
	if err != nil { // a point of low order
		return nil, ErrDecrypt
	}
	return secret, nil
}

// String names the key and hides the secret.
func (k SecretKey) String() string {
	if k.pub == nil {
		return "SecretKey(none)"
	}
	return "SecretKey(" + k.pub.fp.String() + ", hidden)"
}

// GoString is String: %#v must not show the secret either.
func (k SecretKey) GoString() string { return k.String() }

// Format keeps every verb away from the secret.
func (k SecretKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue keeps the secret out of logs.
func (k SecretKey) LogValue() slog.Value { return slog.StringValue(k.String()) }
