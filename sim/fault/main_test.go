package fault

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	killsFlag = flag.Int("kills", 0, "kills per test; 0 is the short form")
	seedFlag  = flag.Uint64("seed", 0, "seed of the schedule; 0 chooses one")
	raceFlag  = flag.Bool("race-programs", false, "build omega and omegad with the race detector")
	keepFlag  = flag.Bool("keep", false, "keep the folders of failed tests")
)

// programs is where the built programs are.
var programs string

// Programs.
const (
	omega  = "omega"
	omegad = "omegad"
	faulty = "omegad-fault" // does what its environment says (cmd/omegad/hooks_fault.go)
	newer  = "newer/"       // where the same programs are that speak one protocol version more
)

// Environment of faulty.
const (
	envPowercut = "OMEGA_POWERCUT" // kill -9 is a power cut
	envClock    = "OMEGA_CLOCK"    // a file says by how much the clock is wrong
)

// A build is a server's program and its environment.
type build struct {
	bin string
	env []string
}

var (
	plain    = build{bin: omegad}
	powercut = build{faulty, []string{envPowercut + "=0"}} // loses what was not synced when it is killed
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "omega-fault-")
	if err == nil {
		programs = dir
		defer os.RemoveAll(dir)
		err = buildAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func buildAll(dir string) error {
	if err := noteSources(); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, newer), 0o700); err != nil {
		return err
	}
	for _, b := range [][]string{
		{filepath.Join(dir, omega), "../../cmd/omega"},
		{filepath.Join(dir, omegad), "../../cmd/omegad"},
		{filepath.Join(dir, faulty), "-tags=fault", "../../cmd/omegad"},
		{filepath.Join(dir, newer) + "/", "-tags=newer", "../../cmd/omega", "../../cmd/omegad"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-o"}, b...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are shipped
		if *raceFlag {
			cmd = exec.Command("go", append([]string{"build", "-race", "-o"}, b...)...)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

// noteSources reads what the programs are made of: so the test cache knows that
// the result of these tests rests on it.
func noteSources() error {
	return filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "bin" || name == "testdata"):
			return fs.SkipDir
		case filepath.Ext(name) == ".go" || filepath.Ext(name) == ".toml" || filepath.Ext(name) == ".sql" || name == "go.mod":
			_, err := os.Stat(path)
			return err
		}
		return nil
	})
}

// seed is the seed of this run, which is printed.
func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("seed %d", s)
	return s
}

// kills is how many kills this run makes.
func kills(short int) int {
	if *killsFlag > 0 {
		return *killsFlag
	}
	return short
}

// folder is a directory of the test's own with a short path.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "omega-fault-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && *keepFlag {
			t.Logf("kept %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// until waits for a condition, which is looked at often.
func until(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// upTo is a random time below d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
