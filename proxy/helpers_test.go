package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mem"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A testCloud is several servers in one process, joined by links that can lose,
// repeat and reorder frames.
type testCloud struct {
	t       *testing.T
	ctx     context.Context
	servers []*testServer
	wg      sync.WaitGroup
	links   map[[2]int]*testQueue // guarded by mu
	finally []func()              // before the servers stop

	mu    sync.Mutex
	rand  *mathrand.Rand
	lose  float64                               // guarded by mu
	twice float64                               // guarded by mu
	delay time.Duration                         // at most; guarded by mu
	drop  func(from, to int, f wire.Frame) bool // guarded by mu
	spy   func(from, to int, f wire.Frame)      // guarded by mu
	cut   map[[2]int]bool                       // Forward fails; guarded by mu
	edit  func(*Config)                         // of servers that start
	keyed func(n int, cfg *keyserver.Config)    // of servers that start
	mail  func(n int, cfg *mailbox.Config)      // of servers that start
	ahead atomic.Int64                          // of virtual time is the clock of key servers that are placed, ns
	multi func(t wire.Type, servers int)        // is told of every ForwardAll; set before servers start
	spool bool                                  // servers keep mail for others
}

// A testServer can be stopped, crashed and started again.
type testServer struct {
	c    *testCloud
	n    int
	id   *pgp.Identity
	disk *mem.Disk
	away *mem.Disk // of the spool
	kept *keyserver.Mem

	keys   *keyserver.Server
	store  *mailbox.Store
	spool  *mailbox.Store // nil: none
	proxy  *Proxy
	cancel context.CancelFunc
	ended  chan struct{}
	dead   bool // guarded by c.mu

	stranger bool // others do not take it for a member; guarded by c.mu
}

// inCloud runs f with a cloud of n servers in a bubble of virtual time.
func inCloud(t *testing.T, n int, f func(t *testing.T, c *testCloud), prepare ...func(*testCloud)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &testCloud{t: t, ctx: ctx, rand: mathrand.New(mathrand.NewPCG(1, 2)), cut: make(map[[2]int]bool), links: make(map[[2]int]*testQueue)}
		for _, p := range prepare {
			p(c)
		}
		for i := range n {
			s := &testServer{c: c, n: i, id: newPerson(t, 1).identity(0), disk: mem.NewCrashableDisk(), away: mem.NewCrashableDisk(), kept: keyserver.NewMem()}
			c.servers = append(c.servers, s)
		}
		for _, s := range c.servers {
			s.start()
		}
		defer func() {
			for _, f := range c.finally {
				f()
			}
			cancel()
			for _, s := range c.servers {
				s.stop()
			}
			c.wg.Wait()
		}()
		f(t, c)
	})
}

func (s *testServer) fp() omega.Fingerprint { return s.id.Account() }

