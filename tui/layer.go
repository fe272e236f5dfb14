package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A layer lies above the screen and has the keys.
type layer interface {
	draw(m *Model) box
	key(m *Model, k tea.KeyPressMsg) tea.Cmd
	click(m *Model, x, y int) tea.Cmd // in its box
	wheel(m *Model, by int) tea.Cmd
	paste(m *Model, text string) tea.Cmd
}

// A box is what a layer shows, and where.
type box struct {
	x, y             int
	rows             []row
	cursor           bool
	cursorX, cursorY int
}

// framed puts lines under a title into a frame in the middle of the screen.
func (m *Model) framed(title string, body []row, w int) box {
	g := m.glyphs
	edge := func(text string) row {
		text = " " + m.metric.fit(text, w-6) + " "
		left := m.metric.line(span{text: g.across + g.across, ink: inkDim}, span{text: text, ink: inkAccent})
		return m.metric.pad(join(left, m.metric.line(span{text: m.metric.fill(g.across, w-left.width), ink: inkDim})), w).on(paperBox)
	}
	rows := []row{edge(title)}
	for _, r := range body {
		rows = append(rows, m.metric.pad(join(m.metric.line(span{text: " "}), r), w).on(paperBox))
	}
	rows = append(rows, m.metric.pad(m.metric.line(span{text: m.metric.fill(g.across, w), ink: inkDim}), w).on(paperBox))
	return box{x: max(0, (m.width-w)/2), y: max(0, (m.height-1-len(rows))/3), rows: rows}
}

// boxWidth is how wide a layer may be.
func (m *Model) boxWidth(want int) int { return max(10, min(want, m.width-2)) }

// boxHeight is how many lines a layer may have in its frame.
func (m *Model) boxHeight() int { return max(1, m.height-4) }

// An item is one line of a picker: what it is, and what choosing it does.
type item struct {
	label string // clean
	hint  string // at the right end; clean
	ink   ink
	do    func(m *Model) tea.Cmd
}

// A picker asks for one of some items, or for a text, or for both: what is typed
// chooses the items.
type picker struct {
	title   string
	note    string // above the items
	input   *editor
	ask     string // before what is typed
	items   []item
	sel     int
	top     int
	first   int // the row of items[top] in the box that was drawn
	seen    int // how many items were drawn
	turn    int // of the last question
	waiting bool
	refill  func(m *Model, typed string) tea.Cmd // items for what was typed; nil: they stay
	entered func(m *Model, typed string) tea.Cmd // Enter without an item
	short   map[string]func(m *Model) tea.Cmd    // keys of their own
	more    func(m *Model, p *picker) tea.Cmd    // at the end of the items, if there are more
	moved   func(m *Model) tea.Cmd               // another item is chosen
	below   func(m *Model) []row                 // what the chosen one looks like
	none    string                               // catalogue key, of what is said where nothing fits what was typed
}

// fillMsg is the answer to a question of a picker.
type fillMsg struct {
	turn  int
	items func(m *Model) []item
	more  func(m *Model, p *picker) tea.Cmd
	add   bool // behind those that are there
	err   error
}

// onLayerMsg takes answers for what lies above.
func (m *Model) onLayerMsg(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case fillMsg:
		m.onFill(msg)
	case completedMsg:
		m.onCompleted(msg)
	case pictureMsg:
		return m.onPicture(msg)
	case shownMsg:
		return m.onShown(msg)
	case drawnMsg:
		return m.onDrawn(msg)
	case pickerMsg:
		return m.onPicker(msg)
	case playedMsg:
		m.onPlayed(msg)
	case recordedMsg:
		return m.onRecorded(msg)
	case sheetMsg:
		return m.onSheet(msg)
	case formMsg:
		return m.onForm(msg)
	case codeMsg:
		return m.onCode(msg)
	case workMsg:
		m.onWork(msg)
	case keysMsg:
		return m.onKeys(msg)
	case linkMsg:
		return m.onLink(msg)
	case notifiedMsg:
		return m.onNotified(msg)
	}
	return nil
}

func (m *Model) onFill(msg fillMsg) {
	for _, l := range m.layers {
		p, ok := l.(*picker)
		if !ok || p.turn != msg.turn {
			continue
		}
		p.waiting = false
		if msg.err != nil {
			m.sayBad(m.explain(msg.err))
			return
		}
		p.more = msg.more
		if msg.add {
			p.items = append(p.items, msg.items(m)...)
			return
		}
		p.items, p.sel, p.top = msg.items(m), 0, 0
	}
}

// asks begins a question whose answer belongs to this picker.
func (p *picker) asks(m *Model) int {
	m.fillTurn++
	p.turn, p.waiting = m.fillTurn, true
	return p.turn
}

