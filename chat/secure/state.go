package secure

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

const stateVersion = 1

// Marshal returns the stored form of the epoch. It holds keys: it goes where it
// can be overwritten.
//
//	u8 version (1) | 3 × 32 record, header and tag key | 8 locator | 32 commitment
//	| { 32 chain key | u8 next | u8 sent, as told, 255: not told | u8 skipped | { u8 number | 32 key }* }*, one per device
//	| 64 signature | text of the record, to the end
//
// The text's devices say how many chains there are, so u16 their number stands
// before them.
func (e *Epoch) Marshal() []byte {
	size := stateHead + pgp.CompactSize + len(e.Record.text)
	for i := range e.chains {
		size += 35 + 33*len(e.chains[i].skipped)
	}
	b := append(make([]byte, 0, size), stateVersion)
	for _, k := range [][32]byte{e.keys.record, e.keys.header, e.keys.tag} {
		b = append(b, k[:]...)
	}
	b = append(append(b, e.keys.locator[:]...), e.keys.commitment[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.chains)))
	for i := range e.chains {
		c := &e.chains[i]
		b = append(append(b, c.key[:]...), byte(c.next), c.count(), byte(len(c.skipped)))
		if len(c.skipped) == 0 {
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(c.skipped)) {
			k := c.skipped[n]
			b = append(append(b, byte(n)), k[:]...)
		}
	}
	return append(append(b, e.Record.Signature[:]...), e.Record.text...)
}

// stateHead are the octets before the chains.
const stateHead = 1 + 3*32 + 8 + 32 + 2

// Unmarshal reads what Epoch.Marshal wrote. Where one of known, nil or a record that was
// read before, is the epoch's record, it is used as it is and not read again: records
// never change.
func Unmarshal(b []byte, known ...*Record) (*Epoch, error) {
	if len(b) < stateHead || b[0] != stateVersion {
		return nil, malformed("stored epoch of %d octets", len(b))
	}
	e := &Epoch{}
	b = b[1:]
	for _, k := range []*Secret{&e.keys.record, &e.keys.header, &e.keys.tag} {
		b = b[copy(k[:], b):]
	}
	b = b[copy(e.keys.locator[:], b):]
	b = b[copy(e.keys.commitment[:], b):]
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if n > MaxDevices {
		return nil, malformed("stored epoch with %d chains", n)
	}
	e.chains = make([]chain, n)
	var ok bool
	for i := range e.chains {
		if b, ok = e.chains[i].unmarshal(b); !ok {
			return nil, malformed("chain %d of a stored epoch", i)
		}
	}
	var err error
	if e.Record, err = UnmarshalRecord(b, known...); err != nil {
		return nil, err
	}
	if e.devices = e.Record.Devices(); len(e.devices) != n {
		return nil, malformed("stored epoch with %d chains for %d devices", n, len(e.devices))
	}
	return e, nil
}

// notTold stands for a count that the device has not told.
const notTold = 255

func (c *chain) count() byte {
	if !c.told {
		return notTold
	}
	return byte(c.sent)
}

func (c *chain) unmarshal(b []byte) ([]byte, bool) {
	if len(b) < 35 {
		return nil, false
	}
	copy(c.key[:], b)
	c.next = uint32(b[32])
	if c.told = b[33] != notTold; c.told {
		c.sent = uint32(b[33])
	}
	n := int(b[34])
	if b = b[35:]; len(b) < 33*n || c.next > MaxLimit || n > int(c.next) || c.sent > MaxLimit {
		return nil, false
	}
	for ; n > 0; n, b = n-1, b[33:] {
		if c.skipped == nil {
			c.skipped = map[uint32][32]byte{}
		}
		if uint32(b[0]) >= c.next {
			return nil, false
		}
		c.skipped[uint32(b[0])] = [32]byte(b[1:])
	}
	return b, true
}

// Marshal returns the stored form of a record, that of a destroyed epoch: 64 signature
// | text.
func (r *Record) Marshal() []byte {
	return append(append(make([]byte, 0, pgp.CompactSize+len(r.text)), r.Signature[:]...), r.text...)
}

// UnmarshalRecord reads what Record.Marshal wrote; known are as those of Unmarshal.
func UnmarshalRecord(b []byte, known ...*Record) (*Record, error) {
	if len(b) < pgp.CompactSize {
		return nil, malformed("stored record of %d octets", len(b))
	}
	for _, k := range known {
		if k != nil && k.Signature == pgp.Compact(b) && bytes.Equal(k.text, b[pgp.CompactSize:]) {
			return k, nil
		}
	}
	r, err := parseRecord(b[pgp.CompactSize:])
	if err == nil {
		r.Signature = pgp.Compact(b)
	}
	return r, err
}

// MarshalTold returns the stored form of counts: { fp device | 32 epoch | u8 sent }*.
func MarshalTold(list []Told) (b []byte) {
	for _, t := range list {
		b = append(append(t.Device.AppendTo(b), t.Epoch[:]...), byte(t.Sent))
	}
	return b
}

// UnmarshalTold reads what MarshalTold wrote.
func UnmarshalTold(b []byte) (out []Told, err error) {
	for len(b) > 0 {
		device, n, err := omega.DecodeFingerprint(b)
		if err != nil || len(b) < n+countSize || len(out) == maxAhead {
			return nil, malformed("stored counts")
		}
		b = b[n:]
		out = append(out, Told{device, Count{Hash(b), uint32(b[32])}})
		b = b[countSize:]
	}
	return out, nil
}
