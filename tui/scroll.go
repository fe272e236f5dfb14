package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// scroll moves the history by lines: upwards where by is negative. Only the lines of
// messages that are passed are laid out.
func (m *Model) scroll(by int) {
	g := m.measure()
	c := &m.conv
	if len(c.list) == 0 || g.pane == 0 {
		return
	}
	c.bottom = max(0, min(c.bottom, len(c.list)-1))
	c.skip -= by
	for c.skip < 0 && c.bottom < len(c.list)-1 {
		c.bottom++
		c.skip += len(m.layout(c.bottom, g.pane))
	}
	c.skip = max(0, c.skip)
	for c.bottom > 0 && c.skip >= len(m.layout(c.bottom, g.pane)) {
		c.skip -= len(m.layout(c.bottom, g.pane))
		c.bottom--
	}
	m.holdTop(g)
	if c.following() {
		c.below = 0
	}
}

// holdTop lets the first message be no lower than the upper end.
func (m *Model) holdTop(g geometry) {
	c := &m.conv
	above := -c.skip
	for i := c.bottom; i >= 0; i-- {
		if above += len(m.layout(i, g.pane)); above >= g.history {
			return
		}
	}
	missing := g.history - above
	c.skip -= missing
	for c.skip < 0 && c.bottom < len(c.list)-1 {
		c.bottom++
		c.skip += len(m.layout(c.bottom, g.pane))
	}
	c.skip = max(0, c.skip)
}

// reveal scrolls so that a message is on the screen.
func (m *Model) reveal(i int) {
	g := m.measure()
	if g.pane == 0 {
		return
	}
	c := &m.conv
	if i > c.bottom || i == c.bottom && c.skip > 0 {
		c.bottom, c.skip = i, 0
		m.holdTop(g)
		return
	}
	above := -c.skip
	for j := c.bottom; j >= i; j-- {
		above += len(m.layout(j, g.pane))
	}
	if above <= g.history {
		return
	}
	m.scroll(-min(above-g.history, above)) // its first line comes to the upper end
}

// centre scrolls so that a message is in the middle of the screen.
func (m *Model) centre(id omega.ID) {
	g := m.measure()
	i := m.conv.at(id)
	if i < 0 || g.pane == 0 {
		return
	}
	m.conv.bottom, m.conv.skip = i, 0
	m.scroll(max(0, (g.history-len(m.layout(i, g.pane)))/2))
}

// nearEnds fetches what lies before or behind, when the screen comes near it.
func (m *Model) nearEnds() tea.Cmd {
	c := &m.conv
	if !c.open || len(c.list) == 0 {
		return nil
	}
	g := m.measure()
	switch {
	case (c.more || m.reachesBack()) && !c.ahead && !c.busy && c.bottom < max(20, g.history):
		return m.askBefore()
	case !c.atEnd && !c.busy && c.bottom >= len(c.list)-10:
		c.busy = true
		return m.run(beyond(c.chat, c.turn, behind, c.list[len(c.list)-1].msg.ID))
	}
	return nil
}

// reachesBack reports whether members of a group may have what is before a history whose
// beginning is at hand: nobody has asked yet.
func (m *Model) reachesBack() bool {
	c := m.chat()
	return c != nil && c.Kind == clientrpc.ChatGroup && !m.conv.asked
}

// askBefore asks for the page before what is at hand. Of a group that may take a while:
// members are asked for it. (spec/group.md, GROUP-48)
func (m *Model) askBefore() tea.Cmd {
	c := &m.conv
	c.ahead = true
	return m.run(beyond(c.chat, c.turn, before, c.list[0].msg.ID))
}

// goUp is what follows when the person goes up: where the history begins and members had
// not given what is before, they are asked once more.
func (m *Model) goUp() tea.Cmd {
	c := &m.conv
	if c.open && len(c.list) > 0 && !c.more && !c.ahead && !c.busy && c.begun == clientrpc.EarlierMissing && m.atTop() {
		return tea.Batch(m.askBefore(), m.scrolled())
	}
	return m.scrolled()
}

