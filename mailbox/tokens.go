package mailbox

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// What strangers may have in one mailbox, beside its quota. (spec/delivery.md,
// DELIV-46)
const (
	// MaxRequests is how many requests wait in one mailbox, together with those
	// that came within RequestWindow.
	MaxRequests = 256

	// MaxRequestBytes is how many octets of envelopes these have.
	MaxRequestBytes = 1 << 20

	// RequestWindow is for how long a request counts, even if every device has it:
	// so strangers have no more than 26 a second of a device that is online.
	RequestWindow = 10 * time.Second

	// RequestLifetime is how long a request waits at most.
	RequestLifetime = 7 * 24 * time.Hour
)

// A request is mail of a stranger that counts against what strangers may have.
type request struct {
	seq  uint64
	from Source
	size uint32
	came int64 // Unix milliseconds; 0: before this run
	gone bool  // it does not wait any more
}

// SetTokens says which tokens are in force for a mailbox, unless it has a later list,
// and returns the one that stands then. From the first list on, mail without a token
// of it is a request. What waits stays what it is. The list is remembered; it rides on
// a later commit.
func (s *Store) SetTokens(ctx context.Context, mailbox omega.Fingerprint, t Tokens) (Tokens, error) {
	if len(t.List) > omega.MaxTokens {
		return Tokens{}, fmt.Errorf("set %d tokens: %w", len(t.List), ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return Tokens{}, err
	}
	defer func() { b.pins-- }()
	if t.Made > b.tokens.Made {
		s.retoken(b, Tokens{t.Made, slices.Clone(t.List)})
	}
	return b.tokens, nil
}

// TokensOf returns the list that stands.
func (s *Store) TokensOf(ctx context.Context, mailbox omega.Fingerprint) (Tokens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.pinOne(ctx, mailbox)
	if err != nil {
		return Tokens{}, err
	}
	b.pins--
	return b.tokens, nil
}

// Strangers reports for each of several mailboxes whether mail with its token, as in
// Item, is a request there; nil if it is for none.
func (s *Store) Strangers(ctx context.Context, mailboxes []omega.Fingerprint, tokens []omega.Token) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	boxes, err := s.pin(ctx, mailboxes, make([]*box, 0, len(mailboxes)))
	if err != nil {
		return nil, err
	}
	defer s.unpin(boxes)
	var out []bool
	for i, b := range boxes {
		if b.admits(omega.TokenAt(tokens, i)) {
			continue
		}
		if out == nil {
			out = make([]bool, len(boxes))
		}
		out[i] = true
	}
	return out, nil
}

// retoken has b have another list, and that written with a later commit. s.mu is held.
func (s *Store) retoken(b *box, t Tokens) {
	b.tokens = t
	if !b.retokened {
		b.retokened = true
		b.pins++
		s.retokened = append(s.retokened, b)
	}
}

// takeTokens moves the changed lists into g's batch. s.mu is held.
func (s *Store) takeTokens(g *group) {
	for _, box := range s.retokened {
		box.retokened = false
		g.batch.Tokens = append(g.batch.Tokens, TokenState{box.account, box.tokens}) // a list is never changed, only replaced
		g.pinned = append(g.pinned, box)
	}
	clear(s.retokened)
	s.retokened = s.retokened[:0]
}

// admits reports whether mail with a token is no stranger's.
func (b *box) admits(t omega.Token) bool {
	if b.tokens.Made == 0 {
		return true
	}
	_, found := slices.BinarySearchFunc(b.tokens.List, t, func(x, y omega.Token) int { return bytes.Compare(x[:], y[:]) })
	return found && !t.IsZero()
}

// strangers counts the boxes for which it is a request.
func (it *Item) strangers(boxes []*box) (n int) {
	for i, b := range boxes {
		if !b.admits(omega.TokenAt(it.Tokens, i)) {
			n++
		}
	}
	return n
}

// requestNow notes a request that b takes.
func (b *box) requestNow(e Entry, came int64) {
	b.requests = append(b.requests, request{seq: e.Seq, from: e.Request, size: e.Size, came: came})
}

// requestGone notes that a request does not wait any more.
func (b *box) requestGone(seq uint64) {
	i := slices.IndexFunc(b.requests, func(r request) bool { return r.seq == seq })
	if i < 0 {
		return
	}
	if b.requests[i].gone = true; b.requests[i].came == 0 {
		b.requests = slices.Delete(b.requests, i, i+1)
	}
}

// hasRoomFor reports whether a request of so many octets may come in: the room is
// there, and neither its sender nor the server that handed it over has more of it
// then than is free beside.
func (b *box) hasRoomFor(from Source, size int, now int64) bool {
	var all, sender, server share
	b.requests = slices.DeleteFunc(b.requests, func(r request) bool { return r.gone && now-r.came >= RequestWindow.Milliseconds() })
	for _, r := range b.requests {
		all.add(int64(r.size))
		if r.from.Sender == from.Sender {
			sender.add(int64(r.size))
		}
		if r.from.Server == from.Server {
			server.add(int64(r.size))
		}
	}
	for _, s := range []*share{&all, &sender, &server} {
		s.add(int64(size))
	}
	free := share{MaxRequests - all.n, MaxRequestBytes - all.octets}
	return free.n >= 0 && free.octets >= 0 && sender.within(free) && server.within(free)
}

// A share is a part of what strangers may have.
type share struct{ n, octets int64 }

func (s *share) add(octets int64) { s.n, s.octets = s.n+1, s.octets+octets }

func (s share) within(free share) bool { return s.n <= free.n && s.octets <= free.octets }
