package history

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
)

// TestSecureWaiting: what waits has bounds, for one account and for all; what comes twice
// is kept once.
func TestSecureWaiting(t *testing.T) {
	db := openTest(t)
	must(t, db.Update(t.Context(), func(tx *Tx) error {
		if _, err := tx.PutSetting(&chat.Setting{Name: chat.SettingContact, Subject: fp(1).Wire(), Value: []byte{chat.Contact}, Stamp: chat.Stamp{Version: 1}}); err != nil {
			return err
		}
		for i := range maxSecureEach + 10 {
			w := &SecureWaiting{Kind: secure.PayloadMessage, Account: fp(1), ID: omega.ID{byte(i), byte(i >> 8)}, Payload: []byte{5, byte(i), byte(i >> 8)}, Received: time.UnixMilli(int64(i + 1))}
			must(t, tx.AwaitSecure(w))
			must(t, tx.AwaitSecure(w))
		}
		w := &SecureWaiting{Kind: secure.PayloadWrap, Locator: secure.Locator{9}, Account: fp(2), ID: omega.ID{1}, Payload: []byte{3}, Received: time.UnixMilli(9), Lost: true}
		must(t, tx.AwaitSecure(w))
		list, err := tx.WaitingMessages(fp(1))
		must(t, err)
		if len(list) != maxSecureEach || list[0].Received.UnixMilli() != 11 {
			t.Errorf("%d wait, the first since %v", len(list), list[0].Received)
		}
		first := list[0]
		for i := range maxSecureUnknown + 9 { // of one that is no contact
			must(t, tx.AwaitSecure(&SecureWaiting{Kind: secure.PayloadMessage, Account: fp(3), ID: omega.ID{3, byte(i)}, Payload: []byte{5, 3, byte(i)}, Received: time.UnixMilli(int64(i + 1))}))
		}
		if list, err := tx.WaitingMessages(fp(3)); err != nil || len(list) != maxSecureUnknown {
			t.Errorf("%d of a stranger wait, %v", len(list), err)
		}
		for i := range 9 { // somebody else sends what opens nothing under the same locator
			must(t, tx.AwaitSecure(&SecureWaiting{Kind: secure.PayloadWrap, Locator: secure.Locator{9}, Account: fp(3), ID: omega.ID{4, byte(i)}, Payload: []byte{3, byte(i)}, Received: time.UnixMilli(5), Room: omega.ChatID{1}}))
		}
		if parts, err := tx.WaitingEpoch(secure.Locator{9}, secure.PayloadWrap, fp(3), 4); err != nil || len(parts) != 4 || parts[0].Account != fp(3) {
			t.Errorf("%+v, %v", parts, err)
		}
		if list, err := tx.WaitingRoom(omega.ChatID{1}, secure.PayloadWrap, 5); err != nil || len(list) != 5 {
			t.Errorf("%d wait for operations, %v", len(list), err)
		}
		w.Room = omega.ChatID{1} // it came again, and is known better
		must(t, tx.AwaitSecure(w))
		if list, err := tx.WaitingRoom(omega.ChatID{1}, secure.PayloadWrap, 50); err != nil || len(list) != 10 {
			t.Errorf("%d wait for operations, %v", len(list), err)
		}
		parts, err := tx.WaitingEpoch(secure.Locator{9}, secure.PayloadWrap, fp(2), 40)
		if err != nil || len(parts) != 9 || parts[0].Account != fp(3) {
			t.Errorf("wraps of which none opens: %+v, %v", parts, err)
		}
		list, err = tx.WaitingRoom(omega.ChatID{1}, secure.PayloadWrap, 2) // one of each before the next
		if err != nil || len(list) != 2 || list[0].Account == list[1].Account {
			t.Errorf("%+v, %v", list, err)
		}
		must(t, tx.DropMessage(first.ID))
		must(t, tx.DropEpochParts(secure.Locator{9}))
		must(t, tx.DropOldWaiting(time.UnixMilli(100)))
		all, err := tx.AllWaiting()
		if err != nil || len(all) != maxSecureEach+10-99 {
			t.Errorf("%d are left, %v", len(all), err)
		}
		must(t, tx.SawSecure([]byte("x"), time.UnixMilli(50)))
		if seen, err := tx.SeenSecure([]byte("x")); err != nil || !seen {
			t.Errorf("seen %v, %v", seen, err)
		}
		must(t, tx.DropOldWaiting(time.UnixMilli(100)))
		if seen, err := tx.SeenSecure([]byte("x")); err != nil || seen {
			t.Errorf("seen %v after its time, %v", seen, err)
		}
		return nil
	}))
}

