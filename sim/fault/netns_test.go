package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// missing skips a test that cannot run here, visibly; where everything has to
// run it fails.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// needRoot skips where namespaces cannot be made.
func needRoot(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "needs root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, "needs "+p)
		}
	}
}

// A lab is machines on one network: network namespaces joined by a bridge in a
// namespace of its own. No address of it exists outside.
type lab struct {
	machines []*machine
}

// A machine is one network namespace.
type machine struct {
	ns   string
	addr string // IPv4
	file *os.File
}

func sh(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// newLab makes n machines.
func newLab(t *testing.T, n int) *lab {
	t.Helper()
	needRoot(t, "ip", "nft")
	prefix := fmt.Sprintf("omf%d-", os.Getpid())
	hub := prefix + "hub"
	if out, err := exec.Command("ip", "netns", "add", hub).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("no network namespaces here: %v: %s", err, out))
	}
	// Deleted after the processes of the test have been killed.
	t.Cleanup(func() { sh(t, "ip netns del %s", hub) })
	sh(t, "ip -n %s link add br0 type bridge && ip -n %s link set br0 up", hub, hub)
	l := &lab{}
	for i := range n {
		m := &machine{ns: fmt.Sprint(prefix, i+1), addr: fmt.Sprintf("10.78.0.%d", i+1)}
		sh(t, "ip netns add %s", m.ns)
		t.Cleanup(func() { sh(t, "ip netns del %s", m.ns) })
		sh(t, "ip link add e%d netns %s type veth peer name eth0 netns %s", i+1, hub, m.ns)
		sh(t, "ip -n %s link set e%d master br0 up", hub, i+1)
		sh(t, "ip -n %s addr add %s/24 dev eth0 && ip -n %s link set eth0 up && ip -n %s link set lo up", m.ns, m.addr, m.ns, m.ns)
		sh(t, "ip netns exec %s nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; }'", m.ns)
		f, err := os.Open("/var/run/netns/" + m.ns)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		m.file = f
		l.machines = append(l.machines, m)
	}
	return l
}

// deaf has m drop everything that comes from o.
func (m *machine) deaf(t *testing.T, o *machine) {
	t.Helper()
	sh(t, "ip netns exec %s nft add rule inet cut in ip saddr %s drop", m.ns, o.addr)
}

// heal has m hear everybody again.
func (m *machine) heal(t *testing.T) {
	t.Helper()
	sh(t, "ip netns exec %s nft flush chain inet cut in", m.ns)
}

// dial makes a connection from the machine. A socket stays in the namespace in
// which it was made, so only this goroutine's thread has to go there.
func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer home.Close()
	if err := unix.Setns(int(m.file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("enter %s: %w", m.ns, err)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, errors.Join(err, back) // the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return conn, err
}

// get fetches a page from within the machine.
func (m *machine) get(url string) ([]byte, error) {
	c := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: m.dial, DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// newLabServers starts one server per machine and waits until they are a cloud.
func newLabServers(t *testing.T, l *lab) *site {
	t.Helper()
	c := &site{dir: folder(t)}
	var bootstrap []string
	for i, m := range l.machines {
		s := &server{
			client: m.addr + ":7000", peer: m.addr + ":7001", http: m.addr + ":7080", admin: m.addr + ":7090",
			dir: fmt.Sprintf("%s/s%d", c.dir, i+1), dial: m.dial,
		}
		s.configure(t, omegad, i, bootstrap, "[store]\nreserve = \"1MiB\"\n")
		s.program.args = append([]string{"netns", "exec", m.ns, s.program.path}, s.program.args...)
		s.program.path = "ip"
		bootstrap = append(bootstrap, s.peer)
		c.servers = append(c.servers, s)
		c.victims = append(c.victims, &s.keeper)
		s.start(t)
	}
	l.awaitFormed(t, c)
	return c
}

// awaitFormed waits until every server sees all as full members.
func (l *lab) awaitFormed(t *testing.T, c *site) {
	t.Helper()
	c.awaitFull(t, func(i int) func(string) ([]byte, error) { return l.machines[i].get })
}

// forwarded is how many packets the servers between the first and the last
// have forwarded.
func (l *lab) forwarded(t *testing.T, c *site) (sum float64) {
	t.Helper()
	for i := 1; i < len(c.servers)-1; i++ {
		page, err := l.machines[i].get("http://" + c.servers[i].admin + "/metrics")
		if err != nil {
			t.Fatalf("metrics of server %d: %v", i+1, err)
		}
		n := metric(page, "omega_cloud_forwarded")
		if n < 0 {
			t.Fatalf("server %d does not say how much it forwarded:\n%s", i+1, lines(page, "omega_cloud"))
		}
		sum += n
	}
	return sum
}

// lines are those lines of a page that begin with prefix.
func lines(page []byte, prefix string) string {
	var out []string
	for line := range strings.SplitSeq(string(page), "\n") {
		if strings.HasPrefix(line, prefix) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
