package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

// maxWaiting is how many marks of one author in one chat wait for messages that
// are not here; beyond it the oldest are forgotten. (spec/chat.md, CHAT-26)
const maxWaiting = 1024

// Values of message.gone.
const (
	goneDeleted = 1 // its author took it back: a tombstone is left
	goneHidden  = 2 // deleted for this account: nothing is left
)

// Bits of message.marks.
const (
	markedReaction = 1
	markedPin      = 2
	markedAnswer   = 4
	markedCounts   = 8
)

// A Reaction is what one account says about a message by emoji.
type Reaction struct {
	Account omega.Fingerprint
	Emoji   []string
	Time    time.Time
}

// Apply takes what a verified message, which is stored, says of others. The same
// again changes nothing. What is about a message that is not here waits for it.
func (tx *Tx) Apply(m *chat.Message) error {
	marks, err := m.Marks()
	if err != nil {
		return fmt.Errorf("apply message %s: %w", m.ID, err)
	}
	for i := range marks {
		if err := tx.PutMark(&marks[i], m.From); err != nil {
			return err
		}
	}
	return nil
}

// A subject is a message that marks are about.
type subject struct {
	chat, position int64
	link           []byte
	account        []byte // its author
	kind           string
	gone, shown    int
	verified       bool
}

// PutMark keeps a mark, if it wins, and has its message look accordingly. It is
// void if author may not make it. The chat must be stored.
func (tx *Tx) PutMark(m *chat.Mark, author omega.Fingerprint) error {
	what := "store mark of message " + m.Target.String()
	s, here, fits, err := tx.subjectOf(what, m)
	if err != nil || !fits {
		return err
	}
	n, err := tx.keepMark(what, s, m, author, !here)
	if here && m.Kind == chat.MarkEntry || here && m.Kind == chat.MarkClose {
		tx.indexList(s) // what did not win may be what counted before a close
	}
	switch {
	case err != nil:
		return err
	case here && n > 0 && s.verified:
		return tx.settle(what, s)
	case here && n > 0:
		return tx.erase(what, s, goneHidden)
	case here && m.Kind == chat.MarkEdit:
		return tx.forgetEdits(what, s)
	case n == 0:
		return nil
	}
	return tx.forgetWaiting(what, s, author)
}

// subjectOf finds what a mark is about, whether that is here, and whether it may have such
// a mark, as far as it is known.
func (tx *Tx) subjectOf(what string, m *chat.Mark) (s *subject, here, fits bool, err error) {
	s = &subject{link: m.Target[:]}
	if err := tx.row(what, `SELECT number FROM chat WHERE id = ?`, []any{m.Chat[:]}, &s.chat); err != nil {
		return nil, false, false, err
	}
	found, err := tx.subject(what, s)
	here = found && (s.verified || m.Kind == chat.MarkHide) // nobody needs a signature to be rid of something
	fits = !here || !(s.shown == shownOperation || s.gone > 0 && !m.Kind.Lasting()) && m.Kind.About(chat.Kind(s.kind)) &&
		!(m.Kind.ByAuthor() && string(s.account) != string(address(m.Account)))
	return s, here, fits, err
}

// keepMark puts a mark in its place, if it wins. What an account said of itself also wins over
// what somebody else told of it, whatever the version of that, unless that is later than its
// clock may be wrong: nobody who makes up a word has the last one. (spec/group.md, GROUP-54)
func (tx *Tx) keepMark(what string, s *subject, m *chat.Mark, author omega.Fingerprint, waiting bool) (n int64, err error) {
	if err := tx.outdo(what, s, m); err != nil {
		return 0, err
	}
	n, err = tx.exec(what, `INSERT INTO mark (chat, target, kind, account, slot, version, time, device, value, author, waiting)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, target, kind, account, slot) DO UPDATE SET author = excluded.author,
		version = excluded.version, time = excluded.time, device = excluded.device, value = excluded.value
		WHERE (excluded.version, excluded.time, excluded.device, excluded.value) > (version, time, device, value)
		AND NOT (kind IN (9, 10) AND author = account AND excluded.author <> account AND excluded.time <= time)
		OR kind IN (9, 10) AND author <> account AND excluded.author = account AND excluded.time >= time - ?`,
		slices.Concat(placeColumns(s, m), stampColumns(m), []any{address(author), waiting, omega.ClockTolerance.Milliseconds()})...)
	if err == nil {
		err = tx.outdone(what, s, m)
	}
	return n, err
}

