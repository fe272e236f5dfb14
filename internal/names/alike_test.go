package names

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAlike(t *testing.T) {
	for _, row := range []struct{ a, b string }{
		{"LlNE", "LINE"}, {"ロ", "口"}, {"エ", "工"}, {"ニ", "二"}, {"ト", "卜"}, {"ハ", "八"}, {"王士明", "王土明"}, {"ー", "一"}, {"ꞷ", "ω"},
		{"\u2126", "\u03a9"}, {"\uf9f4", "林"}, {"p\u0430ul", "paul"}, {"小\u200d明", "小明"}, {"ＬＩＮＥ", "LINE"}, {"小明 ", "小明"}, {"小明\u3000", "小明"},
		{"台中", "臺中"}, {"陈怡君", "陳怡君"}, {"中囯", "中國"}, {"王小朙", "王小明"}, {"王小眀", "王小明"}, {"林自己", "林自已"}, {"末來", "未來"}, {"曰月", "日月"},
		{"ѡ IM", "ω IM"}, {"LINE,", "LINE"}, {"*小明*", "小明"}, {"Ze\u0301", "Zé"}, {"Zé", "Ze"}, {"PAUL", "Paul"}, {"B0b", "Bob"}, {"rnary", "mary"},
		{"vvang", "wang"}, {"小明\u202e", "小明"}, {"候小姐", "侯小姐"}, {"佘先生", "余先生"}, {"戊", "戌"}, {"髙橋", "高橋"},
	} {
		if !Alike(row.a, row.b) || !Alike(row.b, row.a) {
			t.Errorf("%q and %q: keys %q, %q", row.a, row.b, Key(row.a), Key(row.b))
		}
	}
	for _, row := range []struct{ a, b string }{
		{"王小明", "王小華"}, {"陳怡君", "陳怡如"}, {"Alice", "Bob"}, {"小明", "小明媽媽"}, {"", ""}, {"小明", ""}, {"🐦", "🐧"}, {"นิด", "นัด"}, {"林志玲", "林志穎"},
		{"Ann", "Anna"}, {"風", "鳳"}, {"\u200d", "\u200b"}, {"김철수", "김영희"},
	} {
		if Alike(row.a, row.b) {
			t.Errorf("%q and %q have the key %q", row.a, row.b, Key(row.a))
		}
	}
}

func TestTables(t *testing.T) {
	if n := len(confusables()); n < 7000 {
		t.Errorf("%d characters look like others", n)
	}
	for r, target := range confusables() {
		if target == "" || target == string(r) {
			t.Errorf("%U looks like %q", r, target)
		}
	}
	for r := range alikeRunes() {
		if s := Simplified(r); s != r {
			t.Errorf("%c is looked up as %c and stands in the table", r, s)
		}
	}
	if n := len(simplified()); n < 3000 {
		t.Errorf("%d simplified forms", n)
	}
}

// FuzzKey: a key is text, no longer than what the longest look of each character
// gives, and has itself as its key where nothing in it looks like something else.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "王小明", "ＬＩＮＥ\u3000*", "p\u0430ul", "\xff\xfe", "ﷺ", "🐦\u200d🐧"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := Key(s)
		if !utf8.ValidString(key) || len(key) > 64*len(s) {
			t.Errorf("%q: key of %d octets, valid %v", s, len(key), utf8.ValidString(key))
		}
		if !Alike(s+"\u200d", s) && key != "" {
			t.Errorf("%q looks different with a joiner", s)
		}
		if got := Key(strings.ToUpper("wong")); got != Key("WONG") {
			t.Errorf("%q", got)
		}
	})
}
