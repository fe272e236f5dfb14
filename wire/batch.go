package wire

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"sync"
)

// MaxBatch is how many octets of frames one TypeLSBatch holds: about fifty
// announcements with their certificates. More would hold up what waits behind it,
// and makes it no shorter, as DEFLATE looks back half as far.
const MaxBatch = 64 << 10

// A Batch collects announcements and certificates to send compressed. Most of them
// are keys and signatures, which stay as they are; what stands around those is in
// all of them alike.
//
//	u32 length of the frames | DEFLATE (RFC 1951) of the frames
//
// The frames are TypeServerCert and TypeLSA. (spec/cloud.md, CLOUD-51)
type Batch struct{ frames []byte }

// Room reports whether frames with bodies of so many octets fit in.
func (c *Batch) Room(bodies ...int) bool {
	n := len(c.frames)
	for _, b := range bodies {
		n += HeaderSize + b
	}
	return n <= MaxBatch
}

// Add adds a frame for which there is room.
func (c *Batch) Add(t Type, body []byte) { c.frames = AppendFrame(c.frames, t, 0, body) }

// Len is how many octets of frames were added.
func (c *Batch) Len() int { return len(c.frames) }

// AppendTo appends the body of TypeLSBatch to b, and empties the batch.
func (c *Batch) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.frames)))
	out := bytes.NewBuffer(b)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	w.Write(c.frames) // writing to memory does not fail
	w.Close()
	c.frames = c.frames[:0]
	return out.Bytes()
}

// deflaters are kept because each has more than a megabyte of memory. The highest
// speed makes 63 % of announcements and certificates, the slowest 61 %.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is one that there is
	}
	return w
}}

// DecodeBatch returns the frames in the body of a TypeLSBatch. It takes no more
// memory than the length before them says, and that at most MaxBatch; a stream that
// is longer or shorter, holds other frames, or has something behind it, is malformed.
func DecodeBatch(b []byte) (frames []Frame, err error) {
	r := reader{b: b}
	n := r.u32()
	if r.bad || n > MaxBatch {
		return nil, malformed("batch: %d octets of frames, at most %d", n, MaxBatch)
	}
	from := bytes.NewReader(r.b)
	inflater := flate.NewReader(from)
	raw := make([]byte, n)
	if _, err := io.ReadFull(inflater, raw); err != nil {
		return nil, malformed("batch: %v", err)
	}
	if k, err := inflater.Read(make([]byte, 1)); k > 0 || err != io.EOF {
		return nil, malformed("batch: more than %d octets of frames", n)
	}
	if from.Len() > 0 {
		return nil, malformed("batch: %d octets left over", from.Len())
	}
	for len(raw) > 0 {
		f, rest, err := ParseFrame(raw, MaxBatch)
		if err != nil {
			return nil, err
		}
		if f.Type != TypeServerCert && f.Type != TypeLSA {
			return nil, malformed("batch: a frame of type %d", f.Type)
		}
		frames, raw = append(frames, f), rest
	}
	return frames, nil
}
