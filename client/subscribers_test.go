package client

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// newChannel makes a channel with a link by which others subscribe.
func newChannel(t *testing.T, s *somebody, name string) (id chat.Hash, link string) {
	t.Helper()
	p := clientrpc.CreateGroupParams{Name: name, Channel: true}
	var err error
	p.ID, err = s.newID()
	must(t, err)
	g, err := clientrpc.CreateGroup.Call(t.Context(), s.Client, p)
	must(t, err)
	l, err := clientrpc.LinkGroup.Call(t.Context(), s.Client, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Subscribe: true})
	must(t, err)
	parsed, err := parseGroupLink(l.Link)
	must(t, err)
	return parsed.Group, l.Link
}

func (s *somebody) channel(t *testing.T, id chat.Hash) clientrpc.Group {
	t.Helper()
	g, err := clientrpc.ShowGroup.Call(t.Context(), s.Client, clientrpc.GroupRef{Group: id.String()})
	must(t, err)
	return g
}

// subscribesTo asks by a link and waits until it subscribes.
func (s *somebody) subscribesTo(t *testing.T, id chat.Hash, link string) {
	t.Helper()
	must(t, callOf(s.Client, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: link})())
	until(t, s.acc.Name+" subscribes", func() bool { return s.channel(t, id).Role == clientrpc.RoleSubscriber })
}

// channelTexts are the verified texts of a channel, as somebody has them.
func (s *somebody) channelTexts(t *testing.T, id chat.Hash) (out []string) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		return ignoreNotFound(tx.All(omega.ChatID(id[:16]), func(r *history.Row) error {
			if r.Verified && r.Content.Kind == chat.KindText {
				out = append(out, r.Now().Text)
			}
			return nil
		}))
	}))
	return out
}

func (s *somebody) reads(t *testing.T, id chat.Hash, texts ...string) {
	t.Helper()
	until(t, s.acc.Name+" reads", func() bool { return len(s.channelTexts(t, id)) >= len(texts) })
	if got := s.channelTexts(t, id); !sameSet(got, texts) {
		t.Errorf("%s reads %q, want %q", s.acc.Name, got, texts)
	}
}

func (s *somebody) writes(t *testing.T, id chat.Hash, text string) {
	t.Helper()
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.Send.Call(t.Context(), s.Client, clientrpc.SendParams{ID: n, To: omega.ChatID(id[:16]).String(), Text: text, Wait: clientrpc.StateStored, Timeout: time.Minute})
	must(t, err)
}

// marks are what an account can be recognised by: its fingerprint, and the ids of its
// devices' keys.
func (s *somebody) marks(t *testing.T) (out [][]byte) {
	t.Helper()
	fp := s.acc.Fingerprint.Wire()
	out = append(out, fp[1:], []byte(s.acc.Fingerprint.String()), []byte(s.acc.Name))
	for _, d := range s.certificate().Devices() {
		for _, k := range []omega.Fingerprint{d.Signing.Fingerprint(), d.Encryption.Fingerprint()} {
			b := k.Wire()
			out = append(out, b[len(b)-8:])
		}
	}
	return out
}

// TestSubscriberWaitsForNothing: what a subscriber gets of before and after it subscribed is
// shown at once, though its writer's messages in between were never for it, and it has the
// key without asking. (spec/group.md, GROUP-44)
func TestSubscriberWaitsForNothing(t *testing.T) {
	p := newPost(t)
	ann, one := p.newSomebody(t, "ann"), p.newSomebody(t, "reader")
	id, link := newChannel(t, ann, "公告")
	ref := clientrpc.GroupRef{Group: id.String()}
	want := []string{"first", "second", "third"}
	ann.writes(t, id, want[0])
	about := "for nobody but members"
	must(t, callOf(ann.Client, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: ref, About: &about})())
	ann.writes(t, id, want[1])
	one.subscribesTo(t, id, link)
	one.reads(t, id, want[:2]...)
	ann.writes(t, id, want[2])
	one.reads(t, id, want...)
	must(t, one.db.View(t.Context(), func(tx *history.Tx) error {
		track, err := tx.Track(t.Context(), omega.ChatID(id[:16]), ann.acc.Device)
		if err == nil && (track.Low == 0 || len(track.Missing) > 0) {
			t.Errorf("it begins at %d and misses %v", track.Low, track.Missing)
		}
		return err
	}))
	got, again, err := one.unprinted(t.Context(), 100)
	must(t, err)
	var texts []string
	for _, m := range got {
		if m.Kind == string(chat.KindText) {
			texts = append(texts, m.Text)
		}
	}
	if !slices.Equal(texts, want) || !again.IsZero() {
		t.Errorf("it is shown %q, and more at %v", texts, again)
	}
}

