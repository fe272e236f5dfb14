package history

import (
	"fmt"

	"github.com/omega-im/omega"
)

// A Chat in the list.
type Chat struct {
	ID     omega.ChatID
	Peer   omega.Fingerprint
	Name   string // its title, else the peer's name; may be empty
	Unread int    // messages of others that were not printed here and not read elsewhere
	Last   *Row   // nil if nothing was ever shown

	Imported bool // from another messenger: nobody can write there
	Group    bool // of a group: there is no peer
}

// Kinds of chats; that of imported ones is kindImported.
const (
	kindDirect = 1
	kindGroup  = 3
)

// chatNumber returns the row of a chat and makes it if there is none.
func (tx *Tx) chatNumber(c omega.ChatID, peer omega.Fingerprint) (number int64, err error) {
	const query = `SELECT number FROM chat WHERE id = ?`
	what := "store chat " + c.String()
	if err = tx.row(what, query, []any{c[:]}, &number); !notFound(err) {
		return number, err
	}
	if _, err := tx.exec(what, `INSERT INTO chat (id, kind, peer) VALUES (?, ?, ?)`, c[:], kindDirect, address(peer)); err != nil {
		return 0, err
	}
	if err = tx.row(what, query, []any{c[:]}, &number); err == nil {
		err = tx.hideIn(c)
	}
	return number, err
}

const selectChat = `SELECT c.id, c.peer, iif(c.title = '', coalesce(p.name, ''), c.title), c.unread, c.last, c.kind
	FROM chat c LEFT JOIN peer p ON p.fingerprint = c.peer `

// Chats returns all chats, newest message first.
func (tx *Tx) Chats() ([]Chat, error) {
	return tx.chats("read chats", selectChat+`ORDER BY c.last DESC, c.number DESC`)
}

// Chat returns one chat or ErrNotFound.
func (tx *Tx) Chat(c omega.ChatID) (*Chat, error) {
	what := "read chat " + c.String()
	list, err := tx.chats(what, selectChat+`WHERE c.id = ?`, c[:])
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

func (tx *Tx) chats(what, query string, args ...any) (out []Chat, err error) {
	var last []int64
	err = tx.rows(what, query, args, func(scan func(...any) error) error {
		var c Chat
		var id, peer []byte
		var position, kind int64
		if err := scan(&id, &peer, &c.Name, &c.Unread, &position, &kind); err != nil {
			return err
		}
		c.Imported, c.Group = kind == kindImported, kind == kindGroup
		if err := fill(c.ID[:], id); err != nil {
			return err
		}
		if c.Peer, err = readAddress(peer); err != nil {
			return err
		}
		out, last = append(out, c), append(last, position)
		return nil
	})
	for i, position := range last {
		if err != nil || position == 0 {
			continue
		}
		out[i].Last, err = tx.one(what, selectRow+`WHERE m.position = ?`, position)
	}
	return out, err
}
