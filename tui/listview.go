package tui

import (
	"fmt"
	"strings"

	"github.com/omega-im/omega/clientrpc"
)

// listRows are the list of chats under its tabs.
func (m *Model) listRows(g geometry) []row {
	rows := []row{m.tabRow(g.list), m.metric.pad(m.metric.line(span{text: m.metric.fill(m.glyphs.across, g.list), ink: inkDim}), g.list)}
	m.chats.top = max(0, min(m.chats.top, len(m.chats.shown)-1))
	for i := m.chats.top; i < len(m.chats.shown) && len(rows) < g.body; i++ {
		rows = append(rows, m.chatRows(m.chats.shown[i], g.list, g.rowHeight)...)
	}
	if len(m.chats.shown) == 0 {
		text := m.text("tui.none")
		if !m.chats.loaded {
			text = m.text("tui.loading")
		}
		rows = append(rows, m.centred(text, inkDim, g.list))
	}
	for len(rows) < g.body {
		rows = append(rows, m.metric.pad(row{}, g.list))
	}
	return rows[:g.body]
}

// visibleChats is how many of the list are on the screen.
func (m *Model) visibleChats() int {
	g := m.measure()
	return max(1, (g.body-g.listY)/g.rowHeight)
}

// keepSelected has the first chat of a tab be selected where none of it is, so that Enter
// opens what is seen to be chosen.
func (m *Model) keepSelected() {
	if m.focus != onList || m.chats.index(m.chats.sel) >= 0 {
		return
	}
	if id, ok := m.chats.step(m.chats.sel, 0); ok {
		m.chats.sel = id
	}
}

// tabName is what a tab is called.
func (m *Model) tabName(tab int) string {
	if i := tab - tabFolders; i >= 0 {
		return m.metric.fit(m.clean(m.chats.folders[i].Title), 12)
	}
	return m.text([]string{"tui.tab.all", "tui.tab.unread", "tui.tab.groups", "tui.tab.requests", "tui.tab.archive"}[tab])
}

// A tabPlace is where a tab is on the screen.
type tabPlace struct{ tab, from, to int }

// tabRow is the tabs that there is room for, the chosen one among them.
func (m *Model) tabRow(w int) row {
	r, _ := m.tabsIn(w)
	return r
}

func (m *Model) tabsIn(w int) (row, []tabPlace) {
	spans := []span{}
	var places []tabPlace
	x := 0
	first := 0
	for first < m.chats.tab && m.tabWidth(first, m.chats.tab) > w {
		first++
	}
	for tab := first; tab < m.chats.tabs(); tab++ {
		name := " " + m.tabLabel(tab) + " "
		width := m.metric.width(name)
		if x+width > w {
			if x+2 <= w {
				spans = append(spans, span{text: m.glyphs.point, ink: inkDim}) // there are more
			}
			break
		}
		i := inkDim
		if tab == m.chats.tab {
			i = inkHead | paperSelected
		}
		spans = append(spans, span{text: name, ink: i})
		places = append(places, tabPlace{tab, x, x + width})
		x += width
	}
	return m.metric.pad(m.metric.line(spans...), w), places
}

// tabLabel is a tab with how much there is to look at; of muted chats that is apart.
func (m *Model) tabLabel(tab int) string {
	label := m.tabName(tab)
	if n := m.countIn(tab); n > 0 {
		label += fmt.Sprintf(" %d", n)
	}
	if n := m.chats.quiet; tab == tabUnread && n > 0 {
		label += m.text("tui.quiet", n)
	}
	return label
}

func (m *Model) tabWidth(from, to int) (w int) {
	for tab := from; tab <= to; tab++ {
		w += m.metric.width(m.tabLabel(tab)) + 2
	}
	return w
}

// countIn is how many chats of a tab want to be looked at.
func (m *Model) countIn(tab int) int {
	switch tab {
	case tabUnread:
		return m.chats.unread
	case tabRequests:
		return m.chats.requests
	}
	return 0
}

// chatName is what a chat is called.
func (m *Model) chatName(c *clientrpc.Chat) string {
	if c.Kind == clientrpc.ChatSaved {
		return m.text("tui.saved")
	}
	return m.called(c.Name, c.Peer)
}

// channelWord is how wide the list has to be for the mark of a channel to have its word.
const channelWord = 32

// chatTitle is what a chat is called where it is not seen: with what it is before its name, so
// that a secure one and a normal one with the same person are told apart.
func (m *Model) chatTitle(c *clientrpc.Chat) string {
	var out strings.Builder
	for _, mark := range m.kindMark(c, channelWord) {
		out.WriteString(mark.text)
	}
	return out.String() + m.chatName(c)
}

