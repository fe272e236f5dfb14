package hkp_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/omega-im/omega/pgp"
)

// program skips the test if a program is missing, but not where everything
// must be checked.
func program(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// A gnupg is plain gpg with a home of its own, which knows one key server.
type gnupg struct {
	t    *testing.T
	home string
}

func newGPG(t *testing.T, server string) *gnupg {
	t.Helper()
	program(t, "gpg")
	program(t, "dirmngr")
	home, err := os.MkdirTemp(os.TempDir(), "ok") // short: a socket's path has at most 107 octets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
			t.Logf("stop gpg's daemons: %v: %s", err, out)
		}
		_ = os.RemoveAll(home)
	})
	g := &gnupg{t, home}
	// One line, ours: gpg --send-keys posts to every server that is listed.
	g.file("dirmngr.conf", "standard-resolver\ndisable-ipv6\nkeyserver hkp://"+server+"\n")
	g.file("gpg.conf", "no-auto-key-locate\nno-auto-key-retrieve\n")
	return g
}

// in is g for a part of a test.
func (g *gnupg) in(t *testing.T) *gnupg { return &gnupg{t, g.home} }

func (g *gnupg) file(name, text string) string {
	g.t.Helper()
	path := filepath.Join(g.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// try runs gpg and returns what it wrote to either output.
func (g *gnupg) try(args ...string) (string, error) {
	args = append([]string{"--homedir", g.home, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}, args...)
	cmd := exec.Command("gpg", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "GNUPGHOME="+g.home)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g *gnupg) run(args ...string) string {
	g.t.Helper()
	out, err := g.try(args...)
	if err != nil {
		g.t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// want runs gpg and wants re in what it writes.
func (g *gnupg) want(re string, args ...string) string {
	g.t.Helper()
	out, _ := g.try(args...)
	if !match(re, out) {
		g.t.Fatalf("gpg %s says\n%s\nwant %s", strings.Join(args, " "), out, re)
	}
	return out
}

func match(re, text string) bool { return regexp.MustCompile(re).MatchString(text) }

// TestGPG is what plain gpg does with a key server, each against ours.
func TestGPG(t *testing.T) {
	s := newService(t)
	a, b := s.register(1), s.register(2)
	g := newGPG(t, s.host)
	version, _, _ := strings.Cut(g.run("--version"), "\n")
	t.Log(version)
	fp, other := a.fp().String(), b.fp().String()

	t.Run("receive", func(t *testing.T) {
		g := g.in(t)
		g.want(`imported: 1`, "--recv-keys", fp)
		out := g.run("--with-colons", "--fingerprint", "--list-keys", fp)
		for _, want := range []string{"fpr:::::::::" + fp + ":", "uid:", "ω " + fp[:4]} {
			if !strings.Contains(out, want) {
				t.Errorf("imported key lacks %q:\n%s", want, out)
			}
		}
		if n := strings.Count(out, "\nsub:"); n != 2 {
			t.Errorf("%d subkeys, want 2:\n%s", n, out)
		}
	})
	t.Run("use", func(t *testing.T) {
		g := g.in(t)
		text := g.file("text", "hello")
		g.run("--output", filepath.Join(g.home, "sealed"), "--encrypt", "--recipient", fp, text)
		sig, err := pgp.SignCompact(t.Context(), a.devices[0].Signing, []byte("hello"), s.now())
		if err != nil {
			t.Fatal(err)
		}
		packet := pgp.DetachedSignature(a.devices[0].Signing.Public(), []byte("hello"), s.now(), sig)
		g.want(`Good signature`, "--verify", g.file("sig", string(packet)), text)
	})
	t.Run("several at once, one unknown", func(t *testing.T) {
		g := g.in(t)
		g.want(`imported: 1`, "--recv-keys", other, strings.Repeat("0", 36)+"BEEF")
	})
	t.Run("subkey", func(t *testing.T) {
		fresh := newGPG(t, s.host)
		fresh.want(`imported: 1`, "--recv-keys", a.devices[0].Signing.Public().Fingerprint().String())
	})
	t.Run("fetch", func(t *testing.T) {
		fresh := newGPG(t, s.host)
		fresh.want(`imported: 1`, "--fetch-keys", s.url+"/pks/lookup?op=get&search=0x"+fp)
		fresh.want(`imported: 1`, "--fetch-keys", s.url+"/pks/v2/certs/by-vfingerprint/04"+other)
		fresh.want(`(?i)no data|not found|failed`, "--fetch-keys", s.url+"/pks/lookup?op=get&search=0x"+strings.Repeat("A", 40))
	})
	t.Run("unknown", func(t *testing.T) {
		g := g.in(t)
		g.want(`(?i)no data`, "--recv-keys", strings.Repeat("A", 40))
	})
	t.Run("key ids", func(t *testing.T) {
		fresh := newGPG(t, s.host)
		for _, id := range []string{fp[24:], fp[32:]} {
			fresh.want(`(?i)no data`, "--recv-keys", id)
		}
	})
	t.Run("search", func(t *testing.T) {
		g := g.in(t)
		out := g.want(`\(1\)\s+ω `, "--search-keys", "0x"+fp)
		if !strings.Contains(out, "ω "+fp[:4]) {
			t.Errorf("search shows no User ID:\n%s", out)
		}
	})
	for _, name := range []string{"somebody", "<somebody@example.org>", "=Some Body <s@example.org>", fp[24:]} {
		t.Run("search "+name, func(t *testing.T) { g.in(t).want(`not found on keyserver`, "--search-keys", name) })
	}
	t.Run("locate", func(t *testing.T) {
		g := g.in(t)
		g.want(`(?i)no public key|no data`, "--auto-key-locate", "clear,keyserver", "--locate-external-keys", "somebody@example.org")
	})
	t.Run("refresh", func(t *testing.T) {
		g := g.in(t)
		s.publish(a.renamed("laptop"))
		g.want(`2 keys|processed: [12]`, "--refresh-keys")
		if out := g.run("--export-options", "export-minimal", "--export", fp); !strings.Contains(out, "laptop") {
			t.Error("the new binding did not come")
		}
	})
	t.Run("send what is there", func(t *testing.T) {
		g := g.in(t)
		g.run("--send-keys", fp)
		if s.count(func(a answer) bool { return a.method == "POST" && a.status == http.StatusOK }) != 1 {
			t.Errorf("requests: %v", s.seen())
		}
	})
	t.Run("send somebody unknown", func(t *testing.T) {
		g := g.in(t)
		out := g.run("--quick-generate-key", "stranger@example.org", "ed25519", "sign", "never")
		m := regexp.MustCompile(`([0-9A-F]{40})\.rev`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no fingerprint in\n%s", out)
		}
		g.want(`(?i)no data|failed`, "--send-keys", m[1])
		if s.count(func(a answer) bool { return a.method == "POST" && a.status == http.StatusNotFound }) != 1 {
			t.Errorf("requests: %v", s.seen())
		}
		if _, err := s.keys.FindCertificate(t.Context(), mustFP(t, m[1])); err == nil {
			t.Error("a stranger was registered")
		}
	})
	if n := s.count(func(a answer) bool { return a.status >= 500 }); n != 0 {
		t.Errorf("%d answers in the five hundreds: %v", n, s.seen())
	}
}

// TestGPGRevokes lets a person whose account has a key from gpg revoke it there
// and send the revocation, with all that gpg knows of the key.
func TestGPGRevokes(t *testing.T) {
	s := newService(t)
	g := newGPG(t, s.host)
	out := g.run("--quick-generate-key", "Ann <ann@example.org>", "ed25519", "cert,sign", "never")
	fp := regexp.MustCompile(`([0-9A-F]{40})\.rev`).FindStringSubmatch(out)[1]
	g.run("--quick-add-key", fp, "cv25519", "encrypt", "never")
	s.adopt(g, fp)

	revocation, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fp+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	// gpg puts a colon before the block so that nobody uses it by accident.
	g.run("--import", g.file("rev", strings.Replace(string(revocation), ":-----BEGIN", "-----BEGIN", 1)))
	g.run("--send-keys", fp)
	cert, err := s.keys.FindCertificate(t.Context(), mustFP(t, fp))
	if err != nil {
		t.Fatal(err)
	}
	if !cert.Revoked() {
		t.Error("the revocation was not taken")
	}
	if bytes.Contains(cert.Bytes(), []byte("ann@example.org")) {
		t.Error("the key server kept an address")
	}
	fresh := newGPG(t, s.host)
	fresh.want(`imported: 1`, "--recv-keys", fp)
	if out := fresh.run("--with-colons", "--list-keys", fp); !strings.Contains(out, "pub:r:") {
		t.Errorf("gpg does not show the key as revoked:\n%s", out)
	}
}

// TestGPGDeleted fetches what is left of a deleted account, over a copy of it.
func TestGPGDeleted(t *testing.T) {
	s := newService(t)
	a := s.register(1)
	g := newGPG(t, s.host)
	g.want(`imported: 1`, "--recv-keys", a.fp().String())
	s.publish(a.deleted())
	g.run("--refresh-keys")
	if out := g.run("--with-colons", "--list-keys", a.fp().String()); !strings.Contains(out, "pub:r:") {
		t.Errorf("gpg does not show the key as revoked:\n%s", out)
	}
}

// TestSequoia is what sq does with a key server.
func TestSequoia(t *testing.T) {
	program(t, "sq")
	s := newService(t)
	a := s.register(1)
	dir := t.TempDir()
	sq := func(args ...string) (string, error) {
		cmd := exec.Command("sq", append([]string{"keyserver", "--server", "hkp://" + s.host, "--policy", "insecure"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	file := filepath.Join(dir, "cert.pgp")
	if out, err := sq("get", a.fp().String(), "--output", file); err != nil {
		t.Fatalf("sq keyserver get: %v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgp.ParseCertificate(b, s.now())
	if err != nil || got.Hash() != a.cert.Hash() {
		t.Errorf("sq got another certificate: %v", err)
	}
	if out, err := sq("send", file); err != nil {
		t.Errorf("sq keyserver send: %v\n%s", err, out)
	}
	if out, err := sq("get", strings.Repeat("A", 40)); err == nil {
		t.Errorf("sq found a stranger:\n%s", out)
	}
	// A key server that answers with another key is found out.
	s.host = newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(a.cert.Armor())) }).host
	if out, err := sq("get", strings.Repeat("A", 40)); err == nil || !strings.Contains(out, "Mismatched key handle") {
		t.Errorf("sq took another key: %v\n%s", err, out)
	}
}
