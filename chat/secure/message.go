package secure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// innerHead is what stands before the content of a message:
//
//	 0  64   signature
//	64  u48  time, ms
//	70  u8   counts
//	71  { 32 name of an epoch | u8 messages }*
//	..  u8   prekeys: 0 or 1
//	..  1302*
const innerHead = pgp.CompactSize + 6 + 1 + 1

// MaxCounts is how many epochs one message tells counts of.
const MaxCounts = 16

const countSize = 32 + 1

// MaxContent is the most octets that the content of a message has.
const MaxContent = MaxInner - innerHead - MaxCounts*countSize - PrekeySize

// A Message is one message of a secure chat. (spec/secure.md, SEC-11)
type Message struct {
	ID      omega.ID // of its envelope
	From    omega.Fingerprint
	Device  omega.Fingerprint
	Number  uint32
	Time    time.Time // UTC, milliseconds
	Sent    []Count   // of the first message in an epoch, by name: how many the device sent in others
	Next    *Prekey   // for the reader's next epoch in this chat; nil: none told
	Content []byte    // package chat's, not looked at

	// Text and Signature are what gpg --verify takes.
	Text      []byte
	Signature pgp.Compact
}

// A Count is how many messages a device sent in an epoch that it does not send in any
// more.
type Count struct {
	Epoch Hash
	Sent  uint32
}

// ErrSigner says that a message's device is not known, or not as one of its account:
// with a newer certificate it may open. Nothing was used up.
var ErrSigner = errors.New("key of the sender's device is not at hand")

// A FindKey returns the signing key of a device that was active in an account when a
// message came; nil if there is none.
type FindKey func(account, device omega.Fingerprint) *pgp.PublicKey

// SealMessage makes the payload of the device's next message, signed by s. It fills
// in From, Device, Number, Text and Signature of m. What changed of e is stored before
// the payload is sent.
func (e *Epoch) SealMessage(ctx context.Context, s pgp.Signer, m *Message) ([]byte, error) {
	m.Device = s.Public().Fingerprint()
	if err := e.Open(m.Device, m.Time); err != nil {
		return nil, err
	}
	m.From, _ = e.Record.Account(m.Device)
	m.Number, m.Time = e.Sent(m.Device), milli(m.Time)
	if len(m.Content) > MaxContent {
		return nil, fmt.Errorf("seal content of %d octets: %w", len(m.Content), ErrMalformed)
	}
	if err := e.admitMessage(m); err != nil {
		return nil, err
	}
	m.Text = e.text(m)
	var err error
	if m.Signature, err = pgp.SignCompact(ctx, s, m.Text, m.Time.Truncate(time.Second)); err != nil {
		return nil, fmt.Errorf("sign a message: %w", err)
	}
	return e.Seal(m.Device, m.Time, m.inner())
}

