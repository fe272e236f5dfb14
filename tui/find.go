package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/names"
)

// foundPage is how many hits are asked for at once.
const foundPage = 40

// switcher opens a chat by a part of its name, 注音 or pinyin.
func (m *Model) switcher() tea.Cmd {
	return m.chooseChat(m.text("tui.help.switch"), func(m *Model, c *clientrpc.Chat) tea.Cmd { return m.openChat(c.ID) })
}

// chooseChat asks for a chat: those at hand by their names at once, and people whom
// the core finds by how they are typed.
func (m *Model) chooseChat(title string, do func(m *Model, c *clientrpc.Chat) tea.Cmd) tea.Cmd {
	if m.phase != ready {
		return nil
	}
	p := &picker{title: title, input: &editor{}, ask: m.glyphs.point + " ", none: "tui.find.chats"}
	p.refill = func(m *Model, typed string) tea.Cmd {
		typed = strings.TrimSpace(typed)
		p.items, p.sel, p.top = m.chatItems(typed, do), 0, 0
		if typed == "" {
			return nil
		}
		return m.run(findPeople(p.asks(m), typed, do))
	}
	m.push(p)
	return p.refill(m, "")
}

// mostItems is how many chats a picker offers: who looks for more types on.
const mostItems = 50

// chatItems are the chats that may be meant by what was typed.
func (m *Model) chatItems(typed string, do func(m *Model, c *clientrpc.Chat) tea.Cmd) (out []item) {
	for _, c := range m.chats.all {
		if len(out) == mostItems {
			break
		}
		if m.isCalled(c, typed) {
			out = append(out, m.chatItem(c, do))
		}
	}
	return out
}

// isCalled reports whether a chat may be meant by what was typed: a part of its name, how
// that is read, or the beginning of the other side's fingerprint.
func (m *Model) isCalled(c *clientrpc.Chat, typed string) bool {
	name := m.chatName(c)
	return typed == "" || strings.Contains(strings.ToLower(name), strings.ToLower(typed)) || names.Match(name, typed) || strings.HasPrefix(c.Peer.String(), strings.ToUpper(typed))
}

func (m *Model) chatItem(c *clientrpc.Chat, do func(m *Model, c *clientrpc.Chat) tea.Cmd) item {
	it := item{label: m.chatTitle(c), do: func(m *Model) tea.Cmd { return do(m, c) }}
	if c.Secure {
		it.ink = inkSecure
	}
	if c.Last != nil {
		it.hint = short(c.Last.Time, m.now(), m.lang)
	}
	return it
}

// findPeople has the core find contacts; their chats come behind those at hand.
func findPeople(turn int, typed string, do func(m *Model, c *clientrpc.Chat) tea.Cmd) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Contacts.Call(ctx, core, clientrpc.ContactsParams{Query: typed, Page: clientrpc.Page{Count: 20}})
		return fillMsg{turn: turn, err: err, items: func(m *Model) []item {
			out := m.chatItems(typed, do)
			for _, p := range r.Contacts {
				for _, c := range m.chatsOf(&p) {
					if m.chats.by[c.ID] == nil || !m.isCalled(c, typed) { // else it is there already
						out = append(out, m.chatItem(c, do))
					}
				}
			}
			return out
		}}
	}
}

// chatsOf are the chats with a contact: the normal one, which may begin only now, and a
// secure one if there is one.
func (m *Model) chatsOf(p *clientrpc.Contact) (out []*clientrpc.Chat) {
	if m.chats.by[p.Chat] == nil {
		c := m.chats.find(p.Chat)
		if c == nil {
			c = chatOf(p)
			m.chats.begin(c)
		}
		out = append(out, c)
	}
	for _, c := range m.chats.all {
		if c.Peer == p.Account && (c.Kind == clientrpc.ChatDirect || c.Kind == clientrpc.ChatSecure) {
			out = append(out, c)
		}
	}
	return out
}

// chatOf is the chat with a contact before anybody has written there.
func chatOf(p *clientrpc.Contact) *clientrpc.Chat {
	name := p.Petname
	if name == "" {
		name = p.Name
	}
	return &clientrpc.Chat{ID: p.Chat, Kind: clientrpc.ChatDirect, Peer: p.Account, Name: name, Contact: p.State, Blocked: p.Blocked, Verified: p.Verified}
}

