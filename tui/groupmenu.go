package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A groupNote is what is known of a group beside its chat.
type groupNote struct {
	size    int
	role    string // of this account
	rules   clientrpc.GroupRules
	about   string
	channel bool // only some write

	dissolved   bool
	subscribers int // of a channel, where this account may write
}

// thing is the key of what it is called: a group or a channel.
func (g groupNote) thing() string {
	return (&clientrpc.Message{Channel: g.channel}).Thing()
}

// decides reports whether this account is asked who may join, and may change others'
// roles.
func (g groupNote) decides() bool {
	return g.role == clientrpc.RoleOwner || g.role == clientrpc.RoleAdmin
}

// allowed reports whether a rule lets this account do something.
func (g groupNote) allowed(rule string) bool {
	switch rule {
	case "owners":
		return g.role == clientrpc.RoleOwner
	case "admins":
		return g.decides()
	}
	return g.decides() || g.role == clientrpc.RoleMember
}

// groupMsg is how a group stands; menu: its menu was asked for.
type groupMsg struct {
	chat omega.ChatID
	note groupNote
	menu bool
}

// lookAtGroup asks how a group stands.
func lookAtGroup(chat omega.ChatID, menu bool) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		g, err := clientrpc.ShowGroup.Call(ctx, core, clientrpc.GroupRef{Group: chat.String()})
		switch {
		case err == nil:
			return groupMsg{chat, groupNote{g.Size, g.Role, g.Rules, g.About, g.Channel, g.Dissolved, g.Subscribers}, menu}
		case menu:
			return failedMsg{err}
		}
		return nil // it is said less
	}
}

// listedAgain is how long the list is shown before it asks again of a group of which it could
// not be told.
const listedAgain = time.Minute

// lookAtListed asks how the groups stand that the list shows, until it is told: which of them are
// channels. What changes of one that is known comes with an event.
func (m *Model) lookAtListed() tea.Cmd {
	if m.phase != ready || m.one() && m.conv.open && m.focus != onList {
		return nil
	}
	var cmds []tea.Cmd
	shown, now := m.chats.shown, m.now()
	from := max(0, min(m.chats.top, len(shown)))
	for _, c := range shown[from:min(len(shown), from+m.height)] {
		if _, known := m.groups[c.ID]; c.Kind == clientrpc.ChatGroup && !known && !now.Before(m.listed[c.ID]) {
			m.listed[c.ID] = now.Add(listedAgain)
			cmds = append(cmds, m.run(lookAtGroup(c.ID, false)))
		}
	}
	return tea.Batch(cmds...)
}

// lookWhileOutside asks again how the open group stands while this account is not in it
// yet: what happens in its chat may be that it was let in.
func (m *Model) lookWhileOutside(chat omega.ChatID) tea.Cmd {
	c := m.chat()
	g, known := m.groups[chat] // an answer that is under way may be older than this
	if c == nil || c.ID != chat || c.Kind != clientrpc.ChatGroup || known && g.role != clientrpc.RoleAsking && g.role != clientrpc.RoleInvited {
		return nil
	}
	return m.run(lookAtGroup(chat, false))
}

func (m *Model) onGroup(msg groupMsg) {
	m.groups[msg.chat] = msg.note
	if c := m.chats.find(msg.chat); msg.menu && c != nil && m.top() == nil {
		m.menuOf(c)
	}
}

// roleName is a role in a group in words.
func (m *Model) roleName(role string) string {
	if role == "" {
		return ""
	}
	return m.text("group.role." + role)
}

