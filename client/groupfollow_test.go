package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestHostStays: who invited this account is asked for the key after it accepted,
// whoever else says that it invites. (spec/group.md, GROUP-17)
func TestHostStays(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "founder"), "登山社")
	id := chat.Hash(f.log.ID())
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0], invite)...)
	until(t, "invited", func() bool { return c.operations(t, f.log.ID()) == 2 })
	_, err := clientrpc.AcceptGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
	must(t, err)
	after := func(from omega.Fingerprint) (host omega.Fingerprint) {
		t.Helper()
		m := &chat.Message{From: from, Peer: from, Content: &chat.Content{Kind: chat.KindGroupInvite, Group: &chat.GroupNews{ID: id}}}
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			must(t, (&taken{c: c}).invited(tx, m))
			g, err := tx.KnownGroup(id)
			must(t, err)
			if g.Accepted.IsZero() {
				t.Error("it does not wait for a key")
			}
			host = g.Inviter
			return nil
		}))
		return host
	}
	if host := after(signer(t, 9)); host != f.id {
		t.Errorf("%s is the host", host)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		g, err := tx.KnownGroup(id)
		must(t, err)
		g.Inviter = signer(t, 8) // who said so before it accepted
		return tx.PutGroup(g)
	}))
	if host := after(f.id); host != f.id {
		t.Errorf("%s is the host after the one who invites came", host)
	}
}
