package main

import (
	"context"
	"crypto/rand"

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
	"group_ban", "group_unban", "group_role", "group_title", "group_about", "group_rules", "group_pin", "group_unpin", "group_redact", "group_link",
	"group_requests", "group_approve", "group_refuse", "group_reach", "group_dissolve", "group_name", "group_group", "group_people", "group_rolename",
	"group_channel", "group_secure", "group_aboutflag", "group_text", "group_linktext", "group_open", "group_new", "group_close", "group_rule", "group_history",
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

// everyPart makes one call after the other, for a list of any length.
func everyPart[Req, Resp any, P interface {
	*Req
	Behind(string)
}, R interface {
	*Resp
	More() string
}](ctx context.Context, a *app, m clientrpc.Method[Req, Resp], req Req, show func(Resp) error) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return clientrpc.Each[Req, Resp, P, R](ctx, conn, m, req, show)
}

// A groupArg names a group.
type groupArg struct {
	Chat string `required:"" help:"${help_group_group}" placeholder:"GROUP"`
}

func (g *groupArg) ref() clientrpc.GroupRef { return clientrpc.GroupRef{Group: g.Chat} }

// A groupPeople names a group and accounts.
type groupPeople struct {
	groupArg
	People []string `arg:"" name:"fpr" help:"${help_group_people}"`
}

func (g *groupPeople) accounts() (out clientrpc.GroupAccounts, err error) {
	out.GroupRef = g.ref()
	out.Accounts, err = fingerprints(g.People)
	return out, err
}

func fingerprints(list []string) (out []omega.Fingerprint, err error) {
	for _, text := range list {
		fp, err := omega.ParseFingerprint(text)
		if err != nil {
			return nil, badValue(i18n.T("why.notaccount", text))
		}
		out = append(out, fp)
	}
	return out, nil
}

// groupLine prints one group of the list.
func (a *app) groupLine(g clientrpc.Group) error {
	if a.json {
		return a.line(g)
	}
	parts := []string{g.Chat.String(), safe(g.Name), a.roleName(g.Role), a.text("group.members", g.Size)}
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
	r := g.Rules
	a.printf("    %s\n", a.text("group.rules", r.Invite, r.Pin, r.Profile, r.Write, r.MentionAll, r.History))
	a.memberLines(g)
	if g.Partial {
		a.printf("    %s\n", a.text("group.partial"))
	}
	return nil
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
			a.columns("   ", m.Account.String(), safe(m.Name), a.roleName(role))
			a.similar(m.Similar)
		}
	}
}

type groupsCmd struct{}

func (c *groupsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.Groups, clientrpc.Page{}, func(r clientrpc.GroupsResult) error {
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
	members, err := fingerprints(c.People)
	if err != nil {
		return err
	}
	p := clientrpc.CreateGroupParams{Name: c.Name, About: c.About, Channel: c.Channel, Secure: c.Secure, Members: members}
	rand.Read(p.ID[:])
	return calling(ctx, a, clientrpc.CreateGroup, p, a.groupLine)
}

type groupInfoCmd struct{ groupArg }

func (c *groupInfoCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ShowGroup, c.ref(), a.groupWhole)
}

type groupMembersCmd struct{ groupArg }

func (c *groupMembersCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.GroupListParams{GroupRef: c.ref()}
	return everyPart(ctx, a, clientrpc.GroupMembers, p, func(r clientrpc.GroupMembersResult) error {
		for _, m := range r.Members {
			inside := m.Role != clientrpc.RoleInvited && m.Role != clientrpc.RoleBanned
			switch {
			case !a.json:
				a.columns("   ", m.Account.String(), safe(m.Name), a.roleName(m.Role))
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
	p, err := c.accounts()
	if err != nil {
		return err
	}
	return calling(ctx, a, clientrpc.InviteGroup, p, a.groupLine)
}

type groupAcceptCmd struct {
	Chat string `arg:"" name:"group" help:"${help_group_group}"`
}

func (c *groupAcceptCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.AcceptGroup, clientrpc.GroupRef{Group: c.Chat}, a.groupLine)
}

type groupJoinCmd struct {
	Link string `arg:"" help:"${help_group_linktext}"`
	Text string `help:"${help_group_text}"`
}

func (c *groupJoinCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: c.Link, Text: c.Text}, a.groupLine)
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
	p, err := g.accounts()
	if err != nil {
		return err
	}
	return calling(ctx, a, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: p, Ban: ban}, a.groupLine)
}