// groupItems are about a group: what this account's role lets it do.
func (m *Model) groupItems(p *picker, c *clientrpc.Chat) {
	if c.Kind != clientrpc.ChatGroup {
		return
	}
	id, g := c.ID.String(), m.groups[c.ID]
	add := func(may bool, key string, i ink, do func(m *Model) tea.Cmd) {
		if may {
			p.items = append(p.items, item{label: m.text(key), ink: i, do: do})
		}
	}
	add(true, "tui.group.members", noInk, func(m *Model) tea.Cmd { return m.members(c.ID) })
	add(g.decides(), "tui.group.requests", noInk, func(m *Model) tea.Cmd { return m.joinRequests(id) })
	add(g.allowed(g.rules.Invite), "tui.group.invite", noInk, func(m *Model) tea.Cmd { return m.askInvite(id) })
	add(g.allowed(g.rules.Invite), "tui.group.link", noInk, func(m *Model) tea.Cmd { return m.linkKinds(c.ID) })
	add(g.allowed(g.rules.Profile), "tui.group.title", noInk, func(m *Model) tea.Cmd { return m.askProfile(c, "tui.group.title", c.Name) })
	add(g.allowed(g.rules.Profile), "tui.group.about", noInk, func(m *Model) tea.Cmd { return m.askProfile(c, "tui.group.about", g.about) })
	add(g.role == clientrpc.RoleOwner, "tui.group.rules", noInk, func(m *Model) tea.Cmd { return m.rulesMenu(c.ID) })
	leave, end := "tui.group.leave", "tui.group.end"
	if g.channel {
		leave, end = "tui.channel.leave", "tui.channel.end"
	}
	add(true, leave, inkBad, func(m *Model) tea.Cmd {
		m.confirm(m.text(leave), m.chatTitle(c), func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.LeaveGroup, clientrpc.GroupRef{Group: id}, noText))
		})
		return nil
	})
	add(g.role == clientrpc.RoleOwner, end, inkBad, func(m *Model) tea.Cmd {
		m.confirm(m.text(end), m.text("tui.group.endnote", m.chatTitle(c)), func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.EndGroup, clientrpc.GroupRef{Group: id}, noText))
		})
		return nil
	})
}

func (m *Model) askInvite(group string) tea.Cmd {
	return m.chooseChat(m.text("tui.group.invite"), func(m *Model, who *clientrpc.Chat) tea.Cmd {
		if who.Peer == (omega.Fingerprint{}) {
			m.sayBad(m.text("tui.group.people"))
			return nil
		}
		p := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: group}, Accounts: []omega.Fingerprint{who.Peer}}
		return m.run(call(clientrpc.InviteGroup, p, i18n.T("tui.group.invited", m.chatName(who))))
	})
}

// askProfile asks what a group is to be called, or what it is about.
func (m *Model) askProfile(c *clientrpc.Chat, key, now string) tea.Cmd {
	m.askText(m.text(key), "", m.clean(now), func(m *Model, text string) tea.Cmd {
		if text = strings.TrimSpace(text); text == m.clean(now) {
			return nil // a field has one line: what is as it was keeps its own
		}
		p := clientrpc.ProfileGroupParams{GroupRef: clientrpc.GroupRef{Group: c.ID.String()}, Name: &text}
		if key == "tui.group.about" {
			p.Name, p.About = nil, &text
		}
		return m.run(call(clientrpc.ProfileGroup, p, noText))
	})
	return nil
}

// linkKinds asks what whoever has the link may do by it: of a channel that may be to
// subscribe.
func (m *Model) linkKinds(chat omega.ChatID) tea.Cmd {
	p := &picker{title: m.text("tui.group.link")}
	add := func(key string, open, subscribe bool) {
		params := clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: chat.String()}, Open: open, Subscribe: subscribe}
		p.items = append(p.items, item{label: m.text(key), do: func(m *Model) tea.Cmd { return m.run(groupLink(params, key)) }})
	}
	add("tui.group.linkask", false, false)
	add("tui.group.linkopen", true, false)
	if m.groups[chat].channel {
		add("tui.group.linksub", false, true)
	}
	m.push(p)
	return nil
}

// groupLink shows a link, and what it is good for.
func groupLink(params clientrpc.LinkGroupParams, note string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		l, err := clientrpc.LinkGroup.Call(ctx, core, params)
		return codeMsg{err: err, show: func(m *Model) *codeView { return newCode(m.text("tui.group.link"), l.Link, l.Link, m.text(note)) }}
	}
}

