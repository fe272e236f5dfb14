package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// groupCommands are about groups and channels.
type groupCommands struct {
	Group struct {
		List     groupsCmd        `cmd:"" default:"1" help:"${help_group_list}"`
		Create   groupCreateCmd   `cmd:"" help:"${help_group_create}"`
		Info     groupInfoCmd     `cmd:"" help:"${help_group_info}"`
		Members  groupMembersCmd  `cmd:"" help:"${help_group_members}"`
		Who      groupWhoCmd      `cmd:"" help:"${help_group_who}"`
		Invite   groupInviteCmd   `cmd:"" help:"${help_group_invite}"`
		Accept   groupAcceptCmd   `cmd:"" help:"${help_group_accept}"`
		Join     groupJoinCmd     `cmd:"" help:"${help_group_join}"`
		Leave    groupLeaveCmd    `cmd:"" help:"${help_group_leave}"`
		Remove   groupRemoveCmd   `cmd:"" help:"${help_group_remove}"`
		Ban      groupBanCmd      `cmd:"" help:"${help_group_ban}"`
		Unban    groupUnbanCmd    `cmd:"" help:"${help_group_unban}"`
		Role     groupRoleCmd     `cmd:"" help:"${help_group_role}"`
		Title    groupTitleCmd    `cmd:"" help:"${help_group_title}"`
		About    groupAboutCmd    `cmd:"" help:"${help_group_about}"`
		Picture  groupPictureCmd  `cmd:"" help:"${help_group_picture}"`
		Rules    groupRulesCmd    `cmd:"" help:"${help_group_rules}"`
		Pin      pinCmd           `cmd:"" help:"${help_group_pin}"`
		Unpin    unpinCmd         `cmd:"" help:"${help_group_unpin}"`
		Redact   groupRedactCmd   `cmd:"" help:"${help_group_redact}"`
		Link     groupLinkCmd     `cmd:"" help:"${help_group_link}"`
		Requests groupRequestsCmd `cmd:"" help:"${help_group_requests}"`
		Approve  groupApproveCmd  `cmd:"" help:"${help_group_approve}"`
		Refuse   groupRefuseCmd   `cmd:"" help:"${help_group_refuse}"`
		Reach    groupReachCmd    `cmd:"" help:"${help_group_reach}"`
		Dissolve groupEndCmd      `cmd:"" help:"${help_group_dissolve}"`
	} `cmd:"" help:"${help_group}"`
}

// groupHelp are their texts.
var groupHelp = []string{
	"group", "group_list", "group_create", "group_info", "group_members", "group_invite", "group_accept", "group_join", "group_leave", "group_remove",
	"group_ban", "group_unban", "group_role", "group_title", "group_about", "group_picture", "group_photo", "group_nopicture", "group_rules", "group_pin", "group_unpin", "group_redact", "group_link",
	"group_requests", "group_approve", "group_refuse", "group_reach", "group_dissolve", "group_name", "group_group", "group_anygroup", "group_people", "group_rolename",
	"group_channel", "group_secure", "group_aboutflag", "group_text", "group_linktext", "group_open", "group_subscribe", "group_new", "group_close", "group_rule_invite", "group_rule_pin", "group_rule_profile", "group_rule_write", "group_rule_all", "group_history",
}

// calling makes one call and gives the answer to show.
func calling[Req, Resp any](ctx context.Context, a *app, m clientrpc.Method[Req, Resp], req Req, show func(Resp) error) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := m.Call(ctx, conn, req)
	if err != nil {
		return err
	}
	return show(r)
}

// everyPart makes one call after the other, for a list of any length; none names what is
// said of an empty one.
func everyPart[Req, Resp any, P interface {
	*Req
	Behind(string)
}, R interface {
	*Resp
	More() string
}](ctx context.Context, a *app, m clientrpc.Method[Req, Resp], req Req, none string, show func(Resp) error) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return a.orNone(clientrpc.Each[Req, Resp, P, R](ctx, conn, m, req, show), none)
}

// A groupArg names a group: the first thing that is said behind the command, or by
// --chat, as older scripts have it (groupFirst).
type groupArg struct {
	Chat string `arg:"" name:"group" help:"${help_group_group}"`
}

func (g *groupArg) ref() clientrpc.GroupRef { return clientrpc.GroupRef{Group: g.Chat} }

// A groupPeople names a group and accounts.
type groupPeople struct {
	groupArg
	People []string `arg:"" name:"fpr" help:"${help_group_people}"`
}

