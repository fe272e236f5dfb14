package client

import (
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// TestChatCodes: the beginning of an id means the one chat that has it, a name comes
// first, and several are said. (spec/chat.md, CHAT-88)
func TestChatCodes(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	ids := []omega.ChatID{{0xab, 0xcd, 1}, {0xab, 0xcd, 2}, {0xab, 0xce}}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		for i, id := range ids {
			if err := tx.PutGroupChat(id, []string{"山", "海", "abce"}[i]); err != nil {
				return err
			}
			group := chat.Hash{}
			copy(group[:], id[:])
			if err := tx.PutGroup(&history.Group{ID: group, Title: []string{"山", "海", "ffff"}[i]}); err != nil {
				return err
			}
		}
		return nil
	}))
	doing := i18n.T("doing.chat")
	for _, tt := range []struct {
		typed string
		want  omega.ChatID
		err   string
	}{
		{"abcd01", ids[0], ""}, {"ABCD02", ids[1], ""}, {"abce", ids[2], ""}, {ids[1].String(), ids[1], ""}, {"海", ids[1], ""},
		{ids[0].String() + strings.Repeat("0", 4), ids[0], ""}, // of a group
		{"ffff", ids[2], ""}, // its name
		{"abcd", omega.ChatID{}, "why.manychats"}, {"abc", omega.ChatID{}, "why.nobody"}, {"abcd03", omega.ChatID{}, "why.nobody"}, {"xyzt", omega.ChatID{}, "why.nobody"},
		{strings.Repeat("ab", 40), omega.ChatID{}, "why.nobody"}, {"", omega.ChatID{}, "why.nobody"},
	} {
		got, err := c.chatID(doing, tt.typed)
		var e *clientrpc.Error
		errors.As(err, &e)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (e == nil || e.Why.Key != tt.err) {
			t.Errorf("%q: %v, %v", tt.typed, got, err)
		}
		if tt.err == "why.manychats" {
			if said := e.Why.In(i18n.English); !strings.Contains(said, ids[0].String()+" 山") || !strings.Contains(said, ids[1].String()+" 海") || strings.Contains(said, ids[2].String()) {
				t.Errorf("candidates: %s", said)
			}
		}
		if group, err := c.groupRef(t.Context(), doing, tt.typed); tt.err == "" && (err != nil || string(group[:16]) != string(tt.want[:])) {
			t.Errorf("group %q: %v, %v", tt.typed, group, err)
		}
	}
}

// TestSecureByName: a name behind secure: means the secure chat of that contact, and a
// name alone never does. (spec/chat.md, CHAT-87)
func TestSecureByName(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	ref := clientrpc.ContactRef{Account: s.id.String()}
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: ref, Petname: "小美"})
	must(t, err)
	doing := i18n.T("doing.chat")
	direct, secret := omega.DirectChat(c.acc.Fingerprint, s.id), c.secureChat(s.id)
	for typed, want := range map[string]omega.ChatID{
		"小美": direct, "secure:小美": secret, "密:小美": secret, "密：小美": secret, "secure:" + s.id.String(): secret, s.id.String(): direct,
	} {
		if got, err := c.chatID(doing, typed); err != nil || got != want {
			t.Errorf("%s: %v, %v", typed, got, err)
		}
		d, err := c.resolve(t.Context(), typed)
		if err != nil || d.peer != s.id || d.secure != (want == secret) {
			t.Errorf("to %s: %+v, %v", typed, d, err)
		}
	}
	if _, err := c.chatID(doing, "密:誰"); !isNobody(err) {
		t.Errorf("nobody: %v", err)
	}
	// A group may be called so.
	id := omega.ChatID{1}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		if err := tx.PutGroupChat(id, "密:家人"); err != nil {
			return err
		}
		return tx.PutGroup(&history.Group{ID: chat.Hash{1}, Title: "密:家人"})
	}))
	if got, err := c.chatID(doing, "密:家人"); err != nil || got != id {
		t.Errorf("a group: %v, %v", got, err)
	}
}
