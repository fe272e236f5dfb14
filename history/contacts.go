package history

import (
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// A Relation is what this account thinks of another. (spec/chat.md, CHAT-46)
type Relation struct {
	Account  omega.Fingerprint
	Contact  byte                // chat.Contact or chat.Declined; 0: neither was said
	Blocked  bool                //
	Petname  string              // may be empty
	Verified []omega.Fingerprint // devices that it had when it was verified, in order; nil: it never was
}

// relationNames are the settings that make a relation.
var relationNames = []string{chat.SettingContact, chat.SettingBlocked, chat.SettingPetname, chat.SettingVerified}

func (r *Relation) set(s *chat.Setting) {
	switch s.Name {
	case chat.SettingContact:
		if r.Contact = 0; len(s.Value) == 1 {
			r.Contact = s.Value[0]
		}
	case chat.SettingBlocked:
		r.Blocked = len(s.Value) > 0
	case chat.SettingPetname:
		r.Petname = string(s.Value)
	case chat.SettingVerified:
		r.Verified, _ = chat.DevicesOf(s.Value)
	}
}

// Relation returns what this account thinks of another; never nil without an error.
func (tx *Tx) Relation(fp omega.Fingerprint) (*Relation, error) {
	r := &Relation{Account: fp}
	list, err := tx.settings(`WHERE name IN ('contact', 'blocked', 'petname', 'verified') AND subject = ?`, address(fp))
	for i := range list {
		r.set(&list[i])
	}
	return r, err
}

// Relations returns everybody of whom this account thinks something, by fingerprint.
func (tx *Tx) Relations() ([]Relation, error) {
	of := map[omega.Fingerprint]*Relation{}
	for _, name := range relationNames {
		list, err := tx.SettingsOf(name)
		if err != nil {
			return nil, err
		}
		for i := range list {
			fp, err := readAddress(list[i].Subject)
			if err != nil {
				return nil, err
			}
			if of[fp] == nil {
				of[fp] = &Relation{Account: fp}
			}
			of[fp].set(&list[i])
		}
	}
	out := make([]Relation, 0, len(of))
	for _, r := range of {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Relation) int { return a.Account.Compare(b.Account) })
	return out, nil
}
