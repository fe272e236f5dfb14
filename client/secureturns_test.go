package client

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// sealsAside seals a content in an epoch, and sends nothing.
func (s *somebody) sealsAside(t *testing.T, e *secure.Epoch, c *chat.Content) (omega.ID, []byte) {
	t.Helper()
	id, err := s.newID()
	must(t, err)
	payload, err := e.SealMessage(t.Context(), s.identity().Signer, &secure.Message{ID: id, Time: time.Now(), Content: mustRaw(t, c)})
	must(t, err)
	return id, payload
}

// TestSecureGroupTurns: a member has as much wait for operations that never come as may
// wait of it; what another one wrote after that is opened all the same when operations
// come. (spec/secure.md, SEC-27)
func TestSecureGroupTurns(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := gather(t, "排隊", ann, bob, cat)
	must(t, callOf(bob.Client, clientrpc.AddContact, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: cat.acc.Fingerprint.String()}})())
	ann.tells(t, g, "one", clientrpc.StateStored)
	bob.hasTold(t, g, "one")
	cat.hasTold(t, g, "one")
	cat.tells(t, g, "two", clientrpc.StateStored)
	bob.hasTold(t, g, "one", "two")

	const junk = maxRoomTurn + 40
	for i := 0; i < junk; {
		e := cat.opens(t, bob, &secure.Plan{Chat: g.room().chat, Heads: cat.headsOf(t, g), Readers: []secure.Reader{p.reader(t, cat), p.reader(t, bob)}})
		for n := uint32(0); n < e.Record.Limit && i < junk; n, i = n+1, i+1 {
			c := chat.NewText(fmt.Sprint("junk ", i))
			c.Group = &chat.GroupNews{Heads: []chat.Hash{{9, byte(i), byte(i >> 8)}}}
			id, payload := cat.sealsAside(t, e, c)
			cat.slipsAs(t, bob, id, payload)
		}
	}
	waiting := func(account omega.Fingerprint) (n int) {
		must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.WaitingRoom(g.room().chat, secure.PayloadMessage, 4096)
			for _, w := range list {
				if w.Account == account {
					n++
				}
			}
			return err
		}))
		return n
	}
	until(t, "what cat wrote waits", func() bool { return waiting(cat.acc.Fingerprint) == junk })

	id, payload := ann.sealsAside(t, ann.keys(t, g)[0], chat.NewText("three"))
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.AwaitSecure(&history.SecureWaiting{Kind: secure.PayloadMessage, Account: ann.acc.Fingerprint, ID: id, Payload: payload, Received: time.Now(), Room: g.room().chat})
	}))
	if n := waiting(ann.acc.Fingerprint); n != 1 {
		t.Fatalf("%d of ann wait", n)
	}
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error { // operations came
		return (&taken{c: bob.Client, receipts: map[lane]*chat.Receipt{}}).openRoom(t.Context(), tx, g.room().chat)
	}))
	if got := bob.circleTexts(t, g); !slices.Contains(got, "three") {
		t.Errorf("behind what never opens nothing of others was: %q", got)
	}
	if n := waiting(cat.acc.Fingerprint); n != junk {
		t.Errorf("%d of cat wait, want %d", n, junk)
	}
}
