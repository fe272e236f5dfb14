package history

import (
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// From returns at most n messages of a chat from the first one on whose time is
// at or after at, oldest first. By time: that of who wrote them, while they are in the
// order of the chat. ErrNotFound if there is no such chat; none if there is nothing so late.
func (tx *Tx) From(c omega.ChatID, at time.Time, n int) ([]Row, error) {
	number, err := tx.numberOf(c)
	if err != nil {
		return nil, err
	}
	var first spot
	err = tx.row("read chat "+c.String(), `SELECT place, position FROM message WHERE chat = ? AND shown = 1 AND time >= ? ORDER BY time, position LIMIT 1`,
		[]any{number, millis(at)}, &first.place, &first.position)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first.position-- // with it
	return tx.pageFrom(number, first, n)
}

// A Day of a chat on which somebody wrote.
type Day struct {
	Date     time.Time // its beginning, in the zone that was asked for
	Messages int
	First    omega.ID // of the first message
}

// MaxDays bounds the range of one call of Days.
const MaxDays = 366

// Days returns the days from the one of since until before until, in the zone of
// since, on which there are messages in a chat. At most MaxDays are looked at.
// ErrNotFound if there is no such chat.
func (tx *Tx) Days(c omega.ChatID, since, until time.Time) (out []Day, err error) {
	number, err := tx.numberOf(c)
	if err != nil {
		return nil, err
	}
	day := startOfDay(since)
	if last := day.AddDate(0, 0, MaxDays); until.After(last) {
		until = last
	}
	what := "read days of chat " + c.String()
	for day.Before(until) {
		var first int64
		var id []byte
		err := tx.row(what, `SELECT time, id FROM message WHERE chat = ? AND shown = 1 AND time >= ? ORDER BY time, position LIMIT 1`,
			[]any{number, millis(day)}, &first, &id)
		if notFound(err) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		d := Day{Date: startOfDay(readTime(first).In(since.Location()))}
		if !d.Date.Before(until) {
			return out, nil
		}
		next := startOfDay(d.Date.AddDate(0, 0, 1))
		if err := fill(d.First[:], id); err != nil {
			return nil, err
		}
		if err := tx.row(what, `SELECT count(*) FROM message WHERE chat = ? AND shown = 1 AND time >= ? AND time < ?`,
			[]any{number, millis(d.Date), millis(next)}, &d.Messages); err != nil {
			return nil, err
		}
		out, day = append(out, d), next
	}
	return out, nil
}

func startOfDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// numberOf is the row of a chat, or ErrNotFound.
func (tx *Tx) numberOf(c omega.ChatID) (number int64, err error) {
	err = tx.row(fmt.Sprintf("read chat %s", c), `SELECT number FROM chat WHERE id = ?`, []any{c[:]}, &number)
	return number, err
}
