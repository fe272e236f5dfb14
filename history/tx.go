package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Tx is one transaction. It implements chat.Store. It is for one goroutine, as
// long as the function that it was given to runs.
type Tx struct {
	ctx     context.Context // of Update or View: it ends when this does
	session *session
	keys    keyCache // nil in a View
	words   []entry  // for the index, when the transaction ends
	lists   []int64  // positions of lists whose lines changed, for the index
	after   []func() // of Committed
}

var _ chat.Store = (*Tx)(nil)

// Reads reports whether it is one of View: it sees what is committed, and nothing else.
func (tx *Tx) Reads() bool { return tx.keys == nil }

// Committed has fn called once the transaction is on stable storage, before the next one of
// Update begins; never if it is rolled back. fn must neither block nor use the database. What
// a caller keeps in memory beside the database is changed there.
func (tx *Tx) Committed(fn func()) { tx.after = append(tx.after, fn) }

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(what, query string, args ...any) (int64, error) {
	r, err := tx.execResult(what, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (tx *Tx) execResult(what, query string, args ...any) (sql.Result, error) {
	s, err := tx.session.prepare(tx.ctx, query)
	if err == nil {
		var r sql.Result
		if r, err = s.ExecContext(tx.ctx, args...); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", what, wrap(err))
}

// row reads one row into dst; ErrNotFound if there is none.
func (tx *Tx) row(what, query string, args []any, dst ...any) error {
	s, err := tx.session.prepare(tx.ctx, query)
	if err == nil {
		err = s.QueryRowContext(tx.ctx, args...).Scan(dst...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, wrap(err))
	}
	return nil
}

// accounts reads a column of accounts.
func (tx *Tx) accounts(what, query string, args ...any) (out []omega.Fingerprint, err error) {
	err = tx.rows(what, query, args, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&b); err != nil {
			return err
		}
		fp, err := readAddress(b)
		out = append(out, fp)
		return err
	})
	return out, err
}

// rows calls fn for each row.
func (tx *Tx) rows(what, query string, args []any, fn func(scan func(dst ...any) error) error) error {
	s, err := tx.session.prepare(tx.ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", what, wrap(err))
	}
	rows, err := s.QueryContext(tx.ctx, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, wrap(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return fmt.Errorf("%s: %w", what, wrap(err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, wrap(err))
	}
	return nil
}

// errStop ends rows early.
var errStop = errors.New("enough")

func notFound(err error) bool { return errors.Is(err, ErrNotFound) }

// blob keeps an empty slice from becoming NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// address is the stored form of a fingerprint; none is empty.
func address(f omega.Fingerprint) []byte {
	if f.IsZero() {
		return []byte{}
	}
	return f.Wire()
}

func readAddress(b []byte) (omega.Fingerprint, error) {
	if len(b) == 0 {
		return omega.Fingerprint{}, nil
	}
	f, n, err := omega.DecodeFingerprint(b)
	if err == nil && n != len(b) {
		err = omega.ErrFingerprint
	}
	if err != nil {
		return f, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return f, nil
}

// millis is the stored form of a time; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func readTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// fill copies a stored value of fixed size.
func fill(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%w (a value of %d octets, not %d)", ErrDamaged, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

// Setting returns a setting by name; nil if it is unset.
func (tx *Tx) Setting(name string) ([]byte, error) {
	var value []byte
	err := tx.row("read setting "+name, `SELECT value FROM setting WHERE name = ?`, []any{name}, &value)
	if notFound(err) {
		return nil, nil
	}
	return blob(value), err
}

// SetSetting sets a setting; nil unsets it.
func (tx *Tx) SetSetting(name string, value []byte) error {
	if value == nil {
		_, err := tx.exec("unset "+name, `DELETE FROM setting WHERE name = ?`, name)
		return err
	}
	_, err := tx.exec("set "+name, `INSERT INTO setting (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, blob(value))
	return err
}

// A Cursor is how far a home was read on stable storage.
type Cursor struct {
	Home        omega.Fingerprint
	Incarnation [8]byte // of the home's store: with a new one, old sequences mean nothing
	Seq         uint64
}

// Cursors returns the cursors of all homes.
func (tx *Tx) Cursors() (out []Cursor, err error) {
	err = tx.rows("read cursors", `SELECT home, incarnation, sequence FROM cursor`, nil, func(scan func(...any) error) error {
		var home, incarnation []byte
		var seq int64
		if err := scan(&home, &incarnation, &seq); err != nil {
			return err
		}
		c := Cursor{Seq: uint64(seq)}
		if c.Home, err = readAddress(home); err == nil {
			err = fill(c.Incarnation[:], incarnation)
		}
		out = append(out, c)
		return err
	})
	return out, err
}

// PutCursor sets the cursor of a home: in the transaction that stored what the
// home sent up to there.
func (tx *Tx) PutCursor(c Cursor) error {
	_, err := tx.exec("store cursor", `INSERT INTO cursor (home, incarnation, sequence) VALUES (?, ?, ?)
		ON CONFLICT (home) DO UPDATE SET incarnation = excluded.incarnation, sequence = excluded.sequence`,
		address(c.Home), c.Incarnation[:], int64(c.Seq))
	return err
}
