package history

import (
	"time"

	"github.com/omega-im/omega"
)

// Kinds of notices.
const (
	NoticeDeleted  = "deleted"  // the owner deleted the account
	NoticeWithheld = "withheld" // servers show an older record than a signed message spoke of
	NoticeConflict = "conflict" // two records under one sequence
	NoticeFork     = "fork"     // a record that does not follow the one before it
	NoticeRollback = "rollback" // a server shows an older record than this device has seen

	NoticeExpired   = "expired"   // its key has expired
	NoticeRevoked   = "revoked"   // its key is revoked
	NoticeSucceeded = "succeeded" // it goes on as another account
	NoticeHeir      = "heir"      // it says that this account goes on as it

	NoticeDisputed  = "disputed"  // its devices disagree about who is one; Sequence names what one said; before, its time in seconds
	NoticeOvertaken = "overtaken" // this account: another device published at the same time, and its record stands

	NoticeCopied = "copied" // this account: another copy of this device is, or was, connected
)

// A Notice is what a person should know about an account, with what proves it.
// Notices are numbered in the order in which they came up, and never removed.
type Notice struct {
	Number   int64
	Account  omega.Fingerprint
	Kind     string
	Sequence uint64    // of the record that it is about; 0 without one
	Time     time.Time // when it came up
	Settled  time.Time // when it was over; zero: it stands
	Served   []byte    // location record that a server showed; may be empty
	Other    []byte    // what speaks against it: a record, or 64 signature and transcript; may be empty
}

// AddNotice keeps a notice, and reports whether it is a new one. The same again
// changes nothing, but that one that was over stands again.
func (tx *Tx) AddNotice(n *Notice) (fresh bool, err error) {
	rows, err := tx.exec("note that "+n.Account.String()+" is "+n.Kind, `INSERT INTO notice (account, kind, sequence, time, served, other)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, kind, sequence) DO UPDATE SET settled = 0 WHERE settled <> 0`,
		address(n.Account), n.Kind, int64(n.Sequence), millis(n.Time), blob(n.Served), blob(n.Other))
	return rows > 0, err
}

// HasNotices reports whether some about an account stand.
func (tx *Tx) HasNotices(account omega.Fingerprint) (some bool, err error) {
	err = tx.row("look for notices", `SELECT EXISTS (SELECT 1 FROM notice WHERE account = ? AND settled = 0)`, []any{address(account)}, &some)
	return some, err
}

// SettleNotices notes that those of a kind about records of an account up to a
// sequence are over.
func (tx *Tx) SettleNotices(account omega.Fingerprint, kind string, upTo uint64, at time.Time) error {
	_, err := tx.exec("settle notices", `UPDATE notice SET settled = ? WHERE settled = 0 AND account = ? AND kind = ? AND sequence <= ?`,
		millis(at), address(account), kind, int64(upTo))
	return err
}

// Notices returns at most limit notices with numbers above after, in order; only
// those that stand, if standing says so.
func (tx *Tx) Notices(after int64, standing bool, limit int) ([]Notice, error) {
	return tx.notices(`number > ? AND (settled = 0 OR NOT ?) ORDER BY number LIMIT ?`, after, standing, limit)
}

// NoticesOf returns at most limit notices about an account that came up in a time, the
// end of which does not belong to it, in order.
func (tx *Tx) NoticesOf(account omega.Fingerprint, from, to time.Time, limit int) ([]Notice, error) {
	return tx.notices(`account = ? AND time >= ? AND time < ? ORDER BY number LIMIT ?`, address(account), millis(from), millis(to), limit)
}

func (tx *Tx) notices(where string, args ...any) (out []Notice, err error) {
	err = tx.rows("read notices", `SELECT number, account, kind, sequence, time, settled, served, other FROM notice WHERE `+where, args,
		func(scan func(...any) error) error {
			var n Notice
			var fp []byte
			var seq, at, settled int64
			err := scan(&n.Number, &fp, &n.Kind, &seq, &at, &settled, &n.Served, &n.Other)
			if err != nil {
				return err
			}
			n.Sequence, n.Time, n.Settled = uint64(seq), readTime(at), readTime(settled)
			if n.Account, err = readAddress(fp); err == nil {
				out = append(out, n)
			}
			return err
		})
	return out, err
}
