package history

import (
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// An Earlier is how far back a group was asked for what was before this account came.
// (spec/group.md, GROUP-48)
type Earlier struct {
	Group   chat.Hash
	Before  chat.Link           // of the message before which the next page is asked for; zero: of none
	Time    time.Time           // of that message, or when this account came
	Giver   omega.Fingerprint   // who gave the last page; zero: nobody
	Whole   bool                // there is nothing before it, or nothing that the rules allow
	Without []omega.Fingerprint // accounts that have nothing before it
}

// PutEarlier adds or replaces one.
func (tx *Tx) PutEarlier(e *Earlier) error {
	without := []byte{}
	for _, fp := range e.Without {
		without = fp.AppendTo(without)
	}
	_, err := tx.exec("note how far back a group is here", `INSERT OR REPLACE INTO earlier (grp, link, time, giver, whole, without) VALUES (?, ?, ?, ?, ?, ?)`,
		e.Group[:], e.Before[:], millis(e.Time), address(e.Giver), e.Whole, without)
	return err
}

// Earlier returns one or ErrNotFound.
func (tx *Tx) Earlier(group chat.Hash) (*Earlier, error) {
	const what = "read how far back a group is here"
	e := &Earlier{Group: group}
	var link, giver, without []byte
	var at int64
	err := tx.row(what, `SELECT link, time, giver, whole, without FROM earlier WHERE grp = ?`, []any{group[:]}, &link, &at, &giver, &e.Whole, &without)
	if err != nil {
		return nil, err
	}
	e.Time = readTime(at)
	if err := fill(e.Before[:], link); err != nil {
		return nil, err
	}
	if e.Giver, err = readAddress(giver); err != nil {
		return nil, err
	}
	for len(without) > 0 {
		fp, n, err := omega.DecodeFingerprint(without)
		if err != nil {
			return nil, fmt.Errorf("%s: %w (%w)", what, ErrDamaged, err)
		}
		e.Without, without = append(e.Without, fp), without[n:]
	}
	return e, nil
}

// given are the messages of a group that can be given to others.
const given = `m.chat = ? AND m.shown = 1 AND m.verified = 1 AND m.service = 0 AND m.import = 0 AND m.gone = 0 AND m.head <> x''`

// First returns the message that stands first in a chat of those that can be given to
// others, or ErrNotFound.
func (tx *Tx) First(c omega.ChatID) (*Row, error) {
	number, err := tx.numberOf(c)
	if err != nil {
		return nil, err
	}
	return tx.one("read chat "+c.String(), selectRow+`WHERE `+given+` ORDER BY m.place, m.position LIMIT 1`, number)
}

// CountBefore counts those that stand before a time, up to most.
func (tx *Tx) CountBefore(c omega.ChatID, t time.Time, most int) (n int, err error) {
	number, err := tx.numberOf(c)
	if err != nil {
		return 0, err
	}
	err = tx.row("count messages of "+c.String(), `SELECT count(*) FROM (SELECT 1`+fromMessage+`WHERE `+given+` AND m.place < ? LIMIT ?)`, []any{number, millis(t), most}, &n)
	return n, err
}

// A PageBack is what of a chat can be given to who came at a time.
type PageBack struct {
	Chat   omega.ChatID
	Before chat.Link // of the message before which it stands; if that is not here,
	Time   time.Time // what has its place before this
	Until  time.Time // nothing that has its place at this or behind it
	Last   int       // only of the last so many before Until; 0: of all
	Count  int
}

// PageBack returns one, the newest message first, and whether the limit Last ends it.
// ErrNotFound if there is no such chat.
func (tx *Tx) PageBack(p *PageBack) (out []Row, limited bool, err error) {
	what := "read chat " + p.Chat.String()
	number, err := tx.numberOf(p.Chat)
	if err != nil {
		return nil, false, err
	}
	end := spot{place: millis(p.Time)}
	err = tx.row(what, `SELECT place, position FROM message WHERE chat = ? AND link = ?`, []any{number, p.Before[:]}, &end.place, &end.position)
	if err != nil && !notFound(err) {
		return nil, false, err
	}
	if until := millis(p.Until); end.place > until {
		end = spot{place: until}
	}
	var from spot
	if p.Last > 0 {
		err = tx.row(what, `SELECT m.place, m.position`+fromMessage+`WHERE `+given+` AND m.place < ? ORDER BY m.place DESC, m.position DESC LIMIT 1 OFFSET ?`,
			[]any{number, millis(p.Until), p.Last - 1}, &from.place, &from.position)
		if err != nil && !notFound(err) {
			return nil, false, err
		}
		limited = err == nil
	}
	out, err = tx.list(what, selectRow+`WHERE `+given+` AND (m.place, m.position) < (?, ?) AND (m.place, m.position) >= (?, ?)
		ORDER BY m.place DESC, m.position DESC LIMIT ?`, number, end.place, end.position, from.place, from.position, p.Count)
	return out, limited, err
}

// PutInFront adds a message of before this account came to a group: in front of all that
// is here, as one that a person knows. One that is here stays, but that a verified copy
// takes the place of one that was not.
func (tx *Tx) PutInFront(r *Row, now time.Time) error {
	base, err := tx.FrontRoom(omega.Fingerprint{}, 1)
	if err != nil {
		return err
	}
	r.Printed, r.Read = true, true
	return tx.PutHanded(r, max(0, base-1), now)
}
