package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// commonEmoji are offered first; any other may be typed.
var commonEmoji = []string{"👍", "🙏", "😂", "😮", "😢", "🎉", "推", "噓"}

// ownReactions are what this account said of a message by emoji.
func (m *Model) ownReactions(msg *clientrpc.Message) (out []string) {
	for _, r := range msg.Reactions {
		if m.me != nil && r.From == m.me.Fingerprint {
			out = append(out, r.Emoji...)
		}
	}
	return out
}

// toggled is own with one more emoji, or without it where it is there.
func toggled(own []string, emoji string) []string {
	if slices.Contains(own, emoji) {
		return slices.DeleteFunc(slices.Clone(own), func(s string) bool { return s == emoji })
	}
	return append(slices.Clone(own), emoji)
}

// reactions counts equal emoji, the first that came first; those of this account stand in
// brackets.
func (m *Model) reactions(msg *clientrpc.Message) string {
	own := m.ownReactions(msg)
	var out []string
	for _, e := range msg.SaidByEmoji() {
		text := m.metric.fit(m.clean(e.Emoji), 12)
		switch {
		case text == "":
		case slices.Contains(own, e.Emoji):
			out = append(out, fmt.Sprintf("[%s %d]", text, e.Count))
		default:
			out = append(out, fmt.Sprintf("%s %d", text, e.Count))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " " + strings.Join(out, "  ")
}

// react offers what others said by emoji, what people say most, and to take back what this
// account said.
func (m *Model) react(e *entry) tea.Cmd {
	own := m.ownReactions(&e.msg)
	p := &picker{title: m.text("tui.react"), note: m.text("tui.react.note"), input: &editor{}, ask: m.glyphs.point + " "}
	p.refill = func(m *Model, typed string) tea.Cmd {
		p.items, p.sel = nil, 0
		if t := strings.TrimSpace(typed); t != "" {
			p.items = append(p.items, m.reactionItem(e, own, t, 0))
			return nil
		}
		seen := map[string]bool{}
		for _, s := range e.msg.SaidByEmoji() {
			seen[s.Emoji] = true
			p.items = append(p.items, m.reactionItem(e, own, s.Emoji, s.Count))
		}
		for _, emoji := range commonEmoji {
			if !seen[emoji] {
				p.items = append(p.items, m.reactionItem(e, own, emoji, 0))
			}
		}
		if len(own) > 1 {
			p.items = append(p.items, item{label: m.text("tui.react.none"), do: m.sayByEmoji(e, nil)})
		}
		return nil
	}
	m.push(p)
	return p.refill(m, "")
}

// reactionItem offers one emoji, or to take it back.
func (m *Model) reactionItem(e *entry, own []string, emoji string, count int) item {
	it := item{label: m.metric.fit(m.clean(emoji), 12), do: m.sayByEmoji(e, toggled(own, emoji))}
	switch emoji {
	case "推":
		it.label += "  " + m.text("tui.react.push")
	case "噓":
		it.label += "  " + m.text("tui.react.boo")
	}
	if count > 0 {
		it.hint = fmt.Sprint(count)
	}
	if slices.Contains(own, emoji) {
		it.ink, it.hint = inkGood, strings.TrimSpace(m.text("tui.react.mine")+"  "+it.hint)
	}
	return it
}

// sayByEmoji says all that this account says of a message by emoji.
func (m *Model) sayByEmoji(e *entry, emoji []string) func(m *Model) tea.Cmd {
	p := clientrpc.ReactParams{ID: newID(), MessageRef: refOf(&e.msg), Emoji: emoji}
	return func(m *Model) tea.Cmd { return m.run(call(clientrpc.React, p, noText)) }
}
