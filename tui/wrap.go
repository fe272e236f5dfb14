package tui

import "strings"

// A glyph is one character as people see it.
type glyph struct {
	text  string
	width int
	ink   ink
	link  string
}

// noBegin are characters that stand at no line's begin, noEnd at no line's end, in
// Chinese.
const (
	noBegin = "，。、；：？！）」』】〉》…—～·,.;:?!)]}%"
	noEnd   = "（「『【〈《([{"
)

// wrap breaks spans into rows of at most w columns: at white space, between Chinese
// characters, and inside of a word that is too long for a line. A line break in the
// text ends a row.
func (m metric) wrap(spans []span, w int) []row { return m.hanging(spans, w, 0) }

// hanging is wrap, in which a line that begins with a space goes on below itself by so many
// columns to the right, where that leaves room for a few words.
func (m metric) hanging(spans []span, w, hang int) []row {
	w = max(w, 2) // a wide character fits
	if hang > w-8 {
		hang = 0
	}
	var out []row
	var cells []glyph
	flush := func() {
		out = append(out, m.breakLine(cells, w, hang)...)
		cells = cells[:0]
	}
	for _, s := range spans {
		for text := s.text; text != ""; {
			c, cw := m.next(text)
			text = text[len(c):]
			if c == "\n" {
				flush()
				continue
			}
			cells = append(cells, glyph{c, cw, s.ink, s.link})
		}
	}
	flush()
	return out
}

// breakLine breaks one line of text.
func (m metric) breakLine(cells []glyph, w, hang int) []row {
	var out []row
	if len(cells) == 0 || cells[0].text != " " {
		hang = 0
	}
	room, indent := w, 0
	for {
		end := fits(cells, room)
		if end == len(cells) {
			return append(out, gather(cells, indent))
		}
		at := breakAt(cells, end)
		out = append(out, gather(trimRight(cells[:at]), indent))
		room, indent = w-hang, hang
		cells = cells[at:]
		for len(cells) > 0 && cells[0].text == " " {
			cells = cells[1:]
		}
		if len(cells) == 0 {
			return out
		}
	}
}

// fits is how many of cells fit into w columns, one at least.
func fits(cells []glyph, w int) int {
	used := 0
	for i, c := range cells {
		if used += c.width; used > w {
			return max(i, 1)
		}
	}
	return len(cells)
}

// breakAt is where a line that can hold end cells is broken best.
func breakAt(cells []glyph, end int) int {
	for at := end; at > end/2 && at > 0; at-- {
		if mayBreak(cells[at-1], cells[at]) {
			return at
		}
	}
	return end
}

func mayBreak(before, after glyph) bool {
	switch {
	case after.text == " " || before.text == " ":
		return true
	case strings.Contains(noBegin, after.text), strings.Contains(noEnd, before.text):
		return false
	}
	return before.width == 2 || after.width == 2 || before.text == "-"
}

func trimRight(cells []glyph) []glyph {
	for len(cells) > 0 && cells[len(cells)-1].text == " " {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// gather makes spans of cells of one style, behind so many spaces.
func gather(cells []glyph, indent int) row {
	var r row
	if indent > 0 {
		r = row{spans: []span{{text: spaces(indent)}}, width: indent}
	}
	var text strings.Builder
	for i, c := range cells {
		text.WriteString(c.text)
		r.width += c.width
		if i+1 == len(cells) || cells[i+1].ink != c.ink || cells[i+1].link != c.link {
			r.spans = append(r.spans, span{text: text.String(), ink: c.ink, link: c.link})
			text.Reset()
		}
	}
	return r
}