// atTop reports whether the first line of what is at hand is on the screen.
func (m *Model) atTop() bool {
	g := m.measure()
	above := -m.conv.skip
	for i := min(m.conv.bottom, len(m.conv.list)-1); i >= 0; i-- {
		if above += len(m.layout(i, g.pane)); above > g.history {
			return false
		}
	}
	return true
}

// beforeAll says above the first message of a group what there is before it; "": nothing
// is to be said.
func (m *Model) beforeAll() (string, ink) {
	c := m.chat()
	switch {
	case c == nil || c.Kind != clientrpc.ChatGroup || len(m.conv.list) == 0:
		return "", noInk
	case m.conv.ahead:
		return m.text("tui.before.asking"), inkAccent
	case m.conv.begun == clientrpc.EarlierMissing:
		return m.text("tui.before.missing"), inkWarn
	case m.conv.begun == clientrpc.EarlierLost:
		return m.text("tui.before.lost"), inkDim
	case m.conv.asked && !m.conv.more:
		return m.text("tui.before.none"), inkDim
	}
	return "", noInk
}

// goTo shows the part of the open chat around a time, goEnd its end.
func (m *Model) goTo(at time.Time) tea.Cmd {
	m.conv.turn++
	m.conv.busy = true
	return m.run(jump(m.conv.chat, m.conv.turn, omega.ID{}, at))
}

func (m *Model) goEnd() tea.Cmd {
	m.unpick()
	if m.conv.atEnd {
		m.conv.toEnd()
		return m.scrolled()
	}
	m.conv.turn++
	m.conv.busy = true
	return m.run(newest(m.conv.chat, m.conv.turn, 0))
}

// goMessage shows a message of a chat, which is opened if it is not.
func (m *Model) goMessage(chat omega.ChatID, id omega.ID) tea.Cmd {
	var cmds []tea.Cmd
	if !m.conv.open || m.conv.chat != chat {
		cmds = append(cmds, m.openChat(chat))
	}
	if i := m.conv.at(id); i >= 0 {
		m.conv.sel, m.focus = id, onHistory
		m.centre(id)
		return tea.Batch(append(cmds, m.scrolled())...)
	}
	m.conv.turn++
	m.conv.busy = true
	m.focus = onHistory
	return tea.Batch(append(cmds, m.run(jump(chat, m.conv.turn, id, time.Time{})), m.run(pins(chat, m.conv.turn)))...)
}

// openChat shows a chat and gives it the keys.
func (m *Model) openChat(id omega.ChatID) tea.Cmd {
	saved := m.saveDraft()
	m.chats.sel, m.focus = id, onComposer
	m.chats.reveal(m.visibleChats())
	if m.conv.open && m.conv.chat == id {
		return saved
	}
	m.leaveTask()
	m.conv.show(id)
	m.complete = nil
	m.edit = editor{}
	m.conv.bare = true
	m.takeDraft()
	m.saidLook = m.now()
	unread := 0
	switch c := m.chat(); {
	case c == nil:
		saved = tea.Batch(saved, m.run(fetchChat(id.String())))
	case c.Kind == clientrpc.ChatGroup:
		saved = tea.Batch(saved, m.run(lookAtGroup(id, false)))
		fallthrough
	default:
		unread = c.Unread
	}
	return tea.Batch(saved, m.run(newest(id, m.conv.turn, unread)), m.run(pins(id, m.conv.turn)), m.run(lookAt(id)))
}

// takeDraft puts into the composer what was begun in the open chat, once that chat
// is at hand.
func (m *Model) takeDraft() {
	if c := m.chat(); c != nil && m.conv.bare {
		m.conv.bare = false
		m.edit.put(m.drafted(c))
	}
}

// putChats takes chats as they stand now.
func (m *Model) putChats(chats []clientrpc.Chat) {
	m.chats.put(chats)
	m.takeDraft()
}

// closeChat has no chat open.
func (m *Model) closeChat() tea.Cmd {
	saved := m.saveDraft()
	m.leaveTask()
	m.conv.leave()
	m.edit = editor{}
	m.focus = onList
	return saved
}
