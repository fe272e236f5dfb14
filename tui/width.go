package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A metric says how wide text is on this terminal. The renderer of bubbletea uses
// the same measure: where the two differ, lines break.
type metric struct {
	joined bool // mode 2027: clusters of characters are drawn as one
}

func (m metric) method() ansi.Method {
	if m.joined {
		return ansi.GraphemeWidth
	}
	return ansi.WcWidth
}

// next is the first character of s as people see it, and its width in columns.
func (m metric) next(s string) (cluster string, width int) {
	if s[0] >= ' ' && s[0] <= '~' && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], 1
	}
	return ansi.FirstGraphemeCluster(s, m.method())
}

// width is how many columns s takes.
func (m metric) width(s string) int {
	if plainASCII(s) {
		return len(s)
	}
	return m.method().StringWidth(s)
}

// cut splits s so that head takes at most w columns.
func (m metric) cut(s string, w int) (head, tail string) {
	if len(s) <= w && plainASCII(s) {
		return s, ""
	}
	at, used := 0, 0
	for at < len(s) {
		c, cw := m.next(s[at:])
		if used+cw > w {
			break
		}
		at, used = at+len(c), used+cw
	}
	return s[:at], s[at:]
}

// fit shortens s to w columns; what is left out is marked.
func (m metric) fit(s string, w int) string {
	if w <= 0 {
		return ""
	}
	head, tail := m.cut(s, w)
	if tail == "" {
		return s
	}
	mark := m.ellipsis()
	head, _ = m.cut(head, w-m.width(mark))
	return head + mark
}

// wideAmbiguous reports whether this terminal gives two columns to characters whose
// width Unicode leaves open.
func (m metric) wideAmbiguous() bool { return m.width("…") == 2 }

// ellipsis marks what was left out.
func (m metric) ellipsis() string {
	if m.wideAmbiguous() {
		return ".."
	}
	return "…"
}

// fill repeats s as often as it goes into w columns.
func (m metric) fill(s string, w int) string {
	return strings.Repeat(s, max(0, w/max(1, m.width(s))))
}

// spaces are n of them; none where n is negative.
func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }
