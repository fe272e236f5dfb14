package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Servers that speak one version of the protocol more take the place of the
// others, one after the other, while people write whose clients are older. Both
// kinds work in one cloud, and two of the newer kind use the newer version.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	c := &site{dir: folder(t)}
	var bootstrap []string
	for i := range 4 {
		s := newServer(t, c.dir, plain, i, bootstrap, labServer+anyHome)
		bootstrap = append(bootstrap, s.peer)
		c.add(s)
		s.start(t)
	}
	c.awaitFormed(t)
	w := newCrowd(t, c)
	w.begin(t, seed(t))
	before := upgradeHomes(t, c, "before", omega)
	for i, s := range c.servers {
		s.process().signal(os.Interrupt)
		select {
		case <-s.process().exited:
		case <-time.After(drainTimeout):
			t.Fatalf("server %d has not ended:\n%s", i+1, lastLines(s.log, 20))
		}
		s.path = filepath.Join(programs, newer, omegad)
		s.start(t)
		until(t, startTimeout, fmt.Sprintf("server %d is a full member again", i+1), func() bool {
			n, _ := s.full(get)
			return n == len(c.servers)
		})
		if i == 1 { // two of each kind
			between := upgradeHomes(t, c, "between", filepath.Join(newer, omega))
			exchange(t, before, between)
		}
	}
	after := upgradeHomes(t, c, "after", filepath.Join(newer, omega))
	exchange(t, before, after)
	w.finish(t, settleTimeout)
	older, later := 0, 0
	for _, s := range c.servers {
		b, err := os.ReadFile(s.log)
		if err != nil {
			t.Fatal(err)
		}
		older += strings.Count(string(b), "version=1\n")
		later += strings.Count(string(b), "version=2\n")
	}
	t.Logf("%d connections between servers spoke version 1, %d version 2", older, later)
	if older == 0 || later == 0 {
		t.Error("not both versions were spoken, so nothing is shown")
	}
}

// upgradeHomes makes two accounts at the first and the last server that are
// used by commands of one build, and has them write to each other.
func upgradeHomes(t *testing.T, c *site, name, program string) [2]*home {
	t.Helper()
	var out [2]*home
	for i, s := range []*server{c.servers[0], c.servers[len(c.servers)-1]} {
		out[i] = makeHome(t, c.dir, fmt.Sprint(name, i), s.address(), program)
	}
	exchange(t, out, out)
	return out
}

// exchange sends a text from the first of a pair to the second of another, and
// one back.
func exchange(t *testing.T, a, b [2]*home) {
	t.Helper()
	for _, pair := range [][2]*home{{a[0], b[1]}, {b[1], a[0]}} {
		text := fmt.Sprintf("%s to %s at %v", filepath.Base(pair[0].dir), filepath.Base(pair[1].dir), time.Now())
		var sent struct{ State string }
		pair[0].run(t, &sent, "send", "--to", pair[1].fpr, "--timeout", "60s", text)
		var got shown
		pair[1].run(t, &got, "recv", "-n", "1", "--timeout", "60s")
		if got.Text != text || !got.Verified {
			t.Errorf("received %+v, want %q", got, text)
		}
	}
}
