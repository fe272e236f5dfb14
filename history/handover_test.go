package history

import (
	"testing"

	"github.com/omega-im/omega/chat"
)

// TestFrontRoom: histories of several devices that are taken in at a time do not get
// the same positions, whether or not something of them is here.
func TestFrontRoom(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(operation(3, 2, &chat.Content{Kind: chat.KindText, Text: "x"})))
		_, err := tx.exec("move", `UPDATE message SET position = 1000`)
		must(t, err)
		room := func(device byte, n int) int64 {
			base, err := tx.FrontRoom(fp(device), n)
			must(t, err)
			must(t, tx.PutHandover(&Handover{Device: fp(device), State: HandoverOffered, Total: n, Base: base}))
			return base
		}
		for _, tt := range []struct {
			device byte
			n      int
			want   int64
		}{{3, 300, 1000}, {4, 500, 700}, {4, 500, 700}, {5, 250, 0}, {5, 199, 200}} {
			if got := room(tt.device, tt.n); got != tt.want {
				t.Errorf("%d messages of device %d: in front of %d, want %d", tt.n, tt.device, got, tt.want)
			}
		}
		return nil
	})
}
