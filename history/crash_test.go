package history

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/omega-im/omega"
)

// takeMail stores the nth message and the cursor behind it, as one.
func takeMail(db *DB, n int) error {
	return db.Update(context.Background(), func(tx *Tx) error {
		if err := tx.put(message(n, strings.Repeat("台北車站 ", 50))); err != nil {
			return err
		}
		return tx.PutCursor(Cursor{Home: fp(9), Seq: uint64(n)})
	})
}

// checkMail fails unless the messages are exactly those up to the cursor, and
// returns it.
func checkMail(t *testing.T, db *DB) (seq int) {
	t.Helper()
	db.view(t, func(tx *Tx) error {
		cursors, err := tx.Cursors()
		must(t, err)
		if len(cursors) > 0 {
			seq = int(cursors[0].Seq)
		}
		n := 0
		err = tx.All(message(1, "").Chat, func(r *Row) error {
			if n++; int(r.Sequence) != n {
				t.Errorf("message %d is in place of %d", r.Sequence, n)
			}
			return nil
		})
		if n != seq {
			t.Errorf("%d messages, cursor at %d", n, seq)
		}
		found, _ := tx.Search("車站", omega.ChatID{}, 100_000)
		if len(found) != n {
			t.Errorf("found %d of %d messages", len(found), n)
		}
		return err
	})
	return seq
}

const crashPath = "HISTORY_TEST_CRASH_PATH"

// TestCrashChild is the program that TestKill kills.
func TestCrashChild(t *testing.T) {
	path := os.Getenv(crashPath)
	if path == "" {
		return
	}
	db := reopen(t, path)
	for n := checkMail(t, db) + 1; ; n++ {
		must(t, takeMail(db, n))
		fmt.Println("committed", n)
	}
}

// TestKill kills a process that writes, again and again: what it said was
// committed is there, and nothing is by halves.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
		cmd.Env = append(os.Environ(), crashPath+"="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		committed := 0
		lines := bufio.NewScanner(out)
		for i := 0; i < 6+5*round && lines.Scan(); i++ {
			if s, ok := strings.CutPrefix(lines.Text(), "committed "); ok {
				committed, _ = strconv.Atoi(s)
			}
		}
		must(t, cmd.Process.Kill())
		cmd.Wait()
		db, err := Open(t.Context(), path)
		must(t, err)
		if got := checkMail(t, db); got < committed || committed == 0 {
			t.Errorf("round %d: %d messages, the process had committed %d", round, got, committed)
		}
		must(t, db.Close())
	}
}

// TestPowerLoss cuts the log at every kind of place, as a disk may that lost
// its power: what is left is some first part of what was committed.
func TestPowerLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := reopen(t, path)
	for n := range 12 {
		must(t, takeMail(db, n+1))
	}
	main, err := os.ReadFile(path)
	must(t, err)
	log, err := os.ReadFile(path + "-wal")
	must(t, err)
	last, cuts := -1, 40
	if slow {
		cuts = 8
	}
	for cut := 0; cut <= len(log); cut += len(log)/cuts - 13 {
		path := filepath.Join(t.TempDir(), "y.db")
		must(t, os.WriteFile(path, main, 0o600))
		must(t, os.WriteFile(path+"-wal", log[:cut], 0o600))
		db, err := Open(t.Context(), path)
		must(t, err)
		got := checkMail(t, db)
		if got < last {
			t.Errorf("cut at %d: %d messages, fewer than the %d of an earlier cut", cut, got, last)
		}
		last = got
		must(t, db.Close())
	}
	if got := checkMail(t, db); got != 12 || last < 6 {
		t.Errorf("%d messages, at most %d after a cut", got, last)
	}
}

// TestConcurrency writes and reads at once, under the race detector.
func TestConcurrency(t *testing.T) {
	db := openTest(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range 4 {
		wg.Go(func() {
			for range 10 {
				mu.Lock()
				next++
				err := takeMail(db, next)
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				err := db.Update(context.Background(), func(tx *Tx) error {
					b, err := tx.Setting("counter")
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(string(b))
					return tx.SetSetting("counter", []byte(strconv.Itoa(n+1)))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				checkMail(t, db)
			}
		})
	}
	wg.Wait()
	db.view(t, func(tx *Tx) error {
		b, err := tx.Setting("counter")
		if string(b) != "40" {
			t.Errorf("counter %s, want 40", b)
		}
		return err
	})
	if got := checkMail(t, db); got != 40 {
		t.Errorf("%d messages, want 40", got)
	}
	must(t, db.Close())
	if err := takeMail(db, 41); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// TestTenThousand catches up in batches, then pages, searches and lists.
func TestTenThousand(t *testing.T) {
	db := openTest(t)
	batch := 500
	if slow {
		batch = 20
	}
	for i := range 20 {
		db.update(t, func(tx *Tx) error {
			for n := range batch {
				n += batch * i
				r := message(n+1, fmt.Sprintf("第 %d 則訊息：明天 %d 點在台北車站", n, n%24))
				if n%10 == 0 {
					r.Chat = omega.ChatID{byte(n / batch / 2), 1}
				}
				must(t, tx.put(r))
			}
			return nil
		})
	}
	db.view(t, func(tx *Tx) error {
		chats, err := tx.Chats()
		if len(chats) != 11 || err != nil {
			t.Errorf("%d chats, %v", len(chats), err)
		}
		total := 0
		for _, c := range chats {
			total += c.Unread
		}
		if total != 20*batch {
			t.Errorf("%d unread", total)
		}
		rows, err := tx.Search(fmt.Sprint("訊息 ", 20*batch-3), omega.ChatID{}, 10)
		if len(rows) != 1 {
			t.Errorf("found %q, %v", texts(rows), err)
		}
		page, err := tx.Page(message(1, "").Chat, message(10*batch, "").ID, 50)
		if len(page) != 50 || int(page[49].Sequence) != 10*batch-1 {
			t.Errorf("page of %d ends at %d, %v", len(page), page[49].Sequence, err)
		}
		return nil
	})
}
