package history

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// What subscribers of a channel say of messages is kept by those who may write, and counted
// by one of them. (spec/group.md, GROUP-53 to GROUP-55)

// PutWord keeps a word by what somebody says, chat.Word.Mark, and reports whether it is the
// one that counts from now on. The chat must be stored.
func (tx *Tx) PutWord(m *chat.Mark, bearer omega.Fingerprint) (counts bool, err error) {
	what := "store a word about message " + m.Target.String()
	s, here, fits, err := tx.subjectOf(what, m)
	if err != nil || !fits {
		return false, err
	}
	n, err := tx.keepMark(what, s, m, bearer, !here)
	if err == nil && !here && n > 0 {
		err = tx.forgetWaiting(what, s, bearer)
	}
	return n > 0, err
}

// An UntoldWord is a word that others are to be told of.
type UntoldWord struct {
	Number int64
	Group  chat.Hash
	Tries  int  // in vain
	Gone   bool // what it was about was taken back
	chat.Word
}

// PutUntoldWord notes that others are to be told of the word that counts at a mark's place.
func (tx *Tx) PutUntoldWord(group chat.Hash, m *chat.Mark) error {
	_, err := tx.exec("note a word to be told", `INSERT OR REPLACE INTO word_untold (grp, target, kind, account) VALUES (?, ?, ?, ?)`,
		group[:], m.Target[:], int64(m.Kind), address(m.Account))
	return err
}

// UntoldWords returns at most n of an account's own, or of all others' words that are to be
// told, those that were tried least first.
func (tx *Tx) UntoldWords(account omega.Fingerprint, own bool, n int) (out []UntoldWord, err error) {
	return out, tx.rows("read words to be told", `SELECT u.number, u.grp, u.tries, u.target, u.kind, u.account, coalesce(k.version, 0), coalesce(k.time, 0), coalesce(k.value, x'')
		FROM word_untold u LEFT JOIN chat c ON c.id = substr(u.grp, 1, 16)
		LEFT JOIN mark k ON k.chat = c.number AND k.target = u.target AND k.kind = u.kind AND k.account = u.account AND k.slot = x''
		WHERE (u.account = ?) = ? ORDER BY u.tries, u.number LIMIT ?`, []any{address(account), own, n}, func(scan func(...any) error) error {
		var u UntoldWord
		var group []byte
		w := storedWord{Word: &u.Word}
		if err := scan(append([]any{&u.Number, &group, &u.Tries}, w.fields()...)...); err != nil {
			return err
		}
		if err := errors.Join(fill(u.Group[:], group), w.fill()); err != nil {
			return err
		}
		u.Gone = u.Version == 0
		out = append(out, u)
		return nil
	})
}

// A storedWord is a word as it comes from the database.
type storedWord struct {
	*chat.Word
	target, account []byte
	kind            chat.MarkKind
	version, time   int64
}

func (w *storedWord) fields() []any {
	return []any{&w.target, &w.kind, &w.account, &w.version, &w.time, &w.Value}
}

func (w *storedWord) fill() (err error) {
	w.Version, w.Time, w.Kind = uint32(w.version), readTime(w.time), w.kind
	switch w.kind {
	case chat.MarkSaid:
		w.Kind = chat.MarkReaction
	case chat.MarkVoted:
		w.Kind = chat.MarkVote
	}
	if w.Account, err = readAddress(w.account); err != nil {
		return err
	}
	return fill(w.Target[:], w.target)
}

// WordWaits reports whether others are to be told of the word at a mark's place.
func (tx *Tx) WordWaits(group chat.Hash, m *chat.Mark) (waits bool, err error) {
	err = tx.row("read words to be told", `SELECT EXISTS (SELECT 1 FROM word_untold WHERE grp = ? AND target = ? AND kind = ? AND account = ?)`,
		[]any{group[:], m.Target[:], int64(m.Kind), address(m.Account)}, &waits)
	return waits, err
}

// EndUntoldWord forgets that others are to be told of a word, if there is no later one.
func (tx *Tx) EndUntoldWord(number int64) error {
	_, err := tx.exec("end a word to be told", `DELETE FROM word_untold WHERE number = ?`, number)
	return err
}

