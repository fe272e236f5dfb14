package main

import (
	"regexp"
	"slices"
	"strings"

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
