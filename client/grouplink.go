package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// groupPrefix starts a link to a group.
const groupPrefix = "omega:group/"

// maxGroupLink is more than the longest link in characters.
const maxGroupLink = 512

var errGroupLink = errors.New("not a link to a group")

// A groupLink is what somebody joins by (spec/group.md, GROUP-23). Before base64url:
//
//	u8 version (1) | 32 group | 16 ticket | fp of who made it | 4 checksum (SHA-256 of all before)
type groupLink struct {
	Group  chat.Hash
	Ticket chat.Ticket
	Maker  omega.Fingerprint
}

func (l *groupLink) String() string {
	b := append([]byte{1}, l.Group[:]...)
	b = append(b, l.Ticket[:]...)
	b = l.Maker.AppendTo(b)
	sum := sha256.Sum256(b)
	return groupPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...))
}

// parseGroupLink reads a link; white space that copying brought in is ignored.
func parseGroupLink(s string) (*groupLink, error) {
	if len(s) > maxGroupLink {
		return nil, fmt.Errorf("%w: %d characters", errGroupLink, len(s))
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(s), ""), groupPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s", errGroupLink, groupPrefix)
	}
	const head = 1 + 32 + 16
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < head+4 || b[0] != 1 {
		return nil, errGroupLink
	}
	end := len(b) - 4
	if sum := sha256.Sum256(b[:end]); string(sum[:4]) != string(b[end:]) {
		return nil, fmt.Errorf("%w: a character is missing or wrong", errGroupLink)
	}
	l := &groupLink{Group: chat.Hash(b[1:33]), Ticket: chat.Ticket(b[33:head])}
	var n int
	if l.Maker, n, err = omega.DecodeFingerprint(b[head:end]); err != nil || n != end-head || l.Ticket == (chat.Ticket{}) {
		return nil, errGroupLink
	}
	return l, nil
}

// linkSubject names the setting of a link: the group, and whether who has it is
// let in at once.
func linkSubject(id chat.Hash, open bool) []byte {
	kind := byte(0)
	if open {
		kind = 1
	}
	return append(slices.Clone(id[:]), kind)
}

// ticketOf reads the ticket of this account's link; zero if there is none.
func ticketOf(tx *history.Tx, id chat.Hash, open bool) (t chat.Ticket, err error) {
	list, err := tx.SettingsOf(chat.SettingGroupLink)
	for _, s := range list {
		if string(s.Subject) == string(linkSubject(id, open)) && len(s.Value) == len(t) {
			copy(t[:], s.Value)
		}
	}
	return t, err
}

// linkGroup returns this account's link to a group, and makes or ends it.
func (c *Client) linkGroup(ctx context.Context, p clientrpc.LinkGroupParams) (out clientrpc.GroupLink, err error) {
	doing := i18n.T("doing.grouplink")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	var l groupLink
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		if !s.May(c.acc.Fingerprint, s.Rules.Invite) {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.groupmaynot"), i18n.T("next.groupinfo"), nil)
		}
		ticket, err := ticketOf(tx, id, p.Open)
		if err != nil {
			return err
		}
		set := chat.Setting{Name: chat.SettingGroupLink, Subject: linkSubject(id, p.Open)}
		switch {
		case p.Close:
			return c.changeIn(ctx, tx, []chat.Setting{set})
		case p.New || ticket == (chat.Ticket{}):
			if _, err := c.cfg.rand().Read(ticket[:]); err != nil {
				return err
			}
			set.Value = ticket[:]
			if err := c.changeIn(ctx, tx, []chat.Setting{set}); err != nil {
				return err
			}
		}
		l = groupLink{id, ticket, c.acc.Fingerprint}
		return nil
	})
	c.queued.notify()
	if err != nil || p.Close {
		return out, err
	}
	return clientrpc.GroupLink{Link: l.String(), Open: p.Open}, nil
}

