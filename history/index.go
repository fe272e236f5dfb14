package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omega-im/omega/chat"
)

// An entry is the words of one message for the index, and its single characters.
type entry struct {
	position       int64
	words, singles string
}

// MarshalJSON writes what index rows are made of.
func (e entry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{e.position, e.words, e.singles})
}

// index makes a shown message findable, by the words of text, when the
// transaction ends.
func (tx *Tx) index(position int64, text string) {
	words, singles := indexed(text)
	tx.words = append(tx.words, entry{position, words, singles})
}

// findable is what a message is found by: its text as it stands, the names of its files,
// the answers of a poll, and the lines of a list that count.
func (tx *Tx) findable(r *Row) (string, error) {
	parts := []string{r.Now().Text}
	for i := range r.Content.Media {
		parts = append(parts, r.Content.Media[i].FileName)
	}
	parts = append(parts, r.Content.Options()...)
	if r.Content.Kind == chat.KindList {
		lines, _, err := tx.Answers(r)
		if err != nil {
			return "", err
		}
		for i := range lines {
			parts = append(parts, lines[i].Text)
		}
	}
	return strings.TrimSpace(strings.Join(parts, "\n")), nil
}

// indexList has a list found by its lines as they are when the transaction ends: those of
// one that came together make its words anew once.
func (tx *Tx) indexList(s *subject) {
	if chat.Kind(s.kind) == chat.KindList && !slices.Contains(tx.lists, s.position) {
		tx.lists = append(tx.lists, s.position)
	}
}

// indexLists makes the words of those lists.
func (tx *Tx) indexLists() error {
	lists := tx.lists
	tx.lists = nil
	for _, position := range lists {
		r, err := tx.one("read a list", selectRow+`WHERE m.position = ? AND m.shown = 1`, position)
		if notFound(err) || err == nil && r.Deleted {
			continue
		}
		if err != nil {
			return err
		}
		text, err := tx.findable(r)
		if err = errors.Join(err, tx.unindex(position)); err != nil {
			return err
		}
		tx.index(position, text)
	}
	return nil
}

// unindex takes a message out of what is found.
func (tx *Tx) unindex(position int64) error {
	tx.words = slices.DeleteFunc(tx.words, func(e entry) bool { return e.position == position })
	_, err := tx.exec("forget the words of a message", `DELETE FROM word WHERE rowid = ?`, position)
	return err
}

// insertWords adds the facets to the words. They are hexadecimal, so that each is
// one word of the index. The single characters are with them: as words of their
// own a frequent one is found at once, and phrases do not meet them.
const insertWords = `INSERT INTO word (rowid, body, facet) SELECT m.position, w.value ->> 1,
	'c' || hex(c.id) || ' k' || hex(m.kind) || strftime(' m%Y%m y%Y', m.time / 1000, 'unixepoch')
	|| iif(m.account = x'', '', ' a' || hex(m.account)) || iif(m.author = '', '', ' u' || hex(m.author)) || ' ' || (w.value ->> 2)
	FROM json_each(?) w JOIN message m ON m.position = w.value ->> 0 JOIN chat c ON c.number = m.chat`

// flush writes what index collected, in one statement: the index writes itself
// out between statements, which for every message costs more than all else.
func (tx *Tx) flush() error {
	if err := tx.indexLists(); err != nil || len(tx.words) == 0 {
		return err
	}
	rows, err := json.Marshal(tx.words)
	if err != nil {
		return fmt.Errorf("index messages: %w", err)
	}
	tx.words = nil
	_, err = tx.exec("index messages", insertWords, string(rows))
	return err
}

// The index is made anew when the program makes it in another way than the one
// that wrote the database: indexVersion rises with fold, indexed and insertWords. One of
// the version before lacks the lines of lists only.
const (
	settingIndex   = "search-index"
	indexVersion   = "4"
	indexUnlisting = "3"
)

// reindex makes the index anew if it has to be.
func (tx *Tx) reindex() error {
	version, err := tx.Setting(settingIndex)
	if err != nil || string(version) == indexVersion {
		return err
	}
	if string(version) == indexUnlisting {
		return tx.reindexLists()
	}
	if _, err := tx.exec("empty the index", `INSERT INTO word (word) VALUES ('delete-all')`); err != nil {
		return err
	}
	const page = 1000
	for after := int64(0); ; {
		rows, err := tx.list("read messages", selectRow+`WHERE m.position > ? AND m.shown = 1 ORDER BY m.position LIMIT ?`, after, page)
		if err != nil {
			return err
		}
		for i := range rows {
			after = rows[i].Position
			if rows[i].Deleted {
				continue
			}
			text, err := tx.findable(&rows[i])
			if err != nil {
				return err
			}
			tx.index(after, text)
		}
		if err := tx.flush(); err != nil {
			return err
		}
		if len(rows) < page {
			return tx.SetSetting(settingIndex, []byte(indexVersion))
		}
	}
}

// reindexLists makes the words of all lists anew.
func (tx *Tx) reindexLists() error {
	err := tx.rows("read lists", `SELECT position FROM message WHERE kind = ? AND shown = 1`, []any{string(chat.KindList)}, func(scan func(...any) error) error {
		var position int64
		err := scan(&position)
		tx.lists = append(tx.lists, position)
		return err
	})
	return errors.Join(err, tx.flush(), tx.SetSetting(settingIndex, []byte(indexVersion)))
}
