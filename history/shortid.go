package history

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"github.com/omega-im/omega"
)

// Beginning returns at most n ids, in order, of messages that are shown or wait for
// their time and whose hexadecimal form begins with prefix; of a chat, if c is not
// zero. The prefix is 1 to 32 hexadecimal digits.
func (tx *Tx) Beginning(prefix string, c omega.ChatID, n int) (out []omega.ID, err error) {
	what, digits := "read messages "+prefix, 2*len(omega.ID{})
	if prefix == "" || len(prefix) > digits {
		return nil, fmt.Errorf("%s: %d digits", what, len(prefix))
	}
	low, err := hex.DecodeString(prefix + strings.Repeat("0", digits-len(prefix)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	high, err := hex.DecodeString(prefix + strings.Repeat("f", digits-len(prefix)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	where := []byte{}
	if c != (omega.ChatID{}) {
		where = c[:]
	}
	err = tx.rows(what, `SELECT id FROM message WHERE id BETWEEN ?1 AND ?2 AND shown = 1 AND (?3 = x'' OR chat = (SELECT number FROM chat WHERE id = ?3))
		UNION SELECT id FROM unsealed WHERE id BETWEEN ?1 AND ?2 AND ?3 = x'' ORDER BY 1 LIMIT ?4`, []any{low, high, where, n}, func(scan func(...any) error) error {
		var raw []byte
		if err := scan(&raw); err != nil {
			return err
		}
		var id omega.ID
		if len(raw) != len(id) {
			return fmt.Errorf("%w (an id of %d octets)", ErrDamaged, len(raw))
		}
		out = append(out, omega.ID(raw))
		return nil
	})
	return out, err
}

// Digits returns how many hexadecimal digits of an id tell it from those of all other
// messages that are here: 1 to 32.
func (tx *Tx) Digits(id omega.ID) (int, error) {
	most := 0
	err := tx.rows("read neighbours of message "+id.String(), `SELECT max(id) FROM message WHERE id < ?1 UNION ALL SELECT min(id) FROM message WHERE id > ?1
		UNION ALL SELECT max(id) FROM unsealed WHERE id < ?1 UNION ALL SELECT min(id) FROM unsealed WHERE id > ?1`, []any{id[:]}, func(scan func(...any) error) error {
		var other []byte
		err := scan(&other)
		most = max(most, alike(id[:], other))
		return err
	})
	return min(most+1, 2*len(id)), err
}

// alike is with how many equal hexadecimal digits two texts of octets begin.
func alike(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return 2*i + bits.LeadingZeros8(a[i]^b[i])/4
		}
	}
	return 2 * min(len(a), len(b))
}
