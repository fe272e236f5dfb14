package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A testNet is a network in memory, on the virtual time of synctest.
type testNet struct {
	t       *testing.T
	mu      sync.Mutex
	nodes   map[string]*node   // by address
	cut     map[[2]string]bool // pairs of addresses: packets vanish, dials time out
	refuse  map[[2]string]bool // pairs: dials are refused, connections go on
	latency time.Duration      // one way
	tap     tap                // sees every frame on its way; nil: nobody does
	pumps   sync.WaitGroup
}

// A tap is shown a frame from one address to another and reports whether it
// vanishes.
type tap func(from, to string, f wire.Frame) (vanishes bool)

// A node is one server in a test. It can run, be killed and run again.
type node struct {
	*Cloud
	net    *testNet
	addr   string
	id     *pgp.Identity
	edit   func(*Config)
	mu     sync.Mutex
	disk   []byte                          // guarded by mu
	book   map[omega.Fingerprint]time.Time // since when others are members, for MemberSince; guarded by mu
	got    map[string]string               // guarded by mu: message to who sent it
	copies map[string]int                  // guarded by mu: how often each message came
	when   map[string]time.Time
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ctx    context.Context
}

func newNet(t *testing.T) *testNet {
	n := &testNet{
		t: t, nodes: map[string]*node{}, cut: map[[2]string]bool{}, refuse: map[[2]string]bool{},
		latency: 5 * time.Millisecond,
	}
	return n
}

// inBubble runs f on virtual time and stops all servers at the end.
func inBubble(t *testing.T, f func(t *testing.T, n *testNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t)
		defer n.stopAll()
		f(t, n)
	})
}

// identities are made once: they cost more than anything else in the tests.
var identities sync.Map // by name: *pgp.Identity

// primaries are the primary keys of identities.
var primaries sync.Map // by name: *pgp.SecretKey

func primaryOf(t testing.TB, name string) *pgp.SecretKey {
	identity(t, name)
	k, _ := primaries.Load(name)
	return k.(*pgp.SecretKey)
}

// identity returns the server identity of a name. Keys date from before the
// virtual time begins.
func identity(t testing.TB, name string) *pgp.Identity {
	t.Helper()
	if id, ok := identities.Load(name); ok {
		return id.(*pgp.Identity)
	}
	now := time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC)
	var seed [32]byte
	copy(seed[:], name)
	random := rand.NewChaCha8(seed)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	primary, err := pgp.GenerateSigning(random, now)
	must(err)
	primaries.Store(name, primary)
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	must(err)
	dev, err := pgp.GenerateDevice(random, "server", now)
	must(err)
	req, err := dev.Request(ctx, primary.Public(), now)
	must(err)
	cert, err = pgp.AddDevice(ctx, primary, cert, req, now)
	must(err)
	id, err := pgp.NewIdentity(cert, dev)
	must(err)
	identities.Store(name, id)
	return id
}

// add makes a server that is not running yet.
func (n *testNet) add(i int, edit func(*Config)) *node {
	nd := &node{net: n, addr: fmt.Sprintf("mem:%d", i+1), id: identity(n.t, fmt.Sprint("server ", i)), edit: edit, got: map[string]string{}, copies: map[string]int{}, when: map[string]time.Time{}}
	n.mu.Lock()
	n.nodes[nd.addr] = nd
	n.mu.Unlock()
	return nd
}

// start runs the server with what its disk has.
func (nd *node) start(bootstrap ...*node) {
	nd.net.t.Helper()
	cfg := Config{
		Identity: nd.id,
		Announcement: mesh.Announcement{
			Peer: nd.addr, Client: nd.addr, Name: nd.addr, Operator: "operator of " + nd.addr,
			Flags: mesh.FlagTransit, Registration: mesh.RegistrationOpen, Version: "test",
		},
		Dial: nd.dial, Deliverer: nd, MemberSince: nd.memberSince, Load: nd.load, Save: nd.save,
		Rand: rand.NewChaCha8([32]byte{byte(len(nd.addr)), nd.addr[len(nd.addr)-1]}),
	}
	for _, b := range bootstrap {
		cfg.Bootstrap = append(cfg.Bootstrap, transport.Address{Network: transport.NetworkTLS, HostPort: b.addr, Fingerprint: b.id.Account()})
	}
	if nd.edit != nil {
		nd.edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		nd.net.t.Fatal(err)
	}
	nd.mu.Lock()
	nd.Cloud = c
	nd.ctx, nd.cancel = context.WithCancel(context.Background())
	nd.mu.Unlock()
	nd.wg.Go(func() { c.Run(nd.ctx) })
}

// stop ends the server as a crash of the process does: its connections close.
func (nd *node) stop() {
	nd.mu.Lock()
	if nd.cancel != nil {
		nd.cancel() // from here on dial starts nothing on it
	}
	nd.mu.Unlock()
	nd.wg.Wait()
}

