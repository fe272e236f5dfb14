package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// TestWordsAreToldOnce: that one of those who may write cannot be told a word has nobody else
// told it again. (spec/group.md, GROUP-54)
func TestWordsAreToldOnce(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob, cat := newList(t, c), newIdentity(t, "bob"), newIdentity(t, "cat")
	now := clock.time()
	a.withBob(t, now, bob)
	a.withBob(t, now, cat)
	in := signer(t, 21)
	a.puts(t, in, chat.Subscribes, now)
	l := a.writes(t, chat.NewText("hello"))
	a.in(t, func(tx *history.Tx, _ *groupLog) error { // bob's certificate is not here
		return tx.PutPeer(&history.Peer{Fingerprint: cat.Account(), Certificate: cat.Certificate.Bytes(), Checked: now})
	})
	a.takes(t, in, now, chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: l, Account: in, Value: []byte("👍")})
	g, before := a.tender(), 0
	for i := range 5 {
		if err := g.passWords(t.Context(), true); err == nil {
			t.Fatal("bob could be told")
		}
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			n, err := tx.CountOutgoingTo(cat.Account())
			must(t, err)
			if i == 0 {
				before = n
			}
			if n != before || n == 0 {
				t.Errorf("the %dth time, %d envelopes wait for who was told, before %d", i+1, n, before)
			}
			list, err := tx.UntoldWords(c.acc.Fingerprint, false, 9)
			must(t, err)
			if len(list) != 1 || list[0].Tries != 1 {
				t.Errorf("what is to be told: %+v", list)
			}
			return nil
		})
	}
}

// TestManyWordsAreAllTold: what is more than can be told at once is told next.
func TestManyWordsAreAllTold(t *testing.T) {
	c, clock := newStillCore(t)
	a, now := newList(t, c), clock.time()
	l := a.writes(t, chat.NewText("hello"))
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		for n := range untoldWords + 1 {
			w := chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: l, Account: nthReader(t, n), Value: []byte("👍")}
			if _, err := tx.PutWord(w.Mark(omega.ChatID(a.id[:16])), w.Account); err != nil {
				return err
			}
			must(t, tx.PutUntoldWord(a.id, w.Mark(omega.ChatID(a.id[:16]))))
		}
		return nil
	})
	must(t, a.tender().passWords(t.Context(), true))
	if _, untold := a.said(t, l); untold != 0 {
		t.Errorf("%d words are left", untold)
	}
}

// TestOwnWordsAreSpaced: what an account said while there was no session goes at the rate at
// which others take it; and what nobody can be told is not taken for told.
// (spec/group.md, GROUP-53)
func TestOwnWordsAreSpaced(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.withBob(t, now, bob)
	says := func(n byte) {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			must(t, tx.PutPeer(&history.Peer{Fingerprint: bob.Account(), Certificate: bob.Certificate.Bytes(), Checked: now}))
			w := chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: chat.Link{9, n}, Account: c.acc.Fingerprint, Value: []byte("👍")}
			own := w.Own(omega.ChatID(a.id[:16]))
			must(t, tx.PutMark(own, w.Account))
			return tx.PutUntoldWord(a.id, own)
		})
	}
	untold := func() (n int) {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			list, err := tx.UntoldWords(c.acc.Fingerprint, true, 1000)
			n = len(list)
			return err
		})
		return n
	}
	g := a.tender()
	says(0) // it does not subscribe: there is nobody to tell
	for _, kind := range []chat.MarkKind{chat.MarkReaction, chat.MarkVote} {
		w := &awaitedWord{group: a.id, target: chat.Link{9, 0}, kind: kind}
		remove := c.awaited.add(w)
		must(t, g.passWords(t.Context(), false))
		if lost, _ := c.awaited.state(w); lost != (kind == chat.MarkReaction) {
			t.Errorf("%d: lost: %v", kind, lost)
		}
		remove()
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		known, err := tx.KnownGroup(a.id)
		must(t, err)
		known.Subscribed = now
		return tx.PutGroup(known)
	})
	for n := range byte(100) {
		says(n)
	}
	for range 3 {
		must(t, g.passWords(t.Context(), false))
		clock.move(time.Hour)
		if n := untold(); n != 100-wordsAtOnce {
			t.Errorf("%d of 100 words wait while there is no session", n)
		}
	}
}
