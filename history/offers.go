package history

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Groups that others began here and this account never was in, did not accept
// and did not ask for. (spec/group.md, GROUP-25)
const (
	offersByOne = 32
	offersByAll = 512
)

// idle are groups that nothing is expected of.
const idle = ` known_group.bearer <> x'' AND ticket = x'' AND accepted = 0 AND NOT EXISTS (SELECT 1 FROM chat WHERE chat.id = known_group.chat) `

// OfferGroup notes that an account brought a group that begins here, and forgets
// the oldest that it, or all, brought, when they are too many. It returns those.
func (tx *Tx) OfferGroup(id chat.Hash, bearer omega.Fingerprint) ([]chat.Hash, error) {
	if _, err := tx.exec("note who brought a group", `UPDATE known_group SET bearer = ? WHERE id = ?`, address(bearer), id[:]); err != nil {
		return nil, err
	}
	gone, err := tx.forgetOffers(offersByOne, `bearer = ? AND`, address(bearer))
	if err != nil {
		return nil, err
	}
	more, err := tx.forgetOffers(offersByAll, ``)
	return append(gone, more...), err
}

// forgetOffers forgets all idle groups of which a condition holds but the latest
// few.
func (tx *Tx) forgetOffers(keep int, condition string, args ...any) (gone []chat.Hash, err error) {
	err = tx.rows("count groups that were brought", `SELECT id FROM known_group WHERE `+condition+idle+
		`ORDER BY (SELECT min(number) FROM operation WHERE grp = known_group.id) DESC LIMIT -1 OFFSET ?`, append(args, keep),
		func(scan func(...any) error) error {
			var id []byte
			if err := scan(&id); err != nil {
				return err
			}
			gone = append(gone, chat.Hash{})
			return fill(gone[len(gone)-1][:], id)
		})
	for _, id := range gone {
		for _, of := range []string{
			`group_want WHERE grp = ?`, `group_request WHERE grp = ?`, `subscriber WHERE grp = ?`, `word_untold WHERE grp = ?`, `word_due WHERE grp = ?`, `word_told WHERE grp = ?`, `group_key WHERE grp = ?`, `operation WHERE grp = ?`, `known_group WHERE id = ?`,
		} {
			if err == nil {
				_, err = tx.exec("forget a group", `DELETE FROM `+of, id[:])
			}
		}
	}
	return gone, err
}
