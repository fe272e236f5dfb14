package tui

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

func TestClean(t *testing.T) {
	for _, row := range []struct{ name, in, want, joined string }{
		{"plain", "Hello, 世界", "Hello, 世界", "Hello, 世界"},
		{"colours", "\x1b[31mred\x1b[0m", "�[31mred�[0m", "�[31mred�[0m"},
		{"eight-bit control", "a\u009b2Jb", "a�2Jb", "a�2Jb"},
		{"title", "\x1b]0;owned\x07", "�]0;owned�", "�]0;owned�"},
		{"turned direction", "abc\u202egnp.exe", "abc�gnp.exe", "abc�gnp.exe"},
		{"isolates", "\u2066x\u2069", "�x�", "�x�"},
		{"line breaks", "a\r\nb\rc\u2028d", "a b c d", "a b c d"},
		{"tab", "a\tb", "a    b", "a    b"},
		{"nothing is seen", "a\u200bb\ufeffc\u00add\U000e0041", "abcd", "abcd"},
		{"zalgo", "Z" + strings.Repeat("\u0335", 40), "Z" + strings.Repeat("\u0335", maxMarks), "Z" + strings.Repeat("\u0335", maxMarks)},
		{"mark without a base", "\u0301a", "a", "a"},
		{"family", "👨\u200d👩\u200d👧", "👨👩👧", "👨\u200d👩\u200d👧"},
		{"heart", "❤\ufe0f", "❤", "❤\ufe0f"},
		{"skin", "👍🏽", "👍", "👍🏽"},
		{"picture of kitty", "x\U0010EEEEy", "x�y", "x�y"},
		{"broken", "a\xffb", "a�b", "a�b"},
		{"vietnamese", "Nguyễn", "Nguyễn", "Nguyễn"},
		{"注音", "ㄨㄤˊ", "ㄨㄤˊ", "ㄨㄤˊ"},
	} {
		if got := (cleaner{}).text(row.in); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if got := (cleaner{joined: true}).text(row.in); got != row.joined {
			t.Errorf("%s, joined: %q, want %q", row.name, got, row.joined)
		}
	}
	if got := (cleaner{lines: true}).text("a\r\nb\x1b"); got != "a\nb�" {
		t.Errorf("lines: %q", got)
	}
}

// harmless states what clean text is.
func harmless(t *testing.T, in, out string, lines bool) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Fatalf("%q of %q is no UTF-8", out, in)
	}
	marks := 0
	for _, r := range out {
		if r == '\n' && lines {
			marks = 0
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == placeholder {
			t.Fatalf("%U is in %q", r, out)
		}
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc) {
			if marks++; marks > maxMarks {
				t.Fatalf("%d marks in a row in %q", marks, out)
			}
		} else if r != '\u200d' {
			marks = 0
		}
	}
	if ansi.Strip(out) != out {
		t.Fatalf("%q of %q steers the terminal", out, in)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "王小明", "\x1b[2J", "e\u0301\u0301", "\u202e", "\xff\xfe", "👨\u200d👩\u200d👧", "\u0600\u06dd", "각", "\U0010EEEE\u0305"} {
		f.Add(s, false, false)
		f.Add(s, true, true)
	}
	f.Fuzz(func(t *testing.T, s string, joined, lines bool) {
		c := cleaner{joined: joined, lines: lines}
		out := c.text(s)
		harmless(t, s, out, lines)
		if again := c.text(out); again != out {
			t.Fatalf("%q becomes %q and then %q", s, out, again)
		}
		m := metric{joined: joined}
		for _, w := range []int{1, 2, 7, 40} {
			for _, r := range m.wrap([]span{{text: out}}, w) {
				if r.width > max(w, 2) && len(r.spans) == 1 && utf8.RuneCountInString(r.spans[0].text) > 1 {
					if c, cw := m.next(r.spans[0].text); cw != r.width || c != r.spans[0].text {
						t.Fatalf("a line of %d columns of %d: %q", r.width, w, r.spans[0].text)
					}
				}
			}
			if p := m.pad(m.line(span{text: c.text(strings.ReplaceAll(out, "\n", " "))}), w); m.line(p.spans...).width != w {
				t.Fatalf("%q padded to %d columns has %d", out, w, m.line(p.spans...).width)
			}
		}
	})
}

