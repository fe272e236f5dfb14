package client

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// TestWhoseWordsCount: words of whom the list does not have, of the future, in the name of
// another one, and more than one account may say are not taken; those that one who may write
// passes on are, and are not passed on. (spec/group.md, GROUP-53, GROUP-54)
func TestWhoseWordsCount(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.withBob(t, now, bob)
	l := a.writes(t, chat.NewText("hello"))
	in, other, no := signer(t, 21), signer(t, 22), signer(t, 23)
	a.puts(t, in, chat.Subscribes, now)
	a.puts(t, other, chat.Subscribes, now)
	gone := signer(t, 24)
	a.puts(t, gone, chat.Unsubscribed, now)
	word := func(who omega.Fingerprint, version uint32, emoji string) chat.Word {
		return chat.Word{Kind: chat.MarkReaction, Version: version, Time: now, Target: l, Account: who, Value: []byte(emoji)}
	}
	future := word(in, 1, "👍")
	future.Time = now.Add(omega.ClockTolerance + time.Second)
	for _, row := range []struct {
		what         string
		from         omega.Fingerprint
		word         chat.Word
		said, untold int
	}{
		{"not in the list", no, word(no, 1, "👍"), 0, 0},
		{"of the future", in, future, 0, 0},
		{"in the name of another one", in, word(other, 1, "👍"), 0, 0},
		{"in the name of this account", in, word(c.acc.Fingerprint, 1, "👍"), 0, 0},
		{"its own", in, word(in, 1, "👍"), 1, 1},
		{"the same again", in, word(in, 1, "👍"), 1, 1},
		{"passed on", bob.Account(), word(other, 1, "👍"), 2, 1},
		{"passed on, not in the list", bob.Account(), word(no, 1, "👍"), 2, 1},
		{"its own, of one who subscribes no more", gone, word(gone, 1, "👍"), 2, 1},
		{"an older one", in, word(in, 1, ""), 2, 1},
		{"taken back", in, word(in, 2, ""), 1, 1},
	} {
		a.takes(t, row.from, now, row.word)
		n, untold := a.said(t, l)
		said := 0
		for _, e := range n.Emoji {
			said += e.Times
		}
		if said != row.said || untold != row.untold {
			t.Errorf("%s: said %d times, want %d; %d to be told, want %d", row.what, said, row.said, untold, row.untold)
		}
	}
	version := uint32(2)
	for range 10 * wordsAtOnce {
		version++
		a.takes(t, in, now, word(in, version, "噓"))
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		of, err := tx.WordsOf(omega.ChatID(a.id[:16]), l, 9)
		must(t, err)
		for _, w := range of {
			if w.Account == in && w.Version > 2+2*wordsAtOnce {
				t.Errorf("version %d of who says without end is taken", w.Version)
			}
		}
		return nil
	})
	later := word(in, version+1, "🎉")
	later.Time = now.Add(time.Second)
	a.takes(t, bob.Account(), now, later)
	if n, _ := a.said(t, l); !slices.Contains(n.Emoji, chat.EmojiCount{Emoji: "🎉", Times: 1}) {
		t.Errorf("what somebody passes on is held back by that: %+v", n)
	}
	a.takes(t, bob.Account(), now, word(gone, 1, "👍")) // another one has it from before
	if n, _ := a.said(t, l); n.Heard != 3 {
		t.Errorf("what was said before one left is not known: %+v", n)
	}
	a.puts(t, in, chat.SubscriberOut, now.Add(time.Second))
	if n, _ := a.said(t, l); n.Heard != 3 || len(n.Emoji) != 1 || n.Emoji[0].Times != 1 {
		t.Errorf("who is kept out counts: %+v", n)
	}
}

