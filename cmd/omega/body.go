package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// kindText is the kind of the messages that are text and nothing else; of kinds
// that this version does not know it shows that they are there, and their text if
// they have one.
const (
	kindText  = "text"
	kindMedia = "media"
)

// body is what a message says, for people, in lines.
func (a *app) body(ctx context.Context, m clientrpc.Message) string {
	if m.Imported {
		return a.textBody(m)
	}
	if m.Service {
		return m.Line(a.text, safe)
	}
	switch m.Kind {
	case kindText, kindMedia, "poll", "list":
		return a.textBody(m)
	case "group-invite":
		return a.inviteLine(&m, m.Group[:min(len(m.Group), 32)]) // the chat's id
	case "group-refused":
		return a.text("message.grouprefused")
	case "edit":
		return a.text("message.edit", a.targets(ctx, m)) + "\n" + safe(m.Text)
	case "delete":
		return a.text("message.delete", a.targets(ctx, m))
	case "reaction":
		if len(m.Emoji) == 0 {
			return a.text("message.noreaction", a.targets(ctx, m))
		}
		return a.text("message.reaction", safe(strings.Join(m.Emoji, " ")), a.targets(ctx, m))
	case "vote":
		return a.voteLine(ctx, m)
	case "entry":
		if m.Text == "" {
			return a.text("message.noentry", a.targets(ctx, m))
		}
		return a.text("message.entry", a.targets(ctx, m)) + "\n" + safe(m.Text)
	case "close":
		return a.text("message.close", a.targets(ctx, m))
	case "pin":
		if m.Pinned {
			return a.text("message.pin", a.targets(ctx, m))
		}
		return a.text("message.unpin", a.targets(ctx, m))
	}
	return strings.TrimSuffix(a.text("message.newer")+"\n"+safe(m.Text), "\n")
}

// inviteLine is an invitation to a group; how to accept it is said where a group is given.
func (a *app) inviteLine(m *clientrpc.Message, group string) string {
	switch {
	case m.State != "":
		return a.text("message.groupinvited", safe(m.Text), a.text(m.Thing()))
	case m.GroupRole != "" && m.GroupRole != clientrpc.RoleAsking:
		return a.text("message.groupjoined", safe(m.Text), a.text(m.Thing()))
	case m.GroupRole != "":
		return a.text("message.groupletin", safe(m.Text), a.text(m.Thing()))
	case group == "":
		return a.text("preview.groupinvite", safe(m.Text), a.text(m.Thing()))
	}
	return a.text("message.groupinvite", safe(m.Text), group, a.text(m.Thing()))
}

// isOperation reports whether messages of a kind only say something of others.
func isOperation(kind string) bool {
	return slices.Contains([]string{"edit", "delete", "reaction", "vote", "entry", "close", "pin"}, kind)
}

// targets are the messages that an operation is about: their ids, and how they begin.
func (a *app) targets(ctx context.Context, m clientrpc.Message) string {
	var out []string
	for _, id := range m.Targets {
		out = append(out, a.short(id)+a.excerptOf(ctx, m.Chat, id))
	}
	if len(out) == 0 {
		return "?"
	}
	return strings.Join(out, " ")
}

func (a *app) textBody(m clientrpc.Message) string {
	if m.Deleted {
		return a.text("message.gone")
	}
	var lines []string
	if m.Mentioned {
		lines = append(lines, a.text("message.mentioned"))
	}
	if f := m.Forward; f != nil {
		lines = append(lines, a.forwardLine(f))
	}
	if r := m.Reply; r != nil {
		lines = append(lines, a.replyLine(r))
	}
	for _, medium := range m.Media {
		lines = append(lines, a.mediumLine(medium))
		if medium.Type == chat.TypePack && m.State == "" {
			lines = append(lines, a.text("sticker.addit", a.short(m.ID)))
		}
	}
	if m.Text != "" || len(m.Media) == 0 {
		lines = append(lines, safe(m.Text))
	}
	lines = append(lines, a.pollLines(m)...)
	for _, e := range m.Entities {
		if e.Type == "link" && e.Address != "" {
			lines = append(lines, a.text("message.link", safe(e.Address)))
		}
	}
	var notes []string
	if !m.Edited.IsZero() {
		notes = append(notes, a.text("message.edited", a.clock(m.Edited)))
	}
	if !m.Expires.IsZero() {
		notes = append(notes, a.text("message.expires", a.clock(m.Expires)))
	}
	if m.Pinned {
		notes = append(notes, a.text("message.pinned"))
	}
	if len(notes) > 0 {
		lines = append(lines, strings.Join(notes, " "))
	}
	if line := reactionLine(&m); line != "" {
		lines = append(lines, line)
	}
	if line := a.countedLine(&m); line != "" {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// countedLine says how many reactions and votes are of a channel's subscribers, and whose word
// that is: nobody's for who may write, and knows them. "": there are none.
func (a *app) countedLine(m *clientrpc.Message) string {
	n := m.CountedInAll()
	switch {
	case n == 0:
		return ""
	case m.Counted.Known:
		return a.text("message.fromsubscribers", n)
	}
	return a.text("message.counted", n, cmp.Or(safe(m.Counted.Name), keyID(m.Counted.By)))
}

// mediumLine is what a picture or a file of a message is.
func (a *app) mediumLine(m clientrpc.Medium) string {
	what := a.text("what." + m.What)
	if m.Type == chat.TypePack {
		what = a.text("what.pack")
	}
	label := a.text("file.medium", what, m.Name, i18n.Size(m.Size))
	if m.Unsigned {
		label += " ⚠ " + a.text("file.unsigned")
	}
	return safe(label)
}

// reactionLine counts equal emoji, the first that came first.
func reactionLine(m *clientrpc.Message) string {
	var out []string
	for _, e := range m.SaidByEmoji() {
		out = append(out, fmt.Sprintf("%s %d", safe(e.Emoji), e.Count))
	}
	return strings.Join(out, "  ")
}

func (a *app) forwardLine(f *clientrpc.ForwardOf) string {
	if f.Hidden {
		return a.text("message.forwardhidden")
	}
	line := a.text("message.forward", strings.TrimSpace(safe(f.Name)+" "+keyID(f.From)))
	if !f.Time.IsZero() {
		line += " " + a.clock(f.Time)
	}
	return line
}

// excerptOf is how a message begins that another one is about; "" if it says nothing.
func (a *app) excerptOf(ctx context.Context, where omega.ChatID, id omega.ID) string {
	if a.conn == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	t, err := clientrpc.Show.Call(ctx, a.conn, clientrpc.MessageRef{Message: id, Chat: where.String()})
	if err != nil || t.Deleted || t.Text == "" {
		return ""
	}
	return a.text("message.excerpt", excerpt(t.Text, maxTarget))
}

// excerpt is the beginning of a text, on one line and harmless.
func excerpt(text string, most int) string {
	text = safe(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// maxTarget is how many characters are shown of a message that something is said of.
const maxTarget = 20

// maxExcerpt is how many characters of the message that is answered are shown.
const maxExcerpt = 60

func (a *app) replyLine(r *clientrpc.Reply) string {
	text := r.Quote
	if text == "" {
		text = r.Text
	}
	text = excerpt(text, maxExcerpt)
	key := "message.reply"
	switch {
	case r.Message.IsZero():
		key = "message.replyunknown"
	case r.Quote != "" && !r.Exact:
		key = "message.replyinexact"
	}
	return i18n.T(key, safe(r.Name), text).In(a.lang)
}
