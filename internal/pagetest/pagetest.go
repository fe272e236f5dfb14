// Package pagetest runs the scripts of sim/site/browser, which drive real browsers, from
// tests in Go. A script reads a plan from its standard input as one line of JSON, and
// writes a line for each check, each figure, and each thing that it wants done
// (harness.mjs has the other end).
package pagetest

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Scripts is where the scripts are, from the folder of a test in sim/*.
const Scripts = "../site/browser"

// maxLine is how long a line of a script may be, in octets: an error has a stack, and what was compared.
const maxLine = 1 << 20

// patience bounds all checks of a script together.
const patience = 18 * time.Minute

// Need finds the browser and what drives it. Where they are not there the test is
// skipped; with CI=true it fails.
func Need(t *testing.T) (chromium, nodejs string) {
	t.Helper()
	chromium, nodejs = Program(t, "chromium"), Program(t, "node")
	if _, err := os.Stat(filepath.Join(Scripts, "node_modules/playwright-core")); err != nil {
		Missing(t, "node_modules of the scripts is missing; run tools/deps.sh, or npm ci in sim/site/browser")
	}
	return chromium, nodejs
}

// Program finds a program of the tests, as Need does.
func Program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+" is not installed; run tools/deps.sh")
	}
	return path
}

// Missing skips a test for which something is not there; with CI=true it fails.
func Missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Run starts a script, does what it asks for by do, and makes a test of each check; fewer
// than least are a failure. What do returns is the answer.
func Run(t *testing.T, nodejs, script string, plan map[string]any, do func(ask string) string, least int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, nodejs, script)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = Scripts, os.Stderr, 10*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tell := json.NewEncoder(in)
	if err := tell.Encode(plan); err != nil {
		t.Fatal(err)
	}
	checks := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("the checks say %q: %v", lines.Text(), err)
		}
		switch {
		case l.Ask != "":
			if err := tell.Encode(map[string]string{"name": do(l.Ask)}); err != nil {
				t.Fatal(err)
			}
		case l.Tell != "":
			t.Log(l.Tell)
		default:
			checks++
			l.check(t)
		}
	}
	if err := lines.Err(); err != nil {
		cancel()
		t.Errorf("what the checks say: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the checks ended: %v", err)
	}
	if checks < least {
		t.Errorf("only %d checks ran", checks)
	}
}

// A line is what a script says: one of Ask, Tell, or a check's Name with how it went.
type line struct {
	Ask, Tell, Name, Error string
	MS                     int
}

func (l line) check(t *testing.T) {
	t.Run(l.Name, func(t *testing.T) {
		if l.Error != "" {
			t.Error(l.Error)
		}
		t.Logf("%d ms", l.MS)
	})
}
