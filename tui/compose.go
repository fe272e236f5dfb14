package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// maxPaste is the most that is pasted at once, in octets: two messages of the
// longest kind.
const maxPaste = 2 * omega.MaxText

// composerKey are the keys while somebody writes.
func (m *Model) composerKey(k tea.KeyPressMsg) tea.Cmd {
	if !m.mayWrite() {
		return nil
	}
	key := k.String()
	if m.complete != nil {
		if cmd, taken := m.completionKey(key); taken {
			return cmd
		}
	}
	w := m.composerWidth(m.measure().pane)
	switch key {
	case "enter":
		return m.sendNow()
	case "alt+enter", "shift+enter", "ctrl+j":
		m.edit.insert("\n")
	case "up":
		if m.edit.text == "" {
			m.editLast()
		} else if !m.edit.vertical(m.metric, w, -1) {
			m.edit.at = 0
		}
		return nil
	case "down":
		if !m.edit.vertical(m.metric, w, 1) {
			m.edit.at = len(m.edit.text)
		}
		return nil
	default:
		if !m.edit.key(m.metric, key) {
			if k.Text == "" {
				return nil
			}
			m.edit.insert(typed(k.Text))
		}
	}
	return m.wrote()
}

// wrote is what follows a change of the text.
func (m *Model) wrote() tea.Cmd {
	m.typedAt = m.now()
	m.drafts[m.conv.chat] = m.edit.text
	m.remember(m.conv.chat, m.edit.written)
	cmds := []tea.Cmd{m.suggest()}
	if m.edit.text != "" && m.now().Sub(m.saidTyping) > 2*time.Second {
		m.saidTyping = m.now()
		cmds = append(cmds, m.run(quietly(clientrpc.Type, clientrpc.TypeParams{Chat: m.conv.chat.String(), What: clientrpc.TypingText})))
	}
	return tea.Batch(cmds...)
}

// draftOf is what was begun to be written in a chat.
func (m *Model) draftOf(c *clientrpc.Chat) string {
	if d, ok := m.drafts[c.ID]; ok {
		return d
	}
	return typed(c.Draft)
}

// saveDraft tells the core what was begun, if that is news. A text that is edited is
// no draft.
func (m *Model) saveDraft() tea.Cmd {
	var cmds []tea.Cmd
	for chat, text := range m.drafts {
		c := m.chats.find(chat)
		if c == nil {
			continue // it comes yet
		}
		delete(m.drafts, chat)
		if c.Draft == text || m.tasks[chat].edit != nil {
			continue
		}
		c.Draft = text
		cmds = append(cmds, m.run(m.saving.behind(chat, quietly(clientrpc.SetChat, clientrpc.SetChatParams{Chat: chat.String(), Draft: &text}))))
	}
	return tea.Batch(cmds...)
}

// hasTask reports whether the composer is for something else than a new message.
func (m *Model) hasTask() bool { _, ok := m.tasks[m.conv.chat]; return ok }

// dropTask lets the composer be for a new message again.
func (m *Model) dropTask() {
	if m.tasks[m.conv.chat].edit != nil {
		m.edit.set("")
		delete(m.drafts, m.conv.chat)
	}
	delete(m.tasks, m.conv.chat)
}

// leaveTask ends the change of a message whose chat is left: what is in the composer
// when the person comes back is the draft.
func (m *Model) leaveTask() {
	if m.tasks[m.conv.chat].edit != nil {
		delete(m.tasks, m.conv.chat)
	}
}

// editLast begins to edit the newest text of one's own.
func (m *Model) editLast() {
	if e := m.conv.lastOwn(); e != nil {
		m.beginEdit(&e.msg)
	}
}

func (m *Model) beginEdit(msg *clientrpc.Message) {
	m.tasks[m.conv.chat] = task{edit: msg}
	m.edit.put(writtenIn(msg))
	m.unpick()
	m.focus = onComposer
}

// addressee is whom a message of a chat is for: of a chat of two the account, since
// there may be no chat yet.
func addressee(c *clientrpc.Chat) (to string, secure bool) {
	if c.Kind == clientrpc.ChatDirect || c.Kind == clientrpc.ChatSecure && c.Peer != (omega.Fingerprint{}) {
		return c.Peer.String(), c.Kind == clientrpc.ChatSecure
	}
	return c.ID.String(), false
}

// isCommand reports whether what was typed is for the core to read: the marks are /,
// its wide form, and the comma that is on the same key.
func isCommand(text string) bool {
	mark, size := utf8.DecodeRuneInString(text)
	return strings.ContainsRune("/／、", mark) && len(text) > size && !strings.HasPrefix(text[size:], " ")
}

