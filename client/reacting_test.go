package client

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// TestSubscribersReact: subscribers react and vote; all who read see what it comes to,
// subscribers on all their devices, and nobody who may not write is told who it was.
// (spec/group.md, GROUP-53 to GROUP-56)
func TestSubscribersReact(t *testing.T) {
	r := newReadership(t)
	ann, bob, one, also, two, id := r.ann, r.bob, r.one, r.also, r.two, r.id
	r.joins(t)
	r.subscribe(t)
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
	for _, s := range []*somebody{ann, one} {
		want := []string{"reader-uno 👍"} // itself
		if s == ann {                    // who may write is told who they are
			want = []string{"bob 👍", "reader-dos 👍 噓 subscriber", "reader-uno 👍 subscriber"}
		}
		if got := s.reacted(t, id, ""); s.newest(t, id).Counted.Known != (s == ann) || !sameSet(got, want) {
			t.Errorf("%s is told of %q, want %q", s.acc.Name, got, want)
		}
	}
	if got := ann.reacted(t, id, "噓"); !slices.Equal(got, []string{"reader-dos 👍 噓 subscriber"}) {
		t.Errorf("of one emoji: %q", got)
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
	two.reacts(t, id, "噓")
	seesAll(t, id, map[string]int{"噓": 1}, ann, bob, one, also, two)
	ann.closes(t, id)
	until(t, "it is closed", func() bool { return !one.newest(t, id).Poll.Closed.IsZero() })
	var e *clientrpc.Error
	if err := one.votes(t, id, 1); !errors.As(err, &e) || e.Code != clientrpc.CodeRefused {
		t.Errorf("a vote after the close: %v", err)
	}

	// Who is taken out of the list says nothing any more; what it voted before the close stays.
	r.takesOut(t, ann, two)
	seesAll(t, id, map[string]int{}, ann, bob, one, also)
	for _, s := range []*somebody{ann, bob, one, also} {
		if got := s.tallies(t, id); got != [3]int{2, 1, 3} {
			t.Errorf("%s sees %v votes after one left", s.acc.Name, got)
		}
	}
	if got := ann.voted(t, id, 0); !sameSet(got, []string{"reader-dos subscriber", "reader-uno subscriber"}) {
		t.Errorf("who voted: %q", got)
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

// TestVoteAfterTheClose: who votes while the close is on its way is told that the poll was
// closed, and not that it voted; what it voted is not shown as if it counted.
func TestVoteAfterTheClose(t *testing.T) {
	r := newReadership(t)
	ann, one, id := r.ann, r.one, r.id
	r.subscribe(t)
	ann.writes(t, id, "hello")
	one.reads(t, id, "hello")
	ann.asks(t, id, false)
	until(t, "one has the poll", func() bool { return one.newest(t, id).Poll != nil })
	must(t, one.votes(t, id, 0))
	until(t, "ann knows", func() bool { return ann.tallies(t, id) == [3]int{1, 0, 1} })
	until(t, "one is told", func() bool { return one.newest(t, id).Counted != nil })

	var held [][]byte // for one's device; guarded by mu of the post
	one.p.edit(func() {
		one.p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
			if device == one.acc.Device {
				held = append(held, bytes.Clone(env))
				return nil
			}
			return [][]byte{env}
		}
	})
	ann.closes(t, id)
	until(t, "the close is under way", func() (came bool) {
		one.p.edit(func() { came = len(held) > 0 })
		closed := ann.newest(t, id).Poll.Closed
		return came && !closed.IsZero() && one.homeTime().After(closed)
	})
	one.p.edit(func() {
		one.p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
			b := one.p.boxes[one.acc.Device]
			b.mails, held = append(b.mails, held...), nil
			one.p.send() // before it hears that its vote was taken
			return [][]byte{env}
		}
	})
	var e *clientrpc.Error
	if err := one.votes(t, id, 1); !errors.As(err, &e) || e.Why.Key != "why.answerlate" {
		t.Errorf("a vote after the close: %v", err)
	}
	p := one.newest(t, id).Poll
	if got := one.tallies(t, id); !p.Late || got != [3]int{1, 0, 1} || !p.Options[0].Mine || p.Options[1].Mine {
		t.Errorf("it is shown %+v", p)
	}
	if err := one.votes(t, id, 1); !errors.As(err, &e) || e.Why.Key != "why.pollclosed" {
		t.Errorf("a vote of one who knows: %v", err)
	}
}

// TestWordsAreStored: a word is no farther than the messages that say it: where no home takes
// them it waits.
func TestWordsAreStored(t *testing.T) {
	r := newReadership(t)
	ann, two, id := r.ann, r.two, r.id
	r.subscribe(t)
	ann.writes(t, id, "hello")
	two.reads(t, id, "hello")
	refused := false // guarded by mu of the post
	two.p.edit(func() {
		answer := two.p.answer
		two.p.answer = func(f wire.Frame) (wire.Type, []byte) {
			if f.Type == wire.TypeSend && refused {
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeUnavailable, "")
			}
			return answer(f)
		}
		refused = true
	})
	m := two.newest(t, id)
	says := func(timeout time.Duration) string {
		n, err := two.newID()
		must(t, err)
		p := clientrpc.ReactParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Emoji: []string{"👍"}}
		p.Delivery = clientrpc.Delivery{Wait: clientrpc.StateStored, Timeout: timeout}
		out, err := clientrpc.React.Call(t.Context(), two.Client, p)
		must(t, err)
		return out.State
	}
	if state := says(3 * time.Second); state != clientrpc.StateQueued {
		t.Errorf("a word that no home has is %s", state)
	}
	two.p.edit(func() { refused = false })
	if state := says(time.Minute); state != clientrpc.StateStored {
		t.Errorf("a word that homes take is %s", state)
	}
	seesAll(t, id, map[string]int{"👍": 1}, ann)
}

