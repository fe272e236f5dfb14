package client

import (
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// TestSealersApart: while the homes of one account do not answer, which the lock of its
// chat is held over, the other chats are sealed, by whoever sends and by the worker.
func TestSealersApart(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	allSent(t, ann, bob, cat)
	asked := func() (n int) {
		for _, b := range p.frames(wire.TypePrekeyTake) {
			if q, err := wire.DecodePrekeyTake(b); err == nil && q.User == bob.acc.Fingerprint {
				n++
			}
		}
		return n
	}
	p.edit(func() {
		p.mute = func(f wire.Frame) bool {
			q, err := wire.DecodePrekeyTake(f.Body)
			return f.Type == wire.TypePrekeyTake && err == nil && q.User == bob.acc.Fingerprint
		}
	})
	id, err := ann.newID()
	must(t, err)
	sent := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, err := clientrpc.Send.Call(ctx, ann.Client, clientrpc.SendParams{ID: id, To: bob.acc.Fingerprint.String(), Text: "slow", Secure: true, Wait: waitNone, Timeout: time.Minute})
		sent <- err
	}()
	held := func() bool {
		ann.sealers.mu.Lock()
		defer ann.sealers.mu.Unlock()
		return ann.sealers.held[ann.secureChat(bob.acc.Fingerprint)] != nil
	}
	until(t, "bob's homes are asked", func() bool { return asked() > 0 })
	ann.say(t, cat, "quick", clientrpc.StateStored)
	if !held() {
		t.Error("nobody waits for bob's homes any more: nothing is shown")
	}
	cat.hasSecret(t, ann, "quick")
	cat.say(t, ann, "back", clientrpc.StateDelivered) // its receipt is sealed by the worker
	if !held() {
		t.Error("nobody waits for bob's homes any more: that says nothing of the worker")
	}
	cancel()
	<-sent
}
