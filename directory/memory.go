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
//
// where a cell is u16 up | u16 total. Bridges are found anew.
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

// encodeMemory writes the past of all servers and the journal.
func encodeMemory(b book, j *journal) []byte {
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
	return out
}

// A memoryReader reads what encodeMemory wrote; after a mistake everything is zero.
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

// decodeMemory reads what encodeMemory wrote. What comes before damage is
// returned with the error.
func decodeMemory(b []byte, limit int) (book, *journal, error) {
	have, j := book{}, &journal{}
	rest, ok := bytes.CutPrefix(b, []byte(memoryLabel))
	if !ok {
		return have, j, fmt.Errorf("%w: no label", errMemory)
	}
	r := &memoryReader{b: rest}
	for n := r.number(4); n > 0 && !r.bad; n-- {
		if len(have) >= limit {
			return have, j, fmt.Errorf("%w: more than %d servers", errMemory, limit)
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
	for n := r.number(2); n > 0 && !r.bad; n-- {
		c := change{at: r.time(), kind: changeKind(r.number(1)), server: r.server(false), far: r.server(true)}
		c.name, c.other = r.text(), r.text()
		if !r.bad && c.kind >= changeJoined && c.kind <= lastChange {
			j.changes = append(j.changes, c)
		}
	}
	j.changes = slices.Clone(j.changes[max(0, len(j.changes)-keptChanges):])
	if r.bad || len(r.b) > 0 {
		return have, j, errMemory
	}
	return have, j, nil
}
