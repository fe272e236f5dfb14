package history

import (
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// States of a handover.
const (
	HandoverWanted  = "wanted"  // the taking device asked for it; the giving one's person decides
	HandoverAsked   = "asked"   // to be made and uploaded
	HandoverOffered = "offered" // its blob is at servers, and the other device was told
	HandoverDone    = "done"    // taken in
	HandoverExpired = "expired" // nobody took it
)

// A Handover is a history that goes to another device of the account, or comes
// from one. (spec/chat.md, CHAT-44)
type Handover struct {
	Device  omega.Fingerprint // the other one
	Gives   bool              // this device gives
	State   string
	Since   time.Time
	Ref     media.Ref // zero: it is not made yet
	Servers []omega.Fingerprint
	Total   int    // messages
	Taken   int    // lines that were taken in
	Base    int64  // position behind the last of its messages; 0: there is no room in front of what is here
	Why     string // code of the last failure
}

// PutHandover adds or replaces one.
func (tx *Tx) PutHandover(h *Handover) error {
	name, root, servers := []byte{}, []byte{}, []byte{}
	if h.Ref.Size > 0 {
		name, root = h.Ref.Name[:], h.Ref.Root[:]
	}
	for _, s := range h.Servers {
		servers = append(servers, s.Wire()...)
	}
	_, err := tx.exec("store handover with "+h.Device.String(), `INSERT OR REPLACE INTO handover
		(device, gives, state, since, name, size, root, servers, total, taken, base, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		address(h.Device), h.Gives, h.State, millis(h.Since), name, h.Ref.Size, root, servers, h.Total, h.Taken, h.Base, h.Why)
	return err
}

// Handovers returns all, the one that began first first.
func (tx *Tx) Handovers() (out []Handover, err error) {
	err = tx.rows("read handovers", `SELECT device, gives, state, since, name, size, root, servers, total, taken, base, why
		FROM handover ORDER BY since, device`, nil, func(scan func(...any) error) error {
		var h Handover
		var device, name, root, servers []byte
		var since int64
		if err := scan(&device, &h.Gives, &h.State, &since, &name, &h.Ref.Size, &root, &servers, &h.Total, &h.Taken, &h.Base, &h.Why); err != nil {
			return err
		}
		h.Since = readTime(since)
		if h.Ref.Size > 0 {
			if err := fill(h.Ref.Name[:], name); err != nil {
				return err
			}
			if err := fill(h.Ref.Root[:], root); err != nil {
				return err
			}
		}
		for len(servers) > 0 {
			fp, n, err := omega.DecodeFingerprint(servers)
			if err != nil {
				return fmt.Errorf("%w (%w)", ErrDamaged, err)
			}
			h.Servers, servers = append(h.Servers, fp), servers[n:]
		}
		if h.Device, err = readAddress(device); err == nil {
			out = append(out, h)
		}
		return err
	})
	return out, err
}

// Handover returns one or ErrNotFound.
func (tx *Tx) Handover(device omega.Fingerprint, gives bool) (*Handover, error) {
	list, err := tx.Handovers()
	for i := range list {
		if list[i].Device == device && list[i].Gives == gives {
			return &list[i], nil
		}
	}
	if err == nil {
		err = fmt.Errorf("read handover with %s: %w", device, ErrNotFound)
	}
	return nil, err
}

// handed are the messages that a history is made of: all that a person can see, and
// operations on them, of direct chats, groups and imports. Secure chats are none of these.
const handed = `m.shown > 0 AND c.kind IN (1, 3, 9) AND m.service NOT IN (2, 4) AND NOT (m.shown = 2 AND m.head = x'')`

// CountHanded returns how many messages there are to hand over.
func (tx *Tx) CountHanded() (n int, err error) {
	err = tx.row("count messages", `SELECT count(*)`+fromMessage+`WHERE `+handed, nil, &n)
	return n, err
}

// Handed returns at most n of them with positions above after, in order.
func (tx *Tx) Handed(after int64, n int) ([]Row, error) {
	return tx.list("read messages", selectRow+`WHERE m.position > ? AND `+handed+` ORDER BY m.position LIMIT ?`, after, n)
}

// Peers calls fn for every account whose certificate is here.
func (tx *Tx) Peers(fn func(*Peer) error) error {
	return tx.rows("read peers", selectPeer+`ORDER BY number`, nil, func(scan func(...any) error) error {
		p, err := scanPeer(scan)
		if err == nil {
			err = fn(p)
		}
		return err
	})
}

// FrontRoom returns the position in front of which nothing is, nor will be of
// histories that come from other devices than this one, and 0 if fewer than n
// messages fit there.
func (tx *Tx) FrontRoom(device omega.Fingerprint, n int) (base int64, err error) {
	err = tx.row("find room for messages", `SELECT min(
		coalesce((SELECT min(position) FROM message), (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'message'), 1),
		coalesce((SELECT min(base - total) FROM handover WHERE gives = 0 AND base > 0 AND device <> ?), 9223372036854775807))`,
		[]any{address(device)}, &base)
	if base <= int64(n) {
		base = 0
	}
	return base, err
}

// PutHanded adds a message of another device's history at a position, 0: behind all.
// One that is here stays as it is, but that a proven copy takes the place of one that
// was not.
func (tx *Tx) PutHanded(r *Row, position int64, now time.Time) error {
	what := "store message " + r.ID.String()
	number, err := tx.chatNumber(r.Chat, r.Peer)
	if err != nil {
		return err
	}
	link := r.Ref
	if len(r.Transcript) > 0 {
		link = r.Link()
	}
	var here int64
	switch err := tx.row(what, `SELECT position FROM message WHERE chat = ? AND link = ?`, []any{number, link[:]}, &here); {
	case err == nil && len(r.Transcript) > 0 && !r.Deleted:
		_, err := tx.PutMessage(r)
		return err
	case !notFound(err):
		return err
	case r.Deleted:
		return tx.putGone(what, number, r, position)
	}
	at, err := tx.insertHanded(what, number, link, r, position)
	if err != nil || shown(r.Content.Kind) != shownMessage && !r.Service {
		return err
	}
	text, err := tx.findable(r)
	if err != nil {
		return err
	}
	tx.index(at, text)
	unread := !r.Own && !r.Printed && !r.Read
	if _, err := tx.exec(what, `UPDATE chat SET last = max(last, ?), unread = unread + ? WHERE number = ?`, at, unread, number); err != nil {
		return err
	}
	if err := tx.hold(what, at, r); err != nil {
		return err
	}
	if r.Own && len(r.Content.Media) > 0 {
		if err := tx.nameUntil(what, at, r, now.Add(media.DefaultClaim/2)); err != nil { // who uploaded it looks after it
			return err
		}
	}
	return tx.awaited(what, number, link)
}

func (tx *Tx) insertHanded(what string, number int64, link chat.Link, r *Row, position int64) (at int64, err error) {
	state, err := stateNumber(r.State)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	content := []byte{}
	if !r.Service && r.Import == 0 {
		if content, err = contentColumn(&r.Message); err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
	}
	var head []byte
	if len(r.Transcript) > 0 {
		head = r.Head()
	}
	visible := shown(r.Content.Kind)
	if r.Service || r.Import != 0 {
		visible = shownMessage
	}
	var expires int64
	if r.Verified {
		expires = millis(r.Expires())
	}
	s := standingOf(number, link, r)
	if visible == shownMessage {
		if err := tx.behind(what, s); err != nil {
			return 0, err
		}
	}
	err = tx.row(what, `INSERT INTO message (position, chat, id, link, account, device, epoch, sequence, time, received, kind, text, content,
		head, signature, verified, problem, differs, shown, own, state, why, printed, about, read, expires, import, author, service, place, follows)
		VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING position`,
		[]any{position, number, r.ID[:], link[:], address(r.From), address(r.Device), int64(r.Epoch), int64(r.Sequence), millis(r.Time), millis(r.Received),
			string(r.Content.Kind), r.Content.Text, content, blob(head), signatureColumn(&r.Message), r.Verified, string(r.Problem), r.ListDiffers,
			visible, r.Own, state, r.Why, r.Printed || r.Own, aboutColumn(r.Content), r.Read, expires, r.Import, r.Author, r.Service, s.place, s.follows}, &at)
	if err == nil && visible == shownMessage {
		err = tx.push(what, s)
	}
	return at, err
}

// putGone adds the place of a message that its author took back.
func (tx *Tx) putGone(what string, number int64, r *Row, position int64) error {
	var at int64
	err := tx.row(what, `INSERT INTO message (position, chat, id, link, account, device, sequence, time, received, kind, verified, shown, own, state, printed, read, gone, place)
		VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?, 0, 1, 1, 1, ?) RETURNING position`,
		[]any{position, number, r.ID[:], r.Ref[:], address(r.From), address(r.Device), int64(r.Sequence), millis(r.Time), millis(r.Received), string(r.Content.Kind), r.Own, standingOf(number, r.Ref, r).place}, &at)
	if err == nil {
		_, err = tx.exec(what, `UPDATE chat SET last = max(last, ?) WHERE number = ?`, at, number)
	}
	return err
}

// HandedImport returns the number of an import that another device made, and makes
// it here if it is new.
func (tx *Tx) HandedImport(source, file string, at time.Time) (number int64, err error) {
	err = tx.row("find import", `SELECT number FROM import WHERE source = ? AND file = ? AND time = ?`, []any{source, file, millis(at)}, &number)
	if notFound(err) {
		return tx.BeginImport(source, file, at)
	}
	return number, err
}

// CountImport counts one more message of an import.
func (tx *Tx) CountImport(number int64) error {
	_, err := tx.exec("count imported messages", `UPDATE import SET messages = (SELECT count(*) FROM message WHERE import = ?1 AND import > 0) WHERE number = ?1`, number)
	return err
}

// PutImportedChat makes the chat of an import stand in the list.
func (tx *Tx) PutImportedChat(c omega.ChatID, title string) error {
	_, err := tx.importedChat(c, title)
	return err
}
