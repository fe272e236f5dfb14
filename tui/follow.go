package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// How events are followed: a call waits so long for one; many of them at once are
// answered by fetching the list or the page anew.
const (
	followFor  = 25 * time.Second
	manyEvents = 40
	calmDown   = 2 * time.Second // after a failure
)

// A followed is the place in the core's events.
type followed struct {
	run   string
	after uint64
}

// followedMsg are events; refreshedMsg is how things stand that they were about.
type (
	followedMsg struct {
		result clientrpc.FollowResult
		err    error
	}
	refreshedMsg struct {
		chats    []clientrpc.Chat
		gone     []omega.ChatID
		messages []clientrpc.Message
		fresh    map[omega.ID]bool // what events were about; true: it is new
		missing  []omega.ID
		chat     omega.ChatID // of missing
		order    bool         // its messages stand elsewhere
		many     bool         // there are too many to fetch each: those of fresh
		on       bool         // it came of events: more are to be asked for
	}
	againMsg struct{ snapshot bool }
)

// follow waits for events. While what they are about is fetched the core keeps the
// next ones: one round at a time, however much comes in.
func follow(f followed) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Follow.Call(ctx, core, clientrpc.FollowParams{Run: f.run, After: f.after, Timeout: followFor})
		return followedMsg{r, err}
	}
}

// onFollowed takes events.
func (m *Model) onFollowed(msg followedMsg) tea.Cmd {
	if msg.err != nil {
		m.reached.Online = false
		return m.after(calmDown, againMsg{})
	}
	m.events = followed{msg.result.Run, msg.result.Last}
	if msg.result.Reset != "" {
		return m.run(snapshot) // and then what happened since
	}
	var n news
	n.chats, n.messages = map[omega.ChatID]bool{}, map[omega.ID]bool{}
	var cmds []tea.Cmd
	for _, e := range msg.result.Events {
		cmds = append(cmds, m.onEvent(e, &n))
	}
	if len(n.chats)+len(n.messages) == 0 && !n.order {
		return tea.Batch(append(cmds, m.run(follow(m.events)))...)
	}
	return tea.Batch(append(cmds, m.run(refresh(n, m.conv.chat)))...)
}

// news is what events were about.
type news struct {
	chats    map[omega.ChatID]bool
	messages map[omega.ID]bool // of the open chat; true: it is new
	order    bool              // its messages stand elsewhere
}

func (n *news) note(id omega.ID, fresh bool) { n.messages[id] = n.messages[id] || fresh }

// onEvent notes what one event is about, or takes it.
func (m *Model) onEvent(e clientrpc.Event, n *news) tea.Cmd {
	if d, ok := clientrpc.MessageNew.In(e); ok {
		delete(m.typing[d.Chat], d.From)
		m.about(d.MessageEvent, n, true)
		return tea.Batch(m.tell(d), m.lookWhileOutside(d.Chat))
	}
	if d, ok := clientrpc.MessageChanged.In(e); ok {
		m.about(d, n, false)
		return m.pinsOf(d.Chat)
	}
	if d, ok := clientrpc.OrderChanged.In(e); ok {
		n.order = n.order || m.conv.open && d.Chat == m.conv.chat
	}
	if d, ok := clientrpc.MessageDeleted.In(e); ok {
		m.about(d, n, false)
		return m.pinsOf(d.Chat)
	}
	if d, ok := clientrpc.MessageState.In(e); ok {
		m.aboutState(d, n)
	}
	if d, ok := clientrpc.ChatChanged.In(e); ok {
		n.chats[d.Chat] = true
		return m.lookWhileOutside(d.Chat)
	}
	if d, ok := clientrpc.GroupChanged.In(e); ok {
		n.chats[d.Chat] = true
		if _, known := m.groups[d.Chat]; known {
			return tea.Batch(m.pinsOf(d.Chat), m.run(lookAtGroup(d.Chat, false)))
		}
		return m.pinsOf(d.Chat)
	}
	if _, ok := clientrpc.AccountChanged.In(e); ok {
		return m.run(ownName)
	}
	if d, ok := clientrpc.ContactChanged.In(e); ok {
		for _, c := range m.chats.all {
			if c.Peer == d.Account {
				n.chats[c.ID] = true
			}
		}
	}
	return m.onMoment(e)
}

// onMoment takes an event about what is true for a moment.
func (m *Model) onMoment(e clientrpc.Event) tea.Cmd {
	if d, ok := clientrpc.Connected.In(e); ok {
		m.reached = d
	}
	if d, ok := clientrpc.CatchingUp.In(e); ok {
		m.catchUp = &d
		if d.Done >= d.Total {
			m.catchUp = nil
		}
	}
	if d, ok := clientrpc.SomebodyTypes.In(e); ok {
		m.onTyping(d)
	}
	if d, ok := clientrpc.Present.In(e); ok {
		m.present[d.Chat] = d
	}
	if d, ok := clientrpc.Transferred.In(e); ok {
		m.onTransfer(d)
	}
	switch e.Name {
	case clientrpc.FoldersChanged.Name:
		return m.run(fetchFolders)
	case clientrpc.DevicesChanged.Name, clientrpc.Noticed.Name:
		return m.run(fetchStatus)
	}
	return nil
}

