package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// A completion is the menu of commands or people over the composer.
type completion struct {
	from  int // where what is completed begins in the text
	word  string
	items []suggestion
	sel   int
}

// A suggestion is what may stand in the place of what was typed.
type suggestion struct {
	insert, label, hint string
	account             omega.Fingerprint // who is meant, where others are called alike; zero: insert says it
}

// completedMsg are suggestions for a word.
type completedMsg struct {
	from  int
	word  string
	items func(m *Model) []suggestion
}

// maxSuggestions is how many lines the menu has.
const maxSuggestions = 8

// trigger finds what is to be completed before the cursor: a command at the begin of
// the text, or somebody behind an @ that follows a space.
func trigger(text string, at int) (from int, word string, person, ok bool) {
	before := text[:at]
	if first, size := utf8.DecodeRuneInString(before); strings.ContainsRune("/／、", first) && size > 0 && !strings.ContainsAny(before, " \n") {
		return 0, before, false, true
	}
	i := strings.LastIndexAny(before, "@＠")
	if i < 0 {
		return 0, "", false, false
	}
	if r, size := utf8.DecodeLastRuneInString(before[:i]); size > 0 && !unicode.IsSpace(r) && !unicode.Is(unicode.Han, r) && !unicode.IsPunct(r) {
		return 0, "", false, false
	}
	word = before[i:]
	if strings.ContainsAny(word, " \n") || len(word) > 64 {
		return 0, "", false, false
	}
	return i, word, true, true
}

// suggest asks the core what may be meant.
func (m *Model) suggest() tea.Cmd {
	c := m.chat()
	from, word, person, ok := trigger(m.edit.text, m.edit.at)
	if c == nil || !ok || !person && m.tasks[c.ID].edit != nil || person && c.Kind != clientrpc.ChatGroup {
		m.complete = nil
		return nil
	}
	if person {
		return m.run(completePeople(c.ID.String(), from, word))
	}
	return m.run(completeCommands(c.ID.String(), from, word))
}

func completePeople(chat string, from int, word string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.CompleteMention.Call(ctx, core, clientrpc.CompleteMentionParams{GroupRef: clientrpc.GroupRef{Group: chat}, Typed: word, Page: clientrpc.Page{Count: maxSuggestions}})
		if err != nil {
			return nil // nobody is suggested
		}
		return completedMsg{from, word, func(m *Model) (out []suggestion) {
			for _, p := range r.People {
				name := m.called(p.Name, p.Account)
				if p.All {
					name = m.text("tui.everybody")
				}
				s := suggestion{insert: typed(p.Insert) + " ", label: name, hint: m.roleName(p.Role)}
				if p.Ambiguous {
					s.account, s.hint = p.Account, strings.TrimSpace(s.hint+"  "+m.called("", p.Account))
				}
				out = append(out, s)
			}
			return out
		}}
	}
}

func completeCommands(chat string, from int, word string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Commands.Call(ctx, core, clientrpc.CommandsParams{Chat: chat, Typed: word, Page: clientrpc.Page{Count: 40}})
		if err != nil {
			return nil
		}
		return completedMsg{from, word, func(m *Model) (out []suggestion) {
			for _, c := range inOrder(r.Commands, word, m.lang) {
				name := commandName(&c, word, m.lang)
				label := "/" + name
				if !c.Arg.IsZero() {
					label += " " + c.Arg.In(m.lang)
				}
				out = append(out, suggestion{insert: "/" + name + " ", label: m.clean(label), hint: m.clean(c.Text.In(m.lang))})
			}
			return out
		}}
	}
}

// commandName is what a command is called for a person: where they have begun to type one
// of its names that one, else, in Chinese, its Chinese name.
func commandName(c *clientrpc.Command, word string, lang i18n.Lang) string {
	if trimMark(word) != "" || lang != i18n.Chinese {
		return c.Typed
	}
	for _, name := range c.Aliases {
		if r, _ := utf8.DecodeRuneInString(name); unicode.Is(unicode.Han, r) {
			return name
		}
	}
	return c.Typed
}