func (p *picker) draw(m *Model) box {
	w := m.boxWidth(64)
	var body []row
	cursor, cx, cy := false, 0, 0
	if p.note != "" {
		rows := m.metric.wrap([]span{{text: p.note, ink: inkDim}}, w-2)
		body = rows[:min(len(rows), max(1, m.boxHeight()-3))] // the items have to be seen
	}
	if p.input != nil {
		lines, y, x := p.input.lines(m.metric, w-4-m.metric.width(p.ask))
		body = append(body, m.metric.line(span{text: p.ask, ink: inkAccent}, span{text: p.input.show(m.metric, lines[y])}))
		cursor, cx, cy = true, 1+m.metric.width(p.ask)+x, len(body)
	}
	var below []row
	if p.below != nil {
		below = p.below(m)
	}
	room := max(1, m.boxHeight()-len(body)-len(below))
	p.first = 1 + len(body) // below the title
	p.top = max(0, min(p.top, p.sel), p.sel-room+1)
	p.seen = min(len(p.items)-p.top, room)
	for i := p.top; i < p.top+p.seen; i++ {
		body = append(body, p.itemRow(m, i, w-2))
	}
	if text := p.nothing(m); text != "" {
		body = append(body, m.metric.line(span{text: m.metric.fit(text, w-2), ink: inkDim}))
	}
	title := p.title
	if p.seen < len(p.items) {
		title = m.text("tui.scrolls", title)
	}
	b := m.framed(title, append(body, below...), w)
	b.cursor, b.cursorX, b.cursorY = cursor, cx, cy
	return b
}

// nothing is what is said where no item fits; "" where nothing was looked for.
func (p *picker) nothing(m *Model) string {
	switch {
	case len(p.items) > 0 || p.input == nil || p.refill == nil:
		return ""
	case p.waiting:
		return m.text("tui.loading")
	case p.none == "":
		return ""
	case strings.TrimSpace(p.input.text) == "":
		return ""
	}
	return m.text(p.none, strings.TrimSpace(p.input.text))
}

func (p *picker) itemRow(m *Model, i, w int) row {
	it := p.items[i]
	mark := span{text: "  "}
	var paper ink
	if i == p.sel {
		mark, paper = span{text: m.glyphs.point + " ", ink: inkAccent}, paperSelected
	}
	right := m.metric.line(span{text: it.hint + " ", ink: inkDim})
	label := m.metric.fit(it.label, max(1, w-2-right.width))
	r := m.metric.between(m.metric.line(mark, span{text: label, ink: it.ink}).on(paper), right.on(paper), w)
	r.spans = r.on(paper).papered()
	return r
}

func (p *picker) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	switch key {
	case "esc", "ctrl+c":
		m.pop()
		return nil
	case "up", "ctrl+p", "shift+tab":
		return p.move(m, -1)
	case "down", "ctrl+n", "tab":
		return p.move(m, 1)
	case "pgup":
		return p.move(m, -m.boxHeight())
	case "pgdown":
		return p.move(m, m.boxHeight())
	case "enter":
		return p.choose(m)
	}
	if p.input == nil {
		if do, ok := p.short[key]; ok {
			m.pop()
			return do(m)
		}
		switch key {
		case "j":
			return p.move(m, 1)
		case "k":
			return p.move(m, -1)
		case "q":
			m.pop()
		}
		return nil
	}
	return p.edit(m, k)
}

// edit changes what is typed, and asks again.
func (p *picker) edit(m *Model, k tea.KeyPressMsg) tea.Cmd {
	before := p.input.text
	if !p.input.key(m.metric, k.String()) && k.Text != "" {
		p.input.insert(strings.ReplaceAll(typed(k.Text), "\n", " "))
	}
	if p.refill != nil && p.input.text != before {
		return p.refill(m, p.input.text)
	}
	return nil
}

func (p *picker) move(m *Model, by int) tea.Cmd {
	p.sel = max(0, min(p.sel+by, len(p.items)-1))
	if p.moved != nil {
		return p.moved(m)
	}
	if p.more != nil && p.sel >= len(p.items)-3 && !p.waiting {
		return p.more(m, p)
	}
	return nil
}

func (p *picker) choose(m *Model) tea.Cmd {
	if p.sel < len(p.items) {
		it := p.items[p.sel]
		m.pop()
		if it.do == nil {
			return nil
		}
		return it.do(m)
	}
	if p.entered == nil || p.input == nil {
		return nil
	}
	m.pop()
	return p.entered(m, p.input.text)
}

func (p *picker) click(m *Model, x, y int) tea.Cmd {
	p.draw(m)
	if i := p.top + y - p.first; y >= p.first && y < p.first+p.seen {
		p.sel = i
		return p.choose(m)
	}
	return nil
}

func (p *picker) wheel(m *Model, by int) tea.Cmd { return p.move(m, by) }

func (p *picker) paste(m *Model, text string) tea.Cmd {
	if p.input == nil {
		return nil
	}
	p.input.insert(strings.ReplaceAll(typed(text), "\n", " "))
	if p.refill != nil {
		return p.refill(m, p.input.text)
	}
	return nil
}

// confirm asks whether something is really to be done.
func (m *Model) confirm(title, note string, do func(m *Model) tea.Cmd) {
	m.push(&picker{title: title, note: note, items: []item{{label: m.text("tui.no")}, {label: m.text("tui.yes"), ink: inkBad, do: do}}})
}

// prompt asks for a text.
func (m *Model) askText(title, note, text string, do func(m *Model, typed string) tea.Cmd) {
	p := &picker{title: title, note: note, input: &editor{}, ask: m.glyphs.point + " ", entered: do}
	p.input.set(text)
	m.push(p)
}