func (m *Model) onTyping(d clientrpc.TypingEvent) {
	if d.What == clientrpc.TypingStopped {
		delete(m.typing[d.Chat], d.Account)
		return
	}
	if m.typing[d.Chat] == nil {
		m.typing[d.Chat] = map[omega.Fingerprint]clientrpc.TypingEvent{}
	}
	m.typing[d.Chat][d.Account] = d
}

// onTransfer notes how far a file is; the lines of messages that have it are made anew.
func (m *Model) onTransfer(d clientrpc.TransferEvent) {
	if m.transfers[d.Blob] = d; d.Done >= d.Total {
		delete(m.transfers, d.Blob)
	}
	for _, e := range m.conv.list {
		for _, medium := range e.msg.Media {
			if medium.Blob == d.Blob {
				e.rows = nil
			}
		}
	}
}

func (m *Model) about(d clientrpc.MessageEvent, n *news, fresh bool) {
	n.chats[d.Chat] = true
	if m.conv.open && d.Chat == m.conv.chat {
		n.note(d.Message, fresh)
	}
}

// aboutState notes a message that is farther. Counts of a group may be of any.
func (m *Model) aboutState(d clientrpc.StateEvent, n *news) {
	if c := m.chats.find(d.Chat); c != nil && c.Last != nil && (d.Message.IsZero() || c.Last.ID == d.Message) {
		n.chats[d.Chat] = true
	}
	if !m.conv.open || d.Chat != m.conv.chat {
		return
	}
	if !d.Message.IsZero() {
		n.note(d.Message, false)
		return
	}
	for i := len(m.conv.list) - 1; i >= 0 && len(n.messages) < manyEvents; i-- {
		if e := m.conv.list[i]; e.msg.State != "" {
			n.note(e.msg.ID, false)
		}
	}
}

// pinsOf looks again at what stands on top of the open chat.
func (m *Model) pinsOf(chat omega.ChatID) tea.Cmd {
	if !m.conv.open || chat != m.conv.chat {
		return nil
	}
	return m.run(pins(chat, m.conv.turn))
}

// refresh fetches what events were about.
func refresh(n news, open omega.ChatID) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		out := refreshedMsg{chat: open, on: true, fresh: n.messages, order: n.order}
		if len(n.chats) > manyEvents {
			if r, err := clientrpc.Chats.Call(ctx, core, clientrpc.Page{Count: clientrpc.PageMax}); err == nil {
				out.chats = r.Chats
			}
		} else {
			for id := range n.chats {
				c, err := clientrpc.OneChat.Call(ctx, core, clientrpc.ChatRef{Chat: id.String()})
				switch {
				case err == nil:
					out.chats = append(out.chats, c)
				case isGone(err):
					out.gone = append(out.gone, id)
				}
			}
		}
		if out.many = len(n.messages) > manyEvents; !out.many {
			out.fetch(ctx, core)
		}
		return out
	}
}

// refreshEach fetches messages of a chat, however many they are.
func refreshEach(chat omega.ChatID, ids map[omega.ID]bool) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		out := refreshedMsg{chat: chat, fresh: ids}
		out.fetch(ctx, core)
		return out
	}
}

// fetch fetches the messages that events were about.
func (r *refreshedMsg) fetch(ctx context.Context, core clientrpc.Conn) {
	for id := range r.fresh {
		msg, err := clientrpc.Show.Call(ctx, core, clientrpc.MessageRef{Message: id, Chat: r.chat.String()})
		switch {
		case err == nil:
			r.messages = append(r.messages, msg)
		case isGone(err):
			r.missing = append(r.missing, id)
		}
	}
}

// onRefreshed takes how things stand now.
func (m *Model) onRefreshed(msg refreshedMsg) tea.Cmd {
	var cmds []tea.Cmd
	if msg.on {
		cmds = append(cmds, m.run(follow(m.events)))
	}
	m.putChats(msg.chats)
	for _, id := range msg.gone {
		if !m.conv.open || id != m.conv.chat {
			m.chats.drop(id)
		}
	}
	if m.conv.open && msg.chat == m.conv.chat {
		byPlace(msg.messages)
		for _, message := range msg.messages {
			m.conv.take(message, msg.fresh[message.ID])
		}
		for _, id := range msg.missing {
			m.conv.drop(id)
		}
		switch {
		case msg.order:
			cmds = append(cmds, m.lookAgain())
		case msg.many:
			cmds = append(cmds, m.onMany(msg.fresh))
		}
		cmds = append(cmds, m.readNow(), m.fetchPictures())
	}
	return tea.Batch(cmds...)
}

// onMany takes news of very many messages: the page is fetched anew. Who reads further
// up stays there: new ones are counted, and what is at hand is fetched.
func (m *Model) onMany(messages map[omega.ID]bool) tea.Cmd {
	if m.conv.following() {
		m.conv.busy = true
		return m.run(newest(m.conv.chat, m.conv.turn, 0))
	}
	here := map[omega.ID]bool{}
	for id, fresh := range messages {
		switch {
		case m.conv.at(id) >= 0:
			here[id] = false
		case fresh:
			m.conv.below++
			m.conv.atEnd = false
		}
	}
	return m.run(refreshEach(m.conv.chat, here))
}
