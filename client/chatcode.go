package client

import (
	"context"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// maxMeantChats is how many chats are named of those that a typed code could mean.
const maxMeantChats = 5

// chatBeginning finds the one chat whose id, or the group whose id, begins with what
// somebody typed: at least clientrpc.MinIDDigits hexadecimal digits. Several are named.
// (spec/chat.md, CHAT-88)
func (c *Client) chatBeginning(doing i18n.Text, typed string, groups bool) (at omega.ChatID, err error) {
	nobody := fail(clientrpc.CodeUsage, doing, i18n.T("why.nobody", typed), i18n.T("next.nobody"), nil)
	code := strings.ToLower(typed)
	if len(code) < clientrpc.MinIDDigits || strings.Trim(code, "0123456789abcdef") != "" {
		return at, nobody
	}
	var found []meantChat
	err = c.db.View(context.Background(), func(tx *history.Tx) error {
		found, err = c.meantChats(tx, code, groups)
		return err
	})
	switch {
	case err != nil:
		return at, err
	case len(found) == 0:
		return at, nobody
	case len(found) > 1:
		return at, fail(clientrpc.CodeUsage, doing, i18n.T("why.manychats", typed, someChats(found)), i18n.T("next.chatdigits"), nil)
	}
	return found[0].id, nil
}

// A meantChat is a chat that a typed code could mean.
type meantChat struct {
	id   omega.ChatID
	name string
}

// meantChats are the chats, or the groups only, whose id begins with a code. The id of a
// group begins with that of its chat.
func (c *Client) meantChats(tx *history.Tx, code string, groups bool) (out []meantChat, err error) {
	add := func(id omega.ChatID, name string) {
		if n := min(len(code), len(id.String())); strings.HasPrefix(id.String(), code[:n]) && !slices.ContainsFunc(out, func(o meantChat) bool { return o.id == id }) {
			out = append(out, meantChat{id, name})
		}
	}
	known, err := tx.KnownGroups()
	if err != nil {
		return nil, err
	}
	for i := range known {
		name := known[i].Title
		if s, err := c.groupState(tx, known[i].ID); err == nil {
			name = s.Profile.Name
		}
		if len(code) <= 2*len(known[i].ID) && strings.HasPrefix(known[i].ID.String(), code) {
			add(known[i].Chat(), name)
		}
	}
	if groups || len(code) > 2*len(omega.ChatID{}) {
		return out, nil
	}
	chats, err := tx.Chats()
	for i := range chats {
		add(chats[i].ID, chats[i].Name)
	}
	return out, err
}

// someChats writes chats, of which there may be more.
func someChats(list []meantChat) string {
	var out []string
	for _, o := range list[:min(len(list), maxMeantChats)] {
		out = append(out, strings.TrimSpace(o.id.String()+" "+o.name))
	}
	if len(list) > maxMeantChats {
		out = append(out, "…")
	}
	return strings.Join(out, ", ")
}