// rules of a group that may be changed, and what each may be.
var groupRules = []struct {
	key, values string
	of          func(*clientrpc.GroupRules) *string
}{
	{"tui.rule.invite", "members admins owners", func(r *clientrpc.GroupRules) *string { return &r.Invite }},
	{"tui.rule.write", "members admins owners", func(r *clientrpc.GroupRules) *string { return &r.Write }},
	{"tui.rule.pin", "members admins owners", func(r *clientrpc.GroupRules) *string { return &r.Pin }},
	{"tui.rule.profile", "members admins owners", func(r *clientrpc.GroupRules) *string { return &r.Profile }},
	{"tui.rule.all", "members admins owners", func(r *clientrpc.GroupRules) *string { return &r.MentionAll }},
	{"tui.rule.history", "none pins all", func(r *clientrpc.GroupRules) *string { return &r.History }},
}

// ruleWord is a value of a rule in words: of the history also a number of messages.
func (m *Model) ruleWord(key, value string) string {
	if key != "tui.rule.history" {
		return m.text("group.rule." + value)
	}
	if strings.Contains(" none pins all ", " "+value+" ") {
		return m.text("group.history." + value)
	}
	return m.text("group.newest", m.clean(value))
}

// rulesMenu shows the rules of a group; choosing one changes it.
func (m *Model) rulesMenu(chat omega.ChatID) tea.Cmd {
	p := &picker{title: m.text("tui.group.rules")}
	rules := m.groups[chat].rules
	for _, r := range groupRules {
		p.items = append(p.items, item{label: m.text(r.key), hint: m.ruleWord(r.key, *r.of(&rules)), do: func(m *Model) tea.Cmd {
			q := &picker{title: m.text(r.key)}
			for value := range strings.FieldsSeq(r.values) {
				set := clientrpc.PolicyGroupParams{GroupRef: clientrpc.GroupRef{Group: chat.String()}}
				*r.of(&set.Rules) = value
				q.items = append(q.items, item{label: m.ruleWord(r.key, value), do: func(m *Model) tea.Cmd {
					return m.run(call(clientrpc.PolicyGroup, set, i18n.T("tui.group.changed")))
				}})
			}
			m.push(q)
			return nil
		}})
	}
	m.push(p)
	return nil
}

// joinRequests shows who asks to be let into a group; choosing one decides.
func (m *Model) joinRequests(group string) tea.Cmd {
	p := &picker{title: m.text("tui.group.requests")}
	m.push(p)
	return m.run(requestPage(p.asks(m), clientrpc.GroupRef{Group: group}, ""))
}

// requestPage fetches a part of the list.
func requestPage(turn int, ref clientrpc.GroupRef, next string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.GroupRequests.Call(ctx, core, clientrpc.GroupListParams{GroupRef: ref, Page: clientrpc.Page{Next: next}})
		msg := fillMsg{turn: turn, err: err, add: next != "", items: func(m *Model) (out []item) {
			for _, q := range r.Requests {
				out = append(out, item{label: m.called(q.Name, q.Account) + m.selfNote(q.SelfNamed, q.Account) + "  " + m.clean(q.Text), hint: short(q.Time, m.now(), m.lang), do: func(m *Model) tea.Cmd { return m.answerJoin(ref, &q) }})
			}
			if len(out) == 0 && next == "" {
				out = []item{{label: m.text("tui.none"), ink: inkDim}}
			}
			return out
		}}
		if r.Next != "" {
			msg.more = func(m *Model, p *picker) tea.Cmd { return m.run(requestPage(p.asks(m), ref, r.Next)) }
		}
		return msg
	}
}

// answerJoin asks whether somebody is let into a group.
func (m *Model) answerJoin(ref clientrpc.GroupRef, q *clientrpc.GroupRequest) tea.Cmd {
	who := clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{q.Account}}
	m.push(&picker{title: m.called(q.Name, q.Account), note: inGroups(q.Account.String(), 4), items: []item{
		{label: m.text("tui.group.letin"), do: func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.ApproveGroup, clientrpc.ApproveGroupParams{GroupAccounts: who}, i18n.T("tui.group.isin")))
		}},
		{label: m.text("tui.group.refuse"), ink: inkBad, do: func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.ApproveGroup, clientrpc.ApproveGroupParams{GroupAccounts: who, Refuse: true}, i18n.T("tui.group.refused")))
		}},
	}})
	return nil
}

