package client

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// TestCountsAreBounded: whatever words come, counts are told as rarely as the channel is
// large, as one message; who knows less than what stands asks, and tells nothing.
// (spec/group.md, GROUP-55)
func TestCountsAreBounded(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.withBob(t, now, bob)
	l := a.writes(t, chat.NewText("hello"))
	const readers = 400
	told := map[time.Duration]int{}
	for n := range readers {
		who := nthReader(t, n)
		a.puts(t, who, chat.Subscribes, now)
		a.takes(t, who, now, chat.Word{Kind: chat.MarkReaction, Version: 1, Time: now, Target: l, Account: who, Value: []byte("👍")})
	}
	given := answers{}
	version := func() (v uint32, n int) {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
			must(t, err)
			if r.Tally != nil {
				v, n = r.Tally.Version, r.Tally.Heard
			}
			return nil
		})
		return v, n
	}
	began := clock.time()
	word := uint32(1)
	for clock.time().Sub(began) < time.Minute {
		before, _ := version()
		_, err := c.tellCounts(t.Context(), given)
		must(t, err)
		if after, _ := version(); after > before {
			told[clock.time().Sub(began)]++
		}
		word++
		who := nthReader(t, 1)
		a.takes(t, bob.Account(), clock.time(), chat.Word{Kind: chat.MarkReaction, Version: word, Time: clock.time(), Target: l, Account: who, Value: []byte([]string{"👍", "噓"}[word%2])})
		clock.move(time.Second)
	}
	if most := int(time.Minute/countsPause(readers)) + 1; len(told) == 0 || len(told) > most {
		t.Errorf("told %d times in a minute, at most %d", len(told), most)
	}
	if _, n := version(); n != readers {
		t.Errorf("%d accounts are heard", n)
	}

	// Another one has more of it.
	v, _ := version()
	more := chat.Counted{Target: l, Version: v + 1, Heard: 2 * readers, Emoji: []chat.EmojiCount{{Emoji: "👍", Times: 2 * readers}}}
	take := func(from omega.Fingerprint, n chat.Counted) {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			tk := &taken{c: c}
			return tk.takeCounts(tx, &chat.Message{From: from, Peer: from, Time: clock.time(), Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: a.id, Counts: []chat.Counted{n}}}})
		})
	}
	take(nthReader(t, 1), more)
	if now, _ := version(); now != v {
		t.Errorf("what a subscriber counts is taken")
	}
	take(bob.Account(), more)
	a.takes(t, bob.Account(), clock.time(), chat.Word{Kind: chat.MarkReaction, Version: 1000, Time: clock.time(), Target: l, Account: nthReader(t, 2), Value: []byte("噓")})
	a.in(t, func(tx *history.Tx, log *groupLog) error {
		list, wanted, _, err := c.changedCounts(tx, log.State())
		if len(list) != 0 || !slices.Equal(wanted[bob.Account()], []chat.Link{l}) {
			t.Errorf("told %+v, asked %v", list, wanted)
		}
		return err
	})
	a.does(t, c.identity(), clock.time(), group.Op{Type: group.TypeRemove, Accounts: []omega.Fingerprint{bob.Account()}})
	a.in(t, func(tx *history.Tx, log *groupLog) error {
		must(t, tx.PutDue(a.id, l, clock.time()))
		list, wanted, _, err := c.changedCounts(tx, log.State())
		if len(list) != 1 || list[0].Heard != readers || list[0].Version <= v+1 || len(wanted) != 0 {
			t.Errorf("who may write no more keeps others from telling: %+v, %v", list, wanted)
		}
		return err
	})
}

// TestTellersTakeTurns: in a channel of any size each of those who may write waits longer than
// the one before it. (spec/group.md, GROUP-55)
func TestTellersTakeTurns(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.withBob(t, now, bob)
	for n := range 1251 {
		a.in(t, func(tx *history.Tx, l *groupLog) error {
			if _, err := tx.Bearer(a.id, omega.Fingerprint{}).Put(&chat.Subscriber{Account: nthReader(t, n), Time: now}); err != nil || n%1250 > 0 {
				return err
			}
			second := *l.State()
			second.Members = slices.Clone(second.Members)
			for i := range second.Members {
				m := &second.Members[i]
				if m.Role = group.RoleOwner; m.Account == c.acc.Fingerprint {
					m.Role = group.RoleAdmin
				}
			}
			for _, told := range []time.Time{{}, now.Add(-time.Second), now.Add(-time.Hour)} {
				d := &history.Due{Group: a.id, Since: now, Told: told}
				first, err := c.countsDue(tx, l.State(), d)
				must(t, err)
				next, err := c.countsDue(tx, &second, d)
				must(t, err)
				if next.Sub(first) != countsTurn {
					t.Errorf("%d readers: the second tells %v after the first, want %v", n+1, next.Sub(first), countsTurn)
				}
			}
			return nil
		})
	}
}

