package chat

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// maxMilli is the last millisecond of the year 9999.
const maxMilli = 253402300799999

// appendLine appends "Name: value\n".
func appendLine(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, '\n')
}

// appendHex appends a line whose value is lower-case hexadecimal.
func appendHex(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = hex.AppendEncode(b, value)
	return append(b, '\n')
}

// appendFingerprint appends f.String() at a third of its cost: a message has
// several.
func appendFingerprint(b []byte, f omega.Fingerprint) []byte {
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

func appendAddress(b []byte, name string, f omega.Fingerprint) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = appendFingerprint(b, f)
	return append(b, '\n')
}

// parseFingerprint reads 40 or 64 digits of either case.
func parseFingerprint(s string) (omega.Fingerprint, bool) {
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
	if !unhex(wire[1:], s) {
		return omega.Fingerprint{}, false
	}
	f, _, err := omega.DecodeFingerprint(wire)
	return f, err == nil
}

func appendUint(b []byte, name string, value uint32) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = strconv.AppendUint(b, uint64(value), 10)
	return append(b, '\n')
}

func appendTime(b []byte, name string, t time.Time) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '\n')
}

// A lineReader walks over "Name: value" lines in a fixed order. After the first
// error everything reads as zero. It is lenient about the values' spelling:
// its users render what they read and compare.
type lineReader struct {
	b   []byte
	bad bool
}

// next returns the line in front, without taking it.
func (r *lineReader) next() (name, value string, size int, ok bool) {
	end := bytes.IndexByte(r.b, '\n')
	if r.bad || end < 0 {
		return "", "", 0, false
	}
	name, value, ok = strings.Cut(string(r.b[:end]), ": ")
	return name, value, end + 1, ok
}

// optional takes the line in front if it has this name.
func (r *lineReader) optional(name string) (string, bool) {
	got, value, size, ok := r.next()
	if !ok || got != name {
		return "", false
	}
	r.b = r.b[size:]
	return value, true
}

func (r *lineReader) text(name string) string {
	value, ok := r.optional(name)
	if !ok {
		r.bad = true
	}
	return value
}

func (r *lineReader) hex(name string, dst []byte) {
	if !unhex(dst, r.text(name)) {
		r.bad = true
	}
}

func (r *lineReader) uint(name string) uint32 {
	n, err := strconv.ParseUint(r.text(name), 10, 32)
	if err != nil {
		r.bad = true
	}
	return uint32(n)
}

func (r *lineReader) fingerprint(name string) omega.Fingerprint {
	f, ok := parseFingerprint(r.text(name))
	if !ok {
		r.bad = true
	}
	return f
}

func (r *lineReader) time(name string) time.Time {
	t, err := time.Parse(timeLayout, r.text(name))
	if err != nil || t.UnixMilli() < 0 || t.UnixMilli() > maxMilli {
		r.bad = true
		return time.Time{}
	}
	return t.UTC()
}

// unhex fills dst with exactly its size of hexadecimal digits of either case.
func unhex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// plain reports whether r may stand in a header value or a name: no control
// characters, no line or paragraph separators, nothing that turns the
// direction of the text around it.
func plain(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0xfeff:
		return false
	}
	return true
}

// SanitizeName makes a profile name fit to be shown in one line: characters
// that steer a terminal or the direction of text are taken out, white space
// becomes single spaces, and it is cut to MaxName octets.
func SanitizeName(s string) string {
	words := strings.FieldsFunc(s, unicode.IsSpace)
	for i, w := range words {
		words[i] = strings.Map(func(r rune) rune {
			if !plain(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(w, ""))
	}
	s = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	for len(s) > MaxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}