// FuzzStyled: parts of a text that make no sense break nothing, and lose nothing.
func FuzzStyled(f *testing.F) {
	f.Add("看 https://omega.example 這裡", "link", uint32(2), uint32(21), "bold", uint32(0), uint32(5))
	f.Add("😀😀", "spoiler", uint32(1), uint32(2), "code", uint32(4000000000), uint32(4000000000))
	f.Fuzz(func(t *testing.T, text, one string, a, b uint32, two string, c, d uint32) {
		if !utf8.ValidString(text) {
			return
		}
		spans := cleaner{lines: true}.styled(text, []clientrpc.Entity{{Type: one, Offset: a, Length: b, Address: text}, {Type: two, Offset: c, Length: d}}, false, true)
		var all strings.Builder
		for _, s := range spans {
			harmless(t, text, s.text, true)
			all.WriteString(s.text)
			for i := range len(s.link) {
				if s.link[i] <= ' ' || s.link[i] >= 0x7f {
					t.Fatalf("%q is in the link %q", s.link[i], s.link)
				}
			}
		}
		if whole := (cleaner{lines: true}).text(text); utf8.RuneCountInString(all.String()) > utf8.RuneCountInString(whole)+4 {
			t.Fatalf("%q became %q", whole, all.String())
		}
	})
}

func TestSafeLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://omega.example/a?b=c": "https://omega.example/a?b=c", "omega.example": "https://omega.example", "javascript:alert(1)": "", "file:///etc/passwd": "",
		"https://x/\x1b]0;y\x07": "", "https://x/台": "https://x/%E5%8F%B0", "https://x/a;b": "https://x/a%3Bb", "https://x/" + strings.Repeat("a", 3000): "",
	} {
		if got := safeLink(in); got != want {
			t.Errorf("safeLink(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestHostile: what others call themselves and write cannot steer the terminal,
// wherever it stands.
func TestHostile(t *testing.T) {
	evil := "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e" + strings.Repeat("Z\u0335\u0336\u0337\u0338\u0334\u0333", 50) + "\U0010EEEE\x00\n\r"
	f := world()
	for i := range f.chats {
		f.chats[i].Name = evil
	}
	for _, all := range f.history {
		for i := range all {
			m := &all[i]
			m.Name, m.Text = evil, evil
			m.Reply = &clientrpc.Reply{Message: id(2), Name: evil, Text: evil, Quote: evil}
			m.Forward = &clientrpc.ForwardOf{Name: evil}
			m.Reactions = []clientrpc.Reaction{{Emoji: []string{evil}}}
			m.Media = append(m.Media, clientrpc.Medium{What: "file", Name: evil, Emoji: evil, Blob: evil})
			m.Entities = []clientrpc.Entity{{Type: "link", Length: 9, Address: evil}, {Type: "spoiler", Offset: 3, Length: 400}}
			m.Poll = &clientrpc.Poll{Options: []clientrpc.Option{{Text: evil, Votes: 1 << 40}, {Text: evil, Votes: -1 << 40}}}
			m.List = &clientrpc.List{Lines: []clientrpc.ListLine{{Text: evil, Name: evil}}}
			m.About = []clientrpc.NamedAccount{{Name: evil}}
		}
	}
	for _, size := range [][2]int{{40, 10}, {80, 24}, {160, 50}} {
		d := newDriver(t, f, size[0], size[1], Options{Lang: i18n.Chinese})
		for _, c := range d.m.chats.all {
			d.do(d.m.openChat(c.ID))
			checkSequences(t, d)
			d.press("ctrl+up", "enter")
			checkSequences(t, d)
			d.press("esc", "esc", "ctrl+t")
			checkSequences(t, d)
			d.press("esc")
		}
		d.do(d.m.tell(clientrpc.NewMessageEvent{MessageEvent: clientrpc.MessageEvent{Chat: withEve, Message: id(40)}, Notify: true}))
		for _, how := range []string{"osc9", "osc777"} {
			s := notification(how, d.m.clean(evil), d.m.clean(evil))
			if strings.Count(s, "\x1b") != 1 || strings.Count(s, "\x07") != 1 {
				t.Errorf("a notification is %q", s)
			}
		}
	}
}

// checkSequences wants no sequence on the screen but those of styles and links.
func checkSequences(t *testing.T, d *driver) {
	t.Helper()
	d.screen()
	s := d.m.View().Content
	for i := strings.IndexByte(s, '\x1b'); i >= 0; i = strings.IndexByte(s, '\x1b') {
		s = s[i+1:]
		switch {
		case strings.HasPrefix(s, "]8;;"):
			end := strings.Index(s, "\x1b\\")
			if end < 0 || strings.ContainsFunc(s[:end], unicode.IsControl) {
				t.Fatalf("a link is not ended: %.80q", s)
			}
			s = s[end+2:]
		case strings.HasPrefix(s, "["):
			end := strings.IndexFunc(s[1:], func(r rune) bool { return r != ';' && (r < '0' || r > '9') })
			if end < 0 || s[1+end] != 'm' {
				t.Fatalf("an escape sequence is on the screen: %.80q", s)
			}
		default:
			t.Fatalf("an escape sequence is on the screen: %.80q", s)
		}
	}
	if strings.ContainsFunc(ansi.Strip(d.m.View().Content), func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }) {
		t.Fatal("a control character is on the screen")
	}
}