// OpenMessage opens a payload of this epoch that came in the envelope id, verifies
// who signed it, and destroys its key. After any error the epoch is as before: so
// another member, who can make the keys but no signature, cannot use them up.
func (e *Epoch) OpenMessage(payload []byte, id omega.ID, find FindKey) (m *Message, err error) {
	_, err = e.unseal(payload, func(in *Inner) error {
		m, err = e.verify(in, id, find)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (e *Epoch) verify(in *Inner, id omega.ID, find FindKey) (*Message, error) {
	m, err := parseInner(in.Octets)
	if err != nil {
		return nil, err
	}
	m.ID, m.Device, m.Number = id, in.Device, in.Number
	m.From, _ = e.Record.Account(m.Device)
	if err := e.admitMessage(m); err != nil {
		return nil, err
	}
	key := find(m.From, m.Device)
	if key == nil {
		return nil, fmt.Errorf("message %s of %s: %w", id, m.Device, ErrSigner)
	}
	m.Text = e.text(m)
	if err := pgp.VerifyCompact(key, m.Text, m.Time.Truncate(time.Second), m.Signature); err != nil {
		return nil, fmt.Errorf("message %s of %s: %w", id, m.Device, err)
	}
	if m.Next != nil {
		if err := m.Next.Verify(key, m.From, m.Time); err != nil {
			return nil, fmt.Errorf("message %s: next %w", id, err)
		}
	}
	return m, nil
}

// admitMessage checks what the record says of a message: its time, and that only the
// first one of a device tells counts. (spec/secure.md, SEC-6, SEC-7)
func (e *Epoch) admitMessage(m *Message) error {
	switch {
	case m.Time.After(e.Record.Expires):
		return fmt.Errorf("message of %s in epoch %s: %w at %s", m.Time.Format(time.RFC3339), e.Record.hash, ErrEnded, e.Record.Expires.Format(time.RFC3339))
	case m.Time.Before(e.Record.Time.Add(-omega.ClockTolerance)):
		return malformed("message of %s in an epoch of %s", m.Time, e.Record.Time)
	case m.Number > 0 && len(m.Sent) > 0 || len(m.Sent) > MaxCounts:
		return malformed("message %d tells %d counts", m.Number, len(m.Sent))
	case !strictly(m.Sent, func(a, b Count) int { return compareHash(a.Epoch, b.Epoch) }):
		return malformed("message with counts out of order")
	case m.Next != nil && m.Next.Use != UseChat:
		return malformed("message tells a prekey for %q", m.Next.Use)
	}
	return nil
}

// text is what the signature of a message covers.
func (e *Epoch) text(m *Message) []byte {
	b := appendHead(make([]byte, 0, 640), m.ID, e.Record.Chat, e.Record.hash, m.From, m.Device, m.Number, m.Time, m.Sent)
	if m.Next != nil {
		hash := sha256.Sum256(m.Next.Marshal())
		b = canon.AppendHex(b, "Next-Prekey", hash[:])
	}
	hash := sha256.Sum256(m.Content)
	return canon.AppendHex(b, "Content-Hash", hash[:])
}

// appendHead appends the lines before those of prekey and content.
func appendHead(b []byte, id omega.ID, chat omega.ChatID, epoch Hash, from, device omega.Fingerprint, number uint32, at time.Time, sent []Count) []byte {
	b = canon.AppendLine(b, "Omega-Secure-Message", "1")
	b = canon.AppendHex(b, "Id", id[:])
	b = canon.AppendHex(b, "Chat", chat[:])
	b = canon.AppendHex(b, "Epoch", epoch[:])
	b = canon.AppendAddress(b, "From", from)
	b = canon.AppendAddress(b, "Device", device)
	b = canon.AppendUint(b, "Number", number)
	b = canon.AppendTime(b, "Time", at)
	for _, c := range sent {
		b = canon.AppendLine(b, "Sent", fmt.Sprintf("%s %d", c.Epoch, c.Sent))
	}
	return b
}

func (m *Message) inner() []byte {
	b := append(make([]byte, 0, innerHead+len(m.Content)), m.Signature[:]...)
	b = append(appendMilli(b, m.Time), byte(len(m.Sent)))
	for _, c := range m.Sent {
		b = append(append(b, c.Epoch[:]...), byte(c.Sent))
	}
	if m.Next == nil {
		return append(append(b, 0), m.Content...)
	}
	return append(append(append(b, 1), m.Next.Marshal()...), m.Content...)
}

// parseInner reads what stands inside the seal of a message.
func parseInner(b []byte) (*Message, error) {
	if len(b) < innerHead {
		return nil, malformed("message of %d octets", len(b))
	}
	m := &Message{Signature: pgp.Compact(b), Time: readMilli(b[pgp.CompactSize:])}
	if m.Time.UnixMilli() > canon.MaxMilli {
		return nil, malformed("message of %s", m.Time)
	}
	b = b[pgp.CompactSize+6:]
	n := int(b[0])
	if b = b[1:]; n > MaxCounts || len(b) < n*countSize+1 {
		return nil, malformed("message with counts of %d epochs", n)
	}
	for range n {
		c := Count{Hash(b), uint32(b[32])}
		if b = b[countSize:]; c.Sent > MaxLimit {
			return nil, malformed("message that counts %d", c.Sent)
		}
		m.Sent = append(m.Sent, c)
	}
	prekeys := b[0]
	b = b[1:]
	switch {
	case prekeys > 1 || prekeys == 1 && len(b) < PrekeySize:
		return nil, malformed("message with %d prekeys", prekeys)
	case prekeys == 1:
		var err error
		if m.Next, err = ParsePrekey(b[:PrekeySize]); err != nil {
			return nil, err
		}
		b = b[PrekeySize:]
	}
	if len(b) > MaxContent {
		return nil, malformed("content of %d octets", len(b))
	}
	m.Content = bytes.Clone(b)
	return m, nil
}
