package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// mentionsPage is how many are asked for at once.
const mentionsPage = 40

// mentions shows the messages of all chats that call this account: those that were not
// read, or all of them. Choosing one shows the history around it.
func (m *Model) mentions(all bool) tea.Cmd {
	if m.phase != ready {
		return nil
	}
	p := &picker{title: m.text("tui.mentions")}
	if all {
		p.title = m.text("tui.mentions.all")
	}
	m.push(p)
	return m.run(mentionPage(p, p.asks(m), clientrpc.MentionsParams{All: all, Page: clientrpc.Page{Count: mentionsPage}}))
}

// mentionPage fetches a part of the list of p, which says so where there is nothing.
func mentionPage(p *picker, turn int, ask clientrpc.MentionsParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Mentions.Call(ctx, core, ask)
		msg := fillMsg{turn: turn, err: err, add: ask.Next != ""}
		msg.items = func(m *Model) (out []item) {
			if ask.Next == "" && !ask.All {
				out = append(out, item{label: m.text("tui.mentions.more"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.mentions(true) }})
			}
			for i := range r.Messages {
				out = append(out, m.hit(&clientrpc.FoundMessage{Message: r.Messages[i]}, true))
			}
			if len(r.Messages) == 0 && ask.Next == "" {
				none := "tui.mentions.none"
				if ask.All {
					none = "tui.mentions.never"
				}
				p.note = m.text(none) // no line of the list: there is nothing to choose
			}
			return out
		}
		if r.Next != "" {
			next := ask
			next.Next = r.Next
			msg.more = func(m *Model, p *picker) tea.Cmd { return m.run(mentionPage(p, p.asks(m), next)) }
		}
		return msg
	}
}
