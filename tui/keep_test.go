package tui

import (
	"encoding/json"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestDraftStays: a text that was begun is gone from the composer only if it went with the
// file, as it stood.
func TestDraftStays(t *testing.T) {
	for caption, want := range map[string]string{"": "", "圖": "晚點說"} { // what is said of the file: what was begun, or else
		f := world()
		f.serve[clientrpc.SendFile.Name] = func([]byte) (any, error) { return json.RawMessage(`{}`), nil }
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(withBob))
		d.typing("晚點說")
		d.press("ctrl+o")
		d.typing("/etc/hostname")
		d.press("tab")
		if caption != "" {
			for range 10 {
				d.press("backspace")
			}
			d.typing(caption)
		}
		d.press("enter")
		if f.last[clientrpc.SendFile.Name] == nil || d.m.edit.text != want {
			t.Errorf("said of the file: %q, in the composer: %q, want %q", caption, d.m.edit.text, want)
		}
	}
}

// TestPackIsSharedThere: a pack goes to the chat that is open, so that the core says no
// where that is a secure one, and not to the normal chat with the same person.
func TestPackIsSharedThere(t *testing.T) {
	f := world()
	f.serve[clientrpc.SendPack.Name] = func([]byte) (any, error) { return json.RawMessage(`{}`), nil }
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inSecret))
	d.m.packMenu(d.m.chat(), &clientrpc.StickerPack{Pack: "p0", Title: "x"})
	d.choose("傳給")
	var p clientrpc.SendPackParams
	if err := json.Unmarshal(f.last[clientrpc.SendPack.Name], &p); err != nil || p.To != inSecret.String() {
		t.Errorf("sent to %q, want %s (%v)", p.To, inSecret, err)
	}
}
