package sound

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"
)

// Formats of WAV.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
)

// A wavFormat is the chunk "fmt ".
type wavFormat struct {
	kind, channels, bits int
	rate                 int // samples a second of each channel
}

func readFormat(b []byte) (f wavFormat, err error) {
	if len(b) < 16 {
		return f, ErrDamaged
	}
	f = wavFormat{
		kind: int(binary.LittleEndian.Uint16(b)), channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate: int(binary.LittleEndian.Uint32(b[4:])), bits: int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.kind == wavExtensible && len(b) >= 26 {
		f.kind = int(binary.LittleEndian.Uint16(b[24:]))
	}
	if f.channels < 1 || f.channels > 8 || f.rate < 1000 || f.rate > 384_000 {
		return f, ErrDamaged
	}
	switch {
	case f.kind == wavPCM && f.bits%8 == 0 && f.bits >= 8 && f.bits <= 32, f.kind == wavFloat && f.bits == 32:
		return f, nil
	}
	return f, ErrUnknown
}

// sample is how far a sample is from silence, from 0 to 1.
func (f wavFormat) sample(b []byte) float32 {
	var v int32
	switch {
	case f.kind == wavFloat:
		x := math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		if math.IsNaN(x) {
			return 0
		}
		return float32(min(x, 1))
	case f.bits == 8:
		v = (int32(b[0]) - 128) << 24
	default:
		for i, octet := range b {
			v |= int32(octet) << (32 - f.bits + 8*i)
		}
	}
	return float32(math.Abs(float64(v)) / (1 << 31))
}

// wav looks at a WAV file.
func wav(c *cursor, bars int) (Info, error) {
	if err := c.skip(12); err != nil {
		return Info{}, err
	}
	var f wavFormat
	for {
		var head [8]byte
		if err := c.read(head[:]); err != nil {
			return Info{}, damaged(err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			b := make([]byte, min(size, 40))
			err := c.read(b)
			if err == nil {
				f, err = readFormat(b)
			}
			if err == nil {
				err = c.skip(size - int64(len(b)) + size&1)
			}
			if err != nil {
				return Info{}, damaged(err)
			}
		case "data":
			if f.rate == 0 {
				return Info{}, ErrDamaged
			}
			return f.samples(io.LimitReader(c.in, size), bars) // of a stream size is more than there is
		default:
			if err := c.skip(size + size&1); err != nil {
				return Info{}, damaged(err)
			}
		}
	}
}

// samples reads samples to the end.
func (f wavFormat) samples(r io.Reader, bars int) (Info, error) {
	width := f.bits / 8
	b := make([]byte, f.rate/int(time.Second/block)*f.channels*width)
	m, frames := meter{}, 0
	for {
		n, err := io.ReadFull(r, b)
		peak := float32(0)
		for at := 0; at+width <= n; at += width {
			peak = max(peak, f.sample(b[at:at+width]))
		}
		if frames += n / width / f.channels; n >= width {
			m.add(peak)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Info{m.bars(bars), time.Duration(frames) * time.Second / time.Duration(f.rate)}, nil
		}
		if err != nil {
			return Info{}, err
		}
	}
}

// damaged is err of a file that ends where it must not.
func damaged(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrDamaged
	}
	return err
}
