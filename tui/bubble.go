package tui

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// How much of a long message is shown until the person opens it: octets that are
// looked at, and lines.
const (
	foldOctets = 6000
	foldRows   = 24
	foldLinks  = 6 // lines of addresses below it
)

// Kinds of messages about a group, which stand in the chat of two.
const (
	kindInvited = "group-invite"
	kindRefused = "group-refused" // its reader wanted to join
)

// knownKinds are those that are shown whole.
var knownKinds = []string{"text", "media", "poll", "list", kindInvited, kindRefused}

// A layoutKey is what the lines of a message depend on beside the message.
type layoutKey struct {
	width             int
	day, head, unread bool
	selected          bool
	room              bool   // lines may be left empty
	before            string // what is said of what is before the first one
	today             int    // day of the year: 昨天 becomes a date
	look              int    // of theme, terminal and pictures
}

// layout is the lines of a message of the open chat, made once for a width.
func (m *Model) layout(i, w int) []row {
	e := m.conv.list[i]
	day, head := m.conv.begins(i)
	key := layoutKey{
		width: w, day: day, head: head, unread: e.msg.ID == m.conv.unread && !m.conv.unread.IsZero(),
		selected: e.msg.ID == m.conv.sel && !m.conv.sel.IsZero(), room: m.roomy(), today: m.now().YearDay(), look: m.look,
	}
	if i == 0 {
		key.before, _ = m.beforeAll()
	}
	if e.rows == nil || e.layout != key {
		e.rows, e.layout = m.draw(e, key), key
	}
	return e.rows
}

// draw makes the lines of a message.
func (m *Model) draw(e *entry, key layoutKey) []row {
	var out []row
	w := key.width
	if key.before != "" {
		_, i := m.beforeAll()
		out = append(out, m.centred(key.before, i, w))
	}
	if key.day {
		out = append(out, m.centred(dayOf(e.msg.Time, m.now(), m.lang), inkDim, w))
	}
	if key.unread {
		out = append(out, m.ruled(m.text("tui.unread"), inkAccent, w))
	}
	if key.head && !key.day && !key.unread && key.room {
		out = append(out, m.metric.pad(row{}, w))
	}
	if e.msg.Service {
		return append(out, m.service(e, key)...)
	}
	own := e.msg.State != ""
	var rows []row
	if key.head && !own {
		rows = append(rows, m.metric.line(m.sender(&e.msg)...))
	}
	rows = append(rows, m.bubble(e, key, own)...)
	return append(out, m.placed(rows, key, own)...)
}

// placed puts the lines of a message at its side of the pane, marked if it is
// selected.
func (m *Model) placed(rows []row, key layoutKey, own bool) []row {
	width := 0
	for _, r := range rows {
		width = max(width, r.width)
	}
	for i, r := range rows {
		mark := span{text: " "}
		if key.selected {
			mark = span{text: m.glyphs.bar, ink: inkAccent}
		}
		left := m.metric.line(mark, span{text: " "})
		if own {
			left = m.metric.line(mark, span{text: spaces(max(1, key.width-3-width))})
		}
		rows[i] = m.metric.pad(join(left, r), key.width)
	}
	return rows
}

// service is a line that the program noted.
func (m *Model) service(e *entry, key layoutKey) []row {
	said := e.msg.Line(m.text, m.clean)
	var out []row
	for _, r := range m.metric.wrap([]span{{text: said, ink: inkDim}}, key.width-6) {
		mark := span{text: spaces(max(0, (key.width-r.width)/2))}
		if key.selected {
			mark = span{text: m.glyphs.bar + spaces(max(0, (key.width-r.width)/2-1)), ink: inkAccent}
		}
		out = append(out, m.metric.pad(join(m.metric.line(mark), r), key.width))
	}
	return out
}

// sender is who wrote, in a colour of that account.
func (m *Model) sender(msg *clientrpc.Message) []span {
	h := fnv.New32a()
	h.Write([]byte(msg.From.String()))
	out := append([]span{{text: m.called(msg.Name, msg.From), ink: inkName + ink(h.Sum32()%4)}}, m.selfNamed(msg.SelfNamed, msg.From)...)
	if msg.Imported {
		out = append(out, span{text: "  " + m.text("label.imported"), ink: inkWarn})
	}
	return out
}

