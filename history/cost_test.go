package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/omega-im/omega/chat"
)

// TestCostOfOne: what is done with a message that comes, is sent or is read does not take
// longer the more messages its chat has. It counts the steps of SQLite's machine.
func TestCostOfOne(t *testing.T) {
	db := openTest(t)
	n := 0
	fill := func(upTo int) {
		db.update(t, func(tx *Tx) error {
			for n++; n <= upTo; n++ {
				must(t, tx.put(message(n, fmt.Sprint("第 ", n, " 則"))))
			}
			return nil
		})
	}
	costs := func() (c map[string]int) {
		db.update(t, func(tx *Tx) error {
			c = map[string]int{}
			measure := func(what string, do func()) {
				do() // once, so that its statements are there
				tx.steps(t)
				do()
				c[what] = tx.steps(t)
			}
			next := func() *Row { n++; return message(n, "再一則") }
			measure("put one that came", func() { must(t, tx.put(next())) })
			measure("put one that answers", func() {
				r := next()
				r.Content.Reply = &chat.Reply{Target: message(n-1, "再一則").Link()}
				must(t, tx.put(r))
			})
			measure("put an own one", func() { n++; must(t, tx.put(mine(n, "我的", "queued"))) })
			measure("standing of who is known", func() { tx.Standing(fp(2)) })
			measure("the list of chats", func() { tx.Chats() })
			measure("a page", func() { tx.Page(message(1, "").Chat, message(n-1, "").ID, 20) })
			measure("what is unread", func() { tx.Unread(message(1, "").Chat) })
			return nil
		})
		return c
	}
	fill(100)
	db.update(t, func(tx *Tx) error {
		_, err := tx.exec("read all", `UPDATE message SET printed = 1, read = 1`)
		return err
	})
	few := costs()
	fill(3000)
	db.update(t, func(tx *Tx) error {
		_, err := tx.exec("read all", `UPDATE message SET printed = 1, read = 1`)
		return err
	})
	many := costs()
	for what, steps := range few {
		if many[what] > 2*steps+50 {
			t.Errorf("%s: %d steps with 100 messages in the chat, %d with 3,000", what, steps, many[what])
		}
	}
}

// steps counts what SQLite's machine did since the last call, but for the index of words,
// which is merged now and then.
func (tx *Tx) steps(t *testing.T) (n int) {
	t.Helper()
	must(t, tx.session.conn.Raw(func(c any) error {
		for s := range c.(driver.Conn).Raw().Stmts() {
			if steps := s.Status(sqlite3.STMTSTATUS_VM_STEP, true); !strings.Contains(s.SQL(), "index_") && !strings.Contains(s.SQL(), "word") {
				n += steps
			}
		}
		return nil
	}))
	return n
}
