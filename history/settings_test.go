package history

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestReadElsewhere: what was read on another device is not unread here, whether
// it came before the word or after it; and it is still printed here.
func TestReadElsewhere(t *testing.T) {
	for _, late := range []bool{false, true} {
		db := openTest(t)
		db.update(t, func(tx *Tx) error {
			mark := chat.ReadMark(message(1, "").Chat, fp(3), 2)
			mark.Stamp.Device = fp(4)
			rows := []*Row{message(1, "a"), message(2, "b"), message(3, "c")}
			if late {
				must(t, tx.put(rows...))
			}
			if news, err := tx.PutSetting(&mark); !news || err != nil {
				t.Error(news, err)
			}
			if !late {
				must(t, tx.put(rows...))
			}
			ch, err := tx.Chat(rows[0].Chat)
			if err != nil || ch.Unread != 1 {
				t.Errorf("unread %d, want 1, %v", ch.Unread, err)
			}
			unread, err := tx.Unread(ch.ID)
			if err != nil || len(unread) != 1 || unread[fp(3)] != 3 {
				t.Errorf("unread %v, %v", unread, err)
			}
			news, err := tx.Unprinted(9)
			if err != nil || len(news) != 3 {
				t.Errorf("%d to print, %v", len(news), err)
			}
			older := chat.ReadMark(ch.ID, fp(3), 1)
			if news, err := tx.PutSetting(&older); news || err != nil {
				t.Error("an older mark counts")
			}
			must(t, tx.SetPrinted([]int64{news[0].Position, news[2].Position}))
			if ch, _ = tx.Chat(ch.ID); ch.Unread != 0 {
				t.Errorf("unread %d, want 0", ch.Unread)
			}
			return nil
		})
	}
}

// TestHiddenElsewhere: a message that was deleted on another device is not shown
// here, also when the message, or the whole chat, comes later.
func TestHiddenElsewhere(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		one, two := message(1, "one"), message(2, "two")
		hide := func(r *Row) {
			link := r.Link()
			s := chat.Setting{Name: chat.SettingHidden, Subject: append(r.Chat[:], link[:]...), Value: []byte{1}, Stamp: chat.Stamp{Version: 1, Time: testTime, Device: fp(4)}}
			if _, err := tx.PutSetting(&s); err != nil {
				t.Error(err)
			}
		}
		hide(one)
		must(t, tx.put(one, two, message(3, "three")))
		page, err := tx.Page(one.Chat, omega.ID{}, 9)
		if err != nil || !slices.Equal(texts(page), []string{"two", "three"}) {
			t.Errorf("%q, %v", texts(page), err)
		}
		hide(two)
		if page, _ := tx.Page(one.Chat, omega.ID{}, 9); !slices.Equal(texts(page), []string{"three"}) {
			t.Errorf("%q", texts(page))
		}
		return nil
	})
}

func TestSettingsAfter(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		for n := range byte(5) {
			s := chat.Setting{Name: "x", Subject: []byte{n}, Value: []byte{1}, Stamp: chat.Stamp{Version: uint32(n) + 1, Time: testTime, Device: fp(n)}}
			if _, err := tx.PutSetting(&s); err != nil {
				t.Error(err)
			}
		}
		var seen []byte
		var after *chat.Setting
		for {
			list, err := tx.SettingsAfter(after, 2)
			must(t, err)
			if len(list) == 0 {
				break
			}
			for _, s := range list {
				seen = append(seen, s.Subject...)
			}
			after = &list[len(list)-1]
		}
		if string(seen) != "\x00\x01\x02\x03\x04" {
			t.Errorf("%x", seen)
		}
		if v, err := tx.NextSetting("x", []byte{4}); v != 6 || err != nil {
			t.Error(v, err)
		}
		return nil
	})
}
