package history

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// A Claim is a blob that a server keeps for this account.
type Claim struct {
	Ref    media.Ref // without root
	Server omega.Fingerprint
	Until  time.Time // about, if another device of the account uploaded it
	Here   bool      // this device uploaded it
}

// name notes what a message of this account names, and where that is.
func (tx *Tx) name(what string, position int64, r *Row) error {
	return tx.nameUntil(what, position, r, r.Time.Add(media.DefaultClaim))
}

// nameUntil is name for what is kept until about a time.
func (tx *Tx) nameUntil(what string, position int64, r *Row, end time.Time) error {
	until := millis(end)
	for i := range r.Content.Media {
		item := &r.Content.Media[i]
		for _, ref := range []media.Ref{item.Ref, item.Thumb} {
			if ref.Size == 0 || len(item.Servers) == 0 {
				continue
			}
			if _, err := tx.exec(what, `INSERT INTO named (name, position) VALUES (?, ?) ON CONFLICT DO NOTHING`, ref.Name[:], position); err != nil {
				return err
			}
			for _, server := range item.Servers {
				_, err := tx.exec(what, `INSERT INTO uploaded (name, server, until, size, here) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING`,
					ref.Name[:], address(server), until, ref.Size)
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// unname notes that nobody has a message any more.
func (tx *Tx) unname(what string, position int64) error {
	_, err := tx.exec(what, `DELETE FROM named WHERE position = ?`, position)
	return err
}

const selectClaim = `SELECT name, server, until, size, here FROM uploaded `

// EndingClaims returns at most n claims of blobs that messages of this account
// name, the first to end first: those that this device made and that end before
// here, and those of other devices that end before others.
func (tx *Tx) EndingClaims(here, others time.Time, n int) ([]Claim, error) {
	return tx.claims("read claims that end", selectClaim+`WHERE until <= CASE here WHEN 1 THEN ? ELSE ? END AND name IN (SELECT name FROM named)
		ORDER BY until LIMIT ?`, millis(here), millis(others), n)
}

// IdleClaims returns at most n claims of blobs that no message of this account
// names.
func (tx *Tx) IdleClaims(n int) ([]Claim, error) {
	return tx.claims("read claims of what nobody has", selectClaim+`WHERE name NOT IN (SELECT name FROM named) LIMIT ?`, n)
}

func (tx *Tx) claims(what, query string, args ...any) (out []Claim, err error) {
	err = tx.rows(what, query, args, func(scan func(...any) error) error {
		var c Claim
		var name, server []byte
		var until int64
		if err := scan(&name, &server, &until, &c.Ref.Size, &c.Here); err != nil {
			return err
		}
		if err := fill(c.Ref.Name[:], name); err != nil {
			return err
		}
		var err error
		c.Server, err = readAddress(server)
		c.Until = readTime(until)
		out = append(out, c)
		return err
	})
	return out, err
}

// RemoveClaim forgets one.
func (tx *Tx) RemoveClaim(name media.Hash, server omega.Fingerprint) error {
	_, err := tx.exec("forget where a blob is", `DELETE FROM uploaded WHERE name = ? AND server = ?`, name[:], address(server))
	return err
}