// called is how an account is called here: by its name, or by the end of its
// fingerprint.
func (m *Model) called(name string, f omega.Fingerprint) string {
	if s := strings.TrimSpace(m.clean(name)); s != "" {
		return m.metric.fit(s, 40)
	}
	s := f.String()
	return s[max(0, len(s)-8):]
}

// selfNamed stands behind a name that an account chose itself: that it did, and the end
// of its fingerprint.
func (m *Model) selfNamed(self bool, f omega.Fingerprint) []span {
	if !self {
		return nil
	}
	return []span{{text: m.selfNote(self, f), ink: inkDim}}
}

// selfNote is the same as a text to be set behind a name; empty for other names.
func (m *Model) selfNote(self bool, f omega.Fingerprint) string {
	if !self {
		return ""
	}
	s := f.String()
	return "  " + m.text("tui.selfnamed", s[max(0, len(s)-8):])
}

// bubble is what somebody said, on a paper of its own, with time and ticks at its
// end.
func (m *Model) bubble(e *entry, key layoutKey, own bool) []row {
	inner := max(8, min(72, key.width*4/5, key.width-4)) - 2
	rows := m.body(e, inner)
	rows = m.withMeta(rows, m.meta(e), inner)
	paper := paperOther
	switch {
	case own && e.msg.Secure:
		paper = paperOwnSecure
	case own:
		paper = paperOwn
	}
	width := 0
	for _, r := range rows {
		width = max(width, r.width)
	}
	for i, r := range rows {
		r = m.metric.pad(join(m.metric.line(span{text: " "}), r), width+2)
		rows[i] = row{spans: r.on(paper).papered(), width: r.width}
	}
	if line := m.reactions(&e.msg); line != "" {
		for _, r := range m.metric.wrap([]span{{text: line, ink: inkAccent}}, inner+2) {
			rows = append(rows, r)
		}
	}
	if n := e.msg.CountedInAll(); n > 0 {
		rows = append(rows, m.metric.wrap([]span{{text: " " + m.countedLine(&e.msg, n), ink: inkDim}}, inner+2)...)
	}
	return rows
}

// withMeta puts time and ticks behind the last line, or below it.
func (m *Model) withMeta(rows []row, meta row, w int) []row {
	width := 0
	for _, r := range rows {
		width = max(width, r.width)
	}
	last := &rows[len(rows)-1]
	if last.width+2+meta.width <= w {
		width = max(width, last.width+2+meta.width)
		*last = m.metric.between(*last, meta, width)
		return rows
	}
	width = max(width, min(meta.width, w))
	return append(rows, m.metric.between(row{}, m.metric.slice(meta, 0, w), width))
}

// body is what a message says, in lines of at most w columns.
func (m *Model) body(e *entry, w int) []row {
	msg := &e.msg
	if msg.Deleted {
		return m.metric.wrap([]span{{text: m.text("message.gone"), ink: inkDim}}, w)
	}
	var out []row
	note := func(text string, i ink) { out = append(out, m.metric.wrap([]span{{text: text, ink: i}}, w)...) }
	if msg.Problem != "" {
		note("⚠ "+m.text("problem."+msg.Problem), inkBad)
	}
	if msg.Mentioned {
		note(m.text("message.mentioned"), inkAccent)
	}
	if msg.Forward != nil {
		note(m.forwarded(msg.Forward), inkDim)
	}
	if msg.Reply != nil {
		out = append(out, m.quoted(msg.Reply, w)...)
	}
	out = append(out, m.mediaRows(e, w)...)
	switch {
	case msg.Kind == kindInvited:
		note(m.invitation(msg), inkAccent)
	case msg.Kind == kindRefused:
		note(m.text("message.grouprefused"), inkDim)
	case msg.Kind == "poll" || msg.Kind == "list":
		note(m.text("tui.kind."+msg.Kind)+" "+m.cleanLines(msg.Text), inkBold)
		out = append(out, m.answers(msg, w)...)
	case msg.Text != "" || len(msg.Media) == 0:
		out = append(out, m.prose(e, w)...)
	}
	if !slices.Contains(knownKinds, msg.Kind) {
		note(m.text("message.newer"), inkDim)
	}
	if msg.Inert && (len(msg.Media) > 0 || slices.ContainsFunc(msg.Entities, func(e clientrpc.Entity) bool { return e.Type == "link" })) {
		note("⚠ "+m.text("contact.inert"), inkWarn)
	}
	return out
}

