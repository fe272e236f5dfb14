package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// A longBlob is a blob of which the chunks of zeros, nearly all, lie nowhere.
type longBlob struct {
	size   int64
	chunks map[int][]byte
	leaves []byte
	ref    media.Ref
}

// newLongBlob makes one whose given chunks say at each octet where that is.
func newLongBlob(size int64, filled ...int) *longBlob {
	b := &longBlob{size: size, chunks: map[int][]byte{}}
	zeros := make([]byte, media.ChunkSize)
	zero := media.LeafOf(zeros)
	list := make([]media.Hash, media.Chunks(size))
	for i := range list {
		list[i] = zero
		if n := media.ChunkLen(size, i); n < media.ChunkSize {
			list[i] = media.LeafOf(zeros[:n])
		}
	}
	for _, i := range filled {
		chunk := make([]byte, media.ChunkLen(size, i))
		for at := 0; at+8 <= len(chunk); at += 8 {
			binary.BigEndian.PutUint64(chunk[at:], uint64(i)*media.ChunkSize+uint64(at))
		}
		b.chunks[i], list[i] = chunk, media.LeafOf(chunk)
	}
	for _, l := range list {
		b.leaves = append(b.leaves, l[:]...)
	}
	b.ref = media.Ref{Name: media.Hash{4}, Size: size, Root: media.RootOf(list)}
	return b
}

// read fills p, which lies within the blob.
func (b *longBlob) read(p []byte, at int64) {
	for n := 0; n < len(p); {
		i, in := int((at+int64(n))/media.ChunkSize), int((at+int64(n))%media.ChunkSize)
		size := min(len(p)-n, media.ChunkLen(b.size, i)-in)
		clear(p[n : n+size])
		if c := b.chunks[i]; c != nil {
			copy(p[n:], c[in:in+size])
		}
		n += size
	}
}

// serveLong has a proxy serve a blob as several servers, each of which may spoil what it
// gives, and counts what they were asked.
func (p *fakeProxy) serveLong(b *longBlob, spoil map[omega.Fingerprint]func(what uint8, offset int64, octets []byte)) (asked map[omega.Fingerprint]int) {
	asked = map[omega.Fingerprint]int{} // guarded by p.mu
	before := p.answer
	p.edit(func() {
		p.answer = func(f wire.Frame) (wire.Type, []byte) {
			g, err := wire.DecodeBlobGet(f.Body)
			if f.Type != wire.TypeBlobGet || err != nil || g.Name != b.ref.Name {
				if before == nil {
					return 0, nil
				}
				return before(f)
			}
			asked[g.Server]++
			octets := make([]byte, g.Length)
			if g.What == wire.BlobLeaves {
				octets = octets[:copy(octets, b.leaves[g.Offset:])]
			} else {
				octets = octets[:min(int64(len(octets)), b.size-int64(g.Offset))]
				b.read(octets, int64(g.Offset))
			}
			if bad := spoil[g.Server]; bad != nil {
				bad(g.What, int64(g.Offset), octets)
			}
			return wire.TypeBlobPart, wire.AppendBlobPart(nil, &wire.BlobPart{Size: uint64(b.size), Octets: octets})
		}
	})
	return asked
}

func someServer(t *testing.T, n byte) omega.Fingerprint {
	fp, err := omega.FingerprintV4(bytes.Repeat([]byte{n}, 20))
	must(t, err)
	return fp
}

