package gpgagent

import (
	"runtime"
	"strings"
	"unicode"
)

// maxShown is the most characters of a User ID or purpose in a prompt: two of
// them and the fixed text fit a line of the Assuan protocol.
const maxShown = 64

// The text of the pinentry. {purpose} and {uid} are cleaned.
const (
	promptEnglish = "ω IM asks your OpenPGP key to sign:\n{purpose}\n\n" +
		"{uid}\n{alg} key {fpr}\ncreated {created}\n\n" +
		"The secret key stays in GnuPG."
	promptChinese = "ω IM 請您的 OpenPGP 金鑰簽署：\n{purpose}\n\n" +
		"{uid}\n{alg} 金鑰 {fpr}\n建立於 {created}\n\n" +
		"私鑰不會離開 GnuPG。"

	purposeEnglish = "add a device to your account"
	purposeChinese = "把裝置加入您的帳號"
)

// prompt says to the person what is being signed, and with which key.
func (k *Key) prompt() string {
	text, purpose := promptEnglish, purposeEnglish
	utf8 := k.agent.utf8(runtime.GOOS)
	if utf8 && k.agent.chinese() {
		text, purpose = promptChinese, purposeChinese
	}
	if k.purpose != "" {
		purpose = k.purpose
	}
	text = strings.NewReplacer(
		"{purpose}", clean(purpose),
		"{uid}", clean(k.userID),
		"{alg}", k.kind,
		"{fpr}", spaced(k.public.Fingerprint().String()),
		"{created}", k.public.Created().Format("2006-01-02"),
	).Replace(text)
	if !utf8 {
		text = ascii(strings.ReplaceAll(text, "ω", "omega"))
	}
	return text
}

// spaced cuts a fingerprint into groups of four in two halves, as gpg prints it.
func spaced(fpr string) string {
	var b strings.Builder
	for i := 0; i < len(fpr); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i == len(fpr)/2 {
			b.WriteByte(' ')
		}
		b.WriteString(fpr[i:min(i+4, len(fpr))])
	}
	return b.String()
}

// clean makes text from elsewhere fit to be shown in a prompt that people
// trust: one line, no characters that reorder or hide others, not too long.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		if !unicode.IsPrint(r) { // format characters such as U+202E are not
			continue
		}
		if n++; n > maxShown {
			b.WriteString("...")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ascii replaces all other characters.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, s)
}

// escapePrompt is the percent-plus escaping of SETKEYDESC. Only these octets
// are escaped: the agent hands the rest to the pinentry as it stands, after it
// replaced its own %c, %C and %F, which a percent sign must not form.
var escapePrompt = strings.NewReplacer("%", "%25", "+", "%2B", "\"", "%22", "\n", "%0A", "\r", "%0D", " ", "+").Replace
