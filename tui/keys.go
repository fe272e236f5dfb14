package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// onKey gives a key to who has the keys.
func (m *Model) onKey(k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	if key == "ctrl+q" || key == "ctrl+c" && m.top() == nil {
		return m.quit()
	}
	if l := m.top(); l != nil {
		return l.key(m, k)
	}
	if m.phase != ready {
		switch {
		case key == "q":
			return m.quit()
		case m.phase == settingUp:
			return m.begin() // the question was put away: it comes again
		}
		return nil
	}
	if cmd, taken := m.anywhere(key); taken {
		return cmd
	}
	switch m.focus {
	case onList:
		return m.listKey(key)
	case onHistory:
		return m.historyKey(key)
	}
	return m.composerKey(k)
}

// quit ends the program when what was written is kept.
func (m *Model) quit() tea.Cmd {
	if cmd := m.saveDraft(); cmd != nil {
		return tea.Sequence(cmd, tea.Quit)
	}
	return tea.Quit
}

// anywhere are the keys that mean the same everywhere.
func (m *Model) anywhere(key string) (tea.Cmd, bool) {
	switch key {
	case "ctrl+k":
		return m.switcher(), true
	case "f1", "ctrl+_", "ctrl+/":
		m.help()
	case "ctrl+n":
		return m.newMenu(), true
	case "ctrl+t":
		return m.chatMenu(), true
	case "ctrl+f":
		return m.findInChat(), true
	case "ctrl+g":
		return m.askDate(), true
	case "ctrl+o":
		return m.attach(), true
	case "alt+s":
		return m.stickers(), true
	case "alt+r":
		return m.record(), true
	case "alt+m":
		return m.mentions(false), true
	case "f2":
		return m.accountMenu(), true
	case "alt+up":
		return m.openStep(-1), true
	case "alt+down":
		return m.openStep(1), true
	case "alt+a", "alt+b", "alt+d":
		return m.answerRequest(key), true
	case "ctrl+up":
		m.pick(-1)
	case "ctrl+down":
		m.pick(1)
	case "pgup", "pgdown", "ctrl+home", "ctrl+end":
		return m.pageKey(key), true
	case "tab":
		if m.complete != nil {
			return nil, false
		}
		m.turnFocus(1)
	case "shift+tab":
		m.turnFocus(-1)
	case "ctrl+l":
		return tea.ClearScreen, true
	case "esc":
		return m.escape(), true
	default:
		return nil, false
	}
	return nil, true
}

// turnFocus gives the keys to the next part of the screen.
func (m *Model) turnFocus(by int) {
	if !m.conv.open {
		m.focus = onList
		return
	}
	order := []focus{onComposer, onHistory, onList}
	for i, f := range order {
		if f == m.focus {
			m.focus = order[(i+by+len(order))%len(order)]
			break
		}
	}
	m.complete = nil
	switch m.focus {
	case onHistory:
		m.pick(0)
	default:
		m.unpick()
	}
}

// escape takes back one thing: a menu, a selection, what the composer is for, the
// chat.
func (m *Model) escape() tea.Cmd {
	switch {
	case m.complete != nil:
		m.complete = nil
	case m.focus == onHistory:
		m.unpick()
		m.focus = onComposer
	case m.hasTask():
		m.dropTask()
	case m.focus == onComposer && m.conv.open:
		m.focus = onList
	case m.focus == onList && m.conv.open:
		return m.closeChat()
	}
	return nil
}

func (m *Model) unpick() { m.conv.sel = omega.ID{} }

// pick selects a message, the newest at first, and shows it.
func (m *Model) pick(by int) {
	if len(m.conv.list) == 0 {
		return
	}
	i := m.conv.at(m.conv.sel)
	switch {
	case m.conv.sel.IsZero() || i < 0:
		i = min(m.conv.bottom, len(m.conv.list)-1)
	default:
		i = max(0, min(i+by, len(m.conv.list)-1))
	}
	m.conv.sel, m.focus = m.conv.list[i].msg.ID, onHistory
	m.reveal(i)
}

// pageKey scrolls the history, wherever the keys are.
func (m *Model) pageKey(key string) tea.Cmd {
	if !m.conv.open {
		m.chats.scroll(map[string]int{"pgup": -m.visibleChats(), "pgdown": m.visibleChats(), "ctrl+home": -len(m.chats.shown), "ctrl+end": len(m.chats.shown)}[key], m.visibleChats())
		return nil
	}
	g := m.measure()
	switch key {
	case "pgup":
		m.scroll(-max(1, g.history-2))
		return m.goUp()
	case "pgdown":
		m.scroll(max(1, g.history-2))
	case "ctrl+home":
		return m.goTo(time.UnixMilli(1))
	case "ctrl+end":
		return m.goEnd()
	}
	return m.scrolled()
}

// scrolled is what follows when another part of the history is on the screen.
func (m *Model) scrolled() tea.Cmd {
	return tea.Batch(m.nearEnds(), m.readNow(), m.fetchPictures())
}

// listKey are the keys of the list.
func (m *Model) listKey(key string) tea.Cmd {
	switch key {
	case "up", "k":
		return m.selectStep(-1)
	case "down", "j":
		return m.selectStep(1)
	case "home", "g":
		return m.selectStep(-len(m.chats.shown))
	case "end", "G":
		return m.selectStep(len(m.chats.shown))
	case "left", "h":
		m.chats.turnTo(m.chats.tab - 1)
	case "right", "l":
		m.chats.turnTo(m.chats.tab + 1)
	case "enter":
		if m.chats.index(m.chats.sel) >= 0 {
			return m.openChat(m.chats.sel)
		}
	case "/":
		return m.findEverywhere()
	case "?":
		m.help()
	case "@":
		return m.mentions(false)
	case "n":
		return m.newMenu()
	case "q":
		return m.quit()
	case "i":
		if m.conv.open {
			m.focus = onComposer
		}
	default:
		return m.listAction(key)
	}
	return nil
}

// listAction changes how the selected chat stands.
func (m *Model) listAction(key string) tea.Cmd {
	c := m.chats.find(m.chats.sel)
	if c == nil {
		return nil
	}
	p := clientrpc.SetChatParams{Chat: c.ID.String()}
	yes, no := true, false
	switch key {
	case "m":
		until := clientrpc.MutedForGood
		if !c.Muted.IsZero() {
			until = time.Time{}
		}
		p.Muted = &until
	case "t":
		top := !c.Top
		p.Top = &top
	case "z":
		archived := !c.Archived
		p.Archived = &archived
	case "u":
		if unread(c) {
			p.Read, p.Marked = true, &no
		} else {
			p.Marked = &yes
		}
	default:
		return nil
	}
	return m.run(setChat(p))
}

// selectStep moves the selection in the list.
func (m *Model) selectStep(by int) tea.Cmd {
	if id, ok := m.chats.step(m.chats.sel, by); ok {
		m.chats.sel = id
		m.chats.reveal(m.visibleChats())
	}
	return nil
}

// openStep opens the next chat of the list.
func (m *Model) openStep(by int) tea.Cmd {
	from := m.chats.sel
	if m.conv.open {
		from = m.conv.chat
	}
	id, ok := m.chats.step(from, by)
	if !ok || m.conv.open && id == m.conv.chat {
		return nil
	}
	return m.openChat(id)
}