// TestRangesOfALongFile: of a file of 4 GiB parts can be read from anywhere; where a server
// gives one wrong octet, in what is asked for, elsewhere in that chunk, or in the leaves,
// the next one is asked, and it is not asked for that file again. If nobody else has
// it nothing is given out. (spec/media.md, MEDIA-8, MEDIA-17)
func TestRangesOfALongFile(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	last, rows := media.Chunks(media.MaxSize)-1, byte(0)
	long := newLongBlob(media.MaxSize, 0, 1, 2, 2047, 2048, last)
	flip := func(at int64) func(uint8, int64, []byte) {
		return func(what uint8, offset int64, octets []byte) {
			if i := at - offset; what == wire.BlobOctets && i >= 0 && i < int64(len(octets)) {
				octets[i] ^= 1
			}
		}
	}
	for name, row := range map[string]struct {
		offset int64
		length int
		spoil  func(what uint8, offset int64, octets []byte) // of the first server; nil: it is honest
	}{
		"at the begin":                        {0, 4096, nil},
		"across an edge of chunks":            {media.ChunkSize - 5, 10, nil},
		"across another":                      {2048*media.ChunkSize - 100_000, 200_000, nil},
		"the last octets":                     {media.MaxSize - 7, 7, nil},
		"zeros":                               {5 * media.ChunkSize, clientrpc.MaxRead, nil},
		"one wrong octet":                     {media.MaxSize - 7, 7, flip(media.MaxSize - 1)},
		"one wrong octet beside what is read": {2047 * media.ChunkSize, 16, flip(2048*media.ChunkSize - 1)},
		"one wrong leaf": {media.ChunkSize, 16, func(what uint8, _ int64, octets []byte) {
			if what == wire.BlobLeaves {
				octets[3] ^= 1
			}
		}},
		"fewer octets":          {0, 16, func(_ uint8, _ int64, octets []byte) { clear(octets[1:]) }},
		"zeros where there are": {2 * media.ChunkSize, 16, func(_ uint8, _ int64, octets []byte) { clear(octets) }},
	} {
		t.Run(name, func(t *testing.T) {
			rows++
			blob := *long
			blob.ref.Name[0] = rows // nothing of another row's is here
			first, second := someServer(t, 1), someServer(t, 2)
			asked := p.serveLong(&blob, map[omega.Fingerprint]func(uint8, int64, []byte){first: row.spoil})
			w := &wanted{item: &chat.MediaItem{Servers: []omega.Fingerprint{first, second}}, ref: blob.ref, from: someServer(t, 3)}
			want := make([]byte, row.length)
			blob.read(want, row.offset)
			var before int
			for range 2 { // the second time from what was kept, or from another chunk's file
				got := make([]byte, row.length)
				if err := c.readInto(t.Context(), w, got, row.offset); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("read: %v, the right octets: %v", err, bytes.Equal(got, want))
				}
				p.edit(func() {
					if before > 0 && asked[first] > before {
						t.Errorf("the first server was asked %d times, then %d", before, asked[first])
					}
					before = asked[first]
				})
			}
			if row.spoil == nil {
				return
			}
			c.caught(second, blob.ref)
			got := make([]byte, 16)
			err := c.readInto(t.Context(), w, got, 2048*media.ChunkSize) // which is not here
			if !errors.Is(err, media.ErrWrong) || !bytes.Equal(got, make([]byte, 16)) {
				t.Errorf("with nobody left: %v, %x", err, got)
			}
		})
	}
}

// TestPartsAreTold: who waits for a part of a file hears how much of it is here.
func TestPartsAreTold(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t, func(cfg *Config) {
		now := time.Now()
		cfg.Clock = func() time.Time { return now } // it stands, so there is one event
	})
	blob := newLongBlob(3*media.ChunkSize+100, 1)
	p.serveLong(blob, nil)
	w := &wanted{item: &chat.MediaItem{Servers: []omega.Fingerprint{someServer(t, 1)}}, ref: blob.ref, from: c.acc.Fingerprint}
	must(t, c.readInto(t.Context(), w, make([]byte, 10), media.ChunkSize+7))
	must(t, c.readInto(t.Context(), w, make([]byte, 10), 2*media.ChunkSize))
	c.events.mu.Lock()
	told := slices.Clone(c.events.kept)
	c.events.mu.Unlock()
	told = slices.DeleteFunc(told, func(h happening) bool { return h.name != clientrpc.PartTransferred.Name })
	want := clientrpc.PartEvent{Blob: blob.ref.Name.String(), Offset: media.ChunkSize, Done: media.MaxPart, Total: media.ChunkSize}
	if len(told) != 1 || told[0].data != any(want) {
		t.Errorf("told %v, want only %v", told, want)
	}
}
