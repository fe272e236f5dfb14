package site

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/internal/pagetest"
	"github.com/omega-im/omega/node"
)

var shots = flag.String("shots", "", "directory for pictures of the pages")

// servers of the real cloud.
const realServers = 4

// TestSite runs browser/checks.mjs. Without a browser it is skipped, but not
// where CI=true: there tools/deps.sh has installed one.
func TestSite(t *testing.T) {
	t.Parallel()
	chromium, nodejs := pagetest.Need(t)
	pictures := ""
	if *shots != "" {
		var err error
		if pictures, err = filepath.Abs(*shots); err != nil {
			t.Fatal(err)
		}
	}
	noteChecks(t)
	cloud := startCloud(t, realServers)
	now := time.Now()
	plan := map[string]any{
		"chromium": chromium, "shots": pictures, "real": cloud.urls(), "elsewhere": elsewhere(t, cloud.nodes[0]),
		"made_up": map[string]string{"24": newMadeUp(t, 24, now).serve(t), "1000": newMadeUp(t, 1000, now).serve(t)},
	}
	run(t, nodejs, "checks.mjs", plan, cloud, 8)
}

// noteChecks looks at what node reads, so that the cache of test results knows
// that the result rests on it.
func noteChecks(t *testing.T) {
	t.Helper()
	for _, name := range []string{"checks.mjs", "flows.mjs", "stage.mjs", "minutes.mjs", "core.mjs", "budgets.mjs", "walk.mjs", "everyday.mjs", "fuller.mjs", "rarer.mjs", "selves.mjs", "pictures.mjs", "harness.mjs", "package-lock.json", "node_modules/.pinned"} {
		if _, err := os.Stat(filepath.Join("browser", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// run starts the checks of a script; what they ask for is done by the cloud.
func run(t *testing.T, nodejs, script string, plan map[string]any, c *cloud, least int) {
	t.Helper()
	pagetest.Run(t, nodejs, script, plan, func(what string) string { return c.do(t, what) }, least)
}

// A cloud is real servers, each of which can be stopped.
type cloud struct {
	nodes   []*node.Node
	configs []*node.Config
	stop    []func()
}

func startCloud(t *testing.T, n int) *cloud {
	t.Helper()
	c := &cloud{stop: make([]func(), n), nodes: make([]*node.Node, n)}
	for i := range n {
		var bootstrap []string
		if i > 0 {
			bootstrap = []string{c.nodes[0].PeerAddress() + "#" + c.nodes[0].Fingerprint().String()}
		}
		c.configs = append(c.configs, config(t, i, bootstrap))
		c.start(t, i)
	}
	t.Cleanup(func() {
		for _, stop := range c.stop {
			stop()
		}
	})
	for _, server := range c.nodes {
		if n == 1 {
			break // nobody is there to measure it
		}
		var text string
		t.Cleanup(func() {
			if t.Failed() && text != "" {
				t.Logf("the last table of %s:\n%s", server.HTTPAddress(), text)
			}
		})
		await(t, "every server is measured by all on "+server.HTTPAddress(), func() bool {
			text = get(t, server.HTTPAddress()+"/proxies.csv")
			return strings.Count(text, fmt.Sprintf(",%d,%[1]d,", n-1)) == n
		})
		text = ""
	}
	return c
}

func config(t *testing.T, i int, bootstrap []string) *node.Config {
	t.Helper()
	cfg, err := node.ParseConfig([]byte("[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nadmin = \"\"\n[cloud]\nprivate = true\n[probe]\ninterval = \"1s\""))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Name, cfg.Operator, cfg.Site = []string{"玉山", "雪山", "南湖", "合歡"}[i], fmt.Sprint("operator-", i+1), "loopback"
	cfg.Dir, cfg.Cloud.Bootstrap = t.TempDir(), bootstrap
	return cfg
}

// start runs server i until its stop is called.
func (c *cloud) start(t *testing.T, i int) {
	t.Helper()
	n, err := node.New(t.Context(), *c.configs[i], node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.nodes[i] = n
	// The same addresses when it comes back.
	c.configs[i].Listen.Peer = n.PeerAddress()
	c.configs[i].Listen.HTTP = strings.TrimPrefix(n.HTTPAddress(), "http://")
	c.configs[i].Listen.Client, _, _ = strings.Cut(n.ClientAddress(), "#")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	ended := false
	c.stop[i] = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// do stops or starts the last server, as a check asks, and returns its name.
func (c *cloud) do(t *testing.T, what string) string {
	last := len(c.nodes) - 1
	switch what {
	case "stop":
		c.stop[last]()
	case "start":
		c.start(t, last)
	default:
		t.Errorf("a check asks for %q", what)
	}
	return c.configs[last].Name
}

func (c *cloud) urls() (out []string) {
	for _, n := range c.nodes {
		out = append(out, n.HTTPAddress())
	}
	return out
}

// elsewhere is a web site of another origin that shows the widget and a badge:
// the example of docs.
func elsewhere(t *testing.T, n *node.Node) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/embed-example.html")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("SERVER", n.HTTPAddress(), "FINGERPRINT", n.Fingerprint().String()).Replace(string(b))
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent) // browsers ask for an icon
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src "+n.HTTPAddress()+"; connect-src "+n.HTTPAddress()+"; img-src 'self' "+n.HTTPAddress())
		io.WriteString(w, text)
	}))
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// warmUp is how long something may take on a machine that does much else. Up to five seconds
// are waited for an answer to a probe, and a server that did not answer in the first rounds
// is one that answers only when most of the last ten say so (directory.keptProbes): with five
// that were in vain that takes half a minute, and the links come before it.
const warmUp = 3 * time.Minute

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(warmUp)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("in vain: " + what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
