package pgp

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
)

// Largest proofs, in octets. (spec/wire.md)
const (
	maxProof    = 1 << 10
	maxProofRSA = 2 << 10 // with a signature by an RSA key
)

// SealProof encrypts plaintext to one key and signs the result: an OpenPGP
// message in the literal data of a signed OpenPGP message. The session key and
// the padding are read from rand. (spec/wire.md)
func SealProof(ctx context.Context, rand io.Reader, s Signer, to *PublicKey, plaintext []byte, t time.Time) ([]byte, error) {
	var key [sessionKeySize]byte
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return nil, fmt.Errorf("seal proof: %w", err)
	}
	inner, err := SealSessionKey(rand, to, key[:])
	if err != nil {
		return nil, fmt.Errorf("seal proof: %w", err)
	}
	if inner, err = sealSEIPD(inner, rand, key[:], appendLiteral(nil, plaintext)); err != nil {
		return nil, fmt.Errorf("seal proof: %w", err)
	}
	proof, err := signMessage(ctx, s, inner, t)
	if err != nil {
		return nil, fmt.Errorf("seal proof: %w", err)
	}
	if len(proof) > proofLimit(s.Public()) {
		return nil, fmt.Errorf("seal proof: %w: %d octets", ErrPolicy, len(proof))
	}
	return proof, nil
}

func proofLimit(k *PublicKey) int {
	if k.alg == RSA {
		return maxProofRSA
	}
	return maxProof
}

// OpenProof verifies a proof with k, then decrypts it with d. Packets of other
// kinds, in another order or number, or over the size are refused before any
// cryptography. The signature may not be from after now, but for the tolerance
// between clocks, nor from before the key. Every failure is ErrProof and tells
// nothing else. Whether k may act is the caller's question.
func OpenProof(ctx context.Context, k *PublicKey, d Decrypter, proof []byte, now time.Time) ([]byte, error) {
	if len(proof) > proofLimit(k) {
		return nil, ErrProof
	}
	signed, sig, err := splitSigned(proof)
	if err != nil {
		return nil, ErrProof
	}
	wrap, sealed, err := splitProof(signed)
	// A device whose clock was set back after its keys were made is let in.
	if err != nil || sig.issuer != k.fp || !sig.timely(k.created.Add(-omega.ClockTolerance), now) {
		return nil, ErrProof
	}
	if sig.verify(k, signed) != nil {
		return nil, ErrProof
	}
	key, err := d.OpenSessionKey(ctx, wrap)
	if err != nil {
		return nil, ErrProof
	}
	packets, err := openSEIPD(key, sealed)
	if err != nil {
		return nil, ErrProof
	}
	literal, rest, err := expect(packets, tagLiteral)
	if err != nil || len(rest) != 0 {
		return nil, ErrProof
	}
	plaintext, err := literalData(literal)
	if err != nil {
		return nil, ErrProof
	}
	return plaintext, nil
}

// splitProof takes the encrypted message apart: exactly one PKESK packet,
// which is returned whole, and one SEIPD packet.
func splitProof(msg []byte) (wrap, sealed []byte, err error) {
	_, rest, err := expect(msg, tagPKESK)
	if err != nil {
		return nil, nil, err
	}
	wrap = msg[:len(msg)-len(rest)]
	sealed, rest, err = expect(rest, tagSEIPD)
	if err != nil || len(rest) != 0 {
		return nil, nil, ErrMalformed
	}
	return wrap, sealed, nil
}

// timely reports whether the signature was made between then and now. A
// signer's clock may be ahead by the tolerance: verifiers that compare with
// their own now call such a signature expired. (spec/identity.md, IDENT-9)
func (s *signature) timely(then, now time.Time) bool {
	return !s.created.After(now.Add(omega.ClockTolerance)) && !s.created.Before(then)
}
