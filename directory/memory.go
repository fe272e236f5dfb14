package directory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// What survives a restart, integers big endian:
//
//	label "omega-im/directory/v1\n"
//	u32 servers | servers × { fp | u8 presence | u64 since, s | u64 seen, s | u64 newest, s | u8 n | name | 25 × cell | 90 × cell }
//	u16 changes | changes × { u64 at, s | u8 kind | fp server | fp far (one zero octet: none) | u8 n | name | u8 n | other name }
//	4 × coordinate | u32 places | places × { fp | 2 × coordinate }
//
// where a cell is u16 up | u16 total and a coordinate a 32-bit float. Bridges are
// found anew. The last line, the picture (layout.go), may be missing.
const memoryLabel = "omega-im/directory/v1\n"

var errMemory = errors.New("directory: memory is damaged")

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.BigEndian.AppendUint64(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
}

func appendText(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

func appendServer(b []byte, fp omega.Fingerprint) []byte {
	if fp.IsZero() {
		return append(b, 0)
	}
	return fp.AppendTo(b)
}

// A memory is what encode writes and decodeMemory reads.
type memory struct {
	past    book
	journal journal
	sketch  sketch
}

func (m *memory) encode() []byte {
	b, j := m.past, &m.journal
	out := []byte(memoryLabel)
	out = binary.BigEndian.AppendUint32(out, uint32(len(b)))
	for fp, p := range b {
		out = append(fp.AppendTo(out), byte(p.presence))
		for _, t := range []time.Time{p.since, p.seen, p.newest} {
			out = appendTime(out, t)
		}
		out = appendText(out, p.name)
		for _, c := range append(p.hours[:keptHours:keptHours], p.days[:]...) {
			out = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, c.up), c.total)
		}
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(j.changes)))
	for _, c := range j.changes {
		out = append(appendTime(out, c.at), byte(c.kind))
		out = appendServer(appendServer(out, c.server), c.far)
		out = appendText(appendText(out, c.name), c.other)
	}
	out = appendPoint(appendPoint(out, m.sketch.frame.low), m.sketch.frame.high)
	out = binary.BigEndian.AppendUint32(out, uint32(len(m.sketch.raw)))
	for fp, p := range m.sketch.raw {
		out = appendPoint(fp.AppendTo(out), p)
	}
	return out
}

func appendPoint(b []byte, p point) []byte {
	for _, v := range [...]float64{p.X, p.Y} {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return b
}

// A memoryReader reads what memory.encode wrote; after a mistake everything is zero.
type memoryReader struct {
	b   []byte
	bad bool
}

func (r *memoryReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *memoryReader) number(octets int) (v uint64) {
	for _, c := range r.take(octets) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *memoryReader) time() time.Time {
	v := r.number(8)
	if v == 0 {
		return time.Time{}
	}
	if v > math.MaxUint32 {
		r.bad = true
		return time.Time{}
	}
	return time.Unix(int64(v), 0)
}

func (r *memoryReader) text() string { return string(r.take(int(r.number(1)))) }

// server reads a fingerprint; optional allows a zero octet for none.
func (r *memoryReader) server(optional bool) omega.Fingerprint {
	if optional && len(r.b) > 0 && r.b[0] == 0 {
		r.take(1)
		return omega.Fingerprint{}
	}
	fp, n, err := omega.DecodeFingerprint(r.b)
	if err != nil {
		r.bad = true
		return fp
	}
	r.take(n)
	return fp
}

func (r *memoryReader) cells(to []cell) {
	for i := range to {
		to[i] = cell{uint16(r.number(2)), uint16(r.number(2))}
		if to[i].up > to[i].total {
			r.bad = true
		}
	}
}

// maxCoordinate is beyond every picture: a thousand servers need 40.
const maxCoordinate = 1 << 20

func (r *memoryReader) coordinate() float64 {
	v := float64(math.Float32frombits(uint32(r.number(4))))
	if !(math.Abs(v) <= maxCoordinate) { // nor is it a number
		r.bad = true
	}
	return v
}

func (r *memoryReader) point() point { return point{r.coordinate(), r.coordinate()} }

// decodeMemory reads what memory.encode wrote. What comes before damage is
// returned with the error.
func decodeMemory(b []byte, limit int) (*memory, error) {
	m := &memory{past: book{}}
	rest, ok := bytes.CutPrefix(b, []byte(memoryLabel))
	if !ok {
		return m, fmt.Errorf("%w: no label", errMemory)
	}
	r := &memoryReader{b: rest}
	if err := r.past(m.past, limit); err != nil {
		return m, err
	}
	r.journal(&m.journal)
	if !r.bad && len(r.b) > 0 {
		if err := r.sketch(&m.sketch, limit); err != nil {
			return m, err
		}
	}
	if r.bad || len(r.b) > 0 {
		return m, errMemory
	}
	return m, nil
}

func (r *memoryReader) past(have book, limit int) error {
	for n := r.number(4); n > 0 && !r.bad; n-- {
		if len(have) >= limit {
			return fmt.Errorf("%w: more than %d servers", errMemory, limit)
		}
		fp := r.server(false)
		p := &past{presence: presence(r.number(1))}
		p.since, p.seen, p.newest, p.name = r.time(), r.time(), r.time(), r.text()
		r.cells(p.hours[:])
		r.cells(p.days[:])
		if !r.bad && p.presence <= gone {
			have[fp] = p
		}
	}
	return nil
}

func (r *memoryReader) journal(j *journal) {
	for n := r.number(2); n > 0 && !r.bad; n-- {
		c := change{at: r.time(), kind: changeKind(r.number(1)), server: r.server(false), far: r.server(true)}
		c.name, c.other = r.text(), r.text()
		if !r.bad && c.kind >= changeJoined && c.kind <= lastChange {
			j.changes = append(j.changes, c)
		}
	}
	j.changes = slices.Clone(j.changes[max(0, len(j.changes)-keptChanges):])
}

// sketch leaves s as it was if there is a mistake: half a picture is none.
func (r *memoryReader) sketch(s *sketch, limit int) error {
	got := sketch{map[omega.Fingerprint]point{}, frame{r.point(), r.point()}}
	for n := r.number(4); n > 0 && !r.bad; n-- {
		if len(got.raw) >= limit {
			return fmt.Errorf("%w: more than %d places", errMemory, limit)
		}
		fp := r.server(false)
		got.raw[fp] = r.point()
	}
	if !r.bad && len(got.raw) > 0 {
		*s = got
	}
	return nil
}