// prose is the text of a message, folded where it is long.
func (m *Model) prose(e *entry, w int) []row {
	text, folded := e.msg.Text, false
	if !e.open {
		text, folded = shorten(text, foldOctets)
	}
	spans := m.cleaner(true).styled(text, e.msg.Entities, e.msg.Inert, e.open)
	rows := m.metric.wrap(spans, w)
	if !e.open && len(rows) > foldRows {
		rows, folded = rows[:foldRows], true
	}
	targets, left := m.targets(e, w)
	if folded || left {
		targets = append(targets, m.metric.wrap([]span{{text: m.text("tui.folded", len(e.msg.Text)), ink: inkAccent}}, w)...)
	}
	return append(rows, targets...)
}

// targets are the addresses that links lead to, each once: a few lines of them until the
// person opens the message. left: there are more.
func (m *Model) targets(e *entry, w int) (rows []row, left bool) {
	seen := map[string]bool{}
	for _, en := range e.msg.Entities {
		if en.Type != "link" || en.Address == "" || seen[en.Address] {
			continue
		}
		seen[en.Address] = true
		rows = append(rows, m.metric.wrap([]span{{text: m.text("message.link", m.clean(en.Address)), ink: inkDim}}, w)...)
		if !e.open && len(rows) > foldLinks {
			return rows[:foldLinks], true
		}
	}
	return rows, false
}

// meta is the time of a message and how far it is.
func (m *Model) meta(e *entry) row {
	msg := &e.msg
	parts := []span{}
	add := func(text string, i ink) { parts = append(parts, span{text: text + " ", ink: i}) }
	if msg.Pinned {
		add("📌", inkAccent)
	}
	if msg.Secure {
		add("🔒", inkSecure)
	}
	if !msg.Expires.IsZero() {
		add("🔥"+short(msg.Expires, m.now(), m.lang), inkWarn)
	}
	if !msg.Edited.IsZero() && !msg.Deleted {
		add(m.text("tui.edited"), inkDim)
	}
	parts = append(parts, span{text: clock(msg.Time, m.lang), ink: inkDim})
	if tick, i := m.tick(msg); tick != "" {
		parts = append(parts, span{text: " " + tick, ink: i})
	}
	return m.metric.line(parts...)
}

// tick says how far a message of one's own is: ✓ ✓✓ 已讀.
func (m *Model) tick(msg *clientrpc.Message) (string, ink) {
	if msg.Delivered > 0 && msg.State != clientrpc.StateFailed {
		if msg.ReadBy > 0 {
			return m.text("tui.readby", msg.ReadBy), inkGood
		}
		return m.glyphs.delivered, inkDim
	}
	switch msg.State {
	case clientrpc.StateQueued:
		return m.glyphs.queued, inkDim
	case clientrpc.StateStored:
		return m.glyphs.stored, inkDim
	case clientrpc.StateDelivered:
		return m.glyphs.delivered, inkDim
	case clientrpc.StateRead:
		return m.text("state.read"), inkGood
	case clientrpc.StateScheduled:
		return m.glyphs.scheduled, inkWarn
	case clientrpc.StateFailed:
		return m.glyphs.failed + " " + m.text("state.failed"), inkBad
	}
	return "", noInk
}

// quoted is the message that this one answers.
func (m *Model) quoted(r *clientrpc.Reply, w int) []row {
	text := r.Quote
	if text == "" {
		text = r.Text
	}
	text, _ = shorten(text, 400)
	who := m.called(r.Name, r.From)
	if r.Message.IsZero() {
		text += m.text("tui.nomessage")
	} else if r.Quote != "" && !r.Exact {
		text += m.text("tui.inexact")
	}
	bar := span{text: m.glyphs.quote + " ", ink: inkAccent}
	return []row{
		m.metric.line(bar, span{text: m.metric.fit(who, w-2), ink: inkName}),
		m.metric.line(bar, span{text: m.metric.fit(m.clean(text), w-2), ink: inkDim}),
	}
}

// invitation is one to a group, from others or by this account.
func (m *Model) invitation(msg *clientrpc.Message) string {
	name, _ := shorten(msg.Text, 400)
	if msg.State != "" {
		return m.text("tui.groupinviteown", m.clean(name), m.text(msg.Thing()))
	}
	switch msg.GroupRole {
	case "":
		return m.text("tui.groupinvite", m.clean(name), m.text(msg.Thing()))
	case clientrpc.RoleAsking: // it is accepted without being asked
		return m.text("message.groupletin", m.clean(name), m.text(msg.Thing()))
	}
	return m.text("message.groupjoined", m.clean(name), m.text(msg.Thing()))
}

