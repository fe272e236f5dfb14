package mailbox

import "time"

// Stats are the figures of a store; the counters start when it is opened.
type Stats struct {
	Totals                 // what waits now
	Cached   int           // mailboxes in memory
	Queued   int           // items that wait for a commit
	Appended uint64        // mails stored; an envelope counts once per mailbox
	Trimmed  uint64        // mails removed because every device has them
	Expired  uint64        // mails removed because their lifetime ended
	Read     uint64        // mails read
	Acks     uint64        // acknowledgements
	Commits  uint64        // durable commits
	Items    uint64        // Append calls that they answered
	SyncTime time.Duration // sum over commits, from applied to stable
}

// sums are the totals of this moment. s.mu is held.
func (s *Store) sums() Totals {
	t := s.totals
	t.Tombstones = s.tombs.n
	return t
}

// Stats returns the figures of this moment.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.counters
	st.Totals = s.sums()
	st.Cached = len(s.boxes)
	st.Queued = len(s.queue)
	return st
}
