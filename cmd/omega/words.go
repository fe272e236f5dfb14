package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
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
	{regexp.MustCompile(`^(\S+): expected .+ value but got "-\d[^"]*" \(`), "why.parse.negative"},
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
					args = append(args, bare(a))
				}
			}
			return i18n.T(p.key, args...)
		}
	}
	return i18n.T("why.parse", err)
}

// bare writes the library's lists, "a","b", in a form of no language.
func bare(s string) string {
	return strings.ReplaceAll(strings.NewReplacer(`","`, "|", `", "`, "|").Replace(s), `"`, "")
}

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

// causes are parts of technical details, and the catalogue's names for them. The
// first that fits counts; what it captures is said in it.
var causes = []struct {
	form *regexp.Regexp
	key  string
}{
	{regexp.MustCompile(`dial tcp (\S+): (?:connect|connectex): connection refused`), "cause.refused"},
	{regexp.MustCompile(`dial tcp: lookup (\S+?)(?: on \S+)?: no such host`), "cause.nohost"},
	{regexp.MustCompile(`connect to (\S+): context deadline exceeded`), "cause.slow"},
	{regexp.MustCompile(`dial tcp (\S+): .*(?:i/o timeout|timed out)`), "cause.slow"},
	{regexp.MustCompile(`dial tcp (\S+): .*(?:network is unreachable|no route to host)`), "cause.noroute"},
	{regexp.MustCompile(`it says it is ([0-9A-F]{40})`), "cause.other"},
	{regexp.MustCompile(`could not open our proof`), "cause.proof"},
	{regexp.MustCompile(`want host:port`), "cause.hostport"},
	{regexp.MustCompile(`host "(.*)"`), "cause.host"},
	{regexp.MustCompile(`port "(.*)"`), "cause.port"},
	{regexp.MustCompile(`scheme "(.*)", want`), "cause.scheme"},
	{regexp.MustCompile(`not an OpenPGP fingerprint`), "cause.fingerprint"},
	{regexp.MustCompile(`registration is closed|takes no registrations`), "cause.closed"},
	{regexp.MustCompile(`differ by (\S+)\)`), "cause.clock"},
	{regexp.MustCompile(`(?:open|mkdir|rename|stat|chmod|write) (\S+): permission denied`), "cause.permission"},
	{regexp.MustCompile(`(?:open|stat) (\S+): no such file or directory`), "cause.nofile"},
	{regexp.MustCompile(`not a directory`), "cause.notdir"},
	{regexp.MustCompile(`no space left|no room left`), "cause.full"},
	{regexp.MustCompile(`executable file not found`), "cause.noprogram"},
	{regexp.MustCompile(`first record does not look like a TLS handshake`), "cause.plain"},
	{regexp.MustCompile(`no application protocol`), "cause.role"},
	{regexp.MustCompile(`connection reset by peer|EOF$`), "cause.ended"},
	{regexp.MustCompile(`a character is missing or wrong`), "cause.checksum"},
}

// cause writes a technical detail, which is English, in the person's language
// where there are words for it. There may be several, one per line.
func (a *app) cause(text string) string {
	var out []string
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if a.lang == i18n.Chinese {
			l = a.causeWords(l)
		}
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return a.text("error.cause", strings.Join(out, "\n"))
}

func (a *app) causeWords(text string) string {
	for _, c := range causes {
		if m := c.form.FindStringSubmatch(text); m != nil {
			var args []any
			for _, part := range m[1:] {
				args = append(args, part)
			}
			return a.text(c.key, args...)
		}
	}
	return text
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
