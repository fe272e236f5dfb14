package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A lineReader reads the .txt of a LINE chat.
type lineReader struct {
	put   func(*Message) error
	zone  *time.Location
	title string

	number int       // of the line, from 1
	day    time.Time // its beginning; zero: none was named yet
	last   *Message  // to which the next line may belong
	begun  int       // line of last
	seen   map[[16]byte]int

	quote  []string // lines of a body that began with a quotation mark and did not end; nil: none
	size   int      // octets of quote
	bare   bool     // quotation marks mean nothing
	known  map[string]bool
	tabbed bool // a line with tabs was seen: names hold spaces then
	count  int
}

// Lines that begin a file, by language. The name is the first group.
var titles = []*regexp.Regexp{
	regexp.MustCompile(`^\[LINE\] ?與(.+)的聊天(?:記錄|紀錄)?$`),
	regexp.MustCompile(`^\[LINE\] ?与(.+)的聊天记录$`),
	regexp.MustCompile(`^\[LINE\] ?Chat history (?:with|in) (.+)$`),
	regexp.MustCompile(`^\[LINE\] ?(.+?)(?:とのトーク履歴|のトーク履歴)$`),
	regexp.MustCompile(`^\[LINE\] ?(.+?)(?:的聊天記錄|的聊天紀錄|的聊天|的聊天记录)$`),
	regexp.MustCompile(`^\[LINE\] ?(.+)$`),
}

var (
	savedLine = regexp.MustCompile(`^(?:儲存日期|保存日期|Saved on|保存日時)\s*[:：]`)
	dateYear  = regexp.MustCompile(`^(\d{4})[/.\-](\d{1,2})[/.\-](\d{1,2})(?:\s*[（(][^)）]{1,12}[)）]|\s+(?:星期|週|周)[一二三四五六日天]|\s+[A-Za-z]{3,9})?$`)
	dateWeek  = regexp.MustCompile(`^([A-Za-z]{3,9}),? (\d{1,2})/(\d{1,2})/(\d{4})$`)
	timeFirst = regexp.MustCompile(`^(上午|下午|午前|午後|凌晨|中午|晚上|AM |PM )?(\d{1,2}):(\d{2})(?: ?([AaPp][Mm]))?([\t ])`)
)

func readLINE(in *bufio.Reader, name string, zone *time.Location, put func(*Message) error) error {
	l := &lineReader{put: put, zone: zone, title: cut(name), known: map[string]bool{}}
	for {
		text, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return &Error{Line: l.number + 1, Why: err}
		}
		ended := err != nil
		if ended && text == "" {
			break
		}
		l.number++
		if err := l.line(strings.ToValidUTF8(text, "\ufffd")); err != nil {
			return err
		}
		if ended {
			break
		}
	}
	if err := l.unquote(); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return err
	}
	if l.count == 0 && l.day.IsZero() {
		return &Error{Why: ErrUnknown}
	}
	return nil
}

// readLine reads a line without its end; io.EOF comes with the last one.
func readLine(in *bufio.Reader) (string, error) {
	var b []byte
	for {
		part, err := in.ReadSlice('\n')
		if b = append(b, part...); len(b) > maxLine {
			return "", ErrLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), err
	}
}

func (l *lineReader) line(text string) error {
	if l.quote != nil {
		return l.quoted(text)
	}
	if l.day.IsZero() {
		if savedLine.MatchString(text) {
			return nil
		}
		if l.heading(text) {
			return nil
		}
	}
	if day, ok := l.date(text); ok {
		err := l.flush()
		l.day, l.seen = day, map[[16]byte]int{}
		return err
	}
	if m := timeFirst.FindStringSubmatch(text); m != nil && !l.day.IsZero() {
		if ok, err := l.begin(text[len(m[0]):], m); ok || err != nil {
			return err
		}
	}
	return l.more(text)
}

// heading takes the first line.
func (l *lineReader) heading(text string) bool {
	if l.number != 1 {
		return false
	}
	for _, t := range titles {
		if m := t.FindStringSubmatch(text); m != nil {
			l.title = cut(strings.TrimSpace(m[1]))
			l.known[l.title] = true
			return true
		}
	}
	return false
}

// maxDate is how long a line that begins a day may be, in octets: most others are
// told from it by this.
const maxDate = 40

// date reads a line that begins a day. Where day and month could be the other
// way round, the name of the weekday tells.
func (l *lineReader) date(text string) (time.Time, bool) {
	if len(text) < len("2025/1/1") || len(text) > maxDate {
		return time.Time{}, false
	}
	if m := dateYear.FindStringSubmatch(text); m != nil {
		return l.make(m[1], m[2], m[3])
	}
	m := dateWeek.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	us, usOK := l.make(m[4], m[2], m[3])
	eu, euOK := l.make(m[4], m[3], m[2])
	named := func(t time.Time) bool {
		return len(m[1]) >= 3 && strings.EqualFold(m[1][:3], t.Weekday().String()[:3])
	}
	if euOK && named(eu) && !(usOK && named(us)) {
		return eu, true
	}
	if usOK {
		return us, named(us)
	}
	return time.Time{}, false
}

func (l *lineReader) make(year, month, day string) (time.Time, bool) {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, l.zone)
	return t, y >= 2000 && y <= 2200 && t.Month() == time.Month(m) && t.Day() == d
}

