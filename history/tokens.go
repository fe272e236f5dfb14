package history

import (
	"time"

	"github.com/omega-im/omega"
)

// PutToken keeps the token by which this account writes to another, unless a message
// from later told it another one.
func (tx *Tx) PutToken(account omega.Fingerprint, t Told) error {
	_, err := tx.exec("keep the token of "+account.String(), `INSERT INTO delivery_token (account, token, time, passing) VALUES (?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET token = excluded.token, time = excluded.time, passing = excluded.passing WHERE excluded.time >= time`,
		address(account), t.Token[:], millis(t.Time), t.Passing)
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

// A Told is a token that an account told this one.
type Told struct {
	Token   omega.Token
	Time    time.Time // of the message that told it
	Passing bool      // that was one between accounts of a group: it may be good for a time only (spec/group.md, GROUP-41)
}

// Tokens returns all that this account was told.
func (tx *Tx) Tokens() (map[omega.Fingerprint]Told, error) {
	out := map[omega.Fingerprint]Told{}
	err := tx.rows("read tokens", `SELECT account, token, time, passing FROM delivery_token`, nil, func(scan func(...any) error) error {
		var account, b []byte
		var at int64
		var t Told
		if err := scan(&account, &b, &at, &t.Passing); err != nil {
			return err
		}
		fp, err := readAddress(account)
		if err != nil {
			return err
		}
		t.Time = readTime(at)
		err = fill(t.Token[:], b)
		out[fp] = t
		return err
	})
	return out, err
}

// PutToldToken notes by which token an account was told to write to this one.
func (tx *Tx) PutToldToken(account omega.Fingerprint, t omega.Token) error {
	_, err := tx.exec("note which token was told", `INSERT INTO token_told (account, token) VALUES (?, ?)
		ON CONFLICT (account) DO UPDATE SET token = excluded.token WHERE token <> excluded.token`, address(account), t[:])
	return err
}

// ToldTokens returns by which tokens others were told to write to this account.
func (tx *Tx) ToldTokens() (map[omega.Fingerprint]omega.Token, error) {
	return tx.tokens("read which tokens were told", `SELECT account, token FROM token_told`)
}

func (tx *Tx) tokens(what, query string) (map[omega.Fingerprint]omega.Token, error) {
	out := map[omega.Fingerprint]omega.Token{}
	err := tx.rows(what, query, nil, func(scan func(...any) error) error {
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

// TokensMark returns a number that is another one after each change of what Tokens returns,
// in this transaction too.
func (tx *Tx) TokensMark() (mark int64, err error) {
	err = tx.row("read the mark of the tokens", `SELECT mark FROM delivery_token_mark`, nil, &mark)
	return mark, err
}

// An Admission is what the token of an account is made from. (spec/delivery.md, DELIV-47)
type Admission struct {
	Secret []byte // of this account; empty: it has none yet
	Knows  bool   // this account has the other one as a contact, waits for a group of it, or invited it, and has not blocked it
	Round  uint64 // another one each time that this changes
}

// isHost holds for an account ?1 by whose link this one asked to join a group, or whose
// invitation it accepted, while the group's keys are not here.
const isHost = `EXISTS (SELECT 1 FROM known_group WHERE maker = ?1 AND ticket <> x'' OR inviter = ?1 AND accepted <> 0)`

// Hosts returns the accounts by whose links this one asked to join groups, or whose
// invitations it accepted, while the keys of these are not here.
func (tx *Tx) Hosts() ([]omega.Fingerprint, error) {
	return tx.accounts("read whose groups are waited for", `SELECT maker FROM known_group WHERE ticket <> x'' AND maker <> x''
		UNION SELECT inviter FROM known_group WHERE accepted <> 0 AND inviter <> x'' LIMIT 256`)
}

// Admission returns what the token of an account is made from.
func (tx *Tx) Admission(fp omega.Fingerprint) (a Admission, err error) {
	var contact, blocked int64
	err = tx.row("read whether "+fp.String()+" is let in", `SELECT coalesce((SELECT value FROM register WHERE name = 'delivery' AND subject = x''), x''),
		(coalesce((SELECT value = x'01' FROM register WHERE name = 'contact' AND subject = ?1), 0) OR `+isHost+` OR `+isGuest+`)
			AND coalesce((SELECT value = x'' FROM register WHERE name = 'blocked' AND subject = ?1), 1),
		coalesce((SELECT version FROM register WHERE name = 'contact' AND subject = ?1), 0),
		coalesce((SELECT version FROM register WHERE name = 'blocked' AND subject = ?1), 0)`, []any{address(fp)},
		&a.Secret, &a.Knows, &contact, &blocked)
	a.Round = uint64(contact)<<32 | uint64(blocked)
	return a, err
}
