package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// noText tells nothing.
var noText i18n.Text

func refOf(msg *clientrpc.Message) clientrpc.MessageRef {
	return clientrpc.MessageRef{Message: msg.ID, Chat: msg.Chat.String()}
}

// An action is something to do with a message: by a key in the history, and by a
// line of its menu.
type action struct {
	key, name string // name is a catalogue key
	fits      func(m *Model, msg *clientrpc.Message) bool
	do        func(m *Model, e *entry) tea.Cmd
}

func alive(_ *Model, msg *clientrpc.Message) bool { return !msg.Service && !msg.Deleted }
func texts(_ *Model, msg *clientrpc.Message) bool { return alive(nil, msg) && msg.Text != "" }
func ownText(_ *Model, msg *clientrpc.Message) bool {
	return texts(nil, msg) && msg.State != "" && msg.Kind == "text"
}
func own(_ *Model, msg *clientrpc.Message) bool   { return alive(nil, msg) && msg.State != "" }
func media(_ *Model, msg *clientrpc.Message) bool { return alive(nil, msg) && len(msg.Media) > 0 }
func polls(_ *Model, msg *clientrpc.Message) bool {
	return alive(nil, msg) && msg.Poll != nil && msg.Poll.Closed.IsZero()
}
func lists(_ *Model, msg *clientrpc.Message) bool {
	return alive(nil, msg) && msg.List != nil && msg.List.Closed.IsZero()
}

func links(_ *Model, msg *clientrpc.Message) bool {
	return alive(nil, msg) && !msg.Inert && len(linksOf(msg)) > 0
}

func invited(_ *Model, msg *clientrpc.Message) bool {
	return alive(nil, msg) && msg.Kind == kindInvited && msg.State == "" && msg.GroupRole == ""
}

func grouped(m *Model, msg *clientrpc.Message) bool {
	c := m.chat()
	return own(m, msg) && c != nil && c.Kind == clientrpc.ChatGroup
}

// answerable: one in a chat where this account may write.
func answerable(m *Model, msg *clientrpc.Message) bool { return alive(m, msg) && m.mayWrite() }

// pinnable: one in a chat of two, or in a group whose rules let this account pin.
func pinnable(m *Model, msg *clientrpc.Message) bool {
	c := m.chat()
	if !alive(m, msg) || c == nil {
		return false
	}
	g, known := m.groups[c.ID]
	return c.Kind != clientrpc.ChatGroup || !known || !g.dissolved && g.allowed(g.rules.Pin)
}

// closable: a poll or list of one's own that is open.
func closable(m *Model, msg *clientrpc.Message) bool {
	return own(m, msg) && (polls(m, msg) || lists(m, msg))
}

// actions are in the order of the menu.
func actions() []action {
	return []action{
		{"r", "tui.act.reply", answerable, (*Model).reply},
		{"y", "tui.act.accept", invited, (*Model).acceptGroup},
		{"v", "tui.act.vote", polls, (*Model).vote},
		{"a", "tui.act.line", lists, (*Model).addLine},
		{"+", "tui.act.react", alive, (*Model).react},
		{"o", "tui.act.open", media, (*Model).openMedia},
		{"s", "tui.act.save", media, (*Model).saveMedia},
		{"A", "tui.act.pack", hasPack, (*Model).addPack},
		{"l", "tui.act.link", links, (*Model).copyLink},
		{"e", "tui.act.edit", ownText, (*Model).editThis},
		{"f", "tui.act.forward", texts, (*Model).forward},
		{"c", "tui.act.copy", texts, (*Model).copyText},
		{"p", "tui.act.pin", pinnable, (*Model).pin},
		{"x", "tui.act.unfold", alive, (*Model).unfold},
		{"i", "tui.act.info", grouped, (*Model).info},
		{"E", "tui.act.close", closable, (*Model).endPoll},
		{"w", "tui.act.voters", hasSaid, (*Model).whoSaid},
		{"R", "tui.act.redact", redactable, (*Model).redact},
		{"!", "tui.report", others, (*Model).reportAuthor},
		{"d", "tui.act.recall", own, (*Model).recall},
		{"D", "tui.act.delete", func(_ *Model, msg *clientrpc.Message) bool { return true }, (*Model).deleteHere},
	}
}

