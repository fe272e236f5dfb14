package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A field is one line of a form.
type field struct {
	label, note string
	edit        editor
}

// A form asks for several texts.
type form struct {
	title, note string
	fields      []*field
	at          int
	busy        bool
	problem     string
	turn        int
	work        string // kind of what takes long; "": it does not
	far         string // how far that is
	back        func(m *Model)
	submit      func(m *Model, f *form) tea.Cmd
}

// formMsg is what came of a form: an error that is shown in it, or what goes on.
type formMsg struct {
	turn int
	err  error
	next func(m *Model) tea.Cmd
}

func (m *Model) onForm(msg formMsg) tea.Cmd {
	f, ok := m.top().(*form)
	if !ok || f.turn != msg.turn {
		return nil
	}
	f.busy = false
	if msg.err != nil {
		f.problem = m.explain(msg.err)
		return nil
	}
	m.pop()
	return msg.next(m)
}

func (f *form) value(i int) string { return f.fields[i].edit.text }

func (f *form) draw(m *Model) box {
	w := m.boxWidth(68)
	var body []row
	add := func(text string, i ink) {
		if text != "" {
			body = append(body, m.metric.wrap([]span{{text: text, ink: i}}, w-2)...)
		}
	}
	add(f.note, inkDim)
	cx, cy := 0, 0
	for i, fd := range f.fields {
		if m.roomy() {
			body = append(body, row{})
		}
		ink := inkHead
		if i == f.at {
			ink = inkAccent
		}
		add(fd.label, ink)
		lines, y, x := fd.edit.lines(m.metric, w-5)
		body = append(body, m.metric.line(span{text: m.glyphs.point + " ", ink: inkAccent}, span{text: fd.edit.show(m.metric, lines[y])}))
		if i == f.at {
			cx, cy = 3+x, len(body)
		}
		if i == f.at || m.roomy() {
			add(fd.note, inkDim)
		}
	}
	if m.roomy() {
		body = append(body, row{})
	}
	add(f.problem, inkBad)
	if f.busy {
		add(strings.TrimSpace(m.text("tui.working")+" "+f.far), inkAccent)
	} else {
		add(m.text("tui.form.keys"), inkDim)
	}
	if room := m.boxHeight(); len(body) > room { // the field that is filled stays in sight
		from := max(0, min(cy-room/2, len(body)-room))
		body, cy = body[from:from+room], cy-from
	}
	b := m.framed(f.title, body, w)
	b.cursor, b.cursorX, b.cursorY = true, cx, cy
	return b
}

func (f *form) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch key := k.String(); key {
	case "esc":
		m.pop()
		if f.back != nil {
			f.back(m)
		}
	case "ctrl+c":
		return tea.Quit
	case "up", "shift+tab":
		f.at = (f.at + len(f.fields) - 1) % len(f.fields)
	case "down", "tab":
		f.at = (f.at + 1) % len(f.fields)
	case "enter":
		if f.busy {
			return nil
		}
		if f.at < len(f.fields)-1 {
			f.at++
			return nil
		}
		f.problem = ""
		return f.submit(m, f)
	default:
		e := &f.fields[f.at].edit
		if !e.key(m.metric, key) && k.Text != "" {
			e.insert(strings.ReplaceAll(typed(k.Text), "\n", " "))
		}
	}
	return nil
}

func (f *form) click(m *Model, _, y int) tea.Cmd { return nil }
func (f *form) wheel(_ *Model, _ int) tea.Cmd    { return nil }

func (f *form) paste(_ *Model, text string) tea.Cmd {
	f.fields[f.at].edit.insert(strings.TrimSpace(strings.ReplaceAll(typed(text), "\n", " ")))
	return nil
}

// works says that the form waits for an answer.
func (f *form) works(m *Model) int {
	m.fillTurn++
	f.turn, f.busy, f.far = m.fillTurn, true, ""
	return f.turn
}
