package client

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// Texts of one device come in its order. A gap is waited for, but not for ever,
// and not twice.
func TestInOrder(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &Client{db: db, delays: map[lane]delay{}}
	chatID := omega.ChatID{1}
	one, err1 := omega.ParseFingerprint("1111111111111111111111111111111111111111")
	two, err2 := omega.ParseFingerprint("2222222222222222222222222222222222222222")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	row := func(device omega.Fingerprint, seq uint32) history.Row {
		return history.Row{Message: chat.Message{Chat: chatID, Peer: one, Device: device, Sequence: seq, Verified: true}}
	}
	doubtful := row(two, 9)
	doubtful.Verified = false
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	steps := []struct {
		name    string
		missing []chat.Range // of device one, of which 9 is the highest
		rows    []history.Row
		after   time.Duration
		want    []uint32
		again   time.Duration
	}{
		{"in order", nil, []history.Row{row(one, 1), row(two, 5), row(one, 2)}, 0, []uint32{1, 5, 2}, 0},
		{"filled late", nil, []history.Row{row(one, 5), row(two, 7), row(one, 4), row(one, 3)}, 0, []uint32{3, 7, 4, 5}, 0},
		{"gap", []chat.Range{{From: 3, To: 4}}, []history.Row{row(one, 2), row(one, 5), row(two, 8), doubtful}, 0, []uint32{2, 8, 9}, orderWait},
		{"gap, a little later", []chat.Range{{From: 3, To: 4}}, []history.Row{row(one, 5), row(one, 6)}, orderWait - 1, nil, orderWait},
		{"half filled", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 5), row(one, 3)}, orderWait - 1, []uint32{3}, orderWait},
		{"too late", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 6), row(one, 5)}, orderWait, []uint32{5, 6}, 0},
		{"not waited for twice", []chat.Range{{From: 4, To: 4}}, []history.Row{row(one, 7)}, orderWait, []uint32{7}, 0},
		{"filled", nil, []history.Row{row(one, 4)}, 2 * orderWait, []uint32{4}, 0},
		{"another gap", []chat.Range{{From: 8, To: 8}}, []history.Row{row(one, 9)}, 2 * orderWait, nil, 3 * orderWait},
	}
	for _, s := range steps {
		err := db.Update(t.Context(), func(tx *history.Tx) error {
			track := &chat.Track{Chat: chatID, Device: one, Low: 1, Highest: 9, Missing: s.missing}
			if err := tx.PutTrack(t.Context(), track, nil); err != nil {
				return err
			}
			got, again, err := c.inOrder(t.Context(), tx, s.rows, start.Add(s.after))
			if err != nil {
				return err
			}
			var seqs []uint32
			for _, r := range got {
				seqs = append(seqs, r.Sequence)
			}
			if len(seqs) != len(s.want) {
				t.Fatalf("%s: got %v, want %v", s.name, seqs, s.want)
			}
			for i := range seqs {
				if seqs[i] != s.want[i] {
					t.Fatalf("%s: got %v, want %v", s.name, seqs, s.want)
				}
			}
			var want time.Time
			if s.again > 0 {
				want = start.Add(s.again)
			}
			if !again.Equal(want) {
				t.Errorf("%s: looks again at %v, want %v", s.name, again, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