// findInChat looks for words in the open chat, findEverywhere in all.
func (m *Model) findInChat() tea.Cmd {
	if c := m.chat(); c != nil {
		return m.find(m.text("tui.find.chat", m.chatTitle(c)), c.ID.String())
	}
	return m.findEverywhere()
}

func (m *Model) findEverywhere() tea.Cmd { return m.find(m.text("tui.find.all"), "") }

// find shows what the core finds while words are typed; choosing a hit shows the
// history around it.
func (m *Model) find(title, chat string) tea.Cmd {
	if m.phase != ready {
		return nil
	}
	p := &picker{title: title, note: m.text("tui.find.note"), input: &editor{}, ask: "/ ", none: "tui.find.none"}
	p.refill = func(m *Model, typed string) tea.Cmd {
		if strings.TrimSpace(typed) == "" {
			p.items, p.turn, p.more = nil, 0, nil
			return nil
		}
		return m.run(searchFor(p.asks(m), clientrpc.SearchParams{Text: typed, Chat: chat, Count: foundPage}, false))
	}
	m.push(p)
	return nil
}

// searchFor fetches a page of hits.
func searchFor(turn int, s clientrpc.SearchParams, add bool) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Search.Call(ctx, core, s)
		msg := fillMsg{turn: turn, err: err, add: add}
		if err != nil {
			return msg
		}
		msg.items = func(m *Model) (out []item) {
			for i := range r.Messages {
				out = append(out, m.hit(&r.Messages[i], s.Chat == ""))
			}
			return out
		}
		if r.Next != "" {
			s.Next = r.Next
			msg.more = func(m *Model, p *picker) tea.Cmd { return m.run(searchFor(p.asks(m), s, true)) }
		}
		return msg
	}
}

// hit is one line of what was found.
func (m *Model) hit(f *clientrpc.FoundMessage, where bool) item {
	text := f.Snippet
	if text == "" {
		text = m.preview(&f.Message)
	}
	who := m.called(f.Name, f.From)
	if c := m.chats.find(f.Chat); where && c != nil && c.Kind != clientrpc.ChatDirect {
		who = m.chatTitle(c) + " " + m.glyphs.dot + " " + who
	}
	chat, id := f.Chat, f.ID
	var i ink
	if f.Secure {
		i = inkSecure
	}
	return item{label: who + ": " + m.clean(text), ink: i, hint: short(f.Time, m.now(), m.lang), do: func(m *Model) tea.Cmd {
		if m.chats.find(chat) == nil {
			return tea.Batch(m.run(fetchChat(chat.String())), m.goMessage(chat, id))
		}
		return m.goMessage(chat, id)
	}}
}

// askDate asks for a day of the open chat to show.
func (m *Model) askDate() tea.Cmd {
	if !m.conv.open {
		return nil
	}
	m.askText(m.text("tui.help.date"), m.text("tui.date.note"), "", func(m *Model, typed string) tea.Cmd {
		day, ok := parseDay(strings.TrimSpace(typed), m.now())
		if !ok {
			m.sayBad(m.text("tui.date.bad", m.clean(typed)))
			return nil
		}
		m.focus = onHistory
		return m.goTo(day)
	})
	m.top().(*picker).items = m.recentDays()
	return nil
}

// recentDays are offered while nothing is typed.
func (m *Model) recentDays() []item {
	var out []item
	for _, days := range []int{0, 1, 7, 30, 365} {
		now := m.now().Local()
		day := time.Date(now.Year(), now.Month(), now.Day()-days, 0, 0, 0, 0, time.Local)
		out = append(out, item{label: dayOf(day, now, m.lang), do: func(m *Model) tea.Cmd {
			m.focus = onHistory
			return m.goTo(day)
		}})
	}
	p := m.top().(*picker)
	p.refill = func(m *Model, typed string) tea.Cmd {
		p.items, p.sel = nil, 0
		if typed == "" {
			p.items = out
		}
		return nil
	}
	return out
}
