package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/internal/names"
)

// A Group is one whose operations are here.
type Group struct {
	ID         chat.Hash
	Inviter    omega.Fingerprint // whose invitation came last; zero: nobody's did
	Ticket     chat.Ticket       // of the link by which this account asked to join; zero: by none
	Accepted   time.Time         // since when a group key is waited for; zero: none is
	Maker      omega.Fingerprint // of the link by which this account asked to join; zero: it did not
	Refuser    omega.Fingerprint // who said no; zero: nobody did
	Refused    time.Time         // when
	Subscribed time.Time         // since when this account subscribes to it; zero: it does not
	Title      string            // in the link by which this account asked to join; empty: the link has none
}

// Chat is the id of the group's chat.
func (g *Group) Chat() omega.ChatID { return omega.ChatID(g.ID[:16]) }

// PutGroup adds a group, or replaces what was known beside its operations.
func (tx *Tx) PutGroup(g *Group) error {
	id := g.Chat()
	_, err := tx.exec("store group "+id.String(), `INSERT INTO known_group (id, chat, inviter, ticket, accepted, maker, refuser, refused, title, subscribed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET inviter = excluded.inviter, ticket = excluded.ticket, accepted = excluded.accepted,
		maker = excluded.maker, refuser = excluded.refuser, refused = excluded.refused, title = excluded.title, subscribed = excluded.subscribed`,
		g.ID[:], id[:], address(g.Inviter), ticketColumn(g.Ticket), millis(g.Accepted), address(g.Maker), address(g.Refuser), millis(g.Refused), g.Title, millis(g.Subscribed))
	return err
}

// PutGroupChat makes the chat of a group stand in the list, or gives it another
// title.
func (tx *Tx) PutGroupChat(c omega.ChatID, title string) error {
	n, err := tx.exec("title chat "+c.String(), `INSERT INTO chat (id, kind, title) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET title = excluded.title WHERE title <> excluded.title`, c[:], kindGroup, names.Shown(title))
	if err == nil && n > 0 {
		err = tx.hideIn(c)
	}
	return err
}

func ticketColumn(t chat.Ticket) []byte {
	if t == (chat.Ticket{}) {
		return []byte{}
	}
	return t[:]
}

const selectGroup = `SELECT id, inviter, ticket, accepted, maker, refuser, refused, title, subscribed FROM known_group `

func (tx *Tx) groups(where string, args ...any) (out []Group, err error) {
	err = tx.rows("read groups", selectGroup+where, args, func(scan func(...any) error) error {
		var g Group
		var id, inviter, ticket, maker, refuser []byte
		var accepted, refused, subscribed int64
		if err := scan(&id, &inviter, &ticket, &accepted, &maker, &refuser, &refused, &g.Title, &subscribed); err != nil {
			return err
		}
		if err := fill(g.ID[:], id); err != nil {
			return err
		}
		if len(ticket) > 0 {
			if err := fill(g.Ticket[:], ticket); err != nil {
				return err
			}
		}
		g.Accepted, g.Refused, g.Subscribed = readTime(accepted), readTime(refused), readTime(subscribed)
		for to, b := range map[*omega.Fingerprint][]byte{&g.Inviter: inviter, &g.Maker: maker, &g.Refuser: refuser} {
			if *to, err = readAddress(b); err != nil {
				return err
			}
		}
		out = append(out, g)
		return nil
	})
	return out, err
}

// KnownGroups returns all groups, in order of their ids.
func (tx *Tx) KnownGroups() ([]Group, error) { return tx.groups(`ORDER BY id`) }

// GroupsWaiting returns those where a group key is waited for.
func (tx *Tx) GroupsWaiting() ([]Group, error) { return tx.groups(`WHERE accepted <> 0`) }

// GroupsAsked returns those that this account asked to be let into by a link, and is not
// in: it waits for an answer, or was refused.
func (tx *Tx) GroupsAsked() ([]Group, error) { return tx.groups(`WHERE ticket <> x'' OR refused <> 0`) }

