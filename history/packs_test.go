package history

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// TestPacks: the blobs of a pack are claimed and kept while the pack is there, and a
// setting of another device takes it away.
func TestPacks(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		p := &chat.Pack{Title: "x", Stickers: []chat.MediaItem{{What: chat.Sticker, Ref: media.Ref{Name: media.Hash{1}, Size: 5000}, Type: "image/png", Width: 1, Height: 1}}}
		raw, err := p.Encode()
		must(t, err)
		ref := &chat.PackRef{Ref: media.Ref{Name: media.Hash{9}, Size: int64(len(raw))}, Servers: []omega.Fingerprint{fp(8)}}
		must(t, tx.PutPack(ref, raw, testTime.Add(time.Hour)))
		must(t, tx.PutPack(ref, raw, testTime.Add(time.Hour)))
		idle, err := tx.IdleClaims(9)
		must(t, err)
		ending, err := tx.EndingClaims(testTime, testTime.Add(2*time.Hour), 9)
		must(t, err)
		if len(idle) != 0 || len(ending) != 2 {
			t.Errorf("%d claims are idle, %d end", len(idle), len(ending))
		}
		got, err := tx.Pack(media.Hash{9})
		if err != nil || string(got) != string(raw) {
			t.Errorf("%q, %v", got, err)
		}

		// A message with one of its stickers is erased: the pack needs the file.
		r := picture(1, 1)
		must(t, tx.do(r))
		must(t, tx.PutMark(&chat.Mark{Chat: r.Chat, Target: r.Link(), Kind: chat.MarkHide, Account: fp(1)}, fp(1)))
		dropped, err := tx.Dropped(9)
		if err != nil || len(dropped) != 1 || dropped[0] != (media.Hash{1, 1}) {
			t.Errorf("%v are dropped, %v", dropped, err)
		}

		gone := chat.Setting{Name: chat.SettingStickers, Subject: ref.Ref.Name[:], Stamp: chat.Stamp{Version: 2, Time: testTime, Device: fp(2)}}
		if _, err := tx.PutSetting(&gone); err != nil {
			t.Error(err)
		}
		if _, err := tx.Pack(media.Hash{9}); err != ErrNotFound {
			t.Errorf("the pack is still there: %v", err)
		}
		dropped, err = tx.Dropped(9)
		if err != nil || len(dropped) != 3 {
			t.Errorf("%v are dropped, %v", dropped, err)
		}
		return nil
	})
}

// TestHeld: a file goes with the last message that names it, and stays when it is named
// again.
func TestHeld(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		hide := func(r *Row) {
			must(t, tx.PutMark(&chat.Mark{Chat: r.Chat, Target: r.Link(), Kind: chat.MarkHide, Account: fp(1)}, fp(1)))
		}
		dropped := func(want int) {
			t.Helper()
			if got, err := tx.Dropped(9); err != nil || len(got) != want {
				t.Errorf("%d are dropped, want %d (%v)", len(got), want, err)
			}
		}
		a, b, lives := picture(1, 1), picture(2, 1), picture(3, 2)
		lives.Content.Lifetime = time.Minute
		must(t, tx.do(a, b, lives))
		hide(a)
		dropped(0)
		hide(b)
		dropped(2)
		must(t, tx.do(picture(5, 1)))
		dropped(0)
		if n, _, err := tx.Expire(lives.Expires(), 9); n != 1 || err != nil {
			t.Errorf("%d expired, %v", n, err)
		}
		dropped(2)
		idle, err := tx.IdleClaims(9)
		if err != nil || len(idle) != 4 { // of what expired: others erase it too
			t.Errorf("%d claims are idle, %v", len(idle), err)
		}
		is, err := tx.IsDropped(media.Hash{2})
		if err != nil || !is {
			t.Errorf("%v, %v", is, err)
		}
		must(t, tx.ForgetDropped(media.Hash{2}))
		dropped(1)
		return nil
	})
}
