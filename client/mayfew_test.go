package client

import (
	"errors"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestSubscriberMayFew: who subscribes to a channel, or left it, is told that it may not do
// what its role does not allow, and what it was that it tried. (spec/group.md, GROUP-38)
func TestSubscriberMayFew(t *testing.T) {
	p := newPost(t)
	ann, one := p.newSomebody(t, "ann"), p.newSomebody(t, "reader")
	id, link := newChannel(t, ann, "公告")
	ref := clientrpc.GroupRef{Group: id.String()}
	ann.writes(t, id, "hello")
	one.subscribesTo(t, id, link)
	one.reads(t, id, "hello")
	at := id.String()[:32]
	var target omega.ID
	got, _, err := one.unprinted(t.Context(), 100)
	must(t, err)
	for _, m := range got {
		if m.Text == "hello" {
			target = m.ID
		}
	}
	refused := func(what, doing, why string, err error) {
		t.Helper()
		var e *clientrpc.Error
		if !errors.As(err, &e) || e.Code != clientrpc.CodeRefused || e.Doing.Key != doing || e.Why.Key != why {
			t.Errorf("%s: %v", what, err)
		}
	}
	pin := func() error {
		return callOf(one.Client, clientrpc.Pin, clientrpc.PinParams{ID: omega.ID{1}, MessageRef: clientrpc.MessageRef{Chat: at, Message: target}, Pinned: true})()
	}
	title := "Mine"
	refused("pin", "doing.pin", "why.groupmaynot", pin())
	refused("title", "doing.groupprofile", "why.groupmaynot", callOf(one.Client, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: ref, Name: &title})())
	refused("dissolve", "doing.groupdissolve", "why.groupmaynot", callOf(one.Client, clientrpc.EndGroup, ref)())

	// Who may write is told who voted; who subscribes is not told of others.
	ann.asks(t, id, false)
	until(t, "the poll is here", func() bool { return one.newest(t, id).Poll != nil })
	must(t, one.votes(t, id, 0))
	poll := ann.newest(t, id)
	voters := func(s *somebody, option int) []clientrpc.Voter {
		p := clientrpc.VotersParams{MessageRef: clientrpc.MessageRef{Chat: at, Message: poll.ID}, Option: option}
		r, err := clientrpc.Voters.Call(t.Context(), s.Client, p)
		must(t, err)
		return r.Voters
	}
	until(t, "ann is told who voted", func() bool {
		list := voters(ann, 0)
		return len(list) == 1 && list[0].Account == one.acc.Fingerprint && list[0].Subscriber
	})
	if list := voters(ann, 1); len(list) != 0 {
		t.Errorf("for the other answer: %+v", list)
	}

	must(t, callOf(one.Client, clientrpc.LeaveGroup, ref)())
	until(t, "it is out", func() bool { return one.channel(t, id).Role != clientrpc.RoleSubscriber })
	refused("react", "doing.reacting", "why.mayntwrite", callOf(one.Client, clientrpc.React, clientrpc.ReactParams{ID: omega.ID{2}, MessageRef: clientrpc.MessageRef{Chat: at, Message: target}, Emoji: []string{"👍"}})())

	_, err = clientrpc.CreateGroup.Call(t.Context(), one.Client, clientrpc.CreateGroupParams{ID: omega.ID{3}, Name: " "})
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Next.Key != "next.devicename" {
		t.Errorf("a blank name: %v", err)
	}
}
