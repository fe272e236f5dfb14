package archive

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// Forms of an exported chat.
const (
	FormHTML = "html"
	FormJSON = "json"
)

// A Page says what an exported chat is.
type Page struct {
	Chat     clientrpc.Chat
	Exported time.Time
	Since    time.Time // zero: from the first message on
	Until    time.Time // zero: to the last
	Lang     i18n.Lang
	Zone     *time.Location // of the times on an HTML page
}

// A ChatWriter writes an exported chat, message by message, oldest first. The
// chat is whole when Close returned nil. (spec/archive.md, ARCH-7)
type ChatWriter interface {
	Message(*clientrpc.Message) error
	Close() error
}

// NewChatWriter begins a chat in a form.
func NewChatWriter(w io.Writer, form string, p *Page) (ChatWriter, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	if form == FormJSON {
		return newJSON(out, p)
	}
	return newHTML(out, p)
}

type jsonChat struct {
	w    *bufio.Writer
	next string
}

func newJSON(w *bufio.Writer, p *Page) (*jsonChat, error) {
	head, err := json.Marshal(struct {
		Version  int       `json:"version"`
		Chat     string    `json:"chat"`
		Kind     string    `json:"kind"`
		Name     string    `json:"name"`
		Exported time.Time `json:"exported"`
		Since    time.Time `json:"since,omitzero"`
		Until    time.Time `json:"until,omitzero"`
	}{1, p.Chat.ID.String(), p.Chat.Kind, p.Chat.Name, p.Exported, p.Since, p.Until})
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "%s,\"messages\":[", head[:len(head)-1])
	return &jsonChat{w, "\n"}, err
}

// Message writes one message on a line.
func (j *jsonChat) Message(m *clientrpc.Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = j.w.WriteString(j.next + string(b))
	j.next = ",\n"
	return err
}

// Close ends the object.
func (j *jsonChat) Close() error {
	j.w.WriteString("\n]}\n")
	return j.w.Flush()
}

//go:embed page.css
var pageStyle string

type htmlChat struct {
	w    *bufio.Writer
	p    *Page
	last string // day of the message before
}

func newHTML(w *bufio.Writer, p *Page) (*htmlChat, error) {
	h := &htmlChat{w: w, p: p}
	lang := "zh-Hant-TW"
	if p.Lang == i18n.English {
		lang = "en"
	}
	style := sha256.Sum256([]byte(pageStyle))
	name := visible(p.Chat.Name)
	if name == "" {
		name = p.Chat.Peer.String()
	}
	fmt.Fprintf(w, `<!doctype html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<style>%s</style>
</head>
<body>
<header><h1>%s</h1><p>%s</p>`, lang, base64.StdEncoding.EncodeToString(style[:]), name, pageStyle, name, h.text("page.exported", h.day(p.Exported)+" "+h.clock(p.Exported)))
	if p.Chat.Kind == "imported" {
		fmt.Fprintf(w, `<p class="warn">%s</p>`, h.text("page.imported"))
	} else {
		fmt.Fprintf(w, `<p>%s</p>`, h.text("page.nosignature"))
	}
	_, err := io.WriteString(w, "</header>\n<main>\n")
	return h, err
}

func (h *htmlChat) text(key string, args ...any) string {
	return html.EscapeString(i18n.T(key, args...).In(h.p.Lang))
}

// visible makes a text of somebody harmless on a page.
func visible(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || i18n.Harmless(r) {
			return r
		}
		return '\ufffd'
	}, s))
}

var weekdays = [...]string{"日", "一", "二", "三", "四", "五", "六"}

func (h *htmlChat) day(t time.Time) string {
	t = t.In(h.p.Zone)
	if h.p.Lang == i18n.English {
		return t.Format("Monday, 2 January 2006")
	}
	return t.Format("2006/1/2") + "（週" + weekdays[t.Weekday()] + "）"
}

func (h *htmlChat) clock(t time.Time) string {
	t = t.In(h.p.Zone)
	switch {
	case h.p.Lang == i18n.English:
		return t.Format("15:04")
	case t.Hour() < 12:
		return t.Format("上午3:04")
	}
	return t.Format("下午3:04")
}

// Message writes one bubble, and before it the day, where that is another one.
func (h *htmlChat) Message(m *clientrpc.Message) error {
	if day := h.day(m.Time); day != h.last {
		h.last = day
		fmt.Fprintf(h.w, "<h2>%s</h2>\n", day)
	}
	class := "in"
	switch {
	case m.Imported && m.From.IsZero() && m.Name == "":
		class = "note"
	case m.State != "":
		class = "out"
	}
	fmt.Fprintf(h.w, `<article class="%s" id="m%s"><p class="who">`, class, m.ID)
	if m.Name != "" {
		fmt.Fprintf(h.w, `<b>%s</b> `, visible(m.Name))
	}
	if fp := m.From.String(); fp != "" {
		fmt.Fprintf(h.w, `<code>%s</code>`, fp[max(0, len(fp)-16):])
	}
	body := visible(m.Text)
	switch {
	case m.Deleted:
		body = h.text("message.gone")
	case m.Service:
		body = m.Line(h.text, visible)
	case body == "":
		body = h.text("page.other", m.Kind)
	}
	fmt.Fprintf(h.w, `</p><p class="text" dir="auto">%s</p><p class="when"><time datetime="%s">%s</time> %s</p></article>`+"\n",
		body, m.Time.UTC().Format(time.RFC3339), h.clock(m.Time), h.proof(m))
	return nil
}

// proof says what is known of who wrote a message.
func (h *htmlChat) proof(m *clientrpc.Message) string {
	switch {
	case m.Imported:
		return `<span class="warn">` + h.text("page.unsigned") + `</span>`
	case m.Service:
		return `<span class="warn">` + h.text("page.service") + `</span>`
	case m.Verified:
		return `<span class="ok">` + h.text("page.verified") + `</span>`
	case m.Problem != "":
		return `<span class="bad">⚠ ` + h.text("problem."+m.Problem) + `</span>`
	}
	return `<span class="bad">⚠ ` + h.text("page.unverified") + `</span>`
}

// Close ends the page.
func (h *htmlChat) Close() error {
	h.w.WriteString("</main>\n</body>\n</html>\n")
	return h.w.Flush()
}
