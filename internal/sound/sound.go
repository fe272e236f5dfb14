// Package sound says how loud a recording is from begin to end, and how long it is. It
// knows Opus in Ogg (RFC 7845) and in WebM (RFC 9559), and WAV. Whoever made a file may be
// hostile: every length is bounded before memory is taken.
package sound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrUnknown says that a file is none that Look reads; ErrDamaged that it begins like one
// and cannot be read.
var (
	ErrUnknown = errors.New("no sound that can be read")
	ErrDamaged = errors.New("damaged sound")
)

// MaxSize is the largest file that Look reads, in octets: more than a day of speech as Opus.
const MaxSize = 256 << 20

// Info is what Look finds.
type Info struct {
	Bars     []byte        // how loud each part is, all of them as long, 0 to 255, which is full scale
	Duration time.Duration // of all
}

// Look reads a recording of size octets. There are at most so many bars, fewer where the
// recording is shorter than they are blocks of 20 ms, and each is the loudest sample of
// its part. Errors wrap ErrUnknown or ErrDamaged, or are those of r, or that of ctx, which
// ends it.
func Look(ctx context.Context, r io.ReaderAt, size int64, bars int) (Info, error) {
	if size > MaxSize {
		return Info{}, fmt.Errorf("%w: %d octets", ErrUnknown, size)
	}
	var begin [12]byte
	if n, err := r.ReadAt(begin[:], 0); n < len(begin) {
		if err == io.EOF {
			err = ErrUnknown
		}
		return Info{}, err
	}
	switch {
	case string(begin[:4]) == "RIFF" && string(begin[8:]) == "WAVE":
		return wav(newCursor(ctx, r, size), bars)
	case bytes.HasPrefix(begin[:], []byte("OggS")):
		return opusIn(ctx, r, size, bars, maxDecoded, ogg)
	case bytes.HasPrefix(begin[:], []byte("\x1a\x45\xdf\xa3")):
		return opusIn(ctx, r, size, bars, maxDecoded, webm)
	}
	return Info{}, ErrUnknown
}

// block is of how much sound the loudest sample is kept.
const block = 20 * time.Millisecond

// maxPeaks is how many peaks a meter holds: when there are more, each stands for twice as
// many blocks, so the memory is the same however long a recording is.
const maxPeaks = 1 << 14

// A meter gathers how loud blocks are.
type meter struct {
	peaks []byte
	per   int // blocks of each, at least 1
	open  int // blocks in the last one, if that is fewer
}

// add takes in the loudest sample of a block, from 0 to 1 at full scale.
func (m *meter) add(peak float32) {
	b := byte(min(max(peak, 0), 1) * 255)
	if m.per == 0 {
		m.per = 1
	}
	if m.open > 0 {
		last := len(m.peaks) - 1
		m.peaks[last] = max(m.peaks[last], b)
		m.open = (m.open + 1) % m.per
		return
	}
	if len(m.peaks) == maxPeaks {
		for i := range maxPeaks / 2 {
			m.peaks[i] = max(m.peaks[2*i], m.peaks[2*i+1])
		}
		m.peaks, m.per = m.peaks[:maxPeaks/2], 2*m.per
	}
	m.peaks = append(m.peaks, b)
	m.open = 1 % m.per
}

// bars are at most n bars of it.
func (m *meter) bars(n int) []byte {
	if len(m.peaks) <= n {
		return m.peaks
	}
	out := make([]byte, n)
	for i := range out {
		for _, b := range m.peaks[i*len(m.peaks)/n : (i+1)*len(m.peaks)/n] {
			out[i] = max(out[i], b)
		}
	}
	return out
}
