package clientrpc

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is what a line that the program noted (Service) says to people. text gives a
// text of package i18n, clean makes foreign text harmless.
func (m *Message) Line(text func(key string, args ...any) string, clean func(string) string) string {
	if m.Kind == DeviceAdded || m.Kind == DeviceRevoked || m.Kind == DeviceBack {
		return text("line."+m.Kind, clean(m.Text), m.Device)
	}
	name := func(a NamedAccount) string {
		switch fp := a.Account.String(); {
		case a.This:
			return self
		case a.Name == "":
			return fp[max(0, len(fp)-8):]
		case a.SelfNamed:
			return text("name.selfkey", clean(a.Name), fp[max(0, len(fp)-8):])
		}
		return clean(a.Name)
	}
	who := ""
	switch {
	case m.Kind == NameChanged:
		return m.nameLine(text, clean, name)
	case len(m.About) == 0:
	case m.AboutCount == 1:
		who = name(m.About[0])
	case m.AboutCount == 2 && len(m.About) == 2:
		who = text("line.two", name(m.About[0]), name(m.About[1]))
	default:
		who = text("line.many", name(m.About[0]), m.AboutCount-1)
	}
	return withYou(text("line."+m.Kind, who, name(NamedAccount{Account: m.From, Name: m.Name, SelfNamed: m.SelfNamed, This: m.Mine}), clean(m.Text), text(m.Thing())), text("line.you"))
}

// Thing is the key of what the group of a line or of an invitation is called: a group or
// a channel.
func (m *Message) Thing() string {
	if m.Channel {
		return "line.channel"
	}
	return "line.group"
}

// NameChanged is the kind of the line that says that an account calls itself something else.
const NameChanged = "name-changed"

// nameLine says what an account called itself and calls itself now; by its key, or by what
// its user calls it. A name that looks like others says so.
func (m *Message) nameLine(text func(key string, args ...any) string, clean func(string) string, name func(NamedAccount) string) string {
	fp := m.From.String()
	said := text("line.name-changed", clean(m.Was), clean(m.Text), fp[max(0, len(fp)-8):])
	if m.Name != "" && !m.SelfNamed && m.Name != m.Was && m.Name != m.Text {
		said = text("line.name-changed-of", clean(m.Was), clean(m.Text), clean(m.Name))
	}
	if len(m.About) > 0 {
		said += " " + text("line.name-like", name(m.About[0])) // the one is enough for a warning
	}
	return withYou(said, text("line.you"))
}

// self stands in a line for this account until the line is made: no name has it.
const self = "\x00"

// Where this account stands beside Chinese with a space between.
var (
	selfHan = regexp.MustCompile(self + ` (\p{Han})`)
	hanSelf = regexp.MustCompile(`(\p{Han}) ` + self)
)

// withYou puts the word for this account into a line. Names stand apart from the Chinese
// around them; a word that is Chinese itself does not.
func withYou(line, you string) string {
	if r, _ := utf8.DecodeRuneInString(you); unicode.Is(unicode.Han, r) {
		line = hanSelf.ReplaceAllString(selfHan.ReplaceAllString(line, self+"$1"), "$1"+self)
	}
	return strings.ReplaceAll(line, self, you)
}
