package client

import (
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// say seals any content as the stranger's client would.
func (s *stranger) say(t *testing.T, c *Client, content *chat.Content) (*chat.Message, []wire.Mail) {
	t.Helper()
	sealed, err := s.sender.Seal(t.Context(), time.Now(), s.roster, content)
	must(t, err)
	var out []wire.Mail
	if sealed.KeyRecord != nil {
		out = append(out, s.mail(t, c, sealed.KeyID, sealed.KeyRecord))
	}
	return sealed.Message, append(out, s.mail(t, c, sealed.Message.ID, sealed.Payload))
}

// shown is a message as faces get it.
func (c *Client) shown(id omega.ID) (clientrpc.Message, error) {
	return clientrpc.Show.Call(context.Background(), c, clientrpc.MessageRef{Message: id})
}

// TestOperationsOfBoth: the other side edits, this side reacts and pins; only
// what may be done is.
func TestOperationsOfBoth(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	m, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "第一版 #早安", Entities: []chat.Entity{{Type: chat.EntityHashtag, Offset: 4, Length: 3}}})
	_, edit := s.say(t, c, &chat.Content{Kind: chat.KindEdit, Text: "第二版", Edit: &chat.Edit{Target: m.Link(), Version: 1}})
	p.push(t, append(mails, edit...)...)
	until(t, "edited", func() bool {
		got, err := c.shown(m.ID)
		return err == nil && got.Text == "第二版" && !got.Edited.IsZero() && len(got.Entities) == 0
	})
	send := func(name string, id byte, call func(id omega.ID) error, code string) {
		t.Helper()
		if err := call(omega.ID{id}); code != "" {
			wantCode(t, name, err, code)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ref := clientrpc.MessageRef{Message: m.ID}
	react := func(emoji ...string) func(omega.ID) error {
		return func(id omega.ID) error {
			return callOf(c, clientrpc.React, clientrpc.ReactParams{ID: id, MessageRef: ref, Emoji: emoji})()
		}
	}
	send("react", 1, react("推"), "")
	send("react again", 2, react("👍", "👍"), "")
	send("the same call", 2, react("👍"), "")
	send("words", 3, react("hello"), clientrpc.CodeUsage)
	send("edit somebody else's", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Edit, clientrpc.EditParams{ID: id, MessageRef: ref, Text: "x"})()
	}, clientrpc.CodeRefused)
	send("take back somebody else's", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Remove, clientrpc.RemoveParams{ID: id, Messages: []omega.ID{m.ID}})()
	}, clientrpc.CodeRefused)
	send("take back nothing", 3, func(id omega.ID) error { return callOf(c, clientrpc.Remove, clientrpc.RemoveParams{ID: id})() }, clientrpc.CodeUsage)
	send("vote on a text", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Vote, clientrpc.VoteParams{ID: id, MessageRef: ref, Options: []int{0}})()
	}, clientrpc.CodeUsage)
	send("entities outside", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: s.id.String(), Text: "x", Entities: []clientrpc.Entity{{Type: "bold", Length: 2}}})()
	}, clientrpc.CodeUsage)
	send("entities unheard of", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: s.id.String(), Text: "x", Entities: []clientrpc.Entity{{Type: "loud", Length: 1}}})()
	}, clientrpc.CodeUsage)
	send("far ahead", 3, func(id omega.ID) error {
		return callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: s.id.String(), Text: "x", At: time.Now().Add(2 * clientrpc.MaxAhead)})()
	}, clientrpc.CodeUsage)
	send("pin", 4, func(id omega.ID) error {
		return callOf(c, clientrpc.Pin, clientrpc.PinParams{ID: id, MessageRef: ref, Pinned: true})()
	}, "")
	got, err := c.shown(m.ID)
	if err != nil || len(got.Reactions) != 1 || len(got.Reactions[0].Emoji) != 1 || got.Reactions[0].Emoji[0] != "👍" || !got.Pinned {
		t.Errorf("%+v, %v", got, err)
	}
	_, gone := s.say(t, c, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{m.Link()}}})
	p.push(t, gone...)
	until(t, "taken back", func() bool {
		got, err := c.shown(m.ID)
		return err == nil && got.Deleted && got.Text == "" && len(got.Reactions) == 0
	})
	send("react to what is gone", 5, react("👍"), clientrpc.CodeRefused)
}

// TestNothingActsUnverified: an operation whose signature is not good changes
// nothing, and nothing is said of a message that is not verified.
func TestNothingActsUnverified(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	m, mails := s.say(t, c, chat.NewText("early"))
	late, future := (*chat.Message)(nil), []wire.Mail(nil)
	{
		sealed, err := s.sender.Seal(t.Context(), time.Now().Add(time.Hour), s.roster, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{m.Link()}}})
		must(t, err)
		late, future = sealed.Message, []wire.Mail{s.mail(t, c, sealed.Message.ID, sealed.Payload)}
	}
	p.push(t, append(mails, future...)...)
	var got []clientrpc.Message
	until(t, "both", func() bool {
		r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 9, Timeout: time.Second})
		must(t, err)
		got = append(got, r.Messages...)
		return len(got) == 2
	})
	if got[1].ID != late.ID || got[1].Problem != clientrpc.ProblemClock || got[1].Kind != "delete" {
		t.Errorf("%+v", got[1])
	}
	if m, err := c.shown(m.ID); err != nil || m.Deleted || m.Text != "early" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestSavedMessages: an account with one device writes to itself; nothing leaves
// it.
func TestSavedMessages(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	before := len(p.frames(wire.TypeSend))
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: c.acc.Fingerprint.String(), Text: "買蛋", Wait: clientrpc.StateStored, Timeout: time.Minute})
	if err != nil || r.State != clientrpc.StateStored || r.Chat != c.selfChat() {
		t.Fatalf("%+v, %v", r, err)
	}
	archived := true
	ch, err := clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: r.Chat.String(), Archived: &archived})
	if err != nil || ch.Kind != clientrpc.ChatSaved || !ch.Archived || ch.Last == nil || ch.Last.Text != "買蛋" {
		t.Errorf("%+v, %v", ch, err)
	}
	if n := len(p.frames(wire.TypeSend)); n != before {
		t.Errorf("%d envelopes left", n-before)
	}
}
