// Package canon writes and reads the canonical texts that signatures cover:
// UTF-8 lines "Name: value" in a fixed order, each ended by one line feed.
// Writers append; readers are lenient about the spelling of values, so their
// users write what they read again and compare the octets.
package canon

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// TimeLayout is RFC 3339 in UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// MaxMilli is the last millisecond of the year 9999.
const MaxMilli = 253402300799999

// AppendLine appends "Name: value\n".
func AppendLine(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, '\n')
}

// AppendHex appends a line whose value is lower-case hexadecimal.
func AppendHex(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = hex.AppendEncode(b, value)
	return append(b, '\n')
}

// AppendFingerprint appends f.String() at a third of its cost: a message has
// several.
func AppendFingerprint(b []byte, f omega.Fingerprint) []byte {
	const digits = "0123456789ABCDEF"
	if f.IsZero() {
		return b
	}
	var buf [omega.MaxFingerprintSize]byte
	for _, c := range f.AppendTo(buf[:0])[1:] {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// AppendAddress appends a line whose value is a fingerprint.
func AppendAddress(b []byte, name string, f omega.Fingerprint) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = AppendFingerprint(b, f)
	return append(b, '\n')
}

// ParseFingerprint reads 40 or 64 digits of either case.
func ParseFingerprint(s string) (omega.Fingerprint, bool) {
	var buf [omega.MaxFingerprintSize]byte
	switch len(s) {
	case 40:
		buf[0] = 4
	case 64:
		buf[0] = 6
	default:
		return omega.Fingerprint{}, false
	}
	wire := buf[:1+len(s)/2]
	if !Unhex(wire[1:], s) {
		return omega.Fingerprint{}, false
	}
	f, _, err := omega.DecodeFingerprint(wire)
	return f, err == nil
}

// AppendUint appends a line whose value is decimal.
func AppendUint(b []byte, name string, value uint32) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = strconv.AppendUint(b, uint64(value), 10)
	return append(b, '\n')
}

// AppendTime appends a line whose value is a time.
func AppendTime(b []byte, name string, t time.Time) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = t.UTC().AppendFormat(b, TimeLayout)
	return append(b, '\n')
}

// Unhex fills dst with exactly its size of hexadecimal digits of either case.
func Unhex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// Plain reports whether r may stand in a value or a name: no control
// characters, no line or paragraph separators, nothing that turns the
// direction of the text around it.
func Plain(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0xfeff:
		return false
	}
	return true
}