// TestVotesTooLate: a vote is not taken from who dates it back.
func TestVotesTooLate(t *testing.T) {
	c, clock := newStillCore(t)
	a, now := newList(t, c), clock.time()
	l := a.writes(t, &chat.Content{Kind: chat.KindPoll, Text: "?", Lines: chat.PollLines([]string{"a", "b"}), Poll: &chat.Poll{}})
	for n := byte(21); n < 24; n++ {
		a.puts(t, signer(t, n), chat.Subscribes, now)
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		mark := &chat.Mark{Chat: omega.ChatID(a.id[:16]), Target: l, Kind: chat.MarkClose, Account: c.acc.Fingerprint, Stamp: chat.Stamp{Time: now.Add(time.Minute)}}
		return tx.PutMark(mark, c.acc.Fingerprint)
	})
	clock.move(time.Hour)
	for _, row := range []struct {
		who          byte
		at, received time.Duration
	}{{21, time.Second, 2 * time.Minute}, {22, time.Second, 4 * time.Minute}, {23, 2 * time.Minute, 2 * time.Minute}} {
		w := chat.Word{Kind: chat.MarkVote, Version: 1, Time: now.Add(row.at), Target: l, Account: signer(t, row.who), Value: []byte{0}}
		a.takes(t, w.Account, now.Add(row.received), w)
	}
	if n, _ := a.said(t, l); n.Heard != 1 || n.Voters != 1 {
		t.Errorf("%+v", n)
	}
}

// TestForgedWordsEnd: what one who may write made up of somebody ends with what that one says
// itself next, and others are told that.
func TestForgedWordsEnd(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	a.withBob(t, clock.time(), bob)
	l, in := a.writes(t, chat.NewText("hello")), signer(t, 21)
	a.puts(t, in, chat.Subscribes, clock.time())
	w := chat.Word{Kind: chat.MarkReaction, Version: math.MaxUint32, Time: clock.time(), Target: l, Account: in, Value: []byte("🎉")}
	a.takes(t, bob.Account(), clock.time(), w)
	clock.move(time.Minute)
	w.Version, w.Value, w.Time = 1, []byte("👍"), clock.time()
	a.takes(t, in, clock.time(), w)
	if n, untold := a.said(t, l); len(n.Emoji) != 1 || n.Emoji[0].Emoji != "👍" || untold != 1 {
		t.Errorf("it said %+v, %d words are to be told", n.Emoji, untold)
	}
}

// TestWordsOfOneWhoWasAway: what somebody said over a day, and homes have kept, is taken when
// this device comes back, and what it has already counts for nothing of what may be said.
func TestWordsOfOneWhoWasAway(t *testing.T) {
	c, clock := newStillCore(t)
	a, now := newList(t, c), clock.time()
	who := signer(t, 21)
	a.puts(t, who, chat.Subscribes, now.Add(-48*time.Hour))
	l, kept := a.writes(t, chat.NewText("hello")), 0
	word := func(target chat.Link, version uint32, at time.Time) chat.Word {
		return chat.Word{Kind: chat.MarkReaction, Version: version, Time: at, Target: target, Account: who, Value: []byte("👍")}
	}
	for n := range 200 {
		at := now.Add(time.Duration(n-300) * wordsApart)
		a.takes(t, who, at, word(chat.Link{9, byte(n)}, 1, at))
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			of, err := tx.WordsOf(omega.ChatID(a.id[:16]), chat.Link{9, byte(n)}, 9)
			kept += len(of)
			return err
		})
	}
	if kept != 200 {
		t.Errorf("%d of 200 words are taken", kept)
	}
	for range 4 * wordsAtOnce {
		a.takes(t, who, now, word(l, 1, now))
	}
	a.takes(t, who, now, word(l, 2, now))
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		of, err := tx.WordsOf(omega.ChatID(a.id[:16]), l, 9)
		if err == nil && (len(of) != 1 || of[0].Version != 2) {
			t.Errorf("the same again took the room of another one: %+v", of)
		}
		return err
	})
}

// TestWordsBeforeTheirMessage: what came before its message is counted when that comes, and
// so is what a member says.
func TestWordsBeforeTheirMessage(t *testing.T) {
	c, clock := newStillCore(t)
	a, now := newList(t, c), clock.time()
	who := signer(t, 21)
	a.puts(t, who, chat.Subscribes, now)
	l := a.writes(t, chat.NewText("hello"))
	due := func() (out []chat.Link) {
		a.in(t, func(tx *history.Tx, _ *groupLog) (err error) {
			out, err = tx.DueIn(a.id, 9)
			return errors.Join(err, tx.EndDues(a.id))
		})
		return out
	}
	comes := func() {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
			must(t, err)
			return c.countHeard(tx, &r.Message)
		})
	}
	due()
	if comes(); len(due()) != 0 {
		t.Error("nothing was said, and it is counted")
	}
	a.takes(t, who, now, chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: l, Account: who, Value: []byte("👍")})
	due()
	if comes(); !slices.Equal(due(), []chat.Link{l}) {
		t.Error("what was said before is not counted")
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		content := &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: l, Version: 1, Emoji: []string{"👍"}}}
		return c.countHeard(tx, &chat.Message{Chat: omega.ChatID(a.id[:16]), From: signer(t, 9), Content: content})
	})
	if !slices.Equal(due(), []chat.Link{l}) {
		t.Error("what a member said is not counted")
	}
}

