package virtual

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/node"
	"github.com/omega-im/omega/pgp"
)

// A world is servers and people at places, and the network between them.
type world struct {
	t       *testing.T
	net     *memnet.Network
	rng     *rand.Rand
	mu      sync.RWMutex
	places  []place // guarded by mu
	servers []*server
	people  []*person
	devices int // how many were made
}

// A place is a host and where it stands, in a square with sides of 1.
type place struct {
	host string
	x, y float64
}

// Distances are like those of the Earth: from one corner of the square to the
// other 100 ms one way, 38 ms in the mean.
const (
	nearest = 1 * time.Millisecond  // one way, between any two
	side    = 70 * time.Millisecond // one way, along a side of the square
)

// A server is a node that can be killed and started again.
type server struct {
	w    *world
	host string
	cfg  node.Config
	id   omega.Fingerprint
	cert *pgp.Certificate
	stop context.CancelFunc
	done chan error
	part *cloud.Cloud
	lie  lie // no node, but somebody who lies
}

// inWorld runs f on virtual time in a world without servers.
func inWorld(t *testing.T, seed uint64, f func(w *world)) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memnet.New(), rng: rand.New(rand.NewPCG(seed, 1))}
		defer w.end()
		f(w)
	})
}

func (w *world) end() {
	for _, p := range w.people {
		p.close()
	}
	for _, s := range w.servers {
		w.net.Kill(s.host)
		s.end()
	}
}

// settle gives a host a place: near another one, or anywhere.
func (w *world) settle(host string, near *place) {
	p := place{host, w.rng.Float64(), w.rng.Float64()}
	if near != nil {
		p.x, p.y = near.x, near.y
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.places {
		w.net.SetLatency(host, q.host, p.oneWay(q))
	}
	w.places = append(w.places, p)
}

func (p place) oneWay(q place) time.Duration {
	return nearest + time.Duration(math.Hypot(p.x-q.x, p.y-q.y)*float64(side))
}

func (w *world) place(host string) place {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.places[slices.IndexFunc(w.places, func(p place) bool { return p.host == host })]
}

func (w *world) oneWay(a, b string) time.Duration { return w.place(a).oneWay(w.place(b)) }

// dialler is how a host connects: a round trip for TCP, if somebody is there.
func (w *world) dialler(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := w.net.Dialer(host)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(2 * w.oneWay(host, to)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return dial(ctx, network, address)
	}
}

// add starts a server, with the first one to begin with.
func (w *world) add(change ...func(*server)) *server {
	w.t.Helper()
	cfg, err := node.ParseConfig(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Cloud.Private = true // its names are of its own network
	s := &server{w: w, host: fmt.Sprintf("s%d", len(w.servers)+1), cfg: *cfg}
	s.cfg.Name, s.cfg.Operator, s.cfg.Site, s.cfg.Dir = s.host, "operator of "+s.host, s.host, filepath.Join(w.t.TempDir(), s.host)
	s.cfg.Store.Kind, s.cfg.Homes.MinAge = "memory", 0
	s.cfg.Limits.SendRate = -1
	s.cfg.Listen.Client, s.cfg.Listen.Peer, s.cfg.Listen.HTTP, s.cfg.Listen.Admin = s.host+":7000", s.host+":7001", "", ""
	s.cfg.Announce.Client, s.cfg.Announce.Peer = s.cfg.Listen.Client, s.cfg.Listen.Peer
	if len(w.servers) > 0 {
		first := w.servers[0]
		s.cfg.Cloud.Bootstrap = []string{first.cfg.Listen.Peer + "#" + first.id.String()}
	}
	for _, f := range change {
		f(s)
	}
	w.settle(s.host, nil)
	w.servers = append(w.servers, s)
	if s.lie != honest {
		s.startLiar()
	} else {
		s.start()
	}
	return s
}

// start runs the server with the keys and the link-state that it has.
func (s *server) start() {
	t := s.w.t
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("OMEGA_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", s.host)
	}
	n, err := node.New(t.Context(), s.cfg, node.Options{Logger: log, Listen: s.listen, Dial: s.w.dialler(s.host)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(s.cfg.Dir, "certificate.pgp"))
	if err == nil {
		s.cert, err = pgp.ParseCertificate(b, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.id, s.part = n.Fingerprint(), n.Cloud()
	s.run(n.Run)
}

// run has f run until end.
func (s *server) run(f func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s.stop, s.done = stop, done
	go func() { done <- f(ctx) }()
}

func (s *server) listen(_ context.Context, _, address string) (net.Listener, error) {
	return s.w.net.Listen(address)
}

// end waits until nothing of a server runs any more.
func (s *server) end() {
	if s.stop == nil {
		return
	}
	s.stop()
	<-s.done
	s.stop = nil
}

// kill ends the server as the death of its process does.
func (s *server) kill() { s.w.net.Kill(s.host) }

// silence has nothing from or to the server arrive any more, as if its machine
// stood still; nobody is told.
func (s *server) silence() { s.each(s.w.net.Cut) }

// deafen lets the server hear nothing; what it says still arrives.
func (s *server) deafen() {
	s.each(func(self, other string) { s.w.net.CutOneWay(other, self) })
}

func (s *server) each(f func(self, other string)) {
	s.w.mu.RLock()
	defer s.w.mu.RUnlock()
	for _, p := range s.w.places {
		if p.host != s.host {
			f(s.host, p.host)
		}
	}
}

// state is what the server thinks of another one.
func (s *server) state(of omega.Fingerprint) mesh.ServerState {
	for _, o := range s.part.Servers() {
		if o.Server == of {
			return o.State
		}
	}
	return mesh.Unreachable
}

// full is how many full members the server sees.
func (s *server) full() (n int) {
	for _, o := range s.part.Servers() {
		if o.State == mesh.Full {
			n++
		}
	}
	return n
}

// until waits for a condition on virtual time, and returns how long that took.
func (w *world) until(what string, within, every time.Duration, ok func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) >= within {
			w.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(every)
	}
	return time.Since(start)
}

// grow starts n servers, one after the other, and waits until all see all.
func (w *world) grow(n int, change ...func(*server)) {
	w.t.Helper()
	for range n {
		w.add(change...)
		time.Sleep(300 * time.Millisecond)
	}
	w.until(fmt.Sprintf("all %d servers see each other", len(w.servers)), 2*time.Minute, 50*time.Millisecond, w.formed)
}

func (w *world) formed() bool {
	want := 0
	for _, s := range w.servers {
		if !s.cfg.Announce.NAT {
			want++
		}
	}
	return !slices.ContainsFunc(w.servers, func(s *server) bool { return s.full() < want || len(s.part.Servers()) < len(w.servers) })
}
