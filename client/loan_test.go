package client

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// What one caller has, no other gets, nor what came after it from the same
// device; when the caller ends, the next one gets all of it in order.
func TestLoans(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	must(t, err)
	defer db.Close()
	c := &Client{acc: &account{}, db: db, held: map[int64]loan{}}
	ann, bob := &caller{c}, &caller{c}
	row := func(id byte, device byte) history.Row {
		return history.Row{Position: int64(id), Message: chat.Message{ID: omega.ID{id}, Peer: fp(1), From: fp(1), Device: fp(device), Content: &chat.Content{}}}
	}
	rows := []history.Row{row(1, 7), row(2, 7), row(3, 8), row(4, 7), row(5, 8)}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	get := func(by *caller, n int) (ids []byte, again time.Time) {
		must(t, db.View(t.Context(), func(tx *history.Tx) error {
			out, taken, at, err := c.free(tx, by, rows, n)
			for i, m := range out {
				ids = append(ids, m.ID[0])
				c.held[taken[i]] = loan{by: by, until: start}
			}
			again = at
			return err
		}))
		return ids, again
	}
	steps := []struct {
		name  string
		by    *caller
		n     int
		want  []byte
		again bool
	}{
		{"the first", ann, 1, []byte{1}, false},
		{"another caller, another device", bob, 1, []byte{3}, true},
		{"the rest is behind what others have", nil, 9, nil, true},
		{"behind one's own", ann, 9, []byte{2, 4}, true},
	}
	for _, s := range steps {
		got, again := get(s.by, s.n)
		if !slices.Equal(got, s.want) || s.again != again.Equal(start) {
			t.Errorf("%s: got %v, looks again at %v; want %v, %v", s.name, got, again, s.want, s.again)
		}
	}
	changed := c.changed.wait()
	ann.close()
	select {
	case <-changed:
	default:
		t.Error("nobody was told that a caller ended")
	}
	if got, _ := get(bob, 9); !slices.Equal(got, []byte{1, 2, 4, 5}) {
		t.Errorf("after the other's end: got %v", got)
	}
}
