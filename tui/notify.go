package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// notifiedMsg is a message of which the person is to be told.
type notifiedMsg struct {
	message clientrpc.Message
	silent  bool
}

// tell has the person told of a message that came while he looks elsewhere.
func (m *Model) tell(d clientrpc.NewMessageEvent) tea.Cmd {
	if d.Own || !d.Notify || m.opts.Notify == "off" || m.looking && m.conv.open && m.conv.chat == d.Chat {
		return nil
	}
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		msg, err := clientrpc.Show.Call(ctx, core, clientrpc.MessageRef{Message: d.Message, Chat: d.Chat.String()})
		if err != nil {
			return nil
		}
		return notifiedMsg{msg, d.Silent}
	})
}

// onNotified rings the bell, or has the terminal show a notification. Of a secure
// chat it says that there is one.
func (m *Model) onNotified(msg notifiedMsg) tea.Cmd {
	title, text := m.called(msg.message.Name, msg.message.From), ""
	if c := m.chats.find(msg.message.Chat); c != nil {
		title = m.chatName(c)
	}
	if !msg.message.Secure {
		text = m.metric.fit(m.preview(&msg.message), 120)
	}
	how := m.opts.notifies()
	if how == "bell" && msg.silent {
		return nil
	}
	return tea.Raw(notification(how, title, text))
}

// notifies is how this terminal is told: what is known of it decides where the
// person did not.
func (o *Options) notifies() string {
	if o.Notify != "" && o.Notify != "auto" {
		return o.Notify
	}
	switch {
	case o.Term.Inside:
		return "bell" // what is inside of a multiplexer does not reach the terminal
	case strings.HasPrefix(o.Term.Name, "foot"), strings.HasPrefix(o.Term.Name, "rxvt"):
		return "osc777"
	case o.Term.Program == "iTerm.app", o.Term.Program == "WezTerm", o.Term.Program == "ghostty", strings.Contains(o.Term.Name, "kitty"):
		return "osc9"
	}
	return "bell"
}

// notification is the sequence that tells. A number at the begin would mean something
// else in the first form, and a semicolon ends a part of the second one.
func notification(how, title, text string) string {
	switch how {
	case "osc9":
		return "\x1b]9;ω " + strings.TrimSuffix(title+": "+text, ": ") + "\x07"
	case "osc777":
		return "\x1b]777;notify;" + strings.ReplaceAll(title, ";", "，") + ";" + strings.ReplaceAll(text, ";", "，") + "\x07"
	}
	return "\x07"
}
