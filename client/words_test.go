package client

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// newest is the last message of a channel as somebody is shown it.
func (s *somebody) newest(t *testing.T, id chat.Hash) (m clientrpc.Message) {
	t.Helper()
	page, err := clientrpc.History.Call(t.Context(), s.Client, clientrpc.HistoryParams{Chat: omega.ChatID(id[:16]).String(), Count: 20})
	must(t, err)
	for _, m = range slices.Backward(page.Messages) {
		if !m.Service {
			return m
		}
	}
	t.Fatal("there is no message")
	return m
}

// counts are how often each emoji was said of the newest message, known or counted.
func (s *somebody) counts(t *testing.T, id chat.Hash) map[string]int {
	t.Helper()
	out, m := map[string]int{}, s.newest(t, id)
	for _, r := range m.Reactions {
		for _, e := range r.Emoji {
			out[e]++
		}
	}
	if m.Counted != nil {
		for _, e := range m.Counted.Emoji {
			out[e.Emoji] += e.Count
		}
	}
	return out
}

func (s *somebody) reacts(t *testing.T, id chat.Hash, emoji ...string) {
	t.Helper()
	m := s.newest(t, id)
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.React.Call(t.Context(), s.Client, clientrpc.ReactParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Emoji: emoji})
	must(t, err)
}

func (s *somebody) votes(t *testing.T, id chat.Hash, options ...int) error {
	t.Helper()
	m := s.newest(t, id)
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.Vote.Call(t.Context(), s.Client, clientrpc.VoteParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Options: options})
	return err
}

// seesAll waits until all see the same of the newest message.
func seesAll(t *testing.T, id chat.Hash, want map[string]int, all ...*somebody) {
	t.Helper()
	for _, s := range all {
		defer func() {
			if t.Failed() {
				m := s.newest(t, id)
				t.Logf("%s has %+v %+v", s.acc.Name, m.Reactions, m.Counted)
			}
		}()
		until(t, s.acc.Name+" sees the counts", func() bool {
			got := s.counts(t, id)
			if len(got) != len(want) {
				return false
			}
			for e, n := range want {
				if got[e] != n {
					return false
				}
			}
			return true
		})
	}
}

// asks sends a poll.
func (s *somebody) asks(t *testing.T, id chat.Hash, multiple bool) {
	t.Helper()
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.Ask.Call(t.Context(), s.Client, clientrpc.AskParams{ID: n, To: omega.ChatID(id[:16]).String(), Question: "吃什麼？", Options: []string{"飯", "麵"}, Multiple: multiple})
	must(t, err)
}

// tallies are the votes for each answer, known or counted, and how many voted.
func (s *somebody) tallies(t *testing.T, id chat.Hash) (out [3]int) {
	t.Helper()
	p := s.newest(t, id).Poll
	if p == nil {
		return out
	}
	for i := range p.Options {
		out[i] = p.Options[i].Votes + p.Options[i].Counted
	}
	out[2] = p.Voters + p.Counted
	return out
}

