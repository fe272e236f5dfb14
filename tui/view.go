package tui

import (
	"cmp"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// Sizes of parts of the screen.
const (
	listShare   = 3  // of its width is the list's: one in three,
	listMin     = 26 // but at least so much
	listMax     = 38 // and at most
	composerMax = 6  // lines
)

// A geometry is where the parts of the screen are.
type geometry struct {
	list, pane          int // widths; 0: not shown
	paneX               int
	body                int // height of all above the status line
	head, history, foot int // of the pane: heights
	rowHeight           int // of a chat in the list
	historyY, listY     int
}

// measure divides the screen.
func (m *Model) measure() geometry {
	g := geometry{body: max(1, m.height-1), rowHeight: 1, listY: 2}
	if m.roomy() {
		g.rowHeight = 2
	}
	switch {
	case m.one() && (m.focus == onList || !m.conv.open):
		g.list = m.width
	case m.one():
		g.pane = m.width
	default:
		g.list = max(listMin, min(listMax, m.width/listShare))
		g.paneX = g.list + 1
		g.pane = m.width - g.paneX
	}
	if g.pane > 0 && m.conv.open {
		g.head, g.foot = len(m.headRows(g.pane)), len(m.footRows(g.pane))
		g.history = max(1, g.body-g.head-g.foot)
		g.historyY = g.head
	}
	return g
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.View{AltScreen: true, ReportFocus: true, WindowTitle: m.title()}
	if m.opts.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width <= 0 || m.height <= 0 {
		return v
	}
	rows, cursor := m.screen()
	var out strings.Builder
	for i, r := range rows {
		if i > 0 {
			out.WriteByte('\n')
		}
		m.theme.write(&out, m.metric.pad(r, m.width))
	}
	v.Content, v.Cursor = out.String(), cursor
	return v
}

// title is that of the window.
func (m *Model) title() string {
	if n := m.chats.messages; n > 0 {
		return fmt.Sprintf("(%d) ω IM", n)
	}
	return "ω IM"
}

// screen is everything that is shown, and where the cursor is.
func (m *Model) screen() ([]row, *tea.Cursor) {
	var rows []row
	var cursor *tea.Cursor
	switch m.phase {
	case ready:
		rows, cursor = m.mainRows()
	default:
		rows = m.blank(m.height - 1)
		if m.phase == starting {
			rows[len(rows)/2] = m.centred(m.text("tui.starting"), inkDim, m.width)
		}
		rows = append(rows, m.statusRow())
	}
	if m.complete != nil && cursor != nil {
		g := m.measure()
		rows = m.lay(rows, m.completionBox(g, g.head+g.history))
	}
	for _, l := range m.layers {
		b := l.draw(m)
		rows = m.lay(rows, b)
		cursor = nil
		if b.cursor {
			cursor = at(b.x+b.cursorX, b.y+b.cursorY)
		}
	}
	if m.longToast() {
		rows = m.lay(rows, m.toastBox())
	}
	return rows[:min(len(rows), m.height)], cursor
}

// toastMost is how many lines what is told may have.
const toastMost = 6

// longToast reports whether what is told does not fit into the status line: what to do
// stands at its end.
func (m *Model) longToast() bool { return m.toast != "" && m.metric.width(m.toast) > m.width-2 }

// toastBox is what is told, above where one writes.
func (m *Model) toastBox() box {
	i := inkAccent
	if m.toastBad {
		i = inkBad
	}
	var rows []row
	for _, r := range m.metric.wrap([]span{{text: m.toast, ink: i}}, max(1, m.width-2)) {
		rows = append(rows, m.metric.pad(join(m.metric.line(span{text: " "}), r), m.width).on(paperBar))
	}
	g := m.measure()
	bottom := max(1, g.body-g.foot)
	rows = rows[:min(len(rows), toastMost, bottom)]
	return box{y: bottom - len(rows), rows: rows}
}

func at(x, y int) *tea.Cursor {
	c := tea.NewCursor(x, y)
	c.Shape, c.Blink = tea.CursorBar, true
	return c
}

func (m *Model) blank(n int) []row {
	rows := make([]row, max(1, n))
	for i := range rows {
		rows[i] = m.metric.pad(row{}, m.width)
	}
	return rows
}

// mainRows are list and chat side by side.
func (m *Model) mainRows() ([]row, *tea.Cursor) {
	g := m.measure()
	var left, right []row
	var cursor *tea.Cursor
	if g.list > 0 {
		left = m.listRows(g)
	}
	if g.pane > 0 {
		right, cursor = m.paneRows(g)
	}
	rows := make([]row, g.body)
	down := span{text: m.glyphs.down, ink: inkDim}
	if c := m.chat(); c != nil && c.Secure {
		down = span{text: m.glyphs.secureDown, ink: inkSecure}
	}
	border := m.metric.line(down)
	for y := range rows {
		switch {
		case g.pane == 0:
			rows[y] = left[y]
		case g.list == 0:
			rows[y] = right[y]
		default:
			rows[y] = join(left[y], m.metric.pad(border, 1), right[y])
		}
	}
	return append(rows, m.statusRow()), cursor
}

// paneRows are the open chat.
func (m *Model) paneRows(g geometry) ([]row, *tea.Cursor) {
	if !m.conv.open {
		return m.welcome(g), nil
	}
	rows := m.headRows(g.pane)
	rows = append(rows, m.historyRows(g)...)
	foot := m.footRows(g.pane)
	y := len(rows)
	rows = append(rows, foot...)
	for len(rows) < g.body {
		rows = append(rows, m.metric.pad(row{}, g.pane))
	}
	var cursor *tea.Cursor
	if m.focus == onComposer && m.mayWrite() {
		x, dy := m.composerCursor(g.pane)
		cursor = at(g.paneX+x, y+len(foot)-m.composerHeight(g.pane)+dy)
	}
	return rows[:g.body], cursor
}

// welcome stands where no chat is open.
func (m *Model) welcome(g geometry) []row {
	rows := make([]row, g.body)
	for i := range rows {
		rows[i] = m.metric.pad(row{}, g.pane)
	}
	lines := []string{"ω IM", "", m.text("tui.pick")}
	if len(m.chats.all) == 0 && m.chats.loaded {
		lines = []string{"ω IM", "", m.text("tui.nochats"), m.text("tui.nochats2")}
	}
	for i, l := range lines {
		if y := g.body/2 - 2 + i; y >= 0 && y < len(rows) {
			k := inkDim
			if i == 0 {
				k = inkAccent
			}
			rows[y] = m.centred(l, k, g.pane)
		}
	}
	return rows
}

// historyRows are the messages on the screen: upwards from the one at the lower end.
func (m *Model) historyRows(g geometry) []row {
	var up []row // from below
	i := min(m.conv.bottom, len(m.conv.list)-1)
	skip := m.conv.skip
	for ; i >= 0 && len(up) < g.history; i-- {
		rows := m.layout(i, g.pane)
		for y := len(rows) - 1 - skip; y >= 0 && len(up) < g.history; y-- {
			up = append(up, rows[y])
		}
		skip = 0
	}
	out := make([]row, g.history)
	blank := m.metric.pad(row{}, g.pane)
	for y := range out {
		out[y] = blank
	}
	for y, r := range up {
		out[g.history-1-y] = r
	}
	if len(m.conv.list) == 0 {
		text := m.text("tui.empty")
		if m.conv.busy {
			text = m.text("tui.loading")
		}
		out[g.history/2] = m.centred(text, inkDim, g.pane)
	}
	if m.conv.below > 0 && !m.conv.following() {
		note := m.metric.line(span{text: " " + m.text("tui.below", m.conv.below) + " ", ink: inkBadge})
		out[g.history-1] = m.metric.over(out[g.history-1], note, max(0, (g.pane-note.width)/2))
	}
	return out
}

// statusRow is the last line: the connection, or what is to be told, and keys.
func (m *Model) statusRow() row {
	left := m.connectionSpans()
	if m.toast != "" && !m.longToast() {
		i := inkAccent
		if m.toastBad {
			i = inkBad
		}
		left = []span{{text: " " + m.toast, ink: i}}
	}
	l := m.metric.line(left...)
	var right row
	for _, hint := range m.hints() {
		if r := m.metric.line(span{text: hint + " ", ink: inkDim}); l.width+r.width+1 <= m.width {
			right = r
			break
		}
	}
	return m.metric.between(l.on(paperBar), right.on(paperBar), m.width).on(paperBar)
}

// hints are the keys of what has them, the most that is worth saying first. Of a message that
// is chosen they begin with what it is there for.
func (m *Model) hints() []string {
	if m.focus != onHistory || m.top() != nil {
		return []string{m.text("tui.hint")}
	}
	e := m.conv.selected()
	usual := m.text("tui.hint.menu")
	if e != nil && answerable(m, &e.msg) {
		usual += "  " + m.text("tui.hint.reply")
	}
	if e != nil && alive(m, &e.msg) {
		usual += "  " + m.text("tui.hint.react")
	}
	usual += "  " + m.text("tui.hint.back")
	if e == nil {
		return []string{usual}
	}
	all := []string{usual, m.text("tui.hint.menu")}
	for _, a := range actions() {
		if strings.Contains("yvao", a.key) && a.fits(m, &e.msg) {
			special := a.key + " " + m.actionName(&a, e) + "  "
			return []string{special + all[0], special + all[1], all[0], all[1]}
		}
	}
	return all
}

// connectionSpans say whether a server is reached.
func (m *Model) connectionSpans() []span {
	switch {
	case m.phase != ready:
		return []span{{text: " ω IM", ink: inkDim}}
	case m.catchUp != nil:
		return []span{{text: " " + m.text("tui.catchup", m.catchUp.Done, m.catchUp.Total), ink: inkAccent}}
	case m.reached.Online:
		name := cmp.Or(m.clean(m.reached.ServerName), m.address(m.reached.Server))
		return []span{{text: " " + m.glyphs.stored + " ", ink: inkGood}, {text: m.text("server.unnamed", name), ink: inkDim}}
	}
	return []span{{text: " ! " + m.text("tui.offline"), ink: inkWarn}}
}

// lay puts a box over rows.
func (m *Model) lay(rows []row, b box) []row {
	for i, r := range b.rows {
		if y := b.y + i; y >= 0 && y < len(rows) {
			rows[y] = m.metric.over(m.metric.pad(rows[y], m.width), r, b.x)
		}
	}
	return rows
}

// mayWrite reports whether texts can be sent in the open chat.
func (m *Model) mayWrite() bool {
	c := m.chat()
	return c != nil && m.whyReadOnly(c) == ""
}

// whyReadOnly is the key of why nobody at this account can write in a chat; "": they can,
// as far as is known.
func (m *Model) whyReadOnly(c *clientrpc.Chat) string {
	if c.Kind == clientrpc.ChatImported {
		return "tui.readonly"
	}
	g, known := m.groups[c.ID]
	if c.Kind != clientrpc.ChatGroup || !known {
		return ""
	}
	switch g.role {
	case clientrpc.RoleNone, clientrpc.RoleRefused:
		return "tui.readonly.outside"
	case clientrpc.RoleAsking:
		return "tui.readonly.asking"
	case clientrpc.RoleInvited:
		return "tui.readonly.invited"
	case clientrpc.RoleSubscriber:
		return "tui.readonly.channel"
	}
	if g.dissolved {
		return "tui.readonly.ended"
	}
	if !g.allowed(g.rules.Write) {
		return "tui.readonly.channel"
	}
	return ""
}
