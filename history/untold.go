package history

import (
	"github.com/omega-im/omega/chat"
)

// An Untold is an entry of a channel's list that others are to be told of. (spec/group.md,
// GROUP-46)
type Untold struct {
	Group chat.Hash
	chat.Subscriber
	Tries int // in vain
}

// PutUntold notes that others are to be told of an entry, in the place of an earlier one for
// its account.
func (tx *Tx) PutUntold(group chat.Hash, s *chat.Subscriber) error {
	_, err := tx.exec("note an entry to be told", `INSERT INTO subscriber_untold (grp, account, state, time) VALUES (?, ?, ?, ?)
		ON CONFLICT (grp, account) DO UPDATE SET state = excluded.state, time = excluded.time, tries = 0`,
		group[:], address(s.Account), int64(s.State), millis(s.Time))
	return err
}

// Untold returns at most n of them, those that were tried least first.
func (tx *Tx) Untold(n int) (out []Untold, err error) {
	err = tx.rows("read entries to be told", `SELECT grp, account, state, time, tries FROM subscriber_untold ORDER BY tries, grp, account LIMIT ?`, []any{n}, func(scan func(...any) error) error {
		var group, account []byte
		var state, at int64
		var u Untold
		if err := scan(&group, &account, &state, &at, &u.Tries); err != nil {
			return err
		}
		if err := fill(u.Group[:], group); err != nil {
			return err
		}
		fp, err := readAddress(account)
		u.Subscriber = chat.Subscriber{Account: fp, State: chat.SubscriberState(state), Time: readTime(at)}
		out = append(out, u)
		return err
	})
	return out, err
}

// EndUntold forgets that others are to be told of an entry, if that is still the one.
func (tx *Tx) EndUntold(u *Untold) error {
	_, err := tx.exec("end an entry to be told", `DELETE FROM subscriber_untold WHERE grp = ? AND account = ? AND state = ? AND time = ?`,
		u.Group[:], address(u.Account), int64(u.State), millis(u.Time))
	return err
}

// RetryUntold counts a try in vain.
func (tx *Tx) RetryUntold(u *Untold) error {
	_, err := tx.exec("count a try", `UPDATE subscriber_untold SET tries = tries + 1 WHERE grp = ? AND account = ?`, u.Group[:], address(u.Account))
	return err
}
