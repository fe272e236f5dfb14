package mailboxtest

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// wantBuried fails unless envelope n is a duplicate of what the mailbox had,
// however it comes.
func (b *bench) wantBuried(account, n int) {
	b.Helper()
	lacks, err := b.Lacks(b.ctx, Account(account), []mailbox.Key{key(n), key(1 << 30)})
	if err != nil || !slices.Equal(lacks, []mailbox.Key{key(1 << 30)}) {
		b.Fatalf("of %d, which is trimmed, and a key of nothing mailbox %d lacks %x, %v", n, account, lacks, err)
	}
	if r := b.append(n, account)[0]; !r.Duplicate || r.Seq != 0 || r.Err != nil {
		b.Fatalf("envelope %d again in mailbox %d = %+v, want a duplicate of what is gone", n, account, r)
	}
}

// bury appends envelopes to an account and has its only device acknowledge them.
func (b *bench) bury(account, from, to int) {
	b.Helper()
	for n := from; n < to; n++ {
		it := b.item(n, account)
		if err := b.Append(b.ctx, it); err != nil {
			b.Fatalf("append %d: %v", n, err)
		}
		b.ack(account, 100+account, it.Results[0].Seq)
	}
}

// Mail that every device had does not come back: not after a restart, not after
// a crash behind a later commit, and in no other mailbox is it taken for known.
func testTombstones(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 101)
	b.bury(1, 0, 20)
	b.wantBuried(1, 7)
	b.append(99, 2) // its commit takes along what rides
	for _, again := range []func(){b.crash, b.reopen, b.crash} {
		again()
		for n := range 20 {
			b.wantBuried(1, n)
		}
		b.wantMail(1, 0)
		if got := b.Stats().Tombstones; got != 20 {
			t.Errorf("%d tombstones, want 20", got)
		}
		if got := b.waiting(10); !slices.Equal(got, accounts(2)) {
			t.Errorf("a mailbox of tombstones waits: %v", got)
		}
	}
	for n := range 20 {
		if r := b.append(n, 2)[0]; r.Duplicate {
			t.Errorf("envelope %d in another mailbox = %+v", n, r)
		}
	}
	if r := b.append(5, 1, 3); !r[0].Duplicate || r[1].Duplicate {
		t.Errorf("to one who had it and one who had not = %+v", r)
	}
	if r := b.append(6, 1, 1); !r[0].Duplicate || r[0].Seq != 0 || !r[1].Duplicate || r[1].Seq != 0 {
		t.Errorf("to one who had it, named twice = %+v", r)
	}
}

// Segments that are full are known from the disk alone.
func testTombstonesOfManySegments(t *testing.T, m Machine) {
	const n, step = 5000, 37 // three segments
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 101)
	b.bury(1, 0, n)
	b.append(n, 2)
	for _, again := range []func(){func() {}, b.reopen, b.crash} {
		again()
		var keys []mailbox.Key
		for i := range 4096 {
			keys = append(keys, key(i+n-4096))
		}
		if lacks, err := b.Lacks(b.ctx, Account(1), keys); err != nil || len(lacks) > 0 {
			t.Errorf("mailbox lacks %d of 4096 that it had, %v", len(lacks), err)
		}
		for i := 0; i < n; i += step {
			b.wantBuried(1, i)
		}
		if got := b.Stats().Tombstones; got != n {
			t.Errorf("%d tombstones, want %d", got, n)
		}
	}
}

// A tombstone stays until the lifetime ends, and then goes, from the disk too.
func testTombstonesExpire(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 101)
	for n := range 2 {
		it := b.item(n, 1)
		it.Expires = b.clock().Add(time.Duration(1+9*n) * 24 * time.Hour)
		if _, err := b.try(it); err != nil {
			t.Fatal(err)
		}
	}
	b.ack(1, 101, b.read(1, 0)[1].Seq)
	b.waitStored(0)
	b.advance(24*time.Hour - time.Second)
	b.reopen()
	b.wantBuried(1, 0)
	b.advance(25 * time.Hour)
	b.waitFor("end of the first tombstone", func() bool { return b.Stats().Tombstones == 1 })
	b.waitFor("end of the first tombstone on disk", func() bool { return b.tombs() == 1 })
	b.wantBuried(1, 1)
	if r := b.append(0, 1)[0]; r.Duplicate {
		t.Errorf("envelope 0 after its lifetime = %+v", r)
	}
	b.crash()
	b.wantBuried(1, 1)
	b.advance(10 * 24 * time.Hour)
	b.waitFor("end of all tombstones", func() bool { return b.Stats().Tombstones == 0 && b.tombs() == 0 })
}

// tombs counts the tombstones that the driver holds.
func (b *bench) tombs() (n int) {
	b.Helper()
	err := b.config.Driver.Tombs(b.ctx, mailbox.TombID{}, mailbox.TombID{Day: 1<<16 - 1}, func(r mailbox.TombRun) error {
		n += len(r.Keys)
		return nil
	})
	if err != nil {
		b.Fatalf("list tombstones: %v", err)
	}
	return n
}

// Mail that expired before a device came is not brought back by a home that got
// it later: else it would live for ever.
func testTombstonesOfExpiredMail(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.append(1, 1)
	b.advance(omega.MaxLifetime)
	if n, _, err := b.Expire(b.ctx, 0); n != 1 || err != nil {
		t.Fatalf("expire = %d, %v", n, err)
	}
	b.waitStored(0)
	b.reopen()
	b.advance(omega.MaxLifetime - time.Hour)
	b.wantBuried(1, 1)
}

// Above MaxTombstones those go that expire first.
func testTombstonesAreBounded(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{MaxTombstones: 3000})
	b.setDevices(1, 101)
	b.bury(1, 0, 6000)
	b.append(6000, 2)
	b.waitFor("bounded tombstones", func() bool { return b.Stats().Tombstones <= 3000 && b.tombs() <= 3000 })
	b.wantBuried(1, 5999)
	if r := b.append(0, 1)[0]; r.Duplicate {
		t.Errorf("the first of too many = %+v", r)
	}
	b.reopen()
	b.wantBuried(1, 5999)
}
