package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/freeport"
	"github.com/omega-im/omega/mesh"
)

// MaxDev is how many servers a development cloud may have.
const MaxDev = 64

// DevConfig describes a whole cloud in one process on loopback.
type DevConfig struct {
	Servers int    // 1 to MaxDev
	Dir     string // one directory per server below it; the same again brings the same cloud back
	Logger  *slog.Logger
	FS      vfs.FS // of the stores; nil is the machine's
}

// A DevServer is one server of a development cloud, as scripts see it.
type DevServer struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Name        string            `json:"name"`
	Client      string            `json:"client"` // host:port#FINGERPRINT
	HTTP        string            `json:"http"`
	Peer        string            `json:"peer"`
	Server      string            `json:"server"` // for cloud.bootstrap of one more server: Peer#FINGERPRINT
	Admin       string            `json:"admin"`  // host:port of /metrics
}

// Dev is a development cloud.
type Dev struct {
	nodes []*Node
}

// Probes of a development cloud are frequent, so that the web site soon has
// something to show, and rarer in a large one, which has one processor.
const (
	devProbes     = 5 * time.Second
	devProbesEach = 1250 * time.Millisecond
)

// devNames are peaks of Taiwan, one per server and round again with a number.
var devNames = []string{"玉山", "雪山", "南湖", "合歡", "大霸", "奇萊", "阿里", "北大武"}

// NewDev opens the servers of a development cloud. Ports are kept in their
// directories, so that addresses stay the same when it comes back; a port that
// somebody else took meanwhile is replaced.
func NewDev(ctx context.Context, cfg DevConfig) (_ *Dev, err error) {
	if cfg.Servers < 1 || cfg.Servers > MaxDev {
		return nil, fmt.Errorf("a development cloud of %d servers: want 1 to %d", cfg.Servers, MaxDev)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dev{}
	defer func() {
		if err != nil {
			for _, n := range d.nodes {
				n.closeAll()
			}
		}
	}()
	var first string
	for i := range cfg.Servers {
		n, err := newDevNode(ctx, cfg, i, first)
		if err != nil {
			return nil, fmt.Errorf("server %d: %w", i+1, err)
		}
		d.nodes = append(d.nodes, n)
		if first == "" {
			first = n.PeerAddress() + "#" + n.Fingerprint().String()
		}
	}
	return d, nil
}

func newDevNode(ctx context.Context, cfg DevConfig, i int, bootstrap string) (*Node, error) {
	c, err := ParseConfig(nil)
	if err != nil {
		return nil, err
	}
	c.Name = devNames[i%len(devNames)]
	if i >= len(devNames) {
		c.Name += fmt.Sprint(i/len(devNames) + 1)
	}
	c.Cloud.Private = true
	c.Homes.MinAge = 0 // nobody waits a week for a cloud to try things with
	c.Operator, c.Site = fmt.Sprintf("營運者 %d", i+1), "本機"
	c.Dir = filepath.Join(cfg.Dir, fmt.Sprintf("s%d", i+1))
	c.Probe.Interval = Duration(max(devProbes, time.Duration(cfg.Servers)*devProbesEach))
	// Everybody on this machine has one address.
	c.Limits.HalfOpen, c.Limits.HalfPerHost, c.Limits.Handshakes = 4096, 4096, 1e6
	if bootstrap != "" {
		c.Cloud.Bootstrap = []string{bootstrap}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	ports := filepath.Join(c.Dir, "ports")
	text, err := choosePorts(ports, []*string{&c.Listen.Client, &c.Listen.Peer, &c.Listen.HTTP, &c.Listen.Admin})
	if err != nil {
		return nil, err
	}
	n, err := New(ctx, *c, Options{Logger: cfg.Logger.With("server", c.Name), FS: cfg.FS})
	if err != nil {
		return nil, err
	}
	// Only now: a second cloud on this directory has failed and keeps the
	// first one's ports.
	if err := writeFile(ports, []byte(text)); err != nil {
		n.closeAll()
		return nil, err
	}
	return n, nil
}

// choosePorts fills in loopback addresses: those of the last time where they
// are still free, new ones elsewhere. It returns what file is to hold.
func choosePorts(file string, to []*string) (text string, err error) {
	old := make([]int, len(to))
	if b, err := os.ReadFile(file); err == nil {
		fmt.Sscan(string(b), &old[0], &old[1], &old[2], &old[3])
	}
	for i, addr := range to {
		ln, err := freeport.Clouds.Listen(old[i])
		if err != nil {
			return "", err
		}
		defer ln.Close() // after the last one: no port is chosen twice
		*addr = ln.Addr().String()
		text += fmt.Sprintln(ln.Addr().(*net.TCPAddr).Port)
	}
	return text, nil
}

// Servers lists the servers in order.
func (d *Dev) Servers() []DevServer {
	var out []DevServer
	for _, n := range d.nodes {
		out = append(out, DevServer{
			Fingerprint: n.Fingerprint(), Name: n.cfg.Name, Client: n.ClientAddress(), HTTP: n.HTTPAddress(),
			Peer: n.PeerAddress(), Server: n.ServerAddress(), Admin: n.cfg.Listen.Admin,
		})
	}
	return out
}

// Run runs all servers until ctx ends or one fails. ready is called once, when
// every server sees every other one as a full member and takes accounts.
func (d *Dev) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	errs := make([]error, len(d.nodes))
	for i, n := range d.nodes {
		wg.Go(func() {
			if errs[i] = n.Run(ctx); errs[i] != nil {
				cancel(errs[i])
			}
		})
	}
	wg.Go(func() {
		if d.awaitFormed(ctx) {
			ready()
		}
	})
	wg.Wait()
	return errors.Join(errs...)
}

// awaitFormed waits until the cloud is what it is going to be.
func (d *Dev) awaitFormed(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		formed := true
		for _, n := range d.nodes {
			formed = formed && n.formed(len(d.nodes))
		}
		if formed {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// formed reports whether this server sees total full members and takes accounts.
func (n *Node) formed(total int) bool {
	full := 0
	for _, s := range n.cloud.Servers() {
		if s.State == mesh.Full {
			full++
		}
	}
	return full >= total && !n.joining()
}
