package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestLinesOfAChannel: what is noted of a channel says that it is one, and so does what
// invites to it; of a group it does not. (spec/chat.md, CHAT-68)
func TestLinesOfAChannel(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	for _, channel := range []bool{true, false} {
		create := clientrpc.CreateGroupParams{Name: "公告", Channel: channel, Members: []omega.Fingerprint{bob.acc.Fingerprint}}
		var err error
		create.ID, err = ann.newID()
		must(t, err)
		g, err := clientrpc.CreateGroup.Call(t.Context(), ann.Client, create)
		must(t, err)
		title := "新公告"
		must(t, callOf(ann.Client, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Name: &title})())
		h, err := clientrpc.History.Call(t.Context(), ann.Client, clientrpc.HistoryParams{Chat: g.Chat.String()})
		must(t, err)
		kinds := 0
		for _, m := range h.Messages {
			if m.Service {
				kinds++
				if m.Channel != channel {
					t.Errorf("%s of a channel (%t): %t", m.Kind, channel, m.Channel)
				}
			}
		}
		if kinds < 2 {
			t.Errorf("%d lines: %+v", kinds, h.Messages)
		}
		var invited clientrpc.Message
		until(t, "bob is invited", func() bool {
			h, err := clientrpc.History.Call(t.Context(), bob.Client, clientrpc.HistoryParams{Chat: ann.acc.Fingerprint.String()})
			for _, m := range h.Messages {
				if m.Group == g.ID {
					invited = m
				}
			}
			return err == nil && invited.Group != ""
		})
		if invited.Channel != channel {
			t.Errorf("the invitation to a channel (%t): %+v", channel, invited)
		}
	}
}
