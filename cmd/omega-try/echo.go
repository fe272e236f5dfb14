package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
)

// answer does what the echo does with each message that the process prints, until that
// ends.
func (p *person) answer() {
	lines := json.NewDecoder(p.recv.stdout)
	for {
		var m clientrpc.Message
		if lines.Decode(&m) != nil {
			return
		}
		echo(context.Background(), p.conn, p.fp, &m)
	}
}

// echo sends a verified text back to where it was written: of two people each, of a group
// what calls the echo. Who invites it to a group has it there. What cannot be sent now
// waits in the outbox.
func echo(ctx context.Context, core clientrpc.Conn, own omega.Fingerprint, m *clientrpc.Message) {
	if !m.Verified {
		return
	}
	if m.Kind == string(chat.KindGroupInvite) && m.Group != "" {
		clientrpc.AcceptGroup.Call(ctx, core, clientrpc.GroupRef{Group: m.Group})
		return
	}
	p := clientrpc.SendParams{ID: newID(), To: m.Chat.String(), Text: m.Text, Wait: "none", Timeout: time.Second}
	switch {
	case m.Kind != string(chat.KindText):
		return
	case m.Chat == omega.DirectChat(own, m.From):
		p.To = m.From.String()
	case m.Chat == secure.Direct(own, m.From):
	case m.Mentioned:
		p.Text, p.Reply = uncalled(m), &clientrpc.ReplyTo{Message: m.ID}
	default:
		return
	}
	clientrpc.Send.Call(ctx, core, p)
}

// uncalled is a text without the marks that call people, which would call them again; all
// of it, if nothing else is in it.
func uncalled(m *clientrpc.Message) string {
	units := utf16.Encode([]rune(m.Text))
	var out []uint16
	at := uint32(0)
	for _, e := range m.Entities {
		if e.Type != chat.EntityMention.String() && e.Type != chat.EntityAll.String() || e.Offset < at || uint64(e.Offset)+uint64(e.Length) > uint64(len(units)) {
			continue
		}
		out = append(out, units[at:e.Offset]...)
		at = e.Offset + e.Length
	}
	text := strings.Join(strings.Fields(string(utf16.Decode(append(out, units[at:]...)))), " ")
	if text == "" {
		return "👋"
	}
	return text
}