// kindMark stands before the name of a chat of w columns that is more than people who
// talk: that it is secure, that it is a channel.
func (m *Model) kindMark(c *clientrpc.Chat, w int) (out []span) {
	if c.Secure {
		out = append(out, span{text: "🔒" + m.text("secure.mark") + " ", ink: inkSecure})
	}
	switch channel := m.groups[c.ID].channel; {
	case channel && w >= channelWord:
		out = append(out, span{text: "📢" + m.text("group.channel") + " ", ink: inkDim})
	case channel:
		out = append(out, span{text: "📢 ", ink: inkDim})
	}
	return out
}

// chatRows are one chat of the list: its name and when, what was said last and how
// much of it is unread.
func (m *Model) chatRows(c *clientrpc.Chat, w, height int) []row {
	var paper ink
	if c.ID == m.chats.sel && (m.focus == onList || !m.one()) {
		paper = paperSelected
	}
	mark := span{text: " "}
	if paper != 0 && m.focus == onList {
		mark = span{text: m.glyphs.bar, ink: inkAccent}
	}
	name := append([]span{mark}, m.kindMark(c, w)...)
	nameInk := inkHead
	if c.Secure {
		nameInk = inkSecure
	}
	name = append(name, span{text: m.chatName(c), ink: nameInk})
	if c.Verified == clientrpc.VerifiedYes {
		name = append(name, span{text: " ✔", ink: inkGood})
	}
	badge := m.badge(c)
	if height == 1 {
		return []row{m.listLine(name, badge, w, paper)}
	}
	var when []span
	if c.Top {
		when = append(when, span{text: "📌", ink: inkDim})
	}
	if c.Last != nil {
		when = append(when, span{text: short(c.Last.Time, m.now(), m.lang) + " ", ink: inkDim})
	}
	return []row{m.listLine(name, when, w, paper), m.listLine(m.underName(c), badge, w, paper)}
}

// listLine is one line of a chat in the list; the left side is cut where it must be.
func (m *Model) listLine(left, right []span, w int, paper ink) row {
	r := m.metric.line(right...)
	l := m.metric.line(left...)
	if room := w - r.width - 1; l.width > room && room > 1 {
		l = join(m.metric.slice(l, 0, room-1), m.metric.line(span{text: m.metric.ellipsis(), ink: inkDim}))
	}
	return m.metric.between(l.on(paper), r.on(paper), w).on(paper)
}

// underName is what somebody does in a chat now, a draft, or what was said last.
func (m *Model) underName(c *clientrpc.Chat) []span {
	indent := span{text: "  "}
	if doing := m.doing(c); doing != "" {
		return []span{indent, {text: doing, ink: inkGood}}
	}
	if draft := m.draftOf(c); draft != "" && !(m.conv.open && m.conv.chat == c.ID) {
		draft, _ = shorten(draft, 200)
		return []span{indent, {text: m.text("tui.draft"), ink: inkBad}, {text: m.clean(draft), ink: inkDim}}
	}
	spans := []span{indent}
	switch {
	case c.Role != "": // asked to be let in
		return append(spans, span{text: m.roleName(c.Role), ink: inkDim})
	case c.Requests > 0:
		spans = append(spans, span{text: m.text("group.requests", c.Requests) + " ", ink: inkAccent})
	}
	if c.Last == nil {
		return spans
	}
	if t, i := m.tick(c.Last); t != "" {
		spans = append(spans, span{text: t + " ", ink: i})
	} else if c.Kind == clientrpc.ChatGroup && !c.Last.Service {
		spans = append(spans, span{text: m.metric.fit(m.called(c.Last.Name, c.Last.From), 12) + ": ", ink: inkDim})
	}
	return append(spans, span{text: m.preview(c.Last), ink: inkDim})
}

// badge says how much is unread, and that a chat is quiet.
func (m *Model) badge(c *clientrpc.Chat) []span {
	var out []span
	quiet := !c.Muted.IsZero()
	if isRequest(c) {
		out = append(out, span{text: " ? ", ink: inkBadge}, span{text: " "})
	}
	if c.Calls > 0 {
		out = append(out, span{text: " @ ", ink: inkBadge}, span{text: " "})
	}
	if c.Notice != "" {
		out = append(out, span{text: "⚠ ", ink: inkWarn})
	}
	i := inkBadge
	if quiet {
		out = append(out, span{text: "🔕", ink: inkDim}, span{text: " "})
		i = inkMutedBadge
	}
	switch {
	case c.Unread > 999:
		out = append(out, span{text: " 999+ ", ink: i}, span{text: " "})
	case c.Unread > 0:
		out = append(out, span{text: fmt.Sprintf(" %d ", c.Unread), ink: i}, span{text: " "})
	case c.Marked:
		out = append(out, span{text: " * ", ink: i}, span{text: " "})
	}
	return out
}

// doing is what others do in a chat at this moment.
func (m *Model) doing(c *clientrpc.Chat) string {
	for _, e := range m.typing[c.ID] {
		what := m.text("tui.typing." + e.What)
		if c.Kind != clientrpc.ChatGroup || len(m.typing[c.ID]) > 1 {
			return what
		}
		return m.whoIs(e.Account) + " " + what
	}
	return ""
}