// joinGroup asks the maker of a link to be let in.
func (c *Client) joinGroup(ctx context.Context, p clientrpc.JoinGroupParams) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.groupjoin")
	l, err := parseGroupLink(p.Link)
	if err != nil {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouplink"), i18n.T("next.grouplink"), err)
	}
	if len(p.Text) > chat.MaxQuote {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.toolong", len(p.Text), chat.MaxQuote), i18n.T("next.shorten"), nil)
	}
	if err := c.reachable(ctx, doing, []omega.Fingerprint{l.Maker}); err != nil {
		return out, err
	}
	in := false
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		g, err := tx.KnownGroup(l.Group)
		if errors.Is(err, history.ErrNotFound) {
			g, err = &history.Group{ID: l.Group}, nil
		}
		if err != nil {
			return err
		}
		if s, err := c.groupState(tx, l.Group); err == nil && s.Role(c.acc.Fingerprint) > group.RoleNone {
			in = true
			return nil
		}
		g.Ticket = l.Ticket
		return tx.PutGroup(g)
	})
	if err != nil {
		return out, err
	}
	if !in {
		content := &chat.Content{Kind: chat.KindGroupJoin, Text: p.Text, Group: &chat.GroupNews{ID: l.Group, Ticket: l.Ticket}}
		if err := c.sendControl(ctx, l.Maker, content); err != nil {
			return out, err
		}
	}
	return c.describeGroup(ctx, l.Group)
}

// takeJoin takes a request to join and reports whether it is to be granted at once:
// it came by an open link. Others who may decide are told. (spec/group.md, GROUP-27)
func (c *Client) takeJoin(ctx context.Context, m *chat.Message) (open bool, err error) {
	g := m.Content.Group
	if !g.Asker.IsZero() {
		return false, c.takePassedOn(ctx, m)
	}
	var deciders []omega.Fingerprint
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, g.ID)
		if err != nil || !mayAsk(s, m.From) || m.From == c.acc.Fingerprint {
			return ignoreNotFound(err)
		}
		asked, err := ticketOf(tx, g.ID, false)
		if err != nil {
			return err
		}
		free, err := ticketOf(tx, g.ID, true)
		if err != nil {
			return err
		}
		if open = free == g.Ticket; !open && asked != g.Ticket {
			return nil // of a link that is good for nothing any more
		}
		if !open {
			deciders = c.deciders(s)
		}
		return tx.PutGroupRequest(&history.GroupAccount{Group: g.ID, Account: m.From, Text: m.Content.Text, Time: m.Time})
	})
	for _, fp := range deciders {
		if err != nil {
			break
		}
		err = c.sendControl(ctx, fp, &chat.Content{Kind: chat.KindGroupJoin, Text: m.Content.Text, Group: &chat.GroupNews{ID: g.ID, Ticket: g.Ticket, Asker: m.From}})
	}
	return open && err == nil, err
}

// maxDeciders is how many are told that somebody wants to join.
const maxDeciders = 32

// deciders are the owners and admins who may let somebody in, but for this account.
func (c *Client) deciders(s *group.State) (out []omega.Fingerprint) {
	for _, role := range []group.Role{group.RoleOwner, group.RoleAdmin} {
		for _, m := range s.Members {
			if m.Role == role && m.Role >= s.Rules.Invite && m.Account != c.acc.Fingerprint && len(out) < maxDeciders {
				out = append(out, m.Account)
			}
		}
	}
	return out
}

// mayAsk reports whether it is of use that an account asks to join.
func mayAsk(s *group.State, who omega.Fingerprint) bool {
	return !s.Dissolved && !slices.Contains(s.Banned, who) && s.Role(who) == group.RoleNone && !slices.Contains(s.Invited, who)
}

// takePassedOn takes a request that came to the maker of a link, who passes it on.
func (c *Client) takePassedOn(ctx context.Context, m *chat.Message) error {
	g := m.Content.Group
	return c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, g.ID)
		if err != nil || !mayAsk(s, g.Asker) || !s.May(m.From, s.Rules.Invite) || !s.May(c.acc.Fingerprint, max(s.Rules.Invite, group.RoleAdmin)) {
			return ignoreNotFound(err)
		}
		return tx.PutGroupRequest(&history.GroupAccount{Group: g.ID, Account: g.Asker, Text: m.Content.Text, Time: m.Time})
	})
}