// TestSubscribersReact: subscribers react and vote; all who read see what it comes to,
// subscribers on all their devices, and nobody who may not write is told who it was.
// (spec/group.md, GROUP-53 to GROUP-56)
func TestSubscribersReact(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	one, two := p.newSomebody(t, "reader-uno"), p.newSomebody(t, "reader-dos")
	id, link := newChannel(t, ann, "公告")
	ref := clientrpc.GroupRef{Group: id.String()}
	must(t, callOf(ann.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{bob.acc.Fingerprint}})())
	until(t, "bob is invited", func() bool { return bob.channelOrNone(t, id).Role == clientrpc.RoleInvited })
	must(t, callOf(bob.Client, clientrpc.AcceptGroup, ref)())
	until(t, "bob is in", func() bool { return ann.channel(t, id).Size == 2 && !bob.channel(t, id).Waiting })
	also := one.second(t)
	one.subscribesTo(t, id, link)
	two.subscribesTo(t, id, link)
	until(t, "its other device knows", func() bool { return also.channelOrNone(t, id).Role == clientrpc.RoleSubscriber })
	ann.writes(t, id, "hello")
	for _, s := range []*somebody{bob, one, also, two} {
		s.reads(t, id, "hello")
	}

	one.reacts(t, id, "👍")
	if got := one.counts(t, id); got["👍"] != 1 {
		t.Errorf("its own reaction is not shown at once: %v", got)
	}
	two.reacts(t, id, "👍", "噓")
	bob.reacts(t, id, "👍")
	seesAll(t, id, map[string]int{"👍": 3, "噓": 1}, ann, bob, one, also, two)
	if m := bob.newest(t, id); m.Counted == nil || m.Counted.By != ann.acc.Fingerprint || m.Counted.Name != "ann" || len(m.Reactions) != 1 {
		t.Errorf("whose word it is: %+v, %+v", m.Counted, m.Reactions)
	}
	if m := also.newest(t, id); len(m.Reactions) != 1 || m.Reactions[0].From != one.acc.Fingerprint {
		t.Errorf("another device shows %+v", m.Reactions)
	}
	also.reacts(t, id, "噓") // changed on another device
	two.reacts(t, id)       // taken back
	seesAll(t, id, map[string]int{"👍": 1, "噓": 1}, ann, bob, one, also, two)

	ann.asks(t, id, false)
	for _, s := range []*somebody{bob, one, also, two} {
		until(t, "all have the poll", func() bool { return s.newest(t, id).Poll != nil })
	}
	must(t, one.votes(t, id, 0))
	must(t, two.votes(t, id, 1))
	must(t, two.votes(t, id, 0))
	must(t, bob.votes(t, id, 1))
	for _, s := range []*somebody{ann, bob, one, also, two} {
		until(t, s.acc.Name+" sees the votes", func() bool { return s.tallies(t, id) == [3]int{2, 1, 3} })
	}
	m := ann.newest(t, id)
	n, err := ann.newID()
	must(t, err)
	_, err = clientrpc.Close.Call(t.Context(), ann.Client, clientrpc.CloseParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}})
	must(t, err)
	until(t, "it is closed", func() bool { return !one.newest(t, id).Poll.Closed.IsZero() })
	var e *clientrpc.Error
	if err := one.votes(t, id, 1); !errors.As(err, &e) || e.Code != clientrpc.CodeRefused {
		t.Errorf("a vote after the close: %v", err)
	}

	// Who is taken out counts no more, and is shown nothing new.
	out := clientrpc.RemoveGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{two.acc.Fingerprint}}, Ban: true}
	must(t, callOf(ann.Client, clientrpc.RemoveGroup, out)())
	for _, s := range []*somebody{ann, bob, one, also} {
		until(t, s.acc.Name+" sees one vote less", func() bool { return s.tallies(t, id) == [3]int{1, 1, 2} })
	}

	marks, found := two.marks(t), 0
	for _, s := range []*somebody{one, ann} { // what comes is sealed: what was made of it is in files
		s.stop()
		kept := s.files(t)
		for _, m := range marks {
			switch has := bytes.Contains(kept, m); {
			case has && s == one:
				t.Errorf("a reader has %q of another one", m)
			case has:
				found++
			}
		}
	}
	if found == 0 {
		t.Error("nothing is found where it must be")
	}
}

// files are all files of a home, one behind the other.
func (s *somebody) files(t *testing.T) (kept []byte) {
	t.Helper()
	must(t, filepath.WalkDir(s.cfg.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		kept = append(kept, b...)
		return err
	}))
	return kept
}

// TestCountsForNewcomers: who subscribes is told what stands at the messages that it is given.
func TestCountsForNewcomers(t *testing.T) {
	p := newPost(t)
	ann, one, two := p.newSomebody(t, "ann"), p.newSomebody(t, "one"), p.newSomebody(t, "two")
	id, link := newChannel(t, ann, "公告")
	one.subscribesTo(t, id, link)
	ann.writes(t, id, "hello")
	one.reads(t, id, "hello")
	one.reacts(t, id, "👍")
	seesAll(t, id, map[string]int{"👍": 1}, ann, one)
	two.subscribesTo(t, id, link)
	two.reads(t, id, "hello")
	seesAll(t, id, map[string]int{"👍": 1}, two)

	ann.asks(t, id, false)
	until(t, "one has the poll", func() bool { return one.newest(t, id).Poll != nil })
	for one.saying.take(one.acc.Fingerprint, time.Now()) {
	}
	var e *clientrpc.Error
	if err := one.votes(t, id, 0); !errors.As(err, &e) || e.Doing.Key != "doing.poll" || e.Why.Key != "why.manywords" {
		t.Errorf("a vote of one who said too much: %v", err)
	}
}

// takes has the core take words as they come in a direct chat from somebody.
func (a aList) takes(t *testing.T, from omega.Fingerprint, received time.Time, words ...chat.Word) {
	t.Helper()
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		tk := &taken{c: a.c}
		return tk.takeWords(tx, &chat.Message{From: from, Peer: from, Received: received, Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: a.id, Words: words}}})
	})
}

// writes puts a message into the channel and returns its link.
func (a aList) writes(t *testing.T, content *chat.Content) (l chat.Link) {
	t.Helper()
	id, err := a.c.newID()
	must(t, err)
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		must(t, a.c.sealGroup(t.Context(), tx, a.id, id, content))
		r, err := tx.Message(id)
		must(t, err)
		l = r.Ref
		return nil
	})
	return l
}

// said is how often an emoji was said of a message by who is here, and the words to be told.
func (a aList) said(t *testing.T, l chat.Link) (n *chat.Counted, untold int) {
	t.Helper()
	a.in(t, func(tx *history.Tx, log *groupLog) error {
		r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
		must(t, err)
		n, err = tx.CountWords(a.id, r, func(fp omega.Fingerprint) bool { return mayRead(log.State(), fp) })
		must(t, err)
		list, err := tx.UntoldWords(a.c.acc.Fingerprint, false, 1000)
		untold = len(list)
		return err
	})
	return n, untold
}

