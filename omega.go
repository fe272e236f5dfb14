// Package omega is the vocabulary of ω IM: fingerprints, ids, the clocks and
// limits of the protocol and its error codes. It has no behaviour beyond
// parsing and printing its own types, so every other package may import it.
//
// The normative text is in spec/; clause ids such as WIRE-1 point there.
package omega

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// A Fingerprint names an OpenPGP key: an account (its primary key), a device
// (its signing subkey) or a server (its primary key). It is comparable, and
// its zero value means "none". (spec/wire.md, WIRE-1)
//
// On the wire it is one version octet followed by 20 octets (v4) or 32 octets
// (v6). Version 4 is the only one that certificates have today; version 6 is
// carried, routed and stored so that v6 keys fit later.
type Fingerprint struct {
	version byte
	digest  [32]byte // v4 uses the first 20 octets, the rest is zero
}

// Sizes of a fingerprint on the wire, in octets, version octet included.
const (
	FingerprintSizeV4  = 1 + 20
	FingerprintSizeV6  = 1 + 32
	MaxFingerprintSize = FingerprintSizeV6
)

// ErrFingerprint is returned for octets or text that are no fingerprint.
var ErrFingerprint = errors.New("not an OpenPGP fingerprint")

// FingerprintV4 makes a version 4 fingerprint from its 20 octets (RFC 9580,
// section 5.5.4.2).
func FingerprintV4(digest []byte) (Fingerprint, error) {
	return newFingerprint(4, digest)
}

func newFingerprint(version byte, digest []byte) (Fingerprint, error) {
	f := Fingerprint{version: version}
	if len(digest) != FingerprintSize(version)-1 {
		return Fingerprint{}, fmt.Errorf("%w: version %d with %d octets", ErrFingerprint, version, len(digest))
	}
	copy(f.digest[:], digest)
	return f, nil
}

// FingerprintSize returns the number of octets a fingerprint of this version
// takes on the wire, version octet included, or 0 for an unknown version.
func FingerprintSize(version byte) int {
	switch version {
	case 4:
		return FingerprintSizeV4
	case 6:
		return FingerprintSizeV6
	}
	return 0
}

// ParseFingerprint reads 40 or 64 hexadecimal digits of either case. Spaces
// between the groups that people and gpg print are ignored, and so is 0x in
// front, which key servers like.
func ParseFingerprint(s string) (Fingerprint, error) {
	if len(s) > 256 {
		return Fingerprint{}, fmt.Errorf("%w: %d characters", ErrFingerprint, len(s))
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		digits = digits[2:]
	}
	digest, err := hex.DecodeString(digits)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("%w: %q has a character that is no hexadecimal digit", ErrFingerprint, s)
	}
	switch len(digest) {
	case 20:
		return newFingerprint(4, digest)
	case 32:
		return newFingerprint(6, digest)
	}
	return Fingerprint{}, fmt.Errorf("%w: %d hexadecimal digits, want 40 or 64", ErrFingerprint, len(digits))
}

// DecodeFingerprint reads a fingerprint from the front of b and returns the
// number of octets it took. It allocates nothing.
func DecodeFingerprint(b []byte) (Fingerprint, int, error) {
	if len(b) == 0 {
		return Fingerprint{}, 0, ErrFingerprint
	}
	n := FingerprintSize(b[0])
	if n == 0 || len(b) < n {
		return Fingerprint{}, 0, ErrFingerprint
	}
	f := Fingerprint{version: b[0]}
	copy(f.digest[:], b[1:n])
	return f, n, nil
}

// AppendTo appends the wire form of f to b. The zero fingerprint has none and
// must not be appended.
func (f Fingerprint) AppendTo(b []byte) []byte {
	b = append(b, f.version)
	return append(b, f.digest[:FingerprintSize(f.version)-1]...)
}

// Wire returns the wire form of f.
func (f Fingerprint) Wire() []byte { return f.AppendTo(make([]byte, 0, MaxFingerprintSize)) }

// Size is the number of octets that AppendTo appends.
func (f Fingerprint) Size() int { return FingerprintSize(f.version) }

