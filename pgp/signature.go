package pgp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/binary"
	"fmt"
	"math/big"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"

	"github.com/omega-im/omega/internal/eddsa"
)

// Signature type ids (RFC 9580, section 5.2.1).
const (
	sigBinary        = 0x00
	sigCertification = 0x13 // generic 0x10, persona 0x11 and casual 0x12 are read as well
	sigSubkeyBinding = 0x18
	sigCross         = 0x19
	sigRevokeKey     = 0x20
	sigRevokeSubkey  = 0x28
)

const maxSigBody = 8 << 10 // octets; ours with an embedded one take about 300

// A signature is one parsed v4 signature packet whose hashed area was read.
// Whether it verifies is another matter.
type signature struct {
	typ    byte
	alg    Algorithm
	hash   crypto.Hash
	hashed []byte // hashed area
	tag    [2]byte
	mpis   []byte // to the end of the packet
	loose  []byte // of bindings: the area that is not signed
	facts
}

// hashIDs maps the accepted hash algorithm ids (RFC 9580, section 9.5). SHA-1
// and older are missing on purpose.
func hashByID(id byte) crypto.Hash {
	switch id {
	case 8:
		return crypto.SHA256
	case 9:
		return crypto.SHA384
	case 10:
		return crypto.SHA512
	}
	return 0
}

func hashID(h crypto.Hash) byte {
	switch h {
	case crypto.SHA256:
		return 8
	case crypto.SHA384:
		return 9
	case crypto.SHA512:
		return 10
	}
	return 0
}

// parseSignature reads the body of a signature packet (RFC 9580, section
// 5.2.3). Only the hashed area is looked at, because nothing signs the other: what
// stands there proves itself (KEYS-35).
func parseSignature(body []byte) (*signature, error) {
	if len(body) < 10 || len(body) > maxSigBody {
		return nil, fmt.Errorf("%w: signature of %d octets", ErrMalformed, len(body))
	}
	if body[0] != 4 {
		return nil, fmt.Errorf("%w: signature version %d", ErrPolicy, body[0])
	}
	s := &signature{typ: body[1], alg: Algorithm(body[2]), hash: hashByID(body[3])}
	if s.hash == 0 {
		return nil, fmt.Errorf("%w: signature uses hash algorithm %d", ErrPolicy, body[3])
	}
	hashed, rest, err := cutArea(body[4:])
	if err != nil {
		return nil, err
	}
	loose, rest, err := cutArea(rest)
	if err != nil {
		return nil, err
	}
	if s.typ == sigSubkeyBinding {
		s.loose = loose
	}
	if len(rest) < 2 {
		return nil, fmt.Errorf("%w: signature is cut short", ErrMalformed)
	}
	f, err := parseFacts(hashed)
	if err != nil {
		return nil, err
	}
	s.hashed, s.facts = hashed, *f
	s.tag, s.mpis = [2]byte(rest), rest[2:]
	return s, nil
}

// cutArea splits a subpacket area with its two-octet length from b.
func cutArea(b []byte) (area, rest []byte, err error) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) > len(b)-2 {
		return nil, nil, fmt.Errorf("%w: signature is cut short", ErrMalformed)
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n:n], b[n:], nil
}

// digest computes what is signed: the covered octets, the signature's own
// fields and the trailer (RFC 9580, section 5.2.4).
func (s *signature) digest(covered []byte) []byte {
	h := s.hash.New()
	h.Write(covered)
	var b [6]byte
	head := append(b[:0], 4, s.typ, byte(s.alg), hashID(s.hash))
	head = binary.BigEndian.AppendUint16(head, uint16(len(s.hashed)))
	h.Write(head)
	h.Write(s.hashed)
	var t [6]byte
	h.Write(binary.BigEndian.AppendUint32(append(t[:0], 4, 0xFF), uint32(6+len(s.hashed))))
	return h.Sum(nil)
}

// verify checks the signature by key k over the covered octets.
func (s *signature) verify(k *PublicKey, covered []byte) error {
	digest, ok := s.plausible(k, covered)
	if !ok {
		return ErrSignature
	}
	return k.verify(s.hash, digest, s.mpis)
}

// plausible checks what costs nothing, and returns the digest. The two octets
// of it in the packet must be right: a packet that verifies has no octet that
// could be changed.
func (s *signature) plausible(k *PublicKey, covered []byte) (digest []byte, ok bool) {
	if s.alg != k.alg || !s.issuer.IsZero() && s.issuer != k.fp {
		return nil, false
	}
	digest = s.digest(covered)
	return digest, bytes.Equal(digest[:2], s.tag[:])
}

