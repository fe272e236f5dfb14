package mesh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// Label starts every announcement, and so everything that its signature
// covers.
const Label = "omega-im/lsa/v1\n"

// An announcement in octets, integers big endian:
//
//	label         16      "omega-im/lsa/v1\n"
//	server        21|33   fingerprint, version octet first
//	sequence      8
//	issued        8       milliseconds since 1970
//	expires       8       milliseconds since 1970
//	certificate   32      SHA-256
//	flags         2
//	registration  1       0 closed, 1 open, 2 invite
//	load          2       0 to 1000
//	users         4
//	client        1+n     host:port
//	peer          1+n     host:port
//	http          1+n     URL
//	name          1+n     UTF-8
//	operator      1+n
//	site          1+n
//	version       1+n
//	links         1       how many, at most 32; then for each, ascending:
//	    peer      21|33   fingerprint
//	    rtt       4       microseconds
//	extension     2+n     unread
//	--- the signature covers everything above, the label included ---
//	signed at     4       seconds since 1970: issued, rounded down
//	signature     64      compact OpenPGP signature (spec/identity.md)
//
// There is exactly one encoding of an announcement, and nothing may follow
// it. (spec/cloud.md, CLOUD-1)
const trailer = 4 + SignatureSize

// SignatureSize is the length of a compact signature in octets.
const SignatureSize = 64

// A Signature is a compact OpenPGP signature of a server's signing subkey.
type Signature [SignatureSize]byte

// A SignFunc signs data as of time at (whole seconds).
type SignFunc func(data []byte, at time.Time) (Signature, error)

// A VerifyFunc checks that sig is server's signature over data as of time at.
// It returns an error that is ErrUnknownServer when it does not know the
// server's certificate, and any other error when the signature is not good.
type VerifyFunc func(server omega.Fingerprint, data []byte, at time.Time, sig Signature) error

// ErrMalformed is returned for octets that are no announcement, or not the one
// canonical encoding of it.
var ErrMalformed = errors.New("malformed announcement")

// maxMilli is the last millisecond of the year 9999, the end of RFC 3339.
const maxMilli = 253402300799999

// Sign encodes a and signs it. The result is what travels.
func (a *Announcement) Sign(sign SignFunc) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b := a.append(make([]byte, 0, 512))
	if len(b)+trailer > MaxAnnouncement {
		return nil, fmt.Errorf("%w: %d octets, at most %d", ErrMalformed, len(b)+trailer, MaxAnnouncement)
	}
	at := signedAt(a)
	sig, err := sign(b, at)
	if err != nil {
		return nil, fmt.Errorf("sign announcement %d of %v: %w", a.Sequence, a.Server, err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(at.Unix()))
	return append(b, sig[:]...), nil
}

// signedAt is the time of a's signature.
func signedAt(a *Announcement) time.Time { return time.Unix(a.Issued.Unix(), 0) }

// Split returns the signed part of an encoded announcement and its signature.
// It checks nothing but the length.
func Split(b []byte) (signed []byte, at time.Time, sig Signature, err error) {
	if len(b) < trailer || len(b) > MaxAnnouncement {
		return nil, time.Time{}, Signature{}, fmt.Errorf("%w: %d octets", ErrMalformed, len(b))
	}
	cut := len(b) - trailer
	at = time.Unix(int64(binary.BigEndian.Uint32(b[cut:])), 0)
	return b[:cut], at, Signature(b[cut+4:]), nil
}

// Origin returns whose announcement b is, or the zero fingerprint when that
// cannot be read. It checks nothing else.
func Origin(b []byte) omega.Fingerprint {
	if len(b) < len(Label) || string(b[:len(Label)]) != Label {
		return omega.Fingerprint{}
	}
	fp, _, err := omega.DecodeFingerprint(b[len(Label):])
	if err != nil {
		return omega.Fingerprint{}
	}
	return fp
}

// Open decodes b and verifies its signature. It judges neither the time nor
// the sequence; DB.Apply does.
func Open(b []byte, verify VerifyFunc) (*Announcement, error) {
	a, err := Decode(b)
	if err != nil {
		return nil, err
	}
	return a, check(a, b, verify)
}

// check verifies the signature of b, which decodes to a.
func check(a *Announcement, b []byte, verify VerifyFunc) error {
	signed, at, sig, err := Split(b)
	if err != nil {
		return err
	}
	if err := verify(a.Server, signed, at, sig); err != nil {
		return fmt.Errorf("verify announcement %d of %v: %w", a.Sequence, a.Server, err)
	}
	return nil
}

func (a *Announcement) append(b []byte) []byte {
	b = append(b, Label...)
	b = a.Server.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, a.Sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Issued.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Expires.UnixMilli()))
	b = append(b, a.Certificate[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Flags))
	b = append(b, byte(a.Registration))
	b = binary.BigEndian.AppendUint16(b, a.Load)
	b = binary.BigEndian.AppendUint32(b, a.Users)
	for _, s := range a.strings() {
		b = append(b, byte(len(*s)))
		b = append(b, *s...)
	}
	b = append(b, byte(len(a.Links)))
	for _, l := range a.Links {
		b = l.Peer.AppendTo(b)
		b = binary.BigEndian.AppendUint32(b, uint32(l.RTT/time.Microsecond))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Extension)))
	return append(b, a.Extension...)
}

