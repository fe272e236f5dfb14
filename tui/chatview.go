package tui

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// whoIs is how an account is called in what is at hand.
func (m *Model) whoIs(f omega.Fingerprint) string {
	for i := len(m.conv.list) - 1; i >= 0; i-- {
		if msg := &m.conv.list[i].msg; msg.From == f {
			return m.called(msg.Name, f)
		}
	}
	for _, c := range m.chats.all {
		if c.Peer == f && c.Kind == clientrpc.ChatDirect {
			return m.chatName(c)
		}
	}
	return m.called("", f)
}

// headRows stand above the history: who it is, what kind of chat, and what stands on
// top of it.
func (m *Model) headRows(w int) []row {
	c := m.chat()
	if c == nil {
		return []row{m.metric.pad(row{}, w)}
	}
	name, paper := inkHead, paperBar
	var left []span
	if m.one() {
		left = append(left, span{text: " <", ink: inkAccent})
	}
	left = append(left, span{text: " "})
	left = append(left, m.kindMark(c, 0)...)
	if c.Secure {
		name, paper = inkSecureHead, paperSecureBar
	}
	left = append(left, span{text: m.chatName(c), ink: name})
	if c.Verified == clientrpc.VerifiedYes {
		left = append(left, span{text: " ✔" + m.text("tui.verified"), ink: inkGood})
	}
	if c.Verified == clientrpc.VerifiedChanged {
		left = append(left, span{text: " ⚠ " + m.text("tui.keychanged"), ink: inkBad})
	}
	right := m.metric.line(span{text: m.state(c) + " ", ink: inkDim})
	rows := []row{m.metric.between(m.metric.line(left...).on(paper), right.on(paper), w).on(paper)}
	if m.height >= 14 {
		rows = append(rows, m.metric.pad(m.metric.line(m.kindOf(c)...).on(paper), w))
	}
	if n := len(m.conv.pinned); n > 0 && m.height >= 12 {
		p := &m.conv.pinned[0]
		text := " 📌 " + m.called(p.Name, p.From) + ": " + m.preview(p)
		rows = append(rows, m.metric.pad(m.metric.line(span{text: m.metric.fit(text, w-1), ink: inkAccent}), w))
	}
	return append(rows, m.rule(c, w))
}

// rule is the line under the head: of a secure chat it is doubled.
func (m *Model) rule(c *clientrpc.Chat, w int) row {
	across, i := m.glyphs.across, inkDim
	if c.Secure {
		across, i = m.glyphs.secureAcross, inkSecure
	}
	return m.metric.pad(m.metric.line(span{text: m.metric.fill(across, w), ink: i}), w)
}

// channelState is what a channel is: of who may write in it also how many subscribe.
func (m *Model) channelState(g groupNote) string {
	if g.role == clientrpc.RoleSubscriber || !g.allowed(g.rules.Write) {
		return m.text("group.channel")
	}
	return m.text("tui.subscribers", g.subscribers)
}

// state is what is known of the other side now.
func (m *Model) state(c *clientrpc.Chat) string {
	if doing := m.doing(c); doing != "" {
		return doing
	}
	p, ok := m.present[c.ID]
	switch {
	case m.groups[c.ID].channel:
		return m.channelState(m.groups[c.ID])
	case m.groups[c.ID].size > 0:
		return m.text("tui.members", m.groups[c.ID].size)
	case !ok:
		return ""
	case p.Online && m.now().Before(p.Until):
		return m.text("tui.here")
	case !p.Seen.IsZero():
		return m.text("tui.seen", short(p.Seen, m.now(), m.lang))
	}
	return ""
}

// kindOf says what kind of chat it is where the person looks when it matters.
func (m *Model) kindOf(c *clientrpc.Chat) []span {
	if notice := m.noticeOf(c); notice != "" {
		return []span{{text: " ⚠ " + notice, ink: inkBad}}
	}
	switch {
	case !c.Ended.IsZero():
		return []span{{text: " ⚠ " + m.text("tui.secure.ended", short(c.Ended, m.now(), m.lang)), ink: inkWarn}}
	case c.Secure:
		return []span{{text: " " + m.text("tui.secure"), ink: inkSecure}}
	case c.Kind == clientrpc.ChatImported:
		return []span{{text: " " + m.text("tui.imported"), ink: inkWarn}}
	case c.Kind == clientrpc.ChatSaved:
		return []span{{text: " " + m.text("tui.savednote"), ink: inkDim}}
	}
	return []span{{text: " " + m.text("tui.normal"), ink: inkDim}}
}