// TestWhoseWordsCount: words of whom the list does not have, of the future, in the name of
// another one, and more than one account may say are not taken; those that one who may write
// passes on are, and are not passed on. (spec/group.md, GROUP-53, GROUP-54)
func TestWhoseWordsCount(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.does(t, c.identity(), now, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{bob.Account()}})
	a.does(t, bob, now.Add(time.Second), group.Op{Type: group.TypeAccept})
	a.does(t, c.identity(), now.Add(2*time.Second), group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: []omega.Fingerprint{bob.Account()}})
	l := a.writes(t, chat.NewText("hello"))
	in, other, no := signer(t, 21), signer(t, 22), signer(t, 23)
	a.puts(t, in, chat.Subscribes, now)
	a.puts(t, other, chat.Subscribes, now)
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
	a.puts(t, in, chat.SubscriberOut, now.Add(time.Second))
	if n, _ := a.said(t, l); n.Heard != 2 || len(n.Emoji) != 1 || n.Emoji[0].Times != 1 {
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

// nthReader makes up the nth subscriber.
func nthReader(t *testing.T, n int) omega.Fingerprint {
	t.Helper()
	fp, err := omega.FingerprintV4(append(make([]byte, 16), 7, byte(n>>16), byte(n>>8), byte(n)))
	must(t, err)
	return fp
}

// TestCountsAreBounded: whatever words come, counts are told as rarely as the channel is
// large, as one message; who knows less than what stands asks, and tells nothing.
// (spec/group.md, GROUP-55)
func TestCountsAreBounded(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.does(t, c.identity(), now, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{bob.Account()}})
	a.does(t, bob, now.Add(time.Second), group.Op{Type: group.TypeAccept})
	a.does(t, c.identity(), now.Add(2*time.Second), group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: []omega.Fingerprint{bob.Account()}})
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

// TestWhoKnowsLessAsks: one who has just become one who may write tells nothing of what it
// knows too little of, asks who does, and tells it then. (spec/group.md, GROUP-55)
func TestWhoKnowsLessAsks(t *testing.T) {
	p := newPost(t)
	ann, bob, one := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "one")
	id, link := newChannel(t, ann, "公告")
	ref := clientrpc.GroupRef{Group: id.String()}
	one.subscribesTo(t, id, link)
	ann.writes(t, id, "hello")
	one.reads(t, id, "hello")
	one.reacts(t, id, "👍")
	seesAll(t, id, map[string]int{"👍": 1}, ann, one)
	must(t, callOf(ann.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{bob.acc.Fingerprint}})())
	until(t, "bob is invited", func() bool { return bob.channelOrNone(t, id).Role == clientrpc.RoleInvited })
	must(t, callOf(bob.Client, clientrpc.AcceptGroup, ref)())
	until(t, "bob is in", func() bool { return ann.channel(t, id).Size == 2 && !bob.channel(t, id).Waiting })
	bob.reads(t, id, "hello")
	seesAll(t, id, map[string]int{"👍": 1}, bob) // what stands was told with the message
	roles := clientrpc.RoleGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{bob.acc.Fingerprint}}, Role: clientrpc.RoleAdmin}
	must(t, callOf(ann.Client, clientrpc.RoleGroup, roles)())
	until(t, "bob has the list", func() bool { return bob.channel(t, id).Subscribers == 1 })

	heard := func() (n int) {
		must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
			rows, err := tx.InChat(omega.ChatID(id[:16]), bob.newest(t, id).ID)
			must(t, err)
			counted, err := tx.CountWords(id, &rows[0], func(omega.Fingerprint) bool { return true })
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
			return (&taken{c: c}).countHeard(tx, &r.Message)
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
		return (&taken{c: c}).countHeard(tx, &chat.Message{Chat: omega.ChatID(a.id[:16]), From: signer(t, 9), Content: content})
	})
	if !slices.Equal(due(), []chat.Link{l}) {
		t.Error("what a member said is not counted")
	}
}

// withBob makes another account an admin of the list's channel.
func (a aList) withBob(t *testing.T, now time.Time, who *pgp.Identity) {
	t.Helper()
	fp := []omega.Fingerprint{who.Account()}
	a.does(t, a.c.identity(), now, group.Op{Type: group.TypeInvite, Accounts: fp})
	a.does(t, who, now.Add(time.Second), group.Op{Type: group.TypeAccept})
	a.does(t, a.c.identity(), now.Add(2*time.Second), group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: fp})
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

// tender makes what tells the words that wait.
func (a aList) tender() *groupTender {
	return &groupTender{c: a.c, given: answers{}, told: map[int64]map[omega.Fingerprint]bool{}}
}

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
		if lost := c.awaited.isLost(w); lost != (kind == chat.MarkReaction) {
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
