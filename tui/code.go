package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/internal/qr"
)

// Light modules around a code: as many as scanners are promised, and how few they still
// read it with (ISO/IEC 18004 wants four; cameras find the corners with two).
const (
	quietZone  = 4
	leastQuiet = 2
)

// How modules are drawn: black on white whatever the theme is, since many scanners read
// no code that is turned over.
const (
	darkModule  = "0;0;0"
	lightModule = "255;255;255"
)

// A codeView shows a text as a code on the whole screen, for the camera of another device.
type codeView struct {
	title, text, note string
	code              *qr.Code // nil: the text is too long for one
}

// newCode shows a text that another device is to read; what is scanned may be written
// shorter than what is copied.
func newCode(title, text, scanned, note string) *codeView {
	code, err := qr.Encode(scanned)
	if err != nil {
		code = nil // the text can be copied
	}
	return &codeView{title, text, note, code}
}

// codeMsg is a code that had to be asked for.
type codeMsg struct {
	show func(m *Model) *codeView
	err  error
}

func (m *Model) onCode(msg codeMsg) tea.Cmd {
	m.toast = "" // what was waited for
	if msg.err != nil {
		m.sayBad(m.explain(msg.err))
		return nil
	}
	m.push(msg.show(m))
	return nil
}

// codeRows draws a code with so many light modules around it: two in a character, one
// above the other, or, where characters of open width take two columns, one in two spaces.
// Without colours what is light is drawn, on a terminal that is dark.
func (m *Model) codeRows(c *qr.Code, quiet int) (out []row) {
	step := 2
	if m.metric.wideAmbiguous() {
		step = 1
	}
	for y := -quiet; y < c.Size+quiet; y += step {
		var r row
		for x := -quiet; x < c.Size+quiet; x++ {
			r.spans = append(r.spans, m.modules(c.Dark(x, y), c.Dark(x, y+1), y+1 < c.Size+quiet, step))
		}
		r.width = (c.Size + 2*quiet) * (3 - step)
		out = append(out, r)
	}
	return out
}

// modules is one character of a code: its upper and its lower module. The character and
// its colours say the same, so that no gap is seen where a font does not fill its cells.
func (m *Model) modules(upper, lower, both bool, step int) span {
	light := [2]int{index(!upper), index(!lower && both)}
	sgr := "38;2;" + lightModule + ";48;2;" + darkModule
	switch {
	case m.mono:
		sgr = ""
		if !m.dark {
			light = [2]int{1 - light[0], 1 - light[1]}
		}
	case light == [2]int{1, 1} || step == 1 && light[0] == 1:
		sgr = "38;2;" + lightModule + ";48;2;" + lightModule
	}
	if step == 1 {
		return span{text: []string{"  ", "##"}[light[0]], sgr: sgr}
	}
	return span{text: []string{" ", "▄", "▀", "█"}[2*light[0]+light[1]], sgr: sgr}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fitting is the code with the widest margin that fits into w columns and h lines; nil:
// none does.
func (m *Model) fitting(c *qr.Code, w, h int) []row {
	for quiet := quietZone; c != nil && quiet >= leastQuiet; quiet-- {
		if rows := m.codeRows(c, quiet); len(rows) <= h && rows[0].width <= w {
			return rows
		}
	}
	return nil
}

func (v *codeView) draw(m *Model) box {
	h := max(1, m.height-1)
	wrap := func(text string, i ink) []row { return m.metric.wrap([]span{{text: text, ink: i}}, max(4, m.width-4)) }
	words := append([]row{{}}, wrap(m.clean(v.text), inkLink)...)
	words = append(words, wrap(v.note, inkDim)...)
	body := m.fitting(v.code, m.width, h)
	switch {
	case body == nil:
		body = append(wrap(v.title, inkHead), words...)
		if v.code != nil {
			least := m.codeRows(v.code, leastQuiet)
			body = append(body, row{})
			body = append(body, wrap(m.text("tui.code.small", least[0].width, len(least)+1), inkWarn)...)
		}
	case len(body)+1+len(words) <= h:
		body = append(append(wrap(v.title, inkHead), body...), words...)
	}
	rows := m.blank(m.height)
	top := max(0, (h-len(body))/2)
	for i, r := range body[:min(len(body), h)] {
		rows[top+i] = m.metric.over(rows[top+i], r, max(0, (m.width-r.width)/2))
	}
	rows[len(rows)-1] = m.metric.pad(m.metric.line(span{text: " " + m.metric.fit(v.title, m.width/3) + "  ", ink: inkHead}, span{text: m.text("tui.code.keys"), ink: inkDim}), m.width).on(paperBar)
	return box{rows: rows}
}

func (v *codeView) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	m.pop()
	if k.String() == "c" {
		m.say(m.text("tui.copied"))
		return tea.SetClipboard(m.clean(v.text))
	}
	return nil
}

func (v *codeView) click(m *Model, _, _ int) tea.Cmd { m.pop(); return nil }
func (v *codeView) wheel(_ *Model, _ int) tea.Cmd    { return nil }
func (v *codeView) paste(_ *Model, _ string) tea.Cmd { return nil }
