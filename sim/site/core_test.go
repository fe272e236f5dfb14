package site

import (
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omega-im/omega/internal/pagetest"
)

var (
	coreMessages = flag.Int("core-messages", 3000, "messages of the longest chat of TestCoreInWorker, where it measures")
	coreWhole    = flag.Bool("core-whole", false, "measure in TestCoreInWorker, beside trying")
)

// TestCoreInWorker runs browser/core.mjs: the core as browsers run it, in a dedicated
// worker under the policy that a page with it needs, its home in the origin private file
// system. With -core-whole (make bench-ui) it says what that costs: what a message costs at
// least is asked of the benchmarks of packages chat and history, which run there as they do
// elsewhere.
func TestCoreInWorker(t *testing.T) {
	t.Parallel()
	chromium, nodejs := pagetest.Need(t)
	noteChecks(t)
	noteFace(t)
	dir := t.TempDir()
	buildCore(t, dir)
	cloud := startCloud(t, 1)
	home, checks := t.TempDir(), 2
	if *coreWhole {
		home, checks = filledHome(t, cloud.nodes[0].ClientAddress(), *coreMessages), 7
	}
	host := strings.TrimPrefix(cloud.nodes[0].HTTPAddress(), "http://")
	site := listen(t, coreSite(t, dir, home, host))
	run(t, nodejs, "core.mjs", map[string]any{
		"chromium": chromium, "url": site, "program": filepath.Join(dir, "core.wasm"), "files": namesIn(t, home), "messages": *coreMessages,
		"server": "ws://" + host + "#" + cloud.nodes[0].Fingerprint().String(), "profile": t.TempDir(), "whole": *coreWhole,
	}, nil, checks)
}

// buildCore builds the core for browsers, and the tests of chat and history where they are
// run. The flags make it as small as the compiler can without leaving something away.
func buildCore(t *testing.T, dir string) {
	t.Helper()
	programs := map[string][]string{"core.wasm": {"build", "../browser"}}
	if *coreWhole {
		programs["chat.wasm"] = []string{"test", "-c", "-vet=off", "../../chat"}
		programs["history.wasm"] = []string{"test", "-c", "-vet=off", "../../history"}
	}
	for name, args := range programs {
		last := len(args) - 1
		args = append(args[:last:last], "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), args[last])
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}

// filledHome is a home with an account at a server, and as many messages in one chat.
func filledHome(t *testing.T, server string, messages int) string {
	t.Helper()
	omega := buildOmega(t)
	home, env := newHome(t, server)
	file := filepath.Join(t.TempDir(), "result.json")
	writeArchive(t, file, 20, messages)
	for _, args := range [][]string{{"init", "--name", "阿明", "--server", server, "--no-passphrase"}, {"import", file}} {
		cmd := exec.Command(omega, append([]string{"--home", home}, args...)...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("omega %v: %v\n%s", args, err, out)
		}
	}
	return home
}

// namesIn lists the files right in a directory.
func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// coreSite serves a page that is empty, what its workers run, and a home to be copied. Its
// policy is what a page needs that runs the core: no script but its own, and WebAssembly.
func coreSite(t *testing.T, programs, home, server string) http.Handler {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	policy := "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ws://" + server
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><html lang="zh-Hant-TW"><title>ω</title><link rel="icon" href="data:,">`)
	})
	for name, from := range map[string]string{"worker.mjs": "../browser", "opfs.mjs": "../browser", "wasm_exec.js": filepath.Join(strings.TrimSpace(string(root)), "lib/wasm")} {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			http.ServeFile(w, r, filepath.Join(from, name))
		})
	}
	mux.Handle("/home/", http.StripPrefix("/home", http.FileServer(http.Dir(home))))
	mux.Handle("/", http.FileServer(http.Dir(programs)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		mux.ServeHTTP(w, r)
	})
}
