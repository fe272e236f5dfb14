package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// TestBlankNames: a name of which nothing can be seen is no name, whoever chose it, and
// nobody can give one here. (spec/chat.md, CHAT-86)
func TestBlankNames(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "\u3164")
	_, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "hi"})
	p.push(t, mails...)
	until(t, "it came", func() bool { return c.chatWith(t, s.id) != nil })
	if got := c.chatWith(t, s.id); got.Name != "" || got.Last.Name != "" || got.Last.SelfNamed {
		t.Errorf("the chat is called %+q, its last sender %+q (self-named %t)", got.Name, got.Last.Name, got.Last.SelfNamed)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return heardName(tx, s.id, "\u2800\u115f") }))
	if got := c.contactOf(t, s.id); got.Name != "" {
		t.Errorf("the account is called %+q", got.Name)
	}

	blank := "\u3164\u200b"
	ref := clientrpc.ContactRef{Account: s.id.String()}
	made, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: omega.ID{1}, Name: "登山"})
	must(t, err)
	for what, try := range map[string]func() error{
		"petname": func() error {
			_, err := clientrpc.NameContact.Call(t.Context(), c, clientrpc.NameContactParams{ContactRef: ref, Petname: blank})
			return err
		},
		"group": func() error {
			_, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: omega.ID{2}, Name: blank})
			return err
		},
		"renamed group": func() error {
			_, err := clientrpc.ProfileGroup.Call(t.Context(), c, clientrpc.ProfileGroupParams{GroupRef: clientrpc.GroupRef{Group: made.ID}, Name: &blank})
			return err
		},
		"device": func() error {
			_, err := clientrpc.Rename.Call(t.Context(), c, clientrpc.RenameParams{Device: c.acc.Device, Name: blank})
			return err
		},
		"folder": func() error {
			_, err := clientrpc.SetFolder.Call(t.Context(), c, clientrpc.SetFolderParams{ID: "0102030405060708", Title: blank})
			return err
		},
	} {
		if err := try(); codeOf(err) != clientrpc.CodeUsage {
			t.Errorf("%s called %+q: %v", what, blank, err)
		}
	}
	if err := checkNames(i18n.T("doing.init"), blank, "laptop"); codeOf(err) != clientrpc.CodeUsage {
		t.Errorf("an account called %+q: %v", blank, err)
	}
}
