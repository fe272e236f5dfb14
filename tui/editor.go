package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// An editor is a text under a cursor. It knows characters as people see them, and
// nothing of keys or the screen.
type editor struct {
	written
	at   int  // of the cursor, in octets; between characters
	mask bool // what is typed is not shown
}

func (e *editor) set(text string) { e.put(written{text: text}) }

// put is set for a text that calls people.
func (e *editor) put(w written) { e.written, e.at = w, len(w.text) }

// insert puts text before the cursor.
func (e *editor) insert(s string) {
	e.written = e.splice(e.at, e.at, s)
	e.at += len(s)
}

// replace puts text in the place of what is between from and the cursor.
func (e *editor) replace(from int, s string) {
	e.written = e.splice(from, e.at, s)
	e.at = from + len(s)
}

// before is the begin of the character before the cursor.
func (e *editor) before(m metric) int {
	line := e.lineBegin()
	if line == e.at {
		return max(0, e.at-1) // the line break
	}
	at := line
	for {
		c, _ := m.next(e.text[at:])
		if at+len(c) >= e.at {
			return at
		}
		at += len(c)
	}
}

// after is the end of the character behind the cursor.
func (e *editor) after(m metric) int {
	if e.at == len(e.text) {
		return e.at
	}
	c, _ := m.next(e.text[e.at:])
	return e.at + len(c)
}

func (e *editor) lineBegin() int { return strings.LastIndexByte(e.text[:e.at], '\n') + 1 }

func (e *editor) lineEnd() int {
	if n := strings.IndexByte(e.text[e.at:], '\n'); n >= 0 {
		return e.at + n
	}
	return len(e.text)
}

// wordBefore is the begin of the word before the cursor; a Chinese character is one.
func (e *editor) wordBefore() int {
	at := e.at
	for at > 0 {
		r, size := utf8.DecodeLastRuneInString(e.text[:at])
		if !unicode.IsSpace(r) {
			break
		}
		at -= size
	}
	for at > 0 {
		r, size := utf8.DecodeLastRuneInString(e.text[:at])
		if unicode.IsSpace(r) || unicode.Is(unicode.Han, r) && at < e.at {
			break
		}
		at -= size
		if unicode.Is(unicode.Han, r) {
			break
		}
	}
	return at
}

func (e *editor) wordAfter() int {
	at := e.at
	word := false
	for at < len(e.text) {
		r, size := utf8.DecodeRuneInString(e.text[at:])
		if unicode.IsSpace(r) && word {
			break
		}
		word = word || !unicode.IsSpace(r)
		at += size
		if unicode.Is(unicode.Han, r) {
			break
		}
	}
	return at
}

// remove takes out what is between two places, and leaves the cursor there.
func (e *editor) remove(from, to int) {
	e.written = e.splice(from, to, "")
	e.at = from
}

// key does what a key of editing means, and reports whether it is one.
func (e *editor) key(m metric, key string) bool {
	switch key {
	case "left", "ctrl+b":
		e.at = e.before(m)
	case "right":
		e.at = e.after(m)
	case "home", "ctrl+a":
		e.at = e.lineBegin()
	case "end", "ctrl+e":
		e.at = e.lineEnd()
	case "ctrl+left", "alt+left", "alt+b":
		e.at = e.wordBefore()
	case "ctrl+right", "alt+right", "alt+f":
		e.at = e.wordAfter()
	case "backspace", "ctrl+h", "shift+backspace":
		e.remove(e.before(m), e.at)
	case "delete", "ctrl+d":
		e.remove(e.at, e.after(m))
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		e.remove(e.wordBefore(), e.at)
	case "ctrl+u":
		e.remove(e.lineBegin(), e.at)
	default:
		return false
	}
	return true
}

// A visible line of an editor: octets from until before to.
type textLine struct{ from, to int }

// lines breaks the text into lines of at most w columns, and says on which one the
// cursor is, and in which column. Where a line is full the cursor is on the next one.
func (e *editor) lines(m metric, w int) (lines []textLine, y, x int) {
	w = max(w, 2)
	begin, used := 0, 0
	note := func(at int) {
		if at == e.at {
			y, x = len(lines), used
		}
	}
	for at := 0; at < len(e.text); {
		c, cw := m.next(e.text[at:])
		switch {
		case e.mask && c != "\n":
			cw = 1
		case !m.joined && len(c) > 4:
			cw = m.width(cleaner{}.text(c)) // as show draws it
		}
		if c == "\n" {
			note(at)
			lines = append(lines, textLine{begin, at})
			at += len(c)
			begin, used = at, 0
			continue
		}
		if used+cw > w {
			lines = append(lines, textLine{begin, at})
			begin, used = at, 0
		}
		note(at)
		at, used = at+len(c), used+cw
	}
	if used >= w {
		lines = append(lines, textLine{begin, len(e.text)})
		begin, used = len(e.text), 0
	}
	note(len(e.text))
	return append(lines, textLine{begin, len(e.text)}), y, x
}

// show is a line as it is drawn.
func (e *editor) show(m metric, l textLine) string {
	s := e.text[l.from:l.to]
	if !e.mask {
		return cleaner{joined: m.joined}.text(s)
	}
	n := 0
	for s != "" {
		c, _ := m.next(s)
		s = s[len(c):]
		n++
	}
	return strings.Repeat("*", n)
}

// vertical moves the cursor to another line, as near to its column as it gets, and
// reports whether there is one.
func (e *editor) vertical(m metric, w, by int) bool {
	lines, y, x := e.lines(m, w)
	if y+by < 0 || y+by >= len(lines) {
		return false
	}
	l := lines[y+by]
	head, _ := m.cut(e.text[l.from:l.to], x)
	e.at = l.from + len(head)
	return true
}
