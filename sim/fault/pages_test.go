package fault

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega/internal/pagetest"
)

// TestPeopleOnTwoMachines has two people chat by the web face, each with a browser, a
// client and a server in a network of their own, and two servers of others elsewhere.
// The server of one of them is killed while both write, and comes back; then the cable
// between the two is cut. Nothing is lost, nothing comes twice or out of order, and all
// is read.
func TestPeopleOnTwoMachines(t *testing.T) {
	chromium, nodejs := pagetest.Need(t)
	notePages(t)
	l := newLab(t, 4, func(i, j int) time.Duration { return 8 * time.Millisecond })
	c := newLabServers(t, l)
	desks := []*desk{newDesk(t, c, l.machines[0], 0, "阿明"), newDesk(t, c, l.machines[1], 1, "小美")}
	desks[0].run(t, "contact", "add", "--name", "小美", desks[1].account)
	desks[1].run(t, "contact", "add", "--name", "阿明", desks[0].account)
	desks[0].run(t, "send", "--to", desks[1].account, "在嗎")
	desks[1].run(t, "send", "--to", desks[0].account, "在")
	var people []map[string]string
	for i, d := range desks {
		people = append(people, map[string]string{"name": d.name, "url": d.web(t), "chromium": wrapper(t, l.machines[i], chromium)})
	}
	pagetest.Run(t, nodejs, "machines.mjs", map[string]any{"people": people, "texts": 12}, func(what string) string {
		switch what {
		case "kill":
			c.servers[0].process().kill()
		case "start":
			c.servers[0].start(t)
			l.awaitFormed(t, c)
		case "cut":
			l.cut(0, 1)
		case "heal":
			l.heal()
		default:
			t.Errorf("a check asks for %q", what)
		}
		return ""
	}, 5)
}

// notePages looks at what the pages are made of, for the cache of test results.
func notePages(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"../site/browser/machines.mjs", "../site/browser/harness.mjs", "../site/browser/node_modules/.pinned", "../../web/dist/*", "../../web/dist/assets/*"} {
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

// A desk is where a person sits: a home of omega on a machine.
type desk struct {
	name, home, account string
	machine             *machine
}

// newDesk makes an account at a server, by a machine.
func newDesk(t *testing.T, c *site, m *machine, server int, name string) *desk {
	t.Helper()
	d := &desk{name: name, machine: m, home: filepath.Join(c.dir, fmt.Sprintf("home%d", server+1))}
	d.run(t, "init", "--name", name, "--server", c.servers[server].address(), "--no-passphrase")
	var me struct{ Fingerprint string }
	if err := json.Unmarshal(d.run(t, "id", "--json"), &me); err != nil {
		t.Fatal(err)
	}
	d.account = me.Fingerprint
	return d
}

// command is omega with its home, on the machine.
func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", d.machine.ns, filepath.Join(programs, omega), "--home", d.home}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=zh_TW.UTF-8", "GNUPGHOME="+d.home)
	return cmd
}

func (d *desk) run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := d.command(args...).Output()
	if err != nil {
		var said []byte
		if failed, ok := err.(*exec.ExitError); ok {
			said = failed.Stderr
		}
		t.Fatalf("omega %q: %v\n%s%s", args, err, out, said)
	}
	return out
}

// web starts the web face, which ends with the test, and returns the address that it prints.
func (d *desk) web(t *testing.T) string {
	t.Helper()
	cmd := d.command("--json", "--no-open")
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
			t.Errorf("omega of %s ended: %v", d.name, err)
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
	return said.URL
}

// wrapper writes a program that starts another one on a machine.
func wrapper(t *testing.T, m *machine, path string) string {
	t.Helper()
	name := filepath.Join(folder(t), "chromium")
	if err := os.WriteFile(name, fmt.Appendf(nil, "#!/bin/sh\nexec ip netns exec %s %s \"$@\"\n", m.ns, path), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}