// start brings the server up with what its disk holds.
func (s *testServer) start() {
	t := s.c.t
	t.Helper()
	keysConfig := keyserver.Config{Store: s.kept}
	if s.c.keyed != nil {
		s.c.keyed(s.n, &keysConfig)
	}
	keys, err := keyserver.New(keysConfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Load(s.c.ctx); err != nil {
		t.Fatal(err)
	}
	mailConfig := mailbox.Config{Driver: s.disk.Open()}
	if s.c.mail != nil {
		s.c.mail(s.n, &mailConfig)
	}
	store, err := mailbox.Open(mailConfig)
	if err != nil {
		t.Fatal(err)
	}
	var spool *mailbox.Store
	if s.c.spool {
		if spool, err = mailbox.Open(mailbox.Config{Driver: s.away.Open()}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{
		Spool: spool, Members: s.members,
		Identity: s.id, Keys: keys, Mail: store, Forwarder: testLink{s.c, s.n}, SendRate: -1,
		Servers: func() []omega.Fingerprint {
			var out []omega.Fingerprint
			for _, o := range s.c.servers {
				if o != s {
					out = append(out, o.fp())
				}
			}
			return out
		},
	}
	if s.c.edit != nil {
		s.c.edit(&cfg)
	}
	p, err := New(s.c.ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.c.ctx)
	s.c.mu.Lock()
	s.keys, s.store, s.spool, s.proxy, s.cancel, s.ended, s.dead = keys, store, spool, p, cancel, make(chan struct{}), false
	s.c.mu.Unlock()
	ended := s.ended
	s.c.wg.Go(func() {
		defer close(ended)
		if err := p.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// stop ends the server as its process's end would.
func (s *testServer) stop() {
	s.c.mu.Lock()
	was := s.dead
	s.dead = true
	s.c.mu.Unlock()
	if was {
		return
	}
	s.proxy.admit.Lock()
	s.proxy.draining = true // or a session might begin while the others are waited for
	s.proxy.admit.Unlock()
	s.proxy.sessions.all(func(x *session) { x.c.Close() })
	s.proxy.serving.Wait()
	s.cancel()
	<-s.ended
	_ = s.store.Close() // a crashed disk says so
	if s.spool != nil {
		_ = s.spool.Close()
	}
}

// members lists the servers of the cloud, as far as this one can reach them.
func (s *testServer) members() []Member {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	var out []Member
	for _, o := range s.c.servers {
		up := !o.dead && !s.c.cut[[2]int{s.n, o.n}] && !s.c.cut[[2]int{o.n, s.n}]
		out = append(out, Member{Server: o.fp(), Full: !o.stranger, Eligible: !o.stranger, Reachable: up, Stranger: o.stranger})
	}
	return out
}

// testLink is the Forwarder of one server.
type testLink struct {
	c    *testCloud
	from int
}

func (l testLink) ForwardAll(ctx context.Context, to []omega.Fingerprint, class wire.Class, frame []byte) (err error) {
	if f, _, parseErr := wire.ParseFrame(frame, omega.MaxPeerFrame); parseErr == nil && l.c.multi != nil {
		l.c.multi(f.Type, len(to))
	}
	for _, fp := range to {
		err = errors.Join(err, l.Forward(ctx, fp, class, frame))
	}
	return err
}

func (l testLink) Forward(_ context.Context, to omega.Fingerprint, class wire.Class, frame []byte) error {
	c := l.c
	n := slices.IndexFunc(c.servers, func(s *testServer) bool { return s.fp() == to })
	if n < 0 {
		return errors.New("no such server")
	}
	f, _, err := wire.ParseFrame(frame, omega.MaxPeerFrame)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut[[2]int{l.from, n}] || c.cut[[2]int{n, l.from}] || c.servers[n].dead {
		return errors.New("cut")
	}
	if c.spy != nil {
		c.spy(l.from, n, f)
	}
	if c.drop != nil && c.drop(l.from, n, f) || c.rand.Float64() < c.lose {
		return nil
	}
	copies := 1
	if c.rand.Float64() < c.twice {
		copies = 2
	}
	for range copies {
		b := slices.Clone(frame)
		deliver := func() {
			c.mu.Lock()
			s := c.servers[n]
			p, dead := s.proxy, s.dead
			c.mu.Unlock()
			if !dead {
				p.Receive(c.ctx, c.servers[l.from].fp(), class, b)
			}
		}
		if c.delay > 0 {
			delay := time.Duration(c.rand.Int64N(int64(c.delay)))
			c.wg.Go(func() {
				time.Sleep(delay) // virtual
				deliver()
			})
			continue
		}
		pair := [2]int{l.from, n}
		if c.links[pair] == nil {
			c.links[pair] = new(testQueue)
		}
		c.links[pair].add(&c.wg, deliver)
	}
	return nil
}

// A testQueue runs functions in order.
type testQueue struct {
	mu      sync.Mutex
	list    []func() // guarded by mu
	running bool     // guarded by mu
}

func (q *testQueue) add(wg *sync.WaitGroup, f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, f)
	if !q.running {
		q.running = true
		wg.Go(q.run)
	}
}

func (q *testQueue) run() {
	for {
		q.mu.Lock()
		if len(q.list) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		f := q.list[0]
		q.list = q.list[1:]
		q.mu.Unlock()
		f()
	}
}

// A testPerson is an account with all its secrets.
type testPerson struct {
	t       testing.TB
	primary *pgp.SecretKey
	cert    *pgp.Certificate
	devices []*pgp.DeviceSecrets
	record  *wire.Record
}

func newPerson(t testing.TB, devices int) *testPerson {
	t.Helper()
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, now)
	if err != nil {
		t.Fatal(err)
	}
	p := &testPerson{t: t, primary: primary, cert: cert}
	for range devices {
		p.addDevice()
	}
	return p
}

func (p *testPerson) addDevice() {
	p.t.Helper()
	dev, err := pgp.GenerateDevice(rand.Reader, "test", time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := dev.Request(p.t.Context(), p.primary.Public(), time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	if p.cert, err = pgp.AddDevice(p.t.Context(), p.primary, p.cert, req, time.Now()); err != nil {
		p.t.Fatal(err)
	}
	p.devices = append(p.devices, dev)
}

func (p *testPerson) fp() omega.Fingerprint { return p.cert.Fingerprint() }

func (p *testPerson) identity(n int) *pgp.Identity {
	p.t.Helper()
	id, err := pgp.NewIdentity(p.cert, p.devices[n])
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *testPerson) device(n int) omega.Fingerprint {
	return p.devices[n].Signing.Public().Fingerprint()
}

// entry makes the next record with these homes.
func (p *testPerson) entry(homes ...*testServer) wire.Entry { return p.entryBy(0, homes...) }

// entryBy is entry by another device than the first.
func (p *testPerson) entryBy(device int, homes ...*testServer) wire.Entry {
	p.t.Helper()
	now := time.Now()
	rec := &wire.Record{Sequence: 1, Issued: now, Expires: now.Add(24 * time.Hour), Certificate: p.cert.Hash(), User: p.fp(), Device: p.device(device)}
	if p.record != nil {
		rec.Sequence, rec.Previous = p.record.Sequence+1, p.record.Hash()
	}
	for _, h := range homes {
		rec.Homes = append(rec.Homes, h.fp())
	}
	sig, err := pgp.SignCompact(p.t.Context(), p.devices[device].Signing, rec.Signed(), now)
	if err != nil {
		p.t.Fatal(err)
	}
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	p.record = rec
	return wire.Entry{Certificate: p.cert.Bytes(), Record: rec.Bytes()}
}

// register makes a person with a record at all servers of the cloud.
func (c *testCloud) register(devices int, homes ...*testServer) *testPerson {
	c.t.Helper()
	p := newPerson(c.t, devices)
	c.publish(p.entry(homes...))
	return p
}

func (c *testCloud) publish(e wire.Entry) {
	c.t.Helper()
	for _, s := range c.servers {
		if _, _, err := s.keys.Accept(c.ctx, keyserver.FromServer, e); err != nil {
			c.t.Fatal(err)
		}
	}
}

// testConn is the server's end of a connection in memory.
type testConn struct {
	peer transport.Peer

	mu      sync.Mutex
	changed sync.Cond // with mu
	in      [][]byte  // to the server
	out     []byte    // to the client: frames, not read yet
	limit   int       // of out, in octets
	closed  bool      // by the server
	flush   bool      // closed once out is empty
	left    bool      // by the client
	looks   int       // how often Queued was called
	handed  bool      // its usual reader stops: a test reads
}

func newTestConn(peer transport.Peer) *testConn {
	c := &testConn{peer: peer, limit: transport.DefaultClientQueue}
	c.changed.L = &c.mu
	return c
}

func (c *testConn) Peer() transport.Peer { return c.peer }
func (c *testConn) ReleaseCertificate()  {}
func (c *testConn) Rest()                {}

func (c *testConn) ReadFrame() (wire.Frame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.in) == 0 {
		if c.closed || c.flush {
			return wire.Frame{}, transport.ErrClosed
		}
		if c.left {
			return wire.Frame{}, io.EOF
		}
		c.changed.Wait()
	}
	b := c.in[0]
	c.in = c.in[1:]
	f, _, err := wire.ParseFrame(b, omega.MaxFrame)
	return f, err
}

func (c *testConn) Send(frames []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.flush {
		return transport.ErrClosed
	}
	if len(c.out)+len(frames) > c.limit {
		return transport.ErrSlow
	}
	c.out = append(c.out, frames...)
	c.changed.Broadcast()
	return nil
}

func (c *testConn) SendFrame(t wire.Type, tag uint32, body []byte) error {
	return c.Send(wire.AppendFrame(nil, t, tag, body))
}

func (c *testConn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return len(c.out)
}

func (c *testConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
	return nil
}

func (c *testConn) CloseAfterFlush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush = true
	c.changed.Broadcast()
}

// next returns the next frame at the client's end; false when there is none
// and the connection has ended.
func (c *testConn) next(test bool) (wire.Frame, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) == 0 || c.handed != test {
		if c.closed || c.flush || c.left || c.handed != test {
			return wire.Frame{}, false
		}
		c.changed.Wait()
	}
	f, rest, err := wire.ParseFrame(c.out, omega.MaxFrame)
	if err != nil {
		return wire.Frame{}, false
	}
	f.Body = slices.Clone(f.Body)
	c.out = append([]byte(nil), rest...)
	return f, true
}

// handOver leaves what comes to the test itself.
func (c *testConn) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed = true
	c.changed.Broadcast()
}

// write sends a frame as the client.
func (c *testConn) write(t wire.Type, tag uint32, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in = append(c.in, wire.AppendFrame(nil, t, tag, body))
	c.changed.Broadcast()
}

func (c *testConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	c.changed.Broadcast()
}

// A testClient is one device: what it keeps over connections, and its present
// connection.
type testClient struct {
	t      testing.TB
	person *testPerson
	n      int // device
	epoch  uint64
	keys   map[omega.Fingerprint]keyserver.AckKey // by home

	mu      sync.Mutex
	changed sync.Cond
	conn    *testConn
	served  chan error // of the present connection
	cursor  map[omega.Fingerprint]wire.LeaseHome
	got     []string // payloads shown, in order
	shown   map[omega.ID]bool
	frames  []wire.Frame // everything but mail
	mails   int          // mail frames, repetitions too
	noAck   bool
	once    bool // acknowledges nothing again
	tag     uint32
}

func newClient(p *testPerson, n int) *testClient {
	c := &testClient{t: p.t, person: p, n: n, keys: make(map[omega.Fingerprint]keyserver.AckKey),
		cursor: make(map[omega.Fingerprint]wire.LeaseHome), shown: make(map[omega.ID]bool)}
	c.changed.L = &c.mu
	return c
}

// connect opens a session at s.
func (c *testClient) connect(s *testServer) *testClient {
	conn := newTestConn(transport.Peer{Account: c.person.fp(), Device: c.person.device(c.n), Role: transport.RoleClient})
	served := make(chan error, 1)
	c.mu.Lock()
	if c.conn != nil {
		c.conn.handOver()
	}
	c.conn, c.served = conn, served
	c.mu.Unlock()
	s.c.wg.Go(func() { served <- s.proxy.serve(s.c.ctx, conn) })
	s.c.wg.Go(func() { c.read(conn) })
	return c
}

// lease makes a signed lease for these homes; edit may change it before.
func (c *testClient) lease(proxy *testServer, edit func(*wire.Lease), homes ...*testServer) *wire.Lease {
	c.t.Helper()
	now := time.Now()
	c.epoch++
	l := &wire.Lease{User: c.person.fp(), Device: c.person.device(c.n), Proxy: proxy.fp(), Epoch: c.epoch, Issued: now, NotAfter: now.Add(time.Hour)}
	c.mu.Lock()
	for _, h := range homes {
		lh := c.cursor[h.fp()]
		lh.Home = h.fp()
		l.Homes = append(l.Homes, lh)
		key, err := keyserver.NewAckKey(c.t.Context(), c.person.devices[c.n].Encryption, h.id.Decrypter.Public(), l.Device, h.fp())
		if err != nil {
			c.t.Fatal(err)
		}
		c.keys[h.fp()] = key
	}
	c.mu.Unlock()
	if edit != nil {
		edit(l)
	}
	sig, err := pgp.SignCompact(c.t.Context(), c.person.devices[c.n].Signing, l.Signed(), now)
	if err != nil {
		c.t.Fatal(err)
	}
	l.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return l
}

// attach connects to a proxy and attaches to the homes.
func (c *testClient) attach(proxy *testServer, homes ...*testServer) *testClient {
	c.t.Helper()
	c.connect(proxy)
	c.conn.write(wire.TypeAttach, 0, c.lease(proxy, nil, homes...).Bytes())
	return c
}

// read takes frames as a device does: it shows every message once, notices
// gaps, and acknowledges.
func (c *testClient) read(conn *testConn) {
	for {
		f, ok := conn.next(false)
		c.mu.Lock()
		if !ok || c.conn != conn {
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
		switch f.Type {
		case wire.TypeMail:
			c.takeMail(conn, f)
		case wire.TypeAttached:
			if a, err := wire.DecodeAttached(f.Body); err == nil && a.Code == omega.CodeOK {
				c.cursor[a.Home] = wire.LeaseHome{Home: a.Home, Incarnation: a.Incarnation, Cursor: a.Cursor}
			}
			c.frames = append(c.frames, f)
		default:
			c.frames = append(c.frames, f)
		}
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

// takeMail is called with c.mu held.
func (c *testClient) takeMail(conn *testConn, f wire.Frame) {
	m, err := wire.DecodeMail(f.Body)
	if err != nil {
		c.t.Errorf("mail: %v", err)
		return
	}
	env, err := wire.ParseEnvelope(m.Envelope)
	if err != nil {
		c.t.Errorf("mail: %v", err)
		return
	}
	for _, to := range env.Recipients {
		if to != c.person.fp() || env.NumRecipients() != 1 {
			c.t.Errorf("a mail of %v names %d recipients, %v among them", c.person.fp(), env.NumRecipients(), to)
		}
	}
	c.mails++
	if m.Seq == 0 {
		c.got = append(c.got, "ephemeral "+string(env.Payload()))
		return
	}
	cur := c.cursor[m.Home]
	if c.once && m.Seq <= cur.Cursor {
		return
	}
	if m.Prev > cur.Cursor {
		conn.write(wire.TypeRewind, 0, wire.AppendAck(nil, &wire.Ack{Home: m.Home, Device: m.Device, Seq: cur.Cursor}))
		return
	}
	if m.Seq > cur.Cursor {
		cur.Cursor = m.Seq
		c.cursor[m.Home] = cur
	}
	if !c.shown[env.ID()] {
		c.shown[env.ID()] = true
		c.got = append(c.got, string(env.Payload()))
	}
	if !c.noAck {
		conn.write(wire.TypeAck, 0, c.ack(m.Home, cur.Cursor))
	}
}

// count is how many mails came, repetitions too.
func (c *testClient) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mails
}

// at is how far the device is at a home.
func (c *testClient) at(home *testServer) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cursor[home.fp()].Cursor
}

// ack makes a true acknowledgement.
func (c *testClient) ack(home omega.Fingerprint, seq uint64) []byte {
	a := &wire.Ack{Home: home, Device: c.person.device(c.n), Seq: seq}
	key := c.keys[home]
	a.MAC = key.MAC(a)
	return wire.AppendAck(nil, a)
}

// wait returns when ok says so, and fails after a while of virtual time.
func (c *testClient) wait(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	stop := time.AfterFunc(2*time.Minute, func() {
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
	})
	defer stop.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		if !time.Now().Before(deadline) {
			c.t.Fatalf("waited for %s in vain; got %q, %d frames, %d mails", what, tail(c.got), len(c.frames), c.mails)
		}
		c.changed.Wait()
	}
}

func tail(list []string) []string { return list[max(0, len(list)-10):] }

// expect waits for exactly these payloads to have been shown, in order.
func (c *testClient) expect(want ...string) {
	c.t.Helper()
	c.wait(fmt.Sprintf("%q", tail(want)), func() bool { return len(c.got) >= len(want) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.got, want) {
		c.t.Fatalf("device was shown %q, want %q", c.got, want)
	}
}

// answer waits for the answer to a tag.
func (c *testClient) answer(tag uint32) wire.Frame {
	c.t.Helper()
	var found wire.Frame
	c.wait(fmt.Sprintf("an answer to %d", tag), func() bool {
		i := slices.IndexFunc(c.frames, func(f wire.Frame) bool { return f.Tag == tag })
		if i >= 0 {
			found = c.frames[i]
		}
		return i >= 0
	})
	return found
}

// request sends a frame and waits for its answer.
func (c *testClient) request(t wire.Type, body []byte) wire.Frame {
	c.t.Helper()
	return c.answer(c.start(t, body))
}

// start sends a frame and returns its tag.
func (c *testClient) start(t wire.Type, body []byte) uint32 {
	c.mu.Lock()
	c.tag++
	tag := c.tag
	conn := c.conn
	c.mu.Unlock()
	conn.write(t, tag, body)
	return tag
}

// envelope makes a new one.
func (c *testClient) envelope(payload string, to ...*testPerson) []byte {
	c.t.Helper()
	e := &wire.Envelope{Class: wire.ClassText, Lifetime: time.Hour, Sender: c.person.fp(), Payload: []byte(payload)}
	if _, err := rand.Read(e.ID[:]); err != nil {
		c.t.Fatal(err)
	}
	for _, p := range to {
		e.Recipients = append(e.Recipients, p.fp())
	}
	b, err := e.AppendTo(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// sendCode sends an envelope and returns what the server says.
func (c *testClient) sendCode(env []byte) (omega.Code, []wire.Result) {
	c.t.Helper()
	return c.codes(c.request(wire.TypeSend, env))
}

func (c *testClient) codes(f wire.Frame) (omega.Code, []wire.Result) {
	c.t.Helper()
	if f.Type != wire.TypeSent {
		c.t.Fatalf("answer to a send has type %d: %q", f.Type, f.Body)
	}
	worst, results, err := wire.DecodeResults(f.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return worst, results
}

// send sends a text and wants it stored.
func (c *testClient) send(payload string, to ...*testPerson) {
	c.t.Helper()
	if code, results := c.sendCode(c.envelope(payload, to...)); code != omega.CodeOK {
		c.t.Fatalf("send %q = %s %v", payload, code, results)
	}
}

// attachedCode waits for the n-th answer to a lease.
func (c *testClient) attachedAt(home *testServer, n int) wire.Attached {
	c.t.Helper()
	var got wire.Attached
	c.wait("an answer to the lease", func() bool {
		seen := 0
		for _, f := range c.frames {
			if f.Type != wire.TypeAttached {
				continue
			}
			a, err := wire.DecodeAttached(f.Body)
			if err == nil && a.Home == home.fp() {
				if got = a; seen == n {
					return true
				}
				seen++
			}
		}
		return false
	})
	return got
}
