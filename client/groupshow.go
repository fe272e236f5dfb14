package client

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// listGroups lists the groups that this account is or was in, or may join.
func (c *Client) listGroups(ctx context.Context, p clientrpc.Page) (out clientrpc.GroupsResult, err error) {
	out.Groups = []clientrpc.Group{}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.KnownGroups()
		for i := range list {
			if err != nil {
				return err
			}
			var g clientrpc.Group
			if g, err = c.describe(tx, &list[i], false); err == nil && (g.Role != clientrpc.RoleNone || g.Size > 0) {
				out.Groups = append(out.Groups, g)
			}
		}
		return err
	})
	if err == nil {
		out.Groups, out.Rest, err = part(out.Groups, p, func(g *clientrpc.Group) string { return g.Name + "\x00" + g.ID })
	}
	return out, err
}

// groupMembers lists everybody of a group.
func (c *Client) groupMembers(ctx context.Context, p clientrpc.GroupListParams) (out clientrpc.GroupMembersResult, err error) {
	doing := i18n.T("doing.groups")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if errors.Is(err, history.ErrNotFound) {
			return noGroup(doing, id.String())
		}
		if err == nil {
			var readers []clientrpc.GroupMember
			if readers, err = c.subscriberList(tx, s); err != nil {
				return err
			}
			out.Members, out.Rest, err = part(append(people(s), readers...), p.Page, func(m *clientrpc.GroupMember) string { return roleOrder[m.Role] + m.Account.String() })
		}
		if err != nil {
			return err
		}
		return c.nameMembers(tx, out.Members)
	})
	return out, err
}

// roleOrder is how people of a group are sorted.
var roleOrder = map[string]string{
	clientrpc.RoleOwner: "1", clientrpc.RoleAdmin: "2", clientrpc.RoleMember: "3", clientrpc.RoleInvited: "4", clientrpc.RoleBanned: "5", clientrpc.RoleSubscriber: "6",
}

// people are all of a group, without their names.
func people(s *group.State) (out []clientrpc.GroupMember) {
	for _, m := range s.Members {
		out = append(out, clientrpc.GroupMember{Account: m.Account, Role: m.Role.String()})
	}
	for _, fp := range s.Invited {
		out = append(out, clientrpc.GroupMember{Account: fp, Role: clientrpc.RoleInvited})
	}
	for _, fp := range s.Banned {
		out = append(out, clientrpc.GroupMember{Account: fp, Role: clientrpc.RoleBanned})
	}
	return out
}

// showGroupInfo says everything about one group.
func (c *Client) showGroupInfo(ctx context.Context, p clientrpc.GroupRef) (out clientrpc.Group, err error) {
	id, err := c.groupRef(ctx, i18n.T("doing.groups"), p.Group)
	if err != nil {
		return out, err
	}
	return c.describeGroup(ctx, id)
}

func (c *Client) describeGroup(ctx context.Context, id chat.Hash) (out clientrpc.Group, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		g, err := tx.KnownGroup(id)
		if errors.Is(err, history.ErrNotFound) {
			return noGroup(i18n.T("doing.groups"), id.String())
		}
		if err == nil {
			out, err = c.describe(tx, g, true)
		}
		return err
	})
	return out, err
}

