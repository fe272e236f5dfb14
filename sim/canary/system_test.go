package canary

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A system is a cloud of four servers, and people with homes in the same folder.
type system struct {
	t       *testing.T
	dir     string
	servers []*exec.Cmd
	at      []string // host:port#FINGERPRINT for clients
}

// Ports of server i.
func clientPort(i int) int { return 7100 + i }
func peerPort(i int) int   { return 7200 + i }
func webPort(i int) int    { return 7300 + i }

const servers = 4

// newSystem starts the servers, which all ask public key servers.
func newSystem(t *testing.T, dir string) *system {
	t.Helper()
	s := &system{t: t, dir: dir}
	for i := range servers {
		bootstrap := "[]"
		if i > 0 {
			bootstrap = fmt.Sprintf("[\"127.0.0.1:%d\"]", peerPort(0))
		}
		config := fmt.Sprintf("name = \"s%d\"\noperator = \"operator-%d\"\n[listen]\nclient = \"127.0.0.1:%d\"\npeer = \"127.0.0.1:%d\"\nhttp = \"127.0.0.1:%d\"\nadmin = \"\"\n"+
			"[cloud]\nprivate = true\nbootstrap = %s\n[homes]\nmin_age = \"0s\"\n[store]\nreserve = \"1MiB\"\n[fallback]\nservers = [\"vks://%s\", \"hkp://%s\"]\n",
			i, i, clientPort(i), peerPort(i), webPort(i), bootstrap, byVKS, byHKP)
		if err := os.MkdirAll(s.server(i), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.server(i), "omegad.toml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		s.servers = append(s.servers, nil)
		s.start(i)
	}
	for i := range servers {
		s.at = append(s.at, s.awaitFull(i))
	}
	return s
}

func (s *system) server(i int) string { return filepath.Join(s.dir, fmt.Sprintf("s%d", i)) }

func (s *system) start(i int) {
	s.t.Helper()
	out, err := os.OpenFile(s.server(i)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(filepath.Join(s.dir, "omegad"), "serve", "--config", filepath.Join(s.server(i), "omegad.toml"))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.servers[i] = cmd
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// restart drains a server and starts it again.
func (s *system) restart(i int) {
	s.t.Helper()
	s.servers[i].Process.Signal(syscall.SIGTERM)
	if err := s.servers[i].Wait(); err != nil {
		s.t.Errorf("server %d: %v", i, err)
	}
	s.start(i)
	s.awaitFull(i)
}

// awaitFull waits until a server sees all as full members, and returns its
// address.
func (s *system) awaitFull(i int) string {
	s.t.Helper()
	web := fmt.Sprintf("http://127.0.0.1:%d/api/v1/", webPort(i))
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var topology struct {
			Servers []struct{ Fingerprint, Name, State string }
		}
		full, own := 0, ""
		if getJSON(web+"topology", &topology) != nil {
			continue
		}
		for _, o := range topology.Servers {
			if o.State == "full" {
				full++
			}
			if o.Name == fmt.Sprintf("s%d", i) {
				own = o.Fingerprint
			}
		}
		if full == servers {
			return fmt.Sprintf("127.0.0.1:%d#%s", clientPort(i), own)
		}
	}
	log, _ := os.ReadFile(s.server(i) + ".log")
	s.t.Fatalf("server %d is in no cloud of %d\n%s", i, servers, log)
	return ""
}

func getJSON(url string, to any) error {
	c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// try runs a program and returns what it printed.
func (s *system) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+s.dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *system) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.try(name, args...)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// omega runs a command of somebody.
func (s *system) omega(who string, args ...string) string {
	s.t.Helper()
	return s.run(filepath.Join(s.dir, "omega"), append([]string{"--home", filepath.Join(s.dir, who), "--json"}, args...)...)
}

// account makes an account and returns its fingerprint.
func (s *system) account(who string, server int, more ...string) string {
	s.t.Helper()
	out := s.omega(who, append([]string{"init", "--name", who, "--server", s.at[server], "--no-passphrase"}, more...)...)
	return regexp.MustCompile(`"fingerprint":"([0-9A-F]{40})"`).FindStringSubmatch(out)[1]
}

// gpg runs plain gpg in a home of its own, which has no configuration unless one
// is given.
func (s *system) gpg(home string, args ...string) string {
	s.t.Helper()
	return s.run("gpg", append(s.gpgArgs(home), args...)...)
}

func (s *system) gpgArgs(home string) []string {
	return []string{"--homedir", filepath.Join(s.dir, home), "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}
}

// gpgHome makes the home of a gpg, with a key in it, and returns its
// fingerprint. dirmngr is the configuration of its network part; "" is none.
func (s *system) gpgHome(home, name, dirmngr string) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, home)
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.try("gpgconf", "--homedir", dir, "--kill", "all") })
	if dirmngr != "" {
		if err := os.WriteFile(filepath.Join(dir, "dirmngr.conf"), []byte(dirmngr), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	out := s.gpg(home, "--status-fd", "1", "--quick-generate-key", name, "ed25519", "cert,sign", "never")
	return regexp.MustCompile(`KEY_CREATED \S+ ([0-9A-F]{40})`).FindStringSubmatch(out)[1]
}
