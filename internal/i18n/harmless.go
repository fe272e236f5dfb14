package i18n

import "unicode"

// Harmless reports whether a character of somebody else's text may be written
// to a terminal: it neither steers the terminal, nor ends the line, nor turns
// the direction of the text around it.
func Harmless(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u061c', r == '\u200e', r == '\u200f', r == '\ufeff':
		return false
	case r >= '\u2028' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return false
	}
	return true
}
