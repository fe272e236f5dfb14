package mailboxtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// A watched machine's drivers count loads and call back.
type watched struct {
	Machine
	loads  atomic.Int64
	looked func()      // after a look for what has expired; or nil
	asked  func(n int) // before n mails are looked up; or nil
}

type watchedDriver struct {
	mailbox.Driver
	w *watched
}

func (w *watched) Open() (mailbox.Driver, error) {
	d, err := w.Machine.Open()
	return watchedDriver{d, w}, err
}

func (d watchedDriver) Load(ctx context.Context, mb omega.Fingerprint) (mailbox.Contents, error) {
	d.w.loads.Add(1)
	return d.Driver.Load(ctx, mb)
}

func (d watchedDriver) Expired(ctx context.Context, from []byte, now uint32, limit int) ([]mailbox.Ref, []byte, error) {
	found, next, err := d.Driver.Expired(ctx, from, now, limit)
	if d.w.looked != nil {
		d.w.looked()
	}
	return found, next, err
}

func (d watchedDriver) Filed(ctx context.Context, refs []mailbox.Ref, visit func(int, mailbox.Entry)) error {
	if d.w.asked != nil {
		d.w.asked(len(refs))
	}
	return d.Driver.Filed(ctx, refs, visit)
}

// appendMany appends envelopes, n to each mailbox, which expire in an hour.
func (b *bench) appendMany(mailboxes, n int) {
	b.Helper()
	var wg sync.WaitGroup
	for i := range mailboxes * n {
		it := b.item(i, i%mailboxes)
		it.Expires = b.clock().Add(time.Hour)
		wg.Add(1)
		it.Done = func(_ *mailbox.Item, err error) {
			if err != nil {
				b.Errorf("append: %v", err)
			}
			wg.Done()
		}
		if err := b.Append(b.ctx, it); err != nil {
			b.Fatalf("append: %v", err)
		}
	}
	wg.Wait()
}

// expireAll expires until the end of the store.
func (b *bench) expireAll(limit int) (removed int) {
	b.Helper()
	for done := false; !done; {
		n, d, err := b.Expire(b.ctx, limit)
		if err != nil {
			b.Fatalf("expire: %v", err)
		}
		removed, done = removed+n, d
	}
	return removed
}

// Mail of ten thousand mailboxes that nobody has in memory expires without
// loading one of them, and the store answers others meanwhile.
func testExpireCold(t *testing.T, m Machine) {
	const mailboxes = 10_000
	w := &watched{Machine: m}
	b := open(t, w, mailbox.Config{MaxCached: 50})
	b.appendMany(mailboxes, 1)
	b.reopen()
	b.advance(time.Hour)
	w.loads.Store(0)
	w.asked = func(n int) {
		if n > 256 {
			t.Errorf("%d mails are looked up at a time", n)
		}
		b.Stats() // takes the store's lock
	}
	if n := b.expireAll(1000); n != mailboxes {
		t.Errorf("removed %d, want %d", n, mailboxes)
	}
	if n := w.loads.Load(); n != 0 {
		t.Errorf("%d mailboxes were loaded", n)
	}
	b.waitStored(0)
	for _, again := range []func(){func() {}, b.crash, b.reopen} {
		again()
		if s := b.Stats(); s.Messages != 0 || s.Bytes != 0 || s.Tombstones != mailboxes {
			t.Errorf("%d mails of %d octets, %d tombstones", s.Messages, s.Bytes, s.Tombstones)
		}
		for n := 0; n < mailboxes; n += 997 {
			b.wantBuried(n, n)
		}
	}
}

