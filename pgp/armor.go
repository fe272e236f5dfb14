package pgp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Armor returns b as text of the given kind, such as "PGP SIGNATURE" or "PGP
// MESSAGE" (RFC 9580, section 6.2). It ends with a line feed.
//
// It is written here because key servers armor every answer, and the library
// takes fifteen times as long.
func Armor(kind string, b []byte) string {
	out := make([]byte, 0, len(b)/48*65+2*len(kind)+128)
	out = append(append(append(out, "-----BEGIN "...), kind...), "-----\n\n"...)
	for rest := b; len(rest) > 0; {
		line := rest[:min(len(rest), armorLine)]
		rest = rest[len(line):]
		out = append(base64.StdEncoding.AppendEncode(out, line), '\n')
	}
	sum := crc24(b)
	out = base64.StdEncoding.AppendEncode(append(out, '='), []byte{byte(sum >> 16), byte(sum >> 8), byte(sum)})
	out = append(append(append(out, "\n-----END "...), kind...), "-----\n"...)
	return string(out)
}

// armorLine is how many octets make a line of 64 characters.
const armorLine = 48

// crc24 is the checksum of armor (RFC 9580, section 6.1), eight bits at a time.
func crc24(b []byte) uint32 {
	crc := uint32(0xB704CE)
	for _, c := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>16)^c]
	}
	return crc & 0xFFFFFF
}

// crcTable holds the checksums of single octets.
var crcTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
		table[i] = crc
	}
	return table
}()

// dearmor returns b itself if it is binary, or what its armor holds, in either
// case at most max octets.
func dearmor(b []byte, max int) ([]byte, error) {
	if len(b) > 2*max {
		return nil, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	if len(b) > 0 && b[0]&0x80 == 0 {
		block, err := armor.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%w: neither binary nor armored: %w", ErrMalformed, err)
		}
		if b, err = io.ReadAll(block.Body); err != nil {
			return nil, fmt.Errorf("%w: armor: %w", ErrMalformed, err)
		}
	}
	if len(b) > max {
		return nil, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	return b, nil
}