// TestSubscribers: who writes reaches all subscribers, whom only those who may write know
// and count; a subscriber is told nothing of another one, by what comes or by what it
// keeps. (spec/group.md, GROUP-38 to GROUP-40)
func TestSubscribers(t *testing.T) {
	r := newReadership(t)
	ann, bob, one, also, two, id, link, ref := r.ann, r.bob, r.one, r.also, r.two, r.id, r.link, r.ref
	var mu sync.Mutex
	var came [][]byte // payloads that reached reader-uno; guarded by mu
	r.p.edit(func() {
		r.p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
			if v, err := wire.ParseEnvelope(env); err == nil && device == one.acc.Device {
				mu.Lock()
				came = append(came, bytes.Clone(v.Payload()))
				mu.Unlock()
			}
			return [][]byte{env}
		}
	})
	ann.writes(t, id, "before")
	r.subscribe(t)
	ann.writes(t, id, "to all")
	one.reads(t, id, "before", "to all")
	two.reads(t, id, "before", "to all")
	if g := ann.channel(t, id); g.Subscribers != 2 || g.Size != 1 {
		t.Errorf("ann sees %+v", g)
	}
	if g := one.channel(t, id); g.Subscribers != 0 || g.Size != 1 || g.Name != "公告" {
		t.Errorf("a reader sees %+v", g)
	}

	// Another one who may write is told of them.
	r.joins(t)
	if g := bob.channel(t, id); g.Subscribers != 0 {
		t.Errorf("who may not write sees %d", g.Subscribers)
	}
	r.writer(t, 2)
	bob.writes(t, id, "of bob")
	one.reads(t, id, "before", "to all", "of bob")
	two.reads(t, id, "before", "to all", "of bob")

	// A subscriber does not write, and leaves as a member does.
	n, err := one.newID()
	must(t, err)
	_, err = clientrpc.Send.Call(t.Context(), one.Client, clientrpc.SendParams{ID: n, To: omega.ChatID(id[:16]).String(), Text: "x", Wait: clientrpc.StateStored, Timeout: time.Second})
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Code != clientrpc.CodeRefused {
		t.Errorf("a reader writes: %v", err)
	}

	// Who is taken out reads no more, by a new key.
	keys := func(s *somebody) (out []chat.Locator) {
		must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.GroupKeysOf(id, time.Time{})
			for _, k := range list {
				out = append(out, k.Locator)
			}
			return err
		}))
		return out
	}
	had := keys(two)
	r.takesOut(t, bob, two)
	until(t, "all know", func() bool {
		return ann.channel(t, id).Subscribers == 1 && bob.channel(t, id).Subscribers == 1 && two.channel(t, id).Role == clientrpc.RoleNone
	})
	ann.writes(t, id, "without two")
	one.reads(t, id, "before", "to all", "of bob", "without two")
	also.reads(t, id, "before", "to all", "of bob", "without two")
	if fresh := slices.DeleteFunc(keys(ann), func(l chat.Locator) bool { return slices.Contains(had, l) }); len(fresh) == 0 {
		t.Error("the key that two had serves on")
	}
	if now := keys(two); len(now) != len(had) {
		t.Errorf("two has %d keys, had %d", len(now), len(had))
	}
	must(t, callOf(two.Client, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: link})())
	must(t, callOf(also.Client, clientrpc.LeaveGroup, ref)())
	until(t, "nobody subscribes", func() bool { return ann.channel(t, id).Subscribers == 0 && bob.channel(t, id).Subscribers == 0 })
	ann.writes(t, id, "to nobody")
	two.reads(t, id, "before", "to all", "of bob")
	one.reads(t, id, "before", "to all", "of bob", "without two")

	until(t, "its other device knows", func() bool { return one.channel(t, id).Role == clientrpc.RoleNone })
	one.stop()
	mu.Lock()
	defer mu.Unlock()
	kept := append(bytes.Join(came, nil), one.files(t)...)
	for _, m := range two.marks(t) {
		if bytes.Contains(kept, m) {
			t.Errorf("a reader has %q of another one", m)
		}
	}
	found := false
	for _, m := range ann.marks(t) { // what is searched can be found
		found = found || bytes.Contains(kept, m)
	}
	if !found {
		t.Error("nothing is found at all")
	}
}

