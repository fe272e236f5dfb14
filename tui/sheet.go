package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// How wide a sheet is, in columns, and how many have to be left beside it: on a narrower
// screen it covers all.
const (
	sheetWidth  = 76
	sheetMargin = 12
)

// A sheet is a text that is read and closed again.
type sheet struct {
	title string
	body  []span
	hang  int // columns that stay empty where a line goes on below itself
	top   int
	keys  map[string]func(m *Model) tea.Cmd
}

// sheetMsg is a sheet that had to be asked for.
type sheetMsg struct {
	make func(m *Model) *sheet
	err  error
}

func (m *Model) onSheet(msg sheetMsg) tea.Cmd {
	if msg.err != nil {
		m.sayBad(m.explain(msg.err))
		return nil
	}
	m.push(msg.make(m))
	return nil
}

func (s *sheet) draw(m *Model) box {
	w := m.boxWidth(sheetWidth)
	covers := m.width-w < sheetMargin // what would be seen beside it says nothing
	if covers {
		w = m.width
	}
	rows := m.metric.hanging(s.body, w-2, s.hang)
	room := m.boxHeight()
	if covers {
		room = max(1, m.height-3) // below its title, above its edge and the status line
	}
	s.top = max(0, min(s.top, len(rows)-room))
	title := s.title
	if len(rows) > room {
		title = m.text("tui.scrolls", title)
	}
	rows = rows[s.top:min(len(rows), s.top+room)]
	for covers && len(rows) < room {
		rows = append(rows, row{})
	}
	b := m.framed(title, rows, w)
	if covers {
		b.x, b.y = 0, 0
	}
	return b
}

func (s *sheet) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	if do, ok := s.keys[key]; ok {
		m.pop()
		return do(m)
	}
	switch key {
	case "up", "k":
		s.top--
	case "down", "j":
		s.top++
	case "pgup":
		s.top -= m.boxHeight()
	case "pgdown", "space":
		s.top += m.boxHeight()
	default:
		m.pop()
	}
	return nil
}

func (s *sheet) click(m *Model, _, _ int) tea.Cmd { m.pop(); return nil }
func (s *sheet) wheel(_ *Model, by int) tea.Cmd   { s.top += by; return nil }
func (s *sheet) paste(_ *Model, _ string) tea.Cmd { return nil }

// helpKeyWidth is how many columns the keys have in the sheet of keys.
const helpKeyWidth = 19

// helpKeys are the lines of the sheet of keys: what is pressed, and the key of what
// it does; without the latter it is a title.
var helpKeys = [][2]string{
	{"tui.help.everywhere", ""},
	{"Ctrl+K", "tui.help.switch"}, {"Alt+↑ Alt+↓", "tui.help.chats"}, {"Ctrl+F", "tui.help.find"}, {"Ctrl+G", "tui.help.date"},
	{"PgUp PgDn", "tui.help.scroll"}, {"Ctrl+Home Ctrl+End", "tui.help.ends"}, {"Ctrl+N", "tui.help.new"}, {"Ctrl+T", "tui.help.chatmenu"}, {"F2", "tui.account.title"}, {"Alt+M", "tui.help.mentions"}, {"Alt+A Alt+D Alt+B", "tui.help.request"}, {"Tab", "tui.help.focus"}, {"Esc", "tui.help.back"}, {"Ctrl+L", "tui.help.redraw"}, {"F1 Ctrl+/", "tui.help.help"}, {"Ctrl+Q", "tui.help.quit"},
	{"tui.help.composer", ""},
	{"Enter", "tui.help.send"}, {"Alt+Enter", "tui.help.line"}, {"↑", "tui.help.edit"}, {"Ctrl+↑ Ctrl+↓", "tui.help.pick"}, {"/ ／ 、", "tui.help.commands"}, {"@ ＠", "tui.help.mention"}, {"Ctrl+O", "tui.help.attach"}, {"Alt+S", "tui.help.sticker"}, {"Alt+R", "tui.help.record"},
	{"tui.help.history", ""},
	{"j k ↑ ↓", "tui.help.move"}, {"Enter", "tui.help.menu"}, {"r", "tui.act.reply"}, {"e", "tui.act.edit"}, {"+", "tui.act.react"}, {"f", "tui.act.forward"}, {"p", "tui.act.pin"}, {"c", "tui.act.copy"}, {"l", "tui.act.link"},
	{"o", "tui.act.open"}, {"s", "tui.act.save"}, {"d", "tui.act.recall"}, {"D", "tui.act.delete"}, {"x", "tui.act.unfold"}, {"v", "tui.act.vote"}, {"a", "tui.act.line"}, {"E", "tui.act.close"}, {"y", "tui.act.accept"}, {"A", "tui.act.pack"}, {"i", "tui.act.info"}, {"w", "tui.act.voters"}, {"R", "tui.act.redact"}, {"!", "tui.report"}, {"/", "tui.help.find"}, {"g G", "tui.help.ends"},
	{"tui.help.list", ""},
	{"Enter", "tui.help.open"}, {"← →", "tui.help.tabs"}, {"m", "tui.help.mute"}, {"t", "tui.help.top"}, {"z", "tui.help.archive"}, {"u", "tui.help.unread"}, {"/", "tui.help.findall"}, {"n", "tui.help.new"}, {"@", "tui.help.mentions"}, {"i", "tui.help.write"}, {"?", "tui.help.help"}, {"q", "tui.help.quit"},
}

// help shows all keys.
func (m *Model) help() {
	s := &sheet{title: m.text("tui.help.title"), hang: helpKeyWidth + 2, body: []span{{text: m.server() + "\n\n", ink: inkDim}}}
	for i, l := range helpKeys {
		if l[1] == "" {
			if i > 0 {
				s.body = append(s.body, span{text: "\n"})
			}
			s.body = append(s.body, span{text: m.text(l[0]) + "\n", ink: inkHead})
			continue
		}
		key := l[0]
		key += spaces(helpKeyWidth - m.metric.width(key))
		s.body = append(s.body, span{text: "  " + key, ink: inkAccent}, span{text: m.text(l[1]) + "\n"})
	}
	m.push(s)
}

// reach shows with whom a message of one's own has come how far.
func reach(ref clientrpc.MessageRef) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Reach.Call(ctx, core, clientrpc.ReachParams{MessageRef: ref, Page: clientrpc.Page{Count: clientrpc.PageMax}})
		return sheetMsg{err: err, make: func(m *Model) *sheet {
			s := &sheet{title: m.text("tui.act.info")}
			for _, a := range r.Accounts {
				s.body = append(s.body, span{text: m.called(a.Name, a.Account)}, span{text: "  " + m.text("state."+a.State) + "\n", ink: inkDim})
			}
			if len(r.Accounts) == 0 {
				s.body = []span{{text: m.text("tui.none"), ink: inkDim}}
			}
			return s
		}}
	}
}
