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
	{regexp.MustCompile(`(?:line (\d+): )?neither a chat of LINE nor a result\.json of Telegram`), "cause.unknownfile"},
	{regexp.MustCompile(`line (\d+): longer than a message can be.*`), "cause.longline"},
	{regexp.MustCompile(`line (\d+): more messages than a day has room for`), "cause.manylines"},
	{regexp.MustCompile(`not as Telegram writes it.*`), "cause.shape"},
	{regexp.MustCompile(`(?:not a whole backup: )?(?:the passphrase is another one)`), "cause.otherpass"},
	{regexp.MustCompile(`the file is damaged or was changed`), "cause.tampered"},
	{regexp.MustCompile(`not a file that this program encrypted`), "cause.notours"},
	{regexp.MustCompile(`not a whole backup.*`), "cause.backup"},
	{regexp.MustCompile(`not a link text: it does not begin with (\S+)`), "cause.linkbegin"},
	{regexp.MustCompile(`not a link text: \d+ characters`), "cause.linklength"},
	{regexp.MustCompile(`not a link to a group.*`), "cause.grouplink"},
	{regexp.MustCompile(`damaged picture: \S+: .*`), "cause.photo"},
	{regexp.MustCompile(`damaged picture: (\d+) × (\d+) pixels`), "cause.photosize"},
	{regexp.MustCompile(`not a JPEG, PNG, GIF or WebP picture`), "cause.nophoto"},
	{regexp.MustCompile(`damaged film or sound.*`), "cause.film"},
	{regexp.MustCompile(`no sticker: (\d+) octets, at most (\d+)`), "cause.stickeroctets"},
	{regexp.MustCompile(`no sticker: (\d+) by (\d+) pixels, at most (\d+)`), "cause.stickerside"},
	{regexp.MustCompile(`no sticker: neither PNG, WebP, WebM nor \.tgs`), "cause.stickertype"},
	{regexp.MustCompile(`no sticker: there is no sticker in it`), "cause.nosticker"},
	{regexp.MustCompile(`no sticker: .*`), "cause.sticker"},
	{regexp.MustCompile(`no active device`), "cause.nodevice"},
	{regexp.MustCompile(`not a member of the group, or without the role for that`), "cause.notmember"},
	{regexp.MustCompile(`group has too many operations`), "cause.groupfull"},
	{regexp.MustCompile(`malformed group operation.*`), "cause.groupop"},
	{regexp.MustCompile(`this device was linked after the one that removed others`), "cause.laterdevice"},
	{regexp.MustCompile(`no other server is known`), "cause.noserver"},
	{regexp.MustCompile(`the server gave no sign of life.*`), "cause.silent"},
	{regexp.MustCompile(`the connection to the server ended`), "cause.ended"},
	{regexp.MustCompile(`not connected to any server`), "cause.unconnected"},
	{regexp.MustCompile(`no (?:device of the account has a prekey|answer about prekeys)`), "cause.noprekey"},
	{regexp.MustCompile(`(?:json: .*|invalid character .*|unexpected end of JSON input)`), "cause.json"},
	{regexp.MustCompile(`x509: .*`), "cause.certificate"},
	{regexp.MustCompile(`context canceled`), "cause.canceled"},
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
