package client

import (
	"crypto/rand"
	"fmt"
	"slices"
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

// A founder makes a group and its operations as the stranger's client would.
type founder struct {
	*stranger
	log *group.Log
}

func newFounder(t *testing.T, s *stranger, name string) *founder {
	t.Helper()
	o, err := group.Genesis(rand.Reader, group.Op{Author: group.Party{Account: s.id, Device: s.me.Device()}, Time: time.Now(), Profile: group.Profile{Name: name}})
	must(t, err)
	must(t, o.Sign(t.Context(), s.me.Signer))
	log, err := group.NewLog(o)
	must(t, err)
	return &founder{s, log}
}

// next makes an operation, signed by whoever; the log has it afterwards.
func (f *founder) next(t *testing.T, by pgp.Signer, o group.Op) *group.Op {
	t.Helper()
	made, err := f.log.Next(group.Party{Account: f.id, Device: f.me.Device()}, time.Now(), o)
	must(t, err)
	must(t, made.Sign(t.Context(), by))
	_, err = f.log.Add(made)
	must(t, err)
	return made
}

// tell makes the mail with operations.
func (f *founder) tell(t *testing.T, c *Client, kind chat.Kind, ops ...*group.Op) []wire.Mail {
	t.Helper()
	g := &chat.GroupNews{ID: chat.Hash(f.log.ID())}
	for _, o := range ops {
		g.Operations = append(g.Operations, o.Marshal())
	}
	_, mails := f.say(t, c, &chat.Content{Kind: kind, Text: "g", Group: g})
	return mails
}

// operations is how many of a group's operations are here.
func (c *Client) operations(t *testing.T, id group.Hash) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		ops, err := tx.Operations(chat.Hash(id))
		n = len(ops)
		return err
	}))
	return n
}

// TestGroupOperationsProve: an operation counts for its signature, whoever sends
// it; what comes before its past waits and is asked for.
func TestGroupOperationsProve(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "登山社")
	id := f.log.ID()
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0], invite)...)
	until(t, "invited", func() bool {
		g, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: "登山社"})
		return err == nil && g.Role == clientrpc.RoleInvited && g.Operations == 2
	})

	// Somebody else's signature under the founder's name.
	other := p.newStranger(t, c, "other")
	forger := &founder{f.stranger, nil}
	forger.log, _ = group.NewLog(f.log.Ops()[0])
	forger.log.Add(invite)
	forged := forger.next(t, other.me.Signer, group.Op{Type: group.TypeDissolve})
	late := f.next(t, f.me.Signer, group.Op{Type: group.TypeProfile, Profile: group.Profile{Name: "first"}})
	last := f.next(t, f.me.Signer, group.Op{Type: group.TypeProfile, Profile: group.Profile{Name: "second"}})
	// The child comes before its parent, by way of somebody who is in nothing.
	p.push(t, (&founder{other, f.log}).tell(t, c, chat.KindGroup, forged, last)...)
	until(t, "the missing one is wanted", func() bool {
		var want []history.GroupAccount
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			want, err = tx.WantedOperations(9)
			return err
		}))
		return len(want) == 1 && want[0].Group == chat.Hash(id) && want[0].Account == other.id
	})
	p.push(t, f.tell(t, c, chat.KindGroup, late, last)...)
	until(t, "both are in their place", func() bool { return c.operations(t, id) == 4 })
	g, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
	if err != nil || g.Name != "second" || g.Dissolved {
		t.Errorf("%+v, %v", g, err)
	}
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		if want, err := tx.WantedOperations(9); err != nil || len(want) != 0 {
			t.Errorf("still wanted: %v, %v", want, err)
		}
		return nil
	}))

	// What this account may not do is refused and leaves nothing behind.
	_, err = clientrpc.EndGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
	wantCode(t, "dissolve", err, clientrpc.CodeRefused)
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: chat.Hash(id).String()[:32], Text: "x"})
	wantCode(t, "write", err, clientrpc.CodeNotFound)
	if n := c.operations(t, id); n != 4 {
		t.Errorf("%d operations", n)
	}
}

// TestGroupMergesHeads: after more people accepted at once than a message can name,
// the next message brings what puts them into one past.
func TestGroupMergesHeads(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "里民")
	id, genesis := f.log.ID(), f.log.Ops()[0]
	people := []omega.Fingerprint{c.acc.Fingerprint}
	var guests []*stranger
	for i := range 36 {
		s := p.newStranger(t, c, fmt.Sprint("guest ", i))
		guests, people = append(guests, s), append(people, s.id)
	}
	slices.SortFunc(people, omega.Fingerprint.Compare)
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: people})
	ops := []*group.Op{genesis, invite}
	for _, s := range guests { // each knows the invitation only
		apart, err := group.NewLog(genesis)
		must(t, err)
		_, err = apart.Add(invite)
		must(t, err)
		accept, err := apart.Next(group.Party{Account: s.id, Device: s.me.Device()}, time.Now(), group.Op{Type: group.TypeAccept})
		must(t, err)
		must(t, accept.Sign(t.Context(), s.me.Signer))
		ops = append(ops, accept)
	}
	p.push(t, f.tell(t, c, chat.KindGroupInvite, ops...)...)
	until(t, "all operations are here", func() bool { return c.operations(t, id) == len(ops) })
	_, err := clientrpc.AcceptGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
	must(t, err)
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{7}, To: chat.Hash(id).String()[:32], Text: "大家好", Wait: "none"})
	must(t, err)
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		l, err := loadGroup(tx, chat.Hash(id))
		must(t, err)
		m, err := tx.Message(omega.ID{7})
		must(t, err)
		if n := len(l.Heads()); n > chat.MaxHeads {
			t.Errorf("%d heads", n)
		}
		if g := m.Content.Group; g == nil || len(g.Operations) != l.Len()-len(ops)-1 || len(g.Operations) == 0 {
			t.Errorf("the message brings %+v, made were %d", g, l.Len()-len(ops)-1)
		}
		if s := l.State(); s.Role(c.acc.Fingerprint) != group.RoleMember || len(s.Members) != 38 {
			t.Errorf("%d members", len(s.Members))
		}
		return nil
	}))
}

