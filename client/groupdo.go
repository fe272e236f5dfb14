package client

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

func (c *Client) party() group.Party {
	return group.Party{Account: c.acc.Fingerprint, Device: c.acc.Device}
}

// groupRef finds the group that somebody names.
func (c *Client) groupRef(ctx context.Context, doing i18n.Text, name string) (id chat.Hash, err error) {
	if b, err := hex.DecodeString(name); err == nil && len(b) == len(id) {
		copy(id[:], b)
		return id, nil
	}
	at, err := omega.ParseChatID(name)
	if err != nil {
		if at, err = c.groupNamed(doing, name); err != nil {
			return id, err
		}
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		id, err = tx.Group(ctx, at)
		return err
	})
	if err == nil && id == (chat.Hash{}) {
		err = noGroup(doing, name)
	}
	return id, err
}

func noGroup(doing i18n.Text, name string) error {
	return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nogroup", name), i18n.T("next.grouplist"), nil)
}

// groupNamed finds the chat of the one group with a name.
func (c *Client) groupNamed(doing i18n.Text, name string) (at omega.ChatID, err error) {
	var found []omega.ChatID
	err = c.db.View(context.Background(), func(tx *history.Tx) error {
		list, err := tx.KnownGroups()
		for i := range list {
			if err != nil {
				return err
			}
			var s *group.State
			if s, err = c.groupState(tx, list[i].ID); errors.Is(err, history.ErrNotFound) {
				err = nil // only a link to it is known
				if list[i].Title == name {
					found = append(found, list[i].Chat())
				}
			} else if err == nil && s.Profile.Name == name {
				found = append(found, list[i].Chat())
			}
		}
		return err
	})
	switch {
	case err != nil:
		return at, err
	case len(found) == 0:
		return c.chatBeginning(doing, name, true)
	case len(found) > 1:
		return at, fail(clientrpc.CodeUsage, doing, i18n.T("why.manygroups", name, len(found)), i18n.T("next.grouplist"), nil)
	}
	return found[0], nil
}

// groupNameError says what a group may be called.
func groupNameError(doing i18n.Text, err error) error {
	return fail(clientrpc.CodeUsage, doing, i18n.T("why.groupname", group.MaxName, group.MaxAbout), i18n.T("next.devicename"), err)
}

// createGroup makes a group and invites its first members.
func (c *Client) createGroup(ctx context.Context, p clientrpc.CreateGroupParams) (out clientrpc.Group, err error) {
	doing := i18n.T(map[bool]string{false: "doing.groupcreate", true: "doing.channelcreate"}[p.Channel], p.Name)
	if p.ID.IsZero() {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.params"), i18n.Text{}, nil)
	}
	var rules *group.Rules
	r := group.DefaultRules
	if p.Channel {
		r.Write, r.Invite = group.RoleAdmin, group.RoleAdmin
		rules = &r
	}
	if p.Secure {
		r.History = group.HistoryNone // who joins reads from then on
		rules = &r
	}
	if names.Blank(p.Name) {
		return out, groupNameError(doing, nil)
	}
	made := "group-made-" + p.ID.String()
	var id chat.Hash
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		b, err := tx.Setting(made)
		if err != nil || len(b) == len(id) {
			copy(id[:], b)
			return err
		}
		name, err := c.ownName(tx)
		if err != nil {
			return err
		}
		profile := group.Profile{Name: p.Name, About: p.About}
		o, err := group.Genesis(c.cfg.rand(), group.Op{
			Author: c.party(), Time: c.signingTime(), Profile: profile, Rules: rules, Secure: p.Secure, Called: chat.SanitizeName(name),
		})
		if err != nil {
			return groupNameError(doing, err)
		}
		if err := o.Sign(ctx, c.identity().Signer); err != nil {
			return err
		}
		l, err := c.newGroup(tx, o, &opsIn{from: c.acc.Fingerprint, heard: c.cfg.now()})
		if err != nil {
			return err
		}
		id = chat.Hash(o.Hash())
		c.showGroup(l)
		if err := c.noteGroup(tx, l, []*group.Op{o}); err != nil {
			return err
		}
		return tx.SetSetting(made, id[:])
	})
	if err != nil {
		return out, err
	}
	c.changed.notify()
	if len(c.others()) > 0 { // the other devices learn of it
		if err := c.tellDevices(ctx, id); err != nil {
			return out, err
		}
	}
	if len(p.Members) == 0 {
		return c.describeGroup(ctx, id)
	}
	return c.invite(ctx, clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: id.String()}, Accounts: p.Members})
}

