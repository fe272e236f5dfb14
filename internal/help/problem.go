package help

import (
	"errors"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/i18n"
)

// problems are what the command line library says in English, and the
// catalogue's names for it. The first that fits counts.
var problems = []struct {
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
	{regexp.MustCompile(`^(\S+?)(?: \.\.\.)?\]?: expected (?:a valid \d+ bit int|an int) but got "(.*?)"`), "why.parse.int"},
	{regexp.MustCompile(`^(\S+): expected duration but got "(.*?)"`), "why.parse.duration"},
	{regexp.MustCompile(`^(\S+): stat (\S+): no such file or directory$`), "why.parse.nofile"},
	{regexp.MustCompile(`^(\S+): exists but is not a (file|directory)`), "why.parse.wrongkind"},
	{regexp.MustCompile(`^(\S+): "?([^ "]+)"? is not a time such as 36h or 7d$`), "why.parse.life"},
	{regexp.MustCompile(`^(\S+) and (\S+) can't be used together$`), "why.parse.xor"},
	{regexp.MustCompile(`^(\S+): expected a float but got "(.*?)"`), "why.parse.number"},
	{regexp.MustCompile(`^(\S+)(?: \.\.\.)?: not an OpenPGP fingerprint`), "why.parse.fingerprint"},
	{regexp.MustCompile(`^expected one of (.+)$`), "why.parse.command"},
	{regexp.MustCompile(`^(?:expected|missing positional arguments) (.+)$`), "why.parse.argument"},
}

// Problem puts what is wrong with a command line into words.
func Problem(err error) i18n.Text {
	if word, ok := strings.CutPrefix(err.Error(), "unexpected argument "); ok && wantsCommand(err) && !strings.Contains(word, " ") {
		return i18n.T("why.parse.nocommand", word)
	}
	for _, p := range problems {
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

// wantsCommand reports whether parsing ended where a command should stand.
func wantsCommand(err error) bool {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil {
		return false
	}
	n := parse.Context.Selected()
	return n == nil || len(n.Children) > 0
}

// Command is the command that a line began with, as it is typed: omega poll vote. Where
// none was understood it is the program.
func Command(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil {
		return ""
	}
	node := parse.Context.Model.Node
	for _, p := range parse.Context.Path {
		if p.Command != nil {
			node = p.Command
		}
	}
	return Path(node)
}

// bare writes the library's lists, "a","b", in a form of no language.
func bare(s string) string {
	s = strings.TrimPrefix(s, "[") // of what may be left out
	return strings.ReplaceAll(strings.NewReplacer(`","`, "|", `", "`, "|", " or ", "|").Replace(s), `"`, "")
}
