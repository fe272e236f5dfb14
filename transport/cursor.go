package transport

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed handshake")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// A cursor walks over a message. After the first error everything reads as
// zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) b32() (out [32]byte) {
	copy(out[:], c.take(32))
	return out
}

func (c *cursor) fp() omega.Fingerprint {
	if c.bad {
		return omega.Fingerprint{}
	}
	f, n, err := omega.DecodeFingerprint(c.b)
	if err != nil {
		c.bad = true
		return omega.Fingerprint{}
	}
	c.b = c.b[n:]
	return f
}

// optional32 reads what appendOptional32 wrote: nil or 32 octets.
func (c *cursor) optional32() []byte {
	switch c.u8() {
	case 0:
		return nil
	case 32:
		return c.take(32)
	}
	c.bad = true
	return nil
}

func appendOptional32(b, v []byte) []byte {
	b = append(b, byte(len(v)))
	return append(b, v...)
}

// end reports a message that was too short or too long.
func (c *cursor) end(what string) error {
	if c.bad || len(c.b) != 0 {
		return malformed(what)
	}
	return nil
}
