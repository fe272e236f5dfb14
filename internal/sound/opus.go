package sound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/opus"
)

// Bounds of what is decoded.
const (
	decodedRate = 16000                  // samples a second: what speech has; the decoder makes them of any recording
	maxPacket   = 61_440                 // octets: 48 frames of 1,275 and what says how long they are
	maxSpan     = 120 * time.Millisecond // of a packet (RFC 6716, section 3.2.5)
	maxDecoded  = 6000                   // packets, two minutes as they usually are: of longer recordings runs are heard that lie as far apart
	run         = 10                     // packets of a run
)

// A demuxer gives the Opus packets of a file to visit, in order. The packet is valid
// during the call only.
type demuxer func(c *cursor, visit func(packet []byte) error) error

// opusIn looks at a file of Opus packets, of which it decodes about as many as most says.
func opusIn(ctx context.Context, r io.ReaderAt, size int64, bars, most int, packets demuxer) (Info, error) {
	var info Info
	count := 0
	err := packets(newCursor(ctx, r, size), func(p []byte) error {
		count++
		info.Duration += span(p)
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	d, err := opus.NewDecoderWithOutput(decodedRate, 1)
	if err != nil {
		return Info{}, err
	}
	every := max(1, (count+most-1)/most) // one run of so many is heard
	m, i := meter{}, 0
	out := make([]float32, decodedRate*maxSpan/time.Second)
	err = packets(newCursor(ctx, r, size), func(p []byte) error {
		heard := i/run%every == 0
		if i++; !heard {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := decode(&d, p, out)
		if err != nil {
			return err
		}
		const samples = int(decodedRate * block / time.Second)
		for at := 0; at < n; at += samples {
			m.add(loudest(out[at:min(at+samples, n)]))
		}
		return nil
	})
	info.Bars = m.bars(bars)
	return info, err
}

func loudest(samples []float32) (peak float32) {
	for _, s := range samples {
		peak = max(peak, s, -s)
	}
	return peak
}

// decode decodes one packet. Whatever the decoder, which is not ours, makes of a hostile
// one ends here.
func decode(d *opus.Decoder, p []byte, out []float32) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	n, err = d.DecodeToFloat32(p, out)
	if err == nil && (n < 0 || n > len(out)) {
		err = errors.New("more samples than there is room for")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

// span is how long a packet is by its first two octets (RFC 6716, section 3.1).
func span(p []byte) time.Duration {
	if len(p) == 0 {
		return 0
	}
	var frame time.Duration
	switch config := p[0] >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = []time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid: 10, 20 ms
		frame = []time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 2500 * time.Microsecond << (config & 3)
	}
	n := time.Duration(2)
	switch p[0] & 3 {
	case 0:
		n = 1
	case 3:
		if len(p) < 2 {
			return 0
		}
		n = time.Duration(p[1] & 63)
	}
	return min(n*frame, maxSpan)
}
