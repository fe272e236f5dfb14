package history

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// maxSubscribers bounds the list of one channel: links get around.
const maxSubscribers = 100000

// A Bearer puts entries into a channel's list by the word of one account, for one
// transaction, in which nobody else does. It counts the list once, when there is a new entry.
type Bearer struct {
	tx      *Tx
	group   chat.Hash
	by      []byte // address; empty: this account
	room    int    // of the whole list
	left    int    // of it, for entries by this word
	each    int    // how much of left an entry takes
	counted bool
}

// Bearer begins to put entries. What comes by the word of somebody else has at most as much
// room as is free beside it; zero: it is this account's own doing. (spec/group.md, GROUP-45)
func (tx *Tx) Bearer(group chat.Hash, account omega.Fingerprint) *Bearer {
	b := &Bearer{tx: tx, group: group, by: []byte{}, room: maxSubscribers, each: 1}
	if !account.IsZero() {
		b.by, b.each = address(account), 2 // it is one more, and one fewer is free
	}
	return b
}

// Put takes an entry, if it is the later one for its account, and reports whether it was
// taken. (spec/group.md, GROUP-40)
func (b *Bearer) Put(s *chat.Subscriber) (taken bool, err error) {
	what := "store subscriber " + s.Account.String()
	n, err := b.tx.exec(what, `UPDATE subscriber SET state = ?3, time = ?4, ended = ?5 WHERE grp = ?1 AND account = ?2 AND (?4, ?3, ?5) > (time, state, ended)`,
		b.group[:], address(s.Account), int64(s.State), millis(s.Time), s.Ended)
	if err != nil || n > 0 {
		return n > 0, err
	}
	if err := b.count(); err != nil || b.left <= 0 {
		return false, err
	}
	n, err = b.tx.exec(what, `INSERT INTO subscriber (grp, account, state, time, ended, bearer) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (grp, account) DO NOTHING`,
		b.group[:], address(s.Account), int64(s.State), millis(s.Time), s.Ended, b.by)
	b.left -= b.each * int(n)
	return n > 0, err
}

// count counts what is left, once.
func (b *Bearer) count() error {
	if b.counted {
		return nil
	}
	var all, borne int
	err := b.tx.row("count subscribers", `SELECT (SELECT count(*) FROM subscriber WHERE grp = ?1),
		iif(?2 = x'', 0, (SELECT count(*) FROM subscriber WHERE grp = ?1 AND bearer = ?2))`, []any{b.group[:], b.by}, &all, &borne)
	b.left, b.counted = b.room-all-borne, err == nil
	return err
}

// Subscribers returns the whole list of a channel, in order of the accounts.
func (tx *Tx) Subscribers(group chat.Hash) ([]chat.Subscriber, error) {
	return tx.subscribers(`WHERE grp = ? ORDER BY account`, group[:])
}

// SubscribersIn returns the entries of a state.
func (tx *Tx) SubscribersIn(group chat.Hash, state chat.SubscriberState) ([]chat.Subscriber, error) {
	return tx.subscribers(`WHERE grp = ? AND state = ? ORDER BY account`, group[:], int64(state))
}

// Subscriber returns the entry of an account, or ErrNotFound.
func (tx *Tx) Subscriber(group chat.Hash, account omega.Fingerprint) (*chat.Subscriber, error) {
	list, err := tx.subscribers(`WHERE grp = ? AND account = ?`, group[:], address(account))
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// CountSubscribers returns how many accounts subscribe to a channel.
func (tx *Tx) CountSubscribers(group chat.Hash) (n int, err error) {
	err = tx.row("count subscribers", `SELECT count(*) FROM subscriber WHERE grp = ? AND state = 0`, []any{group[:]}, &n)
	return n, err
}

// Subscribed reports whether anybody subscribes to a channel.
func (tx *Tx) Subscribed(group chat.Hash) (some bool, err error) {
	err = tx.row("read subscribers", `SELECT EXISTS (SELECT 1 FROM subscriber WHERE grp = ? AND state = 0)`, []any{group[:]}, &some)
	return some, err
}

// SubscriberEnded reports whether an account was taken out of a channel's list, or left
// it, at a time or later.
func (tx *Tx) SubscriberEnded(group chat.Hash, since time.Time) (ended bool, err error) {
	err = tx.row("read subscribers", `SELECT EXISTS (SELECT 1 FROM subscriber WHERE grp = ? AND state <> 0 AND time >= ?)`, []any{group[:], millis(since)}, &ended)
	return ended, err
}

func (tx *Tx) subscribers(where string, args ...any) (out []chat.Subscriber, err error) {
	err = tx.rows("read subscribers", `SELECT account, state, time, ended FROM subscriber `+where, args, func(scan func(...any) error) error {
		var account []byte
		var state, at int64
		var ended bool
		if err := scan(&account, &state, &at, &ended); err != nil {
			return err
		}
		fp, err := readAddress(account)
		out = append(out, chat.Subscriber{Account: fp, State: chat.SubscriberState(state), Time: readTime(at), Ended: ended})
		return err
	})
	return out, err
}