// TestNewcomersKnowWhatMembersSaid: who subscribes learns what who writes there voted and reacted
// before, be it the first subscriber or a later one. (spec/group.md, GROUP-55)
func TestNewcomersKnowWhatMembersSaid(t *testing.T) {
	r := newReadership(t)
	ann, one, two, id := r.ann, r.one, r.two, r.id
	ann.asks(t, id, false)
	must(t, ann.votes(t, id, 0))
	ann.reacts(t, id, "👍")
	one.subscribesTo(t, id, r.link)
	sees := func(s *somebody, want [3]int, likes map[string]int) {
		t.Helper()
		until(t, s.acc.Name+" has the poll", func() bool { return s.tallies(t, id) == want })
		seesAll(t, id, likes, s)
	}
	until(t, "it has the poll", func() bool { return one.hasPoll(t, id) })
	sees(one, [3]int{1, 0, 1}, map[string]int{"👍": 1})
	must(t, one.votes(t, id, 1))
	sees(ann, [3]int{1, 1, 2}, map[string]int{"👍": 1})
	must(t, ann.votes(t, id, 1)) // she changes her mind
	ann.reacts(t, id, "噓")
	sees(one, [3]int{0, 2, 2}, map[string]int{"噓": 1})
	two.subscribesTo(t, id, r.link)
	until(t, "it has the poll", func() bool { return two.hasPoll(t, id) })
	sees(two, [3]int{0, 2, 2}, map[string]int{"噓": 1})
}

// hasPoll reports whether a channel has come with a poll.
func (s *somebody) hasPoll(t *testing.T, id chat.Hash) bool {
	t.Helper()
	page, err := clientrpc.History.Call(t.Context(), s.Client, clientrpc.HistoryParams{Chat: omega.ChatID(id[:16]).String(), Count: 20})
	return err == nil && slices.ContainsFunc(page.Messages, func(m clientrpc.Message) bool { return m.Poll != nil })
}
