package mailboxtest

import (
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

func testAppendAndRead(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	first := b.append(1, 1)[0]
	b.append(2, 2)
	third := b.append(3, 1)[0]
	if first.Seq == 0 || first.Prev != 0 || third.Prev != first.Seq || third.Seq <= first.Seq {
		t.Errorf("results = %+v, then %+v", first, third)
	}
	b.wantMail(1, 0, 1, 3)
	b.wantMail(1, first.Seq, 3)
	b.wantMail(1, third.Seq)
	b.wantMail(2, 0, 2)
	b.wantMail(3, 0)

	got := b.read(1, 0)[0]
	if want := b.clock(); !got.Received.Equal(want) || !got.Expires.Equal(want.Add(omega.MaxLifetime)) {
		t.Errorf("received %v, expires %v; appended at %v", got.Received, got.Expires, want)
	}
	incarnation := b.Incarnation()
	b.reopen()
	b.wantMail(1, 0, 1, 3)
	b.wantMail(2, 0, 2)
	if got := b.read(1, 0)[0]; !got.Received.Equal(b.clock()) {
		t.Errorf("received %v after reopening, want %v", got.Received, b.clock())
	}
	if got := b.Incarnation(); got != incarnation || got == (mailbox.Incarnation{}) {
		t.Errorf("incarnation = %x, want %x", got, incarnation)
	}
	if prev := b.append(4, 1)[0].Prev; prev != third.Seq {
		t.Errorf("prev after reopening = %d, want %d", prev, third.Seq)
	}
}

func testReadLimits(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	for n := range 10 {
		b.append(n, 1)
	}
	size := int64(len(envelope(0)))
	tests := []struct {
		name  string
		limit mailbox.Limit
		want  int
	}{
		{"default", mailbox.Limit{}, 10},
		{"messages", mailbox.Limit{Messages: 3}, 3},
		{"one fits", mailbox.Limit{Bytes: size}, 1},
		{"none fits", mailbox.Limit{Bytes: 1}, 1},
		{"two fit", mailbox.Limit{Bytes: 2*size + 5}, 2},
	}
	for range 2 {
		for _, tt := range tests {
			mail, err := b.Read(b.ctx, Account(1), 0, tt.limit)
			if err != nil || len(mail) != tt.want {
				t.Errorf("%s: read %d, %v; want %d", tt.name, len(mail), err, tt.want)
			}
		}
		b.reopen()
	}
}

func testStagedInOrder(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	var order []uint64 // appended under the store's lock
	done := make(chan error, 100)
	for n := range 100 {
		go func() {
			it := b.item(n, 1+n%2)
			it.Staged = func(it *mailbox.Item) { order = append(order, it.Results[0].Seq) }
			it.Done = func(_ *mailbox.Item, err error) { done <- err }
			if err := b.Append(b.ctx, it); err != nil {
				done <- err
			}
		}()
	}
	for range 100 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(order); i++ {
		if order[i] <= order[i-1] {
			t.Fatalf("staged %d after %d", order[i], order[i-1])
		}
	}
	if len(order) != 100 {
		t.Errorf("%d staged, want 100", len(order))
	}
	again := b.item(1, 2)
	again.Staged = func(*mailbox.Item) { t.Error("a duplicate was staged") }
	if _, err := b.try(again); err != nil {
		t.Error(err)
	}
}

func testSharedStoredOnce(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	results := b.append(1, 1, 2, 3)
	for i, r := range results {
		if r.Seq != results[0].Seq || r.Err != nil {
			t.Errorf("result %d = %+v", i, r)
		}
	}
	b.append(2, 2)
	b.waitStored(4)
	b.wantMail(1, 0, 1)
	b.wantMail(2, 0, 1, 2)
	b.wantMail(3, 0, 1)
	for account := 1; account <= 3; account++ {
		b.setDevices(account, 10)
		b.ack(account, 10, results[0].Seq)
	}
	b.waitStored(1)
	b.wantMail(2, 0, 2)
}

func testSharedAfterReopen(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	seq := b.append(1, 1, 2, 3)[0].Seq
	for account := 1; account <= 3; account++ {
		b.setDevices(account, 10)
	}
	b.ack(1, 10, seq)
	b.waitStored(2)
	b.reopen()
	b.wantMail(2, 0, 1)
	b.ack(2, 10, seq)
	b.waitStored(1)
	b.wantMail(3, 0, 1)
	b.ack(3, 10, seq)
	b.waitStored(0)
}

func testDuplicates(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	first := b.append(1, 1)[0]
	if got := b.append(1, 1)[0]; !got.Duplicate || got.Seq != first.Seq {
		t.Errorf("again = %+v, want a duplicate of %d", got, first.Seq)
	}
	both := b.append(1, 1, 2)
	if !both[0].Duplicate || both[1].Duplicate || both[1].Seq <= first.Seq {
		t.Errorf("to one that has it and one that has not = %+v", both)
	}
	twice := b.append(2, 3, 3)
	if twice[0].Duplicate || !twice[1].Duplicate || twice[0].Seq != twice[1].Seq {
		t.Errorf("to one twice = %+v", twice)
	}
	b.wantMail(1, 0, 1)
	b.wantMail(2, 0, 1)
	b.wantMail(3, 0, 2)

	b.setDevices(1, 10)
	b.ack(1, 10, first.Seq)
	b.wantMail(1, 0)
	if got := b.append(1, 1)[0]; !got.Duplicate || got.Seq != 0 {
		t.Errorf("after the trim = %+v, want a duplicate of what is gone", got)
	}
	b.wantMail(1, 0)

	for n := 100; n < 300; n++ { // enough for an index
		b.append(n, 4)
	}
	for n := 100; n < 300; n++ {
		if got := b.append(n, 4)[0]; !got.Duplicate {
			t.Fatalf("mail %d of many = %+v, want a duplicate", n, got)
		}
	}
}

func testDuplicatesAfterReopen(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	first := b.append(1, 1, 2)[0]
	for _, again := range []func(){b.reopen, b.crash} {
		again()
		for i, got := range b.append(1, 1, 2) {
			if !got.Duplicate || got.Seq != first.Seq {
				t.Errorf("result %d = %+v, want a duplicate of %d", i, got, first.Seq)
			}
		}
		b.wantMail(1, 0, 1)
	}
}

func testQuota(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{MaxMessages: 3, MaxBytes: 1000})
	for n := range 3 {
		b.append(n, 1)
	}
	results := b.append(3, 1, 2)
	if !errors.Is(results[0].Err, mailbox.ErrFull) || results[1].Err != nil {
		t.Errorf("results = %+v, want the first full", results)
	}
	b.wantMail(1, 0, 0, 1, 2)
	b.wantMail(2, 0, 3)
	if got := b.append(0, 1)[0]; got.Err != nil || !got.Duplicate {
		t.Errorf("a duplicate in a full mailbox = %+v", got)
	}
	big := b.item(4, 3)
	big.Envelope = make([]byte, 600)
	if got, err := b.try(big); err != nil || got[0].Err != nil {
		t.Fatalf("600 octets = %+v, %v", got, err)
	}
	big = b.item(5, 3)
	big.Envelope = make([]byte, 401)
	if got, err := b.try(big); err != nil || !errors.Is(got[0].Err, mailbox.ErrFull) {
		t.Errorf("401 octets more = %+v, %v; want full", got, err)
	}
	b.reopen()
	if got := b.append(6, 1)[0]; !errors.Is(got.Err, mailbox.ErrFull) {
		t.Errorf("after reopening = %+v, want full", got)
	}
	b.setDevices(1, 10)
	b.ack(1, 10, b.read(1, 0)[0].Seq)
	if got := b.append(6, 1)[0]; got.Err != nil {
		t.Errorf("after a trim = %+v", got)
	}
	b.wantMail(1, 0, 1, 2, 6)
}

