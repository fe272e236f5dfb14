package mailbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// expireChunk is how much mail is trimmed at a time: others come in between.
const expireChunk = 256

// Expire removes mail whose lifetime has ended. One call looks at up to limit
// stored mails (zero means 1,000), from where the last call stopped, and
// reports how many it removed and whether it came to the end of the store. A
// server calls it from one goroutine, such that it comes around once a day;
// Read hides what has expired anyway. Mailboxes that are not in memory stay out
// of it.
func (s *Store) Expire(ctx context.Context, limit int) (removed int, done bool, err error) {
	if limit <= 0 {
		limit = 1000
	}
	s.mu.Lock()
	from := s.expireFrom
	err = s.usable()
	s.mu.Unlock()
	if err != nil {
		return 0, false, err
	}
	now := uint32(s.cfg.Now().Unix())
	found, next, err := s.driver.Expired(ctx, from, now, limit)
	if err != nil {
		return 0, false, fmt.Errorf("look for expired mail: %w", err)
	}
	for refs := range slices.Chunk(found, expireChunk) {
		n, err := s.expireRefs(ctx, refs, now)
		removed += n
		if err != nil {
			return removed, false, fmt.Errorf("trim expired mail: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireFrom = next
	return removed, next == nil, nil
}

// expireRefs removes mail that had expired when the driver looked. Some of it
// may be gone since, and its box dropped after that, so nothing is trimmed on
// the word of that look: a box in memory knows, and of the others the driver is
// asked again while they are held.
func (s *Store) expireRefs(ctx context.Context, refs []Ref, now uint32) (removed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	warm, cold := s.hold(refs)
	removed, err = s.expireCold(ctx, cold, now)
	for _, b := range warm {
		if err == nil {
			err = s.load(ctx, b) // by somebody who had begun
		}
		if err == nil {
			removed += s.expired(b, s.drop(b, func(e Entry) bool { return e.Expires <= now }), now)
		}
		s.unpin([]*box{b})
		s.mu.Unlock() // a box may hold much
		s.mu.Lock()
	}
	return removed, err
}

// hold pins the boxes of refs: those in memory, or on their way there, and for
// the mail of the others ones that nobody can load until release. Nothing of
// these waits for a commit, since that would pin them. s.mu is held.
func (s *Store) hold(refs []Ref) (warm []*box, cold []Ref) {
	held := make(map[omega.Fingerprint]bool) // cold or not
	for _, r := range refs {
		isCold, seen := held[r.Mailbox]
		if !seen {
			b := s.boxes[r.Mailbox]
			if b == nil {
				b = s.makeRoomFor(r.Mailbox)
			}
			b.pins++
			if isCold = !b.loaded && b.loading == nil; isCold {
				b.loading = make(chan struct{})
			} else {
				warm = append(warm, b)
			}
			held[r.Mailbox] = isCold
		}
		if isCold {
			cold = append(cold, r)
		}
	}
	return warm, cold
}

// release undoes hold for the boxes of cold mail. s.mu is held.
func (s *Store) release(cold []Ref) {
	for _, r := range cold {
		if b := s.boxes[r.Mailbox]; b != nil && b.loading != nil {
			close(b.loading)
			b.loading = nil
			s.unpin([]*box{b})
		}
	}
}

// expireCold removes mail of boxes that are held and not loaded. s.mu is held,
// but given up meanwhile.
func (s *Store) expireCold(ctx context.Context, cold []Ref, now uint32) (removed int, err error) {
	if len(cold) == 0 {
		return 0, nil
	}
	defer s.release(cold)
	for _, r := range cold {
		removed += s.expireRecovered(s.boxes[r.Mailbox], now)
	}
	filed := make([]Entry, len(cold))
	s.mu.Unlock()
	err = s.driver.Filed(ctx, cold, func(i int, e Entry) { filed[i] = e })
	s.mu.Lock()
	if err != nil {
		return removed, err
	}
	for i, e := range filed {
		b := s.boxes[cold[i].Mailbox]
		if e.Seq == 0 || b.isGone(e.Seq) {
			continue
		}
		b.goes(e.Seq)
		s.trim(b, e)
		removed += s.expired(b, []Entry{e}, now)
	}
	return removed, nil
}

// expireRecovered removes mail that a box has of an earlier run. It may have
// been filed since. s.mu is held.
func (s *Store) expireRecovered(b *box, now uint32) int {
	var out []Entry
	b.entries = slices.DeleteFunc(b.entries, func(e Entry) bool {
		if e.Expires <= now {
			out = append(out, e)
		}
		return e.Expires <= now
	})
	for _, e := range out {
		b.goes(e.Seq)
		s.trim(b, e)
	}
	return s.expired(b, out, now)
}

// expired buries what was removed from b, and counts it. s.mu is held.
func (s *Store) expired(b *box, out []Entry, now uint32) int {
	for _, e := range out {
		s.bury(b, e, now+whenExpired)
	}
	s.counters.Expired += uint64(len(out))
	return len(out)
}