// A failingRand fails to make the ids of its first messages.
type failingRand struct{ ids int }

func (r *failingRand) Read(b []byte) (int, error) {
	if len(b) == len(omega.ID{}) && r.ids > 0 {
		r.ids--
		return 0, errors.New("no randomness")
	}
	return rand.Read(b)
}

// TestCountsOfOthersGoOn: that counts cannot be told in one channel keeps nobody from telling
// them in another one.
func TestCountsOfOthersGoOn(t *testing.T) {
	c, clock := newStillCore(t)
	lists := []aList{newList(t, c), newList(t, c)}
	var links []chat.Link
	for i, a := range lists {
		who := signer(t, byte(21+i))
		a.puts(t, who, chat.Subscribes, clock.time())
		l := a.writes(t, chat.NewText("hello"))
		a.takes(t, who, clock.time(), chat.Word{Kind: chat.MarkReaction, Version: 1, Time: clock.time(), Target: l, Account: who, Value: []byte("👍")})
		links = append(links, l)
	}
	clock.move(time.Minute)
	c.cfg.Rand = &failingRand{ids: 1}
	if _, err := c.tellCounts(t.Context(), answers{}); err == nil {
		t.Error("nothing failed")
	}
	told := 0
	for i, a := range lists {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			r, err := tx.Linked(omega.ChatID(a.id[:16]), links[i])
			if err == nil && r.Tally != nil {
				told++
			}
			return err
		})
	}
	if told != 1 {
		t.Errorf("told in %d channels, want 1", told)
	}
}

// TestWhoKnowsLessAsks: one who has just become one who may write tells nothing of what it
// knows too little of, asks who does, and tells it then. (spec/group.md, GROUP-55)
func TestWhoKnowsLessAsks(t *testing.T) {
	r := newReadership(t)
	ann, bob, one, id := r.ann, r.bob, r.one, r.id
	r.subscribe(t)
	ann.writes(t, id, "hello")
	one.reads(t, id, "hello")
	one.reacts(t, id, "👍")
	seesAll(t, id, map[string]int{"👍": 1}, ann, one)
	r.joins(t)
	bob.reads(t, id, "hello")
	seesAll(t, id, map[string]int{"👍": 1}, bob) // what stands was told with the message
	r.writer(t, 2)

	heard := func() (n int) {
		must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
			rows, err := tx.InChat(omega.ChatID(id[:16]), bob.newest(t, id).ID)
			must(t, err)
			counted, err := tx.CountWords(id, &rows[0], func(*chat.Subscriber, time.Time) bool { return true })
			n = counted.Heard
			return err
		}))
		return n
	}
	if n := heard(); n != 0 {
		t.Fatalf("bob heard %d words", n)
	}
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error {
		rows, err := tx.InChat(omega.ChatID(id[:16]), bob.newest(t, id).ID)
		must(t, err)
		return tx.PutDue(id, rows[0].Ref, time.Now())
	}))
	_, err := bob.tellCountsIn(t.Context(), id, answers{})
	must(t, err)
	until(t, "bob has the word", func() bool { return heard() == 1 })
	if m := bob.newest(t, id); m.Counted == nil || m.Counted.By != ann.acc.Fingerprint {
		t.Errorf("%+v", m.Counted)
	}
}

// TestAllWordsAreAskedFor: about what is not asked for at once it asks when it may again.
// (spec/group.md, GROUP-55)
func TestAllWordsAreAskedFor(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.withBob(t, now, bob)
	who, given, links := signer(t, 21), answers{}, []chat.Link(nil)
	a.puts(t, who, chat.Subscribes, now)
	for range chat.MaxWordsOf + 2 {
		links = append(links, a.writes(t, chat.NewText("hello")))
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		tk := &taken{c: c}
		var counts []chat.Counted
		for _, l := range links {
			must(t, tx.PutDue(a.id, l, now))
			counts = append(counts, chat.Counted{Target: l, Version: 1, Heard: 7})
		}
		m := &chat.Message{From: bob.Account(), Peer: bob.Account(), Time: now, Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: a.id, Counts: counts}}}
		return errors.Join(tk.takeCounts(tx, m), tx.PutPeer(&history.Peer{Fingerprint: bob.Account(), Certificate: bob.Certificate.Bytes(), Checked: now}))
	})
	clock.move(time.Minute)
	for _, want := range []int{2, 2, 0} {
		again, err := c.tellCounts(t.Context(), given)
		must(t, err)
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			due, err := tx.DueIn(a.id, 99)
			if err == nil && len(due) != want || want > 0 && again.IsZero() {
				t.Errorf("%d messages are to be asked about later, at %v, want %d", len(due), again, want)
			}
			return err
		})
		clock.move(max(0, again.Sub(clock.time())))
		if want == 2 {
			clock.move(answerPause / 2)
		}
	}
}
