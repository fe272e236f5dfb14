package tui

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/omega-im/omega/clientrpc"
)

// entityInks are the styles of parts of a text.
var entityInks = map[string]ink{
	"mention": inkAccent, "hashtag": inkAccent, "command": inkAccent, "link": inkLink, "bold": inkBold, "italic": inkItalic,
	"underline": inkUnder, "strike": inkStrike, "spoiler": inkSpoiler, "code": inkCode, "pre": inkCode, "quote": inkItalic,
}

// styled makes spans of a text and what its parts are. Links of strangers lead
// nowhere, and spoilers are covered until a message is opened.
func (c cleaner) styled(text string, entities []clientrpc.Entity, inert, open bool) []span {
	if len(entities) == 0 {
		return []span{{text: c.text(text)}}
	}
	var cuts []uint32
	for _, e := range entities {
		cuts = append(cuts, e.Offset, e.Offset+e.Length)
	}
	slices.Sort(cuts)
	var out []span
	at, from := uint32(0), 0 // in UTF-16 units, in octets
	emit := func(to int) {
		if to > from {
			out = append(out, c.piece(text[from:to], at-units(text[from:to]), entities, inert, open))
			from = to
		}
	}
	for i, r := range text {
		for len(cuts) > 0 && cuts[0] <= at {
			if cuts[0] == at {
				emit(i)
			}
			cuts = cuts[1:]
		}
		at += unitsOf(r)
	}
	emit(len(text))
	return out
}

// piece is the part of a text that begins at an offset, in its style.
func (c cleaner) piece(text string, offset uint32, entities []clientrpc.Entity, inert, open bool) span {
	s := span{text: c.text(text)}
	for _, e := range entities {
		if offset < e.Offset || offset >= e.Offset+e.Length {
			continue
		}
		if e.Type == "spoiler" && open {
			continue
		}
		if i, ok := entityInks[e.Type]; ok {
			s.ink = i
		}
		if e.Type == "link" && !inert {
			address := e.Address
			if address == "" {
				address = text
			}
			s.link = safeLink(address)
		}
		if e.Type == "spoiler" {
			s.text = strings.Map(func(r rune) rune {
				if r == '\n' {
					return r
				}
				return '░'
			}, s.text)
			s.ink, s.link = inkSpoiler, ""
			return s
		}
	}
	return s
}

func unitsOf(r rune) uint32 {
	if r > 0xffff {
		return 2
	}
	return 1
}

func units(s string) (n uint32) {
	for _, r := range s {
		n += unitsOf(r)
	}
	return n
}

// maxLink is the longest address that the terminal is told of, in octets: some
// forget the screen over longer ones.
const maxLink = 2000

// safeLink is an address as a terminal may be given it: of the web or of mail, and
// nothing in it that ends the sequence it stands in. Others are empty.
func safeLink(s string) string {
	if !strings.Contains(s, ":") {
		s = "https://" + s
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || !slices.Contains([]string{"http", "https", "mailto"}, u.Scheme) {
		return ""
	}
	var out strings.Builder
	for i := range len(s) {
		if b := s[i]; b > ' ' && b < 0x7f && b != ';' {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	if out.Len() > maxLink {
		return ""
	}
	return out.String()
}

// shorten cuts a text that is not to be shown whole, between characters.
func shorten(s string, octets int) (string, bool) {
	if len(s) <= octets {
		return s, false
	}
	for octets > 0 && !utf8.RuneStart(s[octets]) {
		octets--
	}
	return s[:octets], true
}
