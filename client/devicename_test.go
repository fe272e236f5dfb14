package client

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// TestDeviceName: what a device was called last counts, and no name takes it away. (spec/chat.md,
// CHAT-80)
func TestDeviceName(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	device := fp(7)
	put := func(name string) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *history.Tx) error {
			s := chat.Setting{Name: chat.SettingDeviceName, Subject: device.Wire(), Value: []byte(name)}
			var err error
			if s.Stamp.Version, err = tx.NextSetting(s.Name, s.Subject); err != nil {
				return err
			}
			s.Stamp.Device = fp(8)
			_, err = tx.PutSetting(&s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"書房", strings.Repeat("x", 64), ""} {
		put(name)
		err := db.View(t.Context(), func(tx *history.Tx) error {
			names, err := deviceNames(tx)
			if got := names[device]; got != name {
				t.Errorf("called %q, want %q", got, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
