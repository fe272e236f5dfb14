package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega/internal/i18n"
)

// maxMarks is how many combining marks one character may carry: Vietnamese and
// Hebrew need two or three, texts made to cover the lines above need many.
const maxMarks = 4

// placeholder is the character at which kitty draws pictures: in somebody else's
// text it would show one.
const placeholder = '\U0010EEEE'

// replacement stands for what would steer the terminal.
const replacement = '\ufffd'

// A cleaner makes foreign text harmless. It is a value: what it does depends on
// nothing else.
type cleaner struct {
	// joined: the terminal draws clusters of characters as one (mode 2027). Where it
	// does not, joiners and variation selectors are left out: terminals disagree
	// about their width, and a line that is wider than it was thought to be breaks
	// the screen.
	joined bool
	lines  bool // lines stay apart; else they are joined by a space
}

// text makes s harmless: no control character, escape sequence or character that
// turns the direction of writing is in what comes out, nor more than maxMarks
// combining marks in a row, nor anything invisible but the joiners. Tabs are spaces.
// Clean text stays as it is.
func (c cleaner) text(s string) string {
	if plainASCII(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	marks, base := 0, false
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == '\r' && i < len(s) && s[i] == '\n':
			continue
		case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			base = false
			out.WriteRune(c.newline())
		case r == '\t':
			base = false
			out.WriteString("    ")
		case r == '\u200d' || r >= '\ufe00' && r <= '\ufe0f' || r >= '\U0001f3fb' && r <= '\U0001f3ff':
			if c.joined && base && marks < maxMarks {
				marks++
				out.WriteRune(r)
			}
		case invisible(r):
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc):
			if marks++; base && marks <= maxMarks {
				out.WriteRune(r)
			}
		case harmful(r):
			base = false
			out.WriteRune(replacement)
		default:
			base, marks = true, 0
			out.WriteRune(r)
		}
	}
	return out.String()
}

func (c cleaner) newline() rune {
	if c.lines {
		return '\n'
	}
	return ' '
}

// plainASCII reports whether s has printable ASCII only.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// harmful reports whether r must not reach a terminal.
func harmful(r rune) bool {
	return !i18n.Harmless(r) || r == placeholder || r == utf8.RuneError ||
		r >= '\ufff0' && r <= '\uffff' || r&0xfffe == 0xfffe || unicode.In(r, unicode.Cs, unicode.Zl, unicode.Zp)
}

// invisible reports whether r is drawn as nothing: such characters make two names
// look the same, and terminals disagree about their width.
func invisible(r rune) bool {
	switch {
	case r == '\u00ad', r == '\u034f', r == '\u115f', r == '\u1160', r == '\u17b4', r == '\u17b5', r == '\u3164', r == '\uffa0', r == '\ufeff':
		return true
	case r >= '\u180b' && r <= '\u180f', r >= '\u200b' && r <= '\u200c', r >= '\u2060' && r <= '\u2065', r >= '\u206a' && r <= '\u206f':
		return true
	}
	return r >= '\U000e0000' && r <= '\U000e0fff'
}

// typed is what a person typed or pasted, without what is no text. Joiners stay:
// they are part of what is sent.
func typed(s string) string { return cleaner{joined: true, lines: true}.text(s) }
