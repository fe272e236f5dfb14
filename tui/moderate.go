package tui

import (
	"context"

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

// hasVotes reports whether there is somebody to be told of who voted.
func hasVotes(m *Model, msg *clientrpc.Message) bool {
	return alive(m, msg) && msg.Poll != nil && (msg.Poll.Voters > 0 || msg.Poll.Counted > 0 && m.groups[msg.Chat].subscribers > 0)
}

// voters shows who chose which answer of a poll: of each the first page.
func (m *Model) voters(e *entry) tea.Cmd {
	poll, ref := e.msg.Poll, refOf(&e.msg)
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		said := make([][]clientrpc.Voter, len(poll.Options))
		for i, o := range poll.Options {
			if o.Votes+o.Counted == 0 {
				continue
			}
			r, err := clientrpc.Voters.Call(ctx, core, clientrpc.VotersParams{MessageRef: ref, Option: i, Page: clientrpc.Page{Count: clientrpc.PageMax}})
			if err != nil {
				return failedMsg{err}
			}
			said[i] = r.Voters
		}
		return sheetMsg{make: func(m *Model) *sheet {
			s := &sheet{title: m.text("tui.act.voters")}
			for i, o := range poll.Options {
				s.body = append(s.body, span{text: m.clean(o.Text) + "\n", ink: inkHead})
				for _, v := range said[i] {
					s.body = append(s.body, span{text: "  " + m.called(v.Name, v.Account) + "\n"})
				}
			}
			return s
		}}
	})
}

// countedLine says whose word a number of reactions and votes is; who may write in the
// channel is told who its subscribers are, and needs nobody's word.
func (m *Model) countedLine(msg *clientrpc.Message, n int) string {
	if m.groups[msg.Chat].subscribers > 0 {
		return m.text("message.fromsubscribers", n)
	}
	return m.text("message.counted", n, m.called(msg.Counted.Name, msg.Counted.By))
}
