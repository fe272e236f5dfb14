package history

import (
	"time"

	"github.com/omega-im/omega"
)

// An Outgoing is an envelope on its way out, in order of Position.
type Outgoing struct {
	Position int64
	Message  omega.ID // whose state it moves; zero: none (receipts, keys …)
	Envelope []byte
	Attempts int
	NextTry  time.Time
	Why      string // code of the last failure
}

// AddOutgoing appends an envelope: in the transaction that stored its message
// and moved the sender.
func (tx *Tx) AddOutgoing(o *Outgoing) error {
	var message []byte
	if !o.Message.IsZero() {
		message = o.Message[:]
	}
	_, err := tx.exec("queue envelope", `INSERT INTO outgoing (message, envelope, attempts, next, why) VALUES (?, ?, ?, ?, ?)`,
		blob(message), blob(o.Envelope), o.Attempts, millis(o.NextTry), o.Why)
	return err
}

// Outgoing returns at most n envelopes that are due at now, in order of
// position after the given one, and when the next of the others is due; zero
// if there is none.
func (tx *Tx) Outgoing(now time.Time, after int64, n int) (due []Outgoing, next time.Time, err error) {
	const what = "read outbox"
	err = tx.rows(what, `SELECT position, message, envelope, attempts, next, why FROM outgoing
		WHERE position > ? AND next <= ? ORDER BY position LIMIT ?`, []any{after, millis(now), n}, func(scan func(...any) error) error {
		var o Outgoing
		var message []byte
		var at int64
		if err := scan(&o.Position, &message, &o.Envelope, &o.Attempts, &at, &o.Why); err != nil {
			return err
		}
		o.NextTry = readTime(at)
		due = append(due, o)
		if len(message) == 0 {
			return nil
		}
		return fill(due[len(due)-1].Message[:], message)
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	var at int64
	if err := tx.row(what, `SELECT coalesce(min(next), 0) FROM outgoing WHERE next > ?`, []any{millis(now)}, &at); err != nil {
		return nil, time.Time{}, err
	}
	return due, readTime(at), nil
}

// RetryOutgoing counts an attempt that failed and says when to try again.
func (tx *Tx) RetryOutgoing(position int64, next time.Time, why string) error {
	_, err := tx.exec("queue envelope again", `UPDATE outgoing SET attempts = attempts + 1, next = ?, why = ? WHERE position = ?`,
		millis(next), why, position)
	return err
}

// RemoveOutgoing takes an envelope out: it is stored at its homes, or refused
// for good.
func (tx *Tx) RemoveOutgoing(position int64) error {
	_, err := tx.exec("remove envelope", `DELETE FROM outgoing WHERE position = ?`, position)
	return err
}

// CountOutgoing returns how many envelopes wait.
func (tx *Tx) CountOutgoing() (n int, err error) {
	err = tx.row("count outbox", `SELECT count(*) FROM outgoing`, nil, &n)
	return n, err
}

// An Unsealed message waits until the peer's certificate can be fetched.
type Unsealed struct {
	Position int64
	ID       omega.ID
	To       omega.Fingerprint
	Text     string
	Time     time.Time
}

// AddUnsealed appends a message; the same id again changes nothing.
func (tx *Tx) AddUnsealed(u *Unsealed) error {
	_, err := tx.exec("keep message "+u.ID.String(), `INSERT INTO unsealed (id, peer, text, time) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, u.ID[:], address(u.To), u.Text, millis(u.Time))
	return err
}

// Unsealed returns at most n of them, oldest first.
func (tx *Tx) Unsealed(n int) (out []Unsealed, err error) {
	err = tx.rows("read messages to seal", `SELECT position, id, peer, text, time FROM unsealed ORDER BY position LIMIT ?`, []any{n},
		func(scan func(...any) error) error {
			var u Unsealed
			var id, peer []byte
			var at int64
			if err := scan(&u.Position, &id, &peer, &u.Text, &at); err != nil {
				return err
			}
			u.Time = readTime(at)
			if err := fill(u.ID[:], id); err != nil {
				return err
			}
			if u.To, err = readAddress(peer); err != nil {
				return err
			}
			out = append(out, u)
			return nil
		})
	return out, err
}

// RemoveUnsealed takes one out: in the transaction that sealed it.
func (tx *Tx) RemoveUnsealed(id omega.ID) error {
	_, err := tx.exec("forget message "+id.String(), `DELETE FROM unsealed WHERE id = ?`, id[:])
	return err
}
