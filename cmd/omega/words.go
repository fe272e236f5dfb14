package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/i18n"
)

// parseErrors are what the command line library says in English, and the
// catalogue's names for it. The first that fits counts.
var parseErrors = []struct {
	form *regexp.Regexp
	key  string
}{
	{regexp.MustCompile(`^unknown flag (\S+), did you mean "?(.+?)"?\?$`), "why.parse.flaghint"},
	{regexp.MustCompile(`^unknown flag (.+)$`), "why.parse.flag"},
	{regexp.MustCompile(`^unexpected argument (\S+), did you mean "?(.+?)"?\?$`), "why.parse.arghint"},
	{regexp.MustCompile(`^unexpected argument (.+)$`), "why.parse.arg"},
	{regexp.MustCompile(`^missing flags: (.+)$`), "why.parse.missing"},
	{regexp.MustCompile(`^(\S+): missing value|^(\S+): expected .+ value but got "(?:EOL|.+)" \(`), "why.parse.novalue"},
	{regexp.MustCompile(`^(\S+) must be one of (.+) but got "(.*)"$`), "why.parse.enum"},
	{regexp.MustCompile(`^(\S+): expected (?:a valid \d+ bit int|an int) but got "(.*?)"`), "why.parse.int"},
	{regexp.MustCompile(`^(\S+): expected duration but got "(.*?)"`), "why.parse.duration"},
	{regexp.MustCompile(`^expected one of (.+)$`), "why.parse.command"},
	{regexp.MustCompile(`^(?:expected|missing positional arguments) (.+)$`), "why.parse.argument"},
}

// parseError puts what is wrong with a command line into words.
func parseError(err error) i18n.Text {
	for _, p := range parseErrors {
		if m := p.form.FindStringSubmatch(err.Error()); m != nil {
			var args []any
			for _, a := range m[1:] {
				if a != "" {
					args = append(args, a)
				}
			}
			return i18n.T(p.key, args...)
		}
	}
	return i18n.T("why.parse", err)
}

// helpWords are the words of the library's help, which are English, by the
// catalogue's names of what is said instead.
var helpWords = []struct{ english, key string }{
	{"Usage: ", "help.usage"}, {"\nFlags:\n", "help.flags"}, {"\nCommands:\n", "help.commands"}, {"\nArguments:\n", "help.arguments"},
	{"Show context-sensitive help.", "help.help"}, {"Run \"omega <command> --help\" for more information on a command.", "help.more"},
}

// printHelp is the library's help with the library's own words in the
// person's language.
func (a *app) printHelp(o kong.HelpOptions, ctx *kong.Context) error {
	var text bytes.Buffer
	out := ctx.Stdout
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(o, ctx)
	ctx.Stdout = out
	if err != nil {
		return err
	}
	s := text.String()
	for _, w := range helpWords {
		s = strings.Replace(s, w.english, a.text(w.key), 1)
	}
	_, err = io.WriteString(out, s)
	return err
}
