package client

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestHeadsOfStrangers: heads that nobody here has are asked for if a member names them,
// and not if somebody does who has nothing to do with the group. (spec/group.md, GROUP-21)
func TestHeadsOfStrangers(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f, other := newFounder(t, p.newStranger(t, c, "founder"), "登山社"), p.newStranger(t, c, "other")
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0], invite)...)
	until(t, "invited", func() bool {
		g, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: "登山社"})
		return err == nil && g.Role == clientrpc.RoleInvited
	})
	tell := func(s *stranger) {
		news := &chat.GroupNews{ID: chat.Hash(f.log.ID()), Heads: []chat.Hash{{1, 2, 3}}}
		_, mails := s.say(t, c, &chat.Content{Kind: chat.KindGroup, Group: news})
		p.push(t, append(mails, s.seal(t, c, "said")...)...)
	}
	said := func(s *stranger) {
		until(t, "all is here", func() bool {
			r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: s.id.String()})
			return err == nil && slices.ContainsFunc(r.Messages, func(m clientrpc.Message) bool { return m.Text == "said" })
		})
	}
	wanted := func() (out []omega.Fingerprint) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.WantedOperations(9)
			for _, w := range list {
				out = append(out, w.Account)
			}
			return err
		}))
		return out
	}
	tell(other)
	said(other)
	if got := wanted(); len(got) > 0 {
		t.Errorf("asked for what a stranger made up: %v", got)
	}
	tell(f.stranger)
	said(f.stranger)
	if got := wanted(); len(got) != 1 || got[0] != f.id {
		t.Errorf("a member's heads: %v", got)
	}
}
