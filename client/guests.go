package client

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
)

// letGuests lets in the accounts that this one invites: a crowd that accepts in one
// moment is more than strangers may send. The invitation tells them the token.
// (spec/group.md, GROUP-41)
func (c *Client) letGuests(tx *history.Tx, accounts []omega.Fingerprint) error {
	c.letting.notify()
	return tx.PutGuests(accounts, c.cfg.now())
}
