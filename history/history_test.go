package history

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	db := reopen(t, good)
	db.update(t, func(tx *Tx) error { return tx.put(message(1, "hello")) })
	must(t, db.Close())
	content, err := os.ReadFile(good)
	must(t, err)
	if info, err := os.Stat(good); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}

	for _, tt := range []struct {
		name string
		make func(path string)
		want error
	}{
		{"again", func(path string) { os.WriteFile(path, content, 0o600) }, nil},
		{"empty file", func(path string) { os.WriteFile(path, nil, 0o600) }, nil},
		{"text", func(path string) { os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600) }, ErrDamaged},
		{"zeros in the schema", func(path string) {
			b := bytes.Clone(content)
			clear(b[100:4096])
			os.WriteFile(path, b, 0o600)
		}, ErrDamaged},
		{"newer", func(path string) {
			os.WriteFile(path, content, 0o600)
			execFile(t, path, "PRAGMA user_version = 99")
		}, ErrNewer},
		{"of another program", func(path string) { execFile(t, path, "CREATE TABLE song (name TEXT)") }, ErrDamaged},
		{"with another mark", func(path string) { execFile(t, path, "PRAGMA application_id = 5") }, ErrDamaged},
		{"folder is missing", func(string) {}, os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if tt.want == os.ErrNotExist {
				path = filepath.Join(path, "x.db")
			}
			tt.make(path)
			db, err := Open(t.Context(), path)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Open = %v, want %v", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not say which file", err)
			}
			if err == nil {
				db.Close()
			}
		})
	}
}

func execFile(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(t, err)
}

// TestDamageLater finds damage that Open does not look for.
func TestDamageLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := reopen(t, path)
	db.update(t, func(tx *Tx) error {
		for n := range 200 {
			if err := tx.put(message(n+1, strings.Repeat("x", 500))); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, db.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	for i := len(b) / 2; i < len(b); i++ {
		b[i] = 0xa5
	}
	must(t, os.WriteFile(path, b, 0o600))
	db, err = Open(t.Context(), path)
	if err == nil {
		err = db.View(t.Context(), func(tx *Tx) error {
			return tx.All(message(1, "").Chat, func(*Row) error { return nil })
		})
		db.Close()
	}
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want %v", err, ErrDamaged)
	}
}

func TestUpdateIsOneCommit(t *testing.T) {
	for _, path := range []string{":memory:", filepath.Join(t.TempDir(), "x.db")} {
		db := reopen(t, path)
		broken := errors.New("broken")
		err := db.Update(t.Context(), func(tx *Tx) error {
			must(t, tx.put(message(1, "lost")))
			must(t, tx.SetSetting("a", []byte{1}))
			return broken
		})
		if err != broken {
			t.Errorf("Update = %v, want the error as it is", err)
		}
		func() {
			defer func() { recover() }()
			db.Update(t.Context(), func(tx *Tx) error {
				must(t, tx.put(message(2, "lost")))
				panic("in fn")
			})
		}()
		ctx, cancel := context.WithCancel(t.Context())
		if err := db.Update(ctx, func(tx *Tx) error { must(t, tx.put(message(3, "lost"))); cancel(); return nil }); err == nil {
			t.Error("committed after its context ended")
		}
		db.update(t, func(tx *Tx) error { return tx.put(message(4, "kept")) })
		db.view(t, func(tx *Tx) error {
			rows, err := tx.Unprinted(10)
			if got := texts(rows); len(got) != 1 || got[0] != "kept" {
				t.Errorf("%s: %q", path, got)
			}
			return err
		})
	}
}

// TestCommitted: what is to happen with a commit happens once, in order, before the next
// transaction, and not where everything was rolled back.
func TestCommitted(t *testing.T) {
	db := openTest(t)
	var did []string
	note := func(what string, err error) func(*Tx) error {
		return func(tx *Tx) error {
			tx.Committed(func() { did = append(did, what+" 1") })
			tx.Committed(func() { did = append(did, what+" 2") })
			if len(did) > 2 {
				t.Errorf("%s runs after %q", what, did)
			}
			return err
		}
	}
	must(t, db.Update(t.Context(), note("first", nil)))
	if got := strings.Join(did, ", "); got != "first 1, first 2" {
		t.Fatalf("after a commit: %q", got)
	}
	failed := errors.New("rolled back")
	if err := db.Update(t.Context(), note("second", failed)); !errors.Is(err, failed) {
		t.Fatalf("Update = %v, want %v", err, failed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Update(ctx, func(tx *Tx) error {
		cancel() // after fn, before the commit
		return note("third", nil)(tx)
	})
	if err == nil {
		t.Error("a transaction whose context was over was committed")
	}
	if got := strings.Join(did, ", "); got != "first 1, first 2" {
		t.Errorf("after what was rolled back: %q", got)
	}
}

func TestViewCannotWrite(t *testing.T) {
	db := openTest(t)
	if err := db.View(t.Context(), func(tx *Tx) error { return tx.SetSetting("a", []byte{1}) }); err == nil {
		t.Error("a View wrote")
	}
}

func TestSettingsAndCursors(t *testing.T) {
	db := openTest(t)
	a, b := Cursor{fp(9), [8]byte{1}, 1<<64 - 1}, Cursor{fp(8), [8]byte{2}, 5}
	db.update(t, func(tx *Tx) error {
		must(t, tx.SetSetting("x", []byte("1")))
		must(t, tx.SetSetting("x", []byte("2")))
		must(t, tx.SetSetting("empty", []byte{}))
		must(t, tx.SetSetting("gone", []byte("3")))
		must(t, tx.SetSetting("gone", nil))
		must(t, tx.PutCursor(Cursor{Home: fp(9), Seq: 3}))
		must(t, tx.PutCursor(a))
		return tx.PutCursor(b)
	})
	db.view(t, func(tx *Tx) error {
		for name, want := range map[string]string{"x": "2", "empty": "", "gone": "nil", "never": "nil"} {
			got, err := tx.Setting(name)
			must(t, err)
			if string(got) != want && (want != "nil" || got != nil) {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
			if name == "empty" && got == nil {
				t.Error("an empty setting reads as unset")
			}
		}
		got, err := tx.Cursors()
		if len(got) != 2 || got[0] != b || got[1] != a {
			t.Errorf("cursors %v", got)
		}
		return err
	})
}

func TestPeers(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.called(fp(2), "小明"))
		if _, err := tx.Peer(fp(2)); !errors.Is(err, ErrNotFound) {
			t.Errorf("peer without certificate: %v", err)
		}
		must(t, tx.PutPeer(&Peer{Fingerprint: fp(2), Certificate: []byte{1}, Record: []byte{2}, Sequence: 1 << 63, Checked: testTime}))
		return tx.PutPeer(&Peer{Fingerprint: fp(2), Certificate: []byte{3}, Record: []byte{4}, Sequence: 7, Checked: testTime})
	})
	db.view(t, func(tx *Tx) error {
		p, err := tx.Peer(fp(2))
		must(t, err)
		if p.Name != "小明" || p.Certificate[0] != 3 || p.Record[0] != 2 || p.Sequence != 1<<63 || !p.Checked.Equal(testTime) {
			t.Errorf("peer %+v: the older record must not replace the newer", p)
		}
		return nil
	})
	if _, err := Open(t.Context(), t.TempDir()); err == nil {
		t.Error("opened a folder")
	}
}