type groupUnbanCmd struct{ groupPeople }

func (c *groupUnbanCmd) Run(ctx context.Context, a *app) error {
	p, err := c.accounts()
	if err != nil {
		return err
	}
	return calling(ctx, a, clientrpc.UnbanGroup, p, a.groupLine)
}

type groupRoleCmd struct {
	groupArg
	Role   string   `arg:"" enum:"owner,admin,member" help:"${help_group_rolename}"`
	People []string `arg:"" name:"fpr" help:"${help_group_people}"`
}

func (c *groupRoleCmd) Run(ctx context.Context, a *app) error {
	accounts, err := fingerprints(c.People)
	if err != nil {
		return err
	}
	p := clientrpc.RoleGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: c.ref(), Accounts: accounts}, Role: c.Role}
	return calling(ctx, a, clientrpc.RoleGroup, p, a.groupLine)
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

type groupRulesCmd struct {
	groupArg
	Invite     string `help:"${help_group_rule}"`
	Pin        string `help:"${help_group_rule}"`
	Profile    string `help:"${help_group_rule}"`
	Write      string `help:"${help_group_rule}"`
	MentionAll string `help:"${help_group_rule}"`
	History    string `help:"${help_group_history}"`
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
	p := clientrpc.RedactGroupParams{GroupRef: c.ref()}
	for _, text := range c.IDs {
		id, err := messageID("ID", text)
		if err != nil {
			return err
		}
		p.Messages = append(p.Messages, id)
	}
	return calling(ctx, a, clientrpc.RedactGroup, p, a.groupLine)
}

type groupLinkCmd struct {
	groupArg
	Open  bool `help:"${help_group_open}"`
	New   bool `help:"${help_group_new}" xor:"what"`
	Close bool `help:"${help_group_close}" xor:"what"`
	picture
}

func (c *groupLinkCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.LinkGroupParams{GroupRef: c.ref(), Open: c.Open, New: c.New, Close: c.Close}
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
		a.columns(a.clock(q.Time), q.Account.String(), safe(q.Name), safe(q.Text))
	}
	return nil
}

type groupRequestsCmd struct{ groupArg }

func (c *groupRequestsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.GroupRequests, clientrpc.GroupListParams{GroupRef: c.ref()}, a.requestLines)
}

type groupApproveCmd struct{ groupPeople }

func (c *groupApproveCmd) Run(ctx context.Context, a *app) error { return c.answer(ctx, a, false) }

type groupRefuseCmd struct{ groupPeople }

func (c *groupRefuseCmd) Run(ctx context.Context, a *app) error { return c.answer(ctx, a, true) }

func (g *groupPeople) answer(ctx context.Context, a *app, refuse bool) error {
	p, err := g.accounts()
	if err != nil {
		return err
	}
	return calling(ctx, a, clientrpc.ApproveGroup, clientrpc.ApproveGroupParams{GroupAccounts: p, Refuse: refuse}, a.requestLines)
}

type groupReachCmd struct{ one }

func (c *groupReachCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	return everyPart(ctx, a, clientrpc.Reach, clientrpc.ReachParams{MessageRef: ref}, func(r clientrpc.ReachResult) error {
		for _, q := range r.Accounts {
			if a.json {
				if err := a.line(q); err != nil {
					return err
				}
				continue
			}
			a.columns(q.Account.String(), safe(q.Name), a.text("group.reach."+q.State))
		}
		return nil
	})
}
