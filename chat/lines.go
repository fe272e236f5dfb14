package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega/internal/canon"
)

// SanitizeName makes a profile name fit to be shown in one line: characters
// that steer a terminal or the direction of text are taken out, white space
// becomes single spaces, and it is cut to MaxName octets.
func SanitizeName(s string) string {
	words := strings.FieldsFunc(s, unicode.IsSpace)
	for i, w := range words {
		words[i] = strings.Map(func(r rune) rune {
			if !canon.Plain(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(w, ""))
	}
	s = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	for len(s) > MaxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}
