package names

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
)

//go:embed readings.txt
var readingsText string

// A syllable as it is typed, without tones.
type syllable struct {
	pinyin   string // v for ü
	bopomofo []rune
}

// A readingTable has the syllables that a character may be read as, by number.
type readingTable struct {
	syllables []syllable
	of        map[rune][]uint16 // heteronyms have several
}

var readings = sync.OnceValue(func() *readingTable {
	t := &readingTable{of: make(map[rune][]uint16, 1<<15)}
	for line := range strings.Lines(readingsText) {
		pinyin, characters, _ := strings.Cut(strings.TrimSpace(line), " ")
		n := uint16(len(t.syllables))
		t.syllables = append(t.syllables, syllable{pinyin, []rune(Bopomofo(pinyin))})
		for _, r := range characters {
			t.of[r] = append(t.of[r], n)
		}
	}
	return t
})

// Readings returns how a character may be read, in pinyin without tones, with v for
// ü, in alphabetical order; nil if that is not known.
func Readings(r rune) (out []string) {
	t := readings()
	for _, n := range t.of[r] {
		out = append(out, t.syllables[n].pinyin)
	}
	return out
}

// Initials and finals of the syllables. What begins with y or w, and u after j, q and
// x, is written otherwise in pinyin than it is read.
var (
	initials = []struct{ pinyin, bopomofo string }{
		{"zh", "ㄓ"}, {"ch", "ㄔ"}, {"sh", "ㄕ"}, {"b", "ㄅ"}, {"p", "ㄆ"}, {"m", "ㄇ"}, {"f", "ㄈ"}, {"d", "ㄉ"}, {"t", "ㄊ"}, {"n", "ㄋ"}, {"l", "ㄌ"},
		{"g", "ㄍ"}, {"k", "ㄎ"}, {"h", "ㄏ"}, {"j", "ㄐ"}, {"q", "ㄑ"}, {"x", "ㄒ"}, {"r", "ㄖ"}, {"z", "ㄗ"}, {"c", "ㄘ"}, {"s", "ㄙ"},
	}
	finals = map[string]string{
		"": "", "a": "ㄚ", "o": "ㄛ", "e": "ㄜ", "ai": "ㄞ", "ei": "ㄟ", "ao": "ㄠ", "ou": "ㄡ", "an": "ㄢ", "en": "ㄣ", "ang": "ㄤ", "eng": "ㄥ", "er": "ㄦ", "r": "ㄦ",
		"i": "ㄧ", "ia": "ㄧㄚ", "io": "ㄧㄛ", "ie": "ㄧㄝ", "iai": "ㄧㄞ", "iao": "ㄧㄠ", "iu": "ㄧㄡ", "ian": "ㄧㄢ", "in": "ㄧㄣ", "iang": "ㄧㄤ", "ing": "ㄧㄥ",
		"u": "ㄨ", "ua": "ㄨㄚ", "uo": "ㄨㄛ", "uai": "ㄨㄞ", "ui": "ㄨㄟ", "uan": "ㄨㄢ", "un": "ㄨㄣ", "uang": "ㄨㄤ", "ong": "ㄨㄥ", "ueng": "ㄨㄥ",
		"v": "ㄩ", "ve": "ㄩㄝ", "van": "ㄩㄢ", "vn": "ㄩㄣ", "iong": "ㄩㄥ",
	}
	zeroInitial = map[string]string{
		"yi": "i", "ya": "ia", "yo": "io", "ye": "ie", "yai": "iai", "yao": "iao", "you": "iu", "yan": "ian", "yin": "in", "yang": "iang", "ying": "ing",
		"wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "ui", "wan": "uan", "wen": "un", "wang": "uang", "weng": "ueng",
		"yu": "v", "yue": "ve", "yuan": "van", "yun": "vn", "yong": "iong",
	}
)

