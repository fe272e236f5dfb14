package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Chore is a message about a group that something has to be done for. It is kept
// with the message and goes when that is done, so no end of the program loses it.
type Chore struct {
	Number  int64
	Account omega.Fingerprint // of the sender
	Device  omega.Fingerprint
	Time    time.Time // by the sender's clock
	Content []byte    // as it was received
	Tries   int       // in vain
}

// Bounds of what others can have this device remember to do.
const (
	maxChores   = 4096
	maxChoresOf = 64 // of one account
)

// PutChore keeps a chore, unless there are too many. It reports whether it did.
func (tx *Tx) PutChore(c *Chore) (bool, error) {
	n, err := tx.exec("store what is to be done for a group", `INSERT INTO group_chore (account, device, time, content) SELECT ?1, ?2, ?3, ?4
		WHERE (SELECT count(*) FROM group_chore) < ?5 AND (SELECT count(*) FROM group_chore WHERE account = ?1) < ?6`,
		address(c.Account), address(c.Device), millis(c.Time), blob(c.Content), maxChores, maxChoresOf)
	return n > 0, err
}

// Chores returns the oldest n behind one with a number.
func (tx *Tx) Chores(behind int64, n int) (out []Chore, err error) {
	err = tx.rows("read what is to be done for groups", `SELECT number, account, device, time, content, tries FROM group_chore
		WHERE number > ? ORDER BY number LIMIT ?`, []any{behind, n}, func(scan func(...any) error) error {
		var c Chore
		var account, device []byte
		var at int64
		if err := scan(&c.Number, &account, &device, &at, &c.Content, &c.Tries); err != nil {
			return err
		}
		c.Time = readTime(at)
		var err error
		if c.Account, err = readAddress(account); err == nil {
			c.Device, err = readAddress(device)
		}
		out = append(out, c)
		return err
	})
	return out, err
}

// EndChore forgets a chore: it was done, or is given up.
func (tx *Tx) EndChore(number int64) error {
	_, err := tx.exec("end what was to be done for a group", `DELETE FROM group_chore WHERE number = ?`, number)
	return err
}

// RetryChore counts that one was tried in vain.
func (tx *Tx) RetryChore(number int64) error {
	_, err := tx.exec("retry what is to be done for a group", `UPDATE group_chore SET tries = tries + 1 WHERE number = ?`, number)
	return err
}

// A Pursuit is something that others were asked for.
type Pursuit struct {
	Key   string // what, of whom
	Times int
	Next  time.Time // when it is asked for again
}

// PutPursuit adds a pursuit or replaces it.
func (tx *Tx) PutPursuit(p Pursuit) error {
	_, err := tx.exec("store what is asked for", `INSERT INTO pursuit (key, times, next) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET times = excluded.times, next = excluded.next`, p.Key, p.Times, millis(p.Next))
	return err
}

// EndPursuit forgets one.
func (tx *Tx) EndPursuit(key string) error {
	_, err := tx.exec("forget what was asked for", `DELETE FROM pursuit WHERE key = ?`, key)
	return err
}

// Pursuits returns all.
func (tx *Tx) Pursuits() (out []Pursuit, err error) {
	err = tx.rows("read what is asked for", `SELECT key, times, next FROM pursuit`, nil, func(scan func(...any) error) error {
		var p Pursuit
		var at int64
		err := scan(&p.Key, &p.Times, &at)
		p.Next = readTime(at)
		out = append(out, p)
		return err
	})
	return out, err
}
