package client

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestSettleRestored: what may have been sent since the backup is shown as failed,
// and what is not due yet waits. (spec/archive.md, ARCH-6)
func TestSettleRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), fileHistory)
	open := func() *history.DB {
		db, err := history.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	me, _ := omega.FingerprintV4(append(make([]byte, 19), 1))
	peer, _ := omega.FingerprintV4(append(make([]byte, 19), 2))
	now := time.Now()
	db := open()
	err := db.Update(t.Context(), func(tx *history.Tx) error {
		for i, due := range []time.Time{{}, now.Add(-time.Hour), now.Add(time.Hour)} {
			if err := tx.AddUnsealed(&history.Unsealed{ID: omega.ID{byte(i + 1)}, To: peer, Text: "早安", Time: now, Due: due}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := settleRestored(t.Context(), Config{}, &clientrpc.BackupInfo{Fingerprint: me, Device: me}, path); err != nil {
		t.Fatal(err)
	}
	db = open()
	defer db.Close()
	err = db.View(t.Context(), func(tx *history.Tx) error {
		for i := range 2 {
			r, err := tx.Message(omega.ID{byte(i + 1)})
			if err != nil || r.State != clientrpc.StateFailed || r.Why != whyRestored || r.Chat != omega.DirectChat(me, peer) {
				t.Errorf("text %d: %+v, %v", i+1, r, err)
			}
		}
		list, err := tx.Unsealed(now.Add(2*time.Hour), 9)
		if len(list) != 1 || list[0].ID != (omega.ID{3}) {
			t.Errorf("waiting: %+v", list)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
