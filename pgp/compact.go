package pgp

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/omega-im/omega/internal/eddsa"
)

// CompactSize is the length of a compact signature in octets.
const CompactSize = ed25519.SignatureSize

// A Compact is an OpenPGP v4 signature of which only the 64 octets that cannot
// be guessed travel: type binary (0x00), EdDSA over SHA-256, whose hashed area
// is exactly creation time and issuer fingerprint. Who knows the key and the
// time rebuilds the whole packet with DetachedSignature. (spec/identity.md, IDENT-7)
type Compact [CompactSize]byte

// SignCompact signs data at time t, cut to seconds. The signer's key must be
// EdDSA. The caller stores or sends t beside the signature.
func SignCompact(ctx context.Context, s Signer, data []byte, t time.Time) (Compact, error) {
	k := s.Public()
	digest, err := compactDigest(k, data, t)
	if err != nil {
		return Compact{}, fmt.Errorf("sign with %s: %w", k.fp, err)
	}
	if sk, ok := s.(*SecretKey); ok {
		return eddsa.Sign(sk.ed, digest[:]), nil
	}
	mpis, err := s.SignDigest(ctx, crypto.SHA256, digest[:])
	if err != nil {
		return Compact{}, fmt.Errorf("sign with %s: %w", k.fp, err)
	}
	var sig Compact
	if !edFromMPIs((*[64]byte)(&sig), mpis) || !eddsa.Verify(k.ed, digest[:], sig[:]) {
		return Compact{}, fmt.Errorf("check what %s signed: %w", k.fp, ErrSignature)
	}
	return sig, nil
}

// VerifyCompact checks the signature of data by k at time t, cut to seconds.
// It is cryptography alone: nil or ErrSignature. Whether k was allowed to sign
// at t is the caller's question.
func VerifyCompact(k *PublicKey, data []byte, t time.Time, sig Compact) error {
	digest, err := compactDigest(k, data, t)
	if err != nil || !eddsa.Verify(k.ed, digest[:], sig[:]) {
		return ErrSignature
	}
	return nil
}

// DetachedSignature rebuilds the whole signature packet, 119 octets, as gpg
// --verify and every OpenPGP program take it. The packet holds the first two
// octets of the digest, so the data is needed once more. It is nil if k cannot
// have signed.
func DetachedSignature(k *PublicKey, data []byte, t time.Time, sig Compact) []byte {
	digest, err := compactDigest(k, data, t)
	if err != nil {
		return nil
	}
	s := compactPacket(k, t, sig)
	s.tag = [2]byte(digest[:])
	return s.packet(k)
}

// compactPacket is the signature packet of a compact signature, but for the
// two octets of the digest. k must be EdDSA and t in range.
func compactPacket(k *PublicKey, t time.Time, sig Compact) *signature {
	area, _ := appendBase(nil, k, t)
	return &signature{typ: sigBinary, alg: EdDSA, hash: crypto.SHA256, hashed: area, mpis: edToMPIs((*[64]byte)(&sig))}
}

// Fields of a compact signature around its creation time and issuer (RFC 9580,
// section 5.2.4).
const (
	compactArea = 6 + 2 + 21          // octets of the hashed area with a v4 issuer
	compactTail = 6 + compactArea + 6 // and of all that is hashed after the data
)

// compactDigest is what a compact signature signs.
func compactDigest(k *PublicKey, data []byte, t time.Time) (sum [sha256.Size]byte, err error) {
	sec := t.Unix()
	if k.ed == nil || sec < 0 || sec > 1<<32-1 {
		return sum, fmt.Errorf("%w: compact signatures need an EdDSA key and a time in range", ErrPolicy)
	}
	var buf [compactTail]byte
	b := append(buf[:0], 4, sigBinary, byte(EdDSA), 8, 0, compactArea, 5, subCreation)
	b = binary.BigEndian.AppendUint32(b, uint32(sec))
	b = append(b, 22, subIssuer)
	b = k.fp.AppendTo(b)
	b = append(b, 4, 0xFF, 0, 0, 0, 6+compactArea)
	h := sha256.New()
	h.Write(data)
	h.Write(b)
	h.Sum(sum[:0])
	return sum, nil
}
