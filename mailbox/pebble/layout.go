package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// Key spaces, and what stands at the end of a mailbox's keys.
const (
	spaceHead    = 0x00
	spaceSums    = 0x01
	spaceMail    = 0x02
	spaceHolders = 0x03
	spaceBox     = 0x04
	spaceTombs   = 0x05

	boxDevices = 0x00
	boxIndex   = 0x01
	boxTokens  = 0x02
	boxEnd     = 0x03
)

// Sizes in octets.
const (
	oldSumsSize  = 4 * 8
	sumsSize     = 5 * 8
	tombKeySize  = 1 + 2 + 4 + 2
	mailHeadSize = mailbox.KeySize + 8 + 4 + 2
	indexSize    = mailbox.KeySize + 4 + 4 + 1
	sourceSize   = 4 + 4
)

var (
	headKey = []byte{spaceHead}
	sumsKey = []byte{spaceSums}

	errCorrupt = errors.New("corrupt record")
)

// sums is the record about the store as a whole.
type sums struct {
	next   uint64 // State.Next
	first  uint64 // Batch.First
	totals mailbox.Totals
}

func (s sums) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, s.next)
	b = binary.BigEndian.AppendUint64(b, s.first)
	b = binary.BigEndian.AppendUint64(b, uint64(s.totals.Messages))
	b = binary.BigEndian.AppendUint64(b, uint64(s.totals.Bytes))
	return binary.BigEndian.AppendUint64(b, uint64(s.totals.Tombstones))
}

func parseSums(b []byte) (s sums, err error) {
	if len(b) != sumsSize && len(b) != oldSumsSize {
		return s, fmt.Errorf("sums of %d octets: %w", len(b), errCorrupt)
	}
	s.next = binary.BigEndian.Uint64(b)
	s.first = binary.BigEndian.Uint64(b[8:])
	s.totals.Messages = int64(binary.BigEndian.Uint64(b[16:]))
	s.totals.Bytes = int64(binary.BigEndian.Uint64(b[24:]))
	if len(b) == sumsSize {
		s.totals.Tombstones = int64(binary.BigEndian.Uint64(b[32:]))
	}
	return s, nil
}

// appendSeqKey appends a key of the mail or holders space.
func appendSeqKey(b []byte, space byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, space), seq)
}

// parseSeq returns the sequence at the end of a key.
func parseSeq(k []byte) (uint64, error) {
	if len(k) < 9 {
		return 0, fmt.Errorf("key %x: %w", k, errCorrupt)
	}
	return binary.BigEndian.Uint64(k[len(k)-8:]), nil
}

// appendBoxKey appends the part of a mailbox's keys before the sequence.
func appendBoxKey(b []byte, account omega.Fingerprint, what byte) []byte {
	return append(account.AppendTo(append(b, spaceBox)), what)
}

func appendIndexKey(b []byte, account omega.Fingerprint, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendBoxKey(b, account, boxIndex), seq)
}

// isRequest in the number of a mail's accounts says that its source follows.
const isRequest = 1 << 15

func appendSource(b []byte, s mailbox.Source) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, s.Sender), s.Server)
}

func parseSource(b []byte) mailbox.Source {
	return mailbox.Source{Sender: binary.BigEndian.Uint32(b), Server: binary.BigEndian.Uint32(b[4:])}
}

// mailSize is the length of the value of a mail.
func mailSize(p *mailbox.Put) int {
	n := mailHeadSize + len(p.Envelope)
	if p.Request != (mailbox.Source{}) {
		n += sourceSize
	}
	for _, a := range p.To {
		n += a.Size()
	}
	return n
}

// appendMail appends the value of a mail.
func appendMail(b []byte, p *mailbox.Put) []byte {
	b = append(b, p.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Received))
	b = binary.BigEndian.AppendUint32(b, p.Expires)
	if p.Request == (mailbox.Source{}) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p.To)))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p.To))|isRequest)
		b = appendSource(b, p.Request)
	}
	for _, a := range p.To {
		b = a.AppendTo(b)
	}
	return append(b, p.Envelope...)
}

// mail is the value of a mail; to and envelope are part of the octets it was
// read from.
type mail struct {
	key      mailbox.Key
	received int64
	expires  uint32
	n        int    // accounts in to
	to       []byte // fingerprints
	request  mailbox.Source
	envelope []byte
}

