package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Standing is how a sender stands with this account before its mail is opened.
type Standing struct {
	Known    bool  // something was said of it, or written to it
	Messages int   // of it that are shown
	Octets   int64 // of these
}

// Standing returns how a sender stands. What somebody who is known wrote is not counted: it
// may be much.
func (tx *Tx) Standing(fp omega.Fingerprint) (s Standing, err error) {
	what := "read how " + fp.String() + " stands"
	err = tx.row(what, `SELECT EXISTS (SELECT 1 FROM register WHERE name IN ('contact', 'blocked', 'petname', 'verified') AND subject = ?1 AND value <> x'')
		OR `+isHost+` OR `+isGuest+` OR EXISTS (SELECT 1 FROM chat c CROSS JOIN message m ON m.chat = c.number AND m.own = 1 AND +m.shown = 1 WHERE c.peer = ?1)`,
		[]any{address(fp)}, &s.Known)
	if err != nil || s.Known {
		return s, err
	}
	err = tx.row(what, `SELECT count(*), coalesce(sum(max(length(CAST(m.text AS BLOB)), length(m.content))), 0)
		FROM chat c CROSS JOIN message m ON m.chat = c.number AND m.shown = 1 WHERE c.peer = ?1`, []any{address(fp)}, &s.Messages, &s.Octets)
	return s, err
}

// A Placed is how many strangers have a place.
type Placed struct {
	Has   bool // the one in question has
	Home  int  // whose first home is that of the one in question
	Total int
}

// Placed returns how many strangers have had a place since a time, of whom nothing was said
// and to whom nothing was written.
func (tx *Tx) Placed(account, home omega.Fingerprint, since time.Time) (p Placed, err error) {
	err = tx.row("count strangers", `SELECT coalesce(max(s.account = ?1), 0), count(*) FILTER (WHERE s.home = ?2), count(*) FROM stranger_place s WHERE s.since > ?3
		AND NOT EXISTS (SELECT 1 FROM register r WHERE r.name IN ('contact', 'blocked', 'petname', 'verified') AND r.subject = s.account AND r.value <> x'')
		AND NOT EXISTS (SELECT 1 FROM chat c CROSS JOIN message m ON m.chat = c.number AND m.own = 1 AND +m.shown = 1 WHERE c.peer = s.account AND c.kind IN (?4, ?5))`,
		[]any{address(account), address(home), millis(since), kindDirect, kindSecure}, &p.Has, &p.Home, &p.Total)
	return p, err
}

// Place gives a stranger a place from now on, and forgets those from before a time.
func (tx *Tx) Place(account, home omega.Fingerprint, now, since time.Time) error {
	const what = "give a stranger a place"
	if _, err := tx.exec(what, `DELETE FROM stranger_place WHERE since <= ?`, millis(since)); err != nil {
		return err
	}
	_, err := tx.exec(what, `INSERT INTO stranger_place (account, home, since) VALUES (?, ?, ?) ON CONFLICT (account) DO NOTHING`, address(account), address(home), millis(now))
	return err
}

// Tries are payloads of a stranger that came to nothing.
type Tries struct {
	Count  int
	Octets int64
}

// Tries returns those of one stranger, and how many all had, since a time.
func (tx *Tx) Tries(account omega.Fingerprint, since time.Time) (own Tries, all int, err error) {
	err = tx.row("read what strangers tried", `SELECT coalesce(max(tries) FILTER (WHERE account = ?1), 0), coalesce(max(octets) FILTER (WHERE account = ?1), 0), coalesce(sum(tries), 0)
		FROM stranger_try WHERE since > ?2`, []any{address(account), millis(since)}, &own.Count, &own.Octets, &all)
	return own, all, err
}

// CountTry counts one of a stranger, now, and forgets those whose span began before a
// time.
func (tx *Tx) CountTry(account omega.Fingerprint, octets int, now, since time.Time) error {
	const what = "count what a stranger tried"
	if _, err := tx.exec(what, `DELETE FROM stranger_try WHERE since <= ?`, millis(since)); err != nil {
		return err
	}
	_, err := tx.exec(what, `INSERT INTO stranger_try (account, since, tries, octets) VALUES (?, ?, 1, ?)
		ON CONFLICT (account) DO UPDATE SET tries = tries + 1, octets = octets + excluded.octets`, address(account), millis(now), octets)
	return err
}
