package hkp_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What gpg makes of answers, which is why KEYS-4 says what it says: the first
// rows are ours, the others are those that a key server must not give.

// TestStatuses gives gpg a status, for a look-up and some for a submission as well.
func TestStatuses(t *testing.T) {
	submissions := []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusAccepted, http.StatusServiceUnavailable}
	const noData, tooLarge, other = `(?i)no data`, `(?i)too large`, `(?i)error|not implemented|no keyserver|no data`
	for _, tt := range []struct {
		status, requests int
		says             string
	}{
		{http.StatusNotFound, 1, noData},
		{http.StatusForbidden, 1, noData},
		{http.StatusUnprocessableEntity, 1, noData},
		{http.StatusTooManyRequests, 1, noData},
		{http.StatusRequestEntityTooLarge, 1, tooLarge},
		{http.StatusCreated, 1, noData},
		{http.StatusAccepted, 1, noData},
		{http.StatusNoContent, 1, noData},
		{http.StatusBadRequest, 1, noData},
		{http.StatusGone, 1, noData},
		{http.StatusInternalServerError, 1, noData},
		{http.StatusNotImplemented, 1, other},
		{http.StatusBadGateway, 1, other}, // and the host is avoided for an hour and a half
		{http.StatusServiceUnavailable, 6, other},
		{http.StatusGatewayTimeout, 6, other},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			commands := []string{"--recv-keys"}
			if slices.Contains(submissions, tt.status) {
				commands = append(commands, "--send-keys")
			}
			for _, command := range commands {
				s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.WriteHeader(tt.status)
				})
				g := newGPG(t, s.host)
				fp := strings.Repeat("A", 40)
				if command == "--send-keys" {
					fp = g.key("a@example.org")
				}
				out, err := g.try(command, fp)
				if err == nil {
					t.Errorf("gpg %s is content:\n%s", command, out)
				}
				g.said(tt.says, out)
				if n := len(s.seen()); n != tt.requests {
					t.Errorf("gpg %s: %d requests, want %d", command, n, tt.requests)
				}
			}
		})
	}
}

// key makes a key and returns its fingerprint.
func (g *gnupg) key(name string) string {
	g.t.Helper()
	g.run("--quick-generate-key", name, "ed25519", "cert,sign", "never")
	found, err := filepath.Glob(filepath.Join(g.home, "openpgp-revocs.d", "*.rev"))
	if err != nil || len(found) == 0 {
		g.t.Fatalf("no key was made: %v", err)
	}
	return strings.TrimSuffix(filepath.Base(found[0]), ".rev")
}

// said wants re in what gpg said.
func (g *gnupg) said(re, out string) {
	g.t.Helper()
	if !match(re, out) {
		g.t.Errorf("gpg says\n%s\nwant %s", out, re)
	}
}

// TestContents gives gpg something under the status 200, and redirects.
func TestContents(t *testing.T) {
	s := newService(t)
	a, b := s.register(1), s.register(1)
	elsewhere := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, a.cert.Armor()) })
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	moved := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		says   string
	}{
		{"armored", text(a.cert.Armor()), `imported: 1`},
		{"binary", text(string(a.cert.Bytes())), `imported: 1`},
		{"armored in a page", text("<html><pre>\n" + a.cert.Armor() + "</pre>"), `imported: 1`},
		{"another key", text(b.cert.Armor()), `rejected by import screener`},
		{"nothing", text(""), `no valid OpenPGP data`},
		{"a page", text("<html>hello"), `no valid OpenPGP data`},
		{"moved", moved(elsewhere.url + "/x"), `imported: 1`},
		{"moved to a path", moved("/x"), `(?i)syntax error|no data|error`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGPG(t, newServer(t, tt.answer).host)
			out, _ := g.try("--recv-keys", a.fp().String())
			g.said(tt.says, out)
		})
	}
}

// TestIndexes gives gpg what could be an index.
func TestIndexes(t *testing.T) {
	fp := strings.Repeat("A", 40)
	for _, tt := range []struct{ name, answer, says string }{
		{"as ours", "info:1:1\npub:" + fp + ":22:255:1795000000::\nuid:%CF%89 AAAA:1795000000::\n", `\(1\)\s+ω AAAA`},
		{"without info", "pub:" + fp + ":22:255:1795000000::\nuid:Ann:1795000000::\n", `\(1\)\s+Ann`},
		{"raw letters", "info:1:1\npub:" + fp + ":22:255:1795000000::\nuid:ω:1795000000::\n", `\(1\)\s+ω`},
		{"revoked", "info:1:1\npub:" + fp + ":22:255:1795000000::r\nuid:Ann:1795000000::\n", `(?i)revoked`},
		{"none", "info:1:0\n", `not found on keyserver`},
		{"nothing", "", `(?i)end of file|error`},
		{"a page", "<html><body>hello", `(?i)unsupported encoding|error|not found`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) })
			g := newGPG(t, s.host)
			out, _ := g.try("--search-keys", "0x"+fp)
			g.said(tt.says, out)
		})
	}
}

// TestFetch has gpg fetch a certificate by the second version of the protocol,
// as a plain file.
func TestFetch(t *testing.T) {
	s := newService(t)
	a := s.register(2)
	g := newGPG(t, s.host)
	g.want(`imported: 1`, "--fetch-keys", s.url+"/pks/v2/certs/by-vfingerprint/04"+a.fp().String())
	if out := g.run("--with-colons", "--list-keys", a.fp().String()); strings.Count(out, "\nsub:") != 4 {
		t.Errorf("gpg has\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(g.home, "pubring.kbx")); err != nil {
		t.Error(err)
	}
	_, day := s.get("/pks/v2/prefixlog/" + s.now().UTC().Format("2006-01-02"))
	if !strings.Contains(day, a.fp().String()[:8]+"\r\n") {
		t.Errorf("the list of today's changes lacks it: %q", day)
	}
}

// TestServers lists two key servers of ours: gpg sends keys to each of them, which
// is why a configuration that we write names one.
func TestServers(t *testing.T) {
	one, two := newServer(t, http.NotFound), newServer(t, http.NotFound)
	g := newGPG(t, one.host)
	line := func(s *server) string { return "keyserver hkp://" + s.host + "\n" }
	g.file("dirmngr.conf", "standard-resolver\ndisable-ipv6\n"+line(one)+line(two))
	_, _ = g.try("--send-keys", g.key("a@example.org"))
	if a, b := len(one.seen()), len(two.seen()); a != 1 || b != 1 {
		t.Errorf("%d and %d submissions, want 1 and 1", a, b)
	}
}
