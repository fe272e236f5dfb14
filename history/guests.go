package history

import (
	"time"

	"github.com/omega-im/omega"
)

// maxGuests is how many accounts that were invited are let in, the latest ones: a fourth
// of the tokens that a list has. (spec/group.md, GROUP-41)
const maxGuests = omega.MaxTokens / 4

// isGuest holds for an account ?1 that this one invited to a group.
const isGuest = `EXISTS (SELECT 1 FROM guest WHERE account = ?1)`

// PutGuests notes that accounts were invited now, and forgets the oldest ones if there are
// too many.
func (tx *Tx) PutGuests(accounts []omega.Fingerprint, now time.Time) error {
	const what = "note who was invited"
	for _, fp := range accounts {
		if _, err := tx.exec(what, `INSERT INTO guest (account, since) VALUES (?, ?)
			ON CONFLICT (account) DO UPDATE SET since = excluded.since`, address(fp), millis(now)); err != nil {
			return err
		}
	}
	_, err := tx.exec(what, `DELETE FROM guest WHERE account IN (SELECT account FROM guest ORDER BY since DESC, account LIMIT -1 OFFSET ?)`, maxGuests)
	return err
}

// DropGuests forgets those who were invited last at a time or before.
func (tx *Tx) DropGuests(until time.Time) error {
	_, err := tx.exec("forget who was invited", `DELETE FROM guest WHERE since <= ?`, millis(until))
	return err
}

// Guests returns the accounts that were invited, the latest first.
func (tx *Tx) Guests() ([]omega.Fingerprint, error) {
	return tx.accounts("read who was invited", `SELECT account FROM guest ORDER BY since DESC, account`)
}
