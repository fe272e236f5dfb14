package history

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// A Pending message waits until its blobs are at the servers.
type Pending struct {
	ID       omega.ID
	To       omega.Fingerprint // zero in a group
	Chat     omega.ChatID      // of a group; zero: the direct one with To
	Content  []byte            // encoded chat.Content
	Time     time.Time
	Attempts int
	Next     time.Time // when it is tried again; zero: now
	Why      string    // code of the last failure
}

const selectPending = `SELECT id, peer, content, time, attempts, next, why, chat FROM pending `

// AddPending appends one; the same id again changes nothing.
func (tx *Tx) AddPending(p *Pending) error {
	_, err := tx.exec("keep message "+p.ID.String(), `INSERT INTO pending (id, peer, content, time, chat) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		p.ID[:], address(p.To), blob(p.Content), millis(p.Time), chatColumn(p.Chat))
	return err
}

// Pending returns all of them, oldest first.
func (tx *Tx) Pending() (out []Pending, err error) {
	err = tx.rows("read messages with media", selectPending+`ORDER BY position`, nil, func(scan func(...any) error) error {
		p, err := scanPending(scan)
		out = append(out, p)
		return err
	})
	return out, err
}

// PendingMessage returns one, or ErrNotFound.
func (tx *Tx) PendingMessage(id omega.ID) (p Pending, err error) {
	found := false
	err = tx.rows("read message "+id.String(), selectPending+`WHERE id = ?`, []any{id[:]}, func(scan func(...any) error) error {
		p, err = scanPending(scan)
		found = true
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return p, err
}

func scanPending(scan func(...any) error) (p Pending, err error) {
	var id, peer, group []byte
	var at, next int64
	if err = scan(&id, &peer, &p.Content, &at, &p.Attempts, &next, &p.Why, &group); err != nil {
		return p, err
	}
	p.Time, p.Next = readTime(at), readTime(next)
	if err = fill(p.ID[:], id); err == nil {
		p.To, err = readAddress(peer)
	}
	if err == nil {
		p.Chat, err = readChat(group)
	}
	return p, err
}

// RetryPending counts an attempt that failed.
func (tx *Tx) RetryPending(id omega.ID, next time.Time, why string) error {
	_, err := tx.exec("try message again", `UPDATE pending SET attempts = attempts + 1, next = ?, why = ? WHERE id = ?`, millis(next), why, id[:])
	return err
}

// RetryAllPending makes all of them due.
func (tx *Tx) RetryAllPending() error {
	_, err := tx.exec("try messages with media now", `UPDATE pending SET next = 0`)
	return err
}

// RemovePending takes one out: in the transaction that sealed it.
func (tx *Tx) RemovePending(id omega.ID) error {
	_, err := tx.exec("forget message "+id.String(), `DELETE FROM pending WHERE id = ?`, id[:])
	return err
}

// Uploaded returns the servers that keep a blob for this account until after a
// time at least.
func (tx *Tx) Uploaded(name media.Hash, after time.Time) ([]omega.Fingerprint, error) {
	return tx.accounts("read where a blob is", `SELECT server FROM uploaded WHERE name = ? AND until > ?`, name[:], millis(after))
}

// PutUploaded notes that this device had a server keep a blob until a time.
func (tx *Tx) PutUploaded(ref media.Ref, server omega.Fingerprint, until time.Time) error {
	_, err := tx.exec("note where a blob is", `INSERT INTO uploaded (name, server, until, size) VALUES (?, ?, ?, ?)
		ON CONFLICT (name, server) DO UPDATE SET until = excluded.until, size = excluded.size, here = 1`,
		ref.Name[:], address(server), millis(until), ref.Size)
	return err
}

// PutCached notes a blob in the cache, or that it was wanted.
func (tx *Tx) PutCached(name media.Hash, size int64, used time.Time) error {
	_, err := tx.exec("note a cached blob", `INSERT INTO cached (name, size, used) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET size = excluded.size, used = excluded.used`, name[:], size, millis(used))
	return err
}

// RemoveCached forgets one.
func (tx *Tx) RemoveCached(name media.Hash) error {
	_, err := tx.exec("forget a cached blob", `DELETE FROM cached WHERE name = ?`, name[:])
	return err
}

// CachedTotal is how many octets are in the cache.
func (tx *Tx) CachedTotal() (n int64, err error) {
	err = tx.row("count the cache", `SELECT coalesce(sum(size), 0) FROM cached`, nil, &n)
	return n, err
}

// A Cached blob is in the cache.
type Cached struct {
	Name media.Hash
	Size int64
}

// OldestCached returns at most n, those first that nobody wanted for longest.
func (tx *Tx) OldestCached(n int) (out []Cached, err error) {
	err = tx.rows("read the cache", `SELECT name, size FROM cached ORDER BY used LIMIT ?`, []any{n}, func(scan func(...any) error) error {
		var c Cached
		var name []byte
		if err := scan(&name, &c.Size); err != nil {
			return err
		}
		err := fill(c.Name[:], name)
		out = append(out, c)
		return err
	})
	return out, err
}