// calling does something to them.
func (g *groupPeople) calling(ctx context.Context, a *app, m clientrpc.Method[clientrpc.GroupAccounts, clientrpc.Group]) error {
	return callingPeople(ctx, a, g.Chat, g.People, m, g.accounts, a.groupLine)
}

func (g *groupPeople) accounts(list []omega.Fingerprint) clientrpc.GroupAccounts {
	return clientrpc.GroupAccounts{GroupRef: g.ref(), Accounts: list}
}

// groupLine prints one group of the list.
func (a *app) groupLine(g clientrpc.Group) error {
	if a.json {
		return a.line(g)
	}
	parts := []string{g.Chat.String(), safe(g.Name), a.ownRole(g.Role)}
	if g.Role != clientrpc.RoleAsking && g.Role != clientrpc.RoleRefused { // nothing is known of it yet
		parts = append(parts, a.text("group.members", g.Size))
	}
	if g.Subscribers > 0 {
		parts = append(parts, a.text("group.subscribers", g.Subscribers))
	}
	for _, note := range []struct {
		on  bool
		key string
	}{{g.Secure, "group.secure"}, {g.Channel, "group.channel"}, {g.Waiting, "group.waiting"}, {g.Dissolved, "group.dissolved"}} {
		if note.on {
			parts = append(parts, a.text(note.key))
		}
	}
	a.columns(parts...)
	return nil
}

// ownRole is what this account is in a group, or how it stands to it.
func (a *app) ownRole(role string) string {
	switch role {
	case clientrpc.RoleOwner, clientrpc.RoleAdmin, clientrpc.RoleMember, clientrpc.RoleSubscriber:
		return a.text("group.you", a.roleName(role))
	}
	return a.roleName(role)
}

func (a *app) roleName(role string) string {
	if role == "" {
		role = "none"
	}
	return a.text("group.role." + role)
}

// groupWhole prints everything about a group.
func (a *app) groupWhole(g clientrpc.Group) error {
	if err := a.groupLine(g); err != nil || a.json {
		return err
	}
	a.printf("    %s\n", g.ID)
	if g.About != "" {
		a.printf("    %s\n", safe(g.About))
	}
	if p := g.Picture; p != nil && p.Here {
		a.printf("    %s\n", a.text("group.picture", p.ID, p.Item))
	} else if p != nil {
		a.printf("    %s\n", a.text("group.picturemissing"))
	}
	r := g.Rules
	a.printf("    %s\n", a.text("group.rules", a.ruleWord(r.Invite), a.ruleWord(r.Pin), a.ruleWord(r.Profile), a.ruleWord(r.Write), a.ruleWord(r.MentionAll), a.historyWord(r.History)))
	a.memberLines(g)
	if g.Partial {
		a.printf("    %s\n", a.text("group.partial"))
	}
	return nil
}

// ruleWord is who may do something in a group.
func (a *app) ruleWord(who string) string { return a.text("group.rule." + who) }

// historyWord is what newcomers of a group get to see: a word, or a number of messages.
func (a *app) historyWord(what string) string {
	if n, err := strconv.Atoi(what); err == nil {
		return a.text("group.newest", n)
	}
	return a.text("group.history." + what)
}

func (a *app) memberLines(g clientrpc.Group) {
	for _, part := range []struct {
		list []clientrpc.GroupMember
		role string
	}{{g.Members, ""}, {g.Invited, clientrpc.RoleInvited}, {g.Banned, clientrpc.RoleBanned}} {
		for _, m := range part.list {
			role := part.role
			if role == "" {
				role = m.Role
			}
			a.columns("   ", m.Account.String(), a.named(m.Name, m.SelfNamed), a.roleName(role))
			a.similar(m.Similar)
		}
	}
}

type groupsCmd struct{}

func (c *groupsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.Groups, clientrpc.Page{}, "none.groups", func(r clientrpc.GroupsResult) error {
		for _, g := range r.Groups {
			if err := a.groupLine(g); err != nil {
				return err
			}
		}
		return nil
	})
}

type groupCreateCmd struct {
	Name    string   `required:"" help:"${help_group_name}"`
	About   string   `help:"${help_group_aboutflag}"`
	Channel bool     `help:"${help_group_channel}"`
	Secure  bool     `help:"${help_group_secure}"`
	People  []string `arg:"" optional:"" name:"fpr" help:"${help_group_people}"`
}

func (c *groupCreateCmd) Run(ctx context.Context, a *app) error {
	return callingPeople(ctx, a, "", c.People, clientrpc.CreateGroup, func(members []omega.Fingerprint) clientrpc.CreateGroupParams {
		p := clientrpc.CreateGroupParams{Name: c.Name, About: c.About, Channel: c.Channel, Secure: c.Secure, Members: members}
		rand.Read(p.ID[:])
		return p
	}, a.groupInvited)
}

