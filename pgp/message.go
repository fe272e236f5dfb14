package pgp

import (
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
	b = append(b, 0xC0|tagOnePass, onePassSize-2, 3, sigBinary, hashID(sig.hash), byte(k.alg))
	b = append(b, k.id[:]...)
	b = append(b, 1) // no other signature follows
	b = appendLiteral(b, plaintext)
	return appendPacket(b, tagSignature, sig.body(k)), nil
}

// appendLiteral appends binary literal data without name and date (RFC 9580,
// section 5.9).
func appendLiteral(dst, data []byte) []byte {
	dst = append(dst, 0xC0|tagLiteral)
	dst = appendLength(dst, len(data)+6)
	dst = append(dst, 'b', 0, 0, 0, 0, 0)
	return append(dst, data...)
}

// literalData returns the data in the body of a literal data packet. gpg
// writes a file name and a date, which nobody signs: they are skipped.
func literalData(body []byte) ([]byte, error) {
	if len(body) < 6 || body[0] != 'b' && body[0] != 't' && body[0] != 'u' || len(body) < 6+int(body[1]) {
		return nil, fmt.Errorf("%w: literal data packet", ErrMalformed)
	}
	return body[6+int(body[1]):], nil
}

// splitSigned takes a signed message apart and checks that its three packets
// agree with each other. It verifies nothing.
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
	if len(rest) != 0 || len(onePass) != onePassSize-2 || onePass[0] != 3 || onePass[12] != 1 {
		return nil, nil, fmt.Errorf("%w: not one signed message", ErrMalformed)
	}
	if sig, err = parseSignature(body); err != nil {
		return nil, nil, err
	}
	if sig.typ != sigBinary || [3]byte(onePass[1:]) != [3]byte{sig.typ, hashID(sig.hash), byte(sig.alg)} {
		return nil, nil, fmt.Errorf("%w: one-pass packet and signature differ", ErrMalformed)
	}
	plaintext, err = literalData(literal)
	return plaintext, sig, err
}

// expect splits the first packet from b, which must have the given type.
func expect(b []byte, want byte) (body, rest []byte, err error) {
	tag, body, rest, err := nextPacket(b)
	if err != nil {
		return nil, nil, err
	}
	if tag != want {
		return nil, nil, fmt.Errorf("%w: packet of type %d, want %d", ErrMalformed, tag, want)
	}
	return body, rest, nil
}
