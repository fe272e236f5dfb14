package chat

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// A Message is one message of a chat, made here or opened here. Its fields are
// not changed after it was made.
type Message struct {
	ID       omega.ID     // of its envelope
	Chat     omega.ChatID // where it is shown
	Peer     omega.Fingerprint
	From     omega.Fingerprint
	Device   omega.Fingerprint
	Epoch    uint32
	Sequence uint32
	Time     time.Time // by the sender's clock; UTC, milliseconds
	Received time.Time // by the home's clock; zero if it did not say
	Content  *Content

	// Verified is true only if Problem is none: signed by an active device of
	// From, for this reader, in this chat, here for the first time.
	Verified bool
	Problem  Problem

	// ListDiffers: the sender wrote for another list of members and devices
	// than the reader had ("older member list"). It is no problem.
	ListDiffers bool

	// Transcript is what the signature covers, Signature the signature itself:
	// together with the device's key they are what gpg --verify takes
	// (pgp.DetachedSignature at SignatureTime).
	Transcript []byte
	Signature  pgp.Compact
}

// Expires is when the message is to be erased; zero: it stays.
func (m *Message) Expires() time.Time {
	if m.Content.Lifetime == 0 {
		return time.Time{}
	}
	return m.Time.Add(m.Content.Lifetime)
}

// SignatureTime is the creation time of the signature: Time cut to seconds.
func (m *Message) SignatureTime() time.Time { return m.Time.Truncate(time.Second) }

// Link returns what the device's next message names this one by.
func (m *Message) Link() Link { return LinkOf(m.Transcript) }

// Head returns the transcript up to and with the blank line. Head and
// Content.Text together are the transcript.
func (m *Message) Head() []byte {
	head, _ := SplitTranscript(m.Transcript)
	return head
}

// Again returns the content that sends m once more, in answer to a
// ResendRequest, in the chat with to. Of a message that is itself an answer
// only the transcript goes again: it closes the gap, and what was inside is
// asked for by its own sequence. (spec/chat.md, CHAT-13)
func (m *Message) Again(to omega.ChatID) (*Content, error) {
	again := &Resent{Transcript: m.Transcript, Signature: m.Signature}
	if m.Chat != to {
		again.Peer = m.Peer
	}
	if m.Content.Kind == KindResent {
		return &Content{Kind: KindResent, Resent: again}, nil
	}
	raw, err := m.Content.Raw()
	if err != nil {
		return nil, err
	}
	plain, err := NewText(m.Content.Text).Raw()
	if err != nil {
		return nil, err
	}
	if string(plain) != string(raw) {
		again.Content = raw
	}
	return &Content{Kind: KindResent, Resent: again}, nil
}

// transcript is the signed form of a message under key k.
func (k *Key) transcript(id omega.ID, sequence uint32, previous Link, t time.Time, c *Content, raw []byte) (*Transcript, error) {
	hash, err := c.contentHash(raw)
	if err != nil {
		return nil, err
	}
	return &Transcript{
		ID: id, Chat: k.Chat, Members: k.MembersHash(), Epoch: k.Epoch, Commitment: k.Commitment,
		From: k.From, Device: k.Device, Sequence: sequence, Previous: previous, Seen: c.Seen,
		Time: t, Kind: c.Kind, Lines: c.Lines, ContentHash: hash, Text: c.Text,
	}, nil
}

// inner is what stands inside the seal of a message (spec/chat.md, CHAT-7):
//
//	 0  u8   signature length (64)
//	 1  64   signature
//	65  6    time, ms since 1970
//	71  16   link to the device's message before; zero for the first
//	87  ...  content, protobuf
type inner struct {
	signature pgp.Compact
	time      time.Time
	previous  Link
	content   []byte
}

func (in *inner) bytes() []byte {
	b := make([]byte, 0, innerHeader+len(in.content))
	b = append(b, pgp.CompactSize)
	b = append(b, in.signature[:]...)
	ms := in.time.UnixMilli()
	b = append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
	b = append(b, in.previous[:]...)
	return append(b, in.content...)
}

func parseInner(b []byte) (*inner, error) {
	if len(b) < innerHeader || b[0] != pgp.CompactSize {
		return nil, malformed("message: %d octets inside the seal", len(b))
	}
	in := &inner{signature: pgp.Compact(b[1:65]), previous: Link(b[71:87]), content: b[innerHeader:]}
	var ms int64
	for _, c := range b[65:71] {
		ms = ms<<8 | int64(c)
	}
	if ms > canon.MaxMilli {
		return nil, malformed("message: time %d ms", ms)
	}
	in.time = time.UnixMilli(ms).UTC()
	return in, nil
}
