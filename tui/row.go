package tui

import (
	"slices"
	"strings"
)

// A span is a piece of a line in one ink. Its text is clean.
type span struct {
	text string
	ink  ink
	link string // an address that the terminal may open; clean
	sgr  string // in the place of ink: parameters of colours of a picture
}

// A row is one line of a part of the screen.
type row struct {
	spans []span
	width int // columns of spans
	paper ink // behind all of it
}

// line makes a row of spans.
func (m metric) line(spans ...span) row {
	r := row{spans: slices.DeleteFunc(spans, func(s span) bool { return s.text == "" })}
	for _, s := range r.spans {
		r.width += m.width(s.text)
	}
	return r
}

// on gives a row a paper.
func (r row) on(paper ink) row {
	r.paper = paper
	return r
}

// pad makes a row exactly w columns wide.
func (m metric) pad(r row, w int) row {
	if r.width > w {
		r = m.slice(r, 0, w)
	}
	if r.width < w {
		r.spans = append(slices.Clip(r.spans), span{text: spaces(w - r.width), ink: r.paper})
		r.width = w
	}
	return r
}

// between puts two rows at the ends of a line of w columns. The left one gives way.
func (m metric) between(left, right row, w int) row {
	room := w - right.width
	if left.width > room {
		left = m.slice(left, 0, max(0, room))
	}
	out := m.pad(left, max(0, room))
	return m.pad(row{spans: append(slices.Clip(out.spans), right.spans...), width: out.width + right.width, paper: left.paper}, w)
}

// slice is the columns from from until before to. A wide character of which only
// one half is in it becomes a space.
func (m metric) slice(r row, from, to int) row {
	out := row{paper: r.paper}
	x := 0
	for _, s := range r.spans {
		w := m.width(s.text)
		if x+w <= from || x >= to {
			x += w
			continue
		}
		if x < from || x+w > to {
			s.text = m.part(s.text, from-x, to-x)
		}
		if s.text != "" {
			out.spans = append(out.spans, s)
			out.width += m.width(s.text)
		}
		x += w
	}
	return out
}

// part is slice of plain text.
func (m metric) part(s string, from, to int) string {
	var out strings.Builder
	x := 0
	for len(s) > 0 && x < to {
		c, w := m.next(s)
		s = s[len(c):]
		switch {
		case x >= from && x+w <= to:
			out.WriteString(c)
		case x+w > from && w > 0:
			out.WriteString(spaces(min(x+w, to) - max(x, from)))
		}
		x += w
	}
	return out.String()
}

// over lays a row over another one from column x on.
func (m metric) over(under, r row, x int) row {
	left, right := m.pad(m.slice(under, 0, x), x), m.slice(under, x+r.width, under.width)
	return row{
		spans: slices.Concat(left.spans, r.papered(), right.spans),
		width: left.width + r.width + right.width, paper: under.paper,
	}
}

// papered gives spans without a paper of their own the row's: beside others the row
// has no paper any more.
func (r row) papered() []span {
	if r.paper == noInk {
		return r.spans
	}
	out := slices.Clone(r.spans)
	for i := range out {
		out[i].ink = out[i].ink.on(r.paper)
	}
	return out
}

// join puts rows side by side.
func join(rows ...row) row {
	var out row
	for _, r := range rows {
		out.spans = append(out.spans, r.papered()...)
		out.width += r.width
	}
	return out
}

// write renders a row: every span begins from nothing, so that no style leaks.
func (t *theme) write(out *strings.Builder, r row) {
	last, link := "", ""
	for _, s := range r.spans {
		i := s.ink
		if r.paper != noInk {
			i = i.on(r.paper)
		}
		if s.link != link {
			out.WriteString(hyperlink(s.link))
			link = s.link
		}
		look := t.sgr(i)
		if s.sgr != "" {
			look = "\x1b[0;" + s.sgr + "m"
		}
		if look != last && (last != "" || i != noInk || s.sgr != "") {
			out.WriteString(look)
			last = look
		}
		out.WriteString(s.text)
	}
	if link != "" {
		out.WriteString(hyperlink(""))
	}
	if last != "" {
		out.WriteString("\x1b[m")
	}
}

// hyperlink begins a link that the terminal may open (OSC 8), or ends it.
func hyperlink(address string) string { return "\x1b]8;;" + address + "\x1b\\" }