// historyKey are the keys of the history.
func (m *Model) historyKey(key string) tea.Cmd {
	switch key {
	case "up", "k":
		m.pick(-1)
		return m.goUp()
	case "down", "j":
		m.pick(1)
		return m.scrolled()
	case "g", "home":
		return m.pageKey("ctrl+home")
	case "G", "end":
		return m.pageKey("ctrl+end")
	case "/":
		return m.findInChat()
	case "?":
		m.help()
		return nil
	case "q":
		return m.quit()
	case "enter", "space":
		m.messageMenu()
		return nil
	}
	e := m.conv.selected()
	if e == nil {
		return nil
	}
	for _, a := range actions() {
		switch {
		case a.key != key:
		case a.fits(m, &e.msg):
			return a.do(m, e)
		case a.name == "tui.act.info" && alive(m, &e.msg):
			m.say(m.text("tui.nofit.info"))
		default:
			m.say(m.text("tui.nofit", m.text(a.name)))
		}
	}
	return nil
}

// actionName is what an action does with a message as it stands now.
func (m *Model) actionName(a *action, e *entry) string {
	switch {
	case a.name == "tui.act.pin" && m.isPinned(e):
		return m.text("tui.act.unpin")
	case a.name == "tui.act.pin":
		return m.text("tui.act.pinnow")
	case a.name == "tui.act.unfold" && e.open:
		return m.text("tui.act.roll")
	case a.name == "tui.act.unfold":
		return m.text("tui.act.unroll")
	}
	return m.text(a.name)
}

// messageMenu shows what may be done with the selected message.
func (m *Model) messageMenu() {
	e := m.conv.selected()
	if e == nil {
		return
	}
	p := &picker{title: m.metric.fit(m.called(e.msg.Name, e.msg.From)+": "+m.preview(&e.msg), 54), short: map[string]func(m *Model) tea.Cmd{}}
	for _, a := range actions() {
		if !a.fits(m, &e.msg) {
			continue
		}
		do := func(m *Model) tea.Cmd { return a.do(m, e) }
		p.items = append(p.items, item{label: m.actionName(&a, e), hint: a.key, do: do})
		p.short[a.key] = do
	}
	m.push(p)
}

func (m *Model) reply(e *entry) tea.Cmd {
	m.tasks[m.conv.chat] = task{reply: &e.msg}
	m.unpick()
	m.focus = onComposer
	return nil
}

func (m *Model) editThis(e *entry) tea.Cmd {
	m.beginEdit(&e.msg)
	return nil
}

func (m *Model) copyText(e *entry) tea.Cmd {
	m.say(m.text("tui.copied"))
	return tea.SetClipboard(typed(e.msg.Text))
}

// linksOf are the addresses in a message that may be opened.
func linksOf(msg *clientrpc.Message) (out []string) {
	for _, s := range (cleaner{}).styled(msg.Text, msg.Entities, msg.Inert, true) {
		if s.link != "" {
			out = append(out, s.link)
		}
	}
	return out
}

// copyLink copies a link, the one that is chosen where there are several.
func (m *Model) copyLink(e *entry) tea.Cmd {
	all := linksOf(&e.msg)
	if len(all) == 1 {
		m.say(m.text("tui.copied"))
		return tea.SetClipboard(all[0])
	}
	p := &picker{title: m.text("tui.act.link")}
	for _, l := range all {
		p.items = append(p.items, item{label: l, do: func(m *Model) tea.Cmd {
			m.say(m.text("tui.copied"))
			return tea.SetClipboard(l)
		}})
	}
	m.push(p)
	return nil
}

func (m *Model) unfold(e *entry) tea.Cmd {
	e.open, e.rows = !e.open, nil
	return nil
}

func (m *Model) pin(e *entry) tea.Cmd {
	return m.run(call(clientrpc.Pin, clientrpc.PinParams{ID: newID(), MessageRef: refOf(&e.msg), Pinned: !m.isPinned(e)}, noText))
}

