package history

import (
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

// Answers returns what was said to a poll or list, in the order in which lines
// were made, at most chat.MaxEntries, and when its author closed it; zero: not.
// What was said later does not count. (spec/chat.md, CHAT-29, CHAT-30)
func (tx *Tx) Answers(r *Row) (out []Answer, closed time.Time, err error) {
	if r.marks&markedAnswer == 0 {
		return nil, time.Time{}, nil
	}
	err = tx.rows("read answers to "+r.ID.String(), `SELECT kind, account, slot, value, time FROM mark WHERE chat = (SELECT number FROM chat WHERE id = ?)
		AND target = ? AND kind IN (6, 7, 8) ORDER BY kind DESC, slot, account`, []any{r.Chat[:], r.Ref[:]}, func(scan func(...any) error) error {
		var m chat.Mark
		var account, slot []byte
		var at int64
		if err := scan(&m.Kind, &account, &slot, &m.Value, &at); err != nil {
			return err
		}
		if m.Kind == chat.MarkClose {
			closed = readTime(at)
			return nil
		}
		a := Answer{Time: readTime(at)}
		if len(m.Value) == 0 || !closed.IsZero() && a.Time.After(closed) || len(out) >= chat.MaxEntries {
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
