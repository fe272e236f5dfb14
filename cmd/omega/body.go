package main

import (
	"fmt"
	"slices"
	"strings"

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
func (a *app) body(m clientrpc.Message) string {
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
		return a.text("message.groupinvite", safe(m.Text), m.Group)
	case "edit":
		return a.text("message.edit", targets(m)) + "\n" + safe(m.Text)
	case "delete":
		return a.text("message.delete", targets(m))
	case "reaction":
		if len(m.Emoji) == 0 {
			return a.text("message.noreaction", targets(m))
		}
		return a.text("message.reaction", safe(strings.Join(m.Emoji, " ")), targets(m))
	case "vote":
		return a.text("message.vote", targets(m))
	case "entry":
		if m.Text == "" {
			return a.text("message.noentry", targets(m))
		}
		return a.text("message.entry", targets(m)) + "\n" + safe(m.Text)
	case "close":
		return a.text("message.close", targets(m))
	case "pin":
		if m.Pinned {
			return a.text("message.pin", targets(m))
		}
		return a.text("message.unpin", targets(m))
	}
	return strings.TrimSuffix(a.text("message.newer")+"\n"+safe(m.Text), "\n")
}

// targets are the messages that an operation is about.
func targets(m clientrpc.Message) string {
	var out []string
	for _, id := range m.Targets {
		out = append(out, id.String())
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
	if len(m.Reactions) > 0 {
		lines = append(lines, reactionLine(m.Reactions))
	}
	return strings.Join(lines, "\n")
}

// mediumLine is what a picture or a file of a message is.
func (a *app) mediumLine(m clientrpc.Medium) string {
	label := a.text("file.medium", a.text("what."+m.What), m.Name, m.Size)
	if m.Unsigned {
		label += " ⚠ " + a.text("file.unsigned")
	}
	return safe(label)
}

// reactionLine counts equal emoji, the first that came first.
func reactionLine(list []clientrpc.Reaction) string {
	var order []string
	count := map[string]int{}
	for _, r := range list {
		for _, e := range r.Emoji {
			if count[e]++; !slices.Contains(order, e) {
				order = append(order, e)
			}
		}
	}
	for i, e := range order {
		order[i] = fmt.Sprintf("%s %d", safe(e), count[e])
	}
	return strings.Join(order, "  ")
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

// maxExcerpt is how many characters of the message that is answered are shown.
const maxExcerpt = 60

func (a *app) replyLine(r *clientrpc.Reply) string {
	text := r.Quote
	if text == "" {
		text = r.Text
	}
	text = safe(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > maxExcerpt {
		text = string(runes[:maxExcerpt]) + "…"
	}
	key := "message.reply"
	switch {
	case r.Message.IsZero():
		key = "message.replyunknown"
	case r.Quote != "" && !r.Exact:
		key = "message.replyinexact"
	}
	return i18n.T(key, safe(r.Name), text).In(a.lang)
}