func testLimits(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	tests := []struct {
		name string
		item mailbox.Item
		want error
	}{
		{"no recipient", mailbox.Item{}, omega.ErrFingerprint},
		{"zero recipient", mailbox.Item{Recipients: make([]omega.Fingerprint, 1)}, omega.ErrFingerprint},
		{"recipients", mailbox.Item{Recipients: make([]omega.Fingerprint, omega.MaxRecipients+1)}, mailbox.ErrTooLarge},
		{"envelope", mailbox.Item{Recipients: []omega.Fingerprint{Account(1)}, Envelope: make([]byte, mailbox.MaxItem+1)}, mailbox.ErrTooLarge},
	}
	for _, tt := range tests {
		if _, err := b.try(&tt.item); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := b.SetDevices(b.ctx, Account(1), make([]omega.Fingerprint, omega.MaxDevices+1)); !errors.Is(err, mailbox.ErrTooLarge) {
		t.Errorf("devices: %v, want %v", err, mailbox.ErrTooLarge)
	}
	var all []int
	for n := range omega.MaxRecipients {
		all = append(all, n)
	}
	it := b.item(1, all...)
	it.Envelope = make([]byte, mailbox.MaxItem)
	if _, err := b.try(it); err != nil {
		t.Errorf("largest item: %v", err)
	}
	if got := b.read(255, 0); len(got) != 1 || len(got[0].Envelope) != mailbox.MaxItem {
		t.Errorf("largest item: %d mails", len(got))
	}
	empty := b.item(2, 300)
	empty.Envelope = nil
	if _, err := b.try(empty); err != nil {
		t.Errorf("empty envelope: %v", err)
	}
	b.reopen()
	if got := b.read(300, 0); len(got) != 1 || len(got[0].Envelope) != 0 {
		t.Errorf("empty envelope: %+v", got)
	}
}

func testDevices(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	var seqs []uint64
	for n := range 4 {
		seqs = append(seqs, b.append(n, 1)[0].Seq)
	}
	b.setDevices(1, 10, 11)
	b.ack(1, 10, seqs[2])
	b.wantMail(1, 0, 0, 1, 2, 3)
	b.ack(1, 11, seqs[1])
	b.wantMail(1, 0, 2, 3)
	b.ack(1, 11, seqs[0])
	if got := b.cursor(1, 11); got != seqs[1] {
		t.Errorf("cursor after an older acknowledgement = %d, want %d", got, seqs[1])
	}
	b.setDevices(1, 10, 12) // 11 is gone, 12 has nothing
	if got := b.cursor(1, 10); got != seqs[2] {
		t.Errorf("cursor of the device that stayed = %d, want %d", got, seqs[2])
	}
	b.wantMail(1, 0, 2, 3)
	b.setDevices(1, 10)
	b.wantMail(1, 0, 3)
	b.setDevices(1)
	b.wantMail(1, 0, 3)
	b.waitStored(1)
	if got := b.append(9, 1)[0].Prev; got != seqs[3] {
		t.Errorf("prev = %d, want %d", got, seqs[3])
	}
}

func testDevicesAfterReopen(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	first := b.append(1, 1)[0].Seq
	second := b.append(2, 1)[0].Seq
	b.setDevices(1, 10, 11)
	b.ack(1, 10, second)
	b.ack(1, 11, first)
	b.reopen()
	b.wantMail(1, 0, 2)
	if got := []uint64{b.cursor(1, 10), b.cursor(1, 11), b.cursor(1, 12)}; got[0] != second || got[1] != first || got[2] != 0 {
		t.Errorf("cursors = %d, want %d, %d and 0", got, second, first)
	}
	b.ack(1, 11, second)
	b.wantMail(1, 0)
	b.waitStored(0)
}

func testAckRefused(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	seq := b.append(1, 1)[0].Seq
	if err := b.Ack(b.ctx, Account(1), Account(10), seq); !errors.Is(err, mailbox.ErrNoDevice) {
		t.Errorf("ack by a stranger: %v, want %v", err, mailbox.ErrNoDevice)
	}
	b.setDevices(1, 10)
	if err := b.Ack(b.ctx, Account(1), Account(10), seq+1); !errors.Is(err, mailbox.ErrSequence) {
		t.Errorf("ack of the future: %v, want %v", err, mailbox.ErrSequence)
	}
	if err := b.Ack(b.ctx, omega.Fingerprint{}, Account(10), seq); !errors.Is(err, omega.ErrFingerprint) {
		t.Errorf("ack in no mailbox: %v, want %v", err, omega.ErrFingerprint)
	}
	b.wantMail(1, 0, 1)
}

func testExpire(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	for n := range 30 {
		it := b.item(n, 1+n%3)
		it.Expires = b.clock().Add(time.Duration(1+n%2) * time.Hour) // odd ones live longer
		if _, err := b.try(it); err != nil {
			t.Fatal(err)
		}
	}
	late := b.item(99, 1)
	late.Expires = b.clock().Add(2 * omega.MaxLifetime)
	if _, err := b.try(late); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Hour)
	b.wantMail(1, 0, 3, 9, 15, 21, 27, 99) // hidden before it is removed
	mail := b.read(2, 0)                   // without the last one, which has expired
	for box, want := range map[int]uint64{2: mail[len(mail)-1].Seq, 9: 0} {
		if got, err := b.Last(b.ctx, Account(box)); err != nil || got != want {
			t.Errorf("last of mailbox %d is %d, %v; want %d", box, got, err, want)
		}
	}
	removed := 0
	for done := false; !done; {
		n, d, err := b.Expire(b.ctx, 4)
		if err != nil {
			t.Fatal(err)
		}
		removed, done = removed+n, d
	}
	if removed != 15 {
		t.Errorf("removed %d, want 15", removed)
	}
	b.waitStored(16)
	b.wantMail(2, 0, 1, 7, 13, 19, 25)
	b.reopen()
	b.wantMail(3, 0, 5, 11, 17, 23, 29)
	b.advance(omega.MaxLifetime)
	for done := false; !done; {
		_, d, err := b.Expire(b.ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		done = d
	}
	b.waitStored(0)
}

func testExpireShared(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	it := b.item(1, 1, 2, 3)
	it.Expires = b.clock().Add(time.Hour)
	if _, err := b.try(it); err != nil {
		t.Fatal(err)
	}
	b.append(2, 1, 2)
	b.advance(time.Hour)
	if n, done, err := b.Expire(b.ctx, 100); n != 3 || !done || err != nil {
		t.Errorf("expire = %d, %v, %v; want 3", n, done, err)
	}
	b.waitStored(2)
	b.wantMail(1, 0, 2)
	b.wantMail(3, 0)
}

func testEviction(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{MaxCached: 4})
	const accounts = 40
	for n := range 4 * accounts {
		b.append(n, n%accounts, (n+1)%accounts)
	}
	for account := range accounts {
		b.setDevices(account, 1000+account)
		mail := b.read(account, 0)
		if len(mail) != 8 {
			t.Fatalf("account %d has %d mails, want 8", account, len(mail))
		}
		b.ack(account, 1000+account, mail[5].Seq)
	}
	for account := range accounts {
		if got := b.read(account, 0); len(got) != 2 {
			t.Errorf("account %d has %d mails after acknowledging, want 2", account, len(got))
		}
		if got := b.cursor(account, 1000+account); got == 0 {
			t.Errorf("account %d lost its cursor", account)
		}
	}
	if b.config.Driver.State().Window > 100 {
		return // the window keeps all of this in memory
	}
	b.waitFor("small cache", func() bool { return b.Stats().Cached <= 4 })
}

