package fault

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
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

// A lab is machines on one network: network namespaces joined by a switch in
// this process. No address of it exists outside.
type lab struct {
	machines []*machine
	ways     *netswitch
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

// labs counts the labs of this process, whose namespaces need names.
var labs atomic.Int32

// newLab makes n machines; packets from i to j take delay(i, j).
func newLab(t *testing.T, n int, delay func(i, j int) time.Duration) *lab {
	t.Helper()
	needRoot(t, "ip")
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		missing(t, err.Error())
	}
	prefix := fmt.Sprintf("omf%d-%d-", os.Getpid(), labs.Add(1))
	l := &lab{}
	var taps []*os.File
	for i := range n {
		m := &machine{ns: fmt.Sprint(prefix, i+1), addr: fmt.Sprintf("10.78.0.%d", i+1)}
		if out, err := exec.Command("ip", "netns", "add", m.ns).CombinedOutput(); err != nil {
			missing(t, fmt.Sprintf("no network namespaces here: %v: %s", err, out))
		}
		// Deleted after the processes of the test have been killed.
		t.Cleanup(func() { sh(t, "ip netns del %s", m.ns) })
		var err error
		if m.file, err = os.Open("/var/run/netns/" + m.ns); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.file.Close() })
		tap, err := openTap(m)
		if err != nil {
			missing(t, fmt.Sprintf("no TAP devices here: %v", err))
		}
		t.Cleanup(func() { tap.Close() })
		sh(t, "ip -n %s link set eth0 address %s && ip -n %s addr add %s/24 dev eth0 && ip -n %s link set eth0 up && ip -n %s link set lo up",
			m.ns, mac(i), m.ns, m.addr, m.ns, m.ns)
		l.machines, taps = append(l.machines, m), append(taps, tap)
	}
	l.ways = newSwitch(t, taps, delay)
	return l
}

// deaf has machine to drop everything that comes from another.
func (l *lab) deaf(to, from int) { l.ways.set(from, to, func(w *way) { w.cut = true }) }

// cut has two machines drop what comes from each other.
func (l *lab) cut(a, b int) {
	l.deaf(a, b)
	l.deaf(b, a)
}

// lossy has both ways between two machines lose a share of all packets.
func (l *lab) lossy(a, b int, share float64) {
	l.ways.set(a, b, func(w *way) { w.loss = share })
	l.ways.set(b, a, func(w *way) { w.loss = share })
}

// heal has everybody hear everybody again.
func (l *lab) heal() {
	for i := range l.machines {
		for j := range l.machines {
			l.ways.set(i, j, func(w *way) { w.cut, w.loss = false, 0 })
		}
	}
}

// inside calls f in the machine's namespace. A socket stays in the namespace in
// which it was made, so only this goroutine's thread has to go there.
func (m *machine) inside(f func()) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(m.file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", m.ns, err)
	}
	f()
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		return err // the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return nil
}

// dial makes a connection from the machine.
func (m *machine) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	var d net.Dialer
	if err := m.inside(func() { conn, err = d.DialContext(ctx, network, address) }); err != nil {
		return nil, err
	}
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

// Parts of the configuration of servers in a lab.
const (
	labServer = "[store]\nreserve = \"1MiB\"\n"
	anyHome   = "[homes]\nmin_age = \"0s\"\n" // homes of accounts are chosen among all, however young they are
)

// server makes the server of one machine, which is not started.
func (l *lab) server(t *testing.T, dir string, b build, i int, bootstrap []string, config string) *server {
	t.Helper()
	m := l.machines[i]
	s := &server{
		client: m.addr + ":7000", peer: m.addr + ":7001", http: m.addr + ":7080", admin: m.addr + ":7090",
		dir: fmt.Sprintf("%s/s%d", dir, i+1), dial: m.dial,
	}
	s.configure(t, b, i, bootstrap, config)
	return s
}

// in has the server run on a machine.
func (s *server) in(m *machine) {
	s.program.args = append([]string{"netns", "exec", m.ns, s.program.path}, s.program.args...)
	s.program.path = "ip"
}

// newLabServers starts one server per machine and waits until they are a cloud.
func newLabServers(t *testing.T, l *lab) *site {
	t.Helper()
	c := &site{dir: folder(t)}
	var bootstrap []string
	for i, m := range l.machines {
		s := l.server(t, c.dir, plain, i, bootstrap, labServer)
		s.in(m)
		bootstrap = append(bootstrap, s.peer)
		c.add(s)
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
