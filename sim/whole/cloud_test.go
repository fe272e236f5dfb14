package whole

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/freeport"
	"github.com/omega-im/omega/node"
)

// patience bounds every wait of these tests: much more than anything takes on
// a busy machine, and than two things take after each other that are asked for
// again after 2, 12 and 72 seconds (client's chase).
const patience = 3 * time.Minute

// A server is one server that can be stopped and started again.
type server struct {
	cfg   node.Config
	clock func() time.Time // nil is time.Now
	node  *node.Node
	stop  context.CancelFunc
	done  chan error
}

// cloud is the four servers that most tests share; tests that stop one start
// their own.
var cloud []*server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "omega-whole-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cloud, err = startCloud(dir, 4, "open", "memory")
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the cloud:", err)
		return 1
	}
	code := m.Run()
	for _, s := range cloud {
		if err := s.end(); err != nil {
			fmt.Fprintln(os.Stderr, "end a server:", err)
			code = 1
		}
	}
	return code
}

// startCloud starts n servers below dir and waits until each knows all.
func startCloud(dir string, n int, registration, store string, change ...func(*node.Config)) (out []*server, err error) {
	defer func() {
		if err != nil {
			for _, s := range out {
				s.end()
			}
		}
	}()
	for i := range n {
		cfg, err := node.ParseConfig(nil)
		if err != nil {
			return out, err
		}
		cfg.Name, cfg.Dir, cfg.Registration = fmt.Sprintf("s%d", i+1), filepath.Join(dir, fmt.Sprintf("s%d", i+1)), registration
		cfg.Operator, cfg.Cloud.Private = cfg.Name, true
		cfg.Store.Kind, cfg.Store.Reserve = store, 1<<20
		cfg.Limits.HalfOpen, cfg.Limits.HalfPerHost, cfg.Limits.Handshakes = 4096, 4096, 1e6
		if i > 0 {
			cfg.Cloud.Bootstrap = []string{out[0].cfg.Listen.Peer + "#" + out[0].node.Fingerprint().String()}
		}
		if err := choosePorts(&cfg.Listen.Client, &cfg.Listen.Peer, &cfg.Listen.HTTP); err != nil {
			return out, err
		}
		cfg.Listen.Admin = ""
		for _, f := range change {
			f(cfg)
		}
		s := &server{cfg: *cfg}
		if err := s.start(); err != nil {
			return out, err
		}
		out = append(out, s)
	}
	for _, s := range out {
		if err := s.awaitServers(n); err != nil {
			return out, err
		}
	}
	return out, nil
}

// choosePorts fills in addresses that are free now.
func choosePorts(to ...*string) error {
	for _, addr := range to {
		ln, err := freeport.Tests.Listen(0)
		if err != nil {
			return err
		}
		defer ln.Close() // after the last one: no port is chosen twice
		*addr = ln.Addr().String()
	}
	return nil
}

// start opens and runs the server; again on the same keys, stores and ports.
func (s *server) start() (err error) {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("OMEGA_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("server", s.cfg.Name)
	}
	if s.node, err = node.New(context.Background(), s.cfg, node.Options{Logger: log, Clock: s.clock}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.done = stop, make(chan error, 1)
	go func(n *node.Node) { s.done <- n.Run(ctx) }(s.node)
	return nil
}

// end stops the server in order. Ending again does nothing.
func (s *server) end() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.stop = nil
	return <-s.done
}

func (s *server) fpr() omega.Fingerprint { return s.node.Fingerprint() }

// address is what clients dial.
func (s *server) address() string { return s.node.ClientAddress() }

// webSocket is the address of the same server for browsers.
func (s *server) webSocket() string {
	return "ws" + strings.TrimPrefix(s.node.HTTPAddress(), "http") + "/api/v1/connect#" + s.fpr().String()
}

// awaitServers waits until the server sees n full members.
func (s *server) awaitServers(n int) error {
	deadline := time.Now().Add(patience)
	for s.members() < n {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s sees %d of %d servers after %v", s.cfg.Name, s.members(), n, patience)
		}
		time.Sleep(poll)
	}
	return nil
}

// poll is how often a condition is looked at.
const poll = 10 * time.Millisecond

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(poll)
	}
}

// members is how many full members the server sees.
func (s *server) members() (n int) {
	resp, err := http.Get(s.node.HTTPAddress() + "/api/v1/topology")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var topology struct {
		Servers []struct {
			State string `json:"state"`
		} `json:"servers"`
	}
	if json.NewDecoder(resp.Body).Decode(&topology) != nil {
		return 0
	}
	for _, other := range topology.Servers {
		if other.State == "full" {
			n++
		}
	}
	return n
}
