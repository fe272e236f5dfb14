package cloud

import "testing"

// A block is what one holder gets easily; addresses that are nobody's in
// particular, and names, are in none.
func TestBlockOfAddress(t *testing.T) {
	for address, want := range map[string]string{
		"198.51.100.7:4433":            "198.51.0.0/16",
		"[::ffff:198.51.100.7]:4433":   "198.51.0.0/16",
		"[2001:db8:1234:5678::1]:4433": "2001:db8::/32",
		"127.0.0.1:4433":               "",
		"[::1]:4433":                   "",
		"10.7.8.9:4433":                "",
		"192.168.1.2:4433":             "",
		"[fd00::1]:4433":               "",
		"[fe80::1%eth0]:4433":          "",
		"server.example:4433":          "",
		"":                             "",
	} {
		got := ""
		if b, ok := parseBlock(address); ok {
			got = b.String()
		}
		if got != want {
			t.Errorf("%q is in %q, want %q", address, got, want)
		}
	}
}
