package gpgagent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// helperVar makes the test binary act as a program of GnuPG.
const helperVar = "OMEGA_TEST_HELPER"

func TestMain(m *testing.M) {
	switch helper := os.Getenv(helperVar); helper {
	case "":
		os.Exit(m.Run())
	case "pinentry":
		runPinentry()
	case "scdaemon":
		runCard()
	default:
		fmt.Fprintln(os.Stderr, "unknown helper", helper)
		os.Exit(2)
	}
}

// needGnuPG skips a test where GnuPG is not installed; our own CI has it.
func needGnuPG(t testing.TB) {
	t.Helper()
	for _, program := range []string{"gpg", "gpgconf", "gpg-agent"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install the package gnupg", program)
		}
		t.Skipf("%s is missing: install the package gnupg", program)
	}
}

// A home is a temporary GnuPG home with an agent and a pinentry of its own.
type home struct {
	t    testing.TB
	dir  string // GNUPGHOME; short, because of the sockets in it
	side string // what must not be in the home: files of the pinentry and the card
}

// newHome makes an empty home. The agent's key derivation is set to its
// minimum, because the tests are not about it.
func newHome(t testing.TB, conf ...string) *home {
	t.Helper()
	needGnuPG(t)
	dir, err := os.MkdirTemp("/tmp", "og")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &home{t: t, dir: filepath.Join(dir, "h"), side: filepath.Join(dir, "s")}
	for _, d := range []string{h.dir, h.side} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	conf = append([]string{"s2k-count 65536", "pinentry-program " + h.helper("pinentry")}, conf...)
	h.write("gpg-agent.conf", strings.Join(conf, "\n")+"\n")
	t.Cleanup(func() { h.run("gpgconf", "", "--homedir", h.dir, "--kill", "all") })
	return h
}

// helper writes a script that starts the test binary in another part.
func (h *home) helper(part string) string {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(h.side, part)
	script := fmt.Sprintf("#!/bin/sh\n%s=%s HELPER_DIR='%s' exec '%s' \"$@\"\n", helperVar, part, h.side, self)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *home) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// env is an environment without the real user's GnuPG, desktop and language.
func (h *home) env() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.side, "LANG=C.UTF-8", "TERM=dumb"}
}

// run runs a program on the home.
func (h *home) run(program, stdin string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = h.env()
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s%s", program, strings.Join(args, " "), err, stderr.String(), stdout.String())
	}
	return stdout.String(), nil
}

// gpg runs gpg as the home's owner.
func (h *home) gpg(stdin string, args ...string) string {
	h.t.Helper()
	out, err := h.run("gpg", stdin, append([]string{"--homedir", h.dir, "--batch", "--no-tty", "--quiet"}, args...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// owner runs gpg with a passphrase given, "" for none.
func (h *home) owner(passphrase string, args ...string) string {
	h.t.Helper()
	return h.gpg("", append([]string{"--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)...)
}

// generate makes a key and returns its fingerprint.
func (h *home) generate(passphrase, userID, algorithm string, args ...string) string {
	h.t.Helper()
	h.owner(passphrase, append(args, "--quick-generate-key", userID, algorithm, "cert", "never")...)
	return h.list(userID).fingerprint
}

// list returns gpg's listing of one key.
func (h *home) list(name string) listed {
	h.t.Helper()
	keys, err := parseListing([]byte(h.gpg("", "--with-colons", "--with-keygrip", "-k", "--", name)))
	if err != nil || len(keys) != 1 {
		h.t.Fatalf("list %s: %d keys, %v", name, len(keys), err)
	}
	return keys[0]
}

// forget makes the agent drop its cached passphrases and read its options anew.
func (h *home) forget() {
	h.t.Helper()
	if _, err := h.run("gpgconf", "", "--homedir", h.dir, "--reload", "gpg-agent"); err != nil {
		h.t.Fatal(err)
	}
}

// open opens the home as its owner's client does.
func (h *home) open(change ...func(*Config)) *Agent {
	h.t.Helper()
	cfg := Config{Home: h.dir, Env: h.env()}
	for _, f := range change {
		f(&cfg)
	}
	a, err := Open(context.Background(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// key adopts a key.
func (h *home) key(name string, change ...func(*Config)) *Key {
	h.t.Helper()
	k, err := h.open(change...).Key(context.Background(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return k
}

// state returns the hash of every file in the home, sockets left out, and when
// its directories last changed, which shows files that came and went.
func (h *home) state() string {
	h.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() && !d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, h.dir)
		if d.IsDir() {
			info, err := d.Info()
			fmt.Fprintln(&b, name, info.ModTime())
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256(data))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}

// pinentry sets what the home's pinentry does: "ok PASSPHRASE", "cancel", or
// "hang", which first connects to the listener that is returned.
func (h *home) pinentry(mode string) net.Listener {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.side, "pinentry.mode"), []byte(mode), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if mode != "hang" {
		return nil
	}
	l, err := net.Listen("unix", filepath.Join(h.side, "hang"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { l.Close() })
	return l
}

// asked returns the lines that the agent sent to its pinentries.
func (h *home) asked() []string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.side, "pinentry.log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

// prompts counts how often the owner was asked for a passphrase.
func (h *home) prompts() int {
	n := 0
	for _, line := range h.asked() {
		if line == "GETPIN" {
			n++
		}
	}
	return n
}
