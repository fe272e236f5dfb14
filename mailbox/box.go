package mailbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// A box is one mailbox in memory: everything but the envelopes, which are only
// there until the driver has them. Boxes are loaded when they are first needed
// and dropped when there are too many; a box with pins is not dropped, and
// whatever the driver does not know yet holds a pin. Store.mu guards all of it.
type box struct {
	account omega.Fingerprint
	salt    Key            // makes keys of this mailbox differ from those of others
	entries []Entry        // entries[head:] wait, ascending
	head    int            // trimmed entries at the front of entries
	bytes   int64          // octets of envelopes that wait, but of requests
	waiting int            // requests among entries
	tail    []staged       // waiting mail that the driver does not have yet
	devices []DeviceCursor // the active devices; nil when never told
	tokens  Tokens         // whose mail is no request
	last    uint64         // the last sequence given to this mailbox, as far as known
	index   map[Key]uint64 // sequences by key; nil while a scan is quicker
	pins    int            // reasons not to drop the box
	used    bool           // touched since it was last considered for dropping
	dirty   bool           // devices differ from what the driver has

	retokened bool      // tokens differ from what the driver has
	requests  []request // that count, in the order of their sequences

	staging *Item         // the item being staged, to find repeated recipients
	gone    []uint64      // trimmed while it was not loaded, ascending: the driver may still have them
	loaded  bool          // it holds what the driver has
	loading chan struct{} // closed when somebody's load ends; nil when nobody loads
}

// staged is mail that the driver does not have yet.
type staged struct {
	seq      uint64
	received int64
	envelope []byte
}

// indexAbove is the number of entries above which keys are looked up in a map:
// up to it a scan costs less than the map's upkeep.
const indexAbove = 64

func newBox(account omega.Fingerprint) *box {
	b := &box{account: account}
	var wire [omega.MaxFingerprintSize]byte
	copy(b.salt[:], account.AppendTo(wire[:0])[1:])
	return b
}

// live returns the entries that wait.
func (b *box) live() []Entry { return b.entries[b.head:] }

// find returns the sequence of the waiting mail with this key.
func (b *box) find(k Key) (uint64, bool) {
	if b.index != nil {
		seq, ok := b.index[k]
		return seq, ok
	}
	live := b.live()
	for i := len(live) - 1; i >= 0; i-- {
		if live[i].Key == k {
			return live[i].Seq, true
		}
	}
	return 0, false
}

// add appends an entry at the end.
func (b *box) add(e Entry) {
	if b.head > 0 && len(b.entries) == cap(b.entries) && b.head >= len(b.entries)/2 {
		b.entries = slices.Delete(b.entries, 0, b.head)
		b.head = 0
	}
	b.entries = append(b.entries, e)
	if e.Request == (Source{}) {
		b.bytes += int64(e.Size)
	} else {
		b.waiting++
	}
	b.last = max(b.last, e.Seq)
	if b.index != nil {
		b.index[e.Key] = e.Seq
	} else if len(b.live()) > indexAbove {
		b.index = make(map[Key]uint64, 2*indexAbove)
		for _, e := range b.live() {
			b.index[e.Key] = e.Seq
		}
	}
}

// removed takes e, which is no longer among the entries, out of the sums.
func (b *box) removed(e Entry) {
	if e.Request == (Source{}) {
		b.bytes -= int64(e.Size)
	} else {
		b.waiting--
		b.requestGone(e.Seq)
	}
	if b.index != nil {
		delete(b.index, e.Key)
	}
	if len(b.live()) == 0 {
		b.entries, b.head, b.index = b.entries[:0], 0, nil
		if cap(b.entries) > indexAbove {
			b.entries = nil
		}
	}
}

// position returns the index in live of the first entry with Seq > after.
func (b *box) position(after uint64) int {
	live := b.live()
	i, found := slices.BinarySearchFunc(live, after, func(e Entry, seq uint64) int {
		switch {
		case e.Seq < seq:
			return -1
		case e.Seq > seq:
			return 1
		}
		return 0
	})
	if found {
		i++
	}
	return i
}

// entry returns the waiting mail with this sequence.
func (b *box) entry(seq uint64) (Entry, bool) {
	live := b.live()
	if len(live) == 0 || live[0].Seq > seq {
		return Entry{}, false
	}
	i := b.position(seq) - 1
	if i < 0 || live[i].Seq != seq {
		return Entry{}, false
	}
	return live[i], true
}

// applied drops the octets of mail that the driver has now.
func (b *box) applied(seq uint64) {
	i := 0
	for i < len(b.tail) && b.tail[i].seq <= seq {
		i++
	}
	b.tail = slices.Delete(b.tail, 0, i)
}

