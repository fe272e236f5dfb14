package pebble

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
)

// holders are the mailboxes that still hold a shared envelope. Memory keeps
// those that were touched lately; the others are read when they are needed.
type holders struct {
	to      []omega.Fingerprint
	left    bitmap
	written bool // the store has a record
	touched bool // by the batch being built
}

// maxHolders bounds the memory of holders: 256 accounts of 33 octets each take
// 35 MB, two as many as most groups have 0.5 MB.
const maxHolders = 4096

// A bitmap has one bit per account of an envelope, the first in the highest
// bit of the first octet.
type bitmap []byte

// fullBitmap has n bits set.
func fullBitmap(n int) bitmap {
	b := make(bitmap, (n+7)/8)
	for i := range n {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return b
}

func (b bitmap) has(i int) bool { return i/8 < len(b) && b[i/8]&(0x80>>(i%8)) != 0 }

func (b bitmap) clear(i int) { b[i/8] &^= 0x80 >> (i % 8) }

func (b bitmap) empty() bool {
	n := 0
	for _, octet := range b {
		n += bits.OnesCount8(octet)
	}
	return n == 0
}

// bitmapOf reads who still holds a mail for n accounts.
func (d *Driver) bitmapOf(seq uint64, n int) (b bitmap, written bool, err error) {
	v, err := d.get(appendSeqKey(nil, spaceHolders, seq))
	switch {
	case errors.Is(err, db.ErrNotFound):
		return fullBitmap(n), false, nil
	case err != nil:
		return nil, false, err
	case len(v) != (n+7)/8:
		return nil, false, fmt.Errorf("holders of %d accounts in %d octets: %w", n, len(v), errCorrupt)
	}
	return v, true, nil
}

// holdersOf returns the holders of a shared envelope, or nil when it is gone.
func (d *Driver) holdersOf(seq uint64) (*holders, error) {
	if h := d.holders[seq]; h != nil {
		return h, nil
	}
	v, closer, err := d.db.Get(appendSeqKey(nil, spaceMail, seq))
	if errors.Is(err, db.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	m, err := parseMail(v)
	if err != nil {
		return nil, err
	}
	h := &holders{to: m.accounts()}
	if h.left, h.written, err = d.bitmapOf(seq, m.n); err != nil {
		return nil, err
	}
	d.holders[seq] = h
	return h, nil
}

// letGo takes account out of the holders of a shared envelope.
func (d *Driver) letGo(seq uint64, account omega.Fingerprint) error {
	h, err := d.holdersOf(seq)
	if err != nil || h == nil {
		return err
	}
	if i := slices.Index(h.to, account); i >= 0 {
		h.left.clear(i)
	}
	if !h.touched {
		h.touched = true
		d.touched = append(d.touched, seq)
	}
	return nil
}

// writeHolders writes what letGo changed, and forgets envelopes that nobody
// holds.
func (d *Driver) writeHolders(batch *db.Batch) error {
	var key [9]byte
	for _, seq := range d.touched {
		h := d.holders[seq]
		h.touched = false
		if !h.left.empty() {
			h.written = true
			if err := batch.Set(appendSeqKey(key[:0], spaceHolders, seq), h.left, nil); err != nil {
				return err
			}
			continue
		}
		delete(d.holders, seq)
		if err := deleteMail(batch, seq); err != nil {
			return err
		}
		if h.written {
			if err := batch.Delete(appendSeqKey(key[:0], spaceHolders, seq), nil); err != nil {
				return err
			}
		}
	}
	d.touched = d.touched[:0]
	if len(d.holders) > maxHolders {
		clear(d.holders)
	}
	return nil
}
