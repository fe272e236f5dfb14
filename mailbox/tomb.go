package mailbox

import (
	"cmp"
	"fmt"
	"slices"
)

// tombs are the tombstones: keys of mail that is gone, mixed with the salt of
// its mailbox, kept on stable storage until the mail's lifetime would have
// ended. So a repetition is acknowledged and not stored again, whoever brings
// it. (spec/delivery.md, DELIV-16)
//
// They lie in segments, each of one day of expiry, in the order in which they
// came. They go to the driver with the commit that trims the mail: one run of 16
// octets a key for each segment. Memory has a filter, and the keys of segments
// that are not full. Segments go whole, when their day is over. Store.mu guards
// all of it.
type tombs struct {
	filter filter
	max    int64               // keys; above it the segments that expire first go
	n      int64               // keys
	slots  []*segment          // by tag; nil: free
	free   []uint16            // tags below len(slots)
	open   map[uint16]*segment // by day; those that take more
	nextID uint32
	today  uint16 // what expires up to this day is gone

	dirty   []*segment // have keys that no batch has taken
	taken   []*segment // of the batch in flight
	dropped TombID     // the next batch drops what is before it; zero: nothing

	dead []uint16 // tags that the filter still has
	busy uint16   // the day of the last segment that became full
}

// A segment is up to segmentKeys tombstones of one day.
type segment struct {
	TombID
	tag   uint16
	dead  bool  // dropped
	n     int   // keys
	taken int   // keys that a batch has taken
	keys  []Key // nil once it is full and the driver has it
}

const (
	// segmentKeys bounds what the search for one key reads: 32 KiB.
	segmentKeys = 2048

	// maxSegments is the number of tags: there is no tag 0.
	maxSegments = 1<<16 - 1

	secondsPerDay = 24 * 60 * 60
)

func newTombs(max, expected int64) tombs {
	return tombs{
		filter: newFilter(min(expected, max)), max: min(max, maxSegments*segmentKeys/2),
		slots: make([]*segment, 1), open: make(map[uint16]*segment), nextID: 1,
	}
}

// tombDay is the day, counted from 1970, at whose start what expires at a time
// (Unix seconds) has expired.
func tombDay(expires uint32) uint16 {
	return uint16((uint64(expires) + secondsPerDay - 1) / secondsPerDay)
}

// add takes a key that is to be known until a time (Unix seconds).
func (t *tombs) add(k Key, expires uint32) {
	seg := t.segment(tombDay(expires))
	if seg == nil {
		return
	}
	if seg.taken == len(seg.keys) {
		t.dirty = append(t.dirty, seg)
	}
	t.put(seg, k)
}

func (t *tombs) put(seg *segment, k Key) {
	seg.keys = append(seg.keys, k)
	seg.n++
	t.n++
	t.filter.add(t.filter.hash(&k), seg.tag)
	if seg.n == segmentKeys {
		delete(t.open, seg.Day)
		t.busy = seg.Day
	}
}

// segment returns the segment that takes keys of a day, or nil when there are
// too many.
func (t *tombs) segment(day uint16) *segment {
	if seg := t.open[day]; seg != nil {
		return seg
	}
	seg := t.enlist(TombID{day, t.nextID})
	if seg != nil {
		t.open[day] = seg
		if day == t.busy {
			seg.keys = make([]Key, 0, segmentKeys)
		}
	}
	return seg
}

// enlist gives a segment a tag, or returns nil when there is none.
func (t *tombs) enlist(id TombID) *segment {
	seg := &segment{TombID: id}
	switch n := len(t.free); {
	case n > 0:
		seg.tag = t.free[n-1]
		t.free = t.free[:n-1]
	case len(t.slots) <= maxSegments:
		seg.tag = uint16(len(t.slots))
		t.slots = append(t.slots, nil)
	default:
		return nil
	}
	t.slots[seg.tag] = seg
	t.nextID = max(t.nextID, id.Segment+1)
	return seg
}

