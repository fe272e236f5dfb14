package site

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFace runs browser/flows.mjs: people who chat by the web face of their client,
// each with a program of their own, over a cloud of real servers.
func TestFace(t *testing.T) {
	chromium, nodejs := needBrowser(t)
	pictures := ""
	if *shots != "" {
		var err error
		if pictures, err = filepath.Abs(*shots); err != nil {
			t.Fatal(err)
		}
	}
	noteChecks(t)
	noteFace(t)
	omega := filepath.Join(t.TempDir(), "omega")
	if out, err := exec.Command("go", "build", "-o", omega, "../../cmd/omega").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cloud := startCloud(t)
	var people []map[string]string
	for i, name := range []string{"阿明", "小美", "Carol"} {
		// The last server can be stopped: nobody begins there.
		people = append(people, map[string]string{"name": name, "url": face(t, omega, cloud.nodes[i%(realServers-1)].ClientAddress())})
	}
	run(t, nodejs, "flows.mjs", map[string]any{"chromium": chromium, "shots": pictures, "people": people}, cloud)
}

// face starts omega on an empty home and returns the address that it prints.
func face(t *testing.T, omega, server string) string {
	t.Helper()
	cmd := exec.Command(omega, "--home", filepath.Join(t.TempDir(), "home"), "--json", "--no-open")
	cmd.Env = append(os.Environ(), "LANG=zh_TW.UTF-8", "OMEGA_SERVER="+server, "GNUPGHOME="+t.TempDir())
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
	return said.URL
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
