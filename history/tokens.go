package history

import (
	"time"

	"github.com/omega-im/omega"
)

// PutToken keeps the token by which this account writes to another, unless a message
// from later told it another one.
func (tx *Tx) PutToken(account omega.Fingerprint, t omega.Token, told time.Time) error {
	_, err := tx.exec("keep the token of "+account.String(), `INSERT INTO delivery_token (account, token, time) VALUES (?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET token = excluded.token, time = excluded.time WHERE excluded.time >= time`,
		address(account), t[:], millis(told))
	return err
}

// Token returns the token by which this account writes to another; zero if it was told
// none.
func (tx *Tx) Token(account omega.Fingerprint) (t omega.Token, err error) {
	var b []byte
	err = tx.row("read the token of "+account.String(), `SELECT token FROM delivery_token WHERE account = ?`, []any{address(account)}, &b)
	if notFound(err) {
		return t, nil
	}
	if err == nil {
		err = fill(t[:], b)
	}
	return t, err
}

// Tokens returns all that this account was told.
func (tx *Tx) Tokens() (map[omega.Fingerprint]omega.Token, error) {
	out := map[omega.Fingerprint]omega.Token{}
	err := tx.rows("read tokens", `SELECT account, token FROM delivery_token`, nil, func(scan func(...any) error) error {
		var account, b []byte
		if err := scan(&account, &b); err != nil {
			return err
		}
		fp, err := readAddress(account)
		if err != nil {
			return err
		}
		var t omega.Token
		err = fill(t[:], b)
		out[fp] = t
		return err
	})
	return out, err
}

// An Admission is what the token of an account is made from. (spec/delivery.md, DELIV-47)
type Admission struct {
	Secret []byte // of this account; empty: it has none yet
	Knows  bool   // this account has the other one as a contact that is not blocked
	Round  uint64 // another one each time that this changes
}

// Admission returns what the token of an account is made from.
func (tx *Tx) Admission(fp omega.Fingerprint) (a Admission, err error) {
	var contact, blocked int64
	err = tx.row("read whether "+fp.String()+" is let in", `SELECT coalesce((SELECT value FROM register WHERE name = 'delivery' AND subject = x''), x''),
		coalesce((SELECT value = x'01' FROM register WHERE name = 'contact' AND subject = ?1), 0)
			AND coalesce((SELECT value = x'' FROM register WHERE name = 'blocked' AND subject = ?1), 1),
		coalesce((SELECT version FROM register WHERE name = 'contact' AND subject = ?1), 0),
		coalesce((SELECT version FROM register WHERE name = 'blocked' AND subject = ?1), 0)`, []any{address(fp)},
		&a.Secret, &a.Knows, &contact, &blocked)
	a.Round = uint64(contact)<<32 | uint64(blocked)
	return a, err
}
