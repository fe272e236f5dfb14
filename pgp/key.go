package pgp

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" // #nosec: v4 fingerprints are SHA-1 by definition
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/omega-im/omega"
)

// An Algorithm is an OpenPGP public-key algorithm id (RFC 9580, section 9.1).
type Algorithm uint8

// The algorithms that certificates may use; others are refused by policy.
const (
	RSA   Algorithm = 1  // primary keys adopted from gpg; 2048 to 4096 bits
	ECDH  Algorithm = 18 // encryption subkeys; Curve25519 only
	ECDSA Algorithm = 19 // primary keys adopted from gpg; NIST and brainpool curves
	EdDSA Algorithm = 22 // primary keys and signing subkeys; Ed25519 only
)

// String returns the algorithm's name as gpg prints it.
func (a Algorithm) String() string {
	switch a {
	case RSA:
		return "RSA"
	case ECDH:
		return "ECDH"
	case ECDSA:
		return "ECDSA"
	case EdDSA:
		return "EdDSA"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

const (
	minRSABits = 2048
	maxRSABits = 4096 // the most that gpg makes and cards hold; bounds the work of one verification

	maxKeyBody = 1024 // octets; RSA-4096 takes 525
)

// A PublicKey is one parsed key packet, primary or subkey. It is immutable.
type PublicKey struct {
	body    []byte
	alg     Algorithm
	created time.Time
	fp      omega.Fingerprint
	id      [8]byte // key id: the last octets of the fingerprint

	// One of these is set, as alg says.
	ed  ed25519.PublicKey
	x   *ecdh.PublicKey
	rsa *rsa.PublicKey
	ec  *ecdsa.PublicKey

	ecBits int  // ECDSA: size of the curve
	nist   bool // ECDSA: the curve is NIST's
}

// Fingerprint names the key.
func (k *PublicKey) Fingerprint() omega.Fingerprint { return k.fp }

// Algorithm is the key's public-key algorithm.
func (k *PublicKey) Algorithm() Algorithm { return k.alg }

// Created is the creation time in the key packet, in whole seconds, UTC.
func (k *PublicKey) Created() time.Time { return k.created }

// Bits is the size of the key as gpg shows it: of an RSA modulus, or of the
// curve.
func (k *PublicKey) Bits() int {
	switch {
	case k.rsa != nil:
		return k.rsa.N.BitLen()
	case k.ecBits != 0:
		return k.ecBits
	}
	return 255 // both curves of 25519
}

// Body returns a copy of the packet's body.
func (k *PublicKey) Body() []byte { return bytes.Clone(k.body) }

// X25519 returns the 32 octets of a Curve25519 point, or false if the key is
// no encryption key.
func (k *PublicKey) X25519() ([]byte, bool) {
	if k.x == nil {
		return nil, false
	}
	return k.x.Bytes(), true
}

// Packet returns the whole packet: a Public-Key packet, or a Public-Subkey
// packet if subkey is set.
func (k *PublicKey) Packet(subkey bool) []byte {
	tag := byte(tagPublicKey)
	if subkey {
		tag = tagPublicSubkey
	}
	return appendPacket(make([]byte, 0, len(k.body)+3), tag, k.body)
}

// Equal reports whether both are the same key packet.
func (k *PublicKey) Equal(o *PublicKey) bool { return bytes.Equal(k.body, o.body) }

// ParsePublicKey reads one Public-Key or Public-Subkey packet and nothing
// after it. It fails with ErrMalformed, or with ErrPolicy for a key of a kind
// that ω IM does not use. Nothing says who owns the key. The bytes are copied.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	tag, body, rest, err := nextPacket(b)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if tag != tagPublicKey && tag != tagPublicSubkey || len(rest) != 0 {
		return nil, fmt.Errorf("read public key: %w: not one public key packet", ErrMalformed)
	}
	return parseKeyBody(bytes.Clone(body))
}

// parseKeyBody reads the body of a key packet (RFC 9580, section 5.5.2), and
// keeps it.
func parseKeyBody(body []byte) (*PublicKey, error) {
	if len(body) < 6 || len(body) > maxKeyBody {
		return nil, fmt.Errorf("read public key: %w: body of %d octets", ErrMalformed, len(body))
	}
	if body[0] != 4 {
		return nil, fmt.Errorf("read public key: %w: version %d, want 4", ErrPolicy, body[0])
	}
	k := &PublicKey{
		body:    body,
		alg:     Algorithm(body[5]),
		created: time.Unix(int64(binary.BigEndian.Uint32(body[1:])), 0).UTC(),
	}
	if err := k.parseMaterial(k.body[6:]); err != nil {
		return nil, fmt.Errorf("read %s public key: %w", k.alg, err)
	}
	k.name()
	return k, nil
}

