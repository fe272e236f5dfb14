package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A bounded reader fails when more is read than one item may have.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// A telegramReader reads a result.json, of one chat or of an account, as a
// stream of tokens.
type telegramReader struct {
	in   *bounded
	dec  *json.Decoder
	zone *time.Location
	put  func(*Message) error
	item int
	any  bool // a chat was found
}

func readTelegram(in io.Reader, zone *time.Location, put func(*Message) error) error {
	t := &telegramReader{in: &bounded{r: in, left: maxObject}, zone: zone, put: put}
	t.dec = json.NewDecoder(t.in)
	if _, err := t.token(); err != nil {
		return t.wrong(err)
	}
	if err := t.object(&telegramChat{}, 0); err != nil {
		return t.wrong(err)
	}
	if !t.any {
		return &Error{Why: ErrUnknown}
	}
	return nil
}

// wrong says where err happened, unless it is one of put.
func (t *telegramReader) wrong(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, ErrLong), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errShape):
		return &Error{Item: t.item, Why: err}
	case errors.Is(err, io.EOF):
		return &Error{Item: t.item, Why: io.ErrUnexpectedEOF}
	}
	return err
}

var errShape = errors.New("not as Telegram writes it")

func (t *telegramReader) token() (json.Token, error) {
	t.in.left = maxObject
	return t.dec.Token()
}

// decode reads one value, which is bounded as a whole.
func (t *telegramReader) decode(v any) error {
	t.in.left = maxObject
	return t.dec.Decode(v)
}

type telegramChat struct {
	name, kind, id string
}

// object reads what is inside an object whose brace was read: a chat, the list
// of chats, or what is around them.
func (t *telegramReader) object(c *telegramChat, depth int) error {
	for t.dec.More() {
		key, err := t.token()
		if err != nil {
			return err
		}
		switch key {
		case "name":
			err = t.text(&c.name)
		case "type":
			err = t.text(&c.kind)
		case "id":
			err = t.text(&c.id)
		case "messages":
			err = t.messages(c)
		case "chats", "left_chats", "list":
			err = t.nested(key == "list", depth)
		default:
			err = t.skip()
		}
		if err != nil {
			return err
		}
	}
	_, err := t.token()
	return err
}

// text reads a string or a number; other values are passed over.
func (t *telegramReader) text(s *string) error {
	var raw json.RawMessage
	if err := t.decode(&raw); err != nil {
		return err
	}
	if json.Unmarshal(raw, s) != nil {
		if n := (json.Number)(""); json.Unmarshal(raw, &n) == nil {
			*s = n.String()
		}
	}
	*s = cut(*s)
	return nil
}

// nested reads the chats of an account: {"list": [chat, …]}.
func (t *telegramReader) nested(list bool, depth int) error {
	open, err := t.token()
	if err != nil {
		return err
	}
	want := json.Delim('{')
	if list {
		want = '['
	}
	if open != want || depth > 4 {
		return errShape
	}
	if !list {
		return t.object(&telegramChat{}, depth+1)
	}
	for t.dec.More() {
		if open, err := t.token(); err != nil || open != json.Delim('{') {
			return errors.Join(err, errShape)
		}
		if err := t.object(&telegramChat{}, depth+1); err != nil {
			return err
		}
	}
	_, err = t.token()
	return err
}