// sendNow sends what was written: a command, a change, or a new message, whose
// bubble is there at once.
func (m *Model) sendNow() tea.Cmd {
	c := m.chat()
	whole := len(strings.TrimRight(m.edit.text, " \n"))
	w := m.edit.splice(whole, len(m.edit.text), "")
	text := w.text
	if c == nil || strings.TrimSpace(text) == "" {
		return nil
	}
	if len(w.markup()) > omega.MaxText {
		m.sayBad(m.text("tui.toolong", len(w.markup()), omega.MaxText))
		return nil
	}
	t := m.tasks[c.ID]
	if t.edit != nil && t.edit.Text == text {
		m.dropTask()
		return nil
	}
	m.edit.set("")
	m.complete = nil
	m.drafts[c.ID] = ""
	delete(m.tasks, c.ID)
	delete(m.given, c.ID)
	delete(m.calling, c.ID)
	m.sendTurn++
	saved, sent := m.saveDraft(), sentMsg{chat: c.ID, written: w, task: t, turn: m.sendTurn}
	switch {
	case t.edit != nil:
		p := clientrpc.EditParams{ID: newID(), MessageRef: refOf(t.edit), Text: w.markup(), Markup: true}
		return tea.Batch(saved, m.run(m.turns.behind(c.ID, orBack(sent, call(clientrpc.Edit, p, noText)))))
	case isCommand(text):
		return tea.Batch(saved, m.run(m.turns.behind(c.ID, orBack(sent, command(c.ID, w.markup(), t.reply)))))
	}
	return tea.Batch(saved, m.sendText(c, w, t.reply))
}

// orBack gives back what was written if an effect fails.
func orBack(sent sentMsg, do effect) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		msg := do(ctx, core)
		if failed, ok := msg.(failedMsg); ok {
			sent.err = failed.err
			return sent
		}
		return msg
	}
}

// sendText sends a text under an id made here.
func (m *Model) sendText(c *clientrpc.Chat, w written, reply *clientrpc.Message) tea.Cmd {
	p := clientrpc.SendParams{ID: newID(), Text: w.markup(), Markup: true, Wait: "none"}
	p.To, p.Secure = addressee(c)
	message := clientrpc.Message{
		ID: p.ID, Chat: c.ID, From: m.me.Fingerprint, Device: m.me.Device, Name: m.me.Name, Time: m.now(), Kind: "text", Text: w.text, Entities: w.entities(),
		Secure: c.Secure, Verified: true, State: clientrpc.StateQueued,
	}
	if reply != nil {
		p.Reply = &clientrpc.ReplyTo{Message: reply.ID}
		message.Reply = &clientrpc.Reply{Message: reply.ID, From: reply.From, Name: reply.Name, Text: reply.Text}
	}
	var cmd tea.Cmd
	if !m.conv.atEnd {
		cmd = m.goEnd()
	}
	m.conv.atEnd = true
	m.conv.add(message)
	m.unpick()
	chat, turn := c.ID, m.sendTurn
	return tea.Batch(cmd, m.run(m.turns.behind(chat, func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		_, err := clientrpc.Send.Call(ctx, core, p)
		return sentMsg{chat: chat, id: p.ID, written: w, task: task{reply: reply}, turn: turn, err: err}
	})))
}

// onSent tells of what the core did not take.
func (m *Model) onSent(msg sentMsg) tea.Cmd {
	if msg.err == nil {
		return nil
	}
	m.sayBad(m.explain(msg.err))
	if m.conv.open && m.conv.chat == msg.chat {
		m.conv.patch(msg.id, clientrpc.StateFailed, "")
		m.giveBack(msg)
		return nil
	}
	var draft written
	if c := m.chats.find(msg.chat); c != nil {
		draft = m.drafted(c)
	}
	draft = m.withGiven(draft, &msg)
	m.drafts[msg.chat] = draft.text
	m.remember(msg.chat, draft)
	return m.saveDraft()
}

// giveBack puts what was not taken into the composer, for what it was for if nothing
// else was begun there meanwhile.
func (m *Model) giveBack(msg sentMsg) {
	if m.edit.text == "" && !m.hasTask() && msg.task != (task{}) {
		m.tasks[msg.chat] = msg.task
	}
	m.edit.put(m.withGiven(m.edit.written, &msg))
	m.drafts[msg.chat] = m.edit.text
	m.remember(msg.chat, m.edit.written)
}

