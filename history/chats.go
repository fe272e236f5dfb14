package history

import (
	"fmt"
	"math"

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
	Secure   bool // a secure one, with the peer or of a group
	Silent   bool // a direct one in which nothing was ever shown: devices and groups speak there

	Place Place
}

// A Place is where a chat stands among those that are sorted by their newest
// message.
type Place struct{ Last, Number int64 }

// Kinds of chats; those of imported and of secure ones are kindImported and kindSecure.
const (
	kindDirect = 1
	kindGroup  = 3
)

// chatNumber returns the row of a chat and makes it if there is none.
func (tx *Tx) chatNumber(c omega.ChatID, peer omega.Fingerprint) (number int64, err error) {
	return tx.chatNumberOf(c, kindDirect, peer)
}

// chatNumberOf is chatNumber where a row that is made is of a kind.
func (tx *Tx) chatNumberOf(c omega.ChatID, kind int, peer omega.Fingerprint) (number int64, err error) {
	const query = `SELECT number FROM chat WHERE id = ?`
	what := "store chat " + c.String()
	if err = tx.row(what, query, []any{c[:]}, &number); !notFound(err) {
		return number, err
	}
	if _, err := tx.exec(what, `INSERT INTO chat (id, kind, peer) VALUES (?, ?, ?)`, c[:], kind, address(peer)); err != nil {
		return 0, err
	}
	if err = tx.row(what, query, []any{c[:]}, &number); err == nil {
		err = tx.hideIn(c)
	}
	return number, err
}

const selectChat = `SELECT c.id, c.peer, iif(c.title = '', coalesce(p.name, ''), c.title), c.unread, c.last, c.kind, c.number,
	iif(c.kind = 1 AND c.last = 0, NOT EXISTS (SELECT 1 FROM message INDEXED BY message_page WHERE chat = c.number AND shown = 1), 0)
	FROM chat c LEFT JOIN peer p ON p.fingerprint = c.peer `

// Chats returns all chats, newest message first.
func (tx *Tx) Chats() ([]Chat, error) {
	return tx.chats("read chats", selectChat+`ORDER BY c.last DESC, c.number DESC`)
}

// ChatsBehind returns at most n chats behind a place, newest message first; zero:
// from the first one on.
func (tx *Tx) ChatsBehind(after Place, n int) ([]Chat, error) {
	if after == (Place{}) {
		after.Last = math.MaxInt64
	}
	return tx.chats("read chats", selectChat+`WHERE (c.last, c.number) < (?, ?) ORDER BY c.last DESC, c.number DESC LIMIT ?`, after.Last, after.Number, n)
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

// Wrote reports whether this account wrote in a chat.
func (tx *Tx) Wrote(c omega.ChatID) (wrote bool, err error) {
	err = tx.row("read chat "+c.String(), `SELECT EXISTS (SELECT 1 FROM message INDEXED BY message_state
		WHERE chat = (SELECT number FROM chat WHERE id = ?) AND own = 1 AND state > 0 AND shown = 1)`,
		[]any{c[:]}, &wrote)
	return wrote, err
}

// Kept reports whether the person has a draft in a chat, put it on top or marked it.
func (tx *Tx) Kept(c omega.ChatID) (kept bool, err error) {
	err = tx.row("read chat "+c.String(), `SELECT EXISTS (SELECT 1 FROM register WHERE name IN ('draft', 'top', 'unread') AND subject = ? AND value <> x'')`,
		[]any{c[:]}, &kept)
	return kept, err
}

func (tx *Tx) chats(what, query string, args ...any) (out []Chat, err error) {
	err = tx.rows(what, query, args, func(scan func(...any) error) error {
		var c Chat
		var id, peer []byte
		var kind int64
		if err := scan(&id, &peer, &c.Name, &c.Unread, &c.Place.Last, &kind, &c.Place.Number, &c.Silent); err != nil {
			return err
		}
		c.Imported = kind == kindImported
		c.Group, c.Secure = kind == kindGroup || kind == kindSecureGroup, kind == kindSecure || kind == kindSecureGroup
		if err := fill(c.ID[:], id); err != nil {
			return err
		}
		if c.Peer, err = readAddress(peer); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	})
	for i := range out {
		if err != nil || out[i].Place.Last == 0 {
			continue
		}
		out[i].Last, err = tx.one(what, selectRow+`WHERE m.position = ?`, out[i].Place.Last)
	}
	return out, err
}
