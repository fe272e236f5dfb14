package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// maxSearched bounds how many messages one search reads.
const maxSearched = 20_000

// A Query says what to find. Zero fields do not matter, but Text or one of the
// others must be given.
type Query struct {
	// Text: every word of it is in the message's, in the names of its files, the answers
	// of a poll or the lines of a list. Chinese, Japanese and Korean
	// need no spaces: any run of characters is found inside a text, one or two
	// too. Other words are found by how they start. Case, full width and written
	// variants (臺 台, 體 体) do not matter.
	Text string

	Chat         omega.ChatID
	From         omega.Fingerprint // account
	Author       string            // of imported messages, exactly
	Kind         chat.Kind
	Since, Until time.Time // Since <= time < Until, by the sender's clock

	Before int64 // only positions below: Found.Next of the page before
}

// Found is one page of what a Query finds, newest position first.
type Found struct {
	Rows []Row
	Next int64 // Before for the next page; 0: there is no more
}

// Find returns at most n shown messages, and fewer before the end if it had to
// read too many to find them: Next says whether there may be more.
func (tx *Tx) Find(q *Query, n int) (out Found, err error) {
	words := strings.Fields(fold(q.Text))
	facets := q.facets()
	if len(words) == 0 && (facets == "" || strings.TrimSpace(q.Text) != "") || n <= 0 {
		return Found{}, nil
	}
	if err := tx.flush(); err != nil {
		return Found{}, err
	}
	match, exact := matchWords(words, facets)
	before, read := q.Before, 0
	if before <= 0 {
		before = 1<<63 - 1
	}
	for chunk := min(n+1, maxSearched); ; chunk = min(4*chunk, maxSearched-read) {
		positions, err := tx.candidates(match, before, chunk)
		if err != nil {
			return Found{}, err
		}
		rows, err := tx.matching(q, positions, exact)
		if err != nil {
			return Found{}, err
		}
		for i := range rows {
			if len(out.Rows) == n {
				out.Next = out.Rows[n-1].Position
				return out, nil
			}
			out.Rows = append(out.Rows, rows[i])
		}
		if len(positions) < chunk {
			return out, nil
		}
		before = positions[len(positions)-1]
		if read += len(positions); read >= maxSearched {
			out.Next = before
			return out, nil
		}
	}
}

// countAtMost is up to where Count counts what the index alone cannot.
const countAtMost = 1000

// Count returns how many messages a Query finds on all its pages. exact is false
// where it stopped to count: there are at least so many.
func (tx *Tx) Count(q *Query) (n int, exact bool, err error) {
	match, words := matchWords(strings.Fields(fold(q.Text)), q.facets())
	if match != "" && len(words) == 0 && q.Since.IsZero() && q.Until.IsZero() {
		if err := tx.flush(); err != nil {
			return 0, false, err
		}
		err = tx.row("count messages", `SELECT count(*) FROM word WHERE word MATCH ?`, []any{match}, &n)
		return n, true, err
	}
	all := *q
	all.Before = 0
	found, err := tx.Find(&all, countAtMost)
	return len(found.Rows), found.Next == 0, err
}

// candidates returns the next positions that the index has for match, or all if
// that is empty.
func (tx *Tx) candidates(match string, before int64, n int) (out []int64, err error) {
	query, args := `SELECT rowid FROM word WHERE word MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3`, []any{match, before, n}
	if match == "" {
		query, args = `SELECT position FROM message WHERE position < ?1 ORDER BY position DESC LIMIT ?2`, args[1:]
	}
	err = tx.rows("search", query, args, func(scan func(...any) error) error {
		var position int64
		err := scan(&position)
		out = append(out, position)
		return err
	})
	return out, err
}

// matching reads those of the positions that a Query finds.
func (tx *Tx) matching(q *Query, positions []int64, exact []string) (out []Row, err error) {
	list, err := json.Marshal(positions)
	if err != nil {
		return nil, err
	}
	until := int64(1<<63 - 1)
	if !q.Until.IsZero() {
		until = millis(q.Until)
	}
	since := int64(-1 << 63)
	if !q.Since.IsZero() {
		since = millis(q.Since)
	}
	rows, err := tx.list("search", selectRow+`WHERE m.position IN (SELECT value FROM json_each(?)) AND m.shown = 1
		AND m.time >= ? AND m.time < ? ORDER BY m.position DESC`, string(list), since, until)
	if err != nil || len(exact) == 0 {
		return rows, err
	}
	for i := range rows {
		text, err := tx.findable(&rows[i])
		if err != nil {
			return nil, err
		}
		if containsAll(text, exact) {
			out = append(out, rows[i])
		}
	}
	return out, nil
}

// facets are the facets of a Query for the index: they are in the column facet
// as insertWords writes them.
func (q *Query) facets() string {
	var out []string
	add := func(format string, args ...any) { out = append(out, `facet : "`+fmt.Sprintf(format, args...)+`"`) }
	if q.Chat != (omega.ChatID{}) {
		add("c%x", q.Chat[:])
	}
	if !q.From.IsZero() {
		add("a%x", q.From.Wire())
	}
	if q.Author != "" {
		add("u%x", q.Author)
	}
	if q.Kind != "" {
		add("k%x", string(q.Kind))
	}
	if m := months(q.Since, q.Until); len(m) > 0 {
		out = append(out, `facet : ("`+strings.Join(m, `" OR "`)+`")`)
	}
	return strings.Join(out, " AND ")
}

// The facets of a range of time: months of a short one, years of a long one.
const (
	maxMonths = 18
	maxYears  = 30
)

// months returns the facets one of which each message from since until before
// until has; none if the range is too long, or open at its start.
func months(since, until time.Time) (out []string) {
	if since.IsZero() {
		return nil
	}
	if until.IsZero() {
		until = since.AddDate(maxYears-1, 0, 0)
	}
	since, until = since.UTC(), until.UTC()
	first := time.Date(since.Year(), since.Month(), 1, 0, 0, 0, 0, time.UTC)
	for at := first; at.Before(until) && len(out) <= maxMonths; at = at.AddDate(0, 1, 0) {
		out = append(out, at.Format("m200601"))
	}
	if len(out) <= maxMonths {
		return out
	}
	out = nil
	for year := since.Year(); year <= until.Year(); year++ {
		if out = append(out, fmt.Sprintf("y%04d", year)); len(out) > maxYears {
			return nil
		}
	}
	return out
}

// matchWords returns the query of the index, empty if it holds none of the
// words, and the words that the index alone cannot answer for. What a person
// typed never gets into the query as it is: only letters, digits and symbols
// do, in quotes.
func matchWords(words []string, facets string) (match string, exact []string) {
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
	if facets != "" {
		terms = append(terms, facets)
	}
	return strings.Join(terms, " AND "), exact
}

// term is what finds one run: the start of a word, a single character, or the
// phrase of the pairs.
func term(r run) string {
	switch {
	case r.class == runWord:
		return `body : "` + string(r.runes[:min(len(r.runes), maxWord)]) + `" *`
	case len(r.runes) == 1:
		return `facet : "` + string(r.runes) + `"`
	}
	var b strings.Builder
	writePairs(&b, r.runes)
	return `body : "` + strings.TrimSpace(b.String()) + `"`
}

func containsAll(text string, words []string) bool {
	folded := fold(text)
	for _, w := range words {
		if !strings.Contains(folded, w) {
			return false
		}
	}
	return true
}
