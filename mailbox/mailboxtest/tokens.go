package mailboxtest

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// token returns the n-th token; tokens of rising n are ascending.
func token(n byte) omega.Token { return omega.Token{0: n, 15: 1} }

// let has an account let in who has one of the tokens, and those only.
func (b *bench) let(account int, made int64, tokens ...byte) {
	b.Helper()
	list := make([]omega.Token, 0, len(tokens))
	for _, n := range tokens {
		list = append(list, token(n))
	}
	got, err := b.SetTokens(b.ctx, Account(account), mailbox.Tokens{Made: made, List: list})
	if err != nil || got.Made != made || !slices.Equal(got.List, list) {
		b.Fatalf("set tokens = %v, %v; want %v", got, err, list)
	}
}

// sources numbers senders and servers.
var sources mailbox.SourceKey

// from is an item of a sender, by way of a server, with a token.
func (b *bench) from(n, sender, server int, t omega.Token, to int) *mailbox.Item {
	it := b.item(n, to)
	it.From = sources.SourceOf(Account(sender), Account(server))
	if !t.IsZero() {
		it.Tokens = []omega.Token{t}
	}
	return it
}

// taken counts how many of at most n mails, numbered from first on, are taken.
func (b *bench) taken(first, n, sender, server, to int) int {
	b.Helper()
	for i := range n {
		r, err := b.try(b.from(first+i, sender, server, omega.Token{}, to))
		if err != nil {
			b.Fatalf("append: %v", err)
		}
		if r[0].Err != nil {
			if !errors.Is(r[0].Err, mailbox.ErrFull) {
				b.Fatalf("append: %v", r[0].Err)
			}
			return i
		}
	}
	return n
}

// testRequests: strangers fill the room that is theirs, in shares, and nothing else.
func testRequests(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{MaxMessages: 300})
	b.setDevices(1, 101)
	if n := b.taken(0, 290, 7, 9, 1); n != 290 {
		t.Errorf("before there is a list %d of 290 were taken: nobody is a stranger", n)
	}
	b.ack(1, 101, b.read(1, 0)[289].Seq)
	b.let(1, 5, 1, 2)
	const half = mailbox.MaxRequests / 2
	if n := b.taken(1000, half+50, 7, 9, 1); n != half {
		t.Errorf("one stranger alone has %d, want half of %d", n, mailbox.MaxRequests)
	}
	if n := b.taken(2000, half, 8, 9, 1); n != 0 {
		t.Errorf("another one of the same server still got %d: it had its share", n)
	}
	if n := b.taken(3000, half, 8, 10, 1); n != half/2 {
		t.Errorf("one of another server got %d, want half of what is left", n)
	}
	if n := b.taken(4000, half, 11, 12, 1); n != half/4 {
		t.Errorf("a third one got %d, want half of what is left then", n)
	}
	b.reopen() // what is a request is one after a start
	if n := b.taken(5000, half, 7, 9, 1); n != 0 {
		t.Errorf("after a start the first one got %d more", n)
	}
	for n := range 290 { // the quota is all for those who are known
		r, err := b.try(b.from(6000+n, 7, 9, token(2), 1))
		if err != nil || r[0].Err != nil {
			t.Fatalf("mail %d with a token: %+v, %v", n, r, err)
		}
	}
}

// testRequestBytes: room is counted in octets as well.
func testRequestBytes(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.let(1, 5)
	taken := 0
	for n := range 40 {
		it := b.from(n, 7, 9, omega.Token{}, 1)
		it.Envelope = make([]byte, 90<<10)
		r, err := b.try(it)
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Err == nil {
			taken++
		}
	}
	if want := mailbox.MaxRequestBytes / 2 / (90 << 10); taken != want {
		t.Errorf("%d envelopes of 90 KiB were taken, want %d", taken, want)
	}
}

// testRequestWindow: what a device has taken counts for a while, so that one that is
// online is not flooded either.
func testRequestWindow(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.setDevices(1, 101)
	b.let(1, 5)
	half := mailbox.MaxRequests / 2
	b.taken(0, half, 7, 9, 1)
	b.ack(1, 101, b.read(1, 0)[half-1].Seq)
	if n := b.taken(1000, half, 7, 9, 1); n != 0 {
		t.Errorf("at once %d more were taken", n)
	}
	b.advance(mailbox.RequestWindow)
	if n := b.taken(2000, half+1, 7, 9, 1); n != half {
		t.Errorf("after the window %d were taken, want %d", n, half)
	}
}

