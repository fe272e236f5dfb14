package tui

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// tickMsg comes every second.
type tickMsg struct{}

func (m *Model) second() tea.Cmd { return m.after(time.Second, tickMsg{}) }

// later is a message that comes after some time.
func later(d time.Duration, msg tea.Msg) tea.Cmd {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.begin(), m.second(), m.pictures.ask()}
	if m.opts.Theme == "" || m.opts.Theme == "auto" {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.on(msg)
	m.keepSelected()
	return m, tea.Batch(cmd, m.lookAtListed())
}

func (m *Model) on(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return m.onKey(msg)
	case tea.PasteMsg:
		return m.onPaste(msg.Content)
	case tea.MouseMsg:
		return m.onMouse(msg)
	case tickMsg:
		return tea.Batch(m.second(), m.onTick())
	}
	if m.onTerminal(msg) {
		return m.afterLook()
	}
	return m.onCore(msg)
}

// onTerminal takes what the terminal says of itself.
func (m *Model) onTerminal(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.FocusMsg:
		m.looking, m.saidLook = true, time.Time{}
	case tea.BlurMsg:
		m.looking = false
	case tea.BackgroundColorMsg:
		if m.opts.Theme == "" || m.opts.Theme == "auto" {
			m.dark = msg.IsDark()
			m.restyle()
		}
	case tea.ColorProfileMsg:
		m.mono = m.opts.Theme == "mono" || msg.Profile <= colorprofile.ASCII
		m.few = msg.Profile == colorprofile.ANSI
		m.restyle()
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value == ansi.ModeSet || msg.Value == ansi.ModeReset || msg.Value == ansi.ModePermanentlySet) {
			m.metric.joined = true
			m.restyle()
		}
	default:
		if !m.pictures.learn(msg) {
			return false
		}
		m.look++
	}
	return true
}

// afterLook is what follows from a look of the terminal at us.
func (m *Model) afterLook() tea.Cmd { return tea.Batch(m.readNow(), m.fetchPictures(), m.redraw()) }

// onCore takes answers of the core.
func (m *Model) onCore(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case setupMsg:
		return m.onSetup(msg.state)
	case startedMsg:
		return m.onStarted(msg)
	case chatsMsg:
		return m.onChats(msg)
	case foldersMsg:
		m.chats.folders = msg.folders
		m.chats.filter()
	case followedMsg:
		return m.onFollowed(msg)
	case againMsg:
		if msg.snapshot {
			return m.run(snapshot)
		}
		return m.run(follow(m.events))
	case refreshedMsg:
		return m.onRefreshed(msg)
	case pageMsg:
		return m.onPage(msg)
	case pinnedMsg:
		if msg.turn == m.conv.turn {
			m.conv.pinned = msg.messages
		}
	case groupMsg:
		m.onGroup(msg)
	case presenceMsg:
		if msg.result.Shared {
			m.present[msg.chat] = clientrpc.PresenceEvent{Chat: msg.chat, Online: msg.result.Online, Seen: msg.result.Seen, Until: m.now().Add(time.Minute)}
		}
	case ownNameMsg:
		me := *m.me
		me.Name, m.me = msg.name, &me
	case statusMsg:
		m.onStatus(msg.status)
	case openMsg:
		m.toast = "" // what was waited for
		m.chats.put([]clientrpc.Chat{msg.chat})
		return m.openChat(msg.chat.ID)
	case sentMsg:
		return m.onSent(msg)
	case failedMsg:
		m.asking = false
		m.sayBad(m.explain(msg.err))
	case doneMsg:
		if !msg.text.IsZero() {
			m.say(m.clean(msg.text.InFace(m.lang)))
		}
	default:
		return m.onLayerMsg(msg)
	}
	return nil
}

// onStarted shows what there is.
func (m *Model) onStarted(msg startedMsg) tea.Cmd {
	if msg.err != nil {
		m.sayBad(m.explain(msg.err))
		return m.after(calmDown, againMsg{snapshot: true})
	}
	first := m.phase != ready
	m.phase, m.me, m.reached = ready, msg.me, clientrpc.ConnectionEvent{Online: msg.status.Online, Server: msg.status.Server, ServerName: msg.status.ServerName, Problem: msg.status.Problem}
	m.chats.folders = msg.folders
	m.chats.reset(msg.chats.Chats, msg.chats.Next)
	m.takeDraft()
	cmds := []tea.Cmd{m.run(follow(m.events))}
	if first {
		m.focus = onList
		m.layers = nil
	}
	if m.conv.open {
		cmds = append(cmds, m.lookAgain(), m.run(fetchChat(m.conv.chat.String())))
	} else if id, ok := m.chats.step(omega.ChatID{}, 0); ok {
		m.chats.sel = id
	}
	m.onStatus(msg.status)
	return tea.Batch(append(cmds, m.nextChats())...)
}

