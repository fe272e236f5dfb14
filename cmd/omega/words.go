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
		for _, command := range []string{"send", "search"} {
			if slices.Contains(args, command) {
				return i18n.T("next.quote", command)
			}
		}
	}
	return i18n.T("next.help")
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
