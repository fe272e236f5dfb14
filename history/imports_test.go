package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func imported(n int, text string) Imported {
	return Imported{Source: "line", Chat: "小明", Title: "小明", Key: fmt.Sprint(n), Author: "小明", Kind: "text", Text: text, Time: testTime.Add(time.Duration(n) * time.Minute)}
}

// TestImports: the same messages again add nothing, and undoing an import leaves
// what was there before it.
func TestImports(t *testing.T) {
	db := openTest(t)
	c := ImportedChat("line", "小明")
	put := func(from, to int) (number int64, added int) {
		db.update(t, func(tx *Tx) (err error) {
			number, err = tx.BeginImport("line", "x.txt", testTime)
			must(t, err)
			var list []Imported
			for i := from; i < to; i++ {
				list = append(list, imported(i, fmt.Sprintf("第 %d 則在臺灣", i)))
			}
			added, err = tx.PutImported(number, list)
			return err
		})
		return number, added
	}
	count := func() (n int) {
		db.view(t, func(tx *Tx) error {
			var err error
			n, _, err = tx.Count(&Query{Text: "台湾", Author: "小明"})
			must(t, err)
			rows := 0
			err = tx.All(c, func(r *Row) error {
				rows++
				if r.Verified || r.Import == 0 || r.Author != "小明" || r.Own || len(r.Transcript) > 0 {
					t.Errorf("%+v", r)
				}
				return nil
			})
			if rows != n {
				t.Errorf("%d rows, %d found", rows, n)
			}
			return err
		})
		return n
	}
	db.update(t, func(tx *Tx) error { return tx.put(message(1, "臺灣，不是匯入的")) })
	first, n := put(0, 12_000)
	if n != 12_000 || count() != 12_000 {
		t.Fatalf("%d added, %d found", n, count())
	}
	if _, n := put(0, 12_000); n != 0 {
		t.Errorf("%d added the second time", n)
	}
	third, n := put(11_000, 12_010)
	if n != 10 || count() != 12_010 {
		t.Errorf("%d added of a longer file, %d found", n, count())
	}
	drop := func(number int64) {
		for done := false; !done; {
			db.update(t, func(tx *Tx) (err error) {
				_, done, err = tx.DropImport(number)
				return err
			})
		}
	}
	drop(first)
	if count() != 10 {
		t.Errorf("%d left", count())
	}
	drop(third)
	db.update(t, func(tx *Tx) error {
		if _, err := tx.Chat(c); !notFound(err) {
			t.Errorf("the chat is there: %v", err)
		}
		if _, _, err := tx.DropImport(first); !notFound(err) {
			t.Errorf("undone twice: %v", err)
		}
		list, err := tx.Imports()
		if len(list) != 1 || list[0].Messages != 0 {
			t.Errorf("%v", list)
		}
		if rows, _ := tx.Search("台灣", omega.ChatID{}, 9); len(rows) != 1 {
			t.Errorf("%q", texts(rows))
		}
		return err
	})
}

// TestHiddenImport: a chat of which everything is hidden goes with its last import
// only.
func TestHiddenImport(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		var numbers [2]int64
		for i := range numbers {
			var err error
			numbers[i], err = tx.BeginImport("line", "x.txt", testTime)
			must(t, err)
			_, err = tx.PutImported(numbers[i], []Imported{imported(i, "藏起來")})
			must(t, err)
		}
		c := ImportedChat("line", "小明")
		rows, err := tx.Find(&Query{Text: "藏"}, 9)
		must(t, err)
		for _, r := range rows.Rows {
			must(t, tx.PutMark(&chat.Mark{Chat: c, Target: r.Ref, Kind: chat.MarkHide, Stamp: chat.Stamp{Version: 1}, Value: []byte{1}}, fp(1)))
		}
		if n, _, err := tx.Count(&Query{Text: "藏"}); len(rows.Rows) != 2 || n != 0 || err != nil {
			t.Errorf("%d before, %d found, %v", len(rows.Rows), n, err)
		}
		_, _, err = tx.DropImport(numbers[0])
		must(t, err)
		if _, err := tx.Chat(c); err != nil {
			t.Error(err)
		}
		_, _, err = tx.DropImport(numbers[1])
		must(t, err)
		if _, err := tx.Chat(c); !notFound(err) {
			t.Errorf("the chat is there: %v", err)
		}
		return nil
	})
}