// clock reads the hour and minute of a line.
func clock(half, hour, minute, after string) (h, m int, ok bool) {
	h, _ = strconv.Atoi(hour)
	m, _ = strconv.Atoi(minute)
	if half = strings.TrimSpace(half); half == "" {
		half = strings.ToUpper(after)
	}
	switch half {
	case "上午", "午前", "凌晨", "AM":
		if h == 12 {
			h = 0
		}
	case "下午", "午後", "晚上", "PM":
		if h < 12 {
			h += 12
		}
	}
	return h, m, h < 24 && m < 60
}

// begin takes a line that begins a message; false: it does not.
func (l *lineReader) begin(rest string, m []string) (bool, error) {
	hour, minute, ok := clock(m[1], m[2], m[3], m[4])
	if !ok || m[5] == " " && l.tabbed {
		return false, nil
	}
	if err := l.flush(); err != nil {
		return true, err
	}
	y, mo, d := l.day.Date()
	l.last, l.begun = &Message{Source: LINE, Kind: KindText, Time: time.Date(y, mo, d, hour, minute, 0, 0, l.zone)}, l.number
	author, body, named := strings.Cut(rest, "\t")
	switch {
	case m[5] == " ":
		author, body, named = l.spaced(rest)
	default:
		l.tabbed = true
	}
	if !named {
		author, body = "", rest
	}
	if l.last.Author = cut(author); author == "" {
		l.last.Kind = KindSystem
	}
	if !l.bare && strings.HasPrefix(body, `"`) && !closed(body[1:]) {
		l.quote, l.size = []string{body}, len(body)
		return true, nil
	}
	l.last.Text = plain(body)
	return true, nil
}

// spaced cuts a line of the kind that has no tabs: a known name may hold spaces.
func (l *lineReader) spaced(rest string) (author, body string, ok bool) {
	for name := range l.known {
		if body, ok := strings.CutPrefix(rest, name+" "); ok && len(name) > len(author) {
			author, rest = name, name+" "+body
		}
	}
	if author != "" {
		return author, rest[len(author)+1:], true
	}
	return strings.Cut(rest, " ")
}

// closed reports whether the text after a quotation mark ends with the one that
// belongs to it: inner ones are doubled.
func closed(text string) bool {
	n := len(text) - len(strings.TrimRight(text, `"`))
	return n%2 == 1
}

// plain takes the quotation marks off a body that is inside them.
func plain(body string) string {
	if len(body) < 2 || body[0] != '"' || !closed(body[1:]) {
		return body
	}
	inner := body[1 : len(body)-1]
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return body // a text in which somebody quotes
	}
	if !strings.Contains(inner, "\n") && !strings.Contains(inner, `""`) {
		return body // LINE puts only texts of several lines into them
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}

// maxQuote bounds what is kept while the end of a quoted body is looked for.
const maxQuote = 256 << 10

// quoted takes the next line of a body in quotation marks: whatever it looks
// like, it is of this message.
func (l *lineReader) quoted(text string) error {
	l.quote = append(l.quote, text)
	if l.size += len(text) + 1; l.size > maxQuote {
		return l.unquote()
	}
	if closed(text) {
		l.last.Text = plain(strings.Join(l.quote, "\n"))
		l.quote = nil
	}
	return nil
}

// unquote takes the lines again that seemed to be quoted and were not: somebody's
// text began with a quotation mark. None of them ends a quotation, so that none of
// them begins one.
func (l *lineReader) unquote() error {
	lines := l.quote
	if l.quote = nil; lines == nil {
		return nil
	}
	l.bare = true
	defer func() { l.bare = false }()
	l.last.Text = lines[0]
	l.number -= len(lines) - 1
	for _, text := range lines[1:] {
		l.number++
		if err := l.line(text); err != nil {
			return err
		}
	}
	return nil
}

// more adds a line to the message before it.
func (l *lineReader) more(text string) error {
	if l.last == nil {
		return nil // before the first message
	}
	if len(l.last.Text)+len(text)+1 > maxQuote {
		return &Error{Line: l.number, Why: ErrLong}
	}
	l.last.Text += "\n" + text
	return nil
}

// mediaWords are bodies that stand for what is not in the file.
var mediaWords = regexp.MustCompile(`^\[(?:貼圖|照片|圖片|影片|檔案|語音訊息|位置資訊|位置|記事本|禮物|聯絡資訊|相簿|Sticker|Photo|Video|File|Voice message|Location|Note|Gift|Contact|Album|スタンプ|写真|動画|ファイル|ボイスメッセージ|位置情報)\]`)

// flush hands out the message that is complete.
func (l *lineReader) flush() error {
	m := l.last
	if l.last = nil; m == nil {
		return nil
	}
	m.Text = strings.TrimRight(m.Text, "\n")
	if err := checkText(m.Text); err != nil {
		return &Error{Line: l.begun, Why: err}
	}
	if m.Author != "" && mediaWords.MatchString(m.Text) {
		m.Kind = KindMedia
	}
	m.Chat, m.Title = l.title, l.title
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%q\n%s", m.Time.Unix(), m.Author, m.Text))
	key := [16]byte(sum[:])
	if l.seen[key]++; len(l.seen) > maxDay {
		return &Error{Line: l.begun, Why: ErrMany}
	}
	m.Key = hex.EncodeToString(key[:]) + "-" + strconv.Itoa(l.seen[key])
	l.count++
	return l.put(m)
}