// forgetWaiting forgets the oldest of too many marks of an author that wait in a chat.
func (tx *Tx) forgetWaiting(what string, s *subject, author omega.Fingerprint) error {
	_, err := tx.exec(what, `DELETE FROM mark WHERE number IN (SELECT number FROM mark WHERE waiting = 1 AND chat = ? AND author = ?
		ORDER BY number DESC LIMIT -1 OFFSET ?)`, s.chat, address(author), maxWaiting)
	return err
}

// subject reads the rest of s, by chat and link; false if there is no such
// message.
func (tx *Tx) subject(what string, s *subject) (bool, error) {
	err := tx.row(what, `SELECT position, account, gone, shown, kind, verified FROM message WHERE chat = ? AND link = ?`,
		[]any{s.chat, s.link}, &s.position, &s.account, &s.gone, &s.shown, &s.kind, &s.verified)
	if notFound(err) {
		return false, nil
	}
	return err == nil, err
}

// awaited lets marks that waited for a message have their effect.
func (tx *Tx) awaited(what string, number int64, link chat.Link) error {
	var n, hidden int
	err := tx.row(what, `SELECT count(*), coalesce(sum(kind = 5), 0) FROM mark WHERE chat = ? AND target = ? AND waiting = 1`,
		[]any{number, link[:]}, &n, &hidden)
	if err != nil || n == 0 {
		return err
	}
	s := &subject{chat: number, link: link[:]}
	switch here, err := tx.subject(what, s); {
	case err != nil || !here:
		return err
	case s.verified:
		tx.indexList(s)
		return tx.settle(what, s)
	case hidden > 0:
		return tx.erase(what, s, goneHidden)
	}
	return nil
}

