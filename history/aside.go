package history

import (
	"crypto/sha256"
	"time"

	"github.com/omega-im/omega"
)

// How much may wait for certificates (spec/delivery.md, DELIV-43): of one sender,
// as the server said, and in all. Anybody can send mail that nobody can be found
// for.
const (
	maxAsideOf      = 256
	maxAsideBytesOf = 1 << 20
	maxAside        = 4096
	maxAsideBytes   = 16 << 20
)

// An Aside envelope waits until the certificate of an account is known.
type Aside struct {
	Position int64             // PutAside sets it
	Needs    omega.Fingerprint // the account
	Sender   omega.Fingerprint // as the server said
	ID       omega.ID
	Payload  []byte
	Received time.Time
}

// PutAside keeps an envelope, and reports whether it is kept: what would be more
// than 256 of one sender, or than 4096 in all (1 MiB and 16 MiB), is not. The same
// again changes nothing. What is kept stays until DropAside.
func (tx *Tx) PutAside(a *Aside) (kept bool, err error) {
	what := "put aside envelope " + a.ID.String()
	digest := sha256.Sum256(a.Payload)
	var here, of, sizeOf, all, size int64
	err = tx.row(what, `SELECT (SELECT count(*) FROM aside WHERE id = ?1 AND digest = ?2),
		(SELECT count(*) FROM aside WHERE sender = ?3), (SELECT coalesce(sum(size), 0) FROM aside WHERE sender = ?3),
		(SELECT count(*) FROM aside), (SELECT coalesce(sum(size), 0) FROM aside)`, []any{a.ID[:], digest[:16], address(a.Sender)}, &here, &of, &sizeOf, &all, &size)
	if err != nil || here > 0 {
		return err == nil, err
	}
	n := int64(len(a.Payload))
	if of >= maxAsideOf || sizeOf+n > maxAsideBytesOf || all >= maxAside || size+n > maxAsideBytes {
		return false, nil
	}
	_, err = tx.exec(what, `INSERT INTO aside (needs, sender, id, digest, payload, size, received) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		address(a.Needs), address(a.Sender), a.ID[:], digest[:16], blob(a.Payload), n, millis(a.Received))
	return err == nil, err
}

// Aside returns at most n envelopes that wait for an account, oldest first.
func (tx *Tx) Aside(needs omega.Fingerprint, n int) (out []Aside, err error) {
	const query = `SELECT position, sender, id, payload, received FROM aside WHERE needs = ? ORDER BY position LIMIT ?`
	err = tx.rows("read envelopes put aside", query, []any{address(needs), n}, func(scan func(...any) error) error {
		a := Aside{Needs: needs}
		var sender, id []byte
		var at int64
		if err := scan(&a.Position, &sender, &id, &a.Payload, &at); err != nil {
			return err
		}
		a.Received = readTime(at)
		if err := fill(a.ID[:], id); err != nil {
			return err
		}
		a.Sender, err = readAddress(sender)
		out = append(out, a)
		return err
	})
	return out, err
}

// AsideFor returns the accounts that envelopes wait for.
func (tx *Tx) AsideFor() ([]omega.Fingerprint, error) {
	return tx.accounts("read whom envelopes wait for", `SELECT DISTINCT needs FROM aside`)
}

// DropAside forgets an envelope that was put aside.
func (tx *Tx) DropAside(position int64) error {
	_, err := tx.exec("drop envelope put aside", `DELETE FROM aside WHERE position = ?`, position)
	return err
}

// DropOldAside forgets what the homes took before a time.
func (tx *Tx) DropOldAside(before time.Time) error {
	_, err := tx.exec("drop old envelopes put aside", `DELETE FROM aside WHERE received < ?`, millis(before))
	return err
}

// CountAside returns how many envelopes wait for certificates.
func (tx *Tx) CountAside() (n int, err error) {
	err = tx.row("count envelopes put aside", `SELECT count(*) FROM aside`, nil, &n)
	return n, err
}
