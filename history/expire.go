package history

import (
	"time"
)

// Expire erases at most n messages whose time is over, and returns how many those
// were and when the next one's is; zero: none has one.
func (tx *Tx) Expire(now time.Time, n int) (erased int, next time.Time, err error) {
	const what = "erase messages whose time is over"
	var list []*subject
	err = tx.rows(what, `SELECT chat, position, link, account, gone, shown FROM message WHERE expires > 0 AND expires <= ? ORDER BY expires LIMIT ?`,
		[]any{millis(now), n}, func(scan func(...any) error) error {
			s := &subject{}
			list = append(list, s)
			return scan(&s.chat, &s.position, &s.link, &s.account, &s.gone, &s.shown)
		})
	if err != nil {
		return 0, time.Time{}, err
	}
	for _, s := range list {
		if err := tx.erase(what, s, goneHidden); err != nil {
			return 0, time.Time{}, err
		}
		if err := tx.unname(what, s.position); err != nil { // others erase it too
			return 0, time.Time{}, err
		}
		if _, err := tx.exec(what, `UPDATE message SET expires = 0 WHERE position = ?`, s.position); err != nil {
			return 0, time.Time{}, err
		}
	}
	next, err = tx.NextExpiry()
	return len(list), next, err
}

// NextExpiry returns when the next message is to be erased; zero: none is.
func (tx *Tx) NextExpiry() (time.Time, error) {
	var at int64
	err := tx.row("read when messages are to be erased", `SELECT coalesce(min(expires), 0) FROM message WHERE expires > 0`, nil, &at)
	return readTime(at), err
}
