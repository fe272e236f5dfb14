package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

func TestWidth(t *testing.T) {
	for _, row := range []struct {
		text string
		want int
	}{
		{"", 0}, {"abc", 3}, {"黃山雀", 6}, {"（全形）", 8}, {"ω ✓", 3}, {"\x1b[1m粗\x1b[0m", 2}, {"e\u0301", 1}, {"🐦!", 3}, {"ㄅㄆ", 4},
	} {
		if got := width(row.text); got != row.want {
			t.Errorf("width(%q) = %d, want %d", row.text, got, row.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, row := range []struct {
		text string
		n    int
		want string
	}{{"短", 4, "短"}, {"太長的文字", 6, "太長…"}, {"abcdef", 4, "abc…"}} {
		if got := cut(row.text, row.n); got != row.want {
			t.Errorf("cut(%q, %d) = %q, want %q", row.text, row.n, got, row.want)
		}
	}
}

// typed presses what a terminal would send.
func typed(t *testing.T, e *editor, text string) (done bool) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(text))
	for {
		k, err := readKey(r)
		if err == io.EOF {
			return done
		}
		if err != nil {
			t.Fatalf("readKey: %v", err)
		}
		done = e.press(k)
	}
}

func TestEditor(t *testing.T) {
	for _, row := range []struct{ name, typed, want string }{
		{"characters", "山a", "山a"},
		{"backspace takes a character", "山雀\x7f", "山"},
		{"at the start it takes none", "\x7fa", "a"},
		{"insert", "ac\x1b[Db", "abc"},
		{"delete", "abc\x1b[H\x1b[3~", "bc"},
		{"word", "one two  \x17", "one "},
		{"everything before", "abc\x1b[D\x15", "c"},
		{"home and end", "b\x01a\x05c", "abc"},
		{"unknown keys", "a\x1b[5~\x1bOP\x1b[1;5Cb", "ab"},
	} {
		e := &editor{}
		typed(t, e, row.typed)
		if got := e.take(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	if e := (&editor{}); !typed(t, e, "ab\r") {
		t.Error("Enter does not finish the line")
	}
}

func TestDrawKeepsCursorInView(t *testing.T) {
	e := &editor{prompt: "> ", line: []rune("一二三四五六七八九十")}
	for at := range len(e.line) + 1 {
		e.at = at
		var b bytes.Buffer
		e.draw(&b, 15)
		text, _, _ := strings.Cut(strings.TrimPrefix(b.String(), "\r\x1b[J"), "\x1b")
		if got := width(text); got > 14 {
			t.Errorf("at %d: %d columns, at most 14", at, got)
		}
	}
}

// pasted is 100,000 characters, as a terminal hands them over.
func pasted() *bufio.Reader {
	return bufio.NewReaderSize(strings.NewReader(strings.Repeat("黃山雀 a", 20_000)), 4096)
}

// takeIn presses what comes, and draws as the conversation does: once for what
// came together. It returns how often, and the most that one of them wrote.
func takeIn(e *editor, r *bufio.Reader) (draws, most int) {
	for {
		batch, err := readBatch(r)
		if err != nil {
			return draws, most
		}
		for _, k := range batch {
			e.press(k)
		}
		var b bytes.Buffer
		e.draw(&b, 80)
		draws, most = draws+1, max(most, b.Len())
	}
}

// TestDrawIsQuick: a line that somebody pasted costs no more than what is shown.
func TestDrawIsQuick(t *testing.T) {
	e := &editor{prompt: "> "}
	if draws, most := takeIn(e, pasted()); draws > 200 || most > 4*80 || len(e.line) == 0 {
		t.Errorf("%d characters: %d draws, up to %d octets", len(e.line), draws, most)
	}
}

func BenchmarkPaste(b *testing.B) {
	for b.Loop() {
		takeIn(&editor{prompt: "> "}, pasted())
	}
}

// TestDrawAfterResize: what a narrower terminal broke into rows goes away.
func TestDrawAfterResize(t *testing.T) {
	e := &editor{prompt: "> ", line: []rune(strings.Repeat("a", 50)), at: 50}
	e.draw(io.Discard, 80)
	var b bytes.Buffer
	e.draw(&b, 20)
	if want := "\x1b[2A\r\x1b[J"; !strings.HasPrefix(b.String(), want) {
		t.Errorf("drawn %q, want it to begin with %q", b.String(), want)
	}
	b.Reset()
	e.draw(&b, 20)
	if strings.Contains(b.String(), "A\r") {
		t.Errorf("drawn again %q", b.String())
	}
}

// TestSaid: the prompt says of each message who wrote it, and what is secret.
func TestSaid(t *testing.T) {
	one, two, me := omega.Fingerprint{}, omega.Fingerprint{}, omega.Fingerprint{}
	for i, fp := range []*omega.Fingerprint{&one, &two, &me} {
		var err error
		if *fp, err = omega.FingerprintV4(bytes.Repeat([]byte{byte(0x11 * (i + 1))}, 20)); err != nil {
			t.Fatal(err)
		}
	}
	c := &conversation{t: &trial{lang: i18n.Chinese, out: &screen{}, me: &person{fp: me}, echo: &person{fp: one}}}
	for _, row := range []struct {
		m    clientrpc.Message
		want string
	}{
		{clientrpc.Message{Chat: omega.DirectChat(me, one), From: one, Name: "echo", Kind: "text", Text: "嗨", Verified: true}, "回聲> 嗨  "},
		{clientrpc.Message{From: two, Name: "小美", Kind: "text", Text: "祕密", Secure: true, Verified: true}, "🔒密 小美> 祕密  "},
		{clientrpc.Message{Chat: omega.ChatID{1}, From: two, Name: "小美", Kind: "text", Text: "爬山嗎", Verified: true}, "小美（群組）> 爬山嗎  "},
		{clientrpc.Message{Chat: omega.DirectChat(me, two), From: two, Kind: "vote", Verified: true}, short(two) + "> （還有文字以外"},
		{clientrpc.Message{Service: true, Kind: "group-dissolved", From: two, Name: "小美"}, "— "},
	} {
		if got := c.said(&row.m); !strings.HasPrefix(got, row.want) {
			t.Errorf("%+v: %q, want %q", row.m, got, row.want)
		}
	}
}

func TestWay(t *testing.T) {
	fp := func(n byte) omega.Fingerprint {
		f, err := omega.FingerprintV4(bytes.Repeat([]byte{n}, 20))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, b, c, d := fp(1), fp(2), fp(3), fp(4)
	top := &topology{Links: []link{{a, b, 5}, {b, c, 1}, {a, d, 1}, {d, c, 1}}}
	for _, row := range []struct {
		name     string
		from, to omega.Fingerprint
		want     []omega.Fingerprint
		rtt      float64
	}{
		{"own link, though slower", a, b, []omega.Fingerprint{b}, 5},
		{"own link backwards", c, d, []omega.Fingerprint{d}, 1},
		{"quickest", a, c, []omega.Fingerprint{d, c}, 2},
		{"no way", a, fp(9), nil, 0},
	} {
		got, rtt := top.way(row.from, row.to)
		if len(got) != len(row.want) || rtt != row.rtt {
			t.Errorf("%s: %v, %v, want %v, %v", row.name, got, rtt, row.want, row.rtt)
			continue
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("%s: stop %d is %v, want %v", row.name, i, got[i], row.want[i])
			}
		}
	}
}

func TestMillis(t *testing.T) {
	if got, want := millis(1234*time.Microsecond), "1.2 ms"; got != want {
		t.Errorf("millis = %q, want %q", got, want)
	}
	if got, want := millis(25.4), "25 ms"; got != want {
		t.Errorf("millis = %q, want %q", got, want)
	}
}

// TestUserName: whom the machine has no name for gets a name that others can read: a word for oneself would be theirs too.
func TestUserName(t *testing.T) {
	c := &trial{lang: i18n.Chinese}
	for _, row := range []struct{ user, login, want string }{{"ming", "x", "ming"}, {"", "mei", "mei"}, {" ", "", "小明"}, {"", "", "小明"}} {
		t.Setenv("USER", row.user)
		t.Setenv("LOGNAME", row.login)
		if got := c.userName(); got != row.want {
			t.Errorf("USER %q, LOGNAME %q: %q, want %q", row.user, row.login, got, row.want)
		}
	}
}
