package pgp

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Packet type ids (RFC 9580, section 5).
const (
	tagPKESK        = 1
	tagSignature    = 2
	tagOnePass      = 4
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagMarker       = 10
	tagLiteral      = 11
	tagTrust        = 12
	tagUserID       = 13
	tagPublicSubkey = 14
	tagUserAttr     = 17
	tagSEIPD        = 18
	tagPadding      = 21
)

// appendPacket appends a packet with a new-format header of definite length
// (RFC 9580, section 4.2.1).
func appendPacket(dst []byte, tag byte, body []byte) []byte {
	dst = append(dst, 0xC0|tag)
	dst = appendLength(dst, len(body))
	return append(dst, body...)
}

// appendLength appends the shortest new-format length.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 192:
		return append(dst, byte(n))
	case n < 8384:
		n -= 192
		return append(dst, byte(n>>8)+192, byte(n))
	}
	dst = append(dst, 0xFF)
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// nextPacket splits the first packet from b. Old and new headers are read;
// partial and indeterminate lengths are refused, because nothing that ω IM
// reads is ever streamed. The body is a part of b.
func nextPacket(b []byte) (tag byte, body, rest []byte, err error) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, nil, nil, fmt.Errorf("%w: no packet header", ErrMalformed)
	}
	var n, head int
	if b[0]&0x40 != 0 {
		tag = b[0] & 0x3F
		n, head, err = newLength(b[1:])
	} else {
		tag = b[0] >> 2 & 0x0F
		n, head, err = oldLength(b[0]&3, b[1:])
	}
	if err != nil {
		return 0, nil, nil, err
	}
	b = b[1+head:]
	if n > len(b) {
		return 0, nil, nil, fmt.Errorf("%w: packet of type %d is cut short", ErrMalformed, tag)
	}
	return tag, b[:n:n], b[n:], nil
}

// newLength reads a new-format length and says how many octets it took.
func newLength(b []byte) (n, size int, err error) {
	switch {
	case b[0] < 192:
		return int(b[0]), 1, nil
	case b[0] < 224 && len(b) >= 2:
		return int(b[0]-192)<<8 + int(b[1]) + 192, 2, nil
	case b[0] == 0xFF && len(b) >= 5:
		return checkLength(binary.BigEndian.Uint32(b[1:]), 5)
	}
	return 0, 0, fmt.Errorf("%w: partial or short packet length", ErrMalformed)
}

// oldLength reads an old-format length of the given length type.
func oldLength(kind byte, b []byte) (n, size int, err error) {
	switch {
	case kind == 0:
		return int(b[0]), 1, nil
	case kind == 1 && len(b) >= 2:
		return int(binary.BigEndian.Uint16(b)), 2, nil
	case kind == 2 && len(b) >= 4:
		return checkLength(binary.BigEndian.Uint32(b), 4)
	}
	return 0, 0, fmt.Errorf("%w: indeterminate or short packet length", ErrMalformed)
}

// checkLength keeps a four-octet length inside an int of any platform.
func checkLength(n uint32, size int) (int, int, error) {
	if n > 1<<24 {
		return 0, 0, fmt.Errorf("%w: packet of %d octets", ErrMalformed, n)
	}
	return int(n), size, nil
}

// appendMPI appends a multiprecision integer (RFC 9580, section 3.2) with the
// value of the octets b; leading zeros go.
func appendMPI(dst, b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	n := 0
	if len(b) > 0 {
		n = 8*(len(b)-1) + bits.Len8(b[0])
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	return append(dst, b...)
}

// nextMPI splits the first integer from b. The bit count must be exact, so
// that a value has one encoding. The value is a part of b, without leading
// zeros, and at most max octets long.
func nextMPI(b []byte, max int) (value, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, fmt.Errorf("%w: integer is cut short", ErrMalformed)
	}
	nbits := int(binary.BigEndian.Uint16(b))
	n := (nbits + 7) / 8
	b = b[2:]
	if n > max || n > len(b) {
		return nil, nil, fmt.Errorf("%w: integer of %d bits", ErrMalformed, nbits)
	}
	if n > 0 && 8*(n-1)+bits.Len8(b[0]) != nbits {
		return nil, nil, fmt.Errorf("%w: integer with a wrong bit count", ErrMalformed)
	}
	return b[:n:n], b[n:], nil
}