func (n *testNet) stopAll() {
	n.mu.Lock()
	clear(n.cut)
	nodes := make([]*node, 0, len(n.nodes))
	for _, nd := range n.nodes {
		nodes = append(nodes, nd)
	}
	n.mu.Unlock()
	for _, nd := range nodes {
		nd.stop()
	}
	n.pumps.Wait()
}

// remember has the server know another as a member since then, also after it was
// started again.
func (nd *node) remember(other *node, since time.Time) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	if nd.book == nil {
		nd.book = map[omega.Fingerprint]time.Time{}
	}
	nd.book[other.id.Account()] = since
}

func (nd *node) memberSince(fp omega.Fingerprint) (time.Time, bool) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	since, ok := nd.book[fp]
	return since, ok
}

func (nd *node) load() ([]byte, error) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	if nd.disk == nil {
		return nil, fs.ErrNotExist
	}
	return nd.disk, nil
}

func (nd *node) save(b []byte) error {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	nd.disk = b
	return nil
}

// Deliver notes a message.
func (nd *node) Deliver(_ context.Context, from omega.Fingerprint, _ wire.Class, msg []byte) {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	nd.got[string(msg)] = from.String()
	nd.copies[string(msg)]++
	nd.when[string(msg)] = time.Now()
}

func (nd *node) received(msg string) string {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	return nd.got[msg]
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func (n *testNet) set(m map[[2]string]bool, a, b *node, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m[pairOf(a.addr, b.addr)] = on
}

func (n *testNet) isCut(a, b string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[pairOf(a, b)]
}

func (n *testNet) setTap(f tap) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

func (n *testNet) tapped(from, to string, b []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tap == nil {
		return false
	}
	f, _, err := wire.ParseFrame(b, omega.MaxPeerFrame)
	return err == nil && n.tap(from, to, f)
}

// isolate cuts a server off from all others, silently.
func (n *testNet) isolate(nd *node, on bool) {
	for _, other := range n.all() {
		if other != nd {
			n.set(n.cut, nd, other, on)
		}
	}
}

func (n *testNet) all() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*node
	for _, nd := range n.nodes {
		out = append(out, nd)
	}
	slices.SortFunc(out, func(a, b *node) int {
		return len(a.addr)*1000 + int(a.addr[len(a.addr)-1]) - len(b.addr)*1000 - int(b.addr[len(b.addr)-1])
	})
	return out
}

var errRefused = errors.New("connection refused")

func (nd *node) dial(ctx context.Context, to transport.Address) (Conn, error) {
	n := nd.net
	n.mu.Lock()
	other := n.nodes[to.HostPort]
	refused := n.refuse[pairOf(nd.addr, to.HostPort)]
	n.mu.Unlock()
	cut := n.isCut(nd.addr, to.HostPort)
	time.Sleep(4 * n.latency)                 // TCP, TLS, hello and proof
	if cut || n.isCut(nd.addr, to.HostPort) { // also where that happens under way
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if other == nil || refused {
		return nil, errRefused
	}
	if fp := to.Fingerprint; !fp.IsZero() && fp != other.id.Account() {
		return nil, transport.ErrServer
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	if other.Cloud == nil || other.ctx.Err() != nil {
		return nil, errRefused
	}
	octx, cloud := other.ctx, other.Cloud
	mine, theirs := newPipe(n, nd, other)
	other.wg.Go(func() { cloud.Accept(octx, theirs) })
	return mine, nil
}

// A memConn is one end of a connection in memory.
type memConn struct {
	peer transport.Peer
	in   chan []byte
	out  chan packetInFlight
	gone chan struct{} // closed when this end closes
	once sync.Once
	far  *memConn
}

type packetInFlight struct {
	due time.Time
	b   []byte // nil: the end
}

func newPipe(n *testNet, a, b *node) (*memConn, *memConn) {
	end := func(peer *node) *memConn {
		return &memConn{
			peer: transport.Peer{Account: peer.id.Account(), Certificate: peer.id.Certificate, Role: transport.RoleServer},
			in:   make(chan []byte, 4096), out: make(chan packetInFlight, 4096), gone: make(chan struct{}),
		}
	}
	ca, cb := end(b), end(a)
	ca.far, cb.far = cb, ca
	n.pumps.Go(func() { ca.pump(n, a.addr, b.addr) })
	n.pumps.Go(func() { cb.pump(n, b.addr, a.addr) })
	return ca, cb
}

// pump carries what one end sends to the other.
func (c *memConn) pump(n *testNet, from, to string) {
	defer close(c.far.in)
	for {
		var p packetInFlight
		select {
		case p = <-c.out:
		case <-c.far.gone:
			return
		}
		time.Sleep(time.Until(p.due))
		switch {
		case n.isCut(from, to):
			if p.b == nil {
				<-c.far.gone // the end is never heard of
				return
			}
		case p.b == nil:
			return
		case n.tapped(from, to, p.b):
		default:
			select {
			case c.far.in <- p.b:
			case <-c.far.gone:
				return
			}
		}
	}
}

func (c *memConn) Peer() transport.Peer { return c.peer }

func (c *memConn) ReadFrame() (wire.Frame, error) {
	select {
	case b, ok := <-c.in:
		if !ok {
			return wire.Frame{}, io.EOF
		}
		f, _, err := wire.ParseFrame(b, omega.MaxPeerFrame)
		return f, err
	case <-c.gone:
		return wire.Frame{}, transport.ErrClosed
	}
}

func (c *memConn) Send(frames []byte) error {
	select {
	case <-c.gone:
		return transport.ErrClosed
	default:
	}
	for len(frames) > 0 {
		f, rest, err := wire.ParseFrame(frames, omega.MaxPeerFrame)
		if err != nil {
			return err
		}
		b := wire.AppendFrame(nil, f.Type, f.Tag, f.Body)
		select {
		case c.out <- packetInFlight{time.Now().Add(5 * time.Millisecond), b}:
		default:
			return transport.ErrSlow
		}
		frames = rest
	}
	return nil
}

func (c *memConn) SendFrame(t wire.Type, tag uint32, body []byte) error {
	return c.Send(wire.AppendFrame(nil, t, tag, body))
}

func (c *memConn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.out <- packetInFlight{time.Now().Add(5 * time.Millisecond), nil}
	})
	return nil
}

