package web

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPages: the sources of the pages are of the types that they say, their own tests
// pass, and what is committed in dist is what they give. Without Node this is skipped,
// but not where CI=true: there tools/deps.sh has made ready what it needs.
func TestPages(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is not installed; run tools/deps.sh")
	}
	if _, err := os.Stat("ui/node_modules/.pinned"); err != nil {
		missing(t, "ui/node_modules is missing; run tools/deps.sh")
	}
	notePages(t)
	t.Run("types", func(t *testing.T) { tool(t, "tsc", "--noEmit") })
	t.Run("tests", func(t *testing.T) { tool(t, "vitest", "run") })
	t.Run("dist", func(t *testing.T) {
		built := filepath.Join(t.TempDir(), "dist")
		tool(t, "vite", "build", "--outDir", built, "--emptyOutDir", "--logLevel", "warn")
		sameFiles(t, built, "dist")
		command(t, "node", "scripts/size.mjs")
	})
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// notePages looks at what Node reads, so that the cache of test results knows that the
// result rests on it.
func notePages(t *testing.T) {
	t.Helper()
	for _, root := range []string{"ui", "dist", "../clientrpc/gen"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "node_modules" {
				return fs.SkipDir
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tool runs one of the programs that the lock file pins, in the folder of the pages.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	command(t, "node_modules/.bin/"+name, args...)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = "ui"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// sameFiles compares two folders, octet by octet.
func sameFiles(t *testing.T, got, want string) {
	t.Helper()
	a, b := filesIn(t, got), filesIn(t, want)
	for name, body := range a {
		if !bytes.Equal(body, b[name]) {
			t.Errorf("%s of %s is not what the sources give; run make web", name, want)
		}
	}
	for name := range b {
		if a[name] == nil {
			t.Errorf("%s of %s comes from no source; run make web", name, want)
		}
	}
}

func filesIn(t *testing.T, root string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[path], err = os.ReadFile(filepath.Join(root, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
