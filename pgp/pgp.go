// Package pgp is everything ω IM does with OpenPGP (RFC 9580): certificates
// with device subkeys, the policy that accepts or refuses them, signatures in
// packet and in compact form, and session keys wrapped for devices.
//
// Accounts and servers have the same kind of certificate: a v4 primary key
// that only certifies, a neutral User ID, and per device one signing subkey
// (EdDSA, algorithm 22) and one encryption subkey (ECDH over Curve25519,
// algorithm 18). The algorithms are those that GnuPG 2.2 knows, so that plain
// gpg can import, show, encrypt to and verify everything. (spec/identity.md)
//
// Values are immutable once made and may be shared by goroutines.
package pgp

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/omega-im/omega"
)

// Errors that callers decide on. Texts name the key and what to do.
var (
	ErrMalformed = errors.New("malformed OpenPGP data")            // bytes break RFC 9580 or our stricter profile
	ErrPolicy    = errors.New("refused by policy")                 // SHA-1, weak or unsupported algorithm, missing cross-signature
	ErrExpired   = errors.New("key is expired")                    // the primary key is past its expiration time
	ErrRevoked   = errors.New("key is revoked")                    // the primary key is revoked
	ErrSignature = errors.New("signature does not verify")         // wrong key, wrong data or damaged
	ErrDecrypt   = errors.New("cannot be decrypted with this key") // one error for every cause: no oracle
	ErrOffline   = errors.New("secret key is not available")       // the primary secret is not on this machine
	ErrLocked    = errors.New("wrong passphrase")                  // secret key file does not open
	ErrProof     = errors.New("handshake proof refused")           // one error for every cause: no oracle
)

// A Signer makes signatures with one secret key, which may live elsewhere
// (gpg-agent, a card).
type Signer interface {
	// Public is the key whose secret signs.
	Public() *PublicKey

	// SignDigest signs a digest made with hash and returns the
	// algorithm-specific MPIs as they stand in a signature packet (RFC 9580,
	// section 5.2.3). It may block on a person entering a passphrase.
	SignDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error)
}

// A Decrypter opens session keys with one secret encryption key.
type Decrypter interface {
	// Public is the key whose secret opens.
	Public() *PublicKey

	// OpenSessionKey takes a whole PKESK packet (header included) and returns
	// the symmetric session key in it: 32 octets for AES-256. Every failure is
	// ErrDecrypt.
	OpenSessionKey(ctx context.Context, pkesk []byte) ([]byte, error)

	// SharedSecret returns X25519(secret, peer), the raw Diffie-Hellman value
	// with another Curve25519 encryption key. (Only ever used under HKDF.)
	SharedSecret(ctx context.Context, peer *PublicKey) ([]byte, error)
}

// A Finder returns the certificate of an account or server, or an error that
// is omega.CodeNotFound.
type Finder interface {
	FindCertificate(ctx context.Context, fp omega.Fingerprint) (*Certificate, error)
}

// An Identity is one device (or server) that can act: its account's
// certificate, and the secrets of its own two subkeys.
type Identity struct {
	Certificate *Certificate
	Signer      Signer    // the device's signing subkey
	Decrypter   Decrypter // the device's encryption subkey
}

// Account is the fingerprint of the identity's primary key.
func (id *Identity) Account() omega.Fingerprint { return id.Certificate.Fingerprint() }

// Device is the fingerprint of the identity's signing subkey.
func (id *Identity) Device() omega.Fingerprint { return id.Signer.Public().Fingerprint() }

// A Device is one signing subkey and one encryption subkey that the primary
// key bound together.
type Device struct {
	Signing    *PublicKey
	Encryption *PublicKey
	Name       string    // given by its user; at most 64 octets of UTF-8, no control characters
	Added      time.Time // creation time of the signing subkey's binding
	Expires    time.Time // zero: never
	Revoked    bool      // the primary key revoked either subkey, or another device removed it
	Removed    bool      // it is revoked by another device's word alone, which may be contested (see Word)
	RevokedAt  time.Time // when, by its own word; zero: it is not, or nobody knows when (RevokeBefore)
}

// Active reports whether the device may speak for the account at time now.
func (d *Device) Active(now time.Time) bool {
	return !d.Revoked && (d.Expires.IsZero() || now.Before(d.Expires))
}