// await waits until ok, on virtual time, and returns how long that took.
func (n *testNet) await(what string, within time.Duration, ok func() bool) time.Duration {
	n.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > within {
			n.dump()
			n.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(start)
}

// dump shows the cloud as everyone sees it.
func (n *testNet) dump() {
	for _, nd := range n.all() {
		if nd.Cloud == nil || nd.ctx.Err() != nil {
			continue
		}
		var links, states []string
		for _, s := range nd.Servers() {
			states = append(states, s.Name+" "+s.State.String())
		}
		for _, e := range nd.Topology().Links {
			links = append(links, n.name(e.A)+"-"+n.name(e.B))
		}
		n.t.Logf("%s: %v %v %+v", nd.addr, states, links, nd.Stats())
	}
}

func (n *testNet) name(fp omega.Fingerprint) string {
	for _, nd := range n.nodes {
		if nd.id.Account() == fp {
			return nd.addr[4:]
		}
	}
	return fp.String()[:8]
}

// agree reports whether the given servers have the same database, list exactly
// each other as full members, and keep the rule.
func (n *testNet) agree(nodes []*node) bool {
	var digest mesh.Digest
	for i, nd := range nodes {
		d, err := nd.Digest()
		if err != nil || i > 0 && d != digest {
			return false
		}
		digest = d
		top := nd.Topology()
		full := 0
		for _, st := range top.States {
			if st == mesh.Full {
				full++
			}
		}
		if full != len(nodes) || top.MinDegree < mesh.Required(len(nodes)) || top.Components != 1 {
			return false
		}
		if len(nodes) > 2 && len(top.Bridges) > 0 || top.Connectivity < mesh.Required(len(nodes)) {
			return false
		}
	}
	return true
}

// cloudOf starts n servers, all with the first one as bootstrap, and waits
// until they form a cloud.
func (n *testNet) cloudOf(count int, edit func(i int, cfg *Config)) []*node {
	n.t.Helper()
	var nodes []*node
	for i := range count {
		nodes = append(nodes, n.add(i, func(cfg *Config) {
			if edit != nil {
				edit(i, cfg)
			}
		}))
	}
	for _, nd := range nodes {
		nd.start(nodes[0])
	}
	took := n.await(fmt.Sprintf("a cloud of %d", count), 30*time.Second, func() bool { return n.agree(nodes) })
	n.t.Logf("%d servers: a cloud after %v", count, took)
	return nodes
}

// send forwards a message and reports whether it was accepted.
func (nd *node) sendTo(to *node, msg string) error {
	return nd.Forward(nd.ctx, to.id.Account(), wire.ClassText, []byte(msg))
}

// apart returns two servers without a connection between them.
func (n *testNet) apart(nodes []*node) (a, b *node) {
	n.t.Helper()
	for _, a := range nodes {
		for _, s := range a.Servers() {
			if !s.Connected && s.Server != a.id.Account() {
				for _, b := range nodes {
					if b.id.Account() == s.Server {
						return a, b
					}
				}
			}
		}
	}
	n.t.Fatal("everybody is connected to everybody")
	return nil, nil
}
