package names

import (
	"slices"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		name string
		by   []string
	}{
		{"王小明", []string{"", "王小明", "小明", "明", "wxm", "WXM", "ｗｘｍ", "wangxm", "wangxiaoming", "xiaom", "xm", "ㄨㄒㄇ", "ㄨㄤˊㄒㄧㄠˇㄇㄧㄥˊ", "王ㄒㄇ", "ㄨㄤㄒ", "w xm"}},
		{"陳怡君", []string{"ㄔㄧㄐ", "cyj", "chenyj", "陈怡君", "ㄔㄣ"}},
		{"呂麗娟", []string{"llj", "lvlj", "lülj", "lulj", "ㄌㄩˇ"}},
		{"曾國城", []string{"zgc", "cgc", "ㄗㄍㄔ", "ㄘㄍㄔ"}},
		{"單于", []string{"sy", "dy", "cy", "ㄕㄩ", "ㄔㄢˊㄩ"}},
		{"垃圾", []string{"ls", "lj", "ㄌㄙ", "ㄌㄜˋㄙㄜˋ"}}, // as in Taiwan, and elsewhere
		{"區先生", []string{"ou", "ㄡ", "qv", "oxs"}},
		{"解婕翎", []string{"xjl", "jjl", "ㄒㄐㄌ"}},
		{"歐陽娜娜", []string{"oynn", "ㄡㄧㄋㄋ", "nn"}},
		{"安安", []string{"aa", "ㄢㄢ", "anan"}},
		{"Bob Chen", []string{"bob", "bc", "chen", "bobc", "BC"}},
		{"小B老師", []string{"xbls", "ㄒbㄌㄕ", "bls"}},
		{"石中玉", []string{"szy", "shizhongyu", "ㄕㄓㄩ"}},
		{"さくら", []string{"くら", "さ"}},
		{"🐦鳥", []string{"🐦n", "niao", "ㄋ"}},
		{"喆", []string{"zhe", "ㄓ"}},
	} {
		for _, q := range row.by {
			if !Match(row.name, q) {
				t.Errorf("%s is not found by %q", row.name, q)
			}
		}
	}
	for _, row := range []struct{ name, query string }{
		{"王小明", "wm"}, {"王小明", "ㄇㄒ"}, {"王小明", "wxmm"}, {"王小明", "ang"}, {"王小明", "大"}, {"Bob Chen", "ob"}, {"Bob Chen", "cb"}, {"", "a"}, {"王", "ㄤ"},
	} {
		if Match(row.name, row.query) {
			t.Errorf("%s is found by %q", row.name, row.query)
		}
	}
}

// TestReadings: nearly every syllable of the table can be written in 注音, and the
// characters of the commonest surnames have the readings that people expect.
func TestReadings(t *testing.T) {
	var without []string
	for _, s := range readings().syllables {
		if len(s.bopomofo) == 0 {
			without = append(without, s.pinyin)
		}
	}
	if slices.Sort(without); !slices.Equal(without, []string{"hm", "hng", "ng"}) {
		t.Errorf("without 注音: %v", without)
	}
	if n := len(readings().of); n < 26000 {
		t.Errorf("%d characters", n)
	}
	for r, want := range map[rune]string{'王': "wang", '黃': "huang", '曾': "ceng zeng", '仇': "chou qiu", '覃': "qin tan", '翟': "di zhai", '沈': "chen shen", '綠': "lv"} {
		got := Readings(r)
		for _, s := range strings.Fields(want) {
			if !slices.Contains(got, s) {
				t.Errorf("%c is read %v, want %s", r, got, want)
			}
		}
	}
	for pinyin, want := range map[string]string{
		"zhuang": "ㄓㄨㄤ", "xue": "ㄒㄩㄝ", "lve": "ㄌㄩㄝ", "shi": "ㄕ", "er": "ㄦ", "yong": "ㄩㄥ", "jiong": "ㄐㄩㄥ", "liu": "ㄌㄧㄡ", "gui": "ㄍㄨㄟ", "weng": "ㄨㄥ",
		"dong": "ㄉㄨㄥ", "ju": "ㄐㄩ", "qun": "ㄑㄩㄣ", "en": "ㄣ", "bo": "ㄅㄛ", "": "", "qqq": "",
	} {
		if got := Bopomofo(pinyin); got != want {
			t.Errorf("Bopomofo(%q) = %s, want %s", pinyin, got, want)
		}
	}
}

// FuzzMatch: a name is found by itself, and by nothing longer than a bound forever.
func FuzzMatch(f *testing.F) {
	f.Add("王小明", "wxm")
	f.Add("Bob Chen", "bc")
	f.Add(strings.Repeat("安", 70), strings.Repeat("a", 40))
	f.Fuzz(func(t *testing.T, name, query string) {
		Match(name, query)
		if r := []rune(name); len(r) > 0 && len(r) <= maxQuery && len(readings().of[r[0]]) > 0 && !Match(name, string(r[0])) {
			t.Errorf("%q is not found by its first character", name)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		Match("歐陽王小明", "oywxm")
	}
}
