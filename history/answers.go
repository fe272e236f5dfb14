package history

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// An Answer is what one account said to a poll, or one line of a list.
type Answer struct {
	Account omega.Fingerprint
	Slot    chat.Slot // of a line
	Options []uint32  // of a vote that counts
	Text    string    // of a line
	Time    time.Time
}

// Of votes of an account, or texts of a line, that another one outdid so many are kept:
// the highest, for a close that takes back little, and the earliest, which nothing said
// later can push out. (spec/chat.md, CHAT-83)
const (
	maxOutdone = 31
	maxEarly   = 32
)

// Answers returns what was said to a poll or list, in the order in which lines
// were made, at most chat.MaxEntries, and when its author closed it; zero: not.
// What was said later does not count, and takes nothing away. (spec/chat.md,
// CHAT-29, CHAT-30, CHAT-83)
func (tx *Tx) Answers(r *Row) (out []Answer, closed time.Time, err error) {
	if r.marks&markedAnswer == 0 {
		return nil, time.Time{}, nil
	}
	var before place
	err = tx.rows("read answers to "+r.ID.String(), `WITH k AS (SELECT * FROM mark
		WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind IN (6, 7, 8))
		SELECT kind, account, slot, value, version, time, device FROM k UNION ALL
		SELECT k.kind, k.account, k.slot, o.value, o.version, o.time, o.device FROM k JOIN outdone o ON o.mark = k.number
		ORDER BY 1 DESC, 3, 2, 5 DESC, 6 DESC, 7 DESC, 4 DESC`, []any{r.Chat[:], r.Ref[:]}, func(scan func(...any) error) error {
		var m chat.Mark
		var account, slot, device []byte
		var version, at int64
		if err := scan(&m.Kind, &account, &slot, &m.Value, &version, &at, &device); err != nil {
			return err
		}
		if m.Kind == chat.MarkClose {
			closed = readTime(at)
			return nil
		}
		here, a := place{m.Kind, string(account), string(slot)}, Answer{Time: readTime(at)}
		if here == before || !closed.IsZero() && a.Time.After(closed) {
			return nil
		}
		before = here
		if len(m.Value) == 0 || len(out) >= chat.MaxEntries {
			return nil
		}
		if m.Kind == chat.MarkEntry {
			a.Text = string(m.Value)
			copy(a.Slot[:], slot)
		} else if a.Options = r.Content.Counts(m.Chosen()); len(a.Options) == 0 {
			return nil
		}
		fp, err := readAddress(account)
		a.Account = fp
		out = append(out, a)
		return err
	})
	return out, closed, err
}

// AnsweredLate reports whether what stands at an answer's place was said after its poll or list
// was closed: then it does not count. (spec/chat.md, CHAT-83)
func (tx *Tx) AnsweredLate(m *chat.Mark) (late bool, err error) {
	err = tx.row("read an answer", `SELECT EXISTS (SELECT 1 FROM mark k JOIN mark e ON e.chat = k.chat AND e.target = k.target AND e.kind = 8 AND k.time > e.time
		WHERE k.chat = (SELECT number FROM chat WHERE id = ?) AND k.target = ? AND k.kind = ? AND k.account = ? AND k.slot = ?)`,
		[]any{m.Chat[:], m.Target[:], int64(m.Kind), address(m.Account), slotColumn(m)}, &late)
	return late, err
}

// SaidLate reports whether anything that stands of an account's answers of a kind to a message was
// said after that was closed. (spec/chat.md, CHAT-111)
func (tx *Tx) SaidLate(m *chat.Mark) (late bool, err error) {
	err = tx.row("read an answer", `SELECT EXISTS (SELECT 1 FROM mark k JOIN mark e ON e.chat = k.chat AND e.target = k.target AND e.kind = 8 AND k.time > e.time
		WHERE k.chat = (SELECT number FROM chat WHERE id = ?) AND k.target = ? AND k.kind = ? AND k.account = ?)`,
		[]any{m.Chat[:], m.Target[:], int64(m.Kind), address(m.Account)}, &late)
	return late, err
}

// A place is where one answer counts.
type place struct {
	kind          chat.MarkKind
	account, slot string
}

// outdo keeps what m is about to replace, if that is an answer: a close may say that m
// came too late.
func (tx *Tx) outdo(what string, s *subject, m *chat.Mark) error {
	if !m.Kind.Answers() {
		return nil
	}
	_, err := tx.exec(what, `INSERT OR IGNORE INTO outdone (mark, version, time, device, value) SELECT number, version, time, device, value FROM mark
		WHERE chat = ? AND target = ? AND kind = ? AND account = ? AND slot = ? AND (?, ?, ?, ?) > (version, time, device, value)`,
		append(placeColumns(s, m), stampColumns(m)...)...)
	return err
}

// outdone keeps m itself, if it is an answer that a higher one outdid before it came, and
// of all that were outdone there the highest and the earliest.
func (tx *Tx) outdone(what string, s *subject, m *chat.Mark) error {
	if !m.Kind.Answers() {
		return nil
	}
	where, stamp := placeColumns(s, m), stampColumns(m)
	_, err := tx.exec(what, `INSERT OR IGNORE INTO outdone (mark, version, time, device, value) SELECT number, ?, ?, ?, ? FROM mark
		WHERE chat = ? AND target = ? AND kind = ? AND account = ? AND slot = ? AND (?, ?, ?, ?) < (version, time, device, value)`,
		slices.Concat(stamp, where, stamp)...)
	if err != nil {
		return err
	}
	_, err = tx.exec(what, `WITH k AS (SELECT number FROM mark WHERE chat = ? AND target = ? AND kind = ? AND account = ? AND slot = ?)
		DELETE FROM outdone WHERE mark = (SELECT number FROM k) AND (version, time, device, value) NOT IN (SELECT version, time, device, value
		FROM outdone WHERE mark = (SELECT number FROM k) ORDER BY version DESC, time DESC, device DESC, value DESC LIMIT ?)
		AND (version, time, device, value) NOT IN (SELECT version, time, device, value
		FROM outdone WHERE mark = (SELECT number FROM k) ORDER BY time, version, device, value LIMIT ?)`, append(where, maxOutdone, maxEarly)...)
	return err
}

// placeColumns are the columns of a mark that say where it counts.
func placeColumns(s *subject, m *chat.Mark) []any {
	return []any{s.chat, s.link, int64(m.Kind), address(m.Account), slotColumn(m)}
}

// stampColumns are those that say which one does.
func stampColumns(m *chat.Mark) []any {
	return []any{int64(m.Stamp.Version), millis(m.Stamp.Time), address(m.Stamp.Device), blob(m.Value)}
}
