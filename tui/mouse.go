package tui

import tea "charm.land/bubbletea/v2"

// wheelRows is how far the wheel moves at a time.
const wheelRows = 3

// onMouse takes clicks and the wheel.
func (m *Model) onMouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		by := wheelRows
		if at.Button == tea.MouseWheelUp {
			by = -wheelRows
		} else if at.Button != tea.MouseWheelDown {
			return nil
		}
		return m.wheel(at.X, by)
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft {
			return m.click(at.X, at.Y)
		}
		if at.Button == tea.MouseRight && m.top() == nil {
			cmd := m.click(at.X, at.Y)
			if m.focus == onHistory {
				m.messageMenu()
			}
			return cmd
		}
	}
	return nil
}

func (m *Model) wheel(x, by int) tea.Cmd {
	if l := m.top(); l != nil {
		return l.wheel(m, by)
	}
	if m.phase != ready {
		return nil
	}
	g := m.measure()
	if g.list > 0 && x < g.list {
		m.chats.scroll(by, m.visibleChats())
		return nil
	}
	if m.conv.open {
		m.scroll(by)
		if by < 0 {
			return m.goUp()
		}
		return m.scrolled()
	}
	return nil
}

func (m *Model) click(x, y int) tea.Cmd {
	if l := m.top(); l != nil {
		b := l.draw(m)
		if x < b.x || y < b.y || y >= b.y+len(b.rows) || len(b.rows) > 0 && x >= b.x+b.rows[0].width {
			switch l.(type) {
			case *form, *recorder: // what was typed or spoken there is not thrown away by that
			default:
				m.pop()
			}
			return nil
		}
		return l.click(m, x-b.x, y-b.y)
	}
	if m.phase != ready {
		return nil
	}
	g := m.measure()
	if g.list > 0 && x < g.list {
		return m.clickList(g, x, y)
	}
	if g.pane > 0 && m.conv.open {
		return m.clickPane(g, x, y)
	}
	return nil
}

func (m *Model) clickList(g geometry, x, y int) tea.Cmd {
	if y == 0 {
		_, places := m.tabsIn(g.list)
		for _, p := range places {
			if x >= p.from && x < p.to {
				m.chats.turnTo(p.tab)
			}
		}
		return nil
	}
	if i := m.chats.top + (y-g.listY)/g.rowHeight; y >= g.listY && y < g.body && i < len(m.chats.shown) {
		return m.openChat(m.chats.shown[i].ID)
	}
	return nil
}

func (m *Model) clickPane(g geometry, x, y int) tea.Cmd {
	switch {
	case y < g.head:
		if m.one() && x < 3 && y == 0 {
			m.focus = onList
			return nil
		}
		if len(m.conv.pinned) > 0 && y == g.head-2 && g.head >= 3 {
			return m.goMessage(m.conv.chat, m.conv.pinned[0].ID)
		}
		return nil
	case y >= g.head+g.history:
		m.focus = onComposer
		m.unpick()
		return nil
	}
	if m.conv.below > 0 && y == g.head+g.history-1 {
		return m.goEnd()
	}
	if i := m.messageAt(g, y); i >= 0 {
		m.conv.sel, m.focus = m.conv.list[i].msg.ID, onHistory
	}
	return nil
}

// messageAt is the message on a line of the screen; -1: none is.
func (m *Model) messageAt(g geometry, y int) int {
	low := g.head + g.history - 1 + m.conv.skip
	for i := min(m.conv.bottom, len(m.conv.list)-1); i >= 0; i-- {
		n := len(m.layout(i, g.pane))
		if y > low-n {
			return i
		}
		low -= n
	}
	return -1
}
