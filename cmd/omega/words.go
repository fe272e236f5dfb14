package main

import (
	"slices"
	"strings"

	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
)

// parseAdvice is what to do about a command line: a text of several words that
// was not quoted arrives as several arguments.
func parseAdvice(args []string, err error) i18n.Text {
	if unexpected := strings.HasPrefix(err.Error(), "unexpected argument"); unexpected && len(args) > 0 {
		for _, command := range []string{"send", "search", "edit"} {
			if slices.Contains(args, command) {
				return i18n.T("next.quote", command)
			}
		}
	}
	return i18n.T("next.help")
}

// problem says what is wrong with the command line. Where no command was understood, a
// word that is none was meant for one.
func (a *app) problem(err error) i18n.Text {
	word, ok := strings.CutPrefix(err.Error(), "unexpected argument ")
	if !ok || a.typed != "" {
		text := help.Problem(err)
		for i := range text.Args {
			text.Args[i] = help.Names(text.Args[i], a.lang)
		}
		return text
	}
	word, _, _ = strings.Cut(word, ",")
	if near := nearest(word, a.names); near != "" {
		return i18n.T("why.parse.nearcommand", word, near)
	}
	return i18n.T("why.parse.nocommand", word)
}

// maxSlips is how many letters may be wrong in a word that was meant for another.
const maxSlips = 2

// nearest is the one of some words that a person may have meant; "" if none is near.
func nearest(word string, words []string) (out string) {
	for least, i := maxSlips+1, 0; i < len(words); i++ {
		if n := slips(word, words[i]); n < least && n < len(words[i])-1 {
			least, out = n, words[i]
		}
	}
	return out
}

// slips is how many letters have to be put in, left out, changed, or swapped with the next
// one, to make b of a (optimal string alignment).
func slips(a, b string) int {
	var before, last []int
	for i := 0; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		for j := range row {
			switch {
			case i == 0 || j == 0:
				row[j] = i + j
				continue
			case a[i-1] == b[j-1]:
				row[j] = last[j-1]
			default:
				row[j] = 1 + min(last[j-1], last[j], row[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], 1+before[j-2])
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// cause writes a technical detail, which is English, in the person's language
// where there are words for it. There may be several, one per line.
func (a *app) cause(text string) string {
	var out []string
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		l = help.Cause(l, a.lang)
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return a.text("error.cause", strings.Join(out, "\n"))
}
