package history

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/names"
)

// Heard returns what an account calls itself, "" if that is not known, and when it said
// so, zero if that is not known.
func (tx *Tx) Heard(fp omega.Fingerprint) (name string, told time.Time, err error) {
	var at int64
	err = tx.row("read the name of "+fp.String(), `SELECT name, named FROM peer WHERE fingerprint = ?`, []any{address(fp)}, &name, &at)
	if notFound(err) {
		err = nil
	}
	return name, readTime(at), err
}

// HearName takes what an account said at a time that it calls itself, zero if that is not
// known, also before its certificate is known. Of several names the one that was told last
// counts; a name of which nothing can be seen is none. It returns the name of before if
// another one counts now, "" if there was none or it is the same. (spec/chat.md, CHAT-86,
// CHAT-98)
func (tx *Tx) HearName(fp omega.Fingerprint, name string, told time.Time) (before string, err error) {
	if name = names.Shown(name); name == "" {
		return "", nil
	}
	if before, _, err = tx.Heard(fp); err != nil {
		return "", err
	}
	n, err := tx.exec("name peer "+fp.String(), `INSERT INTO peer (fingerprint, name, named) VALUES (?, ?, ?)
		ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name, named = excluded.named
		WHERE name = '' OR (excluded.named, excluded.name) > (named, name)`, address(fp), name, millis(told))
	if err != nil || n == 0 || before == name {
		return "", err
	}
	return before, nil
}

// LineNamed is the kind of the line that says that an account calls itself something else.
const LineNamed = "name-changed"

// A NameLine says that an account calls itself something else than before. (spec/chat.md,
// CHAT-99)
type NameLine struct {
	Chat    omega.ChatID
	Account omega.Fingerprint
	Was     string
	Name    string
	Like    []omega.Fingerprint // accounts that the new name may be taken for
	Time    time.Time           // by the account's clock
	Noted   time.Time           // when this device learned of it
}

// maxNameLines bounds the lines about the name of one account in a chat and a day, of UTC:
// whoever takes another name with each message fills no chat. (spec/chat.md, CHAT-99)
const maxNameLines = 3

// PutNameLine adds a line to a chat that is there, behind all that was there when it came,
// so that no time puts it out of sight, and before what is said under the new name. If the
// newest line about the name of that account is of the same hour and nobody has seen it, or
// is the last one of the day, that one says it too.
func (tx *Tx) PutNameLine(l *NameLine) error {
	what := "note a name in " + l.Chat.String()
	var number int64
	if err := tx.row(what, `SELECT number FROM chat WHERE id = ?`, []any{l.Chat[:]}, &number); err != nil {
		return err
	}
	newest, count, err := tx.nameLines(what, number, l)
	if err != nil {
		return err
	}
	if count > 0 && newest.is == l.Name {
		return nil
	}
	full := count == maxNameLines
	if full || count > 0 && newest.takes(l) {
		was := newest.was
		if was == l.Name || was == "" {
			was = l.Was
		}
		_, err := tx.exec(what, `UPDATE message SET time = max(time, ?), text = ?, accounts = ? WHERE position = ?`,
			millis(l.Time), was+"\n"+l.Name, joinAccounts(nil, l.Like), newest.position)
		return err
	}
	sum := l.slot(count)
	var position int64
	err = tx.row(what, `INSERT INTO message (chat, id, link, account, time, received, kind, text, shown, read, service, accounts, place)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, 1, ?9, ?10, max(min(?5, ?6), (SELECT coalesce(max(place), 0) FROM message WHERE chat = ?1 AND shown = 1)))
		RETURNING position`,
		[]any{number, sum[:16], sum[16:], address(l.Account), millis(l.Time), millis(l.Noted), LineNamed, l.Was + "\n" + l.Name, serviceName, joinAccounts(nil, l.Like)}, &position)
	if err == nil {
		_, err = tx.exec(what, `UPDATE chat SET last = max(last, ?) WHERE number = ?`, position, number)
	}
	return err
}

// A namedLine is a line about a name that is there.
type namedLine struct {
	position int64
	noted    time.Time
	seen     bool
	was, is  string
}

// takes reports whether it can say another line too.
func (n *namedLine) takes(l *NameLine) bool {
	age := l.Noted.Sub(n.noted)
	return !n.seen && n.was != l.Name && age >= 0 && age < lineTogether
}

// readBehind says whether a person read or wrote a message that stands behind m: faces show
// both, and only some tell that a line was shown.
const readBehind = `EXISTS (SELECT 1 FROM message b INDEXED BY message_place WHERE b.chat = m.chat AND b.shown = 1
	AND (b.place, b.position) > (m.place, m.position) AND b.service = 0 AND (b.own = 1 OR b.read = 1 OR b.printed = 1))`

// slot names the line of a number, from 0, about the account in its chat and day.
func (l *NameLine) slot(n int) [sha256.Size]byte {
	day := l.Noted.Unix() / (24 * 60 * 60)
	return sha256.Sum256(fmt.Appendf(nil, "omega name line\n%s\n%d\n%d\n", l.Account, day, n))
}

// nameLines returns the newest line about the account in its chat and day, and how many
// there are.
func (tx *Tx) nameLines(what string, number int64, l *NameLine) (newest namedLine, count int, err error) {
	for ; count < maxNameLines; count++ {
		sum := l.slot(count)
		var next namedLine
		var noted int64
		var text string
		err := tx.row(what, `SELECT position, received, printed OR `+readBehind+`, text FROM message m WHERE chat = ? AND link = ?`, []any{number, sum[16:]}, &next.position, &noted, &next.seen, &text)
		if notFound(err) {
			break
		}
		if err != nil {
			return newest, 0, err
		}
		newest, newest.noted = next, readTime(noted)
		newest.was, newest.is = NamesOf(text)
	}
	return newest, count, nil
}

// NamesOf are the names in the text of a line of the kind LineNamed: no name has the sign
// between them.
func NamesOf(text string) (was, is string) {
	was, is, _ = strings.Cut(text, "\n")
	return was, is
}