// What devices acknowledge, and the cache drops, between the look at the driver
// and the trim is not trimmed a second time.
func testExpireAfterLook(t *testing.T, m Machine) {
	const mailboxes = 40
	w := &watched{Machine: m}
	b := open(t, w, mailbox.Config{MaxCached: 2})
	b.appendMany(mailboxes, 1)
	b.reopen()
	b.advance(time.Hour)
	w.looked = func() {
		w.looked = nil
		for a := range mailboxes / 2 {
			b.setDevices(a, 100+a)
			b.ack(a, 100+a, b.lastSeq())
		}
		b.waitStored(mailboxes/2 + 1)
		for a := range 20 * mailboxes { // which takes their boxes out of memory
			b.read(1000+a, 0)
		}
	}
	if n := b.expireAll(0); n != mailboxes/2 {
		t.Errorf("removed %d, want %d", n, mailboxes/2)
	}
	b.waitStored(1)
	if s := b.Stats(); s.Messages != 1 || s.Trimmed != mailboxes/2 || s.Expired != mailboxes/2 {
		t.Errorf("%d mails are left, want 1; %d trimmed, %d expired", s.Messages, s.Trimmed, s.Expired)
	}
}

// lastSeq returns a sequence above all mail.
func (b *bench) lastSeq() uint64 {
	b.Helper()
	return b.append(1<<20, 999)[0].Seq
}

// A mailbox that is loaded before the trim is committed does not have the mail.
func testExpireThenLoad(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{MaxMessages: 3, FlushInterval: time.Hour})
	b.appendMany(5, 3)
	b.reopen()
	b.advance(time.Hour)
	for range 2 { // the second time finds on disk what rides
		b.expireAll(4)
	}
	if s := b.Stats(); s.Expired != 15 || s.Messages != 0 || s.Bytes != 0 {
		t.Errorf("%d expired, %d mails of %d octets are left", s.Expired, s.Messages, s.Bytes)
	}
	for a := range 5 {
		for n := range 3 {
			if r := b.append(100+3*a+n, a)[0]; r.Err != nil || r.Duplicate {
				t.Errorf("append to mailbox %d whose mail has expired = %+v", a, r)
			}
		}
		b.wantMail(a, 0, 100+3*a, 101+3*a, 102+3*a)
	}
	b.reopen()
	if s := b.Stats(); s.Messages != 15 {
		t.Errorf("%d mails, want 15", s.Messages)
	}
}

// However often the power fails while mail expires, in the end it is gone, once.
func testExpireCrash(t *testing.T, m Machine) {
	const mailboxes, each = 30, 4
	b := open(t, m, mailbox.Config{MaxCached: 3, FlushInterval: time.Millisecond})
	b.appendMany(mailboxes, each)
	b.append(1<<21, 7) // stays
	b.advance(time.Hour)
	for range crashRounds() {
		if _, _, err := b.Expire(b.ctx, 7); err != nil {
			t.Fatal(err)
		}
		if s := b.Stats(); s.Messages%7 < 4 {
			b.append(1<<21, 7) // a commit
		}
		b.crash()
	}
	b.expireAll(0)
	b.waitStored(1)
	b.wantMail(7, 0, 1<<21)
	b.reopen()
	if s := b.Stats(); s.Messages != 1 || s.Bytes != int64(len(envelope(1<<21))) {
		t.Errorf("%d mails of %d octets are left, want 1", s.Messages, s.Bytes)
	}
}

// Nothing is trimmed twice when devices acknowledge while mail expires and the
// cache is small.
func testExpireBesideAcks(t *testing.T, m Machine) {
	const mailboxes, each = 60, 5
	b := open(t, m, mailbox.Config{MaxCached: 3, FlushInterval: time.Millisecond})
	b.appendMany(mailboxes, each)
	last := b.lastSeq()
	b.advance(time.Hour)
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for a := part; a < mailboxes; a += 2 {
				b.setDevices(a, 100+a)
				b.ack(a, 100+a, last)
			}
		})
	}
	for range mailboxes * each {
		if _, _, err := b.Expire(b.ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	b.expireAll(0)
	b.waitStored(1)
	if s := b.Stats(); s.Messages != 1 || s.Trimmed+s.Expired != mailboxes*each {
		t.Errorf("%d mails are left, %d trimmed, %d expired", s.Messages, s.Trimmed, s.Expired)
	}
}