func parseMail(v []byte) (m mail, err error) {
	if len(v) < mailHeadSize {
		return m, fmt.Errorf("mail of %d octets: %w", len(v), errCorrupt)
	}
	m.key = mailbox.Key(v[:mailbox.KeySize])
	v = v[mailbox.KeySize:]
	m.received = int64(binary.BigEndian.Uint64(v))
	m.expires = binary.BigEndian.Uint32(v[8:])
	m.n = int(binary.BigEndian.Uint16(v[12:]))
	v = v[14:]
	if m.n&isRequest != 0 {
		if len(v) < sourceSize {
			return m, fmt.Errorf("source of a mail: %w", errCorrupt)
		}
		m.n, m.request, v = m.n&^isRequest, parseSource(v), v[sourceSize:]
		if m.request == (mailbox.Source{}) {
			return m, fmt.Errorf("source of a mail: %w", errCorrupt)
		}
	}
	at := 0
	for range m.n {
		_, n, err := omega.DecodeFingerprint(v[at:])
		if err != nil {
			return m, fmt.Errorf("accounts of a mail: %w", errCorrupt)
		}
		at += n
	}
	m.to, m.envelope = v[:at], v[at:]
	return m, nil
}

// accounts returns whom m was for.
func (m *mail) accounts() []omega.Fingerprint {
	accounts := make([]omega.Fingerprint, 0, m.n)
	for rest := m.to; len(rest) > 0; {
		f, n, err := omega.DecodeFingerprint(rest)
		if err != nil {
			break // parseMail has looked
		}
		accounts = append(accounts, f)
		rest = rest[n:]
	}
	return accounts
}

func (m *mail) entry(seq uint64) mailbox.Entry {
	return mailbox.Entry{Seq: seq, Key: m.key, Size: uint32(len(m.envelope)), Expires: m.expires, Shared: m.n > 1, Request: m.request}
}

// appendIndex appends the value that files a mail.
func appendIndex(b []byte, e mailbox.Entry) []byte {
	b = append(b, e.Key[:]...)
	b = binary.BigEndian.AppendUint32(b, e.Size)
	b = binary.BigEndian.AppendUint32(b, e.Expires)
	shared := byte(0)
	if e.Shared {
		shared = 1
	}
	b = append(b, shared)
	if e.Request != (mailbox.Source{}) {
		b = appendSource(b, e.Request)
	}
	return b
}

func parseIndex(k, v []byte) (e mailbox.Entry, err error) {
	if e.Seq, err = parseSeq(k); err != nil {
		return e, err
	}
	if len(v) != indexSize && len(v) != indexSize+sourceSize {
		return e, fmt.Errorf("index of %d octets: %w", len(v), errCorrupt)
	}
	e.Key = mailbox.Key(v[:mailbox.KeySize])
	v = v[mailbox.KeySize:]
	e.Size = binary.BigEndian.Uint32(v)
	e.Expires = binary.BigEndian.Uint32(v[4:])
	e.Shared = v[8] == 1
	if len(v) == 9+sourceSize {
		e.Request = parseSource(v[9:])
	}
	return e, nil
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

// appendTokens appends the value of a list of tokens.
func appendTokens(b []byte, t mailbox.Tokens) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Made))
	for i := range t.List {
		b = append(b, t.List[i][:]...)
	}
	return b
}

func parseTokens(v []byte) (t mailbox.Tokens, err error) {
	if len(v) < 8 || (len(v)-8)%omega.TokenSize != 0 {
		return t, fmt.Errorf("tokens of %d octets: %w", len(v), errCorrupt)
	}
	t.Made = int64(binary.BigEndian.Uint64(v))
	t.List = make([]omega.Token, 0, (len(v)-8)/omega.TokenSize)
	for v = v[8:]; len(v) > 0; v = v[omega.TokenSize:] {
		t.List = append(t.List, omega.Token(v))
	}
	return t, nil
}

// appendTombKey appends the key of a run of tombstones.
func appendTombKey(b []byte, id mailbox.TombID, first uint16) []byte {
	b = binary.BigEndian.AppendUint16(append(b, spaceTombs), id.Day)
	b = binary.BigEndian.AppendUint32(b, id.Segment)
	return binary.BigEndian.AppendUint16(b, first)
}

// parseTombs parses a run of tombstones; its keys are appended to keys.
func parseTombs(k, v []byte, keys []mailbox.Key) (r mailbox.TombRun, err error) {
	if len(k) != tombKeySize || len(v) == 0 || len(v)%mailbox.KeySize != 0 {
		return r, fmt.Errorf("tombstones under %x, %d octets: %w", k, len(v), errCorrupt)
	}
	r.Day = binary.BigEndian.Uint16(k[1:])
	r.Segment = binary.BigEndian.Uint32(k[3:])
	r.First = binary.BigEndian.Uint16(k[7:])
	keys = slices.Grow(keys, len(v)/mailbox.KeySize)
	for ; len(v) > 0; v = v[mailbox.KeySize:] {
		keys = append(keys, mailbox.Key(v))
	}
	r.Keys = keys
	return r, nil
}