func testTotals(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.append(1, 1, 2)
	seq := b.append(2, 1)[0].Seq
	want := mailbox.Totals{Messages: 3, Bytes: int64(2*len(envelope(1)) + len(envelope(2)))}
	for range 2 {
		if got := b.Stats().Totals; got != want {
			t.Errorf("totals = %+v, want %+v", got, want)
		}
		b.crash()
	}
	b.setDevices(1, 10)
	b.ack(1, 10, seq)
	b.reopen()
	want = mailbox.Totals{Messages: 1, Bytes: int64(len(envelope(1))), Tombstones: 2}
	if got := b.Stats().Totals; got != want {
		t.Errorf("totals after a trim = %+v, want %+v", got, want)
	}
}

func testClose(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	answers := make(chan error, 100)
	for n := range 100 {
		it := b.item(n, 1)
		it.Done = func(_ *mailbox.Item, err error) { answers <- err }
		if err := b.Append(b.ctx, it); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 100 {
		t.Errorf("%d of 100 answered when Close returned", len(answers))
	}
	for range len(answers) {
		if err := <-answers; err != nil {
			t.Errorf("answer = %v", err)
		}
	}
	if err := b.Append(b.ctx, b.item(1, 1)); !errors.Is(err, mailbox.ErrClosed) {
		t.Errorf("append after close = %v, want %v", err, mailbox.ErrClosed)
	}
	if _, err := b.Read(b.ctx, Account(1), 0, mailbox.Limit{}); !errors.Is(err, mailbox.ErrClosed) {
		t.Errorf("read after close = %v, want %v", err, mailbox.ErrClosed)
	}
	if err := b.Store.Close(); !errors.Is(err, mailbox.ErrClosed) {
		t.Errorf("second close = %v, want %v", err, mailbox.ErrClosed)
	}
	b.openStore()
	if got := b.read(1, 0); len(got) != 100 {
		t.Errorf("%d of 100 mails after reopening", len(got))
	}
}
