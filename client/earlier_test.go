package client

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// historyRule has a group give newcomers so much.
func (s *somebody) historyRule(t *testing.T, ref clientrpc.GroupRef, rule string) {
	t.Helper()
	g := s.dinner(t, ref)
	g.Rules.History = rule
	must(t, callOf(s.Client, clientrpc.PolicyGroup, clientrpc.PolicyGroupParams{GroupRef: ref, Rules: g.Rules})())
}

// joinsOf is invited by a host, and accepts.
func (s *somebody) joinsOf(t *testing.T, host *somebody, ref clientrpc.GroupRef, size int) {
	t.Helper()
	must(t, callOf(host.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{s.acc.Fingerprint}})())
	until(t, s.acc.Name+" is invited", func() bool { return s.dinner(t, ref).Role == clientrpc.RoleInvited })
	s.joinsDinner(t, ref, size)
}

// scrolls reads a chat page by page, as a face does, until a page is short; the texts,
// oldest first, and what is said of what is before.
func (s *somebody) scrolls(t *testing.T, id chat.Hash) (texts []string, said string) {
	t.Helper()
	p := clientrpc.HistoryParams{Chat: omega.ChatID(id[:16]).String(), Count: 7}
	for {
		r, err := clientrpc.History.Call(t.Context(), s.Client, p)
		must(t, err)
		var page []string
		for _, m := range r.Messages {
			if m.Kind == string(chat.KindText) && m.Verified {
				page = append(page, m.Text)
			}
		}
		texts = append(page, texts...)
		if len(r.Messages) < p.Count {
			return texts, r.Earlier
		}
		p.Before = r.Messages[0].ID
	}
}

func numbered(from, to int) (out []string) {
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprint("m", n))
	}
	return out
}

// TestEarlierPages: a newcomer that scrolls up gets what was before, as far as the rules
// give it, in order, from a member who has it where another one is away, and as nothing
// new; what nobody gives is said. (spec/group.md, GROUP-48 to GROUP-50)
func TestEarlierPages(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := p.gathers(t, ann, bob)
	id, at := g.id, omega.ChatID(g.id[:16])
	ann.historyRule(t, g.ref, "9")
	all := numbered(1, 30)
	for i, text := range all {
		[]*somebody{ann, bob}[i%2].writes(t, id, text)
	}
	ann.reads(t, id, all...)
	bob.reads(t, id, all...)
	cat.joinsOf(t, ann, g.ref, 3)
	cat.reads(t, id, all[21:]...)

	// No more than the rules give.
	if got, said := cat.scrolls(t, id); !slices.Equal(got, all[21:]) || said != "" {
		t.Fatalf("with 9 it reads %q, and %q", got, said)
	}
	ann.historyRule(t, g.ref, "all")
	until(t, "the rule is here", func() bool { return cat.dinner(t, g.ref).Rules.History == "all" })

	// The member who wrote last is away: the other one gives.
	bob.stop()
	unread := cat.unreadIn(t, at)
	if got, said := cat.scrolls(t, id); !slices.Equal(got, all) || said != "" {
		t.Errorf("it reads %q, and %q", got, said)
	}
	if now := cat.unreadIn(t, at); now != unread {
		t.Errorf("%d are unread, were %d", now, unread)
	}
	must(t, cat.db.View(t.Context(), func(tx *history.Tx) error {
		ch, err := tx.Chat(at)
		must(t, err)
		if last := ch.Last; !last.Service && last.Content.Text != all[29] {
			t.Errorf("the last is %+v", last)
		}
		e, err := tx.Earlier(id)
		if err != nil || !e.Whole || e.Giver != ann.acc.Fingerprint {
			t.Errorf("%+v, %v", e, err)
		}
		return err
	}))
}

