package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// TestResendPauses: what was sent again just now is not sent again at once,
// however often somebody asks.
func TestResendPauses(t *testing.T) {
	c, clock := newStillCore(t)
	peer := newIdentity(t, "peer")
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.PutPeer(&history.Peer{Fingerprint: peer.Account(), Certificate: peer.Certificate.Bytes(), Checked: clock.time()})
	}))
	must(t, c.queueText(t.Context(), peer.Certificate, omega.ID{1}, chat.NewText("x")))
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