// channelOrNone is channel, where it may not be known yet.
func (s *somebody) channelOrNone(t *testing.T, id chat.Hash) clientrpc.Group {
	g, _ := clientrpc.ShowGroup.Call(t.Context(), s.Client, clientrpc.GroupRef{Group: id.String()})
	return g
}

// aList is a channel of an account that may write there, and what the list says.
type aList struct {
	c  *Client
	id chat.Hash
}

func newList(t *testing.T, c *Client) aList {
	t.Helper()
	id, err := c.newID()
	must(t, err)
	g, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: id, Name: "公告", Channel: true})
	must(t, err)
	b, err := hex.DecodeString(g.ID)
	must(t, err)
	return aList{c, chat.Hash(b)}
}

// in does something with the channel in a transaction.
func (a aList) in(t *testing.T, do func(tx *history.Tx, l *groupLog) error) {
	t.Helper()
	must(t, a.c.db.Update(t.Context(), func(tx *history.Tx) error {
		l, err := a.c.groupIn(tx, a.id)
		must(t, err)
		return do(tx, l)
	}))
}

// puts has the list take an entry as from another one who may write.
func (a aList) puts(t *testing.T, who omega.Fingerprint, state chat.SubscriberState, at time.Time) {
	t.Helper()
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		_, err := a.c.putSubscriber(tx, l, &chat.Subscriber{Account: who, State: state, Time: at}, tx.Bearer(a.id, signer(t, 9)))
		return err
	})
}

// says fails if the list does not say that of an account, or if it is told otherwise.
func (a aList) says(t *testing.T, what string, who omega.Fingerprint, want chat.SubscriberState) {
	t.Helper()
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		e, err := tx.Subscriber(a.id, who)
		must(t, err)
		told, err := a.c.subscribersToTell(tx, l.State())
		if e.State != want || slices.Contains(told, who) != (want == chat.Subscribes) {
			t.Errorf("%s: state %d, want %d; told: %v", what, e.State, want, told)
		}
		return err
	})
}

// does has somebody make an operation.
func (a aList) does(t *testing.T, by *pgp.Identity, at time.Time, o group.Op) {
	t.Helper()
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		op, err := l.Next(group.Party{Account: by.Account(), Device: by.Device()}, at, o)
		must(t, err)
		must(t, op.Sign(t.Context(), by.Signer))
		placed, err := l.add(tx, op, at)
		must(t, err)
		return a.c.noteGroup(tx, l, placed)
	})
}

// TestMembersAreNoSubscribers: who was a subscriber and became a member is none when it is
// taken out of the group, whatever comes late of the time before. (spec/group.md, GROUP-40)
func TestMembersAreNoSubscribers(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	me, who, began := c.identity(), bob.Account(), clock.time()
	a.puts(t, who, chat.Subscribes, began)
	a.says(t, "it subscribes", who, chat.Subscribes)
	at := began.Add(time.Minute)
	a.does(t, me, at, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{who}})
	a.does(t, bob, at, group.Op{Type: group.TypeAccept})
	a.says(t, "it is a member", who, chat.Unsubscribed)
	a.does(t, me, at, group.Op{Type: group.TypeRemove, Accounts: []omega.Fingerprint{who}})
	a.puts(t, who, chat.Subscribes, began.Add(time.Second))
	a.says(t, "taken out, and an entry of before comes late", who, chat.Unsubscribed)
	a.puts(t, who, chat.Subscribes, at.Add(time.Second))
	a.says(t, "it subscribes again", who, chat.Subscribes)
	a.does(t, me, at.Add(time.Minute), group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who}})
	a.says(t, "banned by an operation", who, chat.Unsubscribed)
	a.puts(t, who, chat.Subscribes, at.Add(time.Hour))
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		if told, err := c.subscribersToTell(tx, l.State()); err != nil || len(told) != 0 {
			t.Errorf("who is banned is told: %v, %v", told, err)
		}
		return nil
	})
}

