package site

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/omega-im/omega/internal/pagetest"
)

// TestFace runs browser/flows.mjs: people who chat by the web face of their client,
// each with a program of their own, over a cloud of real servers.
func TestFace(t *testing.T) {
	t.Parallel() // people mostly wait
	chromium, nodejs := pagetest.Need(t)
	pictures := ""
	if *shots != "" {
		var err error
		if pictures, err = filepath.Abs(*shots); err != nil {
			t.Fatal(err)
		}
	}
	noteChecks(t)
	noteFace(t)
	omega := buildOmega(t)
	cloud := startCloud(t, realServers)
	gnupg, key := newGnuPG(t, "Carol <carol@example.org>")
	var people []map[string]string
	for i, name := range []string{"阿明", "小美", "Carol"} {
		var env []string
		if name == "Carol" {
			env = append(env, "GNUPGHOME="+gnupg)
		}
		people = append(people, map[string]string{"name": name, "url": face(t, omega, cloud.nodes[i%(realServers-1)].ClientAddress(), env...)})
	}
	server := cloud.nodes[0].ClientAddress()
	run(t, nodejs, "flows.mjs", map[string]any{
		"chromium": chromium, "shots": pictures, "people": people, "mortal": cloud.configs[realServers-1].Name, "key": key,
		"second": face(t, omega, server), "third": face(t, omega, server), "fourth": face(t, omega, server), "camera": filepath.Join(t.TempDir(), "camera.y4m"),
		"stranger": map[string]any{"program": omega, "home": filepath.Join(t.TempDir(), "home"), "server": server, "dir": t.TempDir(), "env": map[string]string{"GNUPGHOME": t.TempDir(), "LANG": "C.UTF-8"}},
	}, cloud, 38)
}

// newGnuPG makes a home of GnuPG with one key that has no passphrase, and returns where
// it is and the key's fingerprint.
func newGnuPG(t *testing.T, user string) (dir, fingerprint string) {
	t.Helper()
	gpg := pagetest.Program(t, "gpg")
	dir = t.TempDir()
	command := func(program string, args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", program, args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { command("gpgconf", "--kill", "all") })
	command(gpg, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", user, "ed25519", "cert", "2y")
	for _, line := range strings.Split(command(gpg, "--batch", "--with-colons", "--list-keys"), "\n") {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return dir, f[9]
		}
	}
	t.Fatal("gpg made no key")
	return "", ""
}

// programs is where the client is built, once for all tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var built = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-o", filepath.Join(programs, "omega"), "../../cmd/omega")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
})

// buildOmega builds the client and returns where it is.
func buildOmega(t *testing.T) string {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, "omega")
}

// newHome is where a client that begins at a server lives, and what it is told.
func newHome(t *testing.T, server string) (home string, env []string) {
	t.Helper()
	return filepath.Join(t.TempDir(), "home"), append(os.Environ(), "LANG=zh_TW.UTF-8", "OMEGA_SERVER="+server, "GNUPGHOME="+t.TempDir())
}

// face starts omega on an empty home, with more in its environment, and returns the
// address that it prints.
func face(t *testing.T, omega, server string, more ...string) string {
	t.Helper()
	home, env := newHome(t, server)
	return startFace(t, omega, home, append(env, more...)).url
}

// A running web face: the address that lets one browser in, and the process.
type running struct {
	url string
	pid int
}

func startFace(t *testing.T, omega, home string, env []string) running {
	t.Helper()
	cmd := exec.Command(omega, "--home", home, "--json", "--no-open")
	cmd.Env = env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("omega ended: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ URL string }
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatalf("omega says %q: %v", line, err)
	}
	return running{url: said.URL, pid: cmd.Process.Pid}
}

// noteFace looks at what omega is built from, for the cache of test results.
func noteFace(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"../../*/*.go", "../../*/*/*.go", "../../history/sql/*", "../../web/dist/*", "../../web/dist/assets/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			if _, err := os.Stat(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