// groupInvited prints a group and who was invited to it.
func (a *app) groupInvited(g clientrpc.Group) error {
	if err := a.groupLine(g); err != nil || a.json || len(g.Invited) == 0 {
		return err
	}
	var names []string
	for _, m := range g.Invited {
		names = append(names, cmp.Or(a.named(m.Name, m.SelfNamed), keyID(m.Account)))
	}
	a.printf("    %s\n", a.text("group.invited", strings.Join(names, a.text("group.and"))))
	return nil
}

type groupInfoCmd struct{ groupArg }

func (c *groupInfoCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ShowGroup, c.ref(), a.groupWhole)
}

type groupMembersCmd struct{ groupArg }

func (c *groupMembersCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.GroupListParams{GroupRef: c.ref()}
	return everyPart(ctx, a, clientrpc.GroupMembers, p, "none.members", func(r clientrpc.GroupMembersResult) error {
		for _, m := range r.Members {
			inside := m.Role != clientrpc.RoleInvited && m.Role != clientrpc.RoleBanned && m.Role != clientrpc.RoleSubscriber
			switch {
			case !a.json:
				a.columns("   ", m.Account.String(), a.named(m.Name, m.SelfNamed), a.roleName(m.Role))
			case inside: // scripts get members only
				if err := a.line(m); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

type groupInviteCmd struct{ groupPeople }

func (c *groupInviteCmd) Run(ctx context.Context, a *app) error {
	return callingPeople(ctx, a, c.Chat, c.People, clientrpc.InviteGroup, c.accounts, a.groupInvited)
}

type groupAcceptCmd struct{ groupArg }

func (c *groupAcceptCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.AcceptGroup, c.ref(), a.groupLine)
}

type groupLeaveCmd struct{ groupArg }

func (c *groupLeaveCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.LeaveGroup, c.ref(), a.groupLine)
}

type groupEndCmd struct{ groupArg }

func (c *groupEndCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.EndGroup, c.ref(), a.groupLine)
}

type groupRemoveCmd struct{ groupPeople }

func (c *groupRemoveCmd) Run(ctx context.Context, a *app) error { return c.remove(ctx, a, false) }

type groupBanCmd struct{ groupPeople }

func (c *groupBanCmd) Run(ctx context.Context, a *app) error { return c.remove(ctx, a, true) }

func (g *groupPeople) remove(ctx context.Context, a *app, ban bool) error {
	return callingPeople(ctx, a, g.Chat, g.People, clientrpc.RemoveGroup, func(list []omega.Fingerprint) clientrpc.RemoveGroupParams {
		return clientrpc.RemoveGroupParams{GroupAccounts: g.accounts(list), Ban: ban}
	}, a.groupLine)
}

type groupUnbanCmd struct{ groupPeople }

func (c *groupUnbanCmd) Run(ctx context.Context, a *app) error {
	return c.calling(ctx, a, clientrpc.UnbanGroup)
}

type groupRoleCmd struct {
	groupArg
	Role   string   `arg:"" enum:"owner,admin,member" help:"${help_group_rolename}"`
	People []string `arg:"" name:"fpr" help:"${help_group_people}"`
}

func (c *groupRoleCmd) Run(ctx context.Context, a *app) error {
	return callingPeople(ctx, a, c.Chat, c.People, clientrpc.RoleGroup, func(list []omega.Fingerprint) clientrpc.RoleGroupParams {
		return clientrpc.RoleGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: c.ref(), Accounts: list}, Role: c.Role}
	}, a.groupLine)
}

type groupTitleCmd struct {
	groupArg
	Name string `arg:"" help:"${help_group_name}"`
}

func (c *groupTitleCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: c.ref(), Name: &c.Name}, a.groupLine)
}

type groupAboutCmd struct {
	groupArg
	Text string `arg:"" optional:"" help:"${help_group_aboutflag}"`
}

func (c *groupAboutCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: c.ref(), About: &c.Text}, a.groupLine)
}

type groupPictureCmd struct {
	groupArg
	Message string `arg:"" optional:"" name:"id" help:"${help_group_photo}"`
	None    bool   `help:"${help_group_nopicture}"`
}