// Version is the OpenPGP key version, or 0 for the zero fingerprint.
func (f Fingerprint) Version() int { return int(f.version) }

// Digest returns the octets of the fingerprint without the version octet.
func (f Fingerprint) Digest() []byte {
	if f.IsZero() {
		return nil
	}
	return append([]byte(nil), f.digest[:FingerprintSize(f.version)-1]...)
}

// IsZero reports whether f names nothing.
func (f Fingerprint) IsZero() bool { return f.version == 0 }

// String returns upper-case hexadecimal digits without spaces, or "" for the
// zero fingerprint.
func (f Fingerprint) String() string {
	if f.IsZero() {
		return ""
	}
	return fmt.Sprintf("%X", f.digest[:FingerprintSize(f.version)-1])
}

// Compare orders fingerprints by version, then by their octets.
func (f Fingerprint) Compare(g Fingerprint) int {
	if f.version != g.version {
		return int(f.version) - int(g.version)
	}
	for i := range f.digest {
		if f.digest[i] != g.digest[i] {
			return int(f.digest[i]) - int(g.digest[i])
		}
	}
	return 0
}

// MarshalText writes the form of String.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what ParseFingerprint reads; empty text is the zero
// fingerprint.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*f = Fingerprint{}
		return nil
	}
	g, err := ParseFingerprint(string(b))
	if err == nil {
		*f = g
	}
	return err
}

// IDSize is the length of an ID in octets.
const IDSize = 16

// An ID names an envelope and the message in it. Senders choose it at random.
// Nothing may rely on its being fresh: servers deduplicate by sender, ID and
// payload, readers by sender device and sequence. (spec/wire.md, WIRE-2)
type ID [IDSize]byte

// ParseID reads 32 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if err := parseHex(id[:], s); err != nil {
		return ID{}, fmt.Errorf("message id %q: %w", s, err)
	}
	return id, nil
}

// String returns 32 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(b []byte) error { return parseHex(id[:], string(b)) }

// TokenSize is the length of a Token in octets.
const TokenSize = 16

// A Token lets whoever has it write to one account as somebody whom that account
// knows, not as a stranger. Its zero value means "none". (spec/delivery.md, DELIV-44)
type Token [TokenSize]byte

// TokenAt is the token of the i-th recipient where tokens has those of the first ones, in
// their order; zero: it has none.
func TokenAt(tokens []Token, i int) Token {
	if i < len(tokens) {
		return tokens[i]
	}
	return Token{}
}

// IsZero reports whether t is no token.
func (t Token) IsZero() bool { return t == Token{} }

// String hides the token: whoever has it can use it.
func (Token) String() string { return "Token(hidden)" }

// A ChatID names a conversation inside clients. Servers never see one (M14).
// (spec/chat.md, CHAT-1)
type ChatID [16]byte

// DirectChat returns the id of the conversation between two accounts: the
// first 16 octets of SHA-256 over a label and both fingerprints in order.
func DirectChat(a, b Fingerprint) ChatID {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	buf := []byte("omega-im/chat/direct/v1\n")
	buf = a.AppendTo(buf)
	buf = b.AppendTo(buf)
	sum := sha256.Sum256(buf)
	return ChatID(sum[:16])
}

// ParseChatID reads 32 hexadecimal digits.
func ParseChatID(s string) (ChatID, error) {
	var c ChatID
	if err := parseHex(c[:], s); err != nil {
		return ChatID{}, fmt.Errorf("chat id %q: %w", s, err)
	}
	return c, nil
}

// String returns 32 lower-case hexadecimal digits.
func (c ChatID) String() string { return hex.EncodeToString(c[:]) }

// MarshalText writes the form of String.
func (c ChatID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what ParseChatID reads.
func (c *ChatID) UnmarshalText(b []byte) error { return parseHex(c[:], string(b)) }

func parseHex(dst []byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%d characters, want %d hexadecimal digits", len(s), 2*len(dst))
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil {
		return errors.New("a character is no hexadecimal digit")
	}
	return nil
}
