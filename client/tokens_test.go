package client

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// keepTokens has the proxy answer about tokens as a home. list is guarded by p.mu.
func (p *fakeProxy) keepTokens(list **wire.TokenList) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		switch f.Type {
		case wire.TypeTokenPut:
			w, err := wire.DecodeTokenList(append([]byte(nil), f.Body...))
			if err != nil {
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeBadRequest, "")
			}
			*list = w
		case wire.TypeTokenLook:
		default:
			return 0, nil
		}
		s := wire.TokenState{Made: time.UnixMilli(0)}
		if w := *list; w != nil {
			s = wire.TokenState{Made: w.Made, Hash: wire.HashTokens(w.Tokens)}
		}
		return wire.TypeTokenState, wire.AppendTokenState(nil, s)
	}
}

// sentTo are the tokens of the envelopes that went to an account, the latest last.
func (p *fakeProxy) sentTo(t *testing.T, fp omega.Fingerprint) (out []omega.Token) {
	t.Helper()
	for _, b := range p.frames(wire.TypeSend) {
		env, err := wire.ParseEnvelope(b)
		must(t, err)
		tokens := append(env.AppendTokens(nil), make([]omega.Token, env.NumRecipients())...)
		for i, to := range env.Recipients {
			if to == fp {
				out = append(out, tokens[i])
			}
		}
	}
	return out
}

// TestTokensOfContacts: homes are told whom this account lets in, contacts by what they
// come in, and what a contact told goes with each envelope to it. Who is blocked is let
// in no more, and by another token when that is over. (spec/delivery.md, DELIV-47)
func TestTokensOfContacts(t *testing.T) {
	var list *wire.TokenList
	p := newFakeProxy(t)
	p.keepTokens(&list)
	c := p.newCore(t)
	told := func() (out []omega.Token) {
		p.edit(func() {
			if list != nil {
				out = list.Tokens
			}
		})
		return out
	}
	until(t, "the account's own token is told", func() bool { return len(told()) == 1 })
	own := told()[0]
	friend := p.newStranger(t, c, "friend")
	token := func() (out omega.Token) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			out, err = c.tokenOf(tx, friend.id)
			return err
		}))
		return out
	}
	if got := token(); !got.IsZero() {
		t.Errorf("a stranger has a token")
	}
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: friend.id.String()}})
	must(t, err)
	first := token()
	until(t, "the contact is let in", func() bool { return len(told()) == 2 && slices.Contains(told(), first) && slices.Contains(told(), own) })
	until(t, "the contact is told", func() bool { return len(p.sentTo(t, friend.id)) > 0 })
	if got := p.sentTo(t, friend.id); !got[len(got)-1].IsZero() {
		t.Error("an envelope has a token that nobody told")
	}

	friend.sender.Admit(omega.Token{7})
	p.push(t, friend.seal(t, c, "hi")...)
	until(t, "it is here", func() bool { return len(c.texts(t, friend.id)) == 1 })
	sent := len(p.sentTo(t, friend.id))
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: friend.id.String(), Text: "hi", Timeout: time.Minute, Wait: clientrpc.StateStored})
	must(t, err)
	until(t, "the answer goes by it", func() bool {
		all := p.sentTo(t, friend.id)
		return len(all) > sent && all[len(all)-1] == omega.Token{7}
	})

	block := clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: friend.id.String()}}
	_, err = clientrpc.BlockContact.Call(t.Context(), c, block)
	must(t, err)
	until(t, "who is blocked is let in no more", func() bool { return slices.Equal(told(), []omega.Token{own}) })
	block.Off = true
	_, err = clientrpc.BlockContact.Call(t.Context(), c, block)
	must(t, err)
	until(t, "it is let in again", func() bool { return len(told()) == 2 })
	if second := token(); second == first || !slices.Contains(told(), second) {
		t.Error("it is let in by the token that it had before")
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.PutToken(friend.id, history.Told{Token: omega.Token{8}, Time: time.Now().Add(-time.Hour)})
	}))
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		got, err := tx.Token(friend.id)
		if got != (omega.Token{7}) {
			t.Errorf("an older message told the token %x", got[:])
		}
		return err
	}))
}