// footRows stand below the history: a question about a stranger, what the composer
// is for, and the composer.
func (m *Model) footRows(w int) []row {
	c := m.chat()
	if c == nil {
		return nil
	}
	rows := []row{m.rule(c, w)}
	rows = append(rows, m.requestRows(c, w)...)
	rows = append(rows, m.taskRows(w)...)
	if why := m.whyReadOnly(c); why != "" {
		return append(rows, m.metric.pad(m.metric.line(span{text: " " + m.text(why, m.text(m.groups[c.ID].thing())), ink: inkDim}), w))
	}
	return append(rows, m.composerRows(c, w)...)
}

// requestRows ask what to do about somebody who is no contact, or say that a secure
// chat ended. (spec/secure.md, SEC-29)
func (m *Model) requestRows(c *clientrpc.Chat, w int) []row {
	var out []row
	wrap := func(text string, i ink) {
		for _, r := range m.metric.wrap([]span{{text: text, ink: i}}, w-2) {
			out = append(out, m.metric.pad(join(m.metric.line(span{text: " "}), r), w))
		}
	}
	switch {
	case c.Blocked:
		wrap(m.text("tui.blocked"), inkBad)
	case !c.Ended.IsZero() && c.Kind == clientrpc.ChatSecure: // those of groups say who left
		wrap(m.text("tui.ended"), inkWarn)
	case m.alone(c):
		wrap(m.text("tui.group.alone"), inkAccent)
	case isRequest(c):
		wrap(m.text("tui.request", m.chatName(c)), inkWarn)
		for _, s := range c.Similar {
			wrap(m.text("tui.similar", m.called(s.Name, s.Account)), inkBad)
		}
		wrap(m.text("tui.request.keys"), inkAccent)
	}
	return out
}

// alone reports whether nobody else is in a group of this account.
func (m *Model) alone(c *clientrpc.Chat) bool {
	g := m.groups[c.ID]
	return c.Kind == clientrpc.ChatGroup && g.size == 1 && g.subscribers == 0 && g.role == clientrpc.RoleOwner && !g.dissolved
}

// taskRows say which message is answered or edited.
func (m *Model) taskRows(w int) []row {
	t, ok := m.tasks[m.conv.chat]
	if !ok {
		return nil
	}
	label, msg := m.text("tui.editing"), t.edit
	if t.reply != nil {
		label, msg = m.text("tui.replying", m.called(t.reply.Name, t.reply.From)), t.reply
	}
	text := " " + label + "  " + m.preview(msg)
	return []row{m.metric.pad(m.metric.line(span{text: m.metric.fit(text, w-8), ink: inkAccent}, span{text: "  [Esc]", ink: inkDim}), w)}
}

// prompt stands before the composer.
func (m *Model) prompt(c *clientrpc.Chat) span {
	if c.Secure {
		return span{text: "🔒" + m.text("secure.mark") + " ", ink: inkSecure}
	}
	return span{text: m.glyphs.point + " ", ink: inkAccent}
}

func (m *Model) promptWidth() int {
	if c := m.chat(); c != nil {
		return 1 + m.metric.width(m.prompt(c).text)
	}
	return 0
}

// composerWidth is how wide a line in the composer is.
func (m *Model) composerWidth(w int) int { return max(4, w-m.promptWidth()-1) }

// composerHeight is how many lines of it are shown.
func (m *Model) composerHeight(w int) int {
	lines, _, _ := m.edit.lines(m.metric, m.composerWidth(w))
	return max(1, min(len(lines), composerMax, m.height/3))
}

// composerRows are the text that is being written.
func (m *Model) composerRows(c *clientrpc.Chat, w int) []row {
	lines, y, _ := m.edit.lines(m.metric, m.composerWidth(w))
	height := m.composerHeight(w)
	m.editTop = max(0, min(m.editTop, y, len(lines)-height), y-height+1)
	var out []row
	for i := m.editTop; i < m.editTop+height && i < len(lines); i++ {
		lead := []span{{text: " "}, m.prompt(c)}
		if i > 0 {
			lead = []span{{text: spaces(m.promptWidth())}}
		}
		body := span{text: m.edit.show(m.metric, lines[i])}
		if m.edit.text == "" {
			body = span{text: m.placeholder(c), ink: inkDim}
		}
		out = append(out, m.metric.pad(m.metric.line(append(lead, body)...), w))
	}
	return out
}

func (m *Model) placeholder(c *clientrpc.Chat) string {
	switch {
	case !c.Ended.IsZero() && c.Kind == clientrpc.ChatSecure:
		return m.text("tui.write.again")
	case c.Secure:
		return m.text("tui.write.secure")
	}
	return m.text("tui.write")
}

// composerCursor is where the cursor is in the composer.
func (m *Model) composerCursor(w int) (x, y int) {
	_, line, column := m.edit.lines(m.metric, m.composerWidth(w))
	return m.promptWidth() + column, line - m.editTop
}
