package mailboxtest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// waiting pages through the mailboxes that hold mail.
func (b *bench) waiting(page int) []omega.Fingerprint {
	b.Helper()
	var all []omega.Fingerprint
	var after omega.Fingerprint
	for {
		got, err := b.Waiting(b.ctx, after, page)
		if err != nil {
			b.Fatalf("list mailboxes: %v", err)
		}
		all = append(all, got...)
		if len(got) < page {
			return all
		}
		after = got[len(got)-1]
	}
}

func accounts(n ...int) []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, i := range n {
		out = append(out, Account(i))
	}
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return out
}

// Every mailbox with mail is listed once, filed or not, and one without is not.
func testWaiting(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	if got := b.waiting(3); len(got) > 0 {
		t.Errorf("an empty store lists %v", got)
	}
	var all []int
	for n := range 12 {
		b.append(n, n, n+1)
		b.setDevices(n, 100)
		all = append(all, n)
	}
	b.setDevices(50, 100) // devices, but no mail
	all = append(all, 12)
	for _, page := range []int{1, 4, 100} {
		if got := b.waiting(page); !slices.Equal(got, accounts(all...)) {
			t.Errorf("pages of %d: %d mailboxes, want %d", page, len(got), len(all))
		}
	}
	b.ack(3, 100, b.read(3, 0)[1].Seq)
	all = slices.DeleteFunc(all, func(n int) bool { return n == 3 })
	b.waitFor("trimmed mailbox off the list", func() bool { return slices.Equal(b.waiting(4), accounts(all...)) })
	b.reopen()
	if got := b.waiting(4); !slices.Equal(got, accounts(all...)) {
		t.Errorf("after reopening: %d mailboxes, want %d", len(got), len(all))
	}
}

// Keys says what waits, Lacks what neither waits nor waited lately.
func testKeys(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 100)
	for n := range 5 {
		b.append(n, 1)
	}
	b.ack(1, 100, b.read(1, 0)[1].Seq)
	want := []mailbox.Key{key(2), key(3), key(4)}
	slices.SortFunc(want, func(x, y mailbox.Key) int { return bytes.Compare(x[:], y[:]) })
	if got, err := b.Keys(b.ctx, Account(1)); err != nil || !slices.Equal(got, want) {
		t.Errorf("keys %x, %v; want %x", got, err, want)
	}
	asked := []mailbox.Key{key(9), key(0), key(3), key(7)}
	if got, err := b.Lacks(b.ctx, Account(1), asked); err != nil || !slices.Equal(got, []mailbox.Key{key(9), key(7)}) {
		t.Errorf("lacks %x, %v", got, err)
	}
	mail := b.read(1, 0)
	if got, err := b.Find(b.ctx, Account(1), []mailbox.Key{key(4), key(9), key(2)}); err != nil || !slices.Equal(got, []uint64{mail[0].Seq, mail[2].Seq}) {
		t.Errorf("found %v, %v", got, err)
	}
}

// What is removed is gone, for good and there alone, until it comes again.
func testRemove(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	for n := range 4 {
		b.append(n, 1, 2)
	}
	mail := b.read(1, 0)
	if err := b.Remove(b.ctx, Account(1), []uint64{mail[1].Seq, mail[3].Seq, 999_999}); err != nil {
		t.Fatal(err)
	}
	b.wantMail(1, 0, 0, 2)
	b.wantMail(2, 0, 0, 1, 2, 3)
	b.waitStored(6)
	b.reopen()
	b.wantMail(1, 0, 0, 2)
	if lacks, err := b.Lacks(b.ctx, Account(1), []mailbox.Key{key(1), key(2)}); err != nil || !slices.Equal(lacks, []mailbox.Key{key(1)}) {
		t.Errorf("lacks %v, %v", lacks, err)
	}
	if r := b.append(1, 1)[0]; r.Duplicate {
		t.Errorf("not taken again: %+v", r)
	}
	b.wantMail(1, 0, 0, 2, 1)
	b.wantMail(2, 0, 0, 1, 2, 3)
}

// A mailbox that is cleared is empty, now and after a restart, and nobody else's
// mail is touched; clearing it again finds nothing.
func testClear(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 101)
	for n := range 4 {
		b.append(n, 1, 2)
	}
	b.waitStored(8)
	b.reopen() // what is cleared is not in memory
	b.append(4, 1)
	if n, err := b.Clear(b.ctx, Account(1)); n != 5 || err != nil {
		t.Fatalf("cleared %d mails, %v, want 5", n, err)
	}
	b.wantMail(1, 0)
	b.waitStored(4)
	b.reopen()
	b.wantMail(1, 0)
	b.wantMail(2, 0, 0, 1, 2, 3)
	if got := b.waiting(10); !slices.Equal(got, accounts(2)) {
		t.Errorf("mailboxes %v wait, want only the other one", got)
	}
	for _, account := range []int{1, 3} {
		if n, err := b.Clear(b.ctx, Account(account)); n != 0 || err != nil {
			t.Errorf("mailbox %d: cleared %d mails of none, %v", account, n, err)
		}
	}
}
