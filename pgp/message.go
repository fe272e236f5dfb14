package pgp

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// The signed messages of records and proofs are three packets: one-pass
// signature, literal data, signature. (RFC 9580, section 10.3)

const onePassSize = 2 + 13 // octets of a one-pass signature packet

// signMessage returns plaintext as a signed message.
func signMessage(ctx context.Context, s Signer, plaintext []byte, t time.Time) ([]byte, error) {
	sig, err := sign(ctx, s, sigBinary, t, nil, plaintext)
	if err != nil {
		return nil, err
	}
	k := s.Public()
	b := make([]byte, 0, onePassSize+len(plaintext)+160)
	b = appendPacket(b, tagOnePass, sig.onePass(k.id))
	b = appendLiteral(b, plaintext)
	return appendPacket(b, tagSignature, sig.body(k.id)), nil
}

// onePass is the body of the one-pass signature packet that announces s (RFC
// 9580, section 5.4).
func (s *signature) onePass(issuer [8]byte) []byte {
	b := append(make([]byte, 0, onePassSize), 3, s.typ, hashID(s.hash), byte(s.alg))
	b = append(b, issuer[:]...)
	return append(b, 1) // no other signature follows
}

// appendLiteral appends binary literal data without name and date (RFC 9580,
// section 5.9).
func appendLiteral(dst, data []byte) []byte {
	dst = append(dst, 0xC0|tagLiteral)
	dst = appendLength(dst, len(data)+6)
	dst = append(dst, 'b', 0, 0, 0, 0, 0)
	return append(dst, data...)
}

// literalData returns the data in the body of a literal data packet. Its other
// fields must be as appendLiteral writes them, because nobody signs them.
func literalData(body []byte) ([]byte, error) {
	data, ok := bytes.CutPrefix(body, []byte{'b', 0, 0, 0, 0, 0})
	if !ok {
		return nil, fmt.Errorf("%w: literal data packet", ErrMalformed)
	}
	return data, nil
}

// splitSigned takes a signed message apart and checks that its three packets
// agree with each other and have the one form that signMessage gives them, so
// that nobody can change an octet that the signature does not cover. It
// verifies nothing.
func splitSigned(msg []byte) (plaintext []byte, sig *signature, err error) {
	onePass, rest, err := expect(msg, tagOnePass)
	if err != nil {
		return nil, nil, err
	}
	literal, rest, err := expect(rest, tagLiteral)
	if err != nil {
		return nil, nil, err
	}
	body, rest, err := expect(rest, tagSignature)
	if err != nil {
		return nil, nil, err
	}
	if sig, err = parseSignature(body); err != nil {
		return nil, nil, err
	}
	if len(rest) != 0 || sig.typ != sigBinary || sig.issuer.Version() != 4 {
		return nil, nil, fmt.Errorf("%w: not one signed message", ErrMalformed)
	}
	id := keyID(sig.issuer)
	if !bytes.Equal(body, sig.body(id)) || !bytes.Equal(onePass, sig.onePass(id)) {
		return nil, nil, fmt.Errorf("%w: one-pass packet and signature differ", ErrMalformed)
	}
	plaintext, err = literalData(literal)
	return plaintext, sig, err
}

// expect splits the first packet from b, which must have the given type and
// the header that appendPacket writes.
func expect(b []byte, want byte) (body, rest []byte, err error) {
	tag, body, rest, err := nextPacket(b)
	if err != nil {
		return nil, nil, err
	}
	var buf [6]byte
	if !bytes.HasPrefix(b, appendLength(append(buf[:0], 0xC0|want), len(body))) {
		return nil, nil, fmt.Errorf("%w: packet of type %d, want %d with a short header", ErrMalformed, tag, want)
	}
	return body, rest, nil
}