// isPinned reports whether a message is on top of its chat.
func (m *Model) isPinned(e *entry) bool {
	return e.msg.Pinned || slices.ContainsFunc(m.conv.pinned, func(p clientrpc.Message) bool { return p.ID == e.msg.ID })
}

func (m *Model) recall(e *entry) tea.Cmd {
	m.confirm(m.text("tui.act.recall"), m.preview(&e.msg), m.remove(e, false))
	return nil
}

func (m *Model) deleteHere(e *entry) tea.Cmd {
	m.confirm(m.text("tui.act.delete"), m.preview(&e.msg), m.remove(e, true))
	return nil
}

func (m *Model) remove(e *entry, forMe bool) func(m *Model) tea.Cmd {
	p := clientrpc.RemoveParams{ID: newID(), Chat: e.msg.Chat.String(), Messages: []omega.ID{e.msg.ID}, ForMe: forMe}
	return func(m *Model) tea.Cmd { return m.run(call(clientrpc.Remove, p, noText)) }
}

func (m *Model) info(e *entry) tea.Cmd { return m.run(reach(refOf(&e.msg))) }

func (m *Model) acceptGroup(e *entry) tea.Cmd {
	return m.run(openPeer(clientrpc.AcceptGroup, clientrpc.GroupRef{Group: e.msg.Group}, func(g clientrpc.Group) omega.ChatID { return g.Chat }))
}

func (m *Model) endPoll(e *entry) tea.Cmd {
	p := clientrpc.CloseParams{ID: newID(), MessageRef: refOf(&e.msg)}
	m.confirm(m.text("tui.act.close"), m.preview(&e.msg), func(m *Model) tea.Cmd { return m.run(call(clientrpc.Close, p, noText)) })
	return nil
}

// vote asks for the answers: of a poll with several, each choice is one more or one
// less.
func (m *Model) vote(e *entry) tea.Cmd {
	p := &picker{title: m.text("tui.act.vote")}
	poll := e.msg.Poll
	for i, o := range poll.Options {
		mark := "( ) "
		if o.Mine {
			mark = "(x) "
		}
		p.items = append(p.items, item{label: mark + m.clean(o.Text), hint: strconv.Itoa(o.Votes), do: func(m *Model) tea.Cmd {
			v := clientrpc.VoteParams{ID: newID(), MessageRef: refOf(&e.msg), Options: chosen(poll, i)}
			return m.run(call(clientrpc.Vote, v, noText))
		}})
	}
	m.push(p)
	return nil
}

// chosen are the answers when one more was chosen, or one taken back.
func chosen(poll *clientrpc.Poll, i int) []int {
	out := []int{}
	for j, o := range poll.Options {
		if j == i && !o.Mine || j != i && o.Mine && poll.Multiple {
			out = append(out, j)
		}
	}
	return out
}

func (m *Model) addLine(e *entry) tea.Cmd {
	m.askText(m.text("tui.act.line"), m.preview(&e.msg), "", func(m *Model, text string) tea.Cmd {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return m.run(call(clientrpc.Line, clientrpc.LineParams{ID: newID(), MessageRef: refOf(&e.msg), Text: text}, noText))
	})
	return nil
}

// forward asks to whom.
func (m *Model) forward(e *entry) tea.Cmd {
	return m.chooseChat(m.text("tui.act.forward"), func(m *Model, c *clientrpc.Chat) tea.Cmd {
		to, _ := addressee(c)
		if c.Secure {
			to = c.ID.String()
		}
		return m.run(call(clientrpc.Forward, clientrpc.ForwardParams{ID: newID(), MessageRef: refOf(&e.msg), To: to, Delivery: clientrpc.Delivery{Wait: "none"}}, i18n.T("tui.forwarded", m.chatTitle(c))))
	})
}

// setChat changes how a chat stands, and shows that.
func setChat(p clientrpc.SetChatParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		c, err := clientrpc.SetChat.Call(ctx, core, p)
		if err != nil {
			return failedMsg{err}
		}
		return refreshedMsg{chats: []clientrpc.Chat{c}}
	}
}
