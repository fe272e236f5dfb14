package mailboxtest

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/omega-im/omega/mailbox"
)

func testSequencesNeverReused(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	var highest uint64 // pushed so far
	for round := range 10 {
		before := highest
		for n := range 50 {
			it := b.item(round*50+n, 1+n%3)
			it.Staged = func(it *mailbox.Item) {
				seq := it.Results[0].Seq
				if seq <= before {
					t.Errorf("round %d gave %d, which is not above %d of the round before", round, seq, before)
				}
				highest = max(highest, seq)
			}
			if err := b.Append(b.ctx, it); err != nil {
				t.Fatal(err)
			}
		}
		if round%2 == 0 {
			b.crash()
		} else {
			b.reopen()
		}
	}
}

// crashRounds is how often the power is cut: enough that the cut falls into
// every phase of a commit. A longer run says -count.
func crashRounds() int {
	if testing.Short() {
		return 5
	}
	return 25
}

// testCrashLosesNothing cuts the power while four goroutines append. What was
// answered before the cut must be there, in order, once, and nothing that was
// never appended.
func testCrashLosesNothing(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	w := &crashWork{bench: b, answered: make(map[int]bool)}
	for range crashRounds() {
		w.round(20 + rng.IntN(300))
	}
	t.Logf("%d envelopes answered in %d rounds", w.total, crashRounds())
}

// crashWork appends envelope n to account n%5, and every tenth to all five.
type crashWork struct {
	*bench
	base     int // the first envelope of this round
	mu       sync.Mutex
	next     int           // the next envelope; guarded by mu
	answered map[int]bool  // Done said nil; guarded by mu
	enough   chan struct{} // closed when left is 0
	window   chan struct{} // bounds what is on its way
	left     int           // answers until enough; guarded by mu
	total    int           // answered in all rounds
}

func (w *crashWork) recipients(n int) []int {
	if n%10 == 0 {
		return []int{0, 1, 2, 3, 4}
	}
	return []int{n % 5}
}

// round appends until count more envelopes are answered, and then cuts the
// power while appending goes on.
func (w *crashWork) round(count int) {
	w.base, w.left, w.enough = w.next, count, make(chan struct{})
	stop := make(chan struct{})
	w.window = make(chan struct{}, 64)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { w.appendUntil(stop) })
	}
	<-w.enough
	w.mu.Lock()
	before := make([]int, 0, len(w.answered))
	for n := range w.answered {
		before = append(before, n)
	}
	w.mu.Unlock()
	w.machine.Crash()
	close(stop)
	wg.Wait()
	w.Store.Close()
	w.openStore()
	w.check(before)
	w.forget()
}

func (w *crashWork) appendUntil(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case w.window <- struct{}{}:
		}
		w.mu.Lock()
		n := w.next
		w.next++
		w.mu.Unlock()
		it := w.item(n, w.recipients(n)...)
		it.Done = func(_ *mailbox.Item, err error) { w.done(n, err) }
		if err := w.Append(w.ctx, it); err != nil {
			return // the machine has crashed
		}
	}
}

func (w *crashWork) done(n int, err error) {
	<-w.window
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return
	}
	w.answered[n] = true
	w.left--
	if w.left == 0 {
		close(w.enough)
	}
}

// check reads every mailbox and forgets what the crash took.
func (w *crashWork) check(before []int) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	text := make(map[string]int)
	for n := range w.next {
		text[string(envelope(n))] = n
	}
	holders := make(map[int]int)
	for account := range 5 {
		seen := make(map[int]bool)
		for _, m := range w.read(account, 0) {
			n, known := text[string(m.Envelope)]
			if !known {
				w.Fatalf("account %d holds %q, which nobody sent", account, m.Envelope)
			}
			if seen[n] {
				w.Fatalf("account %d holds envelope %d twice", account, n)
			}
			seen[n] = true
			holders[n]++
		}
	}
	for _, n := range before {
		if holders[n] != len(w.recipients(n)) {
			w.Fatalf("envelope %d was answered and is in %d mailboxes of %d", n, holders[n], len(w.recipients(n)))
		}
	}
	for n, count := range holders {
		// Of earlier rounds some mailboxes may have undone their trims.
		if n >= w.base && count != len(w.recipients(n)) {
			w.Fatalf("envelope %d is in %d mailboxes of %d", n, count, len(w.recipients(n)))
		}
	}
	w.total += len(w.answered)
	clear(w.answered)
}

