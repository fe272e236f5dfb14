package history

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// A Span is a part of a text, counted in UTF-16 code units as entities are.
type Span struct{ Offset, Length int }

// Spans returns where in a text the words of a search are, in order and apart.
func Spans(text, query string) []Span {
	f := foldMapped(text)
	var out []Span
	for _, w := range strings.Fields(fold(query)) {
		found, whole := runs(w)
		if !whole {
			found = append(found, run{runPairs, []rune(w)})
		}
		for _, r := range found {
			out = f.find(out, r)
		}
	}
	return merged(out)
}

// A folded text knows where each of its characters came from.
type folded struct {
	runes []rune
	at    []int // UTF-16 offset in the text, one more than runes
}

func foldMapped(text string) folded {
	var f folded
	offset := 0
	for _, r := range text {
		if k := foldRune(r); k >= 0 {
			f.runes, f.at = append(f.runes, k), append(f.at, offset)
		}
		offset += max(utf16.RuneLen(r), 1)
	}
	f.at = append(f.at, offset)
	return f
}

// find adds where a run is. A word is found by how it starts.
func (f folded) find(out []Span, r run) []Span {
	for i := 0; i+len(r.runes) <= len(f.runes); i++ {
		if !slices.Equal(f.runes[i:i+len(r.runes)], r.runes) {
			continue
		}
		if r.class == runWord && i > 0 && classOf(f.runes[i-1]) == runWord {
			continue
		}
		end := i + len(r.runes)
		out = append(out, Span{f.at[i], f.at[end] - f.at[i]})
		i = end - 1
	}
	return out
}

// merged puts spans in order and joins those that meet.
func merged(spans []Span) (out []Span) {
	slices.SortFunc(spans, func(a, b Span) int { return a.Offset - b.Offset })
	for _, s := range spans {
		if n := len(out) - 1; n >= 0 && s.Offset <= out[n].Offset+out[n].Length {
			out[n].Length = max(out[n].Length, s.Offset+s.Length-out[n].Offset)
			continue
		}
		out = append(out, s)
	}
	return out
}
