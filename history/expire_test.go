package history

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// TestExpire: what has a lifetime is erased when it is over, and nothing else.
func TestExpire(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		stays, soon, later, forged := message(1, "stays"), message(2, "soon"), message(3, "later"), message(4, "forged")
		soon.Content.Lifetime, later.Content.Lifetime, forged.Content.Lifetime = time.Minute, time.Hour, time.Minute
		forged.Verified, forged.Received = false, testTime.Add(time.Second)
		must(t, tx.put(stays, soon, later, forged))
		at := func(d time.Duration, erased int, next time.Time, want ...string) {
			t.Helper()
			n, when, err := tx.Expire(testTime.Add(d), 100)
			if n != erased || !when.Equal(next) || err != nil {
				t.Errorf("after %v: %d erased, next %v, %v; want %d, %v", d, n, when, err, erased, next)
			}
			page, err := tx.Page(stays.Chat, omega.ID{}, 9)
			if err != nil || !slices.Equal(texts(page), want) {
				t.Errorf("after %v: %q, %v, want %q", d, texts(page), err, want)
			}
		}
		at(time.Minute, 0, soon.Expires(), "stays", "soon", "later", "forged")
		at(2*time.Minute, 1, later.Expires(), "stays", "later", "forged")
		at(2*time.Hour, 1, time.Time{}, "stays", "forged")
		if rows, _ := tx.Search("soon", stays.Chat, 9); len(rows) != 0 {
			t.Error("the search finds it")
		}
		return nil
	})
}
