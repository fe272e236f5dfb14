package secure

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

const (
	nonceSize  = 12
	gcmTag     = 16
	headerSize = 2 + 4
	sealedHead = headerSize + gcmTag
	clearSize  = 1 + 8 + sealedHead

	padUnit = 256
)

// Overhead is the difference between a payload and the padded octets in it.
const Overhead = clearSize + gcmTag

// MaxInner is the most that one payload carries, in octets: padded, it must
// fit an envelope.
const MaxInner = 64<<10 - 4

func sealGCM(dst []byte, key [32]byte, nonce, plain, data []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(dst, nonce, plain, data), nil
}

func openGCM(key [32]byte, nonce, sealed, data []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, data)
	if err != nil {
		return nil, ErrUnsealed
	}
	return plain, nil
}

func newGCM(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (t tag) nonce() []byte { return append(t[:], 0, 0, 0, 0) }

func (e *Epoch) headerData() []byte {
	return append([]byte{PayloadMessage}, e.Record.hash[:]...)
}

// pad puts a length in front and zeros behind, up to 256 octets times a power
// of two.
func pad(inner []byte) []byte {
	size := padUnit
	for size < 4+len(inner) {
		size *= 2
	}
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b, uint32(len(inner)))
	copy(b[4:], inner)
	return b
}

func unpad(b []byte) ([]byte, error) {
	if len(b) < padUnit || len(b)&(len(b)-1) != 0 {
		return nil, malformed("padded to %d octets", len(b))
	}
	size := binary.BigEndian.Uint32(b)
	if uint64(size) > uint64(len(b)-4) || len(b) > padUnit && 4+int(size) <= len(b)/2 {
		return nil, malformed("%d octets padded to %d", size, len(b))
	}
	for _, c := range b[4+size:] {
		if c != 0 {
			return nil, malformed("padding that is not zero")
		}
	}
	return b[4 : 4+size], nil
}

// Seal makes the payload of the device's next message. The key is used up even
// if the caller does not send it.
func (e *Epoch) Seal(device omega.Fingerprint, now time.Time, inner []byte) ([]byte, error) {
	if err := e.Open(device, now); err != nil {
		return nil, err
	}
	if len(inner) > MaxInner {
		return nil, fmt.Errorf("seal %d octets: %w", len(inner), ErrMalformed)
	}
	i := e.Record.Index(device)
	number := e.chains[i].next
	t := e.keys.tagOf(device, number)
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, uint16(i)), number)
	b := append([]byte{PayloadMessage}, t[:]...)
	b, err := sealGCM(b, e.keys.header, t.nonce(), head, e.headerData())
	if err != nil {
		return nil, err
	}
	key, err := e.chains[i].take(number, e.Record.Limit)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	return sealGCM(b, key, make([]byte, nonceSize), pad(inner), e.bodyData(b))
}

func (e *Epoch) bodyData(clearPart []byte) []byte {
	return append(append(make([]byte, 0, clearSize+32), clearPart...), e.Record.hash[:]...)
}

// An Inner is what was in a payload. Nobody has verified its signature.
type Inner struct {
	Device omega.Fingerprint
	Number uint32
	Octets []byte
}

// Unseal opens a payload if it is of this epoch; ErrUnsealed says that it is
// not, ErrUsed that it was opened before. After any error the epoch is as
// before: whoever does not have the keys cannot use them up.
func (e *Epoch) Unseal(payload []byte) (*Inner, error) {
	return e.unseal(payload, func(*Inner) error { return nil })
}

// unseal is Unseal that uses up the key only if check agrees with what was inside.
func (e *Epoch) unseal(payload []byte, check func(*Inner) error) (*Inner, error) {
	if len(payload) < clearSize+gcmTag+padUnit || len(payload) > omega.MaxEnvelope || payload[0] != PayloadMessage {
		return nil, malformed("message of %d octets", len(payload))
	}
	s, err := e.find(payload)
	if err != nil {
		return nil, err
	}
	tried := e.chains[s.index].clone()
	key, err := tried.take(s.number, e.Record.Limit)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	plain, err := openGCM(key, make([]byte, nonceSize), payload[clearSize:], e.bodyData(payload[:clearSize]))
	if err != nil {
		return nil, err
	}
	octets, err := unpad(plain)
	if err != nil {
		return nil, err
	}
	in := &Inner{e.devices[s.index].Signing, s.number, octets}
	if err := check(in); err != nil {
		return nil, err
	}
	e.chains[s.index] = tried
	return in, nil
}

// find returns the seat that the header states. The tag must be that seat's.
func (e *Epoch) find(payload []byte) (seat, error) {
	t := tag(payload[1:9])
	head, err := openGCM(e.keys.header, t.nonce(), payload[9:clearSize], e.headerData())
	if err != nil {
		return seat{}, err
	}
	s := seat{int(binary.BigEndian.Uint16(head)), binary.BigEndian.Uint32(head[2:])}
	if s.index >= len(e.devices) || s.number >= e.Record.Limit || e.keys.tagOf(e.devices[s.index].Signing, s.number) != t {
		return seat{}, malformed("header of another message")
	}
	return s, nil
}