// settle makes a message what its marks say: a function of the message and the
// marks, whatever the order in which they came.
func (tx *Tx) settle(what string, s *subject) error {
	if _, err := tx.exec(what, `DELETE FROM mark WHERE chat = ? AND target = ? AND kind IN (1, 2, 8) AND account <> ?`, s.chat, s.link, s.account); err != nil {
		return err
	}
	if err := tx.forgetUnfit(what, s); err != nil {
		return err
	}
	if _, err := tx.exec(what, `UPDATE mark SET waiting = 0 WHERE chat = ? AND target = ? AND waiting = 1`, s.chat, s.link); err != nil {
		return err
	}
	var edited []byte
	var editTime int64
	gone, flags, deleted := s.gone, 0, false
	err := tx.rows(what, `SELECT kind, value, time FROM mark WHERE chat = ? AND target = ? AND kind NOT IN (9, 10)`, []any{s.chat, s.link}, func(scan func(...any) error) error {
		var kind chat.MarkKind
		var value []byte
		var at int64
		if err := scan(&kind, &value, &at); err != nil {
			return err
		}
		switch {
		case kind == chat.MarkDelete:
			gone, deleted = max(gone, goneDeleted), true
		case kind == chat.MarkHide:
			gone = max(gone, goneHidden)
		case kind == chat.MarkEdit:
			edited, editTime = value, at
		case kind == chat.MarkReaction && len(value) > 0:
			flags |= markedReaction
		case kind == chat.MarkPin && len(value) > 0:
			flags |= markedPin
		case kind == chat.MarkVote, kind == chat.MarkEntry, kind == chat.MarkClose:
			flags |= markedAnswer
		case kind == chat.MarkCounts:
			flags |= markedCounts
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case deleted:
		if err := tx.unname(what, s.position); err != nil {
			return err
		}
	}
	if gone > 0 {
		return tx.erase(what, s, gone)
	}
	n, err := tx.exec(what, `UPDATE message SET edited = ?1, edit_time = ?2, marks = ?3 WHERE position = ?4 AND (edited <> ?1 OR edit_time <> ?2)`,
		blob(edited), editTime, flags, s.position)
	if err == nil && n > 0 {
		return tx.reword(what, s, edited)
	}
	if err == nil {
		_, err = tx.exec(what, `UPDATE message SET marks = ? WHERE position = ?`, flags, s.position)
	}
	return err
}

// forgetUnfit forgets marks that a message of this kind cannot have.
func (tx *Tx) forgetUnfit(what string, s *subject) error {
	for _, k := range []chat.MarkKind{chat.MarkEdit, chat.MarkVote, chat.MarkEntry, chat.MarkClose, chat.MarkVoted} {
		if k.About(chat.Kind(s.kind)) {
			continue
		}
		if _, err := tx.exec(what, `DELETE FROM mark WHERE chat = ? AND target = ? AND kind = ?`, s.chat, s.link, int64(k)); err != nil {
			return err
		}
	}
	return nil
}

// slotColumn is the name of the line that a mark is about; empty for others.
func slotColumn(m *chat.Mark) []byte {
	if m.Kind != chat.MarkEntry {
		return []byte{}
	}
	return m.Slot[:]
}

// reword has the search find the text that is shown.
func (tx *Tx) reword(what string, s *subject, edited []byte) error {
	c, err := chat.DecodeContent(edited)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.unindex(s.position); err != nil {
		return err
	}
	tx.index(s.position, c.Text)
	return tx.forgetEdits(what, s)
}

// forgetEdits leaves only the edit that counts. Own ones may be asked for again.
func (tx *Tx) forgetEdits(what string, s *subject) error {
	_, err := tx.exec(what, `UPDATE message SET text = '', content = x'', head = x'', signature = x'', printed = 1
		WHERE chat = ?1 AND about = ?2 AND about <> x'' AND account = ?3 AND own = 0 AND (time, device) <>
		(SELECT time, device FROM mark WHERE chat = ?1 AND target = ?2 AND kind = 1 AND account = ?3)`, s.chat, s.link, s.account)
	return err
}

// erase takes everything that a message said out of the database, its edits and
// what people said of it too. What tells it from others stays, so that it does
// not come again.
func (tx *Tx) erase(what string, s *subject, gone int) error {
	if gone <= s.gone {
		return nil
	}
	if _, err := tx.exec(what, `UPDATE chat SET unread = max(0, unread - 1) WHERE number =
		(SELECT chat FROM message WHERE position = ? AND printed = 0 AND own = 0 AND shown = 1 AND read = 0)`, s.position); err != nil {
		return err
	}
	shown := s.shown
	if gone == goneHidden {
		shown = shownNever
	}
	for _, q := range []struct {
		query string
		args  []any
	}{
		{`UPDATE message SET text = '', content = x'', head = x'', signature = x'', edited = x'', edit_time = 0, marks = 0, printed = 1,
			gone = ?, shown = ? WHERE position = ?`, []any{gone, shown, s.position}},
		{`UPDATE message SET text = '', content = x'', head = x'', signature = x'', printed = 1
			WHERE chat = ? AND about = ? AND about <> x'' AND account = ?`, []any{s.chat, s.link, s.account}},
		{`DELETE FROM mark WHERE chat = ? AND target = ? AND kind NOT IN (2, 5)`, []any{s.chat, s.link}},
		{`UPDATE chat SET last = coalesce((SELECT max(position) FROM message WHERE chat = ?1 AND shown = 1), 0) WHERE number = ?1`, []any{s.chat}},
	} {
		if _, err := tx.exec(what, q.query, q.args...); err != nil {
			return err
		}
	}
	if err := tx.unhold(what, s.position); err != nil {
		return err
	}
	return tx.unindex(s.position)
}

// NextVersion returns the version of what is said next at a mark's place. At the
// last one there is, the later word counts: nobody can have the last one.
func (tx *Tx) NextVersion(m *chat.Mark) (uint32, error) {
	var version int64
	err := tx.row("read mark of message "+m.Target.String(), `SELECT min(coalesce(max(version), 0) + 1, 4294967295) FROM mark
		WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind = ? AND account = ? AND slot = ?`,
		[]any{m.Chat[:], m.Target[:], int64(m.Kind), address(m.Account), slotColumn(m)}, &version)
	return uint32(version), err
}

// Linked returns the message of a chat that a link names, or ErrNotFound.
func (tx *Tx) Linked(c omega.ChatID, link chat.Link) (*Row, error) {
	return tx.one("read message "+link.String(), selectRow+`WHERE m.chat = (SELECT number FROM chat WHERE id = ?) AND m.link = ?`, c[:], link[:])
}

// InChat returns the messages of a chat with an id, the verified ones first:
// people name messages by ids, which senders choose.
func (tx *Tx) InChat(c omega.ChatID, id omega.ID) ([]Row, error) {
	return tx.list("read message "+id.String(), selectRow+`WHERE m.id = ? AND +m.chat = (SELECT number FROM chat WHERE id = ?)
		AND m.shown = 1 ORDER BY m.verified DESC, m.position`, id[:], c[:])
}

// NamingIn returns the verified messages of a chat that name a blob, the oldest first;
// at most n.
func (tx *Tx) NamingIn(c omega.ChatID, name media.Hash, n int) ([]Row, error) {
	return tx.list("read messages with "+name.String(), selectRow+`JOIN held n ON n.position = m.position WHERE n.name = ? AND +m.chat = (SELECT number FROM chat WHERE id = ?)
		AND m.shown = 1 AND m.verified = 1 ORDER BY m.position LIMIT ?`, name[:], c[:], n)
}

// Pinned returns at most n messages that are pinned in a chat behind the first
// skip, the one that was pinned last first.
func (tx *Tx) Pinned(c omega.ChatID, skip, n int) ([]Row, error) {
	return tx.list("read pinned messages", `SELECT `+columns+` FROM mark k JOIN message m ON m.chat = k.chat AND m.link = k.target
		JOIN chat c ON c.number = m.chat WHERE k.chat = (SELECT number FROM chat WHERE id = ?) AND k.kind = 4 AND k.value <> x''
		AND k.waiting = 0 AND m.shown = 1 ORDER BY k.time DESC, k.number DESC LIMIT ? OFFSET ?`, c[:], n, skip)
}

// dress adds the reactions to rows that have some, and what was counted.
func (tx *Tx) dress(rows []Row) (err error) {
	for i := range rows {
		r := &rows[i]
		if r.marks&markedReaction != 0 {
			if r.Reactions, err = tx.reactions(r); err != nil {
				return err
			}
		}
		if r.marks&markedCounts != 0 {
			if r.Tally, err = tx.tally(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// reactions are those that accounts signed, the oldest first.
func (tx *Tx) reactions(r *Row) (out []Reaction, err error) {
	err = tx.rows("read reactions", `SELECT account, value, time FROM mark WHERE chat = (SELECT number FROM chat WHERE id = ?)
		AND target = ? AND kind = 3 AND value <> x''`, []any{r.Chat[:], r.Ref[:]}, func(scan func(...any) error) error {
		var account []byte
		var m chat.Mark
		var at int64
		if err := scan(&account, &m.Value, &at); err != nil {
			return err
		}
		fp, err := readAddress(account)
		out = append(out, Reaction{fp, m.Emoji(), readTime(at)})
		return err
	})
	slices.SortFunc(out, func(a, b Reaction) int { return a.Time.Compare(b.Time) })
	return out, err
}