// inOrder are commands by how they are called in what is shown: Chinese names by 注音, as
// in a dictionary of Taiwan. Where somebody has begun to type one they stand as the core
// has them, what fits best first.
func inOrder(list []clientrpc.Command, word string, lang i18n.Lang) []clientrpc.Command {
	if trimMark(word) != "" || lang != i18n.Chinese {
		return list
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b clientrpc.Command) int {
		return cmp.Compare(sound(commandName(&a, word, lang)), sound(commandName(&b, word, lang)))
	})
}

// sound is a text by its sounds: 注音 of what is Chinese.
func sound(text string) string {
	var out strings.Builder
	for _, r := range text {
		if all := names.Readings(r); len(all) > 0 {
			out.WriteString(names.Bopomofo(all[0]))
		} else {
			out.WriteRune(r)
		}
		out.WriteByte(' ')
	}
	return out.String()
}

// onCompleted shows suggestions, if what they are for is still there.
func (m *Model) onCompleted(msg completedMsg) {
	from, word, _, ok := trigger(m.edit.text, m.edit.at)
	if !ok || from != msg.from || word != msg.word || m.focus != onComposer {
		return
	}
	items := msg.items(m)
	if len(items) == 0 {
		m.complete = nil
		return
	}
	m.complete = &completion{from: from, word: word, items: items}
}

// completionKey are the keys of the menu. Enter sends a command that is whole, and a name
// that only one person has.
func (m *Model) completionKey(key string) (tea.Cmd, bool) {
	c := m.complete
	switch key {
	case "up", "ctrl+p":
		c.sel = (c.sel + len(c.items) - 1) % len(c.items)
	case "down":
		c.sel = (c.sel + 1) % len(c.items)
	case "tab":
		return m.take(), true
	case "enter":
		if it := c.items[c.sel]; it.account == (omega.Fingerprint{}) && strings.TrimSpace(it.insert)[1:] == trimMark(c.word) {
			m.complete = nil
			return nil, false
		}
		return m.take(), true
	default:
		return nil, false
	}
	return nil, true
}

// trimMark is a word without the mark that it begins with.
func trimMark(word string) string {
	_, size := utf8.DecodeRuneInString(word)
	return word[size:]
}

// take puts the chosen suggestion into the text.
func (m *Model) take() tea.Cmd {
	c, it := m.complete, m.complete.items[m.complete.sel]
	m.edit.replace(c.from, it.insert)
	if it.account != (omega.Fingerprint{}) {
		m.edit.written = m.edit.calling(callee{c.from, c.from + len(strings.TrimRight(it.insert, " ")), it.account})
	}
	m.complete = nil
	m.typedAt = m.now()
	m.drafts[m.conv.chat] = m.edit.text
	m.remember(m.conv.chat, m.edit.written)
	return nil
}

// wholeHint is what the chosen suggestion is, in at most so many lines of its own, where the
// one that it has is too narrow for that.
func (m *Model) wholeHint(it suggestion, w, room int) (rows []row) {
	if m.metric.width(it.label) <= w/2 && m.metric.width(it.hint) <= w-m.metric.width(it.label)-4 || room < 1 {
		return nil
	}
	for _, r := range m.metric.wrap([]span{{text: it.label, ink: inkAccent}, {text: "  " + it.hint, ink: inkDim}}, w-2) {
		if len(rows) == room {
			break
		}
		rows = append(rows, m.metric.pad(join(m.metric.line(span{text: " "}), r), w).on(paperBox))
	}
	return rows
}

// completionBox is the menu, above the composer.
func (m *Model) completionBox(g geometry, y int) box {
	c := m.complete
	w := min(g.pane-2, 60)
	n := min(len(c.items), maxSuggestions, max(1, y-1))
	top := max(0, c.sel-n+1)
	var rows []row
	for i := top; i < top+n; i++ {
		it := c.items[i]
		paper := paperBox
		if i == c.sel {
			paper = paperSelected
		}
		label := m.metric.line(span{text: " " + m.metric.fit(it.label, w/2), ink: inkAccent})
		hint := m.metric.line(span{text: m.metric.fit(it.hint, max(0, w-label.width-3)) + " ", ink: inkDim})
		r := m.metric.between(label.on(paper), hint.on(paper), w)
		r.spans = r.on(paper).papered()
		rows = append(rows, r)
	}
	rows = append(rows, m.wholeHint(c.items[c.sel], w, y-len(rows))...)
	return box{x: g.paneX + 1, y: y - len(rows), rows: rows}
}
