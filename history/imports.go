package history

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// kindImported is a chat of another messenger: nobody can write there, and
// nothing in it is signed. (spec/archive.md, ARCH-3)
const kindImported = 9

// An Import is one file that was read.
type Import struct {
	Number   int64
	Source   string // line, telegram
	File     string // its name
	Time     time.Time
	Messages int // that it added
}

// An Imported message is one of a file, as archive.Message says.
type Imported struct {
	Source, Chat, Title, Key string
	Author, Kind, Text       string
	Time                     time.Time
}

// ImportedChat is the chat in which the messages of a chat of another messenger
// are: the same for every import.
func ImportedChat(source, key string) omega.ChatID {
	sum := sha256.Sum256(fmt.Appendf(nil, "omega imported chat\n%s\n%s", source, key))
	return omega.ChatID(sum[:len(omega.ChatID{})])
}

// BeginImport makes an import, to which PutImported adds.
func (tx *Tx) BeginImport(source, file string, now time.Time) (int64, error) {
	r, err := tx.execResult("begin import", `INSERT INTO import (source, file, time) VALUES (?, ?, ?)`, source, file, millis(now))
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// PutImported adds messages to an import. Those that are here already, from it
// or another one, change nothing. It returns how many were added.
func (tx *Tx) PutImported(number int64, list []Imported) (added int, err error) {
	chats := map[omega.ChatID]int64{}
	for i := range list {
		m := &list[i]
		c := ImportedChat(m.Source, m.Chat)
		if chats[c] == 0 {
			if chats[c], err = tx.importedChat(c, m.Title); err != nil {
				return added, err
			}
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "omega imported message\n%s\n%s", c, m.Key))
		var position int64
		err := tx.row("store imported message", `INSERT INTO message (chat, id, link, time, place, kind, text, verified, shown, printed, import, author)
			VALUES (?, ?, ?, ?4, ?4, ?, ?, 0, 1, 1, ?, ?) ON CONFLICT (chat, link) DO NOTHING RETURNING position`,
			[]any{chats[c], sum[:16], sum[16:], millis(m.Time), m.Kind, m.Text, number, m.Author}, &position)
		if notFound(err) {
			continue
		}
		if err != nil {
			return added, err
		}
		added++
		tx.index(position, m.Text)
		if _, err := tx.exec("store imported message", `UPDATE chat SET last = max(last, ?) WHERE number = ?`, position, chats[c]); err != nil {
			return added, err
		}
	}
	_, err = tx.exec("count imported messages", `UPDATE import SET messages = messages + ? WHERE number = ?`, added, number)
	return added, err
}

func (tx *Tx) importedChat(c omega.ChatID, title string) (number int64, err error) {
	if number, err = tx.numberOf(c); !notFound(err) {
		return number, err
	}
	if _, err := tx.exec("store imported chat", `INSERT INTO chat (id, kind, title) VALUES (?, ?, ?)`, c[:], kindImported, title); err != nil {
		return 0, err
	}
	return tx.numberOf(c)
}

// Imports returns all imports, the oldest first.
func (tx *Tx) Imports() (out []Import, err error) {
	err = tx.rows("read imports", `SELECT number, source, file, time, messages FROM import ORDER BY number`, nil, func(scan func(...any) error) error {
		var i Import
		var at int64
		err := scan(&i.Number, &i.Source, &i.File, &at, &i.Messages)
		i.Time = readTime(at)
		out = append(out, i)
		return err
	})
	return out, err
}

// dropAtOnce is how many messages one DropImport removes: others want to write.
const dropAtOnce = 5000

// isEmpty finds chats in which there is nothing, nor anything hidden.
const isEmpty = `NOT EXISTS (SELECT 1 FROM message WHERE message.chat = chat.number)`

// DropImport takes messages of an import out again, and with the last ones the
// import and the chats that are empty then; done says that those went. What
// another import has as well goes too: that is the one that added it.
// ErrNotFound if there is no such import.
func (tx *Tx) DropImport(number int64) (dropped int, done bool, err error) {
	what := fmt.Sprintf("undo import %d", number)
	var n int64
	if err := tx.row(what, `SELECT number FROM import WHERE number = ?`, []any{number}, &n); err != nil {
		return 0, false, err
	}
	var positions []int64
	err = tx.rows(what, `SELECT position FROM message WHERE import = ? AND import > 0 LIMIT ?`, []any{number, dropAtOnce}, func(scan func(...any) error) error {
		var p int64
		err := scan(&p)
		positions = append(positions, p)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	list, err := json.Marshal(positions)
	if err != nil {
		return 0, false, err
	}
	done = len(positions) < dropAtOnce
	queries := []struct {
		query string
		args  []any
	}{
		{`DELETE FROM word WHERE rowid IN (SELECT value FROM json_each(?))`, []any{string(list)}},
		{`DELETE FROM message WHERE position IN (SELECT value FROM json_each(?))`, []any{string(list)}},
		{`UPDATE import SET messages = messages - ? WHERE number = ?`, []any{len(positions), number}},
	}
	if done {
		queries = append(queries, []struct {
			query string
			args  []any
		}{
			{`UPDATE chat SET last = coalesce((SELECT max(position) FROM message WHERE message.chat = chat.number AND shown = 1), 0) WHERE kind = ?`, []any{kindImported}},
			{`DELETE FROM mark WHERE chat IN (SELECT number FROM chat WHERE kind = ? AND ` + isEmpty + `)`, []any{kindImported}},
			{`DELETE FROM chat WHERE kind = ? AND ` + isEmpty, []any{kindImported}},
			{`DELETE FROM import WHERE number = ?`, []any{number}},
		}...)
	}
	for _, q := range queries {
		if _, err := tx.exec(what, q.query, q.args...); err != nil {
			return 0, false, err
		}
	}
	return len(positions), done, nil
}
