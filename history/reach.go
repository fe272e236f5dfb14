package history

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Reach keeps how far messages of a device of this account have come with an
// account of a group: a receipt of it. The state is delivered or read.
func (tx *Tx) Reach(account omega.Fingerprint, r *chat.Receipt, state string) error {
	what := "note receipt of " + account.String()
	n, err := stateNumber(state)
	if err != nil {
		return err
	}
	read := uint32(0)
	if n == stateRead {
		read = r.UpTo
	}
	_, err = tx.exec(what, `INSERT INTO reach (chat, device, account, delivered, read) VALUES (?, ?, ?, ?, ?) ON CONFLICT (chat, device, account)
		DO UPDATE SET delivered = max(delivered, excluded.delivered), read = max(read, excluded.read)`,
		r.Chat[:], address(r.Device), address(account), int64(r.UpTo), int64(read))
	for _, id := range r.IDs {
		if err != nil {
			return err
		}
		// Only messages of one's own in that chat: others cannot fill the table.
		_, err = tx.exec(what, `INSERT INTO reach_one (message, account, state) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM message
			WHERE id = ?1 AND own = 1 AND +chat = (SELECT number FROM chat WHERE id = ?4))
			ON CONFLICT (message, account) DO UPDATE SET state = max(state, excluded.state)`, id[:], address(account), n, r.Chat[:])
	}
	return err
}

// A Reached is how far a message has come with one account.
type Reached struct {
	Account omega.Fingerprint
	State   string // delivered, read
}

// ReachOf returns with whom an own message of a group has come how far, in order
// of their accounts.
func (tx *Tx) ReachOf(r *Row) (out []Reached, err error) {
	err = tx.rows("read receipts of message "+r.ID.String(), `SELECT account, max(state) FROM (
		SELECT account, iif(read >= ?1, 5, 4) AS state FROM reach WHERE chat = ?2 AND device = ?3 AND delivered >= ?1
		UNION ALL SELECT account, state FROM reach_one WHERE message = ?4) GROUP BY account ORDER BY account`,
		[]any{int64(max(r.Sequence, 1)), r.Chat[:], address(r.Device), r.ID[:]}, func(scan func(...any) error) error {
			var account []byte
			var state int
			if err := scan(&account, &state); err != nil {
				return err
			}
			fp, err := readAddress(account)
			out = append(out, Reached{fp, stateName(state)})
			return err
		})
	return out, err
}
