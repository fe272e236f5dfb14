package directory

import (
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// TestPagesLeadNobodyInside: a page has browsers connect to the public web only.
// (spec/cloud.md, CLOUD-42)
func TestPagesLeadNobodyInside(t *testing.T) {
	for url, want := range map[string]string{
		"https://im.example.tw":      "https://im.example.tw",
		"https://im.example.tw/":     "https://im.example.tw",
		"http://im.example.tw:80/x":  "http://im.example.tw:80/x",
		"http://9.9.9.9:7080":        "http://9.9.9.9:7080",
		"http://192.168.1.1":         "",
		"http://127.0.0.1:7080":      "",
		"http://[::1]:7080":          "",
		"http://router/apply?reboot": "",
		"http://printer.local":       "",
		"http://169.254.169.254":     "",
		"http://9.9.9.9:25":          "",
		"javascript:alert(1)":        "",
		"http://":                    "",
	} {
		if got := webURL(url, false); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	if webURL("http://127.0.0.1:7080", true) == "" || webURL("http://169.254.169.254", true) != "" {
		t.Error("a cloud on one machine has its own addresses, and no others")
	}
}

// TestStrangersAreNotProbed: who only announces an address gets no connection, and
// what was not probed is told by nobody.
func TestStrangersAreNotProbed(t *testing.T) {
	top := cloudOf(6)
	top.States[serverNumber(1)] = mesh.Probationary
	top.States[serverNumber(2)] = mesh.Unreachable
	p := &prober{self: serverNumber(0), results: map[omega.Fingerprint][]result{}}
	list, n := p.mine(top, noon)
	if n != 6 || len(list) != 3 {
		t.Fatalf("%d of %d are probed", len(list), n)
	}
	p.probe = func(_ context.Context, r *mesh.Record) (time.Duration, error) {
		if r.Server == serverNumber(3) {
			return 0, ErrUntried
		}
		return time.Millisecond, nil
	}
	p.round(t.Context(), list, func() time.Time { return noon })
	if r := p.report(noon, n); len(r.rows) != 2 {
		t.Errorf("%d rows, want 2", len(r.rows))
	}
}