// members shows who is in a group; choosing one shows what may be done.
func (m *Model) members(chat omega.ChatID) tea.Cmd {
	p := &picker{title: m.text("tui.group.members")}
	m.push(p)
	return m.run(memberPage(p.asks(m), chat, ""))
}

// memberPage fetches a part of the list.
func memberPage(turn int, chat omega.ChatID, next string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.GroupMembers.Call(ctx, core, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: chat.String()}, Page: clientrpc.Page{Next: next}})
		msg := fillMsg{turn: turn, err: err, add: next != "", items: func(m *Model) (out []item) {
			for _, who := range r.Members {
				it := item{label: m.called(who.Name, who.Account) + m.selfNote(who.SelfNamed, who.Account), hint: m.roleName(who.Role), do: func(m *Model) tea.Cmd { return m.memberMenu(chat, &who) }}
				for _, o := range who.Similar {
					it.label, it.ink = it.label+"  "+m.text("tui.similar", m.called(o.Name, o.Account)), inkBad
				}
				out = append(out, it)
			}
			return out
		}}
		if r.Next != "" {
			msg.more = func(m *Model, p *picker) tea.Cmd { return m.run(memberPage(p.asks(m), chat, r.Next)) }
		}
		return msg
	}
}

// memberMenu is what may be done with somebody of a group.
func (m *Model) memberMenu(chat omega.ChatID, who *clientrpc.GroupMember) tea.Cmd {
	g := m.groups[chat]
	p := &picker{title: m.called(who.Name, who.Account), note: inGroups(who.Account.String(), 4)}
	accounts := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: chat.String()}, Accounts: []omega.Fingerprint{who.Account}}
	if who.Account != m.me.Fingerprint {
		p.items = append(p.items, item{label: m.text("tui.chat.key"), do: func(m *Model) tea.Cmd {
			return m.run(contactSheet(clientrpc.ContactRef{Account: who.Account.String()}))
		}})
	}
	inside := who.Role == clientrpc.RoleMember || who.Role == clientrpc.RoleAdmin || who.Role == clientrpc.RoleOwner
	for _, role := range []string{clientrpc.RoleOwner, clientrpc.RoleAdmin, clientrpc.RoleMember} {
		if !inside || role == who.Role || !g.decides() || role == clientrpc.RoleOwner && g.role != clientrpc.RoleOwner {
			continue
		}
		p.items = append(p.items, item{label: m.text("tui.group.make", m.roleName(role)), do: func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.group.make", m.roleName(role)), m.called(who.Name, who.Account), func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.RoleGroup, clientrpc.RoleGroupParams{GroupAccounts: accounts, Role: role}, i18n.T("tui.group.changed")))
			})
			return nil
		}})
	}
	if g.decides() && who.Role == clientrpc.RoleBanned {
		p.items = append(p.items, item{label: m.text("tui.group.unban"), do: func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.UnbanGroup, accounts, i18n.T("tui.group.unbanned")))
		}})
	}
	if who.Account != m.me.Fingerprint {
		p.items = append(p.items, item{label: m.text("tui.report"), ink: inkBad, do: func(m *Model) tea.Cmd { return m.askReport(who.Account, m.called(who.Name, who.Account)) }})
	}
	if g.decides() && inside && who.Account != m.me.Fingerprint {
		for _, ban := range []bool{false, true} {
			key := map[bool]string{false: "tui.group.remove", true: "tui.group.ban"}[ban]
			p.items = append(p.items, item{label: m.text(key), ink: inkBad, do: func(m *Model) tea.Cmd {
				m.confirm(m.text(key), m.called(who.Name, who.Account), func(m *Model) tea.Cmd {
					return m.run(call(clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: accounts, Ban: ban}, i18n.T("tui.group.changed")))
				})
				return nil
			}})
		}
	}
	m.push(p)
	return nil
}