// TestListOfSubscribers: what this device enters is later than what stands, whatever the
// clocks; who is kept out comes back only when it is let in again; and a list from a time
// when this account might write opens nothing. (spec/group.md, GROUP-40)
func TestListOfSubscribers(t *testing.T) {
	c, clock := newStillCore(t)
	a, who := newList(t, c), signer(t, 7)
	ref := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: a.id.String()}, Accounts: []omega.Fingerprint{who}}
	enters := func(state chat.SubscriberState) bool {
		t.Helper()
		stands, err := c.setSubscriber(t.Context(), a.id, &chat.Subscriber{Account: who, State: state, Time: clock.time()})
		must(t, err)
		return stands
	}
	a.puts(t, who, chat.Subscribes, clock.time().Add(time.Minute)) // by a clock that is ahead
	must(t, callOf(c, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: ref})())
	a.says(t, "taken out", who, chat.Unsubscribed)
	if !enters(chat.Subscribes) || !enters(chat.Subscribes) {
		t.Error("it cannot come back")
	}
	a.says(t, "back", who, chat.Subscribes)
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		s := *l.State()
		if e, err := c.subscriber(tx, &s, who); err != nil || e == nil {
			t.Errorf("who may write has %v, %v", e, err)
		}
		s.Members = []group.Member{{Account: c.acc.Fingerprint, Role: group.RoleMember}}
		if e, err := c.subscriber(tx, &s, who); err != nil || e != nil {
			t.Errorf("who may not write any more has %v, %v", e, err)
		}
		return nil
	})
	enters(chat.Unsubscribed)
	must(t, callOf(c, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: ref, Ban: true})())
	a.says(t, "kept out", who, chat.SubscriberOut)
	a.in(t, func(_ *history.Tx, l *groupLog) error {
		if l.named(who) {
			t.Error("an operation names who subscribed")
		}
		return nil
	})
	if enters(chat.Subscribes) {
		t.Error("who is kept out comes back")
	}
	must(t, callOf(c, clientrpc.UnbanGroup, ref)())
	a.says(t, "let back", who, chat.Unsubscribed)
	if !enters(chat.Subscribes) {
		t.Error("who is let back cannot subscribe")
	}
	inviteThere(t, c, a.id, who)
	must(t, callOf(c, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: ref})())
	a.says(t, "taken out, and invited", who, chat.Unsubscribed)
	a.in(t, func(_ *history.Tx, l *groupLog) error {
		if slices.Contains(l.State().Invited, who) {
			t.Error("the invitation stands")
		}
		return nil
	})
}

// TestSubscriberLeaves: a leave counts whatever the clock of who leaves, ends no key that
// is made later, and is nothing when it comes late.
func TestSubscriberLeaves(t *testing.T) {
	c, clock := newStillCore(t)
	a, who := newList(t, c), signer(t, 7)
	leaves := func(at time.Time) {
		t.Helper()
		a.in(t, func(tx *history.Tx, l *groupLog) error {
			return (&taken{c: c}).leaves(tx, l, &chat.Subscriber{Account: who, State: chat.Unsubscribed, Time: at})
		})
	}
	began := clock.time().Truncate(time.Millisecond)
	a.puts(t, who, chat.Subscribes, began)
	leaves(began.Add(-time.Hour))
	a.says(t, "a leave of before", who, chat.Subscribes)
	leaves(began.Add(-time.Minute))
	a.says(t, "by a clock that is behind", who, chat.Unsubscribed)
	untold := func() (n int) {
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			list, err := tx.Untold(9)
			n = len(list)
			return err
		})
		return n
	}
	if n := untold(); n != 1 {
		t.Errorf("a crash now loses that others are to be told: %d entries", n)
	}
	must(t, c.passChanges(t.Context()))
	if n := untold(); n != 0 {
		t.Errorf("%d entries are told again and again", n)
	}
	a.puts(t, who, chat.Subscribes, began.Add(time.Second))
	clock.move(time.Minute)
	leaves(clock.time().Add(omega.ClockTolerance))
	a.says(t, "by a clock that is ahead", who, chat.Unsubscribed)
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		if ended, err := tx.SubscriberEnded(a.id, clock.time().Add(time.Millisecond)); err != nil || ended {
			t.Errorf("the next key is ended: %v, %v", ended, err)
		}
		return nil
	})
}

