package tui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A written text is what stands in the composer, and whom it calls where a name alone
// does not say it.
type written struct {
	text  string
	calls []callee // in the order of the text, apart from each other
}

// A callee is a part of a text that calls somebody who was chosen among people called
// alike: octets from until before to, which begin with @.
type callee struct {
	from, to int
	account  omega.Fingerprint
}

// splice puts s in the place of the octets from until before to, and moves the calls
// behind it; one that is changed itself is none any more.
func (w written) splice(from, to int, s string) written {
	by := len(s) - (to - from)
	var calls []callee
	for _, c := range w.calls {
		switch {
		case c.from >= to:
			calls = append(calls, callee{c.from + by, c.to + by, c.account})
		case c.to <= from:
			calls = append(calls, c)
		}
	}
	return written{w.text[:from] + s + w.text[to:], calls}
}

// calling adds a call.
func (w written) calling(c callee) written {
	w.calls = append(slices.Clone(w.calls), c)
	slices.SortFunc(w.calls, func(a, b callee) int { return cmp.Compare(a.from, b.from) })
	return w
}

// then is a text with another one in the line below.
func (w written) then(v written) written {
	out := written{w.text + "\n" + v.text, slices.Clone(w.calls)}
	for _, c := range v.calls {
		by := len(w.text) + 1
		out.calls = append(out.calls, callee{c.from + by, c.to + by, c.account})
	}
	return out
}

// markup is the text with every call as markup says who is meant, @[name](FINGERPRINT);
// the other marks stay what they are. A call where markup has no place for one, in code
// or in a link, stays a text, and so does one of a name that has the marks itself.
func (w written) markup() string {
	var out strings.Builder
	at := 0
	for _, c := range w.calls {
		name, ok := strings.CutPrefix(w.text[c.from:c.to], "@")
		if !ok || name == "" || strings.Contains(name, "](") || w.verbatim(c) {
			continue
		}
		out.WriteString(w.text[at:c.from] + "@[" + name + "](" + c.account.String() + ")")
		at = c.to
	}
	return out.String() + w.text[at:]
}

// verbatim reports whether a call stands where markup reads none: behind a backslash, in
// code, or in the label of a link.
func (w written) verbatim(c callee) bool {
	before, behind := w.text[:c.from], w.text[c.to:]
	if n := len(before) - len(strings.TrimRight(before, `\`)); n%2 == 1 {
		return true
	}
	if strings.Count(before, "`")%2 == 1 && strings.Contains(behind, "`") {
		return true
	}
	open := strings.LastIndexByte(before, '[')
	if open < 0 || strings.Contains(before[open:], "](") {
		return false
	}
	label, rest, closed := strings.Cut(behind, "](")
	return closed && !strings.ContainsAny(label, "[\n") && strings.Contains(rest, ")")
}

// entities are the calls as messages have them.
func (w written) entities() (out []clientrpc.Entity) {
	for _, c := range w.calls {
		out = append(out, clientrpc.Entity{Type: "mention", Offset: units(w.text[:c.from]), Length: units(w.text[c.from:c.to]), Account: c.account})
	}
	return out
}

// writtenIn is the text of a message, with whom it calls: who edits it calls them still.
func writtenIn(msg *clientrpc.Message) written {
	w := written{text: typed(msg.Text)}
	if w.text != msg.Text {
		return w // offsets are those of what was sent
	}
	for _, e := range msg.Entities {
		from := octets(w.text, e.Offset)
		to := from + octets(w.text[from:], e.Length)
		if e.Type == "mention" && !e.Account.IsZero() && strings.HasPrefix(w.text[from:to], "@") {
			w = w.calling(callee{from, to, e.Account})
		}
	}
	return w
}

// octets is how many octets of a text have so many units of UTF-16.
func octets(s string, n uint32) int {
	for i, r := range s {
		if n == 0 {
			return i
		}
		n -= min(n, unitsOf(r))
	}
	return len(s)
}

// remember keeps whom the composer calls for when its chat is opened again: the draft
// that the core keeps is a text only.
func (m *Model) remember(chat omega.ChatID, w written) {
	if len(w.calls) == 0 {
		delete(m.calling, chat)
		return
	}
	m.calling[chat] = w
}

// drafted is what was begun to be written in a chat, with whom it calls.
func (m *Model) drafted(c *clientrpc.Chat) written {
	text := m.draftOf(c)
	if w := m.calling[c.ID]; w.text == text {
		return w
	}
	return written{text: text}
}
