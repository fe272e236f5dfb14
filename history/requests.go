package history

import "github.com/omega-im/omega"

// A Standing is how a sender stands with this account before its mail is opened.
type Standing struct {
	Known    bool  // something was said of it, or written to it
	Messages int   // of it that are shown
	Octets   int64 // of these
}

// Standing returns how a sender stands.
func (tx *Tx) Standing(fp omega.Fingerprint) (s Standing, err error) {
	err = tx.row("read how "+fp.String()+" stands", `SELECT EXISTS (SELECT 1 FROM register WHERE name IN ('contact', 'blocked', 'petname', 'verified')
			AND subject = ?1 AND value <> x'') OR coalesce(max(m.own), 0), count(m.position), coalesce(sum(max(length(CAST(m.text AS BLOB)), length(m.content))), 0)
		FROM chat c JOIN message m ON m.chat = c.number AND m.shown = 1 WHERE c.peer = ?1`, []any{address(fp)}, &s.Known, &s.Messages, &s.Octets)
	return s, err
}

// CountRequests returns how many accounts wrote of whom nothing was said, and to whom
// nothing was written; it stops counting at most.
func (tx *Tx) CountRequests(most int) (n int, err error) {
	err = tx.row("count requests", `SELECT count(*) FROM (SELECT 1 FROM chat c WHERE c.peer <> x'' AND c.last > 0 AND c.kind IN (?, ?)
		AND NOT EXISTS (SELECT 1 FROM register r WHERE r.name IN ('contact', 'blocked', 'petname', 'verified') AND r.subject = c.peer AND r.value <> x'')
		AND NOT EXISTS (SELECT 1 FROM message m WHERE m.chat = c.number AND m.own = 1 AND m.shown = 1) LIMIT ?)`,
		[]any{kindDirect, kindSecure, most}, &n)
	return n, err
}
