package history

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/pgp"
)

// A Prekey is one of this device's, with its secret.
type Prekey struct {
	Secret *pgp.PrekeySecret
	Use    secure.Use
	Home   omega.Fingerprint // where it was put; zero: it was told in Chat
	Chat   omega.ChatID      // it opens wraps of this chat only; zero: of any
	Made   time.Time
}

// AddPrekeys keeps the prekeys of a stock before it is put at its home.
func (tx *Tx) AddPrekeys(keys []Prekey) error {
	for _, k := range keys {
		hash, id, secret := secure.HashPrekey(k.Secret.Public()), k.Secret.Public().KeyID(), k.Secret.Marshal()
		_, err := tx.exec("store a prekey", `INSERT INTO prekey (hash, key, home, use, made, secret, chat) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			hash[:], id[:], address(k.Home), int(k.Use), millis(k.Made), secret, chatColumn(k.Chat))
		clear(secret)
		if err != nil {
			return err
		}
	}
	return nil
}

// Prekeys returns those that a wrap may be for: ids can be forged.
func (tx *Tx) Prekeys(id [8]byte) (out []Prekey, err error) {
	const query = `SELECT home, use, made, secret, chat FROM prekey WHERE key = ?`
	err = tx.rows("read prekeys", query, []any{id[:]}, func(scan func(...any) error) error {
		var k Prekey
		var home, secret, chat []byte
		var use, made int64
		if err := scan(&home, &use, &made, &secret, &chat); err != nil {
			return err
		}
		defer clear(secret)
		var err error
		if k.Secret, err = pgp.UnmarshalPrekeySecret(secret); err != nil {
			return err
		}
		k.Use, k.Made = secure.Use(use), readTime(made)
		if k.Chat, err = readChat(chat); err != nil {
			return err
		}
		k.Home, err = readAddress(home)
		out = append(out, k)
		return err
	})
	return out, err
}

// DropPrekey destroys a prekey that was used.
func (tx *Tx) DropPrekey(hash secure.Hash) error {
	_, err := tx.exec("destroy a prekey", `DELETE FROM prekey WHERE hash = ?`, hash[:])
	return err
}

// UsePrekey notes that a prekey which was told in a chat opened a wrap.
func (tx *Tx) UsePrekey(hash secure.Hash, now time.Time) error {
	_, err := tx.exec("note a prekey", `UPDATE prekey SET used = ? WHERE hash = ? AND used = 0`, millis(now), hash[:])
	return err
}

// DropUsedPrekeys destroys those that were used before a time, and returns how many
// those were and when the next one was used; zero: there is none.
func (tx *Tx) DropUsedPrekeys(before time.Time) (n int64, next time.Time, err error) {
	if n, err = tx.exec("destroy used prekeys", `DELETE FROM prekey WHERE used > 0 AND used <= ?`, millis(before)); err != nil {
		return 0, time.Time{}, err
	}
	var at int64
	err = tx.row("read used prekeys", `SELECT coalesce(min(used), 0) FROM prekey WHERE used > 0`, nil, &at)
	return n, readTime(at), err
}

// ReplacePrekeys notes that the prekeys which were put at a home before made are
// not given out any more.
func (tx *Tx) ReplacePrekeys(home omega.Fingerprint, made, now time.Time) error {
	_, err := tx.exec("replace prekeys", `UPDATE prekey SET replaced = ? WHERE home = ? AND made < ? AND replaced = 0`,
		millis(now), address(home), millis(made))
	return err
}

// DropOldPrekeys destroys prekeys that were replaced before a time, and those that
// were made before another.
func (tx *Tx) DropOldPrekeys(replaced, made time.Time) (int64, error) {
	return tx.exec("destroy old prekeys", `DELETE FROM prekey WHERE replaced > 0 AND replaced < ? OR made < ?`, millis(replaced), millis(made))
}

// HasPrekeys reports whether there are any.
func (tx *Tx) HasPrekeys() (any bool, err error) {
	err = tx.row("look for prekeys", `SELECT EXISTS (SELECT 1 FROM prekey)`, nil, &any)
	return any, err
}

// CountPrekeys returns how many of those that were put at a home at made are here.
func (tx *Tx) CountPrekeys(home omega.Fingerprint, made time.Time) (n int, err error) {
	err = tx.row("count prekeys", `SELECT count(*) FROM prekey WHERE home = ? AND made = ?`, []any{address(home), millis(made)}, &n)
	return n, err
}