// Bopomofo writes a syllable of pinyin without tones (v for ü) in 注音, without
// tones; "" if it is none.
func Bopomofo(pinyin string) string {
	if final, ok := zeroInitial[pinyin]; ok {
		return finals[final]
	}
	if whole, ok := finals[pinyin]; ok {
		return whole
	}
	for _, i := range initials {
		rest, ok := strings.CutPrefix(pinyin, i.pinyin)
		if !ok {
			continue
		}
		switch {
		case strings.Contains("ㄐㄑㄒ", i.bopomofo) && strings.HasPrefix(rest, "u"):
			rest = "v" + rest[1:]
		case strings.Contains("ㄓㄔㄕㄖㄗㄘㄙ", i.bopomofo) && rest == "i":
			rest = ""
		}
		if final, ok := finals[rest]; ok {
			return i.bopomofo + final
		}
		return ""
	}
	return ""
}

// Limits of what is compared: longer ones are cut.
const (
	maxName  = 64 // characters of a name
	maxQuery = 32 // of what is looked for
)

// Match reports whether a name has, somewhere, what somebody types to find it: its
// characters themselves, the beginnings of how they are read, one after the other, in
// pinyin or 注音 without tones, and beginnings of words in letters. 王小明 is found by
// 小明, wxm, wangxm, xiaoming, ㄨㄒㄇ and 王ㄒㄇ; Bob Chen by bc. Case, full width,
// and traditional or simplified forms do not matter. Nothing finds everything.
func Match(name, query string) bool {
	q := queryRunes(query)
	if len(q) == 0 {
		return true
	}
	units := unitsOf(name)
	at := make([]bool, len(q)+1) // what of the query the units before may have used
	for i := range units {
		at[0] = true // it may begin at any unit
		next := make([]bool, len(q)+1)
		for j, reached := range at {
			if !reached || j == len(q) {
				continue
			}
			for n := range units[i].begins(q[j:]) {
				if j+n == len(q) {
					return true
				}
				next[j+n] = true
			}
		}
		at = next
	}
	return false
}

// queryRunes is what is looked for without what does not matter.
func queryRunes(query string) (out []rune) {
	for _, r := range query {
		r = searchRune(r)
		if unicode.IsSpace(r) || strings.ContainsRune("ˉˊˇˋ˙'", r) || len(out) == maxQuery {
			continue
		}
		out = append(out, r)
	}
	return out
}

func searchRune(r rune) rune {
	switch r = unicode.ToLower(Simplified(halfWidth(r))); r {
	case 'ü', 'u':
		return 'v' // nobody types ü
	}
	return r
}

// A unit of a name is found by the beginning of any of its forms.
type unit [][]rune

// unitsOf cuts a name: a character with readings is one, a word in letters is one,
// any other character is one.
func unitsOf(name string) (out []unit) {
	t := readings()
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out, word = append(out, unit{word}), nil
		}
	}
	for _, r := range name {
		if len(out) >= maxName {
			break
		}
		numbers, folded := t.of[r], searchRune(r)
		switch {
		case len(numbers) > 0:
			flush()
			u := unit{{folded}}
			for _, n := range numbers {
				u = append(u, foldPinyin(t.syllables[n].pinyin))
				if b := t.syllables[n].bopomofo; len(b) > 0 {
					u = append(u, b)
				}
			}
			out = append(out, u)
		case r < 0x2e80 && (unicode.IsLetter(r) || unicode.IsNumber(r)) && len(word) < maxName:
			word = append(word, folded)
		default:
			flush()
			if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) {
				out = append(out, unit{{folded}})
			}
		}
	}
	flush()
	return out
}

func foldPinyin(s string) []rune { return []rune(strings.ReplaceAll(s, "u", "v")) }

// begins returns the lengths in which q may begin like the unit.
func (u unit) begins(q []rune) map[int]bool {
	out := map[int]bool{}
	for _, form := range u {
		for n := 1; n <= min(len(form), len(q)) && slices.Equal(form[:n], q[:n]); n++ {
			out[n] = true
		}
	}
	return out
}
