package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Append stores it.Envelope in the mailboxes of it.Recipients. When it returns
// nil, it.Results says what became of each, the mail can be read and pushed,
// and it.Done will be called once it is on stable storage. It waits only for
// mailboxes that are not in memory, for the queue to have room, and for a look
// at the disk when there may be a tombstone of the envelope.
//
// An error means that the store kept nothing and will not call Done: ErrDiskFull,
// ErrFailed, ErrClosed, ErrTooLarge, ErrMixed, or ctx's cause.
func (s *Store) Append(ctx context.Context, it *Item) error {
	if err := it.check(); err != nil {
		return err
	}
	if err := s.hasRoom(); err != nil {
		return fmt.Errorf("append to %d mailboxes: %w", len(it.Recipients), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.waitForRoom(ctx); err != nil {
		return err
	}
	boxes, err := s.pin(ctx, it.Recipients, it.one[:0])
	if err != nil {
		return err
	}
	err = s.exhume(ctx, it, boxes)
	if err == nil {
		err = s.usable()
	}
	strange := 0
	if err == nil {
		if strange = it.strangers(boxes); strange > 0 && strange < len(boxes) {
			err = fmt.Errorf("append to %d mailboxes: %w", len(boxes), ErrMixed)
		}
	}
	if err != nil {
		s.unpin(boxes)
		return err
	}
	it.boxes = boxes
	s.stage(it, strange > 0)
	s.held += it.cost()
	s.queue = append(s.queue, it)
	if len(s.queue) == 1 {
		s.work.Signal()
	}
	if it.Staged != nil && it.seq != 0 {
		it.Staged(it)
	}
	return nil
}

// hasRoom is nil, or wraps ErrDiskFull or ErrFailed.
func (s *Store) hasRoom() error {
	err := s.driver.Room()
	if err == nil || errors.Is(err, ErrDiskFull) {
		return err
	}
	s.fail(err)
	return s.failure()
}

// cost is what an item counts against Config.MaxQueued.
func (it *Item) cost() int64 { return int64(len(it.Envelope)) + 512 }

func (it *Item) check() error {
	switch {
	case len(it.Recipients) == 0:
		return fmt.Errorf("append to no mailbox: %w", omega.ErrFingerprint)
	case len(it.Recipients) > omega.MaxRecipients:
		return fmt.Errorf("append to %d mailboxes: %w", len(it.Recipients), ErrTooLarge)
	case len(it.Tokens) > len(it.Recipients):
		return fmt.Errorf("append with %d tokens to %d mailboxes: %w", len(it.Tokens), len(it.Recipients), ErrTooLarge)
	case len(it.Envelope) > MaxItem:
		return fmt.Errorf("append %d octets: %w", len(it.Envelope), ErrTooLarge)
	}
	for _, r := range it.Recipients {
		if r.IsZero() {
			return fmt.Errorf("append to no account: %w", omega.ErrFingerprint)
		}
	}
	return nil
}

// waitForRoom returns when the queue and the reserved sequences have room for
// another item. s.mu is held, but given up while it waits.
func (s *Store) waitForRoom(ctx context.Context) error {
	for {
		if err := s.usable(); err != nil {
			return err
		}
		if s.held < s.cfg.MaxQueued && s.next < s.limit {
			return nil
		}
		if err := s.await(ctx, s.room); err != nil {
			return fmt.Errorf("wait for the mailbox queue: %w", err)
		}
	}
}

// wakeAppenders lets waitForRoom look again. s.mu is held.
func (s *Store) wakeAppenders() {
	close(s.room)
	s.room = make(chan struct{})
}

// stage gives it a sequence and puts it into the boxes that take it. s.mu is
// held.
func (s *Store) stage(it *Item, request bool) {
	now := s.cfg.Now()
	it.answered = false
	it.seq = 0
	it.Received = time.UnixMilli(now.UnixMilli())
	it.Expires = lifetime(now, it.Expires)
	if it.request = (Source{}); request {
		it.request = Source{max(it.From.Sender, 1), max(it.From.Server, 1)}
		it.Expires = earlier(it.Expires, lifetime(now, now.Add(RequestLifetime)))
	}
	if cap(it.Results) < len(it.Recipients) {
		it.Results = make([]Result, len(it.Recipients))
	}
	it.Results = it.Results[:len(it.Recipients)]

	n := 0 // boxes that take it
	for i, b := range it.boxes {
		it.Results[i] = s.judge(b, it, i)
		if it.Results[i] == (Result{}) {
			b.staging = it
			n++
		}
	}
	if n > 0 {
		s.enter(it, n)
	}
	for i, b := range it.boxes {
		if r := &it.Results[i]; r.Duplicate && r.Seq == 0 && !slices.Contains(it.gone, i) {
			r.Seq = it.seq // named twice in one item
		}
		b.staging = nil
	}
}

// lifetime bounds what a sender asked for to whole seconds that the disk can
// hold.
func lifetime(now, asked time.Time) time.Time {
	longest := now.Add(omega.MaxLifetime)
	if asked.IsZero() || asked.After(longest) {
		asked = longest
	}
	return time.Unix(max(asked.Unix(), 1), 0)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// judge returns a zero result when b, the i-th recipient, takes it.
func (s *Store) judge(b *box, it *Item, i int) Result {
	if b.staging == it {
		return Result{Duplicate: true}
	}
	if seq, ok := b.find(it.Key); ok {
		return Result{Seq: seq, Duplicate: true}
	}
	if slices.Contains(it.gone, i) {
		return Result{Duplicate: true}
	}
	if it.request != (Source{}) {
		if !b.hasRoomFor(it.request, len(it.Envelope), it.Received.UnixMilli()) {
			return Result{Err: ErrFull}
		}
		return Result{}
	}
	if len(b.live())-b.waiting >= s.cfg.MaxMessages || b.bytes+int64(len(it.Envelope)) > s.cfg.MaxBytes {
		return Result{Err: ErrFull}
	}
	return Result{}
}

// enter puts it into the n boxes that take it.
func (s *Store) enter(it *Item, n int) {
	it.seq = s.next
	s.next++
	it.stored = it.Recipients
	if n < len(it.Recipients) {
		it.stored = make([]omega.Fingerprint, 0, n)
	}
	e := Entry{Seq: it.seq, Key: it.Key, Size: uint32(len(it.Envelope)), Expires: uint32(it.Expires.Unix()), Shared: n > 1, Request: it.request}
	for i, b := range it.boxes {
		r := &it.Results[i]
		if *r != (Result{}) {
			continue
		}
		*r = Result{Seq: it.seq, Prev: b.last}
		b.add(e)
		if e.Request != (Source{}) {
			b.requestNow(e, it.Received.UnixMilli())
		}
		b.tail = append(b.tail, staged{it.seq, it.Received.UnixMilli(), it.Envelope})
		if s.window > 0 {
			s.unfiled.add(it.seq, b)
		}
		if n < len(it.Recipients) {
			it.stored = append(it.stored, b.account)
		}
	}
	s.totals.Messages += int64(n)
	s.totals.Bytes += int64(n) * int64(e.Size)
	s.counters.Appended += uint64(n)
}