// TestManyUntold: of more entries than are told at once the rest is told next, and nothing
// waits when all are. (spec/group.md, GROUP-46)
func TestManyUntold(t *testing.T) {
	c, clock := newStillCore(t)
	a := newList(t, c)
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		for n := range untoldOnce + 9 {
			f, err := omega.FingerprintV4(append(make([]byte, 18), byte(n>>8), byte(n)))
			must(t, err)
			must(t, tx.PutUntold(a.id, &chat.Subscriber{Account: f, Time: clock.time()}))
		}
		return nil
	})
	g := &groupTender{c: c, given: answers{}}
	c.chores.take()
	w := groupWork{lists: true}
	for _, left := range []int{9, 0} {
		must(t, g.work(t.Context(), w))
		a.in(t, func(tx *history.Tx, _ *groupLog) error {
			if list, err := tx.Untold(2 * untoldOnce); err != nil || len(list) != left {
				t.Errorf("%d entries are left, want %d: %v", len(list), left, err)
			}
			return nil
		})
		if w = c.chores.take(); w.lists != (left > 0) {
			t.Errorf("more is told next: %v; %d are left", w.lists, left)
		}
	}
}

// TestSubscribeSometimes: who asks again and again by the link is given what there is no
// more often than others who ask.
func TestSubscribeSometimes(t *testing.T) {
	c, clock := newStillCore(t)
	a, who := newList(t, c), signer(t, 7)
	m := &chat.Message{From: who, Content: &chat.Content{Kind: chat.KindGroupJoin, Group: &chat.GroupNews{ID: a.id}}}
	turn, given := repetition{who, omega.ChatID(a.id[:16]), readersKind}, answers{}
	given.may(turn, clock.time())
	if err := c.subscribeSometimes(t.Context(), m, given); !errors.Is(err, errNotYet) || len(given) != 1 {
		t.Errorf("at once again: %v", err)
	}
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		if _, err := tx.Subscriber(a.id, who); !errors.Is(err, history.ErrNotFound) {
			t.Errorf("something was done: %v", err)
		}
		return nil
	})
	clock.move(time.Hour)
	if err := c.subscribeSometimes(t.Context(), m, given); !errors.Is(err, errNotYet) || len(given) != 0 {
		t.Errorf("without its certificate: %v; it may not be tried again", err)
	}
	a.says(t, "after an hour", who, chat.Subscribes)
}

// TestUnsubscribedLate: what ended an earlier subscription does not end this one.
func TestUnsubscribedLate(t *testing.T) {
	c, clock := newStillCore(t)
	id := chat.Hash{1}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		must(t, (&taken{c: c}).nowSubscribes(t.Context(), tx, id, clock.time()))
		for _, row := range []struct {
			at   time.Time
			want bool
		}{{clock.time().Add(-time.Hour), true}, {clock.time(), false}} {
			must(t, c.unsubscribed(tx, id, row.at))
			if reads, err := subscribes(tx, id); err != nil || reads != row.want {
				t.Errorf("after a word of %v: %v, %v", row.at, reads, err)
			}
		}
		return nil
	}))
}

// TestMaySubscribe: who has the link subscribes, one who is invited too; a member does not,
// nor who is kept out, nor by another ticket.
func TestMaySubscribe(t *testing.T) {
	c, clock := newStillCore(t)
	a := newList(t, c)
	link, err := clientrpc.LinkGroup.Call(t.Context(), c, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: a.id.String()}, Subscribe: true})
	must(t, err)
	l, err := parseGroupLink(link.Link)
	must(t, err)
	invited, out := signer(t, 1), signer(t, 2)
	inviteThere(t, c, a.id, invited)
	a.puts(t, out, chat.SubscriberOut, clock.time())
	a.in(t, func(tx *history.Tx, log *groupLog) error {
		for _, row := range []struct {
			what   string
			who    omega.Fingerprint
			ticket chat.Ticket
			want   bool
		}{
			{"anybody", signer(t, 3), l.Ticket, true},
			{"who is invited", invited, l.Ticket, true},
			{"who is kept out", out, l.Ticket, false},
			{"a member", c.acc.Fingerprint, l.Ticket, false},
			{"by another ticket", signer(t, 3), chat.Ticket{9}, false},
			{"by none", signer(t, 3), chat.Ticket{}, false},
		} {
			m := &chat.Message{From: row.who, Content: &chat.Content{Kind: chat.KindGroupJoin, Group: &chat.GroupNews{ID: a.id, Ticket: row.ticket}}}
			if may, err := c.maySubscribe(tx, log.State(), m); err != nil || may != row.want {
				t.Errorf("%s: %v, %v", row.what, may, err)
			}
		}
		return nil
	})
}
