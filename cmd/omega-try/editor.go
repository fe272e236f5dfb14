package main

import (
	"bufio"
	"io"
	"strings"
	"unicode"
)

// A key is what was typed: a character, or one of these.
type key rune

const (
	keyEnter key = -iota - 1
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyClear
	keyWord
	keyEOF       // Ctrl+D
	keyInterrupt // Ctrl+C
	keyOther
)

// controls are the keys that send one control character.
var controls = map[rune]key{
	'\r': keyEnter, '\n': keyEnter, 0x7f: keyBackspace, 0x08: keyBackspace, 0x01: keyHome, 0x05: keyEnd, 0x02: keyLeft, 0x06: keyRight,
	0x15: keyClear, 0x17: keyWord, 0x04: keyEOF, 0x03: keyInterrupt,
}

// sequences are the keys that send ESC [ or ESC O and this.
var sequences = map[string]key{
	"D": keyLeft, "C": keyRight, "H": keyHome, "F": keyEnd, "1~": keyHome, "4~": keyEnd, "7~": keyHome, "8~": keyEnd, "3~": keyDelete,
}

// readKey reads one key from a raw terminal.
func readKey(r *bufio.Reader) (key, error) {
	c, _, err := r.ReadRune()
	switch {
	case err != nil:
		return keyOther, err
	case c == 0x1b:
		return readSequence(r)
	case unicode.IsControl(c):
		if k, ok := controls[c]; ok {
			return k, nil
		}
		return keyOther, nil
	}
	return key(c), nil
}

// readSequence reads what follows ESC. A lone ESC is told by nothing waiting
// behind it.
func readSequence(r *bufio.Reader) (key, error) {
	if r.Buffered() == 0 {
		return keyOther, nil
	}
	c, err := r.ReadByte()
	if err != nil || c != '[' && c != 'O' {
		return keyOther, err
	}
	var seq strings.Builder
	for {
		if c, err = r.ReadByte(); err != nil {
			return keyOther, err
		}
		seq.WriteByte(c)
		if c >= 0x40 && c <= 0x7e {
			break
		}
	}
	if k, ok := sequences[seq.String()]; ok {
		return k, nil
	}
	return keyOther, nil
}

// An editor is a line that is being written. It counts columns and not
// characters, so that the cursor stands where it should in Chinese text.
type editor struct {
	prompt string
	line   []rune
	at     int // position of the cursor in line
	drawn  int // columns before the cursor, as it was drawn last
}

// press applies a key and reports whether the line is finished.
func (e *editor) press(k key) (done bool) {
	switch k {
	case keyEnter:
		return true
	case keyBackspace:
		if e.at > 0 {
			e.remove(e.at-1, e.at)
		}
	case keyDelete:
		if e.at < len(e.line) {
			e.remove(e.at, e.at+1)
		}
	case keyLeft:
		e.at = max(0, e.at-1)
	case keyRight:
		e.at = min(len(e.line), e.at+1)
	case keyHome:
		e.at = 0
	case keyEnd:
		e.at = len(e.line)
	case keyClear:
		e.remove(0, e.at)
	case keyWord:
		from := e.at
		for from > 0 && e.line[from-1] == ' ' {
			from--
		}
		for from > 0 && e.line[from-1] != ' ' {
			from--
		}
		e.remove(from, e.at)
	default:
		if k >= 0 {
			e.line = append(e.line[:e.at], append([]rune{rune(k)}, e.line[e.at:]...)...)
			e.at++
		}
	}
	return false
}

func (e *editor) remove(from, to int) {
	e.line = append(e.line[:from], e.line[to:]...)
	e.at = from
}

// take returns the line and begins a new one.
func (e *editor) take() string {
	text := string(e.line)
	e.line, e.at, e.drawn = nil, 0, 0
	return text
}

// draw writes prompt and line over the terminal's current line. Of a long line
// the part around the cursor is shown. It takes one walk over what is shown,
// however long the line is.
func (e *editor) draw(w io.Writer, columns int) {
	room := max(8, columns-width(e.prompt)-1)
	from, before := e.at, 0
	for from > 0 && before+runeWidth(e.line[from-1]) <= room {
		from--
		before += runeWidth(e.line[from])
	}
	to, back := e.at, 0
	for to < len(e.line) && before+back+runeWidth(e.line[to]) <= room {
		back += runeWidth(e.line[to])
		to++
	}
	text := e.above(columns) + "\r\x1b[J" + e.prompt + string(e.line[from:to])
	if back > 0 {
		text += "\x1b[" + itoa(back) + "D"
	}
	e.drawn = width(e.prompt) + before
	io.WriteString(w, text)
}

// above goes to the row where the line was drawn: a terminal that became
// narrower has broken it into several.
func (e *editor) above(columns int) string {
	if rows := e.drawn / max(1, columns); rows > 0 {
		return "\x1b[" + itoa(rows) + "A"
	}
	return ""
}
