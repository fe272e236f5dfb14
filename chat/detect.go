package chat

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxTag is the longest hashtag or command in characters.
const maxTag = 64

// DetectEntities adds hashtags, commands and links that stand in a text as they
// are, outside of what is one thing already: #tag, /command at the start of a
// line, https://…; in full width too (＃ ／ 、). Over MaxEntities it stops.
func DetectEntities(text string, list []Entity) []Entity {
	out := list
	position := uint32(0)
	before := '\n'
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		typ, n := detect(text[i:], r, before)
		if n == 0 {
			before = r
			position += uint32(max(utf16.RuneLen(r), 1))
			i += size
			continue
		}
		e := Entity{Type: typ, Offset: position, Length: uint32(UTF16Len(text[i : i+n]))}
		if len(out) < MaxEntities && free(list, e) {
			out = append(out, e)
		}
		position += e.Length
		before, _ = utf8.DecodeLastRuneInString(text[i : i+n])
		i += n
	}
	SortEntities(out)
	return out
}

// free reports whether a found entity is apart from everything that is one thing,
// and wholly inside or outside of the rest.
func free(list []Entity, e Entity) bool {
	for _, o := range list {
		apart := o.end() <= uint64(e.Offset) || e.end() <= uint64(o.Offset)
		inside := o.Offset <= e.Offset && e.end() <= o.end()
		if !apart && (o.Type.solid() || !inside) {
			return false
		}
	}
	return true
}

// detect returns what begins at the start of s, and its length in octets.
func detect(s string, first, before rune) (EntityType, int) {
	switch first {
	case '#', '＃':
		if wordRune(before) {
			return 0, 0
		}
		n, letters := word(s, utf8.RuneLen(first))
		if letters {
			return EntityHashtag, n
		}
	case '/', '／', '、':
		if before != '\n' {
			return 0, 0
		}
		if n, letters := word(s, utf8.RuneLen(first)); letters && !strings.HasPrefix(s[n:], "/") {
			return EntityCommand, n
		}
	case 'h', 'H':
		if wordRune(before) {
			return 0, 0
		}
		if n := addressLength(s); n > 0 {
			return EntityLink, n
		}
	}
	return 0, 0
}

func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// word returns where the word behind a mark ends; letters is false if there is
// none, or nothing but digits.
func word(s string, start int) (end int, letters bool) {
	end = start
	for n := 0; end < len(s) && n < maxTag; n++ {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !wordRune(r) {
			break
		}
		letters = letters || !unicode.IsDigit(r)
		end += size
	}
	return end, letters
}

// addressLength is how much of s is an address of the web; 0 if it is none. Marks
// of punctuation at its end belong to the sentence, and what is not ASCII does
// too: nobody puts a space between an address and 。
func addressLength(s string) int {
	scheme := 0
	for _, p := range schemes[:2] {
		if len(s) > len(p) && strings.EqualFold(s[:len(p)], p) {
			scheme = len(p)
		}
	}
	if scheme == 0 {
		return 0
	}
	end := scheme
	for end < len(s) && end < MaxAddress && s[end] > ' ' && s[end] < 0x7f && strings.IndexByte("<>\"`{}|\\^", s[end]) < 0 {
		end++
	}
	for end > scheme && strings.IndexByte(".,;:!?'*_~)]", s[end-1]) >= 0 {
		if s[end-1] == ')' && strings.Count(s[:end], "(") >= strings.Count(s[:end], ")") {
			break
		}
		end--
	}
	if end == scheme {
		return 0
	}
	return end
}