// fill takes what the driver has. What was recovered unfiled comes after all
// that is filed, and may have been filed meanwhile.
func (b *box) fill(c Contents) {
	recovered := b.entries
	b.entries = nil
	b.devices, b.tokens = c.Devices, c.Tokens
	for _, e := range slices.Concat(c.Entries, recovered) {
		if e.Seq > b.last && !b.isGone(e.Seq) {
			b.add(e)
			if e.Request != (Source{}) {
				b.requestNow(e, 0)
			}
		}
	}
	b.loaded, b.gone = true, nil
}

// isGone reports whether mail was trimmed while b was not loaded.
func (b *box) isGone(seq uint64) bool {
	_, gone := slices.BinarySearch(b.gone, seq)
	return gone
}

// goes notes that mail is trimmed while b is not loaded.
func (b *box) goes(seq uint64) {
	if i, gone := slices.BinarySearch(b.gone, seq); !gone {
		b.gone = slices.Insert(b.gone, i, seq)
	}
}

// recover puts unfiled mail of an earlier run into boxes, which are loaded
// when they are needed. No lock is needed yet.
func (s *Store) recover(mail []Unfiled) {
	for _, m := range mail {
		for _, account := range m.To {
			b := s.boxes[account]
			if b == nil {
				b = newBox(account)
				s.boxes[account] = b
			}
			b.entries = append(b.entries, m.Entry)
			s.unfiled.add(m.Entry.Seq, b)
		}
	}
}

// pin returns the boxes of accounts, appended to boxes, each loaded and pinned.
// s.mu is held, but given up while a box is loaded. On error nothing is pinned.
func (s *Store) pin(ctx context.Context, accounts []omega.Fingerprint, boxes []*box) ([]*box, error) {
	cold := false
	for _, a := range accounts {
		b := s.boxes[a]
		if b == nil {
			b = s.makeRoomFor(a)
		}
		b.pins++
		b.used = true
		cold = cold || !b.loaded
		boxes = append(boxes, b)
	}
	if !cold {
		return boxes, nil
	}
	for _, b := range boxes {
		if err := s.load(ctx, b); err != nil {
			s.unpin(boxes)
			return nil, err
		}
	}
	return boxes, nil
}

// pinOne is pin for one account.
func (s *Store) pinOne(ctx context.Context, account omega.Fingerprint) (*box, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if account.IsZero() {
		return nil, fmt.Errorf("mailbox of no account: %w", omega.ErrFingerprint)
	}
	var room [1]*box
	boxes, err := s.pin(ctx, []omega.Fingerprint{account}, room[:0])
	if err != nil {
		return nil, err
	}
	return boxes[0], nil
}

// unpin lets go of boxes. One that is not loaded is of no use to anybody then.
func (s *Store) unpin(boxes []*box) {
	for _, b := range boxes {
		b.pins--
		if b.pins == 0 && !b.loaded {
			delete(s.boxes, b.account)
		}
	}
}

// makeRoomFor puts an empty box that is not loaded into the cache. s.mu is held.
func (s *Store) makeRoomFor(account omega.Fingerprint) *box {
	s.shrink(8)
	b := newBox(account)
	s.boxes[account] = b
	return b
}

// shrink looks at a few boxes that happen to come first and drops those that
// nobody needs, while there are too many: map order is random, and the second
// look spares what is in use. s.mu is held.
func (s *Store) shrink(looks int) {
	if len(s.boxes) < s.cfg.MaxCached {
		return
	}
	for a, b := range s.boxes {
		if b.pins == 0 && !b.used {
			delete(s.boxes, a)
		}
		b.used = false
		if looks--; looks == 0 || len(s.boxes) < s.cfg.MaxCached {
			return
		}
	}
}

// load reads b from the driver unless somebody has or is doing so. s.mu is
// held, but given up meanwhile.
func (s *Store) load(ctx context.Context, b *box) error {
	for !b.loaded {
		if b.loading != nil {
			if err := s.await(ctx, b.loading); err != nil {
				return err
			}
			continue
		}
		if err := s.loadNow(ctx, b); err != nil {
			return fmt.Errorf("load mailbox %s: %w", b.account, err)
		}
	}
	return nil
}

func (s *Store) loadNow(ctx context.Context, b *box) error {
	b.loading = make(chan struct{})
	s.mu.Unlock()
	c, err := s.driver.Load(ctx, b.account)
	s.mu.Lock()
	if err == nil {
		b.fill(c)
	}
	close(b.loading)
	b.loading = nil
	return err
}

// await gives up s.mu until ch closes or ctx ends.
func (s *Store) await(ctx context.Context, ch <-chan struct{}) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
