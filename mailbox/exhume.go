package mailbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// A suspect is a key that the filter knows: there is a tombstone, or by chance
// another key looks like it.
type suspect struct {
	key  Key
	of   int // whose it is; the caller's
	tag  uint16
	id   TombID
	keys []Key // of the segment, if memory has them
	dead bool  // there is a tombstone
}

// suspects appends what the filter says of a key. s.mu is held.
func (s *Store) suspects(list []suspect, k Key, of int) []suspect {
	var room [8]uint16
	for _, tag := range s.tombs.filter.find(s.tombs.filter.hash(&k), room[:0]) {
		list = append(list, suspect{key: k, of: of, tag: tag})
	}
	return list
}

// confirm finds out which suspects have a tombstone. s.mu is held, but given up
// meanwhile.
func (s *Store) confirm(ctx context.Context, list []suspect) error {
	for i := range list {
		x := &list[i]
		if seg := s.tombs.slots[x.tag]; seg != nil && !seg.dead {
			x.id, x.keys = seg.TombID, seg.keys
		}
	}
	slices.SortFunc(list, func(x, y suspect) int { return x.id.Compare(y.id) })
	s.mu.Unlock()
	defer s.mu.Lock()
	var last TombID
	var read []Key // of last
	for i := range list {
		x := &list[i]
		if x.id == (TombID{}) {
			continue
		}
		if x.keys == nil && x.id != last {
			var err error
			if read, err = s.readSegment(ctx, x.id, read[:0]); err != nil {
				return fmt.Errorf("look for tombstones: %w", err)
			}
			last = x.id
		}
		if x.keys == nil {
			x.keys = read
		}
		x.dead = slices.Contains(x.keys, x.key)
		x.keys = nil
	}
	return nil
}

func (s *Store) readSegment(ctx context.Context, id TombID, keys []Key) ([]Key, error) {
	keys = slices.Grow(keys, segmentKeys)
	err := s.driver.Tombs(ctx, id, TombID{id.Day, id.Segment + 1}, func(r TombRun) error {
		keys = append(keys, r.Keys...)
		return nil
	})
	return keys, err
}

// exhume notes for which recipients of it there is a tombstone. s.mu is held,
// but given up if there is reason to look.
func (s *Store) exhume(ctx context.Context, it *Item, boxes []*box) error {
	it.gone = it.gone[:0]
	var list []suspect
	for i, b := range boxes {
		list = s.suspects(list, it.Key.with(b.salt), i)
	}
	if list == nil {
		return nil
	}
	if err := s.confirm(ctx, list); err != nil {
		return err
	}
	for _, x := range list {
		if x.dead {
			it.gone = append(it.gone, x.of)
		}
	}
	return nil
}

// bury has the driver keep the key of e until a time (Unix seconds). s.mu is
// held.
func (s *Store) bury(b *box, e Entry, until uint32) { s.tombs.add(e.Key.with(b.salt), until) }

// whenExpired is how long a tombstone of mail stays that expired before every
// device had it: another home may have got it later, and would bring it back,
// for another lifetime, for ever.
const whenExpired = uint32(omega.MaxLifetime / 1e9)

// renewFilter makes the filter anew when it has outgrown two floors or knows many
// keys that were dropped. That reads all tombstones, segment by segment, with
// s.mu given up in between: the more there are, the less often. It is called
// from one goroutine.
func (s *Store) renewFilter(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.tombs
	if len(t.filter.floors) <= 2 && len(t.dead) <= len(t.slots)/8 {
		return nil
	}
	fresh := newFilter(t.n)
	had := len(t.dead) // those are not in the fresh one
	done := make(map[*segment]bool)
	for list := t.onDisk(done); len(list) > 0; list = t.onDisk(done) {
		for _, seg := range list {
			done[seg] = true
			if err := s.filterSegment(ctx, &fresh, seg); err != nil {
				return err
			}
		}
	}
	t.renew(fresh, had)
	return nil
}

// filterSegment gives a filter that nobody else knows the keys of a segment on
// disk. s.mu is held, but given up meanwhile.
func (s *Store) filterSegment(ctx context.Context, f *filter, seg *segment) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	keys, err := s.readSegment(ctx, seg.TombID, nil)
	for i := range keys {
		f.add(f.hash(&keys[i]), seg.tag)
	}
	return err
}