// TestRequestsAreBounded: of strangers so much is opened and no more; contacts are not
// concerned. (spec/chat.md, CHAT-64)
func TestRequestsAreBounded(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	talker, friend := p.newStranger(t, c, "talker"), p.newStranger(t, c, "friend")
	add := func(s *stranger) {
		t.Helper()
		_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: s.id.String()}})
		must(t, err)
	}
	for i := range maxRequestTexts + 6 {
		p.push(t, talker.seal(t, c, fmt.Sprint(i))...)
	}
	until(t, "all is acknowledged", func() bool { return p.acked(t) == p.pushed })
	if got := c.texts(t, talker.id); len(got) != maxRequestTexts {
		t.Errorf("%d messages of one stranger are here, want %d", len(got), maxRequestTexts)
	}
	add(talker)
	p.push(t, talker.seal(t, c, "thanks")...)
	until(t, "accepted", func() bool { return slices.Contains(c.texts(t, talker.id), "thanks") })
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error { // what was not opened is asked for
		track, err := tx.Track(t.Context(), omega.DirectChat(c.acc.Fingerprint, talker.id), talker.me.Device())
		if w := track.Wanted(); len(w) != 1 || w[0].To-w[0].From != 5 {
			t.Errorf("wanted %v", w)
		}
		return err
	}))

	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { // many have written, from many homes
		for i := range maxRequests {
			fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", i+1))
			must(t, err)
			must(t, tx.Place(fp, fp, time.Now(), time.Time{}))
		}
		return nil
	}))
	late := p.newStranger(t, c, "late")
	p.push(t, late.seal(t, c, "hello")...)
	add(friend)
	p.push(t, friend.seal(t, c, "hello")...)
	p.push(t, talker.seal(t, c, "again")...)
	until(t, "contacts are heard", func() bool { return len(c.texts(t, friend.id)) == 1 && p.acked(t) == p.pushed })
	if got := c.texts(t, late.id); len(got) != 0 {
		t.Errorf("one stranger too many: %q", got)
	}
}

// TestTokensAreOfTheirTransaction: what is kept in memory of tokens is never what another
// transaction had: not of one that began before a change, nor of one that was undone.
func TestTokensAreOfTheirTransaction(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	friend := p.newStranger(t, c, "friend").id
	sees := func(tx *history.Tx) omega.Token {
		t.Helper()
		out, err := c.tokensFor(tx, []omega.Fingerprint{friend})
		must(t, err)
		return omega.TokenAt(out, 0)
	}
	put := func(tx *history.Tx, n byte) error {
		return tx.PutToken(friend, history.Told{Token: omega.Token{n}, Time: time.Now()})
	}
	view := func(fn func(tx *history.Tx)) {
		t.Helper()
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error { fn(tx); return nil }))
	}
	view(func(old *history.Tx) {
		if got := sees(old); !got.IsZero() {
			t.Errorf("a token before one was told: %x", got)
		}
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return put(tx, 1) }))
		view(func(tx *history.Tx) {
			if got := sees(tx); got != (omega.Token{1}) {
				t.Errorf("a new transaction sees %x", got)
			}
		})
		if got := sees(old); !got.IsZero() { // and has that in memory now
			t.Errorf("the old transaction sees %x", got)
		}
	})
	view(func(tx *history.Tx) {
		if got := sees(tx); got != (omega.Token{1}) {
			t.Errorf("after an older transaction looked: %x", got)
		}
	})
	undone := errors.New("undone")
	err := c.db.Update(t.Context(), func(tx *history.Tx) error {
		must(t, put(tx, 2))
		if got := sees(tx); got != (omega.Token{2}) {
			t.Errorf("the transaction that changes it sees %x", got)
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	view(func(tx *history.Tx) {
		if got := sees(tx); got != (omega.Token{1}) {
			t.Errorf("after a transaction that was undone: %x", got)
		}
	})

	var wg sync.WaitGroup
	var told atomic.Uint32
	for range 4 {
		wg.Go(func() {
			for told.Load() < 40 {
				least := byte(told.Load())
				view(func(tx *history.Tx) {
					if got := sees(tx); got[0] < least {
						t.Errorf("token %d was told, and %d is used", least, got[0])
					}
				})
			}
		})
	}
	for n := byte(1); n <= 40; n++ {
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return put(tx, n) }))
		told.Store(uint32(n))
	}
	wg.Wait()
}