// load takes what the driver has, run by run.
func (t *tombs) load(r TombRun) error {
	seg := t.open[r.Day]
	if seg == nil || seg.TombID != r.TombID {
		if seg != nil {
			seg.keys = nil // another one takes more
		}
		if seg = t.enlist(r.TombID); seg == nil {
			return fmt.Errorf("more than %d segments of tombstones", maxSegments)
		}
		t.open[r.Day] = seg
	}
	if int(r.First) != seg.n || seg.n+len(r.Keys) > segmentKeys {
		return fmt.Errorf("tombstones %v: %d keys at %d after %d", r.TombID, len(r.Keys), r.First, seg.n)
	}
	for _, k := range r.Keys {
		t.put(seg, k)
	}
	seg.taken = seg.n
	if seg.n == segmentKeys {
		seg.keys = nil
	}
	return nil
}

// take moves what is new into b.
func (t *tombs) take(b *Batch) {
	b.DropTombs, t.dropped = t.dropped, TombID{}
	for _, seg := range t.dirty {
		if seg.dead {
			continue
		}
		b.Tombs = append(b.Tombs, TombRun{seg.TombID, uint16(seg.taken), seg.keys[seg.taken:]})
		seg.taken = len(seg.keys)
		t.taken = append(t.taken, seg)
	}
	clear(t.dirty)
	t.dirty = t.dirty[:0]
}

// applied forgets the keys of full segments that the driver has now.
func (t *tombs) applied() {
	for _, seg := range t.taken {
		if seg.n == segmentKeys && seg.taken == seg.n {
			seg.keys = nil
		}
	}
	clear(t.taken)
	t.taken = t.taken[:0]
}

// riding reports whether something waits for a commit.
func (t *tombs) riding() bool { return len(t.dirty) > 0 || t.dropped != TombID{} }

// expire drops the segments whose day is over, and while there are too many
// keys those that expire first, an eighth more than need be.
func (t *tombs) expire(now int64) {
	bound := TombID{}
	if today := uint16(now / secondsPerDay); today > t.today {
		t.today = today
		bound = TombID{today + 1, 0}
	}
	if t.n > t.max {
		bound = maxTombID(bound, t.excess())
	}
	if bound != (TombID{}) {
		t.drop(bound)
	}
}

// excess returns a bound below which there are enough keys to drop.
func (t *tombs) excess() TombID {
	live := slices.DeleteFunc(slices.Clone(t.slots), func(s *segment) bool { return s == nil || s.dead })
	slices.SortFunc(live, func(x, y *segment) int { return x.Compare(y.TombID) })
	left := t.n
	for _, seg := range live {
		if left -= int64(seg.n); left <= t.max-t.max/8 {
			return TombID{seg.Day, seg.Segment + 1}
		}
	}
	return TombID{}
}

func (t *tombs) drop(bound TombID) {
	for _, seg := range t.slots {
		if seg == nil || seg.dead || seg.Compare(bound) >= 0 {
			continue
		}
		seg.dead, seg.keys = true, nil
		t.n -= int64(seg.n)
		if t.open[seg.Day] == seg {
			delete(t.open, seg.Day)
		}
		t.dead = append(t.dead, seg.tag)
		t.dropped = maxTombID(t.dropped, bound)
	}
}

// Compare orders segments by day and age.
func (x TombID) Compare(y TombID) int {
	return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(x.Segment, y.Segment))
}

func maxTombID(x, y TombID) TombID {
	if x.Compare(y) < 0 {
		return y
	}
	return x
}

// onDisk lists the segments of which memory has no keys, and that are not done.
func (t *tombs) onDisk(done map[*segment]bool) (list []*segment) {
	for _, seg := range t.slots {
		if seg != nil && !seg.dead && seg.keys == nil && !done[seg] {
			list = append(list, seg)
		}
	}
	return list
}

// renew puts a fresh filter in force that has the segments on disk. The first
// tags of dead, which it has not, become free.
func (t *tombs) renew(fresh filter, dead int) {
	for _, seg := range t.slots {
		if seg == nil || seg.dead {
			continue
		}
		for i := range seg.keys {
			fresh.add(fresh.hash(&seg.keys[i]), seg.tag)
		}
	}
	t.filter = fresh
	for _, tag := range t.dead[:dead] {
		t.slots[tag] = nil
		t.free = append(t.free, tag)
	}
	t.dead = append(t.dead[:0], t.dead[dead:]...)
}

// with mixes a mailbox's salt into k. Salts are parts of fingerprints and keys
// are hashes, so that nobody can aim one pair at another.
func (k Key) with(salt Key) Key {
	for i := range k {
		k[i] ^= salt[i]
	}
	return k
}
