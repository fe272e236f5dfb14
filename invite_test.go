package omega

import (
	"errors"
	"strings"
	"testing"
)

func TestParseInvite(t *testing.T) {
	code := Invite{0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x20} // 1111…1110
	if got, want := code.String(), "1111-1111-1111-1110"; got != want {
		t.Fatalf("String = %s, want %s", got, want)
	}
	for _, s := range []string{"1111-1111-1111-1110", "1111111111111110", " iLIl-1111\tll11-111o ", "LLLL LLLL LLLL LLLO"} {
		if got, err := ParseInvite(s); err != nil || got != code {
			t.Errorf("ParseInvite(%q) = %v, %v, want %v", s, got, err, code)
		}
	}
	for _, s := range []string{"", "1111-1111-1111-111", "1111-1111-1111-11100", "1111-1111-1111-111U", "１１１１-1111-1111-1110", strings.Repeat("1", 65)} {
		if got, err := ParseInvite(s); !errors.Is(err, ErrInvite) {
			t.Errorf("ParseInvite(%q) = %v, %v, want ErrInvite", s, got, err)
		}
	}
}

func FuzzParseInvite(f *testing.F) {
	f.Add("1111-1111-1111-1110")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInvite(s)
		if err != nil {
			return
		}
		if again, err := ParseInvite(i.String()); err != nil || again != i {
			t.Errorf("%q reads as %v, and that as %v, %v", s, i, again, err)
		}
	})
}