// addresses is how many of strings come first and are addresses.
const addresses = 3

func (a *Announcement) strings() [7]*string {
	return [...]*string{&a.Client, &a.Peer, &a.HTTP, &a.Name, &a.Operator, &a.Site, &a.Version}
}

// Decode reads an encoded announcement. It does not verify the signature. The
// result shares no memory with b.
func Decode(b []byte) (*Announcement, error) {
	signed, at, _, err := Split(b)
	if err != nil {
		return nil, err
	}
	r := reader{b: signed}
	if string(r.take(len(Label))) != Label {
		return nil, fmt.Errorf("%w: no label", ErrMalformed)
	}
	a := &Announcement{
		Server:       r.fingerprint(),
		Sequence:     r.u64(),
		Issued:       r.milli(),
		Expires:      r.milli(),
		Certificate:  r.hash(),
		Flags:        Flags(r.u16()),
		Registration: Registration(r.u8()),
		Load:         r.u16(),
		Users:        r.u32(),
	}
	for _, s := range a.strings() {
		*s = string(r.take(int(r.u8())))
	}
	a.Links = r.links()
	a.Extension = append([]byte(nil), r.take(int(r.u16()))...)
	switch {
	case r.short:
		return nil, fmt.Errorf("%w: cut short", ErrMalformed)
	case len(r.b) > 0:
		return nil, fmt.Errorf("%w: %d octets too many", ErrMalformed, len(r.b))
	case !at.Equal(signedAt(a)):
		return nil, fmt.Errorf("%w: signed at another time than issued", ErrMalformed)
	}
	return a, a.check()
}

// check reports what keeps a from being a valid announcement.
func (a *Announcement) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	issued, expires := a.Issued.UnixMilli(), a.Expires.UnixMilli()
	switch {
	case a.Server.IsZero():
		return bad("no server")
	case issued < 0 || issued > maxMilli || a.Issued.Unix() > 1<<32-1:
		return bad("issued at an impossible time")
	case expires <= issued || expires-issued > MaxAge.Milliseconds():
		return bad("a life of %d ms", expires-issued)
	case a.Registration > RegistrationInvite:
		return bad("registration %d", a.Registration)
	case a.Load > maxLoad:
		return bad("load %d per mille", a.Load)
	case len(a.Links) > MaxLinks:
		return bad("%d links, at most %d", len(a.Links), MaxLinks)
	case len(a.Extension) > maxExtension:
		return bad("extension of %d octets", len(a.Extension))
	}
	for i, s := range a.strings() {
		if i < addresses && !addressText(*s) || i >= addresses && !plainText(*s) {
			return bad("text %d is too long or has control characters", i)
		}
	}
	for i, l := range a.Links {
		switch {
		case l.Peer.IsZero() || l.Peer == a.Server:
			return bad("a link to nobody or to itself")
		case i > 0 && a.Links[i-1].Peer.Compare(l.Peer) >= 0:
			return bad("links are not in ascending order")
		case l.RTT < 0 || l.RTT/time.Microsecond > 1<<32-1:
			return bad("a round trip of %v", l.RTT)
		}
	}
	return nil
}

// addressText reports whether s is fit for an address: printable ASCII.
func addressText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxAddress
}

// plainText reports whether s is fit to be shown to people.
func plainText(s string) bool {
	if len(s) > maxText || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}

// A reader takes fields from the front of b. After the end it yields zeros and
// sets short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	front := r.b[:n]
	r.b = r.b[n:]
	return front
}

// fixed takes n <= 8 octets as one big-endian number.
func (r *reader) fixed(n int) uint64 {
	var v uint64
	for _, c := range r.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) u8() uint8   { return uint8(r.fixed(1)) }
func (r *reader) u16() uint16 { return uint16(r.fixed(2)) }
func (r *reader) u32() uint32 { return uint32(r.fixed(4)) }
func (r *reader) u64() uint64 { return r.fixed(8) }

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.take(len(h)))
	return h
}

// milli reads a time. One out of range comes back as year 1, which check
// refuses.
func (r *reader) milli() time.Time {
	ms := r.u64()
	if ms > maxMilli {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

func (r *reader) fingerprint() omega.Fingerprint {
	fp, n, err := omega.DecodeFingerprint(r.b)
	if err != nil {
		r.short, r.b = true, nil
		return omega.Fingerprint{}
	}
	r.b = r.b[n:]
	return fp
}

// links reads the count and the links. It stops at the limit, which check
// enforces, before it takes memory for more.
func (r *reader) links() []Link {
	n := int(r.u8())
	if n == 0 || n > MaxLinks {
		r.short = r.short || n > 0
		return nil
	}
	links := make([]Link, 0, n)
	for range n {
		peer := r.fingerprint()
		links = append(links, Link{Peer: peer, RTT: time.Duration(r.u32()) * time.Microsecond})
	}
	return links
}
