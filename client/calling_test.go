package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestSelfChosenNames: who is in a group without ever having written is called as it
// calls itself, and that is said to be its word; a name of a key record goes before it,
// and what this account calls people before all. (spec/group.md, GROUP-36)
func TestSelfChosenNames(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "登山社")
	bo := p.newStranger(t, c, "Bo writes")
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint, bo.id}})
	accept, err := f.log.Next(group.Party{Account: bo.id, Device: bo.me.Device()}, time.Now(), group.Op{Type: group.TypeAccept, Called: "Bo"})
	must(t, err)
	must(t, accept.Sign(t.Context(), bo.me.Signer))
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0], invite, accept)...)
	member := func(who omega.Fingerprint) (out clientrpc.GroupMember) {
		r, err := clientrpc.GroupMembers.Call(t.Context(), c, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: "登山社"}})
		for _, m := range r.Members {
			if err == nil && m.Account == who {
				out = m
			}
		}
		return out
	}
	is := func(what, name string, self bool) {
		t.Helper()
		until(t, what, func() bool { m := member(bo.id); return m.Name == name && m.SelfNamed == self })
	}
	is("named as it accepted", "Bo", true)
	p.push(t, bo.seal(t, c, "hello")...)
	is("named as it wrote later", "Bo writes", true)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.hearNames(tx, []*group.Op{accept}) }))
	is("an operation changes no name that was heard", "Bo writes", true)
	ref := clientrpc.ContactRef{Account: bo.id.String()}
	_, err = clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: ref})
	must(t, err)
	is("a contact", "Bo writes", false)
	_, err = clientrpc.NameContact.Call(t.Context(), c, clientrpc.NameContactParams{ContactRef: ref, Petname: "阿波"})
	must(t, err)
	is("a contact with a name here", "阿波", false)
	if me := member(c.acc.Fingerprint); me.Name != c.acc.Name || me.SelfNamed {
		t.Errorf("this account: %+v", me)
	}
	if m := member(f.id); m.Name != "founder" || !m.SelfNamed {
		t.Errorf("who invited: %+v", m)
	}
}

// TestAskedGroupsAreListed: a group that this account asked to be let into stands in both
// lists by the name in the link, until it is in, and says what comes of it. (GROUP-37)
func TestAskedGroupsAreListed(t *testing.T) {
	c, _ := newStillCore(t)
	l := groupLink{Group: chat.Hash{1, 2}, Ticket: chat.Ticket{3}, Maker: signer(t, 1), Name: "登山社"}
	g := &history.Group{ID: l.Group, Ticket: l.Ticket, Maker: l.Maker, Title: l.Name}
	put := func() {
		t.Helper()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			if err := tx.PutGroup(g); err != nil {
				return err
			}
			return c.listAsked(tx, g)
		}))
	}
	is := func(role string) {
		t.Helper()
		groups, err := clientrpc.Groups.Call(t.Context(), c, clientrpc.Page{})
		must(t, err)
		if len(groups.Groups) != 1 || groups.Groups[0].Name != "登山社" || groups.Groups[0].Role != role {
			t.Errorf("groups: %+v", groups.Groups)
		}
		chats, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
		must(t, err)
		if len(chats.Chats) != 1 || chats.Chats[0].Name != "登山社" || chats.Chats[0].Role != role || chats.Chats[0].Kind != clientrpc.ChatGroup {
			t.Errorf("chats: %+v", chats.Chats)
		}
	}
	put()
	is(clientrpc.RoleAsking)
	if got, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: "登山社"}); err != nil || got.ID != l.Group.String() {
		t.Errorf("by its name: %+v, %v", got, err)
	}
	g.Ticket, g.Refuser, g.Refused = chat.Ticket{}, l.Maker, time.Now()
	put()
	is(clientrpc.RoleRefused)
}

// TestRequestsAreCounted: who decides sees in the list of chats how many wait, and all of
// them at once, called as they call themselves or as who passed it on says. (GROUP-37, CHAT-86)
func TestRequestsAreCounted(t *testing.T) {
	c, clock := newStillCore(t)
	g, l := linked(t, c)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		must(t, heardName(tx, signer(t, 2), "二"))
		for i, called := range []string{"一", "other", c.acc.Name, "\u3164"} {
			r := &history.GroupAccount{Group: l.Group, Account: signer(t, byte(i)+1), Text: "請讓我進來", Time: clock.time(), Ticket: l.Ticket, Called: called}
			must(t, tx.PutGroupRequest(r))
		}
		return nil
	}))
	chats, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
	must(t, err)
	if len(chats.Chats) != 1 || chats.Chats[0].Requests != 4 || chats.Chats[0].Role != "" {
		t.Errorf("chats: %+v", chats.Chats)
	}
	r, err := clientrpc.GroupRequests.Call(t.Context(), c, clientrpc.GroupListParams{})
	must(t, err)
	called := map[omega.Fingerprint]string{signer(t, 1): "一", signer(t, 2): "二", signer(t, 3): c.acc.Name, signer(t, 4): ""} // nothing can be seen of the name of the last one
	for _, q := range r.Requests {
		if q.Group != l.Group.String() || q.Title != g.Name || q.Name != called[q.Account] || q.SelfNamed != (q.Name != "") {
			t.Errorf("%+v", q)
		}
		if like := len(q.Similar) > 0; like != (q.Name == c.acc.Name) { // called as this account is
			t.Errorf("%s looks like %v", q.Name, q.Similar)
		}
		delete(called, q.Account)
	}
	if len(called) > 0 {
		t.Errorf("%v are missing", called)
	}
	// A group where this account does not decide.
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.PutGroupRequest(&history.GroupAccount{Group: chat.Hash{9}, Account: signer(t, 1), Time: clock.time()})
	}))
	if r, err := clientrpc.GroupRequests.Call(t.Context(), c, clientrpc.GroupListParams{}); err != nil || len(r.Requests) != 4 {
		t.Errorf("with one that others answer: %+v, %v", r.Requests, err)
	}
	must(t, c.forgetRequests(t.Context(), l.Group, []omega.Fingerprint{signer(t, 1), signer(t, 2), signer(t, 3), signer(t, 4)}))
	if chats, err = clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{}); err != nil || chats.Chats[0].Requests != 0 {
		t.Errorf("chats: %+v, %v", chats.Chats, err)
	}
}
