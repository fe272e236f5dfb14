package chat

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/omega-im/omega"
)

// Labels keep the uses of a session key apart (spec/chat.md, CHAT-4).
const (
	chainLabel      = "omega-im/chat/key/v1\n"
	commitmentLabel = "omega-im/chat/key-commitment/v1\n"
	messageLabel    = "omega-im/chat/message-key/v1\n"
)

// A SessionKey is the 32 random octets that a device wraps for its readers. It
// shows itself to no log and no formatter; only Marshal functions write it.
type SessionKey [32]byte

const hidden = "SessionKey(hidden)"

// String hides the key.
func (SessionKey) String() string { return hidden }

// GoString hides the key.
func (SessionKey) GoString() string { return hidden }

// Format hides the key from every verb.
func (SessionKey) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalText hides the key from structured logs.
func (SessionKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// derived holds what a session key gives: the key that message keys come from,
// and the public commitment to it.
type derived struct {
	chain      SessionKey
	commitment Hash
}

// derive expands a session key (RFC 5869; spec/chat.md, CHAT-4).
func (k SessionKey) derive() (*derived, error) {
	chain, err := hkdf.Key(sha256.New, k[:], nil, chainLabel, len(k))
	if err != nil {
		return nil, fmt.Errorf("derive chat key: %w", err)
	}
	mac := hmac.New(sha256.New, chain)
	mac.Write([]byte(commitmentLabel))
	return &derived{SessionKey(chain), Hash(mac.Sum(nil))}, nil
}

// messageKey is the one-use AES-256 key of one message. It depends on the
// sequence and the envelope id, so nothing has to be remembered to open
// messages in any order, and a state that was set back cannot use one twice.
func (d *derived) messageKey(sequence uint32, id omega.ID) ([]byte, error) {
	info := make([]byte, 0, len(messageLabel)+4+len(id))
	info = append(info, messageLabel...)
	info = binary.BigEndian.AppendUint32(info, sequence)
	info = append(info, id[:]...)
	key, err := hkdf.Expand(sha256.New, d.chain[:], string(info), len(d.chain))
	if err != nil {
		return nil, fmt.Errorf("derive message key: %w", err)
	}
	return key, nil
}
