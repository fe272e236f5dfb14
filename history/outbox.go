package history

import (
	"time"

	"github.com/omega-im/omega"
)

// An Outgoing is an envelope on its way out, in order of Position.
type Outgoing struct {
	Position int64
	Peer     omega.Fingerprint // whose envelopes leave in their order; zero: it waits for none and holds up none
	Message  omega.ID          // whose state it moves; zero: none (receipts, keys …)
	Envelope []byte
	Attempts int
	NextTry  time.Time
	Why      string // code of the last failure
}

// AddOutgoing appends an envelope: in the transaction that stored its message
// and moved the sender. It is due no earlier than those before it.
func (tx *Tx) AddOutgoing(o *Outgoing) error {
	var message []byte
	if !o.Message.IsZero() {
		message = o.Message[:]
	}
	_, err := tx.exec("queue envelope", `INSERT INTO outgoing (message, envelope, attempts, why, peer, next) VALUES (?1, ?2, ?3, ?4, ?5,
		max(?6, coalesce((SELECT next FROM outgoing WHERE peer = ?5 AND peer <> x'' ORDER BY position DESC LIMIT 1), 0)))`,
		blob(message), blob(o.Envelope), o.Attempts, o.Why, address(o.Peer), millis(o.NextTry))
	return err
}

