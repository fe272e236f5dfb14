package sound

import (
	"errors"
	"io"
	"math/bits"
)

// Elements of Matroska. (RFC 9559)
const (
	segment     = 0x18538067
	tracks      = 0x1654ae6b
	trackEntry  = 0xae
	trackNumber = 0xd7
	codecID     = 0x86
	cluster     = 0x1f43b675
	blockGroup  = 0xa0
	groupBlock  = 0xa1
	simpleBlock = 0xa3
)

// webm gives the packets of the first track of Opus. What contains others is gone into
// without looking where it ends, as what a browser records does not say that.
func webm(c *cursor, visit func([]byte) error) error {
	w := &webmReader{c: c, visit: visit}
	for {
		id, _, err := c.vint(4, true)
		if errors.Is(err, io.EOF) {
			if w.opus == 0 {
				return ErrUnknown
			}
			return nil
		}
		if err != nil {
			return err
		}
		size, unknown, err := c.vint(8, false)
		if err != nil {
			return damaged(err)
		}
		switch id {
		case segment, tracks, cluster, blockGroup:
			continue
		case trackEntry:
			w.number, w.codec = 0, ""
			continue
		}
		if unknown || size > MaxSize {
			return ErrDamaged
		}
		if err := w.take(id, int(size)); err != nil {
			return err
		}
	}
}

// A webmReader knows what was read.
type webmReader struct {
	c      *cursor
	visit  func([]byte) error
	number uint64 // of the track that is described
	codec  string // the same
	opus   uint64 // the first track of Opus; 0: none yet
	block  []byte
}

// take reads an element that contains no others.
func (w *webmReader) take(id uint64, size int) error {
	switch {
	case (id == trackNumber || id == codecID) && size <= 32:
		b := make([]byte, size)
		if err := w.c.read(b); err != nil {
			return damaged(err)
		}
		if id == codecID {
			w.codec = string(b)
		} else {
			for _, octet := range b {
				w.number = w.number<<8 | uint64(octet)
			}
		}
		if w.opus == 0 && w.codec == "A_OPUS" {
			w.opus = w.number
		}
		return nil
	case (id == simpleBlock || id == groupBlock) && size <= maxPacket+16:
		return w.sound(size)
	}
	return w.c.skip(int64(size))
}

// sound reads a block: number of its track, time, flags, packet.
func (w *webmReader) sound(size int) error {
	if cap(w.block) < size {
		w.block = make([]byte, size)
	}
	b := w.block[:size]
	if err := w.c.read(b); err != nil {
		return damaged(err)
	}
	if len(b) < 5 || b[0]&0x80 == 0 { // a number of more than 127 tracks
		return ErrUnknown
	}
	switch {
	case uint64(b[0]&0x7f) != w.opus:
		return nil
	case b[3]&6 != 0: // several packets in one block: no recorder of speech does that
		return ErrUnknown
	}
	return w.visit(b[4:])
}

// vint reads a number of variable length: of an id the marker stays. io.EOF where the
// file ends before it.
func (c *cursor) vint(most int, id bool) (n uint64, unknown bool, err error) {
	if err := c.part(); err != nil {
		return 0, false, err
	}
	first, err := c.in.ReadByte()
	if err != nil {
		return 0, false, err
	}
	length := bits.LeadingZeros8(first) + 1
	if length > most {
		return 0, false, ErrDamaged
	}
	n = uint64(first)
	for range length - 1 {
		b, err := c.in.ReadByte()
		if err != nil {
			return 0, false, damaged(err)
		}
		n = n<<8 | uint64(b)
	}
	if id {
		return n, false, nil
	}
	all := uint64(1)<<(7*length) - 1
	n &= all
	return n, n == all, nil
}
