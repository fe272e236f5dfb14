package client

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

func aGroupLink(tb testing.TB) *groupLink {
	fp, err := omega.ParseFingerprint(strings.Repeat("A7", 20))
	must(tb, err)
	return &groupLink{Group: chat.Hash{1, 2}, Ticket: chat.Ticket{3}, Maker: fp, Name: linkName(strings.Repeat("登山社", 9))}
}

// TestGroupLink: a link reads as it was written, also with what copying adds, and
// with one character changed it is none.
func TestGroupLink(t *testing.T) {
	l := aGroupLink(t)
	text := l.String()
	if l.Name != strings.Repeat("登山社", 6)+"登山…" {
		t.Errorf("the name is cut to %q", l.Name)
	}
	plain := groupLink{Group: l.Group, Ticket: l.Ticket, Maker: l.Maker} // as the first version was
	if got, err := parseGroupLink(plain.String()); err != nil || *got != plain {
		t.Errorf("without a name: %+v, %v", got, err)
	}
	for _, name := range []string{"a\nb", "a\u202eb", strings.Repeat("x", maxLinkName+1)} {
		bad := plain
		bad.Name = name
		if _, err := parseGroupLink(bad.String()); !errors.Is(err, errGroupLink) {
			t.Errorf("%q: %v", name, err)
		}
	}
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

// TestChatTaken: a link that is made up takes no chat's place.
func TestChatTaken(t *testing.T) {
	c, _ := newStillCore(t)
	g, _ := linked(t, c)
	b, err := hex.DecodeString(g.ID)
	must(t, err)
	own, like := chat.Hash(b), chat.Hash(b)
	like[31]++
	friend := signer(t, 1)
	direct, free := omega.DirectChat(c.acc.Fingerprint, friend), chat.Hash{7}
	must(t, c.change(t.Context(), chat.Setting{Name: chat.SettingContact, Subject: friend.Wire(), Value: []byte{1}}))
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		for _, row := range []struct {
			what string
			id   chat.Hash
			want bool
		}{{"the group", own, false}, {"one that begins as it", like, true}, {"a contact's chat", chat.Hash(append(direct[:], make([]byte, 16)...)), true}, {"none", free, false}} {
			if taken, err := c.chatTaken(tx, &history.Group{ID: row.id}); err != nil || taken != row.want {
				t.Errorf("%s: %v, %v", row.what, taken, err)
			}
		}
		return nil
	}))
}
