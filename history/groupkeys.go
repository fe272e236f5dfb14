package history

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// maxStrayKeys is how many group keys of unknown groups are kept. (spec/group.md,
// GROUP-12)
const maxStrayKeys = 64

// GroupKeys returns the group keys with a locator.
func (tx *Tx) GroupKeys(_ context.Context, l chat.Locator) ([]*chat.GroupKey, error) {
	return tx.groupKeys(`WHERE locator = ? ORDER BY number`, l[:])
}

// GroupKeysOf returns the group keys of a group that were made after a time, the
// latest first, of those of one time the lowest locator first.
func (tx *Tx) GroupKeysOf(group chat.Hash, after time.Time) ([]*chat.GroupKey, error) {
	return tx.groupKeys(`WHERE grp = ? AND time > ? ORDER BY time DESC, locator LIMIT 64`, group[:], millis(after))
}

func (tx *Tx) groupKeys(where string, args ...any) (out []*chat.GroupKey, err error) {
	err = tx.rows("read group keys", `SELECT state FROM group_key `+where, args, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&b); err != nil {
			return err
		}
		k, err := chat.UnmarshalGroupKey(b)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		out = append(out, k)
		return nil
	})
	return out, err
}

// PutGroupKey adds a group key. Of groups that are not known here the newest few
// are kept.
func (tx *Tx) PutGroupKey(_ context.Context, k *chat.GroupKey) error {
	what := "store group key " + k.Locator.String()
	_, err := tx.exec(what, `INSERT INTO group_key (locator, device, commitment, grp, time, state) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (locator, device, commitment) DO UPDATE SET state = excluded.state`,
		k.Locator[:], address(k.Device), k.Commitment[:], k.Group[:], millis(k.Time), k.Marshal())
	if err == nil {
		_, err = tx.exec(what, `DELETE FROM group_key WHERE number IN (SELECT number FROM group_key WHERE grp NOT IN (SELECT id FROM known_group)
			ORDER BY number DESC LIMIT -1 OFFSET ?)`, maxStrayKeys)
	}
	return err
}

// DropStrayKeys forgets keys of unknown groups that were made before a time.
func (tx *Tx) DropStrayKeys(before time.Time) error {
	_, err := tx.exec("drop group keys", `DELETE FROM group_key WHERE time < ? AND grp NOT IN (SELECT id FROM known_group)`, millis(before))
	return err
}

// PutGroupRecord keeps a group record of this device as it is sent.
func (tx *Tx) PutGroupRecord(group chat.Hash, l chat.Locator, payload []byte) error {
	_, err := tx.exec("store group record "+l.String(), `INSERT INTO group_record (locator, grp, payload) VALUES (?, ?, ?)
		ON CONFLICT (locator) DO UPDATE SET payload = excluded.payload`, l[:], group[:], payload)
	return err
}

// GroupRecord returns it, nil if there is none.
func (tx *Tx) GroupRecord(l chat.Locator) (payload []byte, err error) {
	err = tx.row("read group record "+l.String(), `SELECT payload FROM group_record WHERE locator = ?`, []any{l[:]}, &payload)
	if notFound(err) {
		return nil, nil
	}
	return payload, err
}

// ParkForGroup keeps an envelope until operations of a group come.
func (tx *Tx) ParkForGroup(p *Parked, group chat.Hash) error {
	if err := tx.Park(p); err != nil {
		return err
	}
	_, err := tx.exec("park envelope "+p.ID.String(), `UPDATE parked SET grp = ? WHERE id = ? AND locator = ?`, group[:], p.ID[:], p.Locator[:])
	return err
}

// ParkedForGroup returns at most n envelopes that wait for operations of a group,
// oldest first.
func (tx *Tx) ParkedForGroup(group chat.Hash, n int) ([]Parked, error) {
	return tx.parked(`WHERE grp = ? AND grp <> x'' ORDER BY position LIMIT ?`, group[:], n)
}

// AccountOf returns the account of a device whose messages or keys in a chat are
// known; zero if there are none.
func (tx *Tx) AccountOf(c omega.ChatID, device omega.Fingerprint) (omega.Fingerprint, error) {
	var b []byte
	err := tx.row("read account of "+device.String(), `SELECT account FROM message WHERE +chat = (SELECT number FROM chat WHERE id = ?)
		AND device = ? LIMIT 1`, []any{c[:], address(device)}, &b)
	if !notFound(err) {
		if err != nil {
			return omega.Fingerprint{}, err
		}
		return readAddress(b)
	}
	var out omega.Fingerprint
	err = tx.rows("read account of "+device.String(), `SELECT state FROM sending_key WHERE device = ? AND chat = ? LIMIT 1`,
		[]any{address(device), c[:]}, func(scan func(...any) error) error {
			if err := scan(&b); err != nil {
				return err
			}
			k, err := chat.UnmarshalKey(b)
			if err == nil {
				out = k.From
			}
			return err
		})
	return out, err
}
