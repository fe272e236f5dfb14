package history

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/omega-im/omega"
)

// What a change is.
type What int

// Kinds of changes.
const (
	NewMessage     What = 1  // Chat, Message, and Account of others
	ChangedMessage What = 2  // edited, reactions, pins, answers, verified now
	GoneMessage    What = 3  // taken back, or deleted here
	MessageState   What = 4  // of one's own; without Message: counts of some in Chat
	ChangedChat    What = 5  // unread, title, settings, newest message; or it is gone
	NewChat        What = 6  // Account: of a direct chat
	ChangedFolders What = 7  // titles, or chats in folders
	ChangedGroup   What = 8  // there are operations more, of the group of Chat, or this account stands otherwise in it, or others subscribe
	NewRequest     What = 9  // Account asks to be let into the group of Chat
	ChangedNotices What = 10 // about Account

	ChangedScheduled What = 11 // texts that wait for their time
	ChangedContact   What = 12 // what this account's owner thinks of Account, or Account calls itself something else
	ChangedHandover  What = 13 // a history for, or of, the device that Account names
	ChangedDevices   What = 14 // how one of this account's devices is called
	ChangedName      What = 15 // what this account calls itself
	ChangedOrder     What = 16 // messages of Chat stand elsewhere, behind one that came late
)

// A Change is something that a transaction changed and people can see.
type Change struct {
	What    What
	Chat    omega.ChatID
	Message omega.ID
	Account omega.Fingerprint
}

// MaxChanges is how many changes of one transaction are told.
const MaxChanges = 4096

//go:embed changes.sql
var changesSQL string

// watch has the writer's connection note what changes.
func (s *session) watch(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "PRAGMA temp_store = memory"); err != nil {
		return fmt.Errorf("watch changes: %w", wrap(err))
	}
	if _, err := s.conn.ExecContext(ctx, changesSQL); err != nil {
		return fmt.Errorf("watch changes: %w", wrap(err))
	}
	return nil
}

// OnChange has fn told what each transaction changed, after its commit and before
// that of the next one. Changes of one chat, of which only the last says
// something, are one. More than MaxChanges are told as nil. fn must neither block nor
// use the database. It is set before the first Update.
func (db *DB) OnChange(fn func([]Change)) { db.onChange = fn }

// takeChanges returns what this transaction has changed so far; nil if that is more
// than is told.
func (tx *Tx) takeChanges() (out []Change, some bool, err error) {
	const what = "read what changed"
	const most = 8 * MaxChanges // that are read; if there may be more, which ones is not known
	read := 0
	err = tx.rows(what, `SELECT what, chat, message, other FROM temp.change ORDER BY number LIMIT ?`, []any{most}, func(scan func(...any) error) error {
		read++
		var c Change
		var id, message, other []byte
		if err := scan(&c.What, &id, &message, &other); err != nil {
			return err
		}
		copy(c.Chat[:], id)
		copy(c.Message[:], message)
		if c.What == ChangedGroup {
			other = nil // its chat says which
		}
		account, err := readAddress(other)
		c.Account = account
		out = append(out, c)
		if c.What == NewMessage {
			out = append(out, Change{What: ChangedChat, Chat: c.Chat})
		}
		return err
	})
	if err != nil || len(out) == 0 {
		return nil, false, err
	}
	if _, err := tx.exec(what, `DELETE FROM temp.change`); err != nil {
		return nil, false, err
	}
	if out = lastOfEach(out); len(out) > MaxChanges || read == most {
		out = nil
	}
	return out, true, nil
}

// lastOfEach leaves out changes that come again, but for the last time.
func lastOfEach(list []Change) []Change {
	last := make(map[Change]int, len(list))
	for i, c := range list {
		last[c] = i
	}
	out := list[:0]
	for i, c := range list {
		if last[c] == i {
			out = append(out, c)
		}
	}
	return out
}