// RetryUntoldWord counts a try in vain.
func (tx *Tx) RetryUntoldWord(number int64) error {
	_, err := tx.exec("count a try", `UPDATE word_untold SET tries = tries + 1 WHERE number = ?`, number)
	return err
}

// WordsOf returns the words about one message that were said last, at most n.
func (tx *Tx) WordsOf(c omega.ChatID, target chat.Link, n int) ([]chat.Word, error) {
	return tx.said(`SELECT target, kind, account, version, time, value FROM mark INDEXED BY sqlite_autoindex_mark_1
		WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind IN (9, 10) ORDER BY time DESC LIMIT ?`, c[:], target[:], n)
}

// OwnWords returns what an account that subscribes to a channel said of its latest n messages, the
// latest first.
func (tx *Tx) OwnWords(c omega.ChatID, account omega.Fingerprint, n int) ([]chat.Word, error) {
	return tx.latestWords(c, n, `k.kind IN (3, 6) AND k.account = ? AND k.slot = x''`, address(account))
}

// OwnWordsOf returns what an account that subscribes to a channel said of one message.
func (tx *Tx) OwnWordsOf(c omega.ChatID, target chat.Link, account omega.Fingerprint) ([]chat.Word, error) {
	return tx.said(`SELECT target, kind, account, version, time, value FROM mark INDEXED BY sqlite_autoindex_mark_1
		WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind IN (3, 6) AND account = ? AND slot = x'' LIMIT 2`, c[:], target[:], address(account))
}

// LatestWords returns at most n of what subscribers of a channel said of its latest n messages,
// the latest first.
func (tx *Tx) LatestWords(c omega.ChatID, n int) ([]chat.Word, error) {
	return tx.latestWords(c, n, `k.kind IN (9, 10)`)
}

func (tx *Tx) latestWords(c omega.ChatID, n int, which string, args ...any) ([]chat.Word, error) {
	return tx.said(`SELECT k.target, k.kind, k.account, k.version, k.time, k.value
		FROM (SELECT position, place FROM message WHERE chat = (SELECT number FROM chat WHERE id = ?) AND shown = 1 ORDER BY place DESC, position DESC LIMIT ?) latest
		CROSS JOIN message m ON m.position = latest.position CROSS JOIN mark k ON k.chat = m.chat AND k.target = m.link AND `+which+`
		ORDER BY latest.place DESC, latest.position DESC LIMIT ?`, slices.Concat([]any{c[:], n}, args, []any{n})...)
}

// said are the words that a query finds, with the fields of a storedWord.
func (tx *Tx) said(query string, args ...any) (out []chat.Word, err error) {
	err = tx.rows("read words", query, args, func(scan func(...any) error) error {
		var one chat.Word
		w := storedWord{Word: &one}
		if err := scan(w.fields()...); err != nil {
			return err
		}
		err := w.fill()
		out = append(out, one)
		return err
	})
	return out, err
}

// WordTold forgets that others are to be told of a word that was told them by somebody, if
// it is the one that counts.
func (tx *Tx) WordTold(group chat.Hash, m *chat.Mark) error {
	_, err := tx.exec("end a word to be told", `DELETE FROM word_untold WHERE grp = ?1 AND target = ?2 AND kind = ?3 AND account = ?4 AND EXISTS (SELECT 1 FROM mark
		WHERE chat = (SELECT number FROM chat WHERE id = ?5) AND target = ?2 AND kind = ?3 AND account = ?4 AND slot = x'' AND version = ?6 AND time = ?7 AND value = ?8)`,
		group[:], m.Target[:], int64(m.Kind), address(m.Account), m.Chat[:], int64(m.Stamp.Version), millis(m.Stamp.Time), blob(m.Value))
	return err
}

// PutDue notes that there are words about a message that may not be counted yet, since a time,
// or the one that was noted, if that is earlier.
func (tx *Tx) PutDue(group chat.Hash, target chat.Link, since time.Time) error {
	_, err := tx.exec("note what is to be counted", `INSERT INTO word_due (grp, target, since) VALUES (?, ?, ?) ON CONFLICT (grp, target) DO UPDATE SET since = min(since, excluded.since)`,
		group[:], target[:], millis(since))
	return err
}