// A groupAct is an operation that this account wants to make.
type groupAct struct {
	doing i18n.Text
	group chat.Hash
	make  func(s *group.State) (*group.Op, error) // nil: there is nothing to do
	alone bool                                    // others are told elsewhere
	last  bool                                    // it is told before it counts here
	id    omega.ID                                // of the message that tells it; zero: any
}

// act makes an operation, keeps it and tells the members.
func (c *Client) act(ctx context.Context, a groupAct) (made *group.Op, err error) {
	if c.isRevoked() {
		return nil, explain(a.doing, c.revoked(ctx))
	}
	c.readyGroup(ctx, a.group)
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		l, err := c.groupIn(tx, a.group)
		if errors.Is(err, history.ErrNotFound) {
			return noGroup(a.doing, a.group.String())
		}
		if err != nil {
			return err
		}
		o, err := a.make(l.State())
		if err != nil || o == nil {
			return err
		}
		merged, err := c.mergeHeads(ctx, tx, l, chat.MaxHeads)
		if err == nil {
			merged, err = c.tellMerges(ctx, tx, a.group, merged)
		}
		if err != nil {
			return err
		}
		if made, err = l.Next(c.party(), c.signingTime(), *o); err != nil {
			return fail(clientrpc.CodeUsage, a.doing, i18n.T("why.params"), i18n.T("next.groupinfo"), err)
		}
		if err := made.Sign(ctx, c.identity().Signer); err != nil {
			return err
		}
		tell := func() error {
			content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{Operations: append(merged, made.Marshal())}}
			if a.last && l.State().Secure {
				id, err := c.newID()
				if err != nil {
					return err
				}
				return c.sealLast(ctx, tx, l, id, content)
			}
			if a.id.IsZero() {
				return c.tellGroupIn(ctx, tx, a.group, content)
			}
			return c.sealGroup(ctx, tx, a.group, a.id, content)
		}
		if a.last && !a.alone {
			if err := tell(); err != nil {
				return err
			}
		}
		if _, err := l.add(tx, made, c.cfg.now()); err != nil {
			return err
		}
		state := l.State()
		if isVoid(state, made) {
			// It changes nothing, and must not stay: it would be shown as an attempt.
			return fail(clientrpc.CodeRefused, a.doing, i18n.T("why.groupmaynot"), i18n.T("next.groupinfo"), nil)
		}
		if made.Type == group.TypeInvite {
			if err := c.letGuests(tx, made.Accounts); err != nil {
				return err
			}
		}
		c.showGroup(l)
		if err := c.noteGroup(tx, l, []*group.Op{made}); err != nil {
			return err
		}
		if a.last || a.alone {
			return nil
		}
		return tell()
	})
	if errors.Is(err, errNotMember) || errors.Is(err, group.ErrStranger) { // who subscribes is no member either
		err = fail(clientrpc.CodeRefused, a.doing, i18n.T("why.groupmaynot"), i18n.T("next.groupinfo"), nil)
	}
	c.queued.notify()
	c.changed.notify()
	return made, err
}

// invite lets accounts join.
func (c *Client) invite(ctx context.Context, p clientrpc.GroupAccounts) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.groupinvite")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	if err := c.reachable(ctx, doing, p.Accounts); err != nil {
		return out, err
	}
	if err := c.roomFor(ctx, doing, id, accountsOf(p.Accounts)...); err != nil {
		return out, err
	}
	_, err = c.act(ctx, groupAct{doing: doing, group: id, make: func(s *group.State) (*group.Op, error) {
		var todo []omega.Fingerprint
		for _, fp := range accountsOf(p.Accounts) {
			if slices.Contains(s.Banned, fp) {
				return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.banned", fp), i18n.T("next.unban"), nil)
			}
			if s.Role(fp) == group.RoleNone && !slices.Contains(s.Invited, fp) {
				todo = append(todo, fp)
			}
		}
		if len(todo) == 0 {
			return nil, nil
		}
		return &group.Op{Type: group.TypeInvite, Accounts: todo}, nil
	}})
	if err != nil {
		return out, err
	}
	if err := c.sendInvitations(ctx, id, accountsOf(p.Accounts)); err != nil {
		return out, err
	}
	return c.describeGroup(ctx, id)
}

