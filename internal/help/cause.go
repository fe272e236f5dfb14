package help

import (
	"regexp"

	"github.com/omega-im/omega/internal/i18n"
)

// causes are parts of technical details, and the catalogue's names for them. The
// first that fits counts; what it captures is said in it.
var causes = []struct {
	form *regexp.Regexp
	key  string
}{
	{regexp.MustCompile(`another omegad uses (\S+): .*`), "cause.inuse.dir"},
	{regexp.MustCompile(`(?:connect to \S+: )?dial tcp (\S+): (?:connect|connectex): connection refused`), "cause.refused"},
	{regexp.MustCompile(`(?:connect to \S+: )?dial tcp: lookup (\S+?)(?: on \S+)?: no such host`), "cause.nohost"},
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
	{regexp.MustCompile(`listen tcp (\S+): bind: address already in use`), "cause.inuse"},
	{regexp.MustCompile(`listen tcp (\S+): bind: permission denied`), "cause.lowport"},
	{regexp.MustCompile(`listen tcp (\S+): bind: cannot assign requested address`), "cause.notmine"},
	{regexp.MustCompile(`read (\S+): is a directory`), "cause.isdir"},
	{regexp.MustCompile(`the server of this configuration seems to be running, and joins by itself: `), "cause.running"},
	{regexp.MustCompile(`no server answers at its admin listener \((\S+)\)`), "cause.notrunning"},
	{regexp.MustCompile(`no server has run in this directory: `), "cause.neverran"},
	{regexp.MustCompile(`(?:certify [0-9A-F]+: )?(?:[a-z ]+: )?a key cannot vouch for itself`), "cause.selfvouch"},
	{regexp.MustCompile(`members of (\d+) operators certified the key, (\d+) are required`), "cause.vouches"},
	{regexp.MustCompile(`(?:read certificate: )?malformed OpenPGP data[^)）]*`), "cause.notpgp"},
	{regexp.MustCompile(`context deadline exceeded`), "cause.late"},
}

// Cause writes a technical detail, which is English, in the person's language
// where there are words for it: these alone.
func Cause(text string, l i18n.Lang) string {
	if l != i18n.Chinese {
		return text
	}
	for _, c := range causes {
		if m := c.form.FindStringSubmatch(text); m != nil {
			return said(c.key, m[1:], l)
		}
	}
	return text
}

// Mixed is Cause for a text of which a part is a detail: the rest stays.
func Mixed(text string, l i18n.Lang) string {
	if l != i18n.Chinese {
		return text
	}
	for _, c := range causes {
		text = c.form.ReplaceAllStringFunc(text, func(part string) string {
			return said(c.key, c.form.FindStringSubmatch(part)[1:], l)
		})
	}
	return text
}

func said(key string, parts []string, l i18n.Lang) string {
	args := make([]any, len(parts))
	for i, part := range parts {
		args[i] = part
	}
	return i18n.T(key, args...).In(l)
}
