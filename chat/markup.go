package chat

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/omega-im/omega"
)

// pairs are the marks that stand before and behind what they are about.
var pairs = []struct {
	mark string
	typ  EntityType
}{
	{"**", EntityBold}, {"__", EntityItalic}, {"++", EntityUnderline}, {"~~", EntityStrike}, {"||", EntitySpoiler},
}

// ParseMarkup turns what a person typed, which is UTF-8, into a text and its
// entities:
//
//	**bold**  __italic__  ++underline++  ~~strike~~  ||spoiler||  `code`
//	[text](https://address)   @[name](FINGERPRINT)
//	> a quote, at the start of lines
//	```language, and lines of code up to the next ```
//
// A backslash before a punctuation mark takes its meaning away. What is not
// closed, or makes no sense, stands as it was typed.
func ParseMarkup(s string) (string, []Entity) {
	m := &markup{}
	for s != "" {
		switch {
		case strings.HasPrefix(s, "```"):
			s = m.pre(s)
		case strings.HasPrefix(s, "> "):
			s = m.quote(s)
		default:
			end := blockEnd(s)
			m.inline(s[:end], nil)
			s = s[end:]
		}
	}
	SortEntities(m.entities)
	return m.text.String(), m.entities
}

// blockEnd is where a line begins that is a quote or code; the end if none does.
func blockEnd(s string) int {
	for i := 0; ; {
		n := strings.IndexByte(s[i:], '\n')
		if n < 0 {
			return len(s)
		}
		i += n + 1
		if rest := s[i:]; strings.HasPrefix(rest, "> ") || strings.HasPrefix(rest, "```") && strings.Contains(rest[3:], "```") {
			return i
		}
	}
}

// A markup is a text as far as it was read.
type markup struct {
	text     strings.Builder
	units    uint32 // of UTF-16 in text
	entities []Entity
}

func (m *markup) write(s string) {
	m.text.WriteString(s)
	for _, r := range s {
		m.units += uint32(max(utf16.RuneLen(r), 1))
	}
}

// entity adds one from start to here, if it covers anything.
func (m *markup) entity(start uint32, e Entity) {
	if e.Offset, e.Length = start, m.units-start; e.Length > 0 {
		m.entities = append(m.entities, e)
	}
}

// pre reads a block of code and returns what is behind it.
func (m *markup) pre(s string) string {
	body, rest, closed := strings.Cut(s[3:], "```")
	if !closed {
		m.write("```")
		return s[3:]
	}
	language, code, lines := strings.Cut(body, "\n")
	if !lines || !validLanguage(language) {
		language, code = "", body
	}
	start := m.units
	m.write(strings.TrimSuffix(code, "\n"))
	m.entity(start, Entity{Type: EntityPre, Language: language})
	return rest
}

// quote reads lines that begin with a mark and returns what is behind them.
func (m *markup) quote(s string) string {
	var lines []string
	for strings.HasPrefix(s, "> ") {
		line, rest, more := strings.Cut(s[2:], "\n")
		lines = append(lines, line)
		if s = rest; !more {
			break
		}
		if !strings.HasPrefix(s, "> ") {
			s = "\n" + s // the end of the last line is no part of the quote
		}
	}
	start := m.units
	m.inline(strings.Join(lines, "\n"), nil)
	m.entity(start, Entity{Type: EntityQuote})
	return s
}

// inline reads text between blocks. within are the types that it stands in.
func (m *markup) inline(s string, within []EntityType) {
	missing := map[string]bool{} // marks that nothing closes in the rest of s
	for s != "" {
		i := strings.IndexAny(s, "\\`*_+~|[@")
		if i < 0 {
			m.write(s)
			return
		}
		m.write(s[:i])
		s = s[i:]
		if n := m.marked(s, within, missing); n > 0 {
			s = s[n:]
			continue
		}
		m.write(s[:1])
		s = s[1:]
	}
}

// marked reads what a mark at the start of s is about, and returns how long that
// is; 0 if it is about nothing.
func (m *markup) marked(s string, within []EntityType, missing map[string]bool) int {
	switch s[0] {
	case '\\':
		if len(s) > 1 && s[1] < utf8.RuneSelf && strings.IndexByte("\\`*_+~|[]()@>#", s[1]) >= 0 {
			m.write(s[1:2])
			return 2
		}
		return 0
	case '`':
		return m.code(s, within, missing)
	case '[':
		return m.link(s, within)
	case '@':
		return m.mention(s, within)
	}
	for _, p := range pairs {
		if !strings.HasPrefix(s, p.mark) || missing[p.mark] || slices.Contains(within, p.typ) {
			continue
		}
		end := closing(s[2:], p.mark)
		if end < 0 {
			missing[p.mark] = true
			continue
		}
		start := m.units
		m.inline(s[2:2+end], append(within[:len(within):len(within)], p.typ))
		m.entity(start, Entity{Type: p.typ})
		return 2 + end + len(p.mark)
	}
	return 0
}

// closing finds the mark that closes, behind at least one character.
func closing(s, mark string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case i > 0 && strings.HasPrefix(s[i:], mark):
			return i
		}
	}
	return -1
}

func (m *markup) code(s string, within []EntityType, missing map[string]bool) int {
	end := -1
	if !missing["`"] && !solidWithin(within) {
		end = strings.IndexByte(s[1:], '`')
		missing["`"] = end < 0
	}
	if end <= 0 {
		return 0
	}
	start := m.units
	m.write(s[1 : 1+end])
	m.entity(start, Entity{Type: EntityCode})
	return end + 2
}

// maxLabel bounds how far the end of a label is looked for, in octets.
const maxLabel = 1024

// labelled splits "[label](target)"; n is its length, 0 if s does not begin so.
func labelled(s string) (label, target string, n int) {
	if !strings.HasPrefix(s, "[") {
		return "", "", 0
	}
	middle := strings.Index(s[:min(len(s), maxLabel)], "](")
	if middle < 2 {
		return "", "", 0
	}
	rest := s[middle+2:]
	end := strings.IndexByte(rest[:min(len(rest), MaxAddress+1)], ')')
	if end < 0 {
		return "", "", 0
	}
	return s[1:middle], rest[:end], middle + 2 + end + 1
}

// solidWithin reports whether no other solid entity may stand here.
func solidWithin(within []EntityType) bool { return slices.Contains(within, EntityLink) }

func (m *markup) link(s string, within []EntityType) int {
	label, target, n := labelled(s)
	if n == 0 || solidWithin(within) || !validAddress(target) || misleading(label, target) {
		return 0
	}
	start := m.units
	m.inline(label, append(within[:len(within):len(within)], EntityLink))
	m.entity(start, Entity{Type: EntityLink, Address: target})
	return n
}

func (m *markup) mention(s string, within []EntityType) int {
	label, target, n := labelled(s[1:])
	account, err := omega.ParseFingerprint(target)
	if n == 0 || err != nil || solidWithin(within) {
		return 0
	}
	start := m.units
	m.write("@" + label)
	m.entity(start, Entity{Type: EntityMention, Account: account})
	return n + 1
}