// TestHandedWords: of the words that a history has with a message those count that this account
// may have said of it, the first ones; what else is there takes nothing away.
// (spec/chat.md, CHAT-110)
func TestHandedWords(t *testing.T) {
	c, clock := newStillCore(t)
	a, now, me := newList(t, c), clock.time().Truncate(time.Millisecond), c.acc.Fingerprint
	for _, row := range []struct {
		what string
		bad  func(w *chat.Word) []byte
		kept bool
	}{
		{"a good one", func(w *chat.Word) []byte { return w.Bytes() }, true},
		{"as far ahead as clocks are", func(w *chat.Word) []byte { w.Time = now.Add(omega.ClockTolerance); return w.Bytes() }, true},
		{"further ahead", func(w *chat.Word) []byte { w.Time = now.Add(omega.ClockTolerance + time.Second); return w.Bytes() }, false},
		{"of another account", func(w *chat.Word) []byte { w.Account = signer(t, 9); return w.Bytes() }, false},
		{"about another message", func(w *chat.Word) []byte { w.Target = chat.Link{9}; return w.Bytes() }, false},
		{"of a kind that a newer version has", func(w *chat.Word) []byte { w.Kind = 99; return w.Bytes() }, false},
		{"cut off", func(w *chat.Word) []byte { return w.Bytes()[:9] }, false},
		{"behind too many", nil, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			l := a.writes(t, &chat.Content{Kind: chat.KindPoll, Text: "?", Lines: chat.PollLines([]string{"a", "b"}), Poll: &chat.Poll{}})
			first := chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: l, Account: me, Value: []byte("👍")}
			second := chat.Word{Kind: chat.MarkVote, Version: 1, Time: now, Target: l, Account: me, Value: []byte{0}}
			words := append(slices.Repeat([][]byte{second.Bytes()}, maxHandedWords), first.Bytes())
			if row.bad != nil {
				words = [][]byte{row.bad(&first), second.Bytes()}
			}
			a.in(t, func(tx *history.Tx, _ *groupLog) error {
				r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
				must(t, err)
				if err := (&taker{c: c}).words(tx, &archive.HandedMessage{Words: words}, &r.Message); err != nil {
					t.Errorf("the message is refused: %v", err)
				}
				var kinds []chat.MarkKind
				for _, target := range []chat.Link{l, {9}} {
					for _, who := range []omega.Fingerprint{me, signer(t, 9)} {
						of, err := tx.OwnWordsOf(omega.ChatID(a.id[:16]), target, who)
						must(t, err)
						for _, w := range of {
							kinds = append(kinds, w.Kind)
						}
					}
				}
				want := []chat.MarkKind{chat.MarkVote}
				if row.kept {
					want = []chat.MarkKind{chat.MarkReaction, chat.MarkVote}
				}
				if !slices.Equal(kinds, want) {
					t.Errorf("kept are the kinds %v, want %v", kinds, want)
				}
				return nil
			})
		})
	}
}

// TestRations: an account may do so much at once, then once in a time, and others as much.
func TestRations(t *testing.T) {
	r := rations{most: 3, apart: time.Second}
	now := time.Unix(1000, 0)
	count := func(who omega.Fingerprint, now time.Time) (n int) {
		for range 10 {
			if r.take(who, now) {
				n++
			}
		}
		return n
	}
	for _, row := range []struct {
		what string
		who  byte
		at   time.Duration
		want int
	}{
		{"at once", 1, 0, 3},
		{"another one", 2, 0, 3},
		{"a second later", 1, time.Second, 1},
		{"after a rest", 1, time.Minute, 3},
		{"the clock was set back", 1, 0, 3},
	} {
		if n := count(signer(t, row.who), now.Add(row.at)); n != row.want {
			t.Errorf("%s: %d, want %d", row.what, n, row.want)
		}
	}
}