// TestEarlierIsLost: what no member has is said to be lost; who is away for a while is
// not taken for one that has nothing. (spec/group.md, GROUP-50)
func TestEarlierIsLost(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := p.gathers(t, ann)
	ann.historyRule(t, g.ref, "7")
	all := numbered(1, 12)
	for _, text := range all {
		ann.writes(t, g.id, text)
	}
	bob.joinsOf(t, ann, g.ref, 2)
	bob.reads(t, g.id, all[5:]...)
	cat.joinsOf(t, bob, g.ref, 3)
	cat.reads(t, g.id, all[5:]...)
	until(t, "ann knows cat", func() bool { return ann.dinner(t, g.ref).Size == 3 })
	ann.historyRule(t, g.ref, "all")
	until(t, "the rule is known", func() bool {
		return cat.dinner(t, g.ref).Rules.History == "all" && bob.dinner(t, g.ref).Rules.History == "all"
	})
	ann.stop()
	if got, said := cat.scrolls(t, g.id); !slices.Equal(got, all[5:]) || said != clientrpc.EarlierMissing {
		t.Errorf("it reads %q, and %q", got, said)
	}
	must(t, cat.db.Update(t.Context(), func(tx *history.Tx) error { // ann answers that it has nothing
		m := &chat.Message{From: ann.acc.Fingerprint, Peer: ann.acc.Fingerprint, Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: g.id}}}
		b, err := cat.bookOf(t.Context(), tx, omega.ChatID(g.id[:16]))
		must(t, err)
		m.Content.Group.Earlier = &chat.Earlier{Before: b.Before, Time: b.Time, End: chat.EarlierAllowed}
		unasked := *m
		unasked.From = signer(t, 9)
		must(t, (&taken{c: cat.Client}).takeEarlier(tx, &unasked))
		if again, err := tx.Earlier(g.id); err == nil && len(again.Without) > 1 {
			t.Errorf("who was not asked answers: %+v", again)
		}
		return (&taken{c: cat.Client}).takeEarlier(tx, m)
	}))
	if got, said := cat.scrolls(t, g.id); !slices.Equal(got, all[5:]) || said != clientrpc.EarlierLost {
		t.Errorf("it reads %q, and %q", got, said)
	}
}

// TestEarlierIsBounded: who asks without end is given a page a second, and nothing to who
// is no member. (spec/group.md, GROUP-49)
func TestEarlierIsBounded(t *testing.T) {
	p := newPost(t)
	ann, bob, eve := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "eve")
	g := p.gathers(t, ann, bob)
	ann.historyRule(t, g.ref, "all")
	must(t, ann.db.Update(t.Context(), func(tx *history.Tx) error {
		l, err := ann.groupIn(tx, g.id)
		must(t, err)
		joined := l.joined(bob.acc.Fingerprint)
		for who, want := range map[omega.Fingerprint]bool{bob.acc.Fingerprint: true, eve.acc.Fingerprint: false} {
			m := &chat.Message{From: who, Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: g.id, Earlier: &chat.Earlier{Time: time.Now().Add(time.Hour), Count: 9}}}}
			page, err := ann.pageFor(tx, m)
			must(t, err)
			if (page != nil) != want || page != nil && !page.Until.Equal(joined) {
				t.Errorf("%s is given %+v", who, page)
			}
		}
		return nil
	}))
	given, now, times := answers{}, time.Now(), 0
	turn := repetition{device: bob.acc.Device, sequence: pagesKind}
	for range 100 {
		if given.mayAfter(turn, now, pagesApart) {
			times++
		}
		now = now.Add(pagesApart / 10)
	}
	if times != 10 {
		t.Errorf("%d pages in ten seconds", times)
	}
}

// TestWelcomeInTime: that newcomers could not be looked up in time keeps nobody from being
// welcomed whose certificate is here. (spec/group.md, GROUP-51)
func TestWelcomeInTime(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	g := p.gathers(t, ann, bob)
	bob.stop()
	var accepts []*group.Op
	must(t, ann.db.Update(t.Context(), func(tx *history.Tx) error {
		l, err := ann.groupIn(tx, g.id)
		must(t, err)
		for _, o := range l.Ops() {
			if o.Type == group.TypeAccept {
				accepts = append(accepts, o)
			}
		}
		return nil
	}))
	keys := 0
	p.edit(func() {
		p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
			if v, err := wire.ParseEnvelope(env); err == nil && device == bob.acc.Device && chat.PayloadKind(v.Payload()[0]) == chat.PayloadGroupKey {
				keys++
			}
			return [][]byte{env}
		}
	})
	must(t, ann.welcome(t.Context(), 0, g.id, accepts))
	until(t, "the key is on its way", func() (sent bool) {
		p.edit(func() { sent = keys > 0 })
		return sent
	})
}

// unreadIn is how many messages of a chat are unread.
func (s *somebody) unreadIn(t *testing.T, at omega.ChatID) (n int) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		ch, err := tx.Chat(at)
		must(t, err)
		n = ch.Unread
		return nil
	}))
	return n
}

// A gathering is a group of somebodies.
type gathering struct {
	id  chat.Hash
	ref clientrpc.GroupRef
}

func (p *post) gathers(t *testing.T, host *somebody, others ...*somebody) (g gathering) {
	t.Helper()
	g.ref = newDinner(t, host, others...)
	b, err := hex.DecodeString(g.ref.Group)
	must(t, err)
	g.id = chat.Hash(b)
	for _, s := range others {
		must(t, callOf(s.Client, clientrpc.AcceptGroup, g.ref)())
	}
	for _, s := range append(others, host) {
		until(t, s.acc.Name+" sees all", func() bool { got := s.dinner(t, g.ref); return got.Size == 1+len(others) && !got.Waiting })
	}
	return g
}
