package film

import (
	"bytes"
	"encoding/binary"
	"time"
)

// oggTail is where the last page is looked for: pages have at most 65,307 octets.
const oggTail = 65307 * 2

// timeOf is a time of so many nanoseconds.
func timeOf(ns float64) time.Duration { return time.Duration(ns) }

// ogg reads the head of the first stream, and where its last page ends.
func (w *walker) ogg() error {
	head := make([]byte, min(w.size, 27+255+64))
	if err := w.read(head, 0); err != nil {
		return err
	}
	if len(head) < 28 || head[4] != 0 {
		return ErrDamaged
	}
	at := 27 + int(head[26])
	if at+19 > len(head) {
		return ErrDamaged
	}
	rate, skip := uint64(0), uint64(0)
	switch first := head[at:]; {
	case bytes.HasPrefix(first, []byte("OpusHead")):
		rate, skip = 48000, uint64(binary.LittleEndian.Uint16(first[10:]))
	case bytes.HasPrefix(first, []byte("\x01vorbis")):
		rate = uint64(binary.LittleEndian.Uint32(first[12:]))
	default:
		return nil // another codec: it may be long as it likes
	}
	tail := make([]byte, min(w.size, oggTail))
	if err := w.read(tail, w.size-int64(len(tail))); err != nil {
		return err
	}
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte("OggS"))
		if i < 0 {
			return nil
		}
		if page := tail[i:]; len(page) >= 27 && page[4] == 0 && bytes.Equal(page[14:18], head[14:18]) {
			granule := binary.LittleEndian.Uint64(page[6:])
			if granule != 1<<64-1 && granule >= skip {
				w.info.Duration = seconds(granule-skip, rate)
				return nil
			}
		}
		end = i
	}
}
