package client

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/history"
)

// atOnce has n write at once, while another transaction holds them up, and returns what
// each was told and in how many transactions that was.
func (q *together) atOnce(t *testing.T, db *history.DB, n int, do func(tx *history.Tx, i int) error) (errs []error, transactions int) {
	t.Helper()
	hold, held := make(chan struct{}), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Update(t.Context(), func(*history.Tx) error { held <- nil; <-hold; return nil })
		if err != nil {
			held <- err
		}
	})
	must(t, <-held)
	errs = make([]error, n)
	seen := map[*history.Tx]bool{} // guarded by the database's writer
	for i := range n {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // who came first may be gone: the others are not
			errs[i] = q.update(ctx, db, func(tx *history.Tx) error {
				seen[tx] = true
				return do(tx, i)
			})
		})
	}
	until(t, "all are queued", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.queued) == n
	})
	close(hold)
	wg.Wait()
	return errs, len(seen)
}

// TestTogether: what many write at once is one transaction; what fails, fails alone; and
// nobody waits when the database is closed.
func TestTogether(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	must(t, err)
	var q together
	set := func(tx *history.Tx, i int) error { return tx.SetSetting(fmt.Sprint("of-", i), []byte{byte(i)}) }
	errs, transactions := q.atOnce(t, db, 20, set)
	if err := errors.Join(errs...); err != nil || transactions != 1 {
		t.Errorf("%d transactions, %v", transactions, err)
	}
	errBad := errors.New("bad")
	errs, _ = q.atOnce(t, db, 40, func(tx *history.Tx, i int) error {
		if i == 27 {
			return errBad
		}
		return set(tx, i)
	})
	must(t, db.View(t.Context(), func(tx *history.Tx) error {
		for i, err := range errs {
			if b, _ := tx.Setting(fmt.Sprint("of-", i)); i != 27 && (err != nil || len(b) != 1 || b[0] != byte(i)) {
				t.Errorf("%d: %x, %v", i, b, err)
			}
		}
		return nil
	}))
	if !errors.Is(errs[27], errBad) {
		t.Errorf("what is bad: %v", errs[27])
	}
	must(t, db.Close())
	for range 3 {
		if err := q.update(t.Context(), db, func(*history.Tx) error { return nil }); err == nil {
			t.Error("written after the end")
		}
	}
}

// TestTogetherExpects: what is about to be written is waited for, so that a crowd that is
// looked up costs few transactions; who never comes holds nobody up for long.
func TestTogetherExpects(t *testing.T) {
	db, err := history.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	must(t, err)
	defer db.Close()
	for _, tt := range []struct {
		name         string
		come, expect int
		patience     time.Duration
	}{
		{"all come", 20, 20, time.Hour},
		{"nobody is expected", 1, 0, time.Hour},
		{"one never comes", 3, 4, time.Millisecond},
	} {
		q := together{patience: tt.patience}
		var wg sync.WaitGroup
		seen := map[*history.Tx]bool{} // guarded by the database's writer
		var done []func()
		for range tt.expect {
			done = append(done, q.expect())
		}
		for i := range tt.come {
			if tt.patience == time.Hour { // one after the other: nothing else brings them together
				until(t, "those before are queued", func() bool {
					q.mu.Lock()
					defer q.mu.Unlock()
					return len(q.queued) == i
				})
			}
			wg.Go(func() {
				if i < len(done) {
					defer done[i]()
				}
				if err := q.update(t.Context(), db, func(tx *history.Tx) error { seen[tx] = true; return nil }); err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			})
		}
		wg.Wait()
		if len(seen) != 1 && tt.patience == time.Hour {
			t.Errorf("%s: %d transactions, want 1", tt.name, len(seen))
		}
	}
}
