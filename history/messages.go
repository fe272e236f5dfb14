package history

import (
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// PutMessage adds a message (its chat too) and returns its position. The same
// message again changes nothing, but that a verified copy takes the place of
// one that was not.
func (tx *Tx) PutMessage(r *Row) (int64, error) {
	what := "store message " + r.ID.String()
	state, err := stateNumber(r.State)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	content, err := contentColumn(&r.Message)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	number, err := tx.chatNumber(r.Chat, r.Peer)
	if err != nil {
		return 0, err
	}
	link, shown := linkColumn(&r.Message), shown(r.Content.Kind)
	read, err := tx.wasRead(r)
	if err != nil {
		return 0, err
	}
	var expires int64
	if r.Verified {
		expires = millis(r.Expires())
	}
	var head []byte
	if len(r.Transcript) > 0 {
		head = r.Head()
	}
	at := standingOf(number, link, r)
	if shown == shownMessage {
		if err := tx.behind(what, at); err != nil {
			return 0, err
		}
	}
	var position int64
	err = tx.row(what, `INSERT INTO message (chat, id, link, account, device, epoch, sequence, time, received, kind, text, content,
		head, signature, verified, problem, differs, shown, own, state, why, printed, about, read, expires, mentioned, place, follows)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (chat, link) DO UPDATE SET verified = 1, problem = excluded.problem, signature = excluded.signature,
		received = excluded.received, differs = excluded.differs, mentioned = excluded.mentioned, place = excluded.place, follows = excluded.follows WHERE verified = 0 AND excluded.verified = 1 RETURNING position`,
		[]any{number, r.ID[:], link[:], address(r.From), address(r.Device), int64(r.Epoch), int64(r.Sequence), millis(r.Time), millis(r.Received),
			string(r.Content.Kind), r.Content.Text, content, blob(head), signatureColumn(&r.Message), r.Verified, string(r.Problem),
			r.ListDiffers, shown, r.Own, state, r.Why, r.Printed || r.Own, aboutColumn(r.Content), read, expires, r.Mentioned && shown == shownMessage, at.place, at.follows}, &position)
	if notFound(err) { // nothing changed
		err = tx.row(what, `SELECT position FROM message WHERE chat = ? AND link = ?`, []any{number, link[:]}, &position)
		return position, err
	}
	if err != nil {
		return 0, err
	}
	if err := tx.hold(what, position, r); err != nil {
		return 0, err
	}
	if r.Own && len(r.Content.Media) > 0 {
		if err := tx.name(what, position, r); err != nil {
			return 0, err
		}
	}
	if shown == shownMessage {
		err = tx.noteMessage(what, number, position, r, read)
	}
	if err == nil && shown == shownMessage {
		err = tx.push(what, at)
	}
	if err == nil && shown == shownMessage {
		err = tx.awaited(what, number, link)
	}
	if err == nil && shown == shownMessage && r.Peer.IsZero() {
		err = tx.passJoined(what, number, spot{at.place, position}, r.Time)
	}
	return position, err
}

// aboutColumn names the message that an edit changes: its texts go together.
func aboutColumn(c *chat.Content) []byte {
	if c.Edit == nil {
		return []byte{}
	}
	return c.Edit.Target[:]
}

// noteMessage keeps the chat's counters and the words of a new row. A row that
// only became verified stands at or before the chat's last and has both.
func (tx *Tx) noteMessage(what string, number, position int64, r *Row, read bool) error {
	unread := !r.Own && !r.Printed && !read
	n, err := tx.exec(what, `UPDATE chat SET last = ?1, unread = unread + ?2 WHERE number = ?3 AND last < ?1`, position, unread, number)
	if err == nil && n > 0 {
		text, err := tx.findable(r)
		if err != nil {
			return err
		}
		tx.index(position, text)
	}
	return err
}

// In the queries, a plus before a column keeps SQLite from using its index: an
// id is a better start than a chat, which it cannot know.

const selectRow = `SELECT ` + columns + fromMessage

// Message returns a message by its id, or ErrNotFound. If somebody used an id
// again, it is the own, then the verified, then the first one.
func (tx *Tx) Message(id omega.ID) (*Row, error) {
	return tx.one("read message "+id.String(), selectRow+`WHERE m.id = ? ORDER BY m.own DESC, m.verified DESC, m.position LIMIT 1`, id[:])
}

// MessageBySequence returns a device's message in a chat, or ErrNotFound.
func (tx *Tx) MessageBySequence(c omega.ChatID, device omega.Fingerprint, seq uint32) (*Row, error) {
	return tx.one(fmt.Sprintf("read message %d of device %s", seq, device), selectRow+
		`WHERE m.chat = (SELECT number FROM chat WHERE id = ?) AND m.sequence = ? AND m.device = ? ORDER BY m.verified DESC, m.position LIMIT 1`,
		c[:], int64(seq), address(device))
}

func (tx *Tx) one(what, query string, args ...any) (r *Row, err error) {
	list, err := tx.list(what, query, args...)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

func (tx *Tx) list(what, query string, args ...any) (out []Row, err error) {
	err = tx.rows(what, query, args, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		if err == nil {
			out = append(out, *r)
		}
		return err
	})
	if err == nil {
		err = tx.dress(out)
	}
	return out, err
}

// Page returns at most n messages of a chat before the message before (zero:
// the newest), oldest first. ErrNotFound if there is no such chat or message.
func (tx *Tx) Page(c omega.ChatID, before omega.ID, n int) ([]Row, error) {
	what := "read chat " + c.String()
	number, err := tx.numberOf(c)
	if err != nil {
		return nil, err
	}
	end := spot{place: 1<<63 - 1}
	if !before.IsZero() {
		if end, err = tx.spotOf(what+" before message ", number, before); err != nil {
			return nil, err
		}
	}
	out, err := tx.list(what, selectRow+`WHERE m.chat = ? AND m.shown = 1 AND (m.place, m.position) < (?, ?) ORDER BY m.place DESC, m.position DESC LIMIT ?`,
		number, end.place, end.position, n)
	slices.Reverse(out)
	return out, err
}

// PageAfter returns at most n messages of a chat behind the message after, oldest
// first. ErrNotFound if there is no such chat or message.
func (tx *Tx) PageAfter(c omega.ChatID, after omega.ID, n int) ([]Row, error) {
	number, err := tx.numberOf(c)
	if err != nil {
		return nil, err
	}
	at, err := tx.spotOf("read chat "+c.String()+" behind message ", number, after)
	if err != nil {
		return nil, err
	}
	return tx.pageFrom(number, at, n)
}

// pageFrom returns at most n messages of a chat behind a spot, in order.
func (tx *Tx) pageFrom(number int64, at spot, n int) ([]Row, error) {
	return tx.list("read a chat", selectRow+`WHERE m.chat = ? AND m.shown = 1 AND (m.place, m.position) > (?, ?) ORDER BY m.place, m.position LIMIT ?`,
		number, at.place, at.position, n)
}

// All calls fn for every message of a chat, oldest first. fn may read through
// tx; its error ends All.
func (tx *Tx) All(c omega.ChatID, fn func(*Row) error) error {
	const page = 256
	number, err := tx.numberOf(c)
	if err != nil {
		if notFound(err) {
			return nil
		}
		return err
	}
	after := spot{place: -1 << 63}
	for {
		list, err := tx.pageFrom(number, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			if err := fn(&list[i]); err != nil {
				return err
			}
			after = spot{list[i].Place, list[i].Position}
		}
		if len(list) < page {
			return nil
		}
	}
}

// Unprinted returns at most n messages and operations of others, and lines about
// groups, that were not confirmed, oldest position first.
func (tx *Tx) Unprinted(n int) ([]Row, error) {
	return tx.list("read new messages", selectRow+`WHERE m.printed = 0 AND m.own = 0 AND m.shown > 0 AND m.service <> 1 ORDER BY m.position LIMIT ?`, n)
}

// CountShown is how many messages All gives of a chat.
func (tx *Tx) CountShown(c omega.ChatID) (n int64, err error) {
	err = tx.row("count messages of "+c.String(), `SELECT count(*) FROM message WHERE chat = (SELECT number FROM chat WHERE id = ?) AND shown = 1`, []any{c[:]}, &n)
	return n, err
}

// isMention finds messages that call this account and were not read.
const isMention = `m.mentioned = 1 AND m.printed = 0 AND m.read = 0`

// Mentions returns at most n messages that call this account, in one chat or, for none, in
// all, behind a position, oldest first; those that were read only if all are wanted.
func (tx *Tx) Mentions(c omega.ChatID, all bool, after int64, n int) ([]Row, error) {
	which, in := isMention, `m.chat`
	if all {
		which, in = `m.mentioned = 1`, `+m.chat` // by the index of all that call
	}
	if c == (omega.ChatID{}) {
		return tx.list("read mentions", selectRow+`WHERE `+which+` AND m.position > ? ORDER BY m.position LIMIT ?`, after, n)
	}
	return tx.list("read mentions", selectRow+`WHERE `+in+` = (SELECT number FROM chat WHERE id = ?) AND `+which+` AND m.position > ? ORDER BY m.position LIMIT ?`, c[:], after, n)
}

// CountMentions counts those of one chat.
func (tx *Tx) CountMentions(c omega.ChatID) (n int, err error) {
	err = tx.row("count mentions", `SELECT count(*) FROM message m WHERE m.chat = (SELECT number FROM chat WHERE id = ?) AND `+isMention, []any{c[:]}, &n)
	return n, err
}

// WithID returns the messages of others with an id, oldest position first: ids
// are chosen by senders, and two can choose the same.
func (tx *Tx) WithID(id omega.ID) ([]Row, error) {
	return tx.list("read messages "+id.String(), selectRow+`WHERE m.id = ? AND m.own = 0 AND m.shown > 0 AND m.service <> 1 ORDER BY m.position`, id[:])
}

// SetPrinted confirms messages that Unprinted returned, by their positions: it
// does not return them again. What is unknown or confirmed already changes
// nothing.
func (tx *Tx) SetPrinted(positions []int64) error {
	for _, p := range positions {
		what := fmt.Sprintf("confirm message at %d", p)
		if _, err := tx.exec(what, `UPDATE chat SET unread = max(0, unread - 1) WHERE number =
			(SELECT chat FROM message WHERE position = ? AND printed = 0 AND own = 0 AND shown = 1 AND read = 0)`, p); err != nil {
			return err
		}
		if _, err := tx.exec(what, `UPDATE message SET printed = 1 WHERE position = ? AND printed = 0`, p); err != nil {
			return err
		}
	}
	return nil
}

// SetState raises the state of an own message: queued, stored, delivered,
// read; failed from queued only. It is never lowered, except that the reason
// of a message that is still queued may change. ErrNotFound if there is no own
// message with this id.
func (tx *Tx) SetState(id omega.ID, state, why string) error {
	what := "set state of message " + id.String()
	n, err := stateNumber(state)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var now int
	if err := tx.row(what, `SELECT state FROM message WHERE id = ? AND own = 1`, []any{id[:]}, &now); err != nil {
		return err
	}
	if n < now && !(n == stateFailed && now == stateQueued) || n == now && n > stateQueued {
		return nil
	}
	_, err = tx.exec(what, `UPDATE message SET state = ?, why = ? WHERE id = ? AND own = 1`, n, why, id[:])
	return err
}

// MarkUpTo raises the state of all messages of an own device in a chat up to
// and with a sequence, and of those with the given ids.
func (tx *Tx) MarkUpTo(c omega.ChatID, device omega.Fingerprint, upTo uint32, ids []omega.ID, state string) error {
	what := "mark messages of chat " + c.String()
	n, err := stateNumber(state)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	// One state after the other: each is a short run of the index.
	for from := stateFailed; from < n; from++ {
		_, err := tx.exec(what, `UPDATE message SET state = ?, why = '' WHERE chat = (SELECT number FROM chat WHERE id = ?)
			AND own = 1 AND state = ? AND sequence BETWEEN 1 AND ? AND device = ?`, n, c[:], from, int64(upTo), address(device))
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		_, err := tx.exec(what, `UPDATE message SET state = ?, why = '' WHERE id = ? AND own = 1 AND state BETWEEN 1 AND ?
			AND device = ? AND +chat = (SELECT number FROM chat WHERE id = ?)`, n, id[:], n-1, address(device), c[:])
		if err != nil {
			return err
		}
	}
	return nil
}
