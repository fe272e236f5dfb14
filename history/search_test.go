package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func TestSearch(t *testing.T) {
	db := openTest(t)
	for i, text := range []string{
		"我在臺北車站等你", "台灣大學", "明天去高雄", "Hello World, ＡＢＣ１２３", "c++ and C", "😀😀 好",
		"email: somebody@example.org", "é résumé", "的", "ㄅㄆㄇ カタカナ 한국어", "a\"b OR c AND NOT d*", "",
	} {
		db.update(t, func(tx *Tx) error { return tx.put(message(i+1, text)) })
	}
	other := message(50, "台北的另一個聊天")
	other.Chat = omega.ChatID{1}
	db.update(t, func(tx *Tx) error { return tx.put(other) })
	for _, tt := range []struct {
		query string
		want  []int
	}{
		{"台北車站", []int{1}},
		{"臺北", []int{50, 1}},
		{"台", []int{50, 2, 1}},
		{"站", []int{1}},
		{"你", []int{1}},
		{"北車", []int{1}},
		{"車北", nil},
		{"台北 聊天", []int{50}},
		{"hello", []int{4}},
		{"hel wor", []int{4}},
		{"ello", nil},
		{"abc123", []int{4}},
		{"ａｂｃ", []int{4}},
		{"world,", []int{4}},
		{"world.", nil},
		{"c++", []int{5}},
		{"C", []int{11, 5}},
		{"😀", []int{6}},
		{"😀😀", []int{6}},
		{"😀😀😀", nil},
		{"somebody@example.org", []int{7}},
		{"somebody@example.com", nil},
		{"resume", []int{8}},
		{"的", []int{50, 9}},
		{"ㄆㄇ", []int{10}},
		{"タカ", []int{10}},
		{"국어", []int{10}},
		{`"`, []int{11}},
		{`a"b`, []int{11}},
		{"NOT", []int{11}},
		{"NEAR(", nil},
		{"*", []int{11}},
		{"word:x", nil},
		{"@", []int{7}},
		{"", nil},
		{"  \t", nil},
		{"\x00", nil},
	} {
		db.view(t, func(tx *Tx) error {
			rows, err := tx.Search(tt.query, omega.ChatID{}, 10)
			var got []int
			for _, r := range rows {
				got = append(got, int(r.Sequence))
			}
			if !slices.Equal(got, tt.want) || err != nil {
				t.Errorf("%q: %v, %v, want %v", tt.query, got, err, tt.want)
			}
			return nil
		})
	}
	db.view(t, func(tx *Tx) error {
		rows, err := tx.Search("台北", other.Chat, 10)
		if len(rows) != 1 || rows[0].Sequence != 50 {
			t.Errorf("in one chat: %q", texts(rows))
		}
		rows, _ = tx.Search("台", omega.ChatID{}, 2)
		if len(rows) != 2 || rows[0].Sequence != 50 {
			t.Errorf("two at most: %q", texts(rows))
		}
		return err
	})
}

// FuzzSearch: nothing that a person types is an error.
func FuzzSearch(f *testing.F) {
	db := openTest(f)
	for i, text := range []string{"台北車站", `a"b`, "OR AND NOT", "c++"} {
		f.Add(text)
		db.update(f, func(tx *Tx) error { return tx.put(message(i+1, text)) })
	}
	f.Fuzz(func(t *testing.T, query string) {
		db.view(t, func(tx *Tx) error {
			_, err := tx.Search(query, omega.ChatID{}, 3)
			if err != nil {
				t.Errorf("%q: %v", query, err)
			}
			return nil
		})
		if words, singles := indexed(fmt.Sprint(query, query)); len(words)+len(singles) > 20*(len(query)+1) {
			t.Errorf("%d octets become %d", 2*len(query), len(words)+len(singles))
		}
	})
}

// TestSearchLines: a list is found by its lines as they stand, whatever came first, and by none
// that was changed, came too late or went with it; also where the index was made before that.
func TestSearchLines(t *testing.T) {
	db := openTest(t)
	list, late := message(1, "團購"), message(2, "便當")
	for _, r := range []*Row{list, late} {
		r.Content = &chat.Content{Kind: chat.KindList, Text: r.Content.Text}
	}
	line := func(n int, of *Row, at time.Duration, version uint32, text string) *Row {
		return answer(n, 1, at, &chat.Content{Kind: chat.KindEntry, Text: text, Entry: &chat.Entry{Target: of.Link(), Slot: chat.Slot{1}, Version: version}})
	}
	apply := func(rows ...*Row) {
		t.Helper()
		db.update(t, func(tx *Tx) error {
			for _, r := range rows {
				must(t, tx.put(r))
				must(t, tx.Apply(&r.Message))
			}
			return nil
		})
	}
	finds := func(text string, want ...int) {
		t.Helper()
		db.view(t, func(tx *Tx) error {
			found, err := tx.Find(&Query{Text: text}, 9)
			must(t, err)
			var got []int
			for i := range found.Rows {
				got = append(got, int(found.Rows[i].ID[2]))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", text, got, want)
			}
			return nil
		})
	}
	apply(list)
	apply(line(3, list, time.Minute, 1, "雞腿飯兩個"), line(4, late, time.Minute, 1, "雞腿飯!")) // the second before its list
	finds("雞腿", 1)
	apply(late)
	finds("雞腿", 2, 1)
	finds("腿飯!", 2)
	finds("團購 兩個", 1)
	apply(line(5, list, 2*time.Minute, 2, "排骨飯"))
	finds("雞腿", 2)
	finds("排骨", 1)
	apply(answer(6, 2, time.Minute, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: list.Link()}}))
	finds("排骨") // it was changed after the close
	finds("雞腿", 2, 1)

	db.update(t, func(tx *Tx) error { // as the version before left it
		must(t, tx.unindex(1))
		tx.index(1, "團購")
		return tx.SetSetting(settingIndex, []byte(indexUnlisting))
	})
	finds("兩個")
	db.update(t, func(tx *Tx) error { return tx.reindex() })
	finds("兩個", 1)
	apply(operation(7, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{late.Link()}}}))
	finds("雞腿", 1)
}
