package client

import (
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func aGroupLink(tb testing.TB) *groupLink {
	fp, err := omega.ParseFingerprint(strings.Repeat("A7", 20))
	must(tb, err)
	return &groupLink{Group: chat.Hash{1, 2}, Ticket: chat.Ticket{3}, Maker: fp}
}

// TestGroupLink: a link reads as it was written, also with what copying adds, and
// with one character changed it is none.
func TestGroupLink(t *testing.T) {
	l := aGroupLink(t)
	text := l.String()
	for _, s := range []string{text, " " + text + "\n", text[:20] + "\n" + text[20:]} {
		if got, err := parseGroupLink(s); err != nil || *got != *l {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for i := len(groupPrefix); i < len(text)-1; i++ {
		c := byte('A')
		if text[i] == 'A' {
			c = 'B'
		}
		if _, err := parseGroupLink(text[:i] + string(c) + text[i+1:]); !errors.Is(err, errGroupLink) {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
	for _, s := range []string{"", "omega-link:x", groupPrefix, text[:len(text)-1], strings.Repeat("x", 10000), (&groupLink{Group: l.Group, Maker: l.Maker}).String()} {
		if _, err := parseGroupLink(s); !errors.Is(err, errGroupLink) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
	if len(text) > 200 {
		t.Errorf("%d characters are much for a QR code", len(text))
	}
}

func FuzzGroupLink(f *testing.F) {
	f.Add(aGroupLink(f).String())
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseGroupLink(s)
		if err != nil {
			return
		}
		if again, err := parseGroupLink(l.String()); err != nil || *again != *l {
			t.Errorf("%q: %+v, %v", s, again, err)
		}
	})
}
