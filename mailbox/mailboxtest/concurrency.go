package mailboxtest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega/mailbox"
)

// testConcurrency has four goroutines append, two devices per account read and
// acknowledge, and one goroutine do everything else. Each device must see each
// envelope of its account once, in order, and nothing is left at the end.
func testConcurrency(t *testing.T, m Machine) {
	const accounts, senders, each = 6, 4, 100
	b := open(t, m, mailbox.Config{MaxCached: 4, MaxQueued: 20_000})
	var want [accounts]atomic.Int64 // mails sent to each account
	var sent, all sync.WaitGroup
	for account := range accounts {
		b.setDevices(account, 100+account, 200+account)
	}
	for sender := range senders {
		sent.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(sender), 7))
			for n := range each {
				to := rng.Perm(accounts)[:1+rng.IntN(3)]
				if _, err := b.try(b.item(sender*each+n, to...)); err != nil {
					t.Errorf("append: %v", err)
					return
				}
				for _, a := range to {
					want[a].Add(1)
				}
			}
		})
	}
	finished := make(chan struct{})
	for account := range accounts {
		for _, device := range []int{100 + account, 200 + account} {
			all.Go(func() {
				if got := b.drain(account, device, finished); got != want[account].Load() {
					t.Errorf("device %d saw %d mails, want %d", device, got, want[account].Load())
				}
			})
		}
	}
	all.Go(func() {
		for {
			select {
			case <-finished:
				return
			default:
				b.Expire(b.ctx, 50)
				b.Stats()
				b.Cursor(b.ctx, Account(1), Account(101))
			}
		}
	})
	sent.Wait()
	close(finished)
	all.Wait()
	b.waitStored(0)
	sum := int64(0)
	for account := range accounts {
		sum += want[account].Load()
	}
	if got := b.Stats().Totals; got != (mailbox.Totals{Tombstones: sum}) {
		t.Errorf("totals = %+v, want %d tombstones", got, sum)
	}
}

// drain reads and acknowledges as a device does, until finished is closed and
// nothing is left, and returns how many mails it saw.
func (b *bench) drain(account, device int, finished <-chan struct{}) (seen int64) {
	var last uint64
	texts := make(map[string]bool)
	for {
		ending := false
		select {
		case <-finished:
			ending = true
		case <-time.After(time.Millisecond):
		}
		mail, err := b.Read(b.ctx, Account(account), last, mailbox.Limit{Messages: 17})
		if err != nil {
			b.Errorf("read: %v", err)
			return seen
		}
		for _, m := range mail {
			if m.Prev != last || m.Seq <= last || texts[string(m.Envelope)] {
				b.Errorf("device %d got %d with prev %d after %d", device, m.Seq, m.Prev, last)
			}
			last = m.Seq
			texts[string(m.Envelope)] = true
			seen++
		}
		if err := b.Ack(b.ctx, Account(account), Account(device), last); err != nil {
			b.Errorf("ack: %v", err)
			return seen
		}
		if ending && len(mail) == 0 {
			return seen
		}
	}
}
