package history

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Kinds of lines about groups.
const (
	LineCreated    = "group-created"
	LineJoined     = "group-joined"
	LineLeft       = "group-left"
	LineSubscribed = "group-subscribed"
	LineRemoved    = "group-removed"
	LineBanned     = "group-banned"
	LineMadeOwner  = "group-made-owner"
	LineMadeAdmin  = "group-made-admin"
	LineMadeMember = "group-made-member"
	LineRenamed    = "group-renamed" // Text is the name
	LineDescribed  = "group-described"
	LinePictured   = "group-pictured"
	LineRules      = "group-rules"
	LinePinned     = "group-pinned"
	LineDissolved  = "group-dissolved"

	LineChannel = "channel-created" // as LineCreated, of a channel
)

// MaxNamed is how many of those that a line is about it names.
const MaxNamed = 8

// lineTogether is how long lines of a kind become one.
const lineTogether = time.Hour

// A GroupLine is what an operation did, as a line in the group's chat. (spec/chat.md,
// CHAT-68)
type GroupLine struct {
	Chat      omega.ChatID
	Operation chat.Hash
	Account   omega.Fingerprint // who did it
	Device    omega.Fingerprint
	Kind      string
	Text      string
	About     []omega.Fingerprint // to whom
	Time      time.Time           // by the author's clock
	Noted     time.Time           // when this device learned of it
	Seen      bool                // a person knows of it
}

// together reports whether another line of the kind may say it too.
func (l *GroupLine) together(account omega.Fingerprint) bool {
	switch l.Kind {
	case LineJoined, LineLeft:
		return true
	case LineRemoved, LineBanned, LineMadeOwner, LineMadeAdmin, LineMadeMember:
		return l.Account == account
	}
	return false
}

// PutGroupLine adds a line to a chat that is there. If the last thing there is a
// line of the kind that nobody has seen, that one says it too.
func (tx *Tx) PutGroupLine(l *GroupLine) error {
	what := "note " + l.Kind + " in " + l.Chat.String()
	var number, last, noted int64
	if err := tx.row(what, `SELECT number FROM chat WHERE id = ?`, []any{l.Chat[:]}, &number); err != nil {
		return err
	}
	var kind string
	var account, accounts []byte
	var alike bool
	err := tx.row(what, `SELECT position, kind, account, received, accounts, service = ? AND printed = ? FROM message WHERE chat = ? AND shown = 1
		ORDER BY position DESC LIMIT 1`, []any{serviceGroup, l.Seen, number}, &last, &kind, &account, &noted, &accounts, &alike)
	if err != nil && !notFound(err) {
		return err
	}
	if err == nil && alike && kind == l.Kind {
		who, err := readAddress(account)
		if err != nil {
			return err
		}
		if age := l.Noted.Sub(readTime(noted)); l.together(who) && age >= 0 && age < lineTogether {
			_, err = tx.exec(what, `UPDATE message SET time = max(time, ?), accounts = ? WHERE position = ?`, millis(l.Time), joinAccounts(accounts, l.About), last)
			return err
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "omega group line\n%s\n", l.Operation))
	var position int64
	err = tx.row(what, `INSERT INTO message (chat, id, link, account, device, time, received, place, kind, text, shown, read, printed, service, accounts)
		VALUES (?, ?, ?, ?, ?, ?, ?7, ?7, ?, ?, 1, 1, ?, ?, ?) ON CONFLICT (chat, link) DO NOTHING RETURNING position`,
		[]any{number, sum[:16], sum[16:], address(l.Account), address(l.Device), millis(l.Time), millis(l.Noted), l.Kind, l.Text, l.Seen, serviceGroup,
			joinAccounts(nil, l.About)}, &position)
	if notFound(err) {
		return nil
	}
	if err == nil {
		_, err = tx.exec(what, `UPDATE chat SET last = max(last, ?) WHERE number = ?`, position, number)
	}
	return err
}

// passJoined has a line that somebody joined, or subscribes, stand behind a message of
// before that comes right after it: newcomers are given those when they are in.
func (tx *Tx) passJoined(what string, number int64, at spot, of time.Time) error {
	n, err := tx.exec(what, `UPDATE message SET position = (SELECT max(position) + 1 FROM message), place = ?2 + 1
		WHERE position = (SELECT position FROM message WHERE chat = ?1 AND shown = 1 AND (place, position) < (?2, ?3) ORDER BY place DESC, position DESC LIMIT 1)
		AND service = ?4 AND kind IN (?5, ?6) AND time > ?7`, number, at.place, at.position, serviceGroup, LineJoined, LineSubscribed, millis(of))
	if err == nil && n > 0 {
		_, err = tx.exec(what, `UPDATE chat SET last = (SELECT max(position) FROM message WHERE chat = ?1 AND shown = 1) WHERE number = ?1`, number)
	}
	return err
}

// joinAccounts adds accounts to a column.
func joinAccounts(column []byte, more []omega.Fingerprint) []byte {
	list, count, err := readAccounts(column)
	if err != nil {
		list, count = nil, 0
	}
	for _, fp := range more {
		if slices.Contains(list, fp) {
			continue
		}
		if count++; len(list) < MaxNamed {
			list = append(list, fp)
		}
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(count))
	for _, fp := range list {
		out = fp.AppendTo(out)
	}
	return out
}

func readAccounts(column []byte) (list []omega.Fingerprint, count int, err error) {
	if len(column) < 4 {
		return nil, 0, nil
	}
	count = int(binary.BigEndian.Uint32(column))
	for b := column[4:]; len(b) > 0; {
		fp, n, err := omega.DecodeFingerprint(b)
		if err != nil {
			return nil, 0, fmt.Errorf("%w (accounts of a line: %w)", ErrDamaged, err)
		}
		list, b = append(list, fp), b[n:]
	}
	return list, count, nil
}
