package history

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// openAlone opens a database as where files have neither locks nor shared memory.
func openAlone(t *testing.T, path string) *session {
	t.Helper()
	pool, err := openPool(path, false, false)
	must(t, err)
	s := &session{}
	must(t, s.connect(t.Context(), pool))
	t.Cleanup(func() {
		s.close()
		pool.Close()
	})
	must(t, s.migrate(t.Context()))
	return s
}

func setting(t *testing.T, s *session, name string) (value []byte) {
	t.Helper()
	must(t, s.run(t.Context(), "BEGIN", nil, func(tx *Tx) (err error) {
		value, err = tx.Setting(name)
		return err
	}))
	return value
}

func set(t *testing.T, s *session, name, value string) {
	t.Helper()
	must(t, s.run(t.Context(), "BEGIN IMMEDIATE", nil, func(tx *Tx) error { return tx.SetSetting(name, []byte(value)) }))
}

// TestAlone: without locks there is the same log; what a process left that was killed is
// read, and what it had not committed is not there; and the file goes back and forth.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	path, killed := filepath.Join(dir, "x.db"), filepath.Join(dir, "killed.db")
	s := openAlone(t, path)
	var mode string
	must(t, s.conn.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
	if mode != "wal" {
		t.Errorf("the journal is %q", mode)
	}
	set(t, s, "a", "committed")
	_, err := s.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE; UPDATE setting SET value = x'00'")
	must(t, err)
	for _, end := range []string{"", "-wal"} { // as they are on the disk when the process is killed
		b, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(killed+end, b, 0o600))
	}
	_, err = s.conn.ExecContext(context.Background(), "ROLLBACK")
	must(t, err)
	must(t, s.close())

	for range 2 { // the second time after it was closed
		s = openAlone(t, killed)
		if got := setting(t, s, "a"); string(got) != "committed" {
			t.Errorf("after the end of a process within a transaction: %q", got)
		}
		must(t, s.close())
	}
	db := reopen(t, killed)
	db.update(t, func(tx *Tx) error { return tx.SetSetting("b", []byte("with locks")) })
	must(t, db.Close())
	s = openAlone(t, killed)
	if got := setting(t, s, "b"); string(got) != "with locks" {
		t.Errorf("what was written where there are locks: %q", got)
	}
}
