package client

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestNamesFillNoChat: whoever takes another name with each message gets a line or two.
// (spec/chat.md, CHAT-99)
func TestNamesFillNoChat(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	bo := p.newStranger(t, c, "阿波")
	p.push(t, bo.seal(t, c, "hi")...)
	until(t, "wrote", func() bool { return c.contactOf(t, bo.id).Name == "阿波" })
	for n := range 30 {
		p.push(t, bo.renamed(t, c, fmt.Sprint("name ", n))...)
	}
	at := omega.DirectChat(c.acc.Fingerprint, bo.id)
	until(t, "the last", func() bool { return c.contactOf(t, bo.id).Name == "name 29" })
	if lines := c.nameLines(t, at); len(lines) == 0 || len(lines) > 6 { // of two days, about midnight
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// TestNamesOfWhoMayWrite: in a group a change is noted of those who may write there, and
// nowhere of those who are blocked.
func TestNamesOfWhoMayWrite(t *testing.T) {
	c, clock := newStillCore(t)
	a, bob := newList(t, c), newIdentity(t, "bob")
	now := clock.time()
	a.does(t, c.identity(), now, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{bob.Account()}})
	a.does(t, bob, now.Add(time.Second), group.Op{Type: group.TypeAccept})
	calls := func(name string, want ...string) {
		t.Helper()
		clock.move(time.Minute)
		a.in(t, func(tx *history.Tx, _ *groupLog) error { return c.hearName(tx, bob.Account(), name, clock.time()) })
		if got := c.nameLines(t, omega.ChatID(a.id[:16])); !slices.Equal(got, want) {
			t.Errorf("called %s: %q, want %q", name, got, want)
		}
	}
	calls("bob")
	calls("a reader")
	a.does(t, c.identity(), clock.time(), group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: []omega.Fingerprint{bob.Account()}})
	calls("Bo", "a reader→Bo")
	must(t, c.change(t.Context(), chat.Setting{Name: chat.SettingBlocked, Subject: bob.Account().Wire(), Value: []byte{1}}))
	calls("Mum", "a reader→Bo")
}

// TestNamesMakeNoChat: who subscribes to a channel sees in it that one who writes there calls
// itself something else, and gets no chat with it, nor by a new device of it. (spec/chat.md,
// CHAT-42, CHAT-99)
func TestNamesMakeNoChat(t *testing.T) {
	p := newPost(t)
	ann, one := p.newSomebody(t, "ann"), p.newSomebody(t, "reader")
	id, link := newChannel(t, ann, "公告")
	one.subscribesTo(t, id, link)
	ann.writes(t, id, "before")
	one.reads(t, id, "before")
	ann.renames(t, "Anna")
	ann.writes(t, id, "after")
	one.reads(t, id, "before", "after")
	until(t, "the line is in the channel", func() bool {
		return slices.Equal(one.nameLines(t, omega.ChatID(id[:16])), []string{"ann→Anna"})
	})
	alone := ann.certificate()
	ann.second(t)
	must(t, one.db.Update(t.Context(), func(tx *history.Tx) error { return one.noteDevices(tx, alone, ann.certificate()) }))
	direct := omega.DirectChat(ann.acc.Fingerprint, one.acc.Fingerprint)
	if got := one.nameLines(t, direct); len(got) != 0 {
		t.Errorf("lines of the chat with her: %q", got)
	}
	chats, err := clientrpc.Chats.Call(t.Context(), one.Client, clientrpc.Page{})
	must(t, err)
	for _, ch := range chats.Chats {
		if ch.ID != omega.ChatID(id[:16]) && ch.ID != one.selfChat() || ch.Unread > 2 {
			t.Errorf("there is a chat %+v", ch)
		}
	}
}