func testRequestLifetime(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.let(1, 5, 1)
	for _, it := range []*mailbox.Item{b.from(1, 7, 9, omega.Token{}, 1), b.from(2, 7, 9, token(1), 1)} {
		if _, err := b.try(it); err != nil {
			t.Fatal(err)
		}
	}
	b.wantMail(1, 0, 1, 2)
	b.advance(mailbox.RequestLifetime + time.Second)
	b.wantMail(1, 0, 2)
}

// testTokens: the latest list stands, also after a start, until the account is gone.
func testTokens(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.let(1, 5, 1, 2)
	b.let(1, 6, 2, 3)
	if got, err := b.SetTokens(b.ctx, Account(1), mailbox.Tokens{Made: 4, List: []omega.Token{token(1)}}); err != nil || got.Made != 6 {
		t.Errorf("an older list made the one that stands %v, %v", got, err)
	}
	for round := range 2 {
		got, err := b.TokensOf(b.ctx, Account(1))
		if err != nil || got.Made != 6 || !slices.Equal(got.List, []omega.Token{token(2), token(3)}) {
			t.Errorf("round %d: tokens = %v, %v", round, got, err)
		}
		of := []omega.Fingerprint{Account(1), Account(2), Account(1), Account(1)}
		strange, err := b.Strangers(b.ctx, of, []omega.Token{token(1), {}, token(3)})
		if err != nil || !slices.Equal(strange, []bool{true, false, false, true}) {
			t.Errorf("round %d: strangers = %v, %v", round, strange, err)
		}
		b.reopen()
	}
	if _, err := b.Clear(b.ctx, Account(1)); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if got, err := b.TokensOf(b.ctx, Account(1)); err != nil || got.Made != 0 || len(got.List) != 0 {
		t.Errorf("tokens of a mailbox that was cleared = %v, %v", got, err)
	}
	if page, err := b.Waiting(b.ctx, omega.Fingerprint{}, 10); err != nil || len(page) != 0 {
		t.Errorf("mailboxes with mail = %v, %v", page, err)
	}
	if _, err := b.SetTokens(b.ctx, Account(1), mailbox.Tokens{Made: 9, List: make([]omega.Token, omega.MaxTokens+1)}); !errors.Is(err, mailbox.ErrTooLarge) {
		t.Errorf("too many tokens: %v", err)
	}
}

// testMixed: an item that is a request for some recipients only is kept for none of them;
// whether it is one is judged in the step that keeps it, so while lists change no mail of
// somebody who is let in ever takes the room of strangers, nor the other way round.
func testMixed(t *testing.T, m Machine) {
	b := open(t, m, mailbox.Config{})
	b.let(1, 1, 1) // always lets the sender in
	b.let(2, 1)    // at times
	both := func(n int) *mailbox.Item {
		it := b.from(n, 7, 9, token(1), 1)
		it.Recipients = append(it.Recipients, Account(2))
		it.Tokens = append(it.Tokens, token(1))
		return it
	}
	if err := b.Append(b.ctx, both(0)); !errors.Is(err, mailbox.ErrMixed) {
		t.Fatalf("append = %v, want ErrMixed", err)
	}
	b.wantMail(1, 0)
	b.wantMail(2, 0)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for made := int64(2); ; made++ {
			select {
			case <-stop:
				return
			default:
			}
			list := mailbox.Tokens{Made: made}
			if made%2 == 0 {
				list.List = []omega.Token{token(1)}
			}
			if _, err := b.SetTokens(b.ctx, Account(2), list); err != nil {
				t.Errorf("set tokens: %v", err)
				return
			}
			runtime.Gosched()
		}
	})
	whole := 0
	for n := range 3 * mailbox.MaxRequests {
		r, err := b.try(both(n + 1))
		switch {
		case errors.Is(err, mailbox.ErrMixed):
			one := b.from(n+1, 7, 9, token(1), 1)
			if r, err = b.try(one); err != nil {
				t.Fatalf("append: %v", err)
			}
		case err != nil:
			t.Fatalf("append: %v", err)
		default:
			whole++
		}
		if r[0].Err != nil {
			t.Fatalf("mail %d of somebody who is let in: %v", n, r[0].Err)
		}
		if len(r) > 1 && r[1].Err != nil {
			t.Fatalf("mail %d is one for both, and the second has no room for it: %v", n, r[1].Err)
		}
	}
	close(stop)
	wg.Wait()
	if whole == 0 {
		t.Error("the lists never agreed")
	}
}
