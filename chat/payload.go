package chat

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A Locator names a sending key to those who have it and tells others nothing:
// 8 random octets in the clear part of every payload.
type Locator [8]byte

// String returns 16 lower-case hexadecimal digits.
func (l Locator) String() string { return hex.EncodeToString(l[:]) }

// IsZero reports whether l names nothing.
func (l Locator) IsZero() bool { return l == Locator{} }

// A Hash is a SHA-256.
type Hash [32]byte

// String returns 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// A Link is the first 16 octets of the SHA-256 of a transcript: what the
// device's next message names as the one before it. (spec/chat.md, CHAT-10)
type Link [16]byte

// String returns 32 lower-case hexadecimal digits.
func (l Link) String() string { return hex.EncodeToString(l[:]) }

// A PayloadKind is the first octet of an envelope's payload.
type PayloadKind uint8

// Payload kinds. 3 to 5 are for secure chat.
const (
	PayloadKey         PayloadKind = 1 // a sending key, wrapped for devices
	PayloadMessage     PayloadKind = 2 // a message under a sending key
	PayloadGroupKey    PayloadKind = 6 // a group key, wrapped for devices (spec/group.md, GROUP-12)
	PayloadGroupRecord PayloadKind = 7 // a sending key under a group key (spec/group.md, GROUP-13)
	PayloadSign        PayloadKind = 8 // what is true for a moment, under a sending key (CHAT-53)
)

// A Payload is the clear part of an envelope's payload (spec/chat.md, CHAT-2):
//
//	0  u8   kind: 1 key record, 2 message, 6 group key, 7 group record, 8 sign
//	1  8    locator
//	9  ...  kinds 1 and 6: an OpenPGP message
//	   8    kind 7: locator of the group key
//	   u32  kind 2: sequence
//	... ... kinds 2, 7 and 8: AES-256-GCM ciphertext and tag
type Payload struct {
	Kind     PayloadKind
	Locator  Locator
	GroupKey Locator // of a group record
	Sequence uint32  // of a message; 0 in others
	Body     []byte  // in place, not yet checked
}

const (
	keyHeader     = 1 + 8
	messageHeader = 1 + 8 + 4
	tagSize       = 16

	// innerHeader is what stands in front of the content inside the seal:
	// u8 signature length (64) | signature 64 | time, ms since 1970, 6 | link 16.
	innerHeader = 1 + pgp.CompactSize + 6 + 16
)

// Overhead is how many octets a text message takes on top of its text and the
// protobuf framing of the text (2 octets up to 127 octets of text, at most 4).
const Overhead = messageHeader + innerHeader + tagSize

// ParsePayload splits a payload in place. A kind of a later version is
// ErrMalformed.
func ParsePayload(b []byte) (Payload, error) {
	if len(b) < keyHeader || len(b) > omega.MaxEnvelope {
		return Payload{}, malformed("payload: %d octets", len(b))
	}
	p := Payload{Kind: PayloadKind(b[0]), Locator: Locator(b[1:9]), Body: b[keyHeader:]}
	switch p.Kind {
	case PayloadKey, PayloadGroupKey:
		return p, nil
	case PayloadSign:
		if len(b) != keyHeader+signSize+tagSize {
			return Payload{}, malformed("sign payload: %d octets", len(b))
		}
		return p, nil
	case PayloadGroupRecord:
		if len(b) < keyHeader+len(p.GroupKey)+tagSize {
			return Payload{}, malformed("group record payload: %d octets", len(b))
		}
		p.GroupKey = Locator(p.Body)
		p.Body = p.Body[len(p.GroupKey):]
		return p, nil
	case PayloadMessage:
		if len(b) < Overhead {
			return Payload{}, malformed("message payload: %d octets", len(b))
		}
		p.Sequence = binary.BigEndian.Uint32(b[keyHeader:])
		p.Body = b[messageHeader:]
		if p.Sequence == 0 {
			return Payload{}, malformed("message payload: sequence 0")
		}
		return p, nil
	}
	return Payload{}, malformed("payload: kind %d", b[0])
}

// appendTo appends the clear part; the caller appends the rest.
func (p *Payload) appendTo(b []byte) []byte {
	b = append(b, byte(p.Kind))
	b = append(b, p.Locator[:]...)
	if p.Kind == PayloadMessage {
		b = binary.BigEndian.AppendUint32(b, p.Sequence)
	}
	return append(b, p.Body...)
}

// messageVersion starts the additional data of every message.
const messageVersion = 1

// seat is where a message belongs: what its seal binds without carrying it.
type seat struct {
	chat     omega.ChatID
	epoch    uint32
	device   omega.Fingerprint
	locator  Locator
	sequence uint32
}

// additionalData is what AES-GCM authenticates beside the ciphertext
// (spec/chat.md, CHAT-7):
//
//	u8 version (1) | u8 kind (2) | 16 chat | u32 epoch | fp device | 8 locator | u32 sequence
func (s *seat) additionalData() []byte {
	b := make([]byte, 0, 2+16+4+omega.MaxFingerprintSize+8+4)
	b = append(b, messageVersion, byte(PayloadMessage))
	b = append(b, s.chat[:]...)
	b = binary.BigEndian.AppendUint32(b, s.epoch)
	b = s.device.AppendTo(b)
	b = append(b, s.locator[:]...)
	return binary.BigEndian.AppendUint32(b, s.sequence)
}

// seal appends the ciphertext and tag of plaintext to dst.
func seal(dst []byte, d *derived, s *seat, id omega.ID, plaintext []byte) ([]byte, error) {
	gcm, err := messageCipher(d, s, id)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(dst, make([]byte, gcm.NonceSize()), plaintext, s.additionalData()), nil
}

// unseal is the reverse of seal. A failure says nothing about its cause.
func unseal(d *derived, s *seat, id omega.ID, ciphertext []byte) ([]byte, error) {
	gcm, err := messageCipher(d, s, id)
	if err != nil {
		return nil, err
	}
	plaintext, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), ciphertext, s.additionalData())
	if err != nil {
		return nil, ErrUnsealed
	}
	return plaintext, nil
}

// messageCipher is AES-256-GCM under the message's own key; the nonce is zero
// because no key is used twice.
func messageCipher(d *derived, s *seat, id omega.ID) (cipher.AEAD, error) {
	key, err := d.messageKey(s.sequence, id)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
