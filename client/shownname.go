package client

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// keyIDDigits is the length of what people see of a fingerprint beside a name: its end,
// as gpg's long key ids.
const keyIDDigits = 16

// shownAs finds the accounts that somebody means by what is shown of them here and is no
// contact's name: the end of a fingerprint, or what strangers who wrote call themselves.
// A name that looks like a contact's, or like this account's own, means no stranger:
// nobody is to write to one by mistake. (spec/chat.md, CHAT-84)
func (c *Client) shownAs(tx *history.Tx, text string) (out []omega.Fingerprint, err error) {
	people, err := c.people(tx, true)
	if err != nil || text == "" {
		return nil, err
	}
	end := strings.ToUpper(text)
	_, notHex := hex.DecodeString(end)
	isEnd := len(end) == keyIDDigits && notHex == nil
	known, err := c.namesKnown(tx)
	if err != nil {
		return nil, err
	}
	alike := len(known.like(omega.Fingerprint{}, text)) > 0
	for i := range people {
		r := &people[i]
		if isEnd && strings.HasSuffix(r.Account.String(), end) {
			out = append(out, r.Account)
			continue
		}
		if alike || r.Blocked {
			continue
		}
		called, err := c.calledBy(tx, r)
		if err != nil {
			return nil, err
		}
		state, err := c.contactState(tx, r)
		if err != nil {
			return nil, err
		}
		if called == text && state == clientrpc.ContactRequest {
			out = append(out, r.Account)
		}
	}
	return slices.Compact(out), nil
}

// oneShown is the account that shownAs finds, if it is one; else err, which says what
// else was looked for, or that there are several.
func (c *Client) oneShown(tx *history.Tx, doing i18n.Text, text string, err error) (omega.Fingerprint, error) {
	found, problem := c.shownAs(tx, text)
	switch {
	case problem != nil:
		return omega.Fingerprint{}, problem
	case len(found) == 0:
		return omega.Fingerprint{}, err
	case len(found) > 1:
		return omega.Fingerprint{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.manycontacts", text, len(found)), i18n.T("next.byfpr"), nil)
	}
	return found[0], nil
}