// requestsOver forgets the requests of those who are invited, in or banned by now.
func requestsOver(tx *history.Tx, id chat.Hash, placed []*group.Op) error {
	for _, o := range placed {
		list := o.Accounts
		switch o.Type {
		case group.TypeAccept:
			list = []omega.Fingerprint{o.Author.Account}
		case group.TypeInvite, group.TypeBan:
		default:
			continue
		}
		for _, fp := range list {
			if err := tx.RemoveGroupRequest(id, fp); err != nil {
				return err
			}
		}
	}
	return nil
}

// grant invites who asked, and forgets that they did.
func (c *Client) grant(ctx context.Context, doing i18n.Text, id chat.Hash, accounts []omega.Fingerprint) error {
	if _, err := c.invite(ctx, clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: id.String()}, Accounts: accounts}); err != nil {
		return err
	}
	return c.forgetRequests(ctx, id, accounts)
}

func (c *Client) forgetRequests(ctx context.Context, id chat.Hash, accounts []omega.Fingerprint) error {
	return c.db.Update(ctx, func(tx *history.Tx) error {
		for _, fp := range accounts {
			if err := tx.RemoveGroupRequest(id, fp); err != nil {
				return err
			}
		}
		return nil
	})
}

// joinInvited accepts the invitations that this account asked for.
func (c *Client) joinInvited(ctx context.Context) error {
	var list []chat.Hash
	err := c.db.View(ctx, func(tx *history.Tx) error {
		groups, err := tx.KnownGroups()
		for i := range groups {
			g := &groups[i]
			if g.Ticket == (chat.Ticket{}) || err != nil {
				continue
			}
			if s, err := c.groupState(tx, g.ID); err == nil && slices.Contains(s.Invited, c.acc.Fingerprint) {
				list = append(list, g.ID)
			}
		}
		return err
	})
	for _, id := range list {
		err = errors.Join(err, c.accept(ctx, i18n.T("doing.groupjoin"), id))
	}
	return err
}

// groupRequests lists who wants to join by a link of this account.
func (c *Client) groupRequests(ctx context.Context, p clientrpc.GroupListParams) (out clientrpc.GroupRequestsResult, err error) {
	id, err := c.groupRef(ctx, i18n.T("doing.grouprequests"), p.Group)
	if err != nil {
		return out, err
	}
	out.Requests = []clientrpc.GroupRequest{}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.GroupRequests(id)
		if err == nil {
			list, out.Rest, err = part(list, p.Page, func(r *history.GroupAccount) string { return fmt.Sprintf("%020d %s", r.Time.UnixMilli(), r.Account) })
		}
		for _, r := range list {
			if err != nil {
				return err
			}
			var name string
			name, err = c.nameOf(tx, r.Account)
			out.Requests = append(out.Requests, clientrpc.GroupRequest{Account: r.Account, Name: name, Text: r.Text, Time: r.Time})
		}
		return err
	})
	return out, err
}

// approveGroup lets in who asked, or not.
func (c *Client) approveGroup(ctx context.Context, p clientrpc.ApproveGroupParams) (out clientrpc.GroupRequestsResult, err error) {
	doing := i18n.T("doing.grouprequests")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	var waiting []history.GroupAccount
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		waiting, err = tx.GroupRequests(id)
		return err
	})
	if err != nil {
		return out, err
	}
	for _, fp := range p.Accounts {
		if !slices.ContainsFunc(waiting, func(r history.GroupAccount) bool { return r.Account == fp }) {
			return out, fail(clientrpc.CodeNotFound, doing, i18n.T("why.norequest", fp), i18n.T("next.grouprequests"), nil)
		}
	}
	if p.Refuse {
		err = c.forgetRequests(ctx, id, p.Accounts)
	} else {
		err = c.grant(ctx, doing, id, p.Accounts)
	}
	if err != nil {
		return out, err
	}
	return c.groupRequests(ctx, clientrpc.GroupListParams{GroupRef: p.GroupRef})
}