// A givenBack is a text that the core did not take.
type givenBack struct {
	turn int
	written
}

// withGiven is a text with another one that was given back before it. Those that were
// given back and still begin it, whole and in lines of their own, stay before it too, the
// oldest first, however the answers came; what the person changed is their text.
func (m *Model) withGiven(now written, msg *sentMsg) written {
	had := m.given[msg.chat]
	since, whole := behindGiven(had, now)
	if !whole {
		had, since = nil, now
	}
	had = append(slices.Clone(had), givenBack{msg.turn, msg.written})
	slices.SortStableFunc(had, func(a, b givenBack) int { return cmp.Compare(a.turn, b.turn) })
	m.given[msg.chat] = had
	if since.text == "" {
		return joinGiven(had)
	}
	return joinGiven(had).then(since)
}

// behindGiven is what a text has behind texts that were given back, if it begins with them.
func behindGiven(had []givenBack, now written) (since written, whole bool) {
	if len(had) == 0 {
		return since, false
	}
	head := joinGiven(had).text
	switch {
	case now.text == head:
		return since, true
	case strings.HasPrefix(now.text, head+"\n"):
		return now.splice(0, len(head)+1, ""), true
	}
	return since, false
}

// joinGiven is all of a list that is not empty, line after line.
func joinGiven(list []givenBack) written {
	out := list[0].written
	for _, g := range list[1:] {
		out = out.then(g.written)
	}
	return out
}

// command has the core do what a line says.
func command(chat omega.ChatID, text string, reply *clientrpc.Message) effect {
	p := clientrpc.RunCommandParams{ID: newID(), Chat: chat.String(), Text: text, Markup: true, Delivery: clientrpc.Delivery{Wait: "none"}}
	if reply != nil {
		p.Reply = reply.ID
	}
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.RunCommand.Call(ctx, core, p)
		switch {
		case err != nil:
			return failedMsg{err}
		case len(r.Messages)+len(r.Members)+len(r.Commands) > 0 || r.Link != "":
			return sheetMsg{make: func(m *Model) *sheet { return m.commandSheet(r) }}
		case r.Sent != nil && r.Sent.State == clientrpc.StateScheduled:
			return doneMsg{i18n.T("tui.scheduled.set")}
		}
		return doneMsg{r.Done}
	}
}

// commandSheet is what a command found.
func (m *Model) commandSheet(r *clientrpc.CommandResult) *sheet {
	s := &sheet{title: "/" + m.clean(r.Command)}
	add := func(text string, i ink) { s.body = append(s.body, span{text: text, ink: i}) }
	if !r.Done.IsZero() {
		add(m.clean(r.Done.In(m.lang))+"\n\n", noInk)
	}
	if r.Link != "" {
		add(m.clean(r.Link)+"\n", inkLink)
	}
	for i := range r.Messages {
		msg := &r.Messages[i]
		add(m.called(msg.Name, msg.From)+"  ", inkName)
		add(short(msg.Time, m.now(), m.lang)+"\n", inkDim)
		add(m.preview(msg)+"\n", noInk)
	}
	for _, p := range r.Members {
		add(m.called(p.Name, p.Account), noInk)
		add("  "+m.roleName(p.Role)+"\n", inkDim)
	}
	for _, c := range inOrder(r.Commands, "", m.lang) {
		add("/"+m.clean(commandName(&c, "/", m.lang))+"  ", inkAccent)
		add(c.Text.In(m.lang)+"\n", noInk)
	}
	return s
}

// onPaste puts a text in; one of several lines only if the person says how.
func (m *Model) onPaste(text string) tea.Cmd {
	if len(text) > maxPaste {
		m.sayBad(m.text("tui.toolong", len(text), omega.MaxText))
		return nil
	}
	if l := m.top(); l != nil {
		return l.paste(m, text)
	}
	if m.phase != ready || !m.mayWrite() {
		return nil
	}
	m.focus = onComposer
	text = strings.Trim(typed(text), "\n")
	lines := strings.Count(text, "\n") + 1
	insert := func(s string) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			m.edit.insert(s)
			return m.wrote()
		}
	}
	if lines == 1 {
		return insert(text)(m)
	}
	m.push(&picker{title: m.text("tui.paste", lines), items: []item{
		{label: m.text("tui.paste.lines"), do: insert(text)},
		{label: m.text("tui.paste.one"), do: insert(strings.Join(strings.Fields(text), " "))},
		{label: m.text("tui.cancel")},
	}})
	return nil
}
