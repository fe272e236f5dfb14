package canon

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
)

// A Reader walks over "Name: value" lines in a fixed order. After the first
// error everything reads as zero and Bad is set.
type Reader struct {
	B   []byte // what is left
	Bad bool
}

// Next returns the line in front, without taking it.
func (r *Reader) Next() (name, value string, size int, ok bool) {
	end := bytes.IndexByte(r.B, '\n')
	if r.Bad || end < 0 {
		return "", "", 0, false
	}
	name, value, ok = strings.Cut(string(r.B[:end]), ": ")
	return name, value, end + 1, ok
}

// Optional takes the line in front if it has this name.
func (r *Reader) Optional(name string) (string, bool) {
	got, value, size, ok := r.Next()
	if !ok || got != name {
		return "", false
	}
	r.B = r.B[size:]
	return value, true
}

// Text takes the line in front, which must have this name.
func (r *Reader) Text(name string) string {
	value, ok := r.Optional(name)
	if !ok {
		r.Bad = true
	}
	return value
}

// Hex takes a line whose value is as many octets as dst has.
func (r *Reader) Hex(name string, dst []byte) {
	if !Unhex(dst, r.Text(name)) {
		r.Bad = true
	}
}

// Uint takes a line whose value is decimal.
func (r *Reader) Uint(name string) uint32 {
	n, err := strconv.ParseUint(r.Text(name), 10, 32)
	if err != nil {
		r.Bad = true
	}
	return uint32(n)
}

// Fingerprint takes a line whose value is a fingerprint.
func (r *Reader) Fingerprint(name string) omega.Fingerprint {
	f, ok := ParseFingerprint(r.Text(name))
	if !ok {
		r.Bad = true
	}
	return f
}

// Time takes a line whose value is a time.
func (r *Reader) Time(name string) time.Time {
	t, err := time.Parse(TimeLayout, r.Text(name))
	if err != nil || t.UnixMilli() < 0 || t.UnixMilli() > MaxMilli {
		r.Bad = true
		return time.Time{}
	}
	return t.UTC()
}
