package transport

import (
	"errors"
	"testing"

	"github.com/omega-im/omega"
)

func TestParseInvite(t *testing.T) {
	code := omega.Invite{1, 2, 3}
	const at = "im.example.tw:7000#0123456789012345678901234567890123456789"
	for _, tt := range []struct{ text, address string }{
		{InviteLink(code, at), at},
		{" " + InviteLink(code, "ws://h/p") + "\n", "ws://h/p"},
		{code.String(), ""},
	} {
		got, address, err := ParseInvite(tt.text)
		if err != nil || got != code || address != tt.address {
			t.Errorf("ParseInvite(%q) = %v, %q, %v, want %v, %q", tt.text, got, address, err, code, tt.address)
		}
	}
	for _, s := range []string{"", "omega-invite:", "omega-invite:" + code.String(), "omega-invite:XX@" + at, at} {
		if _, _, err := ParseInvite(s); !errors.Is(err, omega.ErrInvite) {
			t.Errorf("ParseInvite(%q): %v, want ErrInvite", s, err)
		}
	}
}
