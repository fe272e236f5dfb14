package client

import (
	"bytes"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestCalledByContacts: a new device takes how contacts call themselves, never instead of what it
// heard itself, and nothing that is no name. (CHAT-85)
func TestCalledByContacts(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: s.id.String()}})
	must(t, err)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return tx.SetPeerName(s.id, "阿明") }))
	c2 := secondDevice(t, c)
	said := func(fp omega.Fingerprint, name string) *chat.Message {
		return &chat.Message{Chat: c2.selfChat(), Content: &chat.Content{Kind: chat.KindState, State: []chat.Setting{{Name: chat.SettingCalled, Subject: fp.Wire(), Value: []byte(name)}}}}
	}
	other, err := omega.FingerprintV4(bytes.Repeat([]byte{9}, 20))
	must(t, err)
	for _, tt := range []struct {
		fp         omega.Fingerprint
		name, want string
	}{
		{c.acc.Fingerprint, "別人", c2.acc.Name}, {s.id, "阿\u202e明", ""}, {s.id, "", ""}, {s.id, "阿明", "阿明"}, {s.id, "別人", "阿明"}, {other, "小美", "小美"},
	} {
		must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { return c2.takeSettings(tx, said(tt.fp, tt.name)) }))
		must(t, c2.db.View(t.Context(), func(tx *history.Tx) error {
			got, err := c2.profileName(tx, tt.fp)
			if got != tt.want {
				t.Errorf("after %q: %q, want %q", tt.name, got, tt.want)
			}
			return err
		}))
	}
	// A device that was linked has no name of its own until another tells it.
	named := *c2.acc
	named.Name = ""
	c2.acc = &named
	must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { return c2.takeSettings(tx, said(c.acc.Fingerprint, "小明")) }))
	kept, err := loadAccount(c2.cfg.Home)
	if must(t, err); kept.Name != "小明" {
		t.Errorf("the account is called %q", kept.Name)
	}
}
