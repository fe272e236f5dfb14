package client

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// BenchmarkSecureBook: what each message costs in a secure group of 100 people whose epochs
// of some days are still here, before and after it is opened.
func BenchmarkSecureBook(b *testing.B) {
	for _, epochs := range []int{1, 30} {
		b.Run(fmt.Sprint(epochs), func(b *testing.B) { benchmarkBook(b, 100, epochs) })
	}
}

func benchmarkBook(b *testing.B, people, epochs int) {
	db, err := history.Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
	must(b, err)
	defer db.Close()
	me := newIdentity(b, "me")
	c := &Client{acc: &account{Fingerprint: me.Account(), Device: me.Device()}, db: db}
	r := groupRoom(chat.Hash{7})
	now := time.Now()
	must(b, db.Update(b.Context(), func(tx *history.Tx) error {
		book, err := c.secureBookOf(tx, r)
		must(b, err)
		plan := &secure.Plan{Chat: r.chat, Heads: []secure.Hash{{1}}, Opener: me.Account()}
		for i := range people {
			key, err := pgp.GeneratePrekey(rand.Reader, now)
			must(b, err)
			reader := secure.Reader{Account: me.Account(), Signing: me.Device()}
			if i > 0 {
				reader = secure.Reader{Account: anybody(b), Signing: anybody(b)}
			}
			reader.Prekey, err = secure.SignPrekey(b.Context(), me.Signer, reader.Account, key.Public(), secure.UseWeek, now, now.Add(time.Hour))
			must(b, err)
			plan.Readers = append(plan.Readers, reader)
		}
		for i := range epochs {
			plan.Time, plan.Epoch = now, uint32(i)
			o, err := secure.Open(b.Context(), rand.Reader, me.Signer, plan)
			must(b, err)
			plan.Parents = []secure.Hash{o.Epoch.Record.Hash()}
			must(b, book.Add(o.Epoch, now))
		}
		_, err = book.store(tx, now)
		return err
	}))
	for b.Loop() {
		must(b, db.Update(b.Context(), func(tx *history.Tx) error {
			book, err := c.secureBookOf(tx, r)
			if err != nil || len(book.Epochs) != epochs {
				return fmt.Errorf("%d epochs: %w", len(book.Epochs), err)
			}
			_, err = book.store(tx, now)
			return err
		}))
	}
}

// anybody is the fingerprint of some key.
func anybody(tb testing.TB) omega.Fingerprint {
	tb.Helper()
	k, err := pgp.GenerateSigning(rand.Reader, time.Now())
	must(tb, err)
	return k.Public().Fingerprint()
}