// verify checks the integers of a signature over a digest.
func (k *PublicKey) verify(hash crypto.Hash, digest, mpis []byte) error {
	switch k.alg {
	case RSA:
		n := k.rsa.Size()
		sig, rest, err := nextMPI(mpis, n)
		if err != nil || len(rest) != 0 {
			return ErrSignature
		}
		padded := make([]byte, n)
		copy(padded[n-len(sig):], sig)
		if rsa.VerifyPKCS1v15(k.rsa, hash, digest, padded) != nil {
			return ErrSignature
		}
		return nil
	case EdDSA:
		var sig [ed25519.SignatureSize]byte
		if !edFromMPIs(&sig, mpis) || !eddsa.Verify(k.ed, digest, sig[:]) {
			return ErrSignature
		}
		return nil
	case ECDSA:
		r, rest, err := nextMPI(mpis, (k.ecBits+7)/8)
		if err != nil {
			return ErrSignature
		}
		s, rest, err := nextMPI(rest, (k.ecBits+7)/8)
		if err != nil || len(rest) != 0 || len(r) == 0 || len(s) == 0 {
			return ErrSignature
		}
		if 8*hash.Size() < min(k.ecBits, 512) || !ecdsa.Verify(k.ec, digest, new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)) {
			return ErrSignature
		}
		return nil
	}
	return ErrSignature
}

// edFromMPIs unpacks the two integers of an EdDSA signature.
func edFromMPIs(sig *[64]byte, mpis []byte) bool {
	r, rest, err := nextMPI(mpis, 32)
	if err != nil {
		return false
	}
	s, rest, err := nextMPI(rest, 32)
	if err != nil || len(rest) != 0 {
		return false
	}
	copy(sig[32-len(r):32], r)
	copy(sig[64-len(s):], s)
	return true
}

// certHash is the hash that fits key k: gpg refuses an ECDSA signature over
// fewer bits than the curve has.
func certHash(k *PublicKey) crypto.Hash {
	if k.ecBits > 256 {
		return crypto.SHA512
	}
	return crypto.SHA256
}

// sign makes a signature of the given type over the covered octets. The hashed
// area is creation time, issuer and then subs.
func sign(ctx context.Context, by Signer, typ byte, t time.Time, subs, covered []byte) (*signature, error) {
	k := by.Public()
	area, err := appendBase(nil, k, t)
	if err != nil {
		return nil, err
	}
	s := &signature{typ: typ, alg: k.alg, hash: certHash(k), hashed: append(area, subs...)}
	digest := s.digest(covered)
	s.tag = [2]byte(digest)
	if s.mpis, err = by.SignDigest(ctx, s.hash, digest); err != nil {
		return nil, fmt.Errorf("sign with %s: %w", k.fp, err)
	}
	// An external signer may have used another key, or none of ours.
	if err := k.verify(s.hash, digest, s.mpis); err != nil {
		return nil, fmt.Errorf("check what %s signed: %w", k.fp, err)
	}
	f, err := parseFacts(s.hashed)
	if err != nil {
		return nil, err
	}
	s.facts = *f
	return s, nil
}

// appendBase appends the two subpackets that every signature of ours begins
// with.
func appendBase(dst []byte, k *PublicKey, t time.Time) ([]byte, error) {
	sec := t.Unix()
	if sec < 0 || sec > 1<<32-1 {
		return nil, fmt.Errorf("%w: time %s does not fit a signature", ErrMalformed, t)
	}
	dst = append(dst, 5, subCreation)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sec))
	dst = append(dst, byte(1+k.fp.Size()), subIssuer)
	return k.fp.AppendTo(dst), nil
}

// body returns the packet body in its one form: the hashed area as signed, and
// only the issuer's key id, which gpg looks for, in the other.
func (s *signature) body(issuer [8]byte) []byte { return s.bodyWith(issuer, nil) }

// bodyWith is body with more that is not signed.
func (s *signature) bodyWith(issuer [8]byte, loose []byte) []byte {
	b := make([]byte, 0, 22+len(s.hashed)+len(loose)+len(s.mpis))
	b = append(b, 4, s.typ, byte(s.alg), hashID(s.hash))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.hashed)))
	b = append(b, s.hashed...)
	b = binary.BigEndian.AppendUint16(b, uint16(10+len(loose)))
	b = append(b, 9, subIssuerID)
	b = append(b, issuer[:]...)
	b = append(b, loose...)
	b = append(b, s.tag[:]...)
	return append(b, s.mpis...)
}

// packet returns the whole packet.
func (s *signature) packet(issuer *PublicKey) []byte { return s.packetWith(issuer, nil) }

// packetWith is packet with more that is not signed.
func (s *signature) packetWith(issuer *PublicKey, loose []byte) []byte {
	return appendPacket(nil, tagSignature, s.bodyWith(issuer.id, loose))
}
