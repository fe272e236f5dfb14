package canary

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// envInside tells the test that it runs in the namespace, and where its folder
// is.
const envInside = "OMEGA_CANARY_FOLDER"

// missing skips what cannot run here, visibly; where everything has to run it
// fails.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// unshare is how a process gets namespaces of its own, as root or not.
func unshare(args ...string) *exec.Cmd {
	own := []string{"--net", "--mount", "--kill-child"}
	if os.Getuid() != 0 {
		own = append(own, "--map-root-user")
	}
	cmd := exec.Command("unshare", append(own, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// inNamespace runs the calling test again, alone, in namespaces without any way
// out, and reports true there. Outside it waits for that and reports false.
func inNamespace(t *testing.T) (dir string, inside bool) {
	t.Helper()
	if dir := os.Getenv(envInside); dir != "" {
		return dir, true
	}
	for _, name := range []string{"unshare", "ip", "mount", "gpg", "dirmngr", "gpgconf"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, "needs "+name)
		}
	}
	if out, err := unshare("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("no namespaces here: %v: %s", err, out))
	}
	dir, err := os.MkdirTemp("", "oc") // short: gpg's sockets have at most 107 octets of path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := noteSources(); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", dir+"/", "../../cmd/omega", "../../cmd/omegad")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are shipped
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := unshare(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), envInside+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	return dir, false
}

// noteSources looks at what the programs are made of: so the test cache knows that
// the result rests on it.
func noteSources() error {
	return filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "bin" || name == "testdata" || name == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(name) == ".go" || filepath.Ext(name) == ".toml" || filepath.Ext(name) == ".sql" || name == "go.mod":
			_, err := os.Stat(path)
			return err
		}
		return nil
	})
}

// Addresses that nobody has (RFC 5737).
const (
	canaryAddr = "192.0.2.1"
	dnsAddr    = "192.0.2.53"
)

// setUp makes the world: every address is this machine, names come from the
// canary, and its certificate authority is the only one.
func setUp(t *testing.T, dir string, authority []byte) {
	t.Helper()
	for name, file := range map[string]struct{ over, text string }{
		"resolv.conf": {"/etc/resolv.conf", "nameserver " + dnsAddr + "\n"},
		"hosts":       {"/etc/hosts", "127.0.0.1 localhost\n"},
		"authorities": {"/etc/ssl/certs/ca-certificates.crt", string(authority)},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(file.text), 0o644); err != nil {
			t.Fatal(err)
		}
		sh(t, "mount --bind '%s' '%s'", path, file.over)
	}
	sh(t, "ip link set lo up && ip addr add %s/32 dev lo && ip addr add %s/32 dev lo && ip route add local default dev lo", canaryAddr, dnsAddr)
}

func sh(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}
