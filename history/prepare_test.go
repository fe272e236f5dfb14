package history

import (
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/omega-im/omega"
)

// TestPlannedOnce: statements are planned once, whatever values they are asked with.
// Parsing them anew was a seventh of what a group of 200 cost its members.
func TestPlannedOnce(t *testing.T) {
	db := openTest(t)
	c := message(1, "").Chat
	asks := func(tx *Tx, i int) error {
		at := testTime.Add(time.Duration(i) * time.Minute)
		_, err := tx.Page(c, omega.ID{}, 5+i)
		must(t, err)
		_, _, err = tx.Outgoing(at, int64(i), 5)
		must(t, err)
		_, err = tx.Unsealed(at, 5)
		must(t, err)
		_, err = tx.From(c, at, 5)
		return err
	}
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "x"), message(2, "y")))
		for i := range 5 {
			must(t, asks(tx, i))
		}
		return nil
	})
	planned, ran := 0, 0
	must(t, db.Update(t.Context(), func(tx *Tx) error {
		return tx.session.conn.Raw(func(c any) error {
			for s := range c.(driver.Conn).Raw().Stmts() {
				planned += s.Status(sqlite3.STMTSTATUS_REPREPARE, false)
				ran += s.Status(sqlite3.STMTSTATUS_RUN, false)
			}
			return nil
		})
	}))
	if planned > 0 || ran == 0 {
		t.Errorf("statements were planned anew %d times in %d runs, want 0", planned, ran)
	}
}
