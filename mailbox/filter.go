package mailbox

import "hash/maphash"

// A filter says, from memory, which segment a key may lie in: most keys that
// are asked for lie in none, and must not cost a look at the disk. A slot holds
// 16 bits of the key's hash and the tag of its segment, so that one key of about
// 2,000 is looked for on disk in vain. The hash is keyed: nobody can make keys
// that crowd one place.
//
// A key has two lines where it may lie, and goes to the emptier one: lines do
// not overflow before a floor is full. Then another one takes what comes, until
// the whole is made anew, larger and as one floor (Store.renewFilter). At 7/8
// full that is 4.6 octets a key.
type filter struct {
	seed   maphash.Seed
	floors []*floor // the last one takes more
}

// A floor is a table of a fixed size.
type floor struct {
	lines []line
	used  int // slots in use
}

// A line is one line of the processor's cache, filled from the front. A slot is
// hash<<16 | tag, and 0 when it is free: there is no tag 0.
type line [16]uint32

// minLines is the size of the first floor: 64 KiB, 14,000 keys.
const minLines = 1 << 10

// newFilter returns a filter with room for half as many keys again as are
// expected.
func newFilter(expected int64) filter {
	lines := expected * 12 / 7 / int64(len(line{}))
	return filter{seed: maphash.MakeSeed(), floors: []*floor{newFloor(max(int(lines), minLines))}}
}

func newFloor(lines int) *floor { return &floor{lines: make([]line, lines)} }

// full reports whether the next key belongs on another floor.
func (f *floor) full() bool { return f.used >= len(f.lines)*len(line{})/8*7 }

// pair returns the two lines of a hash.
func (f *floor) pair(h uint64) (a, b *line) {
	n := uint64(len(f.lines))
	a = &f.lines[h>>32*n>>32]
	b = &f.lines[h*0x9e3779b97f4a7c15>>32*n>>32]
	return a, b
}

func (f *filter) hash(k *Key) uint64 { return maphash.Bytes(f.seed, k[:]) }

// add notes that the key with this hash lies in the segment of tag.
func (f *filter) add(h uint64, tag uint16) {
	last := f.floors[len(f.floors)-1]
	if last.full() {
		last = newFloor(2 * len(last.lines))
		f.floors = append(f.floors, last)
	}
	a, b := last.pair(h)
	slot := uint32(h)<<16 | uint32(tag)
	for i := range a {
		if a[i] == 0 {
			a[i] = slot
			last.used++
			return
		}
		if b[i] == 0 {
			b[i] = slot
			last.used++
			return
		}
	}
	// Both lines are full, which hardly happens: a repetition is not recognised.
}

// find appends the tags of the segments that may have the key with this hash,
// some of them twice.
func (f *filter) find(h uint64, tags []uint16) []uint16 {
	for _, fl := range f.floors {
		a, b := fl.pair(h)
		tags = a.find(uint16(h), tags)
		if a != b {
			tags = b.find(uint16(h), tags)
		}
	}
	return tags
}

func (l *line) find(print uint16, tags []uint16) []uint16 {
	for _, slot := range l {
		if slot == 0 {
			break
		}
		if uint16(slot>>16) == print {
			tags = append(tags, uint16(slot))
		}
	}
	return tags
}
