// Package secure is the inside of secure chats: epochs, each a secret that one
// device made and OpenPGP packets carried to every device; chains of message
// keys that are used once and destroyed; and the sealed frames that travel. It
// is pure: time and randomness are arguments (ML-KEM alone takes randomness
// from the system), and what must be remembered, and destroyed, is in plain
// structs that the caller keeps, who also knows which device was whose, and
// when. The normative text is spec/secure.md.
package secure

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
)

// A Hash is a SHA-256: it names an epoch or a prekey.
type Hash [32]byte

// String returns 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Limits of this package; readers check them before they take memory.
const (
	MaxDevices = 512            // of one epoch
	MaxParents = 8              // of one epoch
	MaxHeads   = 16             // operations of the group that an epoch names
	MaxLimit   = 100            // messages of one device in an epoch
	MaxAge     = 24 * time.Hour // of an epoch
	MaxRecord  = 80 << 10       // octets of a record's text

	// Grave is how long after its end an epoch is kept for mail that may still
	// come: a mailbox's 40 days and 5 for repairs.
	Grave = omega.MaxLifetime + 5*24*time.Hour
)

// Kinds of payload: the first octet (spec/chat.md, CHAT-2).
const (
	PayloadWrap    = 3
	PayloadRecord  = 4
	PayloadMessage = 5
)

// Errors that callers decide on.
var (
	ErrMalformed = errors.New("malformed secure chat data")   // bytes break spec/secure.md
	ErrUnsealed  = errors.New("cannot be opened")             // damaged, or under another key
	ErrEnded     = errors.New("epoch has ended")              // by time or by count: open another
	ErrUsed      = errors.New("message key was used already") // a message that was opened before
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// A Secret is what an epoch's keys come from. It hides itself.
type Secret [32]byte

const hidden = "Secret(hidden)"

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the secret from structured logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// A Locator names an epoch in the clear part of what carries its secret.
type Locator [8]byte

// String returns 16 lower-case hexadecimal digits.
func (l Locator) String() string { return hex.EncodeToString(l[:]) }

// keys are what a secret gives beside chains (spec/secure.md, SEC-2). The secret
// itself is destroyed when the chains have been made.
type keys struct {
	record, header, tag Secret
	locator             Locator
	commitment          Hash
}

func (s Secret) expand(label string) (out [32]byte, err error) {
	k, err := hkdf.Key(sha256.New, s[:], nil, label, len(out))
	if err != nil {
		return out, fmt.Errorf("derive %q: %w", label, err)
	}
	return [32]byte(k), nil
}

func (s Secret) keys() (k keys, err error) {
	var locator, commitment [32]byte
	for _, to := range []struct {
		label string
		key   *[32]byte
	}{
		{"record", (*[32]byte)(&k.record)}, {"header", (*[32]byte)(&k.header)}, {"tag", (*[32]byte)(&k.tag)},
		{"locator", &locator}, {"commitment", &commitment},
	} {
		if *to.key, err = s.expand("omega-im/secure/" + to.label + "/v1\n"); err != nil {
			return keys{}, err
		}
	}
	k.locator, k.commitment = Locator(locator[:]), commitment
	return k, nil
}

// chain is the first chain key of a device.
func (s Secret) chain(device omega.Fingerprint) ([32]byte, error) {
	return s.expand("omega-im/secure/chain/v1\n" + string(device.AppendTo(nil)))
}

// mac is HMAC-SHA-256.
func mac(key [32]byte, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, key[:])
	for _, p := range parts {
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

// A tag names a message to those who have the epoch (spec/secure.md, SEC-5).
type tag [8]byte

func (k *keys) tagOf(device omega.Fingerprint, number uint32) tag {
	sum := mac(k.tag, device.AppendTo(nil), binary.BigEndian.AppendUint32(nil, number))
	return tag(sum[:8])
}
