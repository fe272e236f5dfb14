package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omega-im/omega"
)

// BenchmarkPutMessage stores texts of 60 octets in batches of 128, as catching
// up does: one operation is one message.
func BenchmarkPutMessage(b *testing.B) {
	db := openTest(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%128 != 0 {
			continue
		}
		db.update(b, func(tx *Tx) error {
			for i := n - 127; i <= n; i++ { // in order: what comes before others moves those that are here
				must(b, tx.put(message(i, fmt.Sprintf("第 %d 則訊息：明天在台北車站見面好嗎", i))))
			}
			return nil
		})
	}
}

// BenchmarkCommit is one message in its own commit: what a live message costs,
// the sync included.
func BenchmarkCommit(b *testing.B) {
	db := openTest(b)
	n := 0
	for b.Loop() {
		n++
		must(b, takeMail(db, n))
	}
}

func filled(b *testing.B, n int) *DB {
	db := openTest(b)
	db.update(b, func(tx *Tx) error {
		for i := range n {
			must(b, tx.put(message(i+1, fmt.Sprintf("第 %d 則訊息：明天在台北車站見面好嗎 %s", i, strings.Repeat("x", i%50)))))
		}
		return nil
	})
	return db
}

func BenchmarkPage(b *testing.B) {
	db := filled(b, 20_000)
	for b.Loop() {
		db.view(b, func(tx *Tx) error {
			_, err := tx.Page(message(1, "").Chat, message(10_000, "").ID, 50)
			return err
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	db := filled(b, 20_000)
	for b.Loop() {
		db.view(b, func(tx *Tx) error {
			rows, err := tx.Search("臺北車站 12345", omega.ChatID{}, 50)
			if len(rows) != 1 {
				b.Fatal(len(rows), err)
			}
			return err
		})
	}
}
