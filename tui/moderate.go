package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// redactable reports whether a message is one of somebody else that this account may take
// back for all of its group.
func redactable(m *Model, msg *clientrpc.Message) bool {
	c := m.chat()
	return alive(m, msg) && msg.State == "" && c != nil && c.Kind == clientrpc.ChatGroup && m.groups[c.ID].decides()
}

// redact takes a message back for everybody of a group, whoever wrote it.
func (m *Model) redact(e *entry) tea.Cmd {
	p := clientrpc.RedactGroupParams{GroupRef: clientrpc.GroupRef{Group: e.msg.Chat.String()}, Messages: []omega.ID{e.msg.ID}}
	m.confirm(m.text("tui.act.redact"), m.called(e.msg.Name, e.msg.From)+": "+m.preview(&e.msg), func(m *Model) tea.Cmd {
		return m.run(call(clientrpc.RedactGroup, p, noText))
	})
	return nil
}
