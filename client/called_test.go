package client

import (
	"bytes"
	"testing"
	"time"

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
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return heardName(tx, s.id, "阿明") }))
	c2 := secondDevice(t, c)
	said := func(fp omega.Fingerprint, name string) *chat.Message {
		return &chat.Message{Chat: c2.selfChat(), Content: &chat.Content{Kind: chat.KindState, State: []chat.Setting{{Name: chat.SettingCalled, Subject: fp.Wire(), Value: []byte(name), Stamp: chat.Stamp{Version: 1, Time: time.UnixMilli(0), Device: c.acc.Device}}}}}
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
	// A device that was linked has no name of its own until another tells it, and a name that
	// a device sets counts before that, whenever it was set.
	named := *c2.acc
	named.Name = ""
	c2.acc = &named
	is := func(want string) {
		t.Helper()
		if got, err := c2.ownNameNow(t.Context()); err != nil || got != want {
			t.Errorf("the account is called %q, %v; want %q", got, err, want)
		}
	}
	is("")
	take := func(m *chat.Message) {
		t.Helper()
		must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { return c2.takeSettings(tx, m) }))
	}
	take(said(c.acc.Fingerprint, "小明"))
	is("小明")
	must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { return c2.tellAll(t.Context(), tx) })) // and it tells the next one
	set := said(c.acc.Fingerprint, "小安")
	set.Content.State[0] = chat.Setting{Name: chat.SettingName, Value: []byte("小安"), Stamp: chat.Stamp{Version: 1, Time: time.UnixMilli(2), Device: c.acc.Device}}
	take(set)
	is("小安")
	take(said(c.acc.Fingerprint, "小明"))
	is("小安")
}

// heardName has an account be heard to call itself something, at no time that is known.
func heardName(tx *history.Tx, fp omega.Fingerprint, name string) error {
	_, err := tx.HearName(fp, name, time.Time{})
	return err
}
