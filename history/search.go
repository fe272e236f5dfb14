package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/omega-im/omega"
)

// maxSearched bounds how many messages one search reads.
const maxSearched = 20_000

// An entry is the words of one message for the index.
type entry struct {
	position int64
	words    string
}

// MarshalJSON writes the pair that index rows are made of.
func (e entry) MarshalJSON() ([]byte, error) { return json.Marshal([]any{e.position, e.words}) }

// index makes the words of a message findable when the transaction ends.
func (tx *Tx) index(position int64, text string) {
	if words := indexed(text); words != "" {
		tx.words = append(tx.words, entry{position, words})
	}
}

// unindex takes a message out of what is found.
func (tx *Tx) unindex(position int64) error {
	tx.words = slices.DeleteFunc(tx.words, func(e entry) bool { return e.position == position })
	_, err := tx.exec("forget the words of a message", `DELETE FROM word WHERE rowid = ?`, position)
	return err
}

// flush writes what index collected, in one statement: the index writes itself
// out between statements, which for every message costs more than all else.
func (tx *Tx) flush() error {
	if len(tx.words) == 0 {
		return nil
	}
	rows, err := json.Marshal(tx.words)
	if err != nil {
		return fmt.Errorf("index messages: %w", err)
	}
	tx.words = nil
	_, err = tx.exec("index messages", `INSERT INTO word (rowid, body) SELECT value ->> 0, value ->> 1 FROM json_each(?)`, string(rows))
	return err
}

// Search finds shown messages whose text contains every word of text, newest
// first, at most n; c zero: in all chats. Chinese, Japanese and Korean need no
// spaces: any run of characters is found inside a text, one or two too. Other
// words are found by how they start. Case, full width and written variants
// (臺 台) do not matter.
func (tx *Tx) Search(text string, c omega.ChatID, n int) (out []Row, err error) {
	words := strings.Fields(fold(text))
	if len(words) == 0 || n <= 0 {
		return nil, nil
	}
	if err := tx.flush(); err != nil {
		return nil, err
	}
	match, exact := matchWords(words)
	from, args := `SELECT `+columns+` FROM message m JOIN chat c ON c.number = m.chat WHERE m.shown = 1 AND ?1 = ''`, []any{match}
	order := ` ORDER BY m.position DESC LIMIT ?2`
	if match != "" {
		from = `SELECT ` + columns + ` FROM word w JOIN message m ON m.position = w.rowid JOIN chat c ON c.number = m.chat WHERE w.word MATCH ?1`
		order = ` ORDER BY w.rowid DESC LIMIT ?2`
	}
	args = append(args, maxSearched)
	if c != (omega.ChatID{}) {
		from += ` AND c.id = ?3`
		args = append(args, c[:])
	}
	err = tx.rows("search", from+order, args, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		if err != nil || !containsAll(r.Now().Text, exact) {
			return err
		}
		if out = append(out, *r); len(out) == n {
			return errStop
		}
		return nil
	})
	if err == nil {
		err = tx.dress(out)
	}
	return out, err
}

// matchWords returns the query of the index, empty if it holds none of the
// words, and the words that the index alone cannot answer for. What a person
// typed never gets into the query as it is: only letters, digits and symbols
// do, in quotes.
func matchWords(words []string) (match string, exact []string) {
	var terms []string
	for _, w := range words {
		found, whole := runs(w)
		if !whole {
			exact = append(exact, w)
		}
		for _, r := range found {
			terms = append(terms, term(r))
		}
	}
	return strings.Join(terms, " AND "), exact
}

// term is what finds one run: the phrase of its pairs, or the start of a word.
func term(r run) string {
	if r.class == runWord || len(r.runes) == 1 {
		return `"` + string(r.runes[:min(len(r.runes), maxWord)]) + `" *`
	}
	var b strings.Builder
	writePairs(&b, r.runes)
	return `"` + strings.TrimSpace(b.String()) + `"`
}

func containsAll(text string, words []string) bool {
	if len(words) == 0 {
		return true
	}
	folded := fold(text)
	for _, w := range words {
		if !strings.Contains(folded, w) {
			return false
		}
	}
	return true
}
