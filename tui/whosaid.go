package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// hasSaid reports whether there is somebody to be told of who reacted to a message of a group, or
// voted in it.
func hasSaid(m *Model, msg *clientrpc.Message) bool {
	if !alive(m, msg) || !m.inGroup() && msg.Poll == nil {
		return false
	}
	counted := msg.Counted != nil && msg.Counted.Known && msg.CountedInAll() > 0
	return counted || len(msg.Reactions) > 0 || msg.Poll != nil && msg.Poll.Voters > 0
}

// inGroup reports whether the chat that is open is a group.
func (m *Model) inGroup() bool {
	c := m.chat()
	return c != nil && c.Kind == clientrpc.ChatGroup
}

// whoSaid shows who reacted, and who chose which answer of a poll: of each the first page.
func (m *Model) whoSaid(e *entry) tea.Cmd {
	msg, ref := e.msg, refOf(&e.msg)
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		page := clientrpc.Page{Count: clientrpc.PageMax}
		reacted, err := clientrpc.Reactors.Call(ctx, core, clientrpc.ReactorsParams{MessageRef: ref, Page: page})
		var chose []clientrpc.VotersResult
		for i := 0; err == nil && msg.Poll != nil && i < len(msg.Poll.Options); i++ {
			var r clientrpc.VotersResult
			if o := msg.Poll.Options[i]; o.Votes+o.Counted > 0 {
				r, err = clientrpc.Voters.Call(ctx, core, clientrpc.VotersParams{MessageRef: ref, Option: i, Page: page})
			}
			chose = append(chose, r)
		}
		return sheetMsg{err: err, make: func(m *Model) *sheet { return m.saidSheet(&msg, &reacted, chose) }}
	})
}

// saidSheet is what whoSaid shows.
func (m *Model) saidSheet(msg *clientrpc.Message, reacted *clientrpc.ReactorsResult, chose []clientrpc.VotersResult) *sheet {
	s := &sheet{title: m.text("tui.act.voters")}
	line := func(text string, i ink) { s.body = append(s.body, span{text: text + "\n", ink: i}) }
	more := func(r clientrpc.Rest) {
		if r.Next != "" {
			line("  "+m.text("tui.saidmore", clientrpc.PageMax), inkDim)
		}
	}
	for _, r := range reacted.Reactors {
		line(m.clean(strings.Join(r.Emoji, " "))+"  "+m.called(r.Name, r.Account), noInk)
	}
	more(reacted.Rest)
	for i, r := range chose {
		line(m.clean(msg.Poll.Options[i].Text), inkHead)
		for _, v := range r.Voters {
			line("  "+m.called(v.Name, v.Account), noInk)
		}
		more(r.Rest)
	}
	if n := msg.CountedInAll(); n > 0 && !msg.Counted.Known {
		line(m.countedLine(msg, n), inkDim)
	}
	return s
}

// countedLine says whose word a number of reactions and votes is; who may write in the
// channel is told who its subscribers are, and needs nobody's word.
func (m *Model) countedLine(msg *clientrpc.Message, n int) string {
	if msg.Counted.Known {
		return m.text("message.fromsubscribers", n)
	}
	return m.text("message.counted", n, m.called(msg.Counted.Name, msg.Counted.By))
}
