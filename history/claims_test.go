package history

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// picture makes up a message of account 1 with a picture and a small one of it.
func picture(n int, name byte) *Row {
	r := mine(n, "", "stored")
	r.Content = chat.NewMedia("", []chat.MediaItem{{
		What: chat.Photo, Type: "image/png", Ref: media.Ref{Name: media.Hash{name}, Size: 5000}, Thumb: media.Ref{Name: media.Hash{name, 1}, Size: 100},
		Servers: []omega.Fingerprint{fp(8), fp(9)},
	}}, false)
	return r
}

// TestClaims: a claim is idle once nobody has a message that names the blob, in
// whatever way it went; and it ends when it says so.
func TestClaims(t *testing.T) {
	gone := func(n int, target *Row) *Row {
		return operation(n, 1, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{target.Link()}}})
	}
	hide := func(tx *Tx, r *Row) {
		must(t, tx.PutMark(&chat.Mark{Chat: r.Chat, Target: r.Link(), Kind: chat.MarkHide, Account: fp(1)}, fp(1)))
	}
	for name, tt := range map[string]struct {
		what func(tx *Tx, r *Row) error
		idle bool
	}{
		"stays":      {func(tx *Tx, r *Row) error { return nil }, false},
		"taken back": {func(tx *Tx, r *Row) error { return tx.do(gone(9, r)) }, true},
		"hidden":     {func(tx *Tx, r *Row) error { hide(tx, r); return nil }, false},
		"hidden, then taken back": {func(tx *Tx, r *Row) error {
			hide(tx, r)
			return tx.do(gone(9, r))
		}, true},
		"named by others": {func(tx *Tx, r *Row) error { return tx.do(picture(5, 1), gone(9, r)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			db.update(t, func(tx *Tx) error {
				r := picture(1, 1)
				must(t, tx.PutUploaded(r.Content.Media[0].Ref, fp(8), testTime.Add(time.Hour)))
				must(t, tx.do(r))
				must(t, tt.what(tx, r))
				idle, err := tx.IdleClaims(99)
				must(t, err)
				if want := 4; tt.idle && len(idle) != want || !tt.idle && len(idle) > 0 {
					t.Errorf("%d claims are idle", len(idle))
				}
				for _, c := range idle {
					if c.Here != (c.Server == fp(8) && c.Ref.Size == 5000) {
						t.Errorf("%+v", c)
					}
					must(t, tx.RemoveClaim(c.Ref.Name, c.Server))
				}
				for _, end := range []struct {
					here, others time.Duration
					n            int
				}{{0, 0, 0}, {time.Hour, 0, 1}, {0, media.DefaultClaim + 2*time.Second, 3}, {time.Hour, 2 * media.DefaultClaim, 4}} {
					ending, err := tx.EndingClaims(testTime.Add(end.here), testTime.Add(end.others), 99)
					must(t, err)
					if want := end.n; tt.idle && len(ending) > 0 || !tt.idle && len(ending) != want {
						t.Errorf("%v and %v: %d claims end, want %d", end.here, end.others, len(ending), want)
					}
					if !slices.IsSortedFunc(ending, func(a, b Claim) int { return a.Until.Compare(b.Until) }) {
						t.Error("not in order")
					}
				}
				return nil
			})
		})
	}
}