// PutDueBy notes the same of all messages about which an account said something.
func (tx *Tx) PutDueBy(group chat.Hash, account omega.Fingerprint, since time.Time) error {
	_, err := tx.exec("note what is to be counted", `INSERT INTO word_due (grp, target, since)
		SELECT ?1, target, ?3 FROM mark INDEXED BY mark_said WHERE chat = (SELECT number FROM chat WHERE id = substr(?1, 1, 16)) AND account = ?2 AND kind IN (9, 10)
		ON CONFLICT (grp, target) DO UPDATE SET since = min(since, excluded.since)`,
		group[:], address(account), millis(since))
	return err
}

// EndDue forgets that a message is to be counted.
func (tx *Tx) EndDue(group chat.Hash, target chat.Link) error {
	_, err := tx.exec("end what is to be counted", `DELETE FROM word_due WHERE grp = ? AND target = ?`, group[:], target[:])
	return err
}

// EndDues forgets it of all messages of a channel.
func (tx *Tx) EndDues(group chat.Hash) error {
	_, err := tx.exec("end what is to be counted", `DELETE FROM word_due WHERE grp = ?`, group[:])
	return err
}

// A Due is a channel in which something is to be counted.
type Due struct {
	Group chat.Hash
	Since time.Time // of what waits longest
	Told  time.Time // when counts were told there last; zero: never
}

// Dues are the channels in which something is to be counted.
func (tx *Tx) Dues() (out []Due, err error) {
	return out, tx.rows("read what is to be counted", `SELECT d.grp, min(d.since), coalesce(t.time, 0) FROM word_due d LEFT JOIN word_told t ON t.grp = d.grp GROUP BY d.grp`, nil, func(scan func(...any) error) error {
		var group []byte
		var since, told int64
		if err := scan(&group, &since, &told); err != nil {
			return err
		}
		d := Due{Since: readTime(since), Told: readTime(told)}
		err := fill(d.Group[:], group)
		out = append(out, d)
		return err
	})
}

// DueIn are the messages of a channel that are to be counted, at most n, those that wait
// longest first.
func (tx *Tx) DueIn(group chat.Hash, n int) (out []chat.Link, err error) {
	return out, tx.rows("read what is to be counted", `SELECT target FROM word_due WHERE grp = ? ORDER BY since LIMIT ?`, []any{group[:], n}, func(scan func(...any) error) error {
		var target []byte
		if err := scan(&target); err != nil {
			return err
		}
		var l chat.Link
		err := fill(l[:], target)
		out = append(out, l)
		return err
	})
}

// CountsTold notes that counts were told in a channel.
func (tx *Tx) CountsTold(group chat.Hash, at time.Time) error {
	_, err := tx.exec("note that counts were told", `INSERT INTO word_told (grp, time) VALUES (?, ?) ON CONFLICT (grp) DO UPDATE SET time = max(time, excluded.time)`,
		group[:], millis(at))
	return err
}

// Counts says whether the word of an account counts, by its entry in the list: in a poll that
// was closed at a time, or, zero, in an open one and for reactions.
type Counts func(e *chat.Subscriber, closed time.Time) bool

// CountWords counts the words about a message by those that count, and what members signed.
// What was voted after a poll's close does not count. (spec/group.md, GROUP-55)
func (tx *Tx) CountWords(group chat.Hash, r *Row, counts Counts) (*chat.Counted, error) {
	out := &chat.Counted{Target: r.Ref}
	err := tx.row("count words", `SELECT count(DISTINCT account) FROM mark INDEXED BY sqlite_autoindex_mark_1 WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind IN (9, 10)`,
		[]any{r.Chat[:], r.Ref[:]}, &out.Heard)
	if err != nil {
		return nil, err
	}
	said := membersEmoji(r)
	err = tx.eachWord(group, r, chat.MarkSaid, time.Time{}, counts, func(m *chat.Mark) {
		for _, e := range m.Emoji() {
			n := said[e]
			n.Times++
			said[e] = n
		}
	})
	for e, n := range said {
		n.Emoji = e
		out.Emoji = append(out.Emoji, n)
	}
	if out.Sort(); err != nil || r.Content.Kind != chat.KindPoll {
		return out, err
	}
	return out, tx.countVotes(group, r, counts, out)
}

