package mailbox

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
)

// Waiting returns up to limit mailboxes that hold mail, ascending, that come
// after the one given (zero: from the start). Fewer than limit means that there
// are no more. One whose last mail was just trimmed may still be among them.
func (s *Store) Waiting(ctx context.Context, after omega.Fingerprint, limit int) ([]omega.Fingerprint, error) {
	filed, err := s.driver.Mailboxes(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list mailboxes after %s: %w", after, err)
	}
	// What the driver does not list is in memory: unfiled mail pins its box.
	s.mu.Lock()
	for account, b := range s.boxes {
		if len(b.live()) > 0 && account.Compare(after) > 0 {
			filed = append(filed, account)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(filed, omega.Fingerprint.Compare)
	filed = slices.Compact(filed)
	return filed[:min(limit, len(filed))], nil
}

// Keys returns the keys of the mail that waits in one mailbox, ascending,
// without what has expired.
func (s *Store) Keys(ctx context.Context, mailbox omega.Fingerprint) ([]Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	defer func() { b.pins-- }()
	now := uint32(s.cfg.Now().Unix())
	keys := make([]Key, 0, len(b.live()))
	for _, e := range b.live() {
		if e.Expires > now {
			keys = append(keys, e.Key)
		}
	}
	slices.SortFunc(keys, func(x, y Key) int { return bytes.Compare(x[:], y[:]) })
	return keys, nil
}

// Lacks returns those of keys that the mailbox neither holds nor has a tombstone
// of, in their order.
func (s *Store) Lacks(ctx context.Context, mailbox omega.Fingerprint, keys []Key) ([]Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	defer func() { b.pins-- }()
	var lacks []Key
	var list []suspect
	for _, k := range keys {
		if _, holds := b.find(k); holds {
			continue
		}
		list = s.suspects(list, k.with(b.salt), len(lacks))
		lacks = append(lacks, k)
	}
	if err := s.confirm(ctx, list); err != nil {
		return nil, fmt.Errorf("compare mailbox %s: %w", mailbox, err)
	}
	dead := make(map[int]bool)
	for _, x := range list {
		dead[x.of] = dead[x.of] || x.dead
	}
	kept := lacks[:0]
	for i, k := range lacks {
		if !dead[i] {
			kept = append(kept, k)
		}
	}
	return kept, nil
}

// Find returns the sequences of those of keys that wait in the mailbox,
// ascending.
func (s *Store) Find(ctx context.Context, mailbox omega.Fingerprint, keys []Key) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	defer func() { b.pins-- }()
	var seqs []uint64
	for _, k := range keys {
		if seq, ok := b.find(k); ok {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

// Last returns the sequence of the last mail that waits in a mailbox, 0 if none
// does; what has expired does not wait.
func (s *Store) Last(ctx context.Context, mailbox omega.Fingerprint) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return 0, err
	}
	defer func() { b.pins-- }()
	now := uint32(s.cfg.Now().Unix())
	for _, e := range slices.Backward(b.live()) {
		if e.Expires > now {
			return e.Seq, nil
		}
	}
	return 0, nil
}

// Remove takes mail out of a mailbox whatever its devices say: somebody else
// has it now. Sequences that are not there change nothing. On stable storage it
// rides on a later commit, so after a crash the mail may be there again. It
// leaves no tombstone, since this store has not done with the mail: it takes it
// again, as it must if it is to be the one that has it.
func (s *Store) Remove(ctx context.Context, mailbox omega.Fingerprint, seqs []uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return err
	}
	defer func() { b.pins-- }()
	s.drop(b, func(e Entry) bool { return slices.Contains(seqs, e.Seq) })
	return nil
}

// Clear takes all mail out of a mailbox whose account is gone for good, and
// forgets its devices and tokens. It reports how much mail there was. Doing it again
// changes nothing. On stable storage it rides on a later commit, so after a
// crash some may be there again: whoever clears looks again after a start. No
// tombstone is left: nothing more is to be appended for that account.
func (s *Store) Clear(ctx context.Context, mailbox omega.Fingerprint) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return 0, err
	}
	defer func() { b.pins-- }()
	if len(b.devices) > 0 {
		b.devices = []DeviceCursor{}
		s.soil(b)
	}
	if b.tokens.Made > 0 {
		s.retoken(b, Tokens{})
	}
	return len(s.drop(b, func(Entry) bool { return true })), nil
}

// drop trims what gone says, and returns it. s.mu is held.
func (s *Store) drop(b *box, gone func(Entry) bool) []Entry {
	var out []Entry
	kept := b.live()[:0]
	for _, e := range b.live() {
		if gone(e) {
			out = append(out, e)
		} else {
			kept = append(kept, e)
		}
	}
	b.entries = b.entries[:b.head+len(kept)]
	for _, e := range out {
		s.trimmed(b, e)
	}
	return out
}
