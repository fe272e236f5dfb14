package client

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// newDinner makes a group of somebody and others, who all are in.
func newDinner(t *testing.T, host *somebody, others ...*somebody) (ref clientrpc.GroupRef) {
	t.Helper()
	id, err := host.newID()
	must(t, err)
	p := clientrpc.CreateGroupParams{ID: id, Name: "晚餐"}
	for _, s := range others {
		p.Members = append(p.Members, s.acc.Fingerprint)
	}
	g, err := clientrpc.CreateGroup.Call(t.Context(), host.Client, p)
	must(t, err)
	ref.Group = g.ID
	for _, s := range others {
		until(t, s.acc.Name+" is invited", func() bool { return s.dinner(t, ref).Role == clientrpc.RoleInvited })
	}
	return ref
}

func (s *somebody) dinner(t *testing.T, ref clientrpc.GroupRef) (g clientrpc.Group) {
	t.Helper()
	g, err := clientrpc.ShowGroup.Call(t.Context(), s.Client, ref)
	if err != nil {
		return clientrpc.Group{} // it is not here yet
	}
	return g
}

func (s *somebody) joinsDinner(t *testing.T, ref clientrpc.GroupRef, size int) {
	t.Helper()
	must(t, callOf(s.Client, clientrpc.AcceptGroup, ref)())
	until(t, s.acc.Name+" is in", func() bool { g := s.dinner(t, ref); return g.Size == size && !g.Waiting })
}

// TestGuests: who is invited is let in, is told so, and comes by that token; who is
// blocked is not. (spec/group.md, GROUP-41)
func TestGuests(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	has := func(s *somebody, fp omega.Fingerprint) (in bool) {
		must(t, s.db.Update(t.Context(), func(tx *history.Tx) error {
			list, ok, err := s.admitted(tx)
			if err != nil || !ok {
				return err
			}
			token, err := s.tokenOf(tx, fp)
			in = !token.IsZero() && slices.Contains(list, token)
			return err
		}))
		return in
	}
	until(t, "ann has a secret", func() bool { return has(ann, ann.acc.Fingerprint) })
	if has(ann, bob.acc.Fingerprint) {
		t.Fatal("a stranger is let in")
	}
	var came atomic.Int64 // envelopes from bob to ann with a token
	p.edit(func() {
		p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
			v, err := wire.ParseEnvelope(env)
			if err == nil && device == ann.acc.Device && v.Sender() == bob.acc.Fingerprint && len(v.AppendTokens(nil)) > 0 {
				came.Add(1)
			}
			return [][]byte{env}
		}
	})
	ref := newDinner(t, ann, bob)
	if !has(ann, bob.acc.Fingerprint) {
		t.Error("who is invited is not let in")
	}
	bob.joinsDinner(t, ref, 2)
	until(t, "bob writes by the token that the invitation told", func() bool { return came.Load() > 0 })
	must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
		told, err := tx.Tokens()
		if one := told[ann.acc.Fingerprint]; one.Token.IsZero() || !one.Passing {
			t.Errorf("bob was told %+v", one)
		}
		return err
	}))
	_, err := clientrpc.BlockContact.Call(t.Context(), ann.Client, clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: bob.acc.Fingerprint.String()}})
	must(t, err)
	if has(ann, bob.acc.Fingerprint) {
		t.Error("who is blocked is let in")
	}
}

// TestPassingTokens: what was told on the way into a group goes before the group's token
// for a day; what a contact told, always. (spec/group.md, GROUP-41)
func TestPassingTokens(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	bob.joinsDinner(t, newDinner(t, ann, bob), 2)
	fellow := func(tx *history.Tx) omega.Token {
		token, err := ann.fellowToken(tx, bob.acc.Fingerprint)
		must(t, err)
		return token
	}
	until(t, "ann knows who is in", func() (knows bool) {
		must(t, ann.db.View(t.Context(), func(tx *history.Tx) error { knows = !fellow(tx).IsZero(); return nil }))
		return knows
	})
	now := time.Now()
	for _, row := range []struct {
		name string
		told history.Told
		want bool // by what was told
	}{
		{"passing, of this day", history.Told{Token: omega.Token{1}, Time: now, Passing: true}, true},
		{"passing, not of this day", history.Told{Token: omega.Token{2}, Time: now.Add(passingKept), Passing: true}, false},
		{"of a contact", history.Told{Token: omega.Token{3}, Time: now.Add(2 * passingKept)}, true},
	} {
		must(t, ann.db.Update(t.Context(), func(tx *history.Tx) error {
			must(t, tx.PutToken(bob.acc.Fingerprint, row.told))
			want := fellow(tx)
			if row.want {
				want = row.told.Token
			}
			got, err := ann.tokensFor(tx, []omega.Fingerprint{bob.acc.Fingerprint})
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s: %x, want %x", row.name, got, want)
			}
			return err
		}))
	}
}

// TestBroughtUpToDate: who accepts after others knows of them without asking anybody.
// (spec/group.md, GROUP-42)
func TestBroughtUpToDate(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	var mute atomic.Bool // cat is not heard any more
	p.edit(func() {
		p.pass = func(_ omega.Fingerprint, env []byte) [][]byte {
			if v, err := wire.ParseEnvelope(env); err == nil && mute.Load() && v.Sender() == cat.acc.Fingerprint {
				return nil
			}
			return [][]byte{env}
		}
	})
	ref := newDinner(t, ann, bob, cat)
	bob.joinsDinner(t, ref, 2)
	if cat.dinner(t, ref).Size != 1 {
		t.Fatal("who is only invited hears of others")
	}
	must(t, callOf(cat.Client, clientrpc.AcceptGroup, ref)())
	until(t, "ann lets cat in", func() bool { return ann.dinner(t, ref).Size == 3 })
	mute.Store(true)
	until(t, "cat knows all", func() bool { g := cat.dinner(t, ref); return g.Size == 3 && !g.Waiting })
}
