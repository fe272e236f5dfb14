package fault

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds how long servers take to start and to form a cloud, on a
// machine that has a twentieth of a core for all of them.
const startTimeout = 4 * time.Minute

// A server is one server of the cloud under test.
type server struct {
	keeper // of its process, which other servers may share

	dir    string // its data
	client string // host:port
	peer   string // host:port
	http   string // host:port
	admin  string // host:port
	fpr    string // known once it has run
	dial   dialer // of clients near it
}

// A site is the cloud under test.
type site struct {
	dir     string
	servers []*server
	victims []*keeper // what can be killed
}

// add makes s a server of the cloud that can be killed.
func (c *site) add(s *server) {
	c.servers = append(c.servers, s)
	c.victims = append(c.victims, &s.keeper)
}

// given are the addresses that freePorts returned, to tests side by side.
var given sync.Map

// freePorts returns n addresses of loopback on which nothing listens, each only
// once. They are below the range that the kernel takes for outgoing connections,
// so that nobody has them while a server is down.
func freePorts(t *testing.T, host string, n int) []string {
	t.Helper()
	var out []string
	for len(out) < n {
		addr := fmt.Sprintf("%s:%d", host, 10_000+rand.IntN(22_000))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer ln.Close() // not before all are chosen
		if _, taken := given.LoadOrStore(addr, true); !taken {
			out = append(out, addr)
		}
	}
	return out
}

// newServer is a server with a configuration file of its own. extra is added
// to the file; it may not repeat a table.
func newServer(t *testing.T, dir string, b build, i int, bootstrap []string, extra string) *server {
	t.Helper()
	ports := freePorts(t, "127.0.0.1", 4)
	s := &server{client: ports[0], peer: ports[1], http: ports[2], admin: ports[3], dir: filepath.Join(dir, fmt.Sprintf("s%d", i+1))}
	s.configure(t, b, i, bootstrap, extra)
	return s
}

// configure writes the configuration file and says how to start the server.
func (s *server) configure(t *testing.T, b build, i int, bootstrap []string, extra string) {
	t.Helper()
	quoted, err := json.Marshal(append([]string{}, bootstrap...))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("name = \"s%d\"\noperator = \"operator-%d\"\ndir = %q\nlog_level = \"debug\"\n"+
		"[listen]\nclient = %q\npeer = %q\nhttp = %q\nadmin = %q\n[cloud]\nprivate = true\nbootstrap = %s\n"+
		"[limits]\nhalf_open_per_host = 1024\nhandshakes_per_second = 1000000.0\n%s",
		i+1, i+1, s.dir, s.client, s.peer, s.http, s.admin, quoted, extra)
	file := s.dir + ".toml"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.program = program{
		path: filepath.Join(programs, b.bin), args: []string{"serve", "--config", file}, log: s.dir + ".log", env: append([]string{"LANG=C"}, b.env...),
	}
}

// newServers starts n servers, each in a process of its own, and waits until
// they are a cloud.
func newServers(t *testing.T, b build, n int) *site {
	t.Helper()
	c := &site{dir: folder(t)}
	var bootstrap []string
	for i := range n {
		s := newServer(t, c.dir, b, i, bootstrap, "[store]\nreserve = \"1MiB\"\n")
		bootstrap = append(bootstrap, s.peer)
		c.add(s)
		s.start(t)
	}
	c.awaitFormed(t)
	return c
}

// newDev starts `omegad dev` and waits until it is a cloud.
func newDev(t *testing.T, b build, n int) *site {
	t.Helper()
	c := &site{dir: folder(t)}
	k := &keeper{program: program{
		path: filepath.Join(programs, b.bin), log: filepath.Join(c.dir, "dev.log"), env: append([]string{"LANG=C"}, b.env...),
		args: []string{"dev", "-n", fmt.Sprint(n), "--dir", filepath.Join(c.dir, "cloud"), "--json", "--log=info"},
	}}
	c.victims = []*keeper{k}
	for i := range n {
		ports := freePorts(t, "127.0.0.1", 4)
		s := &server{client: ports[0], peer: ports[1], http: ports[2], admin: ports[3], dir: filepath.Join(c.dir, "cloud", fmt.Sprintf("s%d", i+1))}
		s.program.log = k.log
		c.servers = append(c.servers, s)
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, p := range ports {
			fmt.Fprintln(&text, p[strings.LastIndexByte(p, ':')+1:])
		}
		if err := os.WriteFile(filepath.Join(s.dir, "ports"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k.start(t)
	c.awaitFormed(t)
	return c
}

// web fetches pages of servers.
var web = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func get(url string) ([]byte, error) {
	resp, err := web.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// A topology is what a server says about the cloud.
type topology struct {
	State   string
	Servers []struct{ Fingerprint, Name, State string }
}

// full counts the full members that s sees, and says what it sees. It learns
// who s is.
func (s *server) full(get func(string) ([]byte, error)) (n int, sees string) {
	var topo topology
	b, err := get("http://" + s.http + "/api/v1/topology")
	if err == nil {
		err = json.Unmarshal(b, &topo)
	}
	if err != nil {
		return 0, err.Error()
	}
	sees = string(b)
	var own struct{ Signer string }
	if b, err = get("http://" + s.http + "/api/v1/proxies"); err == nil {
		err = json.Unmarshal(b, &own)
	}
	if err != nil {
		return 0, err.Error()
	}
	s.fpr = own.Signer
	for _, o := range topo.Servers {
		if o.State == "full" {
			n++
		}
	}
	return n, sees
}

// awaitFormed waits until every server sees all as full members.
func (c *site) awaitFormed(t *testing.T) {
	c.awaitFull(t, func(int) func(string) ([]byte, error) { return get })
}

// awaitFull is awaitFormed for servers that are reached in different ways.
func (c *site) awaitFull(t *testing.T, from func(i int) func(string) ([]byte, error)) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for i, s := range c.servers {
		for {
			n, sees := s.full(from(i))
			if n == len(c.servers) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after %v server %d sees %d of %d full members: %s\n%s", startTimeout, i+1, n, len(c.servers), sees, lastLines(s.log, 10))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// address is what clients dial.
func (s *server) address() string { return s.client + "#" + s.fpr }

// metric reads one figure of /metrics, -1 if it is not there.
func metric(page []byte, name string) float64 {
	for line := range strings.SplitSeq(string(page), "\n") {
		var v float64
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &v); err == nil {
				return v
			}
		}
	}
	return -1
}
