package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// A Ticket lets a device resume its session at the server that gave it,
// without OpenPGP, until it expires, the account's device list changes or the
// server restarts. It is as good as the device's key for that long: keep it
// where the device keeps its secrets. It is immutable.
type Ticket struct {
	server  omega.Fingerprint
	account omega.Fingerprint
	device  omega.Fingerprint
	expires time.Time
	secret  [32]byte
	sealed  []byte // only the server can read it
}

// Server is who takes the ticket.
func (t *Ticket) Server() omega.Fingerprint { return t.server }

// Expires is when the server stops taking it: at most omega.MaxTicket after
// the proof that it stands for.
func (t *Ticket) Expires() time.Time { return t.expires }

// String keeps the secret out of texts.
func (t Ticket) String() string { return "Ticket(hidden)" }

// GoString keeps the secret out of texts.
func (t Ticket) GoString() string { return t.String() }

// LogValue keeps the secret out of logs.
func (t Ticket) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalBinary returns the ticket with its secret:
//
//	u8 version (1) | fp server | fp account | fp device | u64 end, ms | 32 secret | u16 n | n sealed
func (t *Ticket) MarshalBinary() ([]byte, error) {
	if t.server.IsZero() || t.account.IsZero() || t.device.IsZero() {
		return nil, errors.New("write ticket: it is empty")
	}
	b := []byte{1}
	b = t.server.AppendTo(b)
	b = t.account.AppendTo(b)
	b = t.device.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, uint64(t.expires.UnixMilli()))
	b = append(b, t.secret[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.sealed)))
	return append(b, t.sealed...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (t *Ticket) UnmarshalBinary(b []byte) error {
	c := cursor{b: b}
	if c.u8() != 1 {
		return malformed("ticket: version")
	}
	n := Ticket{server: c.fp(), account: c.fp(), device: c.fp()}
	var ok bool
	if n.expires, ok = fromMilli(c.u64()); !ok {
		return malformed("ticket: time")
	}
	n.secret = c.b32()
	size := int(c.u16())
	if size > maxSealedTicket {
		return malformed("ticket: too long")
	}
	n.sealed = append([]byte(nil), c.take(size)...)
	if err := c.end("ticket"); err != nil {
		return err
	}
	*t = n
	return nil
}

// maxSealedTicket is more than the longest sealed ticket in octets.
const maxSealedTicket = 256

// A ticketState is what a server seals into a ticket. Sealed:
//
//	4 key id | 12 nonce | AES-256-GCM of { u8 version (1) | u8 role | fp account | fp device
//	| u64 generation | u64 end, ms | 32 secret } | 16 tag
type ticketState struct {
	role       Role
	account    omega.Fingerprint
	device     omega.Fingerprint
	generation uint64 // of the account's device list, as Config.Find says
	expires    time.Time
	secret     [32]byte
}

func (s *ticketState) bytes() []byte {
	b := []byte{1, byte(s.role)}
	b = s.account.AppendTo(b)
	b = s.device.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	b = binary.BigEndian.AppendUint64(b, uint64(s.expires.UnixMilli()))
	return append(b, s.secret[:]...)
}

func decodeTicketState(b []byte) (*ticketState, error) {
	c := cursor{b: b}
	if c.u8() != 1 {
		return nil, malformed("sealed ticket: version")
	}
	s := &ticketState{role: Role(c.u8()), account: c.fp(), device: c.fp(), generation: c.u64()}
	var ok bool
	if s.expires, ok = fromMilli(c.u64()); !ok {
		return nil, malformed("sealed ticket: time")
	}
	s.secret = c.b32()
	return s, c.end("sealed ticket")
}

var errTicket = errors.New("ticket is not one of ours, or too old")

// ticketKeys seal and open tickets. Keys live in memory only and change every
// day; the one before is kept, so that every ticket lives for its whole time.
type ticketKeys struct {
	rand io.Reader

	mu       sync.Mutex
	current  *ticketKey
	previous *ticketKey
}

type ticketKey struct {
	id   [4]byte
	aead cipher.AEAD
	born time.Time
}

func newTicketKey(rand io.Reader, now time.Time) (*ticketKey, error) {
	var b [4 + 32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("make ticket key: %w", err)
	}
	aead, err := newGCM(b[4:])
	if err != nil {
		return nil, fmt.Errorf("make ticket key: %w", err)
	}
	return &ticketKey{id: [4]byte(b[:4]), aead: aead, born: now}, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealing returns the key of today.
func (k *ticketKeys) sealing(now time.Time) (*ticketKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && now.Sub(k.current.born) < omega.MaxTicket {
		return k.current, nil
	}
	next, err := newTicketKey(k.rand, now)
	if err != nil {
		return nil, err
	}
	k.previous, k.current = k.current, next
	return next, nil
}

// seal returns the sealed form of s.
func (k *ticketKeys) seal(s *ticketState, now time.Time) ([]byte, error) {
	key, err := k.sealing(now)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, maxSealedTicket), key.id[:]...)
	b = b[:4+key.aead.NonceSize()]
	if _, err := io.ReadFull(k.rand, b[4:]); err != nil {
		return nil, fmt.Errorf("seal ticket: %w", err)
	}
	return key.aead.Seal(b, b[4:], s.bytes(), nil), nil
}

// open reads a sealed ticket that has not expired.
func (k *ticketKeys) open(sealed []byte, now time.Time) (*ticketState, error) {
	const head = 4 + 12
	if len(sealed) < head || len(sealed) > maxSealedTicket {
		return nil, errTicket
	}
	key := k.find([4]byte(sealed))
	if key == nil {
		return nil, errTicket
	}
	plain, err := key.aead.Open(nil, sealed[4:head], sealed[head:], nil)
	if err != nil {
		return nil, errTicket
	}
	s, err := decodeTicketState(plain)
	if err != nil || !now.Before(s.expires) {
		return nil, errTicket
	}
	return s, nil
}

func (k *ticketKeys) find(id [4]byte) *ticketKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range []*ticketKey{k.current, k.previous} {
		if key != nil && key.id == id {
			return key
		}
	}
	return nil
}