// lookAgain fetches anew what is shown of the open chat: its end, or, of a person who
// reads further up, the part around the message at the lower end.
func (m *Model) lookAgain() tea.Cmd {
	c := &m.conv
	c.turn++
	c.busy = true
	if c.following() || len(c.list) == 0 {
		return m.run(newest(c.chat, c.turn, 0))
	}
	return m.run(staying(c.chat, c.turn, c.list[min(c.bottom, len(c.list)-1)].msg.ID))
}

// nextChats has the rest of the list brought, part after part.
func (m *Model) nextChats() tea.Cmd {
	if m.chats.next == "" {
		return nil
	}
	return m.run(moreChats(m.chats.next))
}

func (m *Model) onChats(msg chatsMsg) tea.Cmd {
	if msg.after != m.chats.next {
		return nil // the list began anew meanwhile
	}
	m.chats.next = msg.chats.Next
	m.putChats(msg.chats.Chats)
	return m.nextChats()
}

// onPage takes a part of the history of the open chat.
func (m *Model) onPage(msg pageMsg) tea.Cmd {
	if msg.turn != m.conv.turn || msg.chat != m.conv.chat {
		return nil
	}
	if msg.err != nil {
		if msg.where == before {
			m.conv.ahead, m.conv.more, m.conv.asked, m.conv.begun = false, false, true, clientrpc.EarlierMissing // it is asked again by going up
		} else {
			m.conv.busy = false
		}
		m.sayBad(m.explain(msg.err))
		return nil
	}
	switch msg.where {
	case atEnd:
		m.conv.page(msg.messages, msg.unread)
	case again:
		m.conv.stay(msg.messages, msg.behind, msg.target)
	case around:
		m.conv.around(msg.messages, msg.behind, msg.target)
		m.centre(msg.target)
	case before:
		if len(m.conv.list) == 0 || m.conv.list[0].msg.ID != msg.target {
			m.conv.ahead = false // what is at hand begins elsewhere now
			break
		}
		m.conv.earlier(msg.messages, msg.earlier)
	case behind:
		m.conv.later(msg.messages)
	}
	return tea.Batch(m.readNow(), m.fetchPictures(), m.nearEnds())
}

// onTick is what time brings.
func (m *Model) onTick() tea.Cmd {
	now := m.now()
	if m.toast != "" && now.After(m.toastUntil) {
		m.toast = ""
	}
	for chat, people := range m.typing {
		for who, e := range people {
			if !e.Until.IsZero() && now.After(e.Until) {
				delete(people, who)
			}
		}
		if len(people) == 0 {
			delete(m.typing, chat)
		}
	}
	var cmds []tea.Cmd
	if m.phase == ready && m.conv.open && m.looking && now.Sub(m.saidLook) > 30*time.Second {
		m.saidLook = now
		cmds = append(cmds, m.run(lookAt(m.conv.chat)))
	}
	cmds = append(cmds, m.lookAtWork())
	if now.Sub(m.typedAt) > time.Second {
		cmds = append(cmds, m.saveDraft())
	}
	return tea.Batch(cmds...)
}

// readNow says that what is on the screen was read, if somebody looks at it.
func (m *Model) readNow() tea.Cmd {
	c := m.chat()
	if c == nil || !m.looking || !m.conv.following() || m.conv.busy || !unread(c) || isRequest(c) {
		return nil
	}
	if m.one() && m.focus == onList {
		return nil // the list covers it
	}
	c.Unread, c.Marked, c.Calls = 0, false, 0
	m.chats.filter()
	return m.run(quietly(clientrpc.SetChat, clientrpc.SetChatParams{Chat: c.ID.String(), Read: true}))
}

// byPlace puts new messages in the order in which they are to be added.
func byPlace(list []clientrpc.Message) {
	slices.SortStableFunc(list, func(a, b clientrpc.Message) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), a.Time.Compare(b.Time), cmp.Compare(a.Sequence, b.Sequence))
	})
}
