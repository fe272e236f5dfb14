// Package names knows what names of people look like and how they are found: which
// two a person takes for one (alike.go), and which one is meant by the first letters
// of how its characters are read (reading.go). It decides nothing: names prove
// nothing, here or anywhere.
//
// Its tables come from elsewhere. simplified.txt: TSCharacters of OpenCC
// (Apache-2.0). confusables.txt: the skeletons of UTS #39 of every character of
// Unicode 15.0 that has another one, without marks above and below (Unicode
// Licence v3), one line for what several look like, both in hexadecimal.
// readings.txt: for each Mandarin syllable, in pinyin without tones and with v for ü,
// the characters of the basic block and of extension A that have it; the union of
// kMandarin, kHanyuPinlu and kXHC1983 of Unihan 16.0 (Unicode Licence v3) and of the
// readings of Taiwan in BPMFBase of McBopomofo (MIT).
package names

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed simplified.txt
var simplifiedText string

var simplified = sync.OnceValue(func() map[rune]rune { return runePairs(simplifiedText) })

// Simplified returns the simplified form of a character of the Chinese of Taiwan and
// Hong Kong, and every other character as it is. Several can have the same.
func Simplified(r rune) rune {
	if v, ok := simplified()[r]; ok {
		return v
	}
	return r
}

// runePairs reads pairs of characters with white space between them.
func runePairs(text string) map[rune]rune {
	out := make(map[rune]rune)
	for _, pair := range strings.Fields(text) {
		r := []rune(pair)
		out[r[0]] = r[1]
	}
	return out
}
