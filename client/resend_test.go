package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestAnswersGoOn: who lacks less each time is answered at once, and gets at most four
// times what there is; who asks for the same again waits. (spec/group.md, GROUP-35)
func TestAnswersGoOn(t *testing.T) {
	clock, given, r := time.Now(), answers{}, repetition{sequence: 1}
	const all = 10_000
	if !given.goesOn(r, all, clock) || given.goesOn(r, all, clock) || given.goesOn(r, all-1, clock) || given.goesOn(r, 3*all/4+1, clock) {
		t.Error("the same is given again at once")
	}
	total := all
	for lacks := all; lacks >= 0; lacks-- {
		if given.goesOn(r, lacks, clock) {
			total += lacks
		}
	}
	if total <= all || total > 4*all {
		t.Errorf("%d were given of %d", total, all)
	}
	if given.goesOn(r, 0, clock) {
		t.Error("that nothing lacks is said again")
	}
	if clock = clock.Add(answerPause); !given.goesOn(r, all, clock) {
		t.Error("nothing is given a minute later")
	}
}

// TestResendPauses: what was sent again just now is not sent again at once,
// however often somebody asks.
func TestResendPauses(t *testing.T) {
	c, clock := newStillCore(t)
	peer := newIdentity(t, "peer")
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.PutPeer(&history.Peer{Fingerprint: peer.Account(), Certificate: peer.Certificate.Bytes(), Checked: clock.time()})
	}))
	must(t, c.queueText(t.Context(), peer.Certificate, omega.ID{1}, chat.NewText("x")))
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { // else it is on its way
		return tx.SetState(omega.ID{1}, clientrpc.StateStored, "")
	}))
	req := &chat.Message{
		From: peer.Account(), Device: peer.Device(), Chat: omega.DirectChat(c.acc.Fingerprint, peer.Account()),
		Content: &chat.Content{Kind: chat.KindResend, Resend: &chat.ResendRequest{Device: c.acc.Device, Sequences: []uint32{1, 1}}},
	}
	given := answers{}
	for i, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {0, 0}, {4 * time.Second, 0}, {time.Second, 1}, {29 * time.Second, 0}, {time.Second, 1}, {59 * time.Second, 0}, {time.Second, 1}} {
		clock.move(tt.after)
		before := c.count(t)
		must(t, c.resend(t.Context(), req, given))
		if n := c.count(t) - before; n != tt.want {
			t.Errorf("request %d: %d envelopes, want %d", i, n, tt.want)
		}
	}
	for i := range 2 * maxAnswers {
		given.may(repetition{sequence: uint32(i + 9)}, clock.time())
	}
	if len(given) != maxAnswers {
		t.Errorf("%d remembered", len(given))
	}
	if clock.move(forgetAfter); !given.may(repetition{sequence: 1}, clock.time()) || len(given) != 1 {
		t.Errorf("%d remembered later", len(given))
	}
}
