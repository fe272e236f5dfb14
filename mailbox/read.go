package mailbox

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// A Limit bounds what Read returns. Zero fields mean the defaults.
type Limit struct {
	Messages int   // zero means 256, a lease's window
	Bytes    int64 // of envelopes; zero means 1 MiB; one mail is always returned
}

// Read returns mail of one mailbox with sequences above after, ascending. The
// chain of Prev starts at after. Mail that is staged but not yet on stable
// storage is included, mail that has expired is not.
func (s *Store) Read(ctx context.Context, mailbox omega.Fingerprint, after uint64, limit Limit) ([]Mail, error) {
	s.mu.Lock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	mail, missing := b.list(after, limit, uint32(s.cfg.Now().Unix()))
	s.mu.Unlock()

	err = s.fetch(ctx, mailbox, mail[:missing])

	s.mu.Lock()
	b.pins--
	s.counters.Read += uint64(len(mail))
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("read mailbox %s after %d: %w", mailbox, after, err)
	}
	return chain(mail, after), nil
}

// list returns the mail that Read wants. The first missing ones have no
// envelope yet: the driver has those.
func (b *box) list(after uint64, limit Limit, now uint32) (mail []Mail, missing int) {
	if limit.Messages <= 0 {
		limit.Messages = 256
	}
	if limit.Bytes <= 0 {
		limit.Bytes = 1 << 20
	}
	live := b.live()[b.position(after):]
	mail = make([]Mail, 0, min(len(live), limit.Messages))
	for _, e := range live {
		if e.Expires <= now {
			continue
		}
		limit.Bytes -= int64(e.Size)
		if len(mail) == limit.Messages || limit.Bytes < 0 && len(mail) > 0 {
			break
		}
		mail = append(mail, Mail{Seq: e.Seq, Expires: time.Unix(int64(e.Expires), 0)})
	}
	missing = len(mail)
	for i := len(b.tail) - 1; i >= 0 && missing > 0; i-- {
		t := b.tail[i]
		if t.seq > mail[missing-1].Seq {
			continue
		}
		if t.seq < mail[missing-1].Seq {
			break
		}
		missing--
		mail[missing].Received = time.UnixMilli(t.received)
		mail[missing].Envelope = append(make([]byte, 0, len(t.envelope)), t.envelope...)
	}
	return mail, missing
}

// fetch reads the envelopes of mail from the driver. What was trimmed in the
// meantime stays without one.
func (s *Store) fetch(ctx context.Context, mailbox omega.Fingerprint, mail []Mail) error {
	if len(mail) == 0 {
		return nil
	}
	seqs := make([]uint64, len(mail))
	for i, m := range mail {
		seqs[i] = m.Seq
	}
	i := 0
	return s.driver.Read(ctx, mailbox, seqs, func(r Record) {
		for mail[i].Seq != r.Seq {
			i++
		}
		mail[i].Received = time.UnixMilli(r.Received)
		mail[i].Envelope = append(make([]byte, 0, len(r.Envelope)), r.Envelope...)
	})
}

// chain drops mail without an envelope and links the rest.
func chain(mail []Mail, after uint64) []Mail {
	kept := mail[:0]
	for _, m := range mail {
		if m.Envelope == nil {
			continue
		}
		m.Prev = after
		after = m.Seq
		kept = append(kept, m)
	}
	return kept
}
