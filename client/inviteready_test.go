package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
)

// TestInvitationIsReady: an invitation is given to a face when it can be accepted, which
// is when its operations are here, and not before, nor what its sender wrote behind it. (spec/group.md, GROUP-17)
func TestInvitationIsReady(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	bearer := p.newStranger(t, c, "bearer")
	f := newFounder(t, bearer, "登山社")
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0])...)
	p.push(t, bearer.seal(t, c, "come in")...)
	until(t, "both are here", func() bool {
		r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: bearer.id.String()})
		return err == nil && len(r.Messages) == 2
	})
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{})
	if must(t, err); len(r.Messages) > 0 {
		t.Errorf("shown before it can be accepted: %+v", r.Messages)
	}
	p.push(t, f.tell(t, c, chat.KindGroup, f.next(t, bearer.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}}))...)
	var got []clientrpc.Message
	for len(got) < 2 {
		r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Timeout: time.Minute})
		must(t, err)
		if len(r.Messages) == 0 {
			t.Fatal("nothing is shown")
		}
		got = append(got, r.Messages...)
	}
	g, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: f.log.ID().String()})
	if must(t, err); got[0].Kind != string(chat.KindGroupInvite) || got[1].Text != "come in" || g.Role != clientrpc.RoleInvited {
		t.Errorf("%+v of %+v", got, g)
	}
}

// TestInvitationToNothing: one to a group that never comes is shown all the same.
func TestInvitationToNothing(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	bearer := p.newStranger(t, c, "bearer")
	_, mails := bearer.say(t, c, &chat.Content{Kind: chat.KindGroupInvite, Text: "g", Group: &chat.GroupNews{ID: chat.Hash{7}}})
	p.push(t, mails...)
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Timeout: time.Minute})
	if must(t, err); len(r.Messages) != 1 || r.Messages[0].Kind != string(chat.KindGroupInvite) {
		t.Errorf("%+v", r.Messages)
	}
}