// skip passes over one value, however deep.
func (t *telegramReader) skip() error {
	for depth := 0; ; {
		tok, err := t.token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// messages reads those of a chat, whose name and id stand before them.
func (t *telegramReader) messages(c *telegramChat) error {
	open, err := t.token()
	if err != nil {
		return err
	}
	if open != json.Delim('[') || c.id == "" {
		return errShape
	}
	t.any, t.item = true, 0
	for t.dec.More() {
		t.item++
		var m telegramMessage
		if err := t.decode(&m); err != nil {
			return err
		}
		out, err := m.message(c, t.zone)
		if err != nil {
			return err
		}
		if err := t.put(out); err != nil {
			return err
		}
	}
	_, err = t.token()
	return err
}

// A telegramMessage is what is taken of one. Members whose kind differs between
// versions are read later.
type telegramMessage struct {
	ID        int64           `json:"id"`
	Type      string          `json:"type"`
	Date      string          `json:"date"`
	Unix      string          `json:"date_unixtime"`
	From      *string         `json:"from"`
	Actor     *string         `json:"actor"`
	Action    string          `json:"action"`
	Title     string          `json:"title"`
	Members   []*string       `json:"members"`
	Forwarded *string         `json:"forwarded_from"`
	Text      json.RawMessage `json:"text"`
	MediaType string          `json:"media_type"`
	Emoji     string          `json:"sticker_emoji"`
	FileName  string          `json:"file_name"`
	File      json.RawMessage `json:"file"`
	Photo     json.RawMessage `json:"photo"`
	Poll      *struct {
		Question json.RawMessage `json:"question"`
		Answers  []struct {
			Text   json.RawMessage `json:"text"`
			Voters int             `json:"voters"`
		} `json:"answers"`
	} `json:"poll"`
}

func (m *telegramMessage) message(c *telegramChat, zone *time.Location) (*Message, error) {
	out := &Message{
		Source: Telegram, Chat: c.kind + ":" + c.id, Title: c.name, Kind: KindText, Key: strconv.FormatInt(m.ID, 10),
	}
	if out.Title == "" {
		out.Title = c.kind
	}
	if seconds, err := strconv.ParseInt(m.Unix, 10, 64); err == nil && seconds > 0 && seconds < 1<<33 {
		out.Time = time.Unix(seconds, 0)
	} else if out.Time, err = time.ParseInLocation("2006-01-02T15:04:05", m.Date, zone); err != nil {
		return nil, fmt.Errorf("%w: date %.40q", errShape, m.Date)
	}
	for _, name := range []*string{m.Actor, m.From} {
		if name != nil {
			out.Author = cut(*name)
		}
	}
	text, err := richText(m.Text)
	if err != nil {
		return nil, err
	}
	origin, media := "", m.media()
	if m.Forwarded != nil {
		origin = "↪ " + cut(*m.Forwarded)
	}
	switch {
	case m.Type == "service":
		out.Kind, media = KindSystem, m.service()
	case media != "":
		out.Kind = KindMedia
	}
	out.Text = join([]string{origin, media, text, m.poll()}, "\n")
	return out, checkText(out.Text)
}

// media says what is not in the file of texts.
func (m *telegramMessage) media() string {
	kind := m.MediaType
	switch {
	case kind == "" && len(m.Photo) > 0:
		kind = "photo"
	case kind == "" && len(m.File) > 0:
		kind = "file"
	case kind == "":
		return ""
	}
	return "[" + join([]string{kind, m.Emoji, m.FileName}, " ") + "]"
}

func (m *telegramMessage) poll() string {
	if m.Poll == nil {
		return ""
	}
	question, _ := richText(m.Poll.Question)
	lines := []string{"📊 " + question}
	for _, a := range m.Poll.Answers {
		text, _ := richText(a.Text)
		lines = append(lines, fmt.Sprintf("- %s (%d)", text, a.Voters))
	}
	return strings.Join(lines, "\n")
}

func (m *telegramMessage) service() string {
	var names []string
	for _, name := range m.Members {
		if name != nil {
			names = append(names, *name)
		}
	}
	return join([]string{m.Action, m.Title, strings.Join(names, ", ")}, " ")
}

// richText reads a text: a string, or an array of strings and entities.
func richText(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var whole string
	if json.Unmarshal(raw, &whole) == nil {
		return whole, nil
	}
	var one struct {
		Text string `json:"text"`
	}
	if raw[0] == '{' {
		err := json.Unmarshal(raw, &one)
		return one.Text, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		if len(p) > 0 && p[0] == '[' {
			return "", fmt.Errorf("%w: text in a text", errShape)
		}
		text, err := richText(p)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// join joins what is not empty.
func join(parts []string, by string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, by)
}
