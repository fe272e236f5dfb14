package history

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/pgp"
)

func newPrekeys(t *testing.T, home omega.Fingerprint, made time.Time, n int) (out []Prekey) {
	t.Helper()
	for range n {
		k, err := pgp.GeneratePrekey(rand.Reader, made)
		must(t, err)
		out = append(out, Prekey{k, secure.UseOnce, home, omega.ChatID{}, made})
	}
	return out
}

// A prekey is found by its id until it is used or too old, and then nothing of it
// is in the file, nor in a backup before that.
func TestPrekeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	db, err := Open(t.Context(), path)
	must(t, err)
	defer db.Close()
	made := time.UnixMilli(1795000000123).UTC()
	keys := newPrekeys(t, fp(1), made, 3)
	later := newPrekeys(t, fp(1), made.Add(time.Hour), 1)
	update := func(f func(tx *Tx) error) {
		t.Helper()
		must(t, db.Update(t.Context(), f))
	}
	here := func(k Prekey) (n int) {
		t.Helper()
		must(t, db.View(t.Context(), func(tx *Tx) error {
			got, err := tx.Prekeys(k.Secret.Public().KeyID())
			for _, g := range got {
				if bytes.Equal(g.Secret.Marshal(), k.Secret.Marshal()) && g.Use == k.Use && g.Home == k.Home && g.Made.Equal(k.Made) {
					n++
				}
			}
			return err
		}))
		return n
	}
	update(func(tx *Tx) error { return tx.AddPrekeys(append(keys, later...)) })
	for i, k := range keys {
		if here(k) != 1 {
			t.Errorf("prekey %d is not here", i)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	must(t, db.Snapshot(t.Context(), copied))
	update(func(tx *Tx) error { return tx.DropPrekey(secure.HashPrekey(keys[0].Secret.Public())) })
	update(func(tx *Tx) error { return tx.ReplacePrekeys(fp(1), made.Add(time.Hour), made.Add(time.Hour)) })
	if here(keys[0]) != 0 || here(keys[1]) != 1 {
		t.Error("another prekey than the used one is gone")
	}
	update(func(tx *Tx) error {
		n, err := tx.DropOldPrekeys(made.Add(2*time.Hour), made.Add(-time.Hour))
		if n != 2 {
			t.Errorf("%d old prekeys destroyed, want 2", n)
		}
		return err
	})
	if here(later[0]) != 1 {
		t.Error("the prekey that stands is gone")
	}
	must(t, db.Close())
	for _, file := range []string{path, copied} {
		b, err := os.ReadFile(file)
		must(t, err)
		for i, k := range keys {
			if bytes.Contains(b, k.Secret.Marshal()[4:]) {
				t.Errorf("%s has the secret of prekey %d", filepath.Base(file), i)
			}
		}
	}
}
