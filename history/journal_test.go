package history

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestLog: a database has a log where there are locks. One that comes from where there are
// none has one while it is open, and none when it was closed.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, nil, 0o600))
	if err := checkLog(path); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	db := reopen(t, path)
	must(t, db.Close())
	if err := checkLog(path); !errors.Is(err, ErrLog) || !IsStorage(err) {
		t.Errorf("a database with a log: %v, want %v", err, ErrLog)
	}
	pool, err := openPool(path)
	must(t, err)
	_, err = pool.ExecContext(t.Context(), "PRAGMA journal_mode = truncate")
	must(t, err)
	must(t, pool.Close())
	if err := checkLog(path); err != nil {
		t.Errorf("a database without a log: %v", err)
	}
	db = reopen(t, path)
	var mode string
	db.update(t, func(tx *Tx) error { return tx.row("read the mode", "PRAGMA journal_mode", nil, &mode) })
	if err := checkLog(path); mode != "wal" || !errors.Is(err, ErrLog) {
		t.Errorf("open where there are locks: journal %s, %v, want %v", mode, err, ErrLog)
	}
	must(t, db.Close())
	if err := checkLog(path); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