// accountsOf is a list of accounts in order, each once.
func accountsOf(list []omega.Fingerprint) []omega.Fingerprint {
	out := slices.Clone(list)
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return slices.Compact(out)
}

// reachable wants the certificates of accounts here.
func (c *Client) reachable(ctx context.Context, doing i18n.Text, accounts []omega.Fingerprint) error {
	if len(accounts) == 0 || len(accounts) > group.MaxItems {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.groupaccounts", group.MaxItems), i18n.T("next.fewer"), nil)
	}
	wait, cancel := context.WithTimeout(ctx, unknownWait)
	defer cancel()
	c.waitOnline(wait) // the process may have begun just now
	for _, fp := range accounts {
		_, _, err := c.peer(ctx, fp, memberAge)
		switch {
		case isCode(err, omega.CodeNotFound):
			return fail(clientrpc.CodeNotFound, doing, i18n.T("why.unknown", fp), i18n.T("next.fingerprint"), nil)
		case err != nil:
			return explain(doing, err)
		}
	}
	return nil
}

// sendInvitations gives those who are invited the operations so far, and the
// invitation. (spec/group.md, GROUP-17)
func (c *Client) sendInvitations(ctx context.Context, id chat.Hash, to []omega.Fingerprint) error {
	var parts [][][]byte
	var heads []chat.Hash
	var name string
	err := c.db.Update(ctx, func(tx *history.Tx) error { // groups in memory belong to the writer
		l, err := c.groupIn(tx, id)
		if err != nil {
			return err
		}
		s := l.State()
		to = slices.DeleteFunc(slices.Clone(to), func(fp omega.Fingerprint) bool { return !slices.Contains(s.Invited, fp) })
		if len(to) > 0 {
			parts, heads, name = groupParts(l.Ops()), l.heads(), s.Profile.Name
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, fp := range to {
		last := len(parts) - 1
		if err := c.sendParts(ctx, fp, id, parts[:last], nil); err != nil {
			return err
		}
		err := c.sendControl(ctx, fp, &chat.Content{
			Kind: chat.KindGroupInvite, Text: name, Group: &chat.GroupNews{ID: id, Heads: heads, Operations: parts[last]},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// acceptGroup joins a group that this account is invited to.
func (c *Client) acceptGroup(ctx context.Context, p clientrpc.GroupRef) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.groupaccept")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	if err := c.accept(ctx, doing, id); err != nil {
		return out, err
	}
	return c.describeGroup(ctx, id)
}

func (c *Client) accept(ctx context.Context, doing i18n.Text, id chat.Hash) error {
	c.readyGroup(ctx, id)
	if err := c.roomFor(ctx, doing, id, c.acc.Fingerprint); err != nil {
		return err
	}
	name, err := c.ownNameNow(ctx)
	if err != nil {
		return err
	}
	made, err := c.act(ctx, groupAct{doing: doing, group: id, alone: true, make: func(s *group.State) (*group.Op, error) {
		switch {
		case s.Role(c.acc.Fingerprint) > group.RoleNone:
			return nil, nil
		case !slices.Contains(s.Invited, c.acc.Fingerprint):
			return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.notinvited"), i18n.T("next.invited"), nil)
		}
		return &group.Op{Type: group.TypeAccept, Called: chat.SanitizeName(name)}, nil
	}})
	if err != nil || made == nil {
		return err
	}
	var inviter omega.Fingerprint
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		g, err := tx.KnownGroup(id)
		if err != nil {
			return err
		}
		g.Accepted, g.Ticket, g.Refuser, g.Refused = c.cfg.now(), chat.Ticket{}, omega.Fingerprint{}, time.Time{}
		if g.Inviter.IsZero() { // another device got the invitation
			l, err := c.groupIn(tx, id)
			if err != nil {
				return err
			}
			g.Inviter = l.groundOf(c.acc.Fingerprint)
		}
		inviter = g.Inviter
		return tx.PutGroup(g)
	})
	if err != nil {
		return err
	}
	c.letting.notify() // who invited may send all that is needed
	c.missing.notify() // it is told again, and to others, while no key comes
	if err := c.tellDevices(ctx, id); err != nil {
		return err
	}
	return c.sendControl(ctx, inviter, c.acceptContent(id, made))
}

// groundOf is who invited an account last.
func (l *groupLog) groundOf(account omega.Fingerprint) omega.Fingerprint {
	for _, o := range slices.Backward(l.Ops()) {
		if (o.Type == group.TypeInvite || o.Type == group.TypeRole || o.Type == group.TypeGenesis) && slices.Contains(o.Accounts, account) {
			return o.Author.Account
		}
	}
	return omega.Fingerprint{}
}

// leaveGroup ends this account's membership.
func (c *Client) leaveGroup(ctx context.Context, p clientrpc.GroupRef) (clientrpc.Group, error) {
	doing := i18n.T("doing.groupleave")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return clientrpc.Group{}, err
	}
	switch was, err := c.unsubscribe(ctx, id); {
	case err != nil:
		return clientrpc.Group{}, err
	case was:
		return c.describeGroup(ctx, id)
	}
	return c.actAndShow(ctx, doing, p, true, func(s *group.State) (*group.Op, error) {
		if s.Role(c.acc.Fingerprint) == group.RoleNone {
			return nil, nil
		}
		if c.lastOwner(s) {
			return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.lastowner", s.Profile.Name), i18n.T("next.lastowner"), nil)
		}
		return &group.Op{Type: group.TypeLeave}, nil
	})
}

// endGroup dissolves a group.
func (c *Client) endGroup(ctx context.Context, p clientrpc.GroupRef) (clientrpc.Group, error) {
	return c.actAndShow(ctx, i18n.T("doing.groupdissolve"), p, true, func(s *group.State) (*group.Op, error) {
		if s.Dissolved {
			return nil, nil
		}
		return &group.Op{Type: group.TypeDissolve}, nil
	})
}

// actAndShow makes an operation and says what the group is then.
func (c *Client) actAndShow(ctx context.Context, doing i18n.Text, p clientrpc.GroupRef, last bool, make func(*group.State) (*group.Op, error)) (out clientrpc.Group, err error) {
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	if _, err := c.act(ctx, groupAct{doing: doing, group: id, make: make, last: last}); err != nil {
		return out, err
	}
	return c.describeGroup(ctx, id)
}

// removeMembers ends others' membership, and tells them.
func (c *Client) removeMembers(ctx context.Context, p clientrpc.RemoveGroupParams) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.groupremove")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	state := chat.Unsubscribed
	if p.Ban {
		state = chat.SubscriberOut
	}
	members, err := c.takeOut(ctx, id, accountsOf(p.Accounts), state)
	if err != nil {
		return out, err
	}
	if len(members) == 0 {
		return c.describeGroup(ctx, id)
	}
	made, err := c.act(ctx, groupAct{doing: doing, group: id, make: func(s *group.State) (*group.Op, error) {
		o := &group.Op{Type: group.TypeRemove}
		if p.Ban {
			o.Type = group.TypeBan
		}
		for _, fp := range members {
			in := s.Role(fp) > group.RoleNone || slices.Contains(s.Invited, fp)
			if p.Ban && !slices.Contains(s.Banned, fp) || !p.Ban && in {
				o.Accounts = append(o.Accounts, fp)
			}
		}
		if len(o.Accounts) == 0 {
			return nil, nil
		}
		return o, nil
	}})
	if err != nil {
		return out, err
	}
	if made != nil {
		for _, fp := range made.Accounts { // they get nothing in the group's chat any more
			if err := c.sendControl(ctx, fp, c.acceptContent(id, made)); err != nil && ctx.Err() == nil {
				c.cfg.log().Warn("removal not told", "account", fp, "err", err)
			}
		}
	}
	return c.describeGroup(ctx, id)
}

// unban lets accounts be invited again.
func (c *Client) unban(ctx context.Context, p clientrpc.GroupAccounts) (clientrpc.Group, error) {
	doing := i18n.T("doing.groupremove")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err == nil {
		err = c.letBack(ctx, id, accountsOf(p.Accounts))
	}
	if err != nil {
		return clientrpc.Group{}, err
	}
	return c.actAndShow(ctx, doing, p.GroupRef, false, func(s *group.State) (*group.Op, error) {
		o := &group.Op{Type: group.TypeUnban}
		for _, fp := range accountsOf(p.Accounts) {
			if slices.Contains(s.Banned, fp) {
				o.Accounts = append(o.Accounts, fp)
			}
		}
		if len(o.Accounts) == 0 {
			return nil, nil
		}
		return o, nil
	})
}

// setRole makes owners, admins or members.
func (c *Client) setRole(ctx context.Context, p clientrpc.RoleGroupParams) (out clientrpc.Group, err error) {
	doing := i18n.T("doing.grouprole")
	role, ok := group.ParseRole(p.Role)
	if !ok {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.grouprole", p.Role), i18n.T("next.grouprole"), nil)
	}
	out, err = c.actAndShow(ctx, doing, p.GroupRef, false, func(s *group.State) (*group.Op, error) {
		if role != group.RoleOwner && slices.Contains(p.Accounts, c.acc.Fingerprint) && c.lastOwner(s) {
			return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.lastowner", s.Profile.Name), i18n.T("next.lastowner"), nil)
		}
		o := &group.Op{Type: group.TypeRole, Role: role}
		for _, fp := range accountsOf(p.Accounts) {
			switch s.Role(fp) {
			case role:
			case group.RoleNone:
				return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nomember", fp), i18n.T("next.groupinfo"), nil)
			default:
				o.Accounts = append(o.Accounts, fp)
			}
		}
		if len(o.Accounts) == 0 {
			return nil, nil
		}
		return o, nil
	})
	if err != nil {
		return out, err
	}
	id, err := c.groupRef(ctx, doing, p.Group)
	if err == nil {
		err = c.shareList(ctx, id, accountsOf(p.Accounts))
	}
	return out, err
}

// redactMessages takes others' messages back for all.
func (c *Client) redactMessages(ctx context.Context, p clientrpc.RedactGroupParams) (clientrpc.Group, error) {
	return c.actAndShow(ctx, i18n.T("doing.remove"), p.GroupRef, false, func(s *group.State) (*group.Op, error) {
		ids := slices.DeleteFunc(slices.Clone(p.Messages), func(id omega.ID) bool { return slices.Contains(s.Redacted, id) })
		slices.SortFunc(ids, func(a, b omega.ID) int { return slices.Compare(a[:], b[:]) })
		if ids = slices.Compact(ids); len(ids) == 0 {
			return nil, nil
		}
		return &group.Op{Type: group.TypeRedact, Messages: ids}, nil
	})
}

// pinInGroup pins a message for all of a group, or takes it down.
func (c *Client) pinInGroup(ctx context.Context, doing i18n.Text, id chat.Hash, p clientrpc.PinParams) (*clientrpc.SendResult, error) {
	made, err := c.act(ctx, groupAct{doing: doing, group: id, id: p.ID, make: func(s *group.State) (*group.Op, error) {
		if slices.Contains(s.Pinned, p.Message) == p.Pinned {
			return nil, nil
		}
		o := &group.Op{Type: group.TypeUnpin, Messages: []omega.ID{p.Message}}
		if p.Pinned {
			o.Type = group.TypePin
		}
		return o, nil
	}})
	at := omega.ChatID(id[:16])
	if err != nil || made == nil {
		return &clientrpc.SendResult{ID: p.ID, Chat: at, State: clientrpc.StateStored}, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(p.Timeout, time.Millisecond))
	defer cancel()
	return c.await(ctx, letter{id: p.ID, to: at.String(), wait: p.Wait, timeout: p.Timeout}, at)
}
