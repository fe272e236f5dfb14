package history

import (
	"strings"
	"unicode"

	"github.com/omega-im/omega/internal/names"
)

// variants are characters that people in Taiwan write in two ways; the index
// knows the second of each pair only.
var variants = variantMap("臺台 裏裡 峯峰 羣群 牀床 喫吃 爲為 眞真 衆眾 綫線 啓啟 麪麵 鷄雞 隣鄰 墻牆 徧遍 粧妝 菓果 綑捆 佔占 彷仿 癡痴 豔艷 汙污 蹟跡 週周")

func variantMap(pairs string) map[rune]rune {
	out := make(map[rune]rune)
	for _, pair := range strings.Fields(pairs) {
		r := []rune(pair)
		out[r[0]] = r[1]
	}
	return out
}

// foldRune makes characters equal that a person who searches takes for equal:
// case, full and half width, written variants. It is -1 for what is not seen.
func foldRune(r rune) rune {
	switch {
	case r >= 0xff01 && r <= 0xff5e:
		r -= 0xfee0
	case r == 0x3000:
		return ' '
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0x200b && r <= 0x200d, r == 0x2060, r == 0xfeff:
		return -1
	}
	if r < 0x2e80 {
		return unicode.ToLower(r)
	}
	if v, ok := variants[r]; ok {
		r = v
	}
	if v := names.Simplified(r); v != r {
		return v
	}
	return unicode.ToLower(r)
}

// fold is foldRune over a text. Only the index is folded, never what is shown.
func fold(text string) string { return strings.Map(foldRune, text) }

// A runClass tells how a run of characters is cut into words.
type runClass int

const (
	runBreak runClass = iota // separates words
	runWord                  // stands as it is
	runPairs                 // written without spaces: every pair of neighbours is a word
)

func classOf(r rune) runClass {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return runPairs
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r), unicode.IsNumber(r):
		return runWord
	case unicode.IsSymbol(r):
		return runPairs // emoji too
	}
	return runBreak
}

// A run is characters of one class, folded.
type run struct {
	class runClass
	runes []rune
}

// runs cuts a folded text; breaks are left out. whole says that it is a single
// run with nothing left out.
func runs(folded string) (out []run, whole bool) {
	whole = true
	last := runBreak
	for _, r := range folded {
		class := classOf(r)
		switch {
		case class == runBreak:
			whole = false
		case class != last:
			out = append(out, run{class, []rune{r}})
		default:
			i := len(out) - 1
			out[i].runes = append(out[i].runes, r)
		}
		last = class
	}
	return out, whole && len(out) == 1
}

// maxWord cuts words that are none, such as keys and addresses.
const maxWord = 64

// indexed returns what the index holds of a text: the words and the pairs of each
// run of CJK; and each character of those runs once.
func indexed(text string) (words, singles string) {
	var b, single strings.Builder
	once := map[rune]bool{}
	found, _ := runs(fold(text))
	for _, r := range found {
		if r.class == runWord {
			b.WriteString(string(r.runes[:min(len(r.runes), maxWord)]))
			b.WriteByte(' ')
			continue
		}
		writePairs(&b, r.runes)
		for _, c := range r.runes {
			if !once[c] {
				once[c] = true
				single.WriteRune(c)
				single.WriteByte(' ')
			}
		}
	}
	return strings.TrimSpace(b.String()), strings.TrimSpace(single.String())
}

func writePairs(b *strings.Builder, runes []rune) {
	for i := range len(runes) - 1 {
		b.WriteString(string(runes[i : i+2]))
		b.WriteByte(' ')
	}
}
