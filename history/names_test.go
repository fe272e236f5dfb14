package history

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestHearName: of what an account said that it calls itself the last counts, whatever came
// first; what is no name, and what was said before, change nothing. (CHAT-98)
func TestHearName(t *testing.T) {
	at := func(minute int) time.Time { return testTime.Add(time.Duration(minute) * time.Minute) }
	rows := []struct {
		name, said     string
		told           time.Time
		called, before string
	}{
		{"first", "b", time.Time{}, "b", ""},
		{"told at a time", "c", at(2), "c", "b"},
		{"told before", "d", at(1), "c", ""},
		{"told at no time", "d", time.Time{}, "c", ""},
		{"nothing is seen of it", "\u3164", at(3), "c", ""},
		{"the same, later", "c", at(5), "c", ""},
		{"told before that", "d", at(4), "c", ""},
		{"told later", "d", at(6), "d", "c"},
		{"lower, told then", "a", at(6), "d", ""},
		{"higher, told then", "e", at(6), "e", "d"},
	}
	db := openTest(t)
	for _, tt := range rows {
		db.update(t, func(tx *Tx) error {
			before, err := tx.HearName(fp(1), tt.said, tt.told)
			must(t, err)
			if called, _, err := tx.Heard(fp(1)); err != nil || called != tt.called || before != tt.before {
				t.Errorf("%s: called %q, before %q, %v; want %q, %q", tt.name, called, before, err, tt.called, tt.before)
			}
			return nil
		})
	}
	db.update(t, func(tx *Tx) error { return tx.PutPeer(&Peer{Fingerprint: fp(1), Name: "old", Certificate: []byte{1}}) })
	db.view(t, func(tx *Tx) error {
		if p, err := tx.Peer(fp(1)); err != nil || p.Name != "e" {
			t.Errorf("a certificate brings an old name: %+v, %v", p, err)
		}
		return nil
	})
}

// TestNameLinesAround: what was read or written behind a line stays behind it, and before the
// next one; what nobody saw does not. (CHAT-99)
func TestNameLinesAround(t *testing.T) {
	rows := map[string]struct {
		between func(tx *Tx, r *Row) error
		want    []string
	}{
		"unread": {func(tx *Tx, r *Row) error { return tx.put(r) }, []string{"a\nc", "said"}},
		"read": {func(tx *Tx, r *Row) error {
			must(t, tx.put(r))
			mark := chat.ReadMark(r.Chat, r.Device, r.Sequence)
			_, err := tx.PutSetting(&mark)
			return err
		}, []string{"a\nb", "said", "b\nc"}},
		"written": {func(tx *Tx, r *Row) error {
			r.Own, r.From, r.State = true, fp(1), "stored"
			return tx.put(r)
		}, []string{"a\nb", "said", "b\nc"}},
	}
	for name, tt := range rows {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			said := message(9, "said")
			said.Received = testTime.Add(time.Minute)
			db.update(t, func(tx *Tx) error {
				must(t, tx.put(message(1, "first")))
				for i, n := range []NameLine{{Was: "a", Name: "b"}, {Was: "b", Name: "c"}} {
					n.Chat, n.Account, n.Time = said.Chat, fp(2), testTime.Add(time.Duration(2*i)*time.Minute)
					n.Noted = n.Time
					must(t, tx.PutNameLine(&n))
					if i == 0 {
						must(t, tt.between(tx, said))
					}
				}
				return nil
			})
			db.view(t, func(tx *Tx) error {
				page, err := tx.Page(said.Chat, omega.ID{}, 9)
				must(t, err)
				var got []string
				for _, r := range page[1:] {
					got = append(got, r.Content.Text)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
				return nil
			})
		})
	}
}

// TestNameLines: several lines of one account are one, from the first name to the last,
// as long as nobody has seen it, whatever came after it; of a day there are a few, of which
// the last one says the rest. (CHAT-99)
func TestNameLines(t *testing.T) {
	db := openTest(t)
	c := omega.ChatID{7}
	put := func(by byte, after time.Duration, was, name string, like ...omega.Fingerprint) {
		t.Helper()
		l := &NameLine{Chat: c, Account: fp(by), Was: was, Name: name, Like: like, Time: testTime.Add(after), Noted: testTime.Add(after)}
		db.update(t, func(tx *Tx) error { must(t, tx.PutNameLine(l)); return tx.PutNameLine(l) })
	}
	db.update(t, func(tx *Tx) error { return tx.PutGroupChat(c, "g") })
	put(1, 0, "a", "b")
	put(1, time.Minute, "b", "c", fp(9))
	put(1, 2*time.Minute, "c", "a") // and back: that is no change in one
	put(2, 2*time.Minute, "x", "y")
	put(2, 2*time.Hour, "y", "z") // much later
	db.update(t, func(tx *Tx) error {
		unseen, err := tx.Unprinted(9)
		must(t, err)
		must(t, tx.SetPrinted([]int64{unseen[len(unseen)-1].Position}))
		return nil
	})
	put(2, 2*time.Hour+time.Minute, "z", "w") // somebody saw the one before
	seen := func() {
		db.update(t, func(tx *Tx) error {
			unseen, err := tx.Unprinted(9)
			must(t, err)
			return tx.SetPrinted([]int64{unseen[len(unseen)-1].Position})
		})
	}
	put(1, 3*time.Minute, "a", "d") // there are others behind it
	seen()
	put(2, 2*time.Hour+2*time.Minute, "w", "v") // the last of the day was seen too
	put(2, 2*time.Hour+3*time.Minute, "v", "z") // and back
	put(2, 26*time.Hour, "z", "u")
	want := []struct {
		text string
		like int
	}{{"a\nc", 1}, {"c\nd", 0}, {"x\ny", 0}, {"y\nz", 0}, {"v\nz", 0}, {"z\nu", 0}}
	db.view(t, func(tx *Tx) error {
		rows, err := tx.Page(c, omega.ID{}, 100)
		must(t, err)
		if len(rows) != len(want) {
			t.Fatalf("%d lines", len(rows))
		}
		for i, w := range want {
			if r := rows[i]; r.Content.Kind != LineNamed || r.Content.Text != w.text || r.AboutCount != w.like || !r.Service {
				t.Errorf("line %d: %s %q like %d", i, r.Content.Kind, r.Content.Text, r.AboutCount)
			}
		}
		return nil
	})
}