// MembersSaid counts what members signed about a message, without the words of subscribers.
func (tx *Tx) MembersSaid(r *Row) (*chat.Counted, error) {
	out := &chat.Counted{Target: r.Ref}
	for e, n := range membersEmoji(r) {
		n.Emoji = e
		out.Emoji = append(out.Emoji, n)
	}
	if out.Sort(); r.Content.Kind != chat.KindPoll {
		return out, nil
	}
	_, err := tx.memberVotes(r, out)
	return out, err
}

// membersEmoji are how many members said each emoji of a message.
func membersEmoji(r *Row) map[string]chat.EmojiCount {
	said := map[string]chat.EmojiCount{}
	for _, s := range r.Reactions {
		for _, e := range s.Emoji {
			n := said[e]
			n.Members++
			said[e] = n
		}
	}
	return said
}

// memberVotes adds what members voted in a poll, and returns when it was closed.
func (tx *Tx) memberVotes(r *Row, out *chat.Counted) (closed time.Time, err error) {
	answers, closed, err := tx.Answers(r)
	if err != nil {
		return closed, err
	}
	out.MemberVoters, out.MemberVotes = len(answers), make([]int, len(r.Content.Options()))
	for _, a := range answers {
		for _, o := range a.Options {
			out.MemberVotes[o]++
		}
	}
	return closed, nil
}

// countVotes adds what was voted in a poll.
func (tx *Tx) countVotes(group chat.Hash, r *Row, counts Counts, out *chat.Counted) error {
	closed, err := tx.memberVotes(r, out)
	if err != nil {
		return err
	}
	out.Votes = make([]int, len(r.Content.Options()))
	return tx.eachWord(group, r, chat.MarkVoted, closed, counts, func(m *chat.Mark) {
		chosen := r.Content.Counts(m.Chosen())
		for _, o := range chosen {
			out.Votes[o]++
		}
		out.Voters += min(1, len(chosen))
	})
}

// eachWord has do see what those who count said of a message, until it was closed.
func (tx *Tx) eachWord(group chat.Hash, r *Row, kind chat.MarkKind, closed time.Time, counts Counts, do func(*chat.Mark)) error {
	until := int64(math.MaxInt64)
	if !closed.IsZero() {
		until = millis(closed)
	}
	return tx.rows("count words", `SELECT k.account, s.state, s.time, s.ended, iif(k.time <= ?1, k.value, coalesce((SELECT o.value FROM outdone o WHERE o.mark = k.number AND o.time <= ?1
		ORDER BY o.version DESC, o.time DESC, o.device DESC, o.value DESC LIMIT 1), x'')) FROM mark k JOIN subscriber s ON s.grp = ?2 AND s.account = k.account
		WHERE k.chat = (SELECT number FROM chat WHERE id = ?3) AND k.target = ?4 AND k.kind = ?5`,
		[]any{until, group[:], r.Chat[:], r.Ref[:], int64(kind)}, func(scan func(...any) error) error {
			var account []byte
			var state, at int64
			var ended bool
			m := chat.Mark{Kind: kind}
			if err := scan(&account, &state, &at, &ended, &m.Value); err != nil {
				return err
			}
			fp, err := readAddress(account)
			m.Account = fp
			if err == nil && len(m.Value) > 0 && counts(&chat.Subscriber{Account: fp, State: chat.SubscriberState(state), Time: readTime(at), Ended: ended}, closed) {
				do(&m)
			}
			return err
		})
}

// A Tally is what was counted of a message, on somebody's word.
type Tally struct {
	chat.Counted
	By   omega.Fingerprint
	Came time.Time // by the clock of homes
}

// tally reads what was counted of a message; nil: nothing, or nothing that can be read.
func (tx *Tx) tally(r *Row) (*Tally, error) {
	m := chat.Mark{Target: r.Ref}
	var author []byte
	var version int64
	err := tx.row("read counts", `SELECT author, version, value FROM mark WHERE chat = (SELECT number FROM chat WHERE id = ?) AND target = ? AND kind = 11 AND account = x'' AND slot = x''`,
		[]any{r.Chat[:], r.Ref[:]}, &author, &version, &m.Value)
	if err != nil {
		if notFound(err) {
			err = nil
		}
		return nil, err
	}
	m.Stamp.Version = uint32(version)
	c, came, err := m.Counted()
	if err != nil {
		return nil, nil // what others counted keeps nobody from the message
	}
	by, err := readAddress(author)
	return &Tally{Counted: *c, By: by, Came: came}, err
}
