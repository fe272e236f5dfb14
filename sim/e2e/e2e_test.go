// Package e2e runs the programs as people and scripts do: real processes on a
// real cloud of four servers on loopback, one script per subject in testdata.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The programs and the cloud of all scripts; set by TestMain.
var (
	bin    string
	shared *cloud
)

// atOnce is how many scripts run at a time if -parallel does not say: they wait
// more than they work.
const atOnce = "3"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // before flags are read, which go before this
		panic(err)
	}
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		code = 1
	}
	os.Exit(code)
}

// setUp builds the programs once and runs the tests on one cloud.
func setUp(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "omega-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	bin = filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", bin+"/", "../../cmd/omega", "../../cmd/omegad", "../../cmd/omega-try")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are shipped
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	if shared, err = startCloud(filepath.Join(dir, "cloud"), 4); err != nil {
		return 1, err
	}
	defer func() {
		if stopErr := shared.stop(); err == nil {
			err = stopErr
		}
	}()
	return m.Run(), nil
}

// noteSources looks at everything that the programs are built from, so that
// the cache of test results knows what a test rests on. It counts only what is
// looked at inside of tests: TestMain would be too early.
func noteSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "run", "testdata", "node_modules"}, name):
			return fs.SkipDir
		case slices.Contains([]string{".go", ".toml", ".sql", ".mod", ".html"}, filepath.Ext(name)):
			_, err := os.Stat(path)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	noteSources(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds:                commands,
	})
}

// setUpScript gives a script its environment: the programs first in PATH, the
// servers as S1 to S4 (P1 to P4 for servers), plain English, no passphrase and no GnuPG of the user's.
func setUpScript(env *testscript.Env) error {
	gnupg := filepath.Join(env.WorkDir, "gnupg")
	if err := makeGnuPG(gnupg, ""); err != nil {
		return err
	}
	env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("LANG", "C")
	env.Setenv("GNUPGHOME", gnupg)
	env.Defer(func() {
		stop := exec.Command("gpgconf", "--kill", "all")
		stop.Env = env.Vars
		stop.Run() // without gpg there is nothing to end
	})
	shared.export(env.Setenv)
	env.Values[cloudsKey{}] = map[string]*cloud{}
	return nil
}

// makeGnuPG makes a GnuPG home with options for its agent. How a passphrase
// becomes a key is set to its minimum: to choose it, the agent would measure the
// machine first, which takes many seconds on a busy one.
func makeGnuPG(dir, options string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "gpg-agent.conf"), []byte("s2k-count 65536\n"+options), 0o600)
}

// patience is how long anything may take that has to happen; machines that run
// tests are busy.
const patience = 120 * time.Second

// await waits until done reports true.
func await(done func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lines splits what a program printed.
func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
