package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/pgp"
)

// testTime is the now of all tests.
var testTime = time.Date(2026, 11, 22, 13, 20, 0, 0, time.UTC)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// openTest opens a new database in a file.
func openTest(tb testing.TB) *DB {
	tb.Helper()
	db := reopen(tb, filepath.Join(tb.TempDir(), "history ?#%.db"))
	db.update(tb, func(tx *Tx) error { // positions from 1 on are easier to read
		_, err := tx.exec("count from 1", `DELETE FROM sqlite_sequence WHERE name = 'message'`)
		return err
	})
	return db
}

func reopen(tb testing.TB, path string) *DB {
	tb.Helper()
	db, err := Open(tb.Context(), path)
	must(tb, err)
	tb.Cleanup(func() { db.Close() })
	return db
}

func (db *DB) update(tb testing.TB, fn func(*Tx) error) {
	tb.Helper()
	must(tb, db.Update(context.Background(), fn))
}

func (db *DB) view(tb testing.TB, fn func(*Tx) error) {
	tb.Helper()
	must(tb, db.View(context.Background(), fn))
}

// called has an account be heard to call itself something, at no time that is known.
func (tx *Tx) called(fp omega.Fingerprint, name string) error {
	_, err := tx.HearName(fp, name, time.Time{})
	return err
}

// fp makes up a fingerprint.
func fp(n byte) omega.Fingerprint {
	f, err := omega.FingerprintV4(append(make([]byte, 19), n))
	if err != nil {
		panic(err)
	}
	return f
}

// message makes up a message from account 2 to account 1, without signatures.
func message(n int, text string) *Row {
	r := &Row{Message: chat.Message{
		Chat: omega.DirectChat(fp(1), fp(2)), Peer: fp(2), From: fp(2), Device: fp(3), Epoch: 1, Sequence: uint32(n),
		Time: testTime.Add(time.Duration(n) * time.Second), Received: testTime, Content: chat.NewText(text), Verified: true,
	}}
	r.ID = omega.ID{byte(n >> 16), byte(n >> 8), byte(n), 7}
	r.Transcript = []byte(fmt.Sprintf("Omega-Message: 1\nSequence: %d\n\n%s", n, text))
	r.Signature[0] = byte(n)
	return r
}

// mine turns it into one of account 1.
func mine(n int, text, state string) *Row {
	r := message(n, text)
	r.From, r.Device, r.Own, r.State, r.Printed = fp(1), fp(4), true, state, true
	return r
}

func (tx *Tx) put(rows ...*Row) error {
	for _, r := range rows {
		if _, err := tx.PutMessage(r); err != nil {
			return err
		}
	}
	return nil
}

// texts are the texts of rows, for comparing.
func texts(rows []Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.Content.Text)
	}
	return out
}

// A person is an account with one device, for tests with real messages.
type person struct {
	cert *pgp.Certificate
	id   *pgp.Identity
}

func newPerson(tb testing.TB, seed byte) *person {
	tb.Helper()
	rnd, made := rand.NewChaCha8([32]byte{seed}), testTime.Add(-time.Hour)
	primary, err := pgp.GenerateSigning(rnd, made)
	must(tb, err)
	cert, err := pgp.NewCertificate(tb.Context(), primary, time.Time{}, made)
	must(tb, err)
	secrets, err := pgp.GenerateDevice(rnd, "device", made)
	must(tb, err)
	req, err := secrets.Request(tb.Context(), cert.Primary(), made)
	must(tb, err)
	cert, err = pgp.AddDevice(tb.Context(), primary, cert, req, made)
	must(tb, err)
	id, err := pgp.NewIdentity(cert, secrets)
	must(tb, err)
	return &person{cert, id}
}

// finder answers with the certificates of two people.
type finder []*person

func (f finder) FindCertificate(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	for _, p := range f {
		if p.cert.Fingerprint() == fp {
			return p.cert, nil
		}
	}
	return nil, omega.Errorf(omega.CodeNotFound, "certificate %s", fp)
}

// Search is Find for a text, in one chat or all.
func (tx *Tx) Search(text string, c omega.ChatID, n int) ([]Row, error) {
	found, err := tx.Find(&Query{Text: text, Chat: c}, n)
	return found.Rows, err
}