// forget empties the mailboxes so that rounds do not grow.
func (w *crashWork) forget() {
	for account := range 5 {
		w.setDevices(account, 10)
		if mail := w.read(account, 0); len(mail) > 0 {
			w.ack(account, 10, mail[len(mail)-1].Seq)
		}
	}
}

func testDiskFull(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	for n := range 5 {
		b.append(n, 1, 2)
	}
	b.setDevices(1, 10)
	b.waitStored(10)
	m.SetFull(true)
	n, taken := 5, int64(0)
	var answered atomic.Int64
	b.waitFor("refusal", func() bool {
		n++
		it := b.item(n, 1)
		it.Done = func(_ *mailbox.Item, err error) {
			answered.Add(1)
			if !errors.Is(err, mailbox.ErrDiskFull) {
				t.Errorf("answer with a full disk = %v, want %v", err, mailbox.ErrDiskFull)
			}
		}
		err := b.Append(b.ctx, it)
		if err != nil && !errors.Is(err, mailbox.ErrDiskFull) {
			t.Fatalf("append with a full disk = %v, want %v", err, mailbox.ErrDiskFull)
		}
		if err == nil {
			taken++
		}
		return err != nil
	})
	b.waitFor("answers while the disk is full", func() bool { return answered.Load() >= taken })
	b.wantMail(2, 0, 0, 1, 2, 3, 4)
	b.ack(1, 10, b.read(1, 0)[4].Seq)
	if err := b.Err(); err != nil {
		t.Fatalf("the store failed: %v", err)
	}
	m.SetFull(false)
	for i := 5; i <= n; i++ {
		b.waitFor("room", func() bool {
			results, err := b.try(b.item(i, 1))
			if err != nil && !errors.Is(err, mailbox.ErrDiskFull) {
				t.Fatalf("append after the full disk = %+v, %v", results, err)
			}
			return err == nil
		})
	}
	b.crash()
	got := b.read(1, 0)
	if len(got) < n-4 {
		t.Fatalf("%d mails, want at least the %d that were sent again", len(got), n-4)
	}
	seen := make(map[string]bool)
	for _, m := range got {
		if seen[string(m.Envelope)] {
			t.Errorf("%q is there twice", m.Envelope)
		}
		seen[string(m.Envelope)] = true
	}
	b.wantMail(2, 0, 0, 1, 2, 3, 4)
}

func testDiskFullClose(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.append(1, 1)
	m.SetFull(true)
	answers := make(chan error, 3)
	taken := 0
	for n := range cap(answers) {
		it := b.item(2+n, 1)
		it.Done = func(_ *mailbox.Item, err error) { answers <- err }
		if b.Append(b.ctx, it) == nil {
			taken++
		}
	}
	if err := b.Store.Close(); taken > 0 && err == nil {
		t.Errorf("close with mail that has no room = nil")
	}
	for range taken {
		if err := <-answers; !errors.Is(err, mailbox.ErrDiskFull) && !errors.Is(err, mailbox.ErrFailed) {
			t.Errorf("answer = %v", err)
		}
	}
	if len(answers) != 0 {
		t.Errorf("%d answers too many", len(answers))
	}
	m.SetFull(false)
	m.Crash()
	b.openStore()
	if got := b.read(1, 0); len(got) == 0 || string(got[0].Envelope) != string(envelope(1)) {
		t.Errorf("mail after reopening = %+v", got)
	}
}