// TestGroupLinesAndRequests: what operations do stands in the chat as lines, what
// was before this account came does not; requests to join are taken from who may
// invite, and are over when somebody else has invited.
func TestGroupLinesAndRequests(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "登山社")
	outside := &founder{p.newStranger(t, c, "outside"), f.log}
	asker := p.newStranger(t, c, "asker")
	id := f.log.ID()
	ref := clientrpc.GroupRef{Group: id.String()}
	at := chat.Hash(id).String()[:32]
	genesis := f.log.Ops()[0]
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	early := f.next(t, f.me.Signer, group.Op{Type: group.TypeProfile, Profile: group.Profile{Name: "早先的名字"}})
	p.push(t, f.tell(t, c, chat.KindGroupInvite, genesis, invite, early)...)
	until(t, "invited", func() bool { return c.operations(t, id) == 3 })
	_, err := clientrpc.AcceptGroup.Call(t.Context(), c, ref)
	must(t, err)
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error { // the founder learns of it
		ops, err := tx.Operations(chat.Hash(id))
		must(t, err)
		o, err := group.Parse(ops[3].Data)
		must(t, err)
		_, err = f.log.Add(o)
		return err
	}))
	pass := func(from *founder, text string) {
		t.Helper()
		_, mails := from.say(t, c, &chat.Content{Kind: chat.KindGroupJoin, Text: text, Group: &chat.GroupNews{ID: chat.Hash(id), Ticket: chat.Ticket{1}, Asker: asker.id}})
		p.push(t, mails...)
	}
	requests := func() []clientrpc.GroupRequest {
		t.Helper()
		got, err := clientrpc.GroupRequests.Call(t.Context(), c, clientrpc.GroupListParams{GroupRef: ref})
		must(t, err)
		return got.Requests
	}
	admin := f.next(t, f.me.Signer, group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	renamed := f.next(t, f.me.Signer, group.Op{Type: group.TypeProfile, Profile: group.Profile{Name: "爬山社"}})
	p.push(t, f.tell(t, c, chat.KindGroup, admin, renamed)...)
	until(t, "an admin", func() bool { return c.operations(t, id) == 6 })
	pass(outside, "不是成員說的")
	pass(f, "讓我加入")
	until(t, "the request is here", func() bool { return len(requests()) > 0 })
	if r := requests(); len(r) != 1 || r[0].Account != asker.id || r[0].Text != "讓我加入" {
		t.Errorf("%+v", r)
	}
	p.push(t, f.tell(t, c, chat.KindGroup, f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{asker.id}}))...)
	until(t, "it is over", func() bool { return len(requests()) == 0 })

	h, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: at, Count: 50})
	must(t, err)
	want := []string{history.LineJoined, history.LineMadeAdmin, history.LineRenamed}
	var got []string
	for _, m := range h.Messages {
		if m.Service {
			got = append(got, m.Kind)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("lines %v, want %v", got, want)
	}
	made := h.Messages[len(h.Messages)-2]
	if made.From != f.id || made.Mine || made.AboutCount != 1 || len(made.About) != 1 || !made.About[0].This || h.Messages[len(h.Messages)-1].Text != "爬山社" {
		t.Errorf("%+v", made)
	}
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 50})
	must(t, err)
	told := 0
	for _, m := range r.Messages {
		if m.Service {
			told++
		}
	}
	if told != 2 { // what this account did itself it knows
		t.Errorf("%d lines are given to a reader", told)
	}
	_, err = clientrpc.React.Call(t.Context(), c, clientrpc.ReactParams{ID: omega.ID{9}, MessageRef: clientrpc.MessageRef{Message: made.ID, Chat: at}, Emoji: []string{"👍"}})
	wantCode(t, "react to a line", err, clientrpc.CodeRefused)
}

// TestGroupBeforeItsGenesis: operations that come while the genesis, by somebody who
// is not known yet, is still being proven wait for it, whatever comes behind them.
func TestGroupBeforeItsGenesis(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "里民")
	bearer := &founder{p.newStranger(t, c, "bearer"), f.log}
	var people []omega.Fingerprint
	for i := range 3 {
		people = append(people, p.newStranger(t, c, fmt.Sprint("guest ", i)).id)
	}
	id, genesis := f.log.ID(), f.log.Ops()[0]
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	early := []*group.Op{invite}
	for _, who := range people {
		early = append(early, f.next(t, f.me.Signer, group.Op{Type: group.TypeBan, Accounts: []omega.Fingerprint{who}}))
	}
	mails := bearer.tell(t, c, chat.KindGroup, genesis)
	for _, o := range early { // none of them has a signer that needs to be looked up but for the genesis'
		mails = append(mails, bearer.tell(t, c, chat.KindGroup, o)...)
	}
	p.push(t, mails...)
	until(t, "all are in their place", func() bool { return c.operations(t, id) == 1+len(early) })
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		want, err := tx.WantedOperations(9)
		if err == nil && len(want) != 1 { // of the bearer, who may know more
			t.Errorf("wanted: %v", want)
		}
		return err
	}))
}
