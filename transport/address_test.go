package transport

import (
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
)

func TestAddress(t *testing.T) {
	fpr := strings.Repeat("AB", 20)
	fp, err := omega.ParseFingerprint(fpr)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   string
		want Address
		text string // "": in
	}{
		{"example.org:443", Address{Network: NetworkTLS, HostPort: "example.org:443"}, ""},
		{"example.org:443#" + fpr, Address{Network: NetworkTLS, HostPort: "example.org:443", Fingerprint: fp}, ""},
		{"[::1]:8000#" + strings.ToLower(fpr), Address{Network: NetworkTLS, HostPort: "[::1]:8000", Fingerprint: fp}, "[::1]:8000#" + fpr},
		{"ws://h", Address{Network: NetworkWS, HostPort: "h:80", Path: WebSocketPath}, "ws://h:80/api/v1/connect"},
		{"wss://h/", Address{Network: NetworkWSS, HostPort: "h:443", Path: WebSocketPath}, "wss://h:443/api/v1/connect"},
		{"wss://[2001:db8::1]:8443/x/y#" + fpr, Address{Network: NetworkWSS, HostPort: "[2001:db8::1]:8443", Path: "/x/y", Fingerprint: fp}, ""},
	} {
		got, err := ParseAddress(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
		text := tt.text
		if text == "" {
			text = tt.in
		}
		if got.String() != text {
			t.Errorf("%q is written as %q, want %q", tt.in, got, text)
		}
		var again Address
		if err := again.UnmarshalText([]byte(text)); err != nil || again != got {
			t.Errorf("%q = %+v, %v", text, again, err)
		}
	}
	for _, in := range []string{
		"", "host", "host:", ":443", "host:0", "host:65536", "host:http", "host:-1", "host:1#", "host:1#12", "host:1#" + fpr + "00",
		"http://host", "ws://", "ws://user@host", "ws://host?x=1", "ws://host:1?", "a b:1", "host:1 ", "h/x:1", strings.Repeat("h", 2000) + ":1",
		"wss://host:99999", "host:١",
	} {
		if got, err := ParseAddress(in); !errors.Is(err, ErrAddress) {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %v", in, got, err, ErrAddress)
		}
	}
}