// TestSecureErased: a key that was overwritten is in no file of the database once its log
// was cut off, and a snapshot has none at all.
func TestSecureErased(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.db")
	db, err := Open(t.Context(), path)
	must(t, err)
	defer db.Close()
	key := make([]byte, 32)
	rand.Read(key)
	name := secure.Hash{1}
	id := omega.ChatID{7}
	put := func(state []byte, gone bool) {
		must(t, db.Update(t.Context(), func(tx *Tx) error {
			must(t, tx.PutSecureChat(&SecureChat{Chat: id, Peer: fp(1)}))
			return tx.PutSecureEpoch(&SecureEpoch{Name: name, Chat: id, Locator: secure.Locator{2}, Expires: time.UnixMilli(1e12), Gone: gone, State: state})
		}))
	}
	has := func(files ...string) (n int) {
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil {
				n += bytes.Count(b, key)
			}
		}
		return n
	}
	put(append(bytes.Repeat([]byte("record "), 2000), key...), false)
	files := []string{path, path + "-wal", path + "-shm"}
	if has(files...) == 0 {
		t.Fatal("the search does not find a key that is there")
	}
	must(t, db.Snapshot(t.Context(), filepath.Join(dir, "copy")))
	if n := has(filepath.Join(dir, "copy")); n != 0 {
		t.Errorf("the key is in a snapshot %d times", n)
	}
	put([]byte("record"), true)
	if done, err := db.Checkpoint(t.Context()); err != nil || !done {
		t.Fatalf("cut off: %v, %v", done, err)
	}
	if n := has(files...); n != 0 {
		t.Errorf("the key is there %d times", n)
	}
	must(t, db.Update(t.Context(), func(tx *Tx) error {
		list, err := tx.SecureEpochs(id)
		if err != nil || len(list) != 1 || !list[0].Gone || string(list[0].State) != "record" {
			t.Errorf("%+v, %v", list, err)
		}
		must(t, tx.DropRecords(time.UnixMilli(1e12+1)))
		if known, err := tx.HasLocator(secure.Locator{2}); err != nil || known {
			t.Errorf("known %v, %v", known, err)
		}
		return nil
	}))
}

// TestCheckpointDoesNotWait: where somebody reads, cutting off the log is put off, and
// nobody who wants to write waits for the reader meanwhile.
func TestCheckpointDoesNotWait(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	must(t, err)
	defer db.Close()
	must(t, db.Update(t.Context(), func(tx *Tx) error { return tx.SetSetting("x", []byte{1}) }))
	must(t, db.View(t.Context(), func(tx *Tx) error {
		if _, err := tx.Setting("x"); err != nil { // the snapshot begins with the first look
			return err
		}
		must(t, db.Update(t.Context(), func(tx *Tx) error { return tx.SetSetting("x", []byte{2}) }))
		began := time.Now()
		done, err := db.Checkpoint(t.Context())
		if took := time.Since(began); err != nil || done || took >= busyTimeout*time.Millisecond {
			t.Errorf("cut off beside a reader: %v, %v after %v", done, err, took)
		}
		return nil
	}))
	if done, err := db.Checkpoint(t.Context()); err != nil || !done {
		t.Errorf("cut off: %v, %v", done, err)
	}
	var ms int
	must(t, db.Update(t.Context(), func(tx *Tx) error { return tx.row("read patience", "PRAGMA busy_timeout", nil, &ms) }))
	if ms != busyTimeout {
		t.Errorf("later %d ms are waited for others, not %d", ms, busyTimeout)
	}
}

// TestSecureRows: a secure chat is never seen as a normal one, and that of a group is one
// of a group; the wraps of an epoch go with its keys.
func TestSecureRows(t *testing.T) {
	db := openTest(t)
	two, circle, name := omega.ChatID{1}, omega.ChatID{2}, secure.Hash{3}
	must(t, db.Update(t.Context(), func(tx *Tx) error {
		must(t, tx.PutSecureChat(&SecureChat{Chat: two, Peer: fp(1)}))
		must(t, tx.PutSecureChat(&SecureChat{Chat: circle, Group: chat.Hash{2, 9}}))
		must(t, tx.PutGroupChat(circle, "密友"))
		a, err := tx.Chat(two)
		must(t, err)
		b, err := tx.Chat(circle)
		must(t, err)
		if !a.Secure || a.Group || !b.Secure || !b.Group || b.Name != "密友" {
			t.Errorf("%+v, %+v", a, b)
		}
		s, err := tx.SecureChat(circle)
		if err != nil || s.Group != (chat.Hash{2, 9}) || !s.Peer.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
		e := &SecureEpoch{Name: name, Chat: circle, Locator: secure.Locator{4}, State: []byte("keys")}
		must(t, tx.PutSecureEpoch(e))
		must(t, tx.PutEpochPayloads(name, &EpochPayloads{Record: []byte("r"), Wraps: map[omega.Fingerprint][]byte{fp(1): []byte("a"), {}: []byte("own")}}))
		for account, want := range map[omega.Fingerprint]string{fp(1): "a", {}: "own"} {
			if p, err := tx.EpochPayloads(name, account); err != nil || p == nil || string(p.Wraps[account]) != want || string(p.Record) != "r" {
				t.Errorf("%+v, %v", p, err)
			}
		}
		if p, err := tx.EpochPayloads(name, fp(2)); err != nil || p != nil {
			t.Errorf("of somebody who is not in it: %+v, %v", p, err)
		}
		e.Gone, e.State = true, []byte("record")
		must(t, tx.PutSecureEpoch(e))
		if p, err := tx.EpochPayloads(name, fp(1)); err != nil || p != nil {
			t.Errorf("of a destroyed epoch: %+v, %v", p, err)
		}
		return nil
	}))
}
