package cloud

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// ErrStopped is returned when Run has ended or ends.
var ErrStopped = errors.New("the cloud has stopped")

// A Cloud is one server's part in the cloud. Its methods may be called
// concurrently; Run must be running for links to come up.
type Cloud struct {
	cfg   Config
	self  omega.Fingerprint
	start time.Time // hello stamps count from here

	events  chan event
	dials   chan omega.Fingerprint // servers that Forward would like to reach directly
	stopped chan struct{}          // closed when the owner takes no more events
	began   atomic.Bool

	table atomic.Pointer[table] // never nil
	certs *certs
	stats counters

	custody *custody
	seals   *seals
	seen    *seen
	letters letters
	scores  scores
	courier courier
	probes  probes

	circuits circuits
	refusals refusals
	unmets   unmets

	secretMu sync.Mutex
	secret   *rand.ChaCha8 // guarded by secretMu

	packetRun uint64        // random, the first half of packet ids
	packetNum atomic.Uint64 // the second half
	seed      [32]byte      // of the owner's random numbers
}

// An event is something that the owner does between two waits.
type event func(*owner)

// New checks cfg and returns a Cloud that does nothing until Run.
func New(cfg Config) (*Cloud, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Cloud{
		cfg: cfg, self: cfg.Identity.Account(), start: cfg.Clock(),
		events:  make(chan event), // without a buffer: what is taken is done
		dials:   make(chan omega.Fingerprint, 64),
		stopped: make(chan struct{}),
		certs:   newCerts(cfg.Identity.Certificate, cfg.Clock),
	}
	c.custody, c.seals, c.seen = newCustody(c.self, &c.cfg), newSeals(cfg.Identity, c.certs), newSeen()
	c.letters.init()
	c.courier.init()
	random := cfg.Rand
	if random == nil {
		random = crand.Reader
	}
	var run [8]byte
	if _, err := io.ReadFull(random, c.seed[:]); err != nil {
		return nil, fmt.Errorf("cloud: seed random numbers: %w", err)
	}
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return nil, fmt.Errorf("cloud: seed nonces: %w", err)
	}
	c.secret = rand.NewChaCha8(secret)
	if _, err := io.ReadFull(random, run[:]); err != nil {
		return nil, fmt.Errorf("cloud: seed packet ids: %w", err)
	}
	c.packetRun = binary.BigEndian.Uint64(run[:])
	c.table.Store(newTable(mesh.NewDB(mesh.Config{Self: c.self, Verify: c.certs.verify}).View(c.start, new(mesh.Standing)), nil, nil, 0))
	return c, nil
}

// nextSecret returns 16 octets that nobody can guess.
func (c *Cloud) nextSecret() []byte {
	c.secretMu.Lock()
	defer c.secretMu.Unlock()
	b := make([]byte, 16)
	c.secret.Read(b) // never fails
	return b
}

// Run keeps this server in the cloud until ctx ends, and returns why it ended.
// It can be called once. All connections and goroutines that it started have
// ended when it returns, and the state is saved.
func (c *Cloud) Run(ctx context.Context) error {
	if !c.began.CompareAndSwap(false, true) {
		return errors.New("cloud: Run called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	o := newOwner(ctx, c, rand.New(rand.NewChaCha8(c.seed)))
	o.load()
	o.wg.Go(func() { c.carry(ctx) })
	err := o.run(ctx)
	close(c.stopped)
	cancel() // dials and connections end by it
	o.closeAll()
	o.wg.Wait()
	o.save()
	return err
}

// Accept takes a connection that another server dialled and serves it until it
// ends, ctx ends or Run returns. It closes conn.
func (c *Cloud) Accept(ctx context.Context, conn Conn) error {
	if conn.Peer().Role != transport.RoleServer {
		conn.Close()
		return fmt.Errorf("accept %v: it is no server", conn.Peer().Account)
	}
	if conn.Peer().Bulk {
		return c.serveBulk(ctx, newLink(conn, false))
	}
	return c.serve(ctx, newLink(conn, false))
}

// serve attaches a connection, reads it until it ends and detaches it.
func (c *Cloud) serve(ctx context.Context, l *link) error {
	defer l.conn.Close()
	defer context.AfterFunc(ctx, func() { l.conn.Close() })()
	if !c.do(func(o *owner) { o.attach(l) }) {
		return ErrStopped
	}
	err := c.read(ctx, l)
	l.bulks.close()
	c.do(func(o *owner) { o.detach(l, err) })
	return err
}

// do has the owner run e. It reports false, without running e, when the cloud
// has stopped.
func (c *Cloud) do(e event) bool {
	select {
	case c.events <- e:
		return true
	case <-c.stopped:
		return false
	}
}

// Update changes what this server says about itself. The change is announced
// at once, or as soon as the pace of announcements allows.
func (c *Cloud) Update(change func(*mesh.Announcement)) error {
	if !c.do(func(o *owner) { change(&o.facts); o.needAnnounce = true }) {
		return ErrStopped
	}
	return nil
}
