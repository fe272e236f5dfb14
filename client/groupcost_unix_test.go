//go:build unix

package client

import (
	"flag"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/wire"
)

var costRounds = flag.Int("rounds", 3, "messages that TestGroupMessageCosts sends")

// used is the processor time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peopled puts n members into a group of this account, each with a certificate that is here.
func (c *Client) peopled(t *testing.T, n int) (id chat.Hash) {
	t.Helper()
	g, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: omega.ID{1}, Name: "里民"})
	must(t, err)
	id, err = c.groupRef(t.Context(), i18n.T("doing.send", "x"), g.ID)
	must(t, err)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		l, err := c.groupIn(tx, id)
		must(t, err)
		add := func(by group.Party, o group.Op) {
			made, err := l.Next(by, c.signingTime(), o)
			must(t, err)
			must(t, made.Sign(t.Context(), c.identity().Signer)) // nobody verifies it
			_, err = l.add(tx, made, c.cfg.now())
			must(t, err)
		}
		for i := range n - 1 {
			who := newIdentity(t, fmt.Sprint("p", i))
			must(t, tx.PutPeer(&history.Peer{Fingerprint: who.Account(), Certificate: who.Certificate.Bytes(), Checked: c.cfg.now()}))
			add(c.party(), group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{who.Account()}})
			add(group.Party{Account: who.Account(), Device: who.Device()}, group.Op{Type: group.TypeAccept})
		}
		c.showGroup(l)
		if got := len(l.State().Members); got != n {
			t.Fatalf("%d members, want %d", got, n)
		}
		return nil
	}))
	return id
}

// TestGroupMessageCosts: a message to a group is one envelope, whatever its size, up to as
// many recipients as one may have; the first under a key is that, a record, and a part of
// the key for each 32. What is sealed for each is the key, once. With -v it tells octets and
// processor time, with -rounds of how many messages.
func TestGroupMessageCosts(t *testing.T) {
	for _, n := range []int{20, 200} {
		c, _ := newStillCore(t)
		id := c.peopled(t, n)
		say := func(number byte) (envelopes, recipients, octets int) {
			t.Helper()
			before := c.queuedMail(t)
			must(t, c.queueGroup(t.Context(), id, letter{id: omega.ID{2, number}, content: chat.NewText("停水通知")}))
			for _, e := range c.queuedMail(t)[len(before):] {
				env, err := wire.ParseEnvelope(e.Envelope)
				must(t, err)
				envelopes, recipients, octets = envelopes+1, recipients+env.NumRecipients(), octets+len(e.Envelope)
			}
			return envelopes, recipients, octets
		}
		start := used(t)
		envelopes, recipients, octets := say(0)
		t.Logf("%3d members: the first message is %2d envelopes, %3d recipients, %6d octets, %v", n, envelopes, recipients, octets, used(t)-start)
		parts := (n - 1 + 31) / 32
		if envelopes != 2+parts || recipients != 3*(n-1) {
			t.Errorf("the first of %d: %d envelopes for %d, want %d for %d", n, envelopes, recipients, 2+parts, 3*(n-1))
		}
		start = used(t)
		for i := range *costRounds {
			if envelopes, recipients, octets = say(byte(1 + i)); envelopes != 1 || recipients != n-1 {
				t.Errorf("one of %d: %d envelopes for %d, want 1 for %d", n, envelopes, recipients, n-1)
			}
		}
		t.Logf("%3d members: each other is %d envelope, %6d octets, %v", n, envelopes, octets, (used(t)-start)/time.Duration(*costRounds))
	}
}

// queuedMail is what is in the outbox.
func (c *Client) queuedMail(t *testing.T) (list []history.Outgoing) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
		list, _, err = tx.Outgoing(c.cfg.now().Add(time.Hour), 0, 10000)
		return err
	}))
	return list
}
