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

	must(t, callOf(one.Client, clientrpc.LeaveGroup, ref)())
	until(t, "it is out", func() bool { return one.channel(t, id).Role != clientrpc.RoleSubscriber })
	refused("react", "doing.reacting", "why.mayntwrite", callOf(one.Client, clientrpc.React, clientrpc.ReactParams{ID: omega.ID{2}, MessageRef: clientrpc.MessageRef{Chat: at, Message: target}, Emoji: []string{"👍"}})())

	_, err = clientrpc.CreateGroup.Call(t.Context(), one.Client, clientrpc.CreateGroupParams{ID: omega.ID{3}, Name: " "})
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Next.Key != "next.devicename" {
		t.Errorf("a blank name: %v", err)
	}
}
