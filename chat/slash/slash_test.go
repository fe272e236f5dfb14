package slash

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/omega-im/omega/internal/i18n"
)

// TestCommands: names are in order and no name means two commands; each is
// described in both languages.
func TestCommands(t *testing.T) {
	seen := map[string]string{}
	last := ""
	for _, c := range Commands() {
		if c.Name <= last {
			t.Errorf("%s stands behind %s", c.Name, last)
		}
		last = c.Name
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			if other, ok := seen[name]; ok {
				t.Errorf("%s means %s and %s", name, other, c.Name)
			}
			seen[name] = c.Name
			if call, is, _ := Parse("/" + name); !is || call.Command == nil || call.Command.Name != c.Name || fold(name) != name {
				t.Errorf("/%s is not read as %s", name, c.Name)
			}
		}
		if !slices.ContainsFunc(c.Aliases, func(a string) bool { return a[0] >= utf8.RuneSelf }) {
			t.Errorf("%s has no Chinese name", c.Name)
		}
		for _, key := range []string{"slash." + c.Name, "slash.arg." + c.Arg} {
			if c.Arg == ArgNone && strings.HasSuffix(key, ".") {
				continue
			}
			zh, en := i18n.T(key).In(i18n.Chinese), i18n.T(key).In(i18n.English)
			if strings.Contains(zh, key) || strings.Contains(en, key) || zh == en {
				t.Errorf("%s is not described: %q, %q", key, zh, en)
			}
		}
		if c.Scope == 0 {
			t.Errorf("%s is of use nowhere", c.Name)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ typed, name, arg, text string }{
		{"/mute 8h", "mute", "8h", ""},
		{"／靜音　8h", "mute", "8h", ""},
		{"、收回", "recall", "", ""},
		{"/ＭＵＴＥ", "mute", "", ""},
		{"/poll 吃什麼\n火鍋\n燒肉", "poll", "吃什麼\n火鍋\n燒肉", ""},
		{"/nonsense x", "?", "x", ""},
		{"、那個", "", "", "、那個"},
		{"//mute", "", "", "/mute"},
		{"／／mute", "", "", "／mute"},
		{"/／mute", "", "", "／mute"},
		{"/etc/hosts", "", "", "/etc/hosts"},
		{"/2", "", "", "/2"},
		{"/", "", "", "/"},
		{"/ mute", "", "", "/ mute"},
		{"/mute@dice", "", "", "/mute@dice"},
		{"hello /mute", "", "", "hello /mute"},
		{" /mute", "", "", " /mute"},
		{"", "", "", ""},
	} {
		call, is, text := Parse(tt.typed)
		name := ""
		if is {
			name = "?"
		}
		if call.Command != nil {
			name = call.Command.Name
		}
		if name != tt.name || call.Arg != tt.arg || text != tt.text {
			t.Errorf("%q: command %q of %q, text %q; want %q of %q, %q", tt.typed, name, call.Arg, text, tt.name, tt.arg, tt.text)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		typed string
		scope Scope
		want  string
	}{
		{"/mu", Direct, "mute"},
		{"／ＭＵ", Direct, "mute"},
		{"、取消", Direct, "unarchive unmute unpin untop"},
		{"收", Saved, "recall"},
		{"/le", Direct, ""},
		{"/le", Group, "leave"},
		{"/li", Group, "link jielong"},
		{"/zzz", Group, ""},
	} {
		var got []string
		for _, m := range Complete(tt.typed, tt.scope) {
			got = append(got, m.Name)
			if !strings.HasPrefix(m.Typed, fold(strings.TrimLeft(tt.typed, "/／、"))) {
				t.Errorf("%q: %s by %q", tt.typed, m.Name, m.Typed)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.typed, got, tt.want)
		}
	}
	if all := Complete("／", Direct); all[0].Name != "poll" || all[len(all)-1].Name != "untop" {
		t.Errorf("of a mark alone %s is first and %s last", all[0].Name, all[len(all)-1].Name)
	}
	for _, name := range common {
		if Find(name) == nil {
			t.Errorf("%s is common and none", name)
		}
	}
	if n := len(Complete("", Everywhere)); n != len(Commands()) {
		t.Errorf("%d of %d commands", n, len(Commands()))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/mute 8h", "／靜音　8h", "//x", "、收回", "\xff/", "/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		call, is, text := Parse(typed)
		if is == (call.Name == "") || is && text != "" || !is && len(text) > len(typed) {
			t.Errorf("%q: %+v, %v, %q", typed, call, is, text)
		}
		Complete(typed, Everywhere)
	})
}