// name computes the fingerprint (RFC 9580, section 5.5.4.2).
func (k *PublicKey) name() {
	h := sha1.New() // #nosec
	h.Write(appendKeyForHash(nil, k))
	sum := h.Sum(nil)
	k.fp, _ = omega.FingerprintV4(sum) // 20 octets always fit
	k.id = keyID(k.fp)
}

// keyID is the key id of a v4 fingerprint: its last octets.
func keyID(fp omega.Fingerprint) [8]byte { return [8]byte(fp.Digest()[12:]) }

// appendKeyForHash appends a key as signatures and fingerprints cover it
// (RFC 9580, section 5.2.4).
func appendKeyForHash(dst []byte, k *PublicKey) []byte {
	dst = append(dst, 0x99)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(k.body)))
	return append(dst, k.body...)
}

// Fixed parts of the material of the two algorithms that our clients make: the
// curve's OID, then the point as an integer of 263 bits that begins with 0x40.
var (
	ed25519Prefix = []byte{9, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01, 0x01, 0x07, 0x40}
	x25519Prefix  = []byte{10, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01, 0x01, 0x07, 0x40}
)

func (k *PublicKey) parseMaterial(m []byte) error {
	switch k.alg {
	case EdDSA:
		point, ok := bytes.CutPrefix(m, ed25519Prefix)
		if !ok || len(point) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: not an Ed25519 point", ErrPolicy)
		}
		k.ed = ed25519.PublicKey(point)
		return nil
	case ECDH:
		return k.parseECDH(m)
	case RSA, ECDSA:
		return k.parseWithLibrary()
	}
	return fmt.Errorf("%w: unsupported algorithm", ErrPolicy)
}

func (k *PublicKey) parseECDH(m []byte) error {
	rest, ok := bytes.CutPrefix(m, x25519Prefix)
	if !ok || len(rest) != 32+len(kdfParams) {
		return fmt.Errorf("%w: not a Curve25519 point", ErrPolicy)
	}
	if !bytes.Equal(rest[32:], kdfParams) {
		return fmt.Errorf("%w: key derivation other than SHA-256 with AES-128", ErrPolicy)
	}
	x, err := ecdh.X25519().NewPublicKey(rest[:32])
	if err != nil {
		return fmt.Errorf("%w: not a Curve25519 point", ErrMalformed)
	}
	k.x = x
	return nil
}

// parseWithLibrary reads RSA and ECDSA keys. Nothing of the library's value is
// kept but the raw key, because its own types are not safe to share.
func (k *PublicKey) parseWithLibrary() error {
	p, err := packet.Read(bytes.NewReader(appendPacket(nil, tagPublicKey, k.body)))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	lib, ok := p.(*packet.PublicKey)
	if !ok {
		return fmt.Errorf("%w: not a public key", ErrMalformed)
	}
	var again bytes.Buffer
	if err := lib.Serialize(&again); err != nil || !bytes.HasSuffix(again.Bytes(), k.body) {
		return fmt.Errorf("%w: key has a second encoding", ErrMalformed)
	}
	switch key := lib.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSABits || n > maxRSABits || key.N.Bit(0) == 0 || key.E < 3 || key.E&1 == 0 {
			return fmt.Errorf("%w: modulus of %d bits, exponent %d", ErrPolicy, n, key.E)
		}
		k.rsa = key
		return nil
	case *ecdsa.PublicKey:
		k.ec = key
		k.ecBits, k.nist = curveOf(k.body[6:])
	}
	if k.ecBits == 0 {
		return fmt.Errorf("%w: curve is neither NIST nor brainpool", ErrPolicy)
	}
	return nil
}

// curves maps the OIDs of the curves that ECDSA primary keys may use (RFC
// 9580, section 9.2) to their sizes in bits.
var curves = []struct {
	oid  string
	bits int
	nist bool
}{
	{"\x2A\x86\x48\xCE\x3D\x03\x01\x07", 256, true},      // NIST P-256
	{"\x2B\x81\x04\x00\x22", 384, true},                  // NIST P-384
	{"\x2B\x81\x04\x00\x23", 521, true},                  // NIST P-521
	{"\x2B\x24\x03\x03\x02\x08\x01\x01\x07", 256, false}, // brainpoolP256r1
	{"\x2B\x24\x03\x03\x02\x08\x01\x01\x0B", 384, false}, // brainpoolP384r1
	{"\x2B\x24\x03\x03\x02\x08\x01\x01\x0D", 512, false}, // brainpoolP512r1
}

// curveOf returns the size of the curve whose OID begins m, or 0.
func curveOf(m []byte) (bits int, nist bool) {
	if len(m) == 0 || int(m[0]) > len(m)-1 {
		return 0, false
	}
	oid := string(m[1 : 1+m[0]])
	for _, c := range curves {
		if c.oid == oid {
			return c.bits, c.nist
		}
	}
	return 0, false
}