// Outgoing returns at most n envelopes that are due at now, in order of
// position after the given one, and when the next of the others is due; zero
// if there is none.
func (tx *Tx) Outgoing(now time.Time, after int64, n int) (due []Outgoing, next time.Time, err error) {
	const what = "read outbox"
	err = tx.rows(what, `SELECT position, message, envelope, attempts, next, why, peer FROM outgoing
		WHERE position > ? AND next <= ? ORDER BY position LIMIT ?`, []any{after, millis(now), n}, func(scan func(...any) error) error {
		var o Outgoing
		var message, peer []byte
		var at int64
		err := scan(&o.Position, &message, &o.Envelope, &o.Attempts, &at, &o.Why, &peer)
		if err == nil {
			o.Peer, err = readAddress(peer)
		}
		if err != nil {
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

// RetryOutgoing counts an attempt that failed and says when to try again: not
// before those in front of it, and those behind it not before it.
func (tx *Tx) RetryOutgoing(position int64, next time.Time, why string) error {
	const what = "queue envelope again"
	if _, err := tx.exec(what, `UPDATE outgoing SET attempts = attempts + 1, why = ?1, next = max(?2, coalesce((SELECT o.next FROM outgoing o
		WHERE o.peer = outgoing.peer AND o.peer <> x'' AND o.position < ?3 ORDER BY o.position DESC LIMIT 1), 0)) WHERE position = ?3`,
		why, millis(next), position); err != nil {
		return err
	}
	_, err := tx.exec(what, `UPDATE outgoing SET next = o.next FROM (SELECT peer, next FROM outgoing WHERE position = ?1) o
		WHERE outgoing.peer = o.peer AND o.peer <> x'' AND outgoing.peer <> x'' AND position > ?1 AND outgoing.next < o.next`, position)
	return err
}

// RetryAside is RetryOutgoing for an envelope that its peer has: what is left of
// it holds up nothing.
func (tx *Tx) RetryAside(position int64, next time.Time, why string) error {
	_, err := tx.exec("queue envelope aside", `UPDATE outgoing SET attempts = attempts + 1, why = ?, next = ?, peer = x'' WHERE position = ?`,
		why, millis(next), position)
	return err
}

// ReduceOutgoing replaces an envelope by one for fewer recipients: those that
// have it need not get it again.
func (tx *Tx) ReduceOutgoing(position int64, envelope []byte) error {
	_, err := tx.exec("reduce envelope", `UPDATE outgoing SET envelope = ? WHERE position = ?`, blob(envelope), position)
	return err
}

// RetryAll makes every envelope due.
func (tx *Tx) RetryAll(now time.Time) error {
	_, err := tx.exec("make the outbox due", `UPDATE outgoing SET next = ?1 WHERE next > ?1`, millis(now))
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

// IsOutgoing reports whether an envelope of a message to one account is in the outbox.
func (tx *Tx) IsOutgoing(peer omega.Fingerprint, message omega.ID) (is bool, err error) {
	err = tx.row("look into the outbox", `SELECT EXISTS (SELECT 1 FROM outgoing WHERE peer = ? AND peer <> x'' AND message = ?)`, []any{address(peer), message[:]}, &is)
	return is, err
}

// CountOutgoingTo returns how many of them are for one account.
func (tx *Tx) CountOutgoingTo(peer omega.Fingerprint) (n int, err error) {
	err = tx.row("count outbox", `SELECT count(*) FROM outgoing WHERE peer = ?`, []any{address(peer)}, &n)
	return n, err
}

// An Unsealed message waits until the peer's certificate can be fetched, or for
// the time at which it is to be sent.
type Unsealed struct {
	Position int64
	ID       omega.ID
	To       omega.Fingerprint // zero in a group
	Chat     omega.ChatID      // of a group, or the secure one with To; zero: the direct one
	Text     string
	Content  []byte // encoded; empty if there is nothing but text
	Time     time.Time
	Due      time.Time // not to be sent before; zero: at once
}

// AddUnsealed appends a message; the same id again changes nothing.
func (tx *Tx) AddUnsealed(u *Unsealed) error {
	_, err := tx.exec("keep message "+u.ID.String(), `INSERT INTO unsealed (id, peer, text, time, content, due, chat) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, u.ID[:], address(u.To), u.Text, millis(u.Time), blob(u.Content), millis(u.Due), chatColumn(u.Chat))
	return err
}

// chatColumn is the stored form of a group's chat; none is empty.
func chatColumn(c omega.ChatID) []byte {
	if c == (omega.ChatID{}) {
		return []byte{}
	}
	return c[:]
}

func readChat(b []byte) (c omega.ChatID, err error) {
	if len(b) > 0 {
		err = fill(c[:], b)
	}
	return c, err
}

const selectUnsealed = `SELECT position, id, peer, text, time, content, due, chat FROM unsealed `

// Unsealed returns at most n of those that are due, oldest first; not those of
// secure chats.
func (tx *Tx) Unsealed(now time.Time, n int) ([]Unsealed, error) {
	return tx.unsealed(selectUnsealed+`WHERE due <= ? AND chat NOT IN (SELECT chat FROM secure_chat) ORDER BY position LIMIT ?`, millis(now), n)
}

// UnsealedTo returns those of the direct chat with an account that are due, oldest
// first.
func (tx *Tx) UnsealedTo(peer omega.Fingerprint, now time.Time) ([]Unsealed, error) {
	return tx.unsealed(selectUnsealed+`WHERE peer = ? AND chat = x'' AND due <= ? ORDER BY position`, address(peer), millis(now))
}

// Scheduled returns those that wait for their time, the next first.
func (tx *Tx) Scheduled(now time.Time) ([]Unsealed, error) {
	return tx.unsealed(selectUnsealed+`WHERE due > ? ORDER BY due, position`, millis(now))
}

// HasUnsealed reports whether something waits to be sealed.
func (tx *Tx) HasUnsealed() (some bool, err error) {
	err = tx.row("look for messages to seal", `SELECT EXISTS (SELECT 1 FROM unsealed)`, nil, &some)
	return some, err
}

// UnsealedContents returns the contents of all that wait to be sealed, whenever they are
// due, but for those that are nothing but text.
func (tx *Tx) UnsealedContents() (out [][]byte, err error) {
	err = tx.rows("read contents to seal", `SELECT content FROM unsealed WHERE content <> x''`, nil, func(scan func(...any) error) error {
		var content []byte
		err := scan(&content)
		out = append(out, content)
		return err
	})
	return out, err
}

func (tx *Tx) unsealed(query string, args ...any) (out []Unsealed, err error) {
	err = tx.rows("read messages to seal", query, args, func(scan func(...any) error) error {
		var u Unsealed
		var id, peer, group []byte
		var at, due int64
		if err := scan(&u.Position, &id, &peer, &u.Text, &at, &u.Content, &due, &group); err != nil {
			return err
		}
		u.Time, u.Due = readTime(at), readTime(due)
		if err := fill(u.ID[:], id); err != nil {
			return err
		}
		if u.To, err = readAddress(peer); err != nil {
			return err
		}
		if u.Chat, err = readChat(group); err != nil {
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
