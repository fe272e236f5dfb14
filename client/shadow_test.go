package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// shadow makes the mail of a key record of s under another's locator.
func (s *stranger) shadow(t *testing.T, c *Client, of *chat.Sealed) wire.Mail {
	t.Helper()
	sealed, err := s.sender.Seal(t.Context(), time.Now(), s.roster, chat.NewText("x"))
	must(t, err)
	k := *sealed.Key
	k.Locator = of.Key.Locator
	record, err := pgp.SealRecord(t.Context(), c.cfg.rand(), s.me.Signer, []*pgp.PublicKey{c.identity().Decrypter.Public()}, k.Secret[:], k.Text(), k.Time)
	must(t, err)
	payload := append(append([]byte{byte(chat.PayloadKey)}, k.Locator[:]...), record...)
	return s.mail(t, c, omega.ID{9}, payload)
}

// TestShadowedWhileParked: a stranger who saw the locator of a key that did not
// come yet makes a key with it. What waits for the true one goes on waiting.
func TestShadowedWhileParked(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	mallory := p.newStranger(t, c, "mallory")
	for _, parkedFirst := range []bool{true, false} {
		alice := p.newStranger(t, c, "alice")
		sealed, err := alice.sender.Seal(t.Context(), time.Now(), alice.roster, chat.NewText("from Alice"))
		must(t, err)
		record, message := alice.mail(t, c, sealed.KeyID, sealed.KeyRecord), alice.mail(t, c, sealed.Message.ID, sealed.Payload)
		shadow := mallory.shadow(t, c, sealed)
		mails := []wire.Mail{message, shadow, record}
		if !parkedFirst {
			mails = []wire.Mail{shadow, message, record}
		}
		p.push(t, mails...)
		r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1, Timeout: time.Minute})
		if err != nil || len(r.Messages) != 1 || r.Messages[0].Text != "from Alice" || !r.Messages[0].Verified {
			t.Fatalf("parked first %v: %+v, %v", parkedFirst, r.Messages, err)
		}
		until(t, "nothing is parked", func() bool { return c.parked(t) == 0 })
	}
}

func (c *Client) parked(t *testing.T) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) { n, err = tx.CountParked(); return err }))
	return n
}

// TestControlParked: a receipt whose key was lost, and which came once more
// under another, waits no longer.
func TestControlParked(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	alice := p.newStranger(t, c, "alice")
	receipt := &chat.Content{Kind: chat.KindDelivered, Receipt: &chat.Receipt{Device: c.acc.Device, UpTo: 1}}
	lost, err := alice.sender.Seal(t.Context(), time.Now(), alice.roster, receipt)
	must(t, err)
	p.push(t, alice.mail(t, c, lost.Message.ID, lost.Payload))
	until(t, "the receipt is parked", func() bool { return c.parked(t) == 1 })
	again, err := lost.Message.Again(alice.roster.Chat)
	must(t, err)
	// Another name, another key.
	sender, err := chat.NewSender(alice.me, c.cfg.rand(), "Alice", alice.sender.State())
	must(t, err)
	sealed, err := sender.Seal(t.Context(), time.Now(), alice.roster, again)
	must(t, err)
	p.push(t, alice.mail(t, c, sealed.KeyID, sealed.KeyRecord), alice.mail(t, c, sealed.Message.ID, sealed.Payload))
	until(t, "nothing is parked", func() bool { return c.parked(t) == 0 })
}

// TestNameGoesNotBack: a key record that a server keeps and sends once more does
// not bring back the name that was in it.
func TestNameGoesNotBack(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "before")
	first := s.seal(t, c, "one")
	p.push(t, first...)
	var err error
	s.sender, err = chat.NewSender(s.me, c.cfg.rand(), "then", s.sender.State())
	must(t, err)
	p.push(t, s.seal(t, c, "two")...)
	p.push(t, first[0])
	p.push(t, s.seal(t, c, "three")...)
	var got []clientrpc.Message
	until(t, "all three, and the line that the name changed", func() bool {
		r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: s.id.String()})
		got = r.Messages
		return err == nil && len(got) == 4
	})
	if got[3].Name != "then" || got[1].Kind != clientrpc.NameChanged || got[1].Was != "before" || got[1].Text != "then" {
		t.Errorf("named %q, with the line %+v", got[3].Name, got[1])
	}
}