// describe says what is known of a group; of a whole one everything.
func (c *Client) describe(tx *history.Tx, g *history.Group, whole bool) (out clientrpc.Group, err error) {
	out = clientrpc.Group{ID: g.ID.String(), Chat: g.Chat(), Name: g.Title, Waiting: !g.Accepted.IsZero()}
	if g.Ticket != (chat.Ticket{}) {
		out.Role = clientrpc.RoleAsking
	} else if !g.Refused.IsZero() {
		out.Role, out.Refuser = clientrpc.RoleRefused, g.Refuser.String()
	}
	if !g.Subscribed.IsZero() {
		out.Role = clientrpc.RoleSubscriber
	}
	v, err := c.groupView(tx, g.ID)
	if err != nil {
		return out, ignoreNotFound(err)
	}
	s := v.state
	out.Name, out.About, out.Channel, out.Dissolved = names.Shown(s.Profile.Name), s.Profile.About, s.Rules.Channel(), s.Dissolved
	out.Secure = s.Secure
	out.Size, out.Pinned, out.Rules = len(s.Members), s.Pinned, showRules(s.Rules)
	switch role := s.Role(c.acc.Fingerprint); {
	case role > group.RoleNone:
		out.Role = role.String()
	case slices.Contains(s.Invited, c.acc.Fingerprint):
		out.Role = clientrpc.RoleInvited
	}
	subscribers, err := c.subscriberList(tx, s)
	if err != nil {
		return out, err
	}
	out.Subscribers = len(subscribers)
	if !g.Inviter.IsZero() {
		out.Inviter = g.Inviter.String()
	}
	if out.Picture, err = c.showPicture(tx, s); err != nil || !whole {
		return out, err
	}
	out.Operations = v.count
	for _, h := range v.heads {
		out.Heads = append(out.Heads, h.String())
	}
	members := slices.Clone(s.Members)
	slices.SortStableFunc(members, func(a, b group.Member) int { return cmp.Compare(b.Role, a.Role) })
	for _, m := range firstPage(members, &out.Partial) {
		out.Members = append(out.Members, clientrpc.GroupMember{Account: m.Account, Role: m.Role.String()})
	}
	for _, fp := range firstPage(s.Invited, &out.Partial) {
		out.Invited = append(out.Invited, clientrpc.GroupMember{Account: fp})
	}
	for _, fp := range firstPage(s.Banned, &out.Partial) {
		out.Banned = append(out.Banned, clientrpc.GroupMember{Account: fp})
	}
	return out, c.nameMembers(tx, out.Members, out.Invited, out.Banned)
}

// roleInvited is this account's role in a group to which it was invited, once that is
// another one: it accepted, or had asked to join and is let in without being asked.
func (c *Client) roleInvited(tx *history.Tx, id chat.Hash) (string, error) {
	s, err := c.groupState(tx, id)
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		return "", err
	}
	if err == nil && s.Role(c.acc.Fingerprint) > group.RoleNone {
		return s.Role(c.acc.Fingerprint).String(), nil
	}
	g, err := tx.KnownGroup(id)
	if err != nil || g.Ticket == (chat.Ticket{}) {
		return "", ignoreNotFound(err)
	}
	return clientrpc.RoleAsking, nil
}

// firstPage is the part of a list that fits into one answer.
func firstPage[T any](list []T, partial *bool) []T {
	if len(list) <= clientrpc.PageMax {
		return list
	}
	*partial = true
	return list[:clientrpc.PageMax]
}

// nameMembers says how those on some lists are called here, and warns of members
// who are no contacts and have a name that looks like that of one. (CHAT-48)
func (c *Client) nameMembers(tx *history.Tx, lists ...[]clientrpc.GroupMember) error {
	known, err := c.namesKnown(tx)
	if err != nil {
		return err
	}
	for _, list := range lists {
		accounts := make([]omega.Fingerprint, len(list))
		for i := range list {
			accounts[i] = list[i].Account
		}
		called, err := c.callings(tx, accounts)
		if err != nil {
			return err
		}
		for i := range list {
			m := &list[i]
			n := called[m.Account]
			if m.Name, m.SelfNamed = n.name, n.self; !n.contact && m.Account != c.acc.Fingerprint {
				m.Similar = known.like(m.Account, m.Name)
			}
		}
	}
	return nil
}

func showRules(r group.Rules) clientrpc.GroupRules {
	return clientrpc.GroupRules{
		Invite: r.Invite.String() + "s", Pin: r.Pin.String() + "s", Profile: r.Profile.String() + "s", Write: r.Write.String() + "s",
		MentionAll: r.MentionAll.String() + "s", History: r.History.String(),
	}
}

// showReach counts with how many a message of one's own in a group has come how far.
func (c *Client) showReach(tx *history.Tx, r *history.Row, m *clientrpc.Message) error {
	if !r.Own || !r.Peer.IsZero() || r.Sequence == 0 || r.State == clientrpc.StateFailed {
		return nil
	}
	list, err := tx.ReachOf(r)
	if err != nil || len(list) == 0 {
		return err
	}
	m.Delivered = len(list)
	for _, a := range list {
		if a.State == clientrpc.StateRead {
			m.ReadBy++
		}
	}
	return nil
}