func (m *Model) forwarded(f *clientrpc.ForwardOf) string {
	if f.Hidden {
		return m.text("message.forwardhidden")
	}
	s := m.text("message.forward", m.called(f.Name, f.From))
	if !f.Time.IsZero() {
		s += " " + short(f.Time, m.now(), m.lang)
	}
	return s
}

// answers are those of a poll with a bar for each, or the lines of a list.
func (m *Model) answers(msg *clientrpc.Message, w int) []row {
	var out []row
	closed := false
	if p := msg.Poll; p != nil {
		closed = !p.Closed.IsZero()
		for i, o := range p.Options {
			mark := "( )"
			if o.Mine {
				mark = "(x)"
			}
			out = append(out, m.metric.wrap([]span{{text: fmt.Sprintf("%s %d. %s", mark, i+1, m.clean(o.Text))}}, w)...)
			bar := max(0, min(20, w-8))
			votes := o.Votes + o.Counted
			share := max(0, min(bar, votes*bar/max(1, p.Voters+p.Counted)))
			out = append(out, m.metric.line(span{text: "    "}, span{text: strings.Repeat("#", share), ink: inkAccent}, span{text: " " + fmt.Sprint(votes), ink: inkDim}))
		}
	}
	if l := msg.List; l != nil {
		closed = !l.Closed.IsZero()
		for i, line := range l.Lines {
			out = append(out, m.metric.wrap([]span{{text: fmt.Sprintf("%d. %s", i+1, m.clean(line.Text))}, {text: "  " + m.called(line.Name, line.From), ink: inkDim}}, w)...)
		}
	}
	if closed {
		out = append(out, m.metric.line(span{text: m.text("poll.closed"), ink: inkDim}))
	}
	if key := lateKey(msg); key != "" {
		out = append(out, m.metric.wrap([]span{{text: m.text(key), ink: inkWarn}}, w)...)
	}
	return out
}

// lateKey names what is said of answers of this account that came too late; empty: none did.
// (spec/chat.md, CHAT-105, CHAT-111)
func lateKey(msg *clientrpc.Message) string {
	switch p, l := msg.Poll, msg.List; {
	case l != nil && l.Late:
		return "tui.list.late"
	case p == nil || !p.Late:
		return ""
	case slices.ContainsFunc(p.Options, func(o clientrpc.Option) bool { return o.Mine }):
		return "tui.poll.changelate"
	}
	return "tui.poll.late"
}

// centred is a short text in the middle of a line, ruled one with lines beside it.
func (m *Model) centred(text string, i ink, w int) row {
	text = m.metric.fit(text, w-2)
	left := (w - m.metric.width(text)) / 2
	return m.metric.pad(m.metric.line(span{text: spaces(max(0, left))}, span{text: text, ink: i}), w)
}

func (m *Model) ruled(text string, i ink, w int) row {
	text = " " + m.metric.fit(text, w-6) + " "
	side := m.metric.fill(m.glyphs.across, (w-m.metric.width(text))/2)
	return m.metric.pad(m.metric.line(span{text: side, ink: i}, span{text: text, ink: i}, span{text: side, ink: i}), w)
}

// preview is one line that stands for a message.
func (m *Model) preview(msg *clientrpc.Message) string {
	text, _ := shorten(msg.Text, 400)
	text = m.clean(text)
	switch {
	case msg.Deleted:
		return m.text("message.gone")
	case msg.Service:
		return msg.Line(m.text, m.clean)
	case msg.Kind == "media" && len(msg.Media) > 1:
		return m.bracketed(m.text("what.album", len(msg.Media)), text)
	case msg.Kind == "media" && len(msg.Media) > 0:
		return m.bracketed(m.text("what."+msg.Media[0].What), text)
	case msg.Kind == "poll" || msg.Kind == "list":
		return m.text("tui.kind."+msg.Kind) + " " + text
	case msg.Kind == kindInvited:
		return m.invitation(msg)
	case msg.Kind == kindRefused:
		return m.text("message.grouprefused")
	}
	return text
}

func (m *Model) bracketed(what, text string) string {
	if m.lang == i18n.Chinese {
		return strings.TrimSpace("［" + what + "］" + text)
	}
	return strings.TrimSpace("[" + what + "] " + text)
}