func (c *groupPictureCmd) Run(ctx context.Context, a *app) error {
	if (c.Message == "") != c.None {
		return badValue(i18n.T("why.picturearg"))
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var id omega.ID
	if !c.None {
		if id, err = a.messageID(ctx, conn, c.Message, ""); err != nil {
			return err
		}
	}
	g, err := clientrpc.ProfileGroup.Call(ctx, conn, clientrpc.ProfileGroupParams{GroupRef: c.ref(), Picture: &id})
	if err != nil {
		return err
	}
	return a.groupLine(g)
}

type groupRulesCmd struct {
	groupArg
	Invite     string `help:"${help_group_rule_invite}" placeholder:"WHO"`
	Pin        string `help:"${help_group_rule_pin}" placeholder:"WHO"`
	Profile    string `help:"${help_group_rule_profile}" placeholder:"WHO"`
	Write      string `help:"${help_group_rule_write}" placeholder:"WHO"`
	MentionAll string `help:"${help_group_rule_all}" placeholder:"WHO"`
	History    string `help:"${help_group_history}" placeholder:"WHAT"`
}

func (c *groupRulesCmd) Run(ctx context.Context, a *app) error {
	rules := clientrpc.GroupRules{Invite: c.Invite, Pin: c.Pin, Profile: c.Profile, Write: c.Write, MentionAll: c.MentionAll, History: c.History}
	return calling(ctx, a, clientrpc.PolicyGroup, clientrpc.PolicyGroupParams{GroupRef: c.ref(), Rules: rules}, a.groupWhole)
}

type groupRedactCmd struct {
	groupArg
	IDs []string `arg:"" name:"id" help:"${help_remove_ids}"`
}

func (c *groupRedactCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := clientrpc.RedactGroupParams{GroupRef: c.ref()}
	if p.Messages, _, err = a.messageIDs(ctx, conn, c.IDs, c.Chat); err != nil {
		return err
	}
	g, err := clientrpc.RedactGroup.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	return a.groupLine(g)
}

type groupLinkCmd struct {
	groupArg
	Open      bool `help:"${help_group_open}" xor:"kind"`
	Subscribe bool `help:"${help_group_subscribe}" xor:"kind"`
	New       bool `help:"${help_group_new}" xor:"what"`
	Close     bool `help:"${help_group_close}" xor:"what"`
	picture
}

func (c *groupLinkCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.LinkGroupParams{GroupRef: c.ref(), Open: c.Open, Subscribe: c.Subscribe, New: c.New, Close: c.Close}
	return calling(ctx, a, clientrpc.LinkGroup, p, func(l clientrpc.GroupLink) error {
		if l.Link != "" {
			if err := c.write(l.Link); err != nil {
				return err
			}
		}
		if a.json {
			return a.line(l)
		}
		a.columns(l.Link)
		return nil
	})
}

func (a *app) requestLines(r clientrpc.GroupRequestsResult) error {
	for _, q := range r.Requests {
		if a.json {
			if err := a.line(q); err != nil {
				return err
			}
			continue
		}
		a.columns(a.clock(q.Time), safe(q.Title), q.Account.String(), a.named(q.Name, q.SelfNamed), safe(q.Text))
		a.similar(q.Similar)
	}
	return nil
}

type groupRequestsCmd struct {
	Group string `arg:"" optional:"" help:"${help_group_anygroup}"`
}

func (c *groupRequestsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.GroupRequests, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: c.Group}}, "none.grouprequests", a.requestLines)
}

type groupApproveCmd struct{ groupPeople }

func (c *groupApproveCmd) Run(ctx context.Context, a *app) error { return c.answer(ctx, a, false) }

type groupRefuseCmd struct{ groupPeople }

func (c *groupRefuseCmd) Run(ctx context.Context, a *app) error { return c.answer(ctx, a, true) }

func (g *groupPeople) answer(ctx context.Context, a *app, refuse bool) error {
	return callingPeople(ctx, a, g.Chat, g.People, clientrpc.ApproveGroup, func(list []omega.Fingerprint) clientrpc.ApproveGroupParams {
		return clientrpc.ApproveGroupParams{GroupAccounts: g.accounts(list), Refuse: refuse}
	}, a.requestLines)
}

type groupReachCmd struct{ one }

func (c *groupReachCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ref, err := c.ref(ctx, a, conn)
	if err != nil {
		return err
	}
	return a.orNone(clientrpc.Each(ctx, conn, clientrpc.Reach, clientrpc.ReachParams{MessageRef: ref}, func(r clientrpc.ReachResult) error {
		for _, q := range r.Accounts {
			if a.json {
				if err := a.line(q); err != nil {
					return err
				}
				continue
			}
			a.columns(q.Account.String(), a.named(q.Name, q.SelfNamed), a.text("group.reach."+q.State))
		}
		return nil
	}), "none.reach")
}
