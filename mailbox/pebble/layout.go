package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// Key spaces and what stands at the end of a mailbox's keys.
const (
	spaceHead   = 0x00
	spaceSums   = 0x01
	spaceShared = 0x02
	spaceBox    = 0x03
	spaceEnd    = 0x04

	boxDevices = 0x00
	boxMail    = 0x01
	boxEnd     = 0x02
)

// Kinds of mail.
const (
	kindInline = 0
	kindShared = 1
)

// Sizes in octets.
const (
	mailHeadSize   = 1 + mailbox.KeySize + 8 + 4
	sharedHeadSize = 8 + 4 + 2
)

var (
	headKey = []byte{spaceHead}
	sumsKey = []byte{spaceSums}

	errCorrupt = errors.New("corrupt record")
)

func appendSums(b []byte, next uint64, t mailbox.Totals) []byte {
	b = binary.BigEndian.AppendUint64(b, next)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Messages))
	return binary.BigEndian.AppendUint64(b, uint64(t.Bytes))
}

func parseSums(b []byte) (next uint64, t mailbox.Totals, err error) {
	if len(b) != 24 {
		return 0, t, fmt.Errorf("sums of %d octets: %w", len(b), errCorrupt)
	}
	t.Messages = int64(binary.BigEndian.Uint64(b[8:]))
	t.Bytes = int64(binary.BigEndian.Uint64(b[16:]))
	return binary.BigEndian.Uint64(b), t, nil
}

func appendSharedKey(b []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, spaceShared), seq)
}

// appendBoxKey appends the part of a mailbox's keys before the sequence.
func appendBoxKey(b []byte, account omega.Fingerprint, what byte) []byte {
	return append(account.AppendTo(append(b, spaceBox)), what)
}

func appendMailKey(b []byte, account omega.Fingerprint, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendBoxKey(b, account, boxMail), seq)
}

func mailKeySize(account omega.Fingerprint) int { return 1 + account.Size() + 1 + 8 }

// parseKey says what a key of the shared or box space names; devices have no
// sequence.
func parseKey(k []byte) (ref mailbox.Ref, err error) {
	if len(k) == 9 && k[0] == spaceShared {
		return mailbox.Ref{Seq: binary.BigEndian.Uint64(k[1:])}, nil
	}
	if len(k) < 2 || k[0] != spaceBox {
		return ref, fmt.Errorf("key %x: %w", k, errCorrupt)
	}
	account, n, err := omega.DecodeFingerprint(k[1:])
	if err != nil {
		return ref, fmt.Errorf("key %x: %w", k, errCorrupt)
	}
	ref.Mailbox = account
	switch rest := k[1+n:]; {
	case len(rest) == 1 && rest[0] == boxDevices:
		return ref, nil
	case len(rest) == 9 && rest[0] == boxMail:
		ref.Seq = binary.BigEndian.Uint64(rest[1:])
		return ref, nil
	}
	return ref, fmt.Errorf("key %x: %w", k, errCorrupt)
}

// putMail writes the value of a mail into b, which has mailSize octets.
func putMail(b []byte, p *mailbox.Put) {
	shared := len(p.To) > 1
	b[0] = kindInline
	if shared {
		b[0] = kindShared
	}
	copy(b[1:], p.Key[:])
	binary.BigEndian.PutUint64(b[17:], uint64(p.Received))
	binary.BigEndian.PutUint32(b[25:], p.Expires)
	if shared {
		binary.BigEndian.PutUint32(b[mailHeadSize:], uint32(len(p.Envelope)))
	} else {
		copy(b[mailHeadSize:], p.Envelope)
	}
}

func mailSize(p *mailbox.Put) int {
	if len(p.To) > 1 {
		return mailHeadSize + 4
	}
	return mailHeadSize + len(p.Envelope)
}

// parseMail reads the value of a mail. The record has no sequence, and no
// envelope when the entry is shared; the envelope is part of v.
func parseMail(v []byte) (e mailbox.Entry, r mailbox.Record, err error) {
	if len(v) < mailHeadSize || v[0] > kindShared || v[0] == kindShared && len(v) != mailHeadSize+4 {
		return e, r, fmt.Errorf("mail of %d octets: %w", len(v), errCorrupt)
	}
	copy(e.Key[:], v[1:])
	r.Received = int64(binary.BigEndian.Uint64(v[17:]))
	e.Expires = binary.BigEndian.Uint32(v[25:])
	r.Expires = e.Expires
	if v[0] == kindShared {
		e.Shared = true
		e.Size = binary.BigEndian.Uint32(v[mailHeadSize:])
		return e, r, nil
	}
	r.Envelope = v[mailHeadSize:]
	e.Size = uint32(len(r.Envelope))
	return e, r, nil
}

// sharedSize is the length of the value of a shared envelope.
func sharedSize(p *mailbox.Put) int {
	n := sharedHeadSize + len(p.Envelope)
	for _, a := range p.To {
		n += a.Size()
	}
	return n
}

// appendShared appends the value of a shared envelope.
func appendShared(b []byte, p *mailbox.Put) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(p.Received))
	b = binary.BigEndian.AppendUint32(b, p.Expires)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.To)))
	for _, a := range p.To {
		b = a.AppendTo(b)
	}
	return append(b, p.Envelope...)
}

// sharedEnvelope is a shared envelope's record; to and envelope are part of
// the octets it was read from.
type sharedEnvelope struct {
	expires  uint32
	n        int    // accounts
	to       []byte // n fingerprints
	envelope []byte
}

func parseShared(v []byte) (s sharedEnvelope, err error) {
	if len(v) < sharedHeadSize {
		return s, fmt.Errorf("shared envelope of %d octets: %w", len(v), errCorrupt)
	}
	s.expires = binary.BigEndian.Uint32(v[8:])
	s.n = int(binary.BigEndian.Uint16(v[12:]))
	s.to = v[sharedHeadSize:]
	at := 0
	for range s.n {
		_, n, err := omega.DecodeFingerprint(s.to[at:])
		if err != nil {
			return s, fmt.Errorf("accounts of a shared envelope: %w", errCorrupt)
		}
		at += n
	}
	s.to, s.envelope = s.to[:at], s.to[at:]
	return s, nil
}

func appendDevices(b []byte, devices []mailbox.DeviceCursor) []byte {
	for _, c := range devices {
		b = c.Device.AppendTo(b)
		b = binary.BigEndian.AppendUint64(b, c.Seq)
	}
	return b
}

func parseDevices(v []byte) ([]mailbox.DeviceCursor, error) {
	var devices []mailbox.DeviceCursor
	for len(v) > 0 {
		f, n, err := omega.DecodeFingerprint(v)
		if err != nil || len(v) < n+8 {
			return nil, fmt.Errorf("devices: %w", errCorrupt)
		}
		devices = append(devices, mailbox.DeviceCursor{Device: f, Seq: binary.BigEndian.Uint64(v[n:])})
		v = v[n+8:]
	}
	return devices, nil
}