// KnownGroup returns one group or ErrNotFound.
func (tx *Tx) KnownGroup(id chat.Hash) (*Group, error) {
	list, err := tx.groups(`WHERE id = ?`, id[:])
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read group: %w", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// Group returns the group whose chat this is; zero if it is none's.
func (tx *Tx) Group(_ context.Context, c omega.ChatID) (id chat.Hash, err error) {
	list, err := tx.groups(`WHERE chat = ?`, c[:])
	if err == nil && len(list) > 0 {
		id = list[0].ID
	}
	return id, err
}

// An Operation is a verified operation of a group.
type Operation struct {
	Hash  chat.Hash
	Data  []byte    // as it travels
	Taken time.Time // when a home had it first
}

// AddOperation appends an operation, whose past is here; the same again changes
// nothing.
func (tx *Tx) AddOperation(group chat.Hash, o *Operation) error {
	_, err := tx.exec("store group operation", `INSERT INTO operation (grp, hash, data, taken) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING`,
		group[:], o.Hash[:], blob(o.Data), millis(o.Taken))
	return err
}

// Operations returns those of a group, each after its past.
func (tx *Tx) Operations(group chat.Hash) (out []Operation, err error) {
	err = tx.rows("read group operations", `SELECT hash, data, taken FROM operation WHERE grp = ? ORDER BY number`, []any{group[:]},
		func(scan func(...any) error) error {
			var o Operation
			var hash []byte
			var at int64
			if err := scan(&hash, &o.Data, &at); err != nil {
				return err
			}
			o.Taken = readTime(at)
			err := fill(o.Hash[:], hash)
			out = append(out, o)
			return err
		})
	return out, err
}

// WantOperations notes that an account is to be asked for operations of a group:
// for those that it lacks, as far as they are known by their hashes.
func (tx *Tx) WantOperations(group chat.Hash, account omega.Fingerprint, at time.Time, lacks []chat.Hash) error {
	var earlier []byte
	err := tx.row("want group operations", `SELECT lacks FROM group_want WHERE grp = ? AND account = ?`, []any{group[:], address(account)}, &earlier)
	if err != nil && !notFound(err) {
		return err
	}
	_, err = tx.exec("want group operations", `INSERT INTO group_want (grp, account, since, lacks) VALUES (?, ?, ?, ?)
		ON CONFLICT (grp, account) DO UPDATE SET lacks = excluded.lacks`,
		group[:], address(account), millis(at), blob(joinHashes(lacks, earlier)))
	if err != nil {
		return err
	}
	_, err = tx.exec("want group operations", `DELETE FROM group_want WHERE since < (SELECT since FROM group_want ORDER BY since DESC LIMIT 1 OFFSET ?)`, maxGroupWants)
	return err
}

const (
	maxGroupWants = 4096
	maxLacks      = 64 // hashes of one want
)

// HaveOperations notes what there is of a group: nobody is asked any more for what
// has came from somebody else, nor an account that knows no more. knows is one
// whose heads are all here, or zero; another one may know more.
func (tx *Tx) HaveOperations(group chat.Hash, knows omega.Fingerprint, has func(chat.Hash) bool) error {
	var done []omega.Fingerprint
	err := tx.rows("read what a group lacks", `SELECT account, lacks FROM group_want WHERE grp = ?`, []any{group[:]},
		func(scan func(...any) error) error {
			var account, lacks []byte
			if err := scan(&account, &lacks); err != nil {
				return err
			}
			fp, err := readAddress(account)
			if fp == knows || len(lacks) > 0 && hasAll(lacks, has) {
				done = append(done, fp)
			}
			return err
		})
	for _, fp := range done {
		if err == nil {
			_, err = tx.exec("want no group operations", `DELETE FROM group_want WHERE grp = ? AND account = ?`, group[:], address(fp))
		}
	}
	return err
}

// hasAll reports whether has holds for each of hashes that stand one after the other.
func hasAll(hashes []byte, has func(chat.Hash) bool) bool {
	for h := range slices.Chunk(hashes, len(chat.Hash{})) {
		if !has(chat.Hash(h)) {
			return false
		}
	}
	return true
}

// joinHashes puts hashes before earlier ones, at most maxLacks in all.
func joinHashes(list []chat.Hash, earlier []byte) (out []byte) {
	for _, h := range list {
		out = append(out, h[:]...)
	}
	out = append(out, earlier...)
	return out[:min(len(out), maxLacks*len(chat.Hash{}))]
}

// A GroupAccount is an account and a group.
type GroupAccount struct {
	Group   chat.Hash
	Account omega.Fingerprint
	Text    string // of a request
	Called  string // what who asks calls itself, if somebody else told of the request
	Time    time.Time
	Ticket  chat.Ticket // of the link by which it came
}

// WantedOperations returns whom to ask for operations of which groups, at most n.
func (tx *Tx) WantedOperations(n int) ([]GroupAccount, error) {
	return tx.groupAccounts(`SELECT grp, account, '', since, x'', '' FROM group_want ORDER BY since LIMIT ?`, n)
}

// maxGroupRequests bounds the requests of one group: links get around.
const maxGroupRequests = 1000

// PutGroupRequest keeps that an account wants to join; the same again renews it.
func (tx *Tx) PutGroupRequest(r *GroupAccount) error {
	_, err := tx.exec("store request to join", `INSERT INTO group_request (grp, account, text, time, ticket, called) SELECT ?1, ?2, ?3, ?4, ?6, ?7
		WHERE (SELECT count(*) FROM group_request WHERE grp = ?1) < ?5 OR EXISTS (SELECT 1 FROM group_request WHERE grp = ?1 AND account = ?2)
		ON CONFLICT (grp, account) DO UPDATE SET text = excluded.text, time = excluded.time, ticket = excluded.ticket, called = excluded.called`,
		r.Group[:], address(r.Account), r.Text, millis(r.Time), maxGroupRequests, ticketColumn(r.Ticket), r.Called)
	return err
}

// RemoveGroupRequest forgets one: it was answered.
func (tx *Tx) RemoveGroupRequest(group chat.Hash, account omega.Fingerprint) error {
	_, err := tx.exec("forget request to join", `DELETE FROM group_request WHERE grp = ? AND account = ?`, group[:], address(account))
	return err
}

// GroupRequests returns who wants to join a group, the first one first.
func (tx *Tx) GroupRequests(group chat.Hash) ([]GroupAccount, error) {
	return tx.groupAccounts(selectRequest+`WHERE grp = ? ORDER BY time, account`, group[:])
}

// AllGroupRequests returns who wants to join any group, the first one first.
func (tx *Tx) AllGroupRequests() ([]GroupAccount, error) {
	return tx.groupAccounts(selectRequest + `ORDER BY time, account, grp`)
}

const selectRequest = `SELECT grp, account, text, time, ticket, called FROM group_request `

// CountGroupRequests says how many want to join a group, of those where somebody does.
func (tx *Tx) CountGroupRequests() (map[chat.Hash]int, error) {
	out := map[chat.Hash]int{}
	err := tx.rows("count requests to join", `SELECT grp, count(*) FROM group_request GROUP BY grp`, nil, func(scan func(...any) error) error {
		var group []byte
		var id chat.Hash
		var n int
		if err := scan(&group, &n); err != nil {
			return err
		}
		err := fill(id[:], group)
		out[id] = n
		return err
	})
	return out, err
}

func (tx *Tx) groupAccounts(query string, args ...any) (out []GroupAccount, err error) {
	err = tx.rows("read accounts of groups", query, args, func(scan func(...any) error) error {
		var w GroupAccount
		var group, account, ticket []byte
		var at int64
		if err := scan(&group, &account, &w.Text, &at, &ticket, &w.Called); err != nil {
			return err
		}
		w.Time = readTime(at)
		if len(ticket) > 0 {
			if err := fill(w.Ticket[:], ticket); err != nil {
				return err
			}
		}
		if err := fill(w.Group[:], group); err != nil {
			return err
		}
		if w.Account, err = readAddress(account); err == nil {
			out = append(out, w)
		}
		return err
	})
	return out, err
}

// LastOperation names the operation of a group that was stored last; zero if there
// is none.
func (tx *Tx) LastOperation(group chat.Hash) (h chat.Hash, err error) {
	var b []byte
	err = tx.row("read group operations", `SELECT hash FROM operation WHERE grp = ? ORDER BY number DESC LIMIT 1`, []any{group[:]}, &b)
	if notFound(err) {
		return h, nil
	}
	if err == nil {
		err = fill(h[:], b)
	}
	return h, err
}
