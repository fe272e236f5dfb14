package client

import (
	"errors"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// TestUntoldStays: what no home took is still to be told. (spec/delivery.md, DELIV-49)
func TestUntoldStays(t *testing.T) {
	p := newFakeProxy(t)
	var list *wire.TokenList
	p.keepTokens(&list)
	c := p.newCore(t)
	told := func(n int) func() bool {
		return func() (is bool) {
			p.edit(func() { is = list != nil && len(list.Tokens) == n })
			return is
		}
	}
	untold := func() int {
		st, err := clientrpc.Status.Call(t.Context(), c, clientrpc.None{})
		must(t, err)
		return st.Untold
	}
	until(t, "a list with this account alone", told(1))
	friend := clientrpc.ContactRef{Account: p.newStranger(t, c, "friend").id.String()}
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: friend})
	must(t, err)
	until(t, "a list with the friend", told(2))
	until(t, "nothing that is untold", func() bool { return untold() == 0 })
	refused := 0
	p.edit(func() {
		p.answer = func(f wire.Frame) (wire.Type, []byte) {
			if f.Type == wire.TypeTokenPut || f.Type == wire.TypeTokenLook {
				refused++
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeInternal, "")
			}
			return 0, nil
		}
	})
	for turn := 1; turn <= 2; turn++ { // in the second the first is over
		_, err = clientrpc.BlockContact.Call(t.Context(), c, clientrpc.BlockContactParams{ContactRef: friend, Off: turn == 2})
		must(t, err)
		until(t, "a home that refuses", func() (is bool) {
			p.edit(func() { is = refused >= turn })
			return is
		})
	}
	if n := untold(); n < 2 {
		t.Errorf("%d are untold, and no home took them", n)
	}
}

// TestRolledBackIsNotUntold: a change that did not happen is nothing that homes have to hear
// of. (spec/delivery.md, DELIV-49)
func TestRolledBackIsNotUntold(t *testing.T) {
	p := newFakeProxy(t)
	var list *wire.TokenList
	p.keepTokens(&list)
	c := p.newCore(t)
	until(t, "a home that was told", func() bool { return c.unheard.Load() == 0 && !c.listless.Load() })
	friend := p.newStranger(t, c, "friend").id
	failed := errors.New("later in the same transaction")
	err := c.db.Update(t.Context(), func(tx *history.Tx) error {
		return errors.Join(c.changeIn(t.Context(), tx, []chat.Setting{contactSetting(friend, chat.SettingContact, chat.Contact)}), failed)
	})
	if !errors.Is(err, failed) {
		t.Fatalf("Update = %v, want %v", err, failed)
	}
	if n := c.unheard.Load(); n != 0 || c.listless.Load() {
		t.Errorf("%d changes are untold (listless: %v) after one that was rolled back", n, c.listless.Load())
	}
}
