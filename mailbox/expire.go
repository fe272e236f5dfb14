package mailbox

import (
	"context"
	"fmt"

	"github.com/omega-im/omega"
)

// Expire removes mail whose lifetime has ended. One call looks at up to limit
// stored mails (zero means 1,000), from where the last call stopped, and
// reports how many it removed and whether it came to the end of the store. A
// server calls it from one goroutine, such that it comes around once a day;
// Read hides what has expired anyway.
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
	seen := make(map[omega.Fingerprint]bool)
	for _, ref := range found {
		if seen[ref.Mailbox] {
			continue
		}
		seen[ref.Mailbox] = true
		n, err := s.expireBox(ctx, ref.Mailbox, now)
		removed += n
		if err != nil {
			return removed, false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireFrom = next
	return removed, next == nil, nil
}

// expireBox removes all that has expired from one mailbox: others come
// in between, so that appends do not wait for more than one mailbox.
func (s *Store) expireBox(ctx context.Context, mailbox omega.Fingerprint, now uint32) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return 0, err
	}
	defer func() { b.pins-- }()
	out := s.drop(b, func(e Entry) bool { return e.Expires <= now })
	for _, e := range out {
		s.bury(b, e, now+whenExpired)
	}
	s.counters.Expired += uint64(len(out))
	return len(out), nil
}