// TestClosedPollStays: what was voted until the close counts, whatever becomes of who voted it
// later; who was gone before does not. (spec/group.md, GROUP-57)
func TestClosedPollStays(t *testing.T) {
	const close = time.Hour // after the poll was asked
	for _, row := range []struct {
		what   string
		voters int // in the end
		does   func(a aList, began time.Time, who *pgp.Identity)
	}{
		{"it stays", 1, func(aList, time.Time, *pgp.Identity) {}},
		{"leaves before the close", 0, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.Unsubscribed, began.Add(close-time.Minute))
		}},
		{"leaves after it", 1, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.Unsubscribed, began.Add(close+time.Minute))
		}},
		{"is kept out after it", 1, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.SubscriberOut, began.Add(close+time.Minute))
		}},
		{"becomes a member before it", 0, func(a aList, began time.Time, who *pgp.Identity) {
			a.withBob(t, began.Add(close-time.Minute), who)
		}},
		{"becomes a member after it", 1, func(a aList, began time.Time, who *pgp.Identity) {
			a.withBob(t, began.Add(close+time.Minute), who)
		}},
		{"leaves before the close, and is banned by an operation after it", 0, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.Unsubscribed, began.Add(close-time.Minute))
			a.does(t, a.c.identity(), began.Add(close+time.Minute), group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who.Account()}})
		}},
		{"leaves before it, and becomes a member after it", 0, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.Unsubscribed, began.Add(close-time.Minute))
			a.withBob(t, began.Add(close+time.Minute), who)
		}},
		{"is kept out before it, and banned by an operation after it", 0, func(a aList, began time.Time, who *pgp.Identity) {
			a.puts(t, who.Account(), chat.SubscriberOut, began.Add(close-time.Minute))
			a.does(t, a.c.identity(), began.Add(close+time.Minute), group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who.Account()}})
		}},
		{"is banned by an operation before it, and again after it", 0, func(a aList, began time.Time, who *pgp.Identity) {
			for _, at := range []time.Duration{close - time.Minute, close + time.Minute} {
				a.does(t, a.c.identity(), began.Add(at), group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who.Account()}})
			}
		}},
		{"is banned by an operation after it", 1, func(a aList, began time.Time, who *pgp.Identity) {
			a.does(t, a.c.identity(), began.Add(close+time.Minute), group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who.Account()}})
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			c, clock := newStillCore(t)
			a, who, began := newList(t, c), newIdentity(t, "bob"), clock.time()
			l := a.writes(t, &chat.Content{Kind: chat.KindPoll, Text: "?", Lines: chat.PollLines([]string{"a", "b"}), Poll: &chat.Poll{}})
			a.puts(t, who.Account(), chat.Subscribes, began)
			a.takes(t, who.Account(), began, chat.Word{Kind: chat.MarkVote, Version: 1, Time: began, Target: l, Account: who.Account(), Value: []byte{0}})
			if n, _ := a.said(t, l); n.Voters != 1 {
				t.Errorf("%d voted while it was open, want 1", n.Voters)
			}
			clock.move(2 * close)
			a.in(t, func(tx *history.Tx, _ *groupLog) error {
				return tx.PutMark(&chat.Mark{Chat: omega.ChatID(a.id[:16]), Target: l, Kind: chat.MarkClose, Account: c.acc.Fingerprint, Stamp: chat.Stamp{Time: began.Add(close)}}, c.acc.Fingerprint)
			})
			row.does(a, began, who)
			if n, _ := a.said(t, l); n.Voters != row.voters || n.Votes[0] != row.voters {
				t.Errorf("%d voted in the end, want %d", n.Voters, row.voters)
			}
			var voted []omega.Fingerprint
			a.in(t, func(tx *history.Tx, log *groupLog) error {
				r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
				must(t, err)
				voted, err = tx.Voted(a.id, r, 0, c.counting(tx, log.State()).counts)
				return err
			})
			if len(voted) != row.voters {
				t.Errorf("%v voted", voted)
			}
		})
	}
}
