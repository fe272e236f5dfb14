// Package proxy serves clients: their sessions, the delivery of what they
// send, and, as the home of accounts, their mailboxes.
//
// One server plays two parts that know each other only by frames, as if they
// were two machines, and it is the same frames that travel between a client
// and its proxy and between servers (package wire):
//
//   - as proxy it takes envelopes from sessions, hands one copy to each home
//     server of the recipients, gathers the answers, and passes leases, mail
//     and acknowledgements between devices and their homes;
//   - as home it keeps mail of the accounts whose location record names it,
//     pushes it to the devices that attached with a lease, and forgets it when
//     all of them have acknowledged it.
//
// The life of a message, by file:
//
//	session.go   a frame of a client
//	send.go      recipients are grouped by home; what became of them is merged
//	request.go   copies under way to other servers, repeated until answered
//	receive.go   a frame of another server
//	deliver.go   the home stores an envelope, pushes it at once, and answers when it is durable
//	lease.go     what is under way to one device
//	pump.go      mail that waited, read from the store in windows
//	heartbeat.go which leases a proxy holds, compared with each home
//	blobs.go     blobs, and relay.go those that other servers have
//	hint.go      a home is away: deputies keep its copy (hold.go, spool.go)
//
// Frames to other servers go through a Forwarder, which package node joins
// with package cloud. Nothing here verifies a signature per message: sessions
// are authenticated, leases are verified once, readers verify the rest.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/prekeys"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A Forwarder carries frames to other servers, at best effort: what is lost is
// repeated here until it is answered.
type Forwarder interface {
	// Forward hands on one whole frame for the server to. It does not block,
	// does not call Receive before it returns, and keeps no reference to frame.
	// An error means that there is no way to that server now.
	Forward(ctx context.Context, to omega.Fingerprint, class wire.Class, frame []byte) error

	// ForwardAll is Forward to several servers, each named once, with one copy
	// per connection where they are many. Where an error is returned some did not
	// get it.
	ForwardAll(ctx context.Context, to []omega.Fingerprint, class wire.Class, frame []byte) error
}

// Config says who a Proxy is and what it works with.
type Config struct {
	Identity *pgp.Identity     // of this server; required
	Keys     *keyserver.Server // loaded; required
	Mail     *mailbox.Store    // required; the caller closes it after Shutdown

	// Forwarder carries frames to other servers. Nil means that there are none.
	Forwarder Forwarder

	// Servers lists the other servers of the cloud, in any order: entries are
	// published to all of them, and unknown accounts are looked up at some. Nil
	// means none. It is called often and must be cheap.
	Servers func() []omega.Fingerprint

	// Members says what is known of the servers of the cloud, this one
	// included, in any order. Nil means that there is only this one. It is
	// called when a home is away and when somebody looks for homes.
	Members func() []Member

	// Apart reports that this server belongs to a cloud that it has no way to
	// now, so that what it does not know others may. Nil means never. It must be
	// cheap.
	Apart func() bool

	// Operator returns who runs a server, "" for one of its own: servers of
	// one operator are one failure domain (spec/delivery.md, DELIV-13). Nil
	// means that all are on their own. It is called per envelope and home.
	Operator func(server omega.Fingerprint) string

	// Answers reports whether a server says, in its signed announcement, that its
	// answers name what they answer, and that it understands those that do
	// (spec/delivery.md, DELIV-25). Nil means that all do. It is called per
	// envelope and home.
	Answers func(server omega.Fingerprint) bool

	// Places reports whether a server says, in its signed announcement, that its
	// key server knows placement, trees of digests and receipts (spec/keys.md,
	// KEYS-7). Nil means that all do. It must be cheap.
	Places func(server omega.Fingerprint) bool

	// Spool keeps envelopes for homes that are away. It is not Mail, and the
	// caller closes it after Shutdown. Nil keeps nothing: what a home does not
	// take stays with its sender.
	Spool *mailbox.Store

	// Media keeps blobs of the accounts that live here. The caller closes it after
	// Run has returned. Nil means that this server takes and serves none.
	Media media.Store

	// Prekeys keeps prekeys of the accounts that live here. Nil means that this
	// server takes and gives none.
	Prekeys *prekeys.Store

	// Announcements is what clients get that ask which servers there are
	// (wire.TypeServers): signed announcements of package mesh. Nil means none.
	Announcements func() [][]byte

	// Way measures the way to another server, for clients that ask. Nil means
	// that they cannot.
	Way func(ctx context.Context, to omega.Fingerprint) (*wire.Way, error)

	// Public asks public key servers for the key of a fingerprint that the cloud
	// does not know, for an account that wants that (spec/keys.md, KEYS-15). It
	// takes seconds; the error is an *omega.Error. Nil means that none are asked.
	Public func(ctx context.Context, account, fp omega.Fingerprint) (*wire.PublicKey, error)

	// Rendezvous is where devices meet to be linked; it is the one of the
	// transport.Server, so that sessions and guests meet. Nil means that
	// sessions cannot use it.
	Rendezvous *transport.Rendezvous

	// IdleTimeout ends a session that has been silent this long. Zero means 5
	// minutes; phones on mobile networks ping every 4.
	IdleTimeout time.Duration

	// SendRate is how many envelopes a session may send per second in the long
	// run, and SendBurst how many at once. Zero means 500 and 5,000; a negative
	// rate takes the limit away.
	SendRate  int
	SendBurst int

	// Now is the time of what is signed and stored. What waits goes by a clock
	// that nobody sets. Nil means time.Now.
	Now func() time.Time

	Logger *slog.Logger // nil discards
}

// A Proxy is one server's proxy and home. Its methods may be called
// concurrently.
type Proxy struct {
	cfg  Config
	log  *slog.Logger
	self omega.Fingerprint
	born time.Time

	home       home
	spool      spool
	sessions   shardMap[*session] // by device
	outboxes   shardMap[*outbox]  // by server
	paces      shardMap[*pace]    // by server
	requests   requests
	beats      heartbeats
	jobs       jobs
	finds      finds
	wheres     wheres
	blobs      blobs
	published  rates     // by account
	pushed     rates     // by server
	deliveries sync.Pool // of *delivery
	sources    mailbox.SourceKey
	stats      stats
	life       lifetime
	coarse     atomic.Int64 // steady in ms, as of the last tick

	admit    sync.Mutex     // orders new sessions and Shutdown
	draining bool           // guarded by admit
	serving  sync.WaitGroup // sessions
	drained  atomic.Bool    // draining, for those that only look
}

// New checks cfg, and has the identity's key, which may be elsewhere, make one secret of
// this server; ctx is for that. Sessions are served once Run is called.
func New(ctx context.Context, cfg Config) (*Proxy, error) {
	if cfg.Identity == nil || cfg.Keys == nil || cfg.Mail == nil {
		return nil, errors.New("proxy: Config needs Identity, Keys and Mail")
	}
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, 5*time.Minute)
	cfg.SendRate = cmp.Or(cfg.SendRate, 500)
	cfg.SendBurst = cmp.Or(cfg.SendBurst, 5000)
	if cfg.Servers == nil {
		cfg.Servers = func() []omega.Fingerprint { return nil }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{cfg: cfg, log: cfg.Logger, self: cfg.Identity.Account(), born: time.Now()}
	var err error
	if p.sources, err = sourceKey(ctx, cfg.Identity); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p.home.init(p)
	p.spool.init(p)
	p.sessions.init()
	p.outboxes.init()
	p.paces.init()
	p.requests.init()
	p.finds.init()
	p.jobs.init(jobWorkers - 1)
	p.blobs.init()
	p.coarse.Store(p.steady().UnixMilli())
	cfg.Keys.OnChange(p.entryChanged)
	return p, nil
}

// now is the time.
func (p *Proxy) now() time.Time { return p.cfg.Now() }

// steady is the time for what waits and for rates: it goes on evenly when the
// machine's clock is set, and so is not for others' eyes.
func (p *Proxy) steady() time.Time { return p.born.Add(time.Since(p.born)) }

// tickInterval is the resolution of everything that waits.
const tickInterval = 100 * time.Millisecond

// Run does what has to be done from time to time and what must not be done on
// the caller's goroutine: it repeats requests, reads waiting mail, ends idle
// sessions. It returns when ctx ends and all goroutines of the Proxy have
// ended, sessions too; Shutdown and the end of their contexts come before that.
func (p *Proxy) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range pumpWorkers {
		wg.Go(func() { p.home.pumps.run(ctx) })
	}
	for range jobWorkers {
		wg.Go(func() { p.jobs.run(ctx) })
		wg.Go(func() { p.blobs.reads.run(ctx) })
	}
	for range blobWriters {
		wg.Go(func() { p.blobs.writes.run(ctx) })
	}
	wg.Go(func() { p.sweep(ctx) })
	p.tickLoop(ctx)
	wg.Wait()
	p.admit.Lock()
	p.draining = true
	p.drained.Store(true)
	p.admit.Unlock()
	p.failRequests()
	p.serving.Wait()
	p.life.end()
	return nil
}

// tickLoop looks at requests at every tick, at leases once a second, at
// sessions every five, and says to homes which leases it holds every fifteen.
func (p *Proxy) tickLoop(ctx context.Context) {
	t := time.NewTicker(tickInterval)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := p.steady()
		p.coarse.Store(now.UnixMilli())
		p.tickPaces()
		p.repeatRequests(now)
		if n%10 == 0 {
			p.home.tick(p.now(), now)
			p.spool.tick(now)
			p.tickRelays(now)
		}
		if n%int(beatInterval/tickInterval) == 0 {
			p.beat()
		}
		if n%50 == 0 {
			p.tickSessions(now)
			p.finds.forget(now)
			p.published.forget(now.UnixNano())
			p.pushed.forget(now.UnixNano())
			p.sweepOutboxes()
			p.sweepPaces()
		}
	}
}

// entryChanged follows an account in what is kept in memory of it.
func (p *Proxy) entryChanged(e *keyserver.Entry) {
	fp := e.Fingerprint()
	p.finds.found(fp)
	p.spawn(func() {
		ctx := context.Background()
		e, err := p.cfg.Keys.Find(ctx, fp) // the newest: changes may overtake each other
		if err != nil {
			return
		}
		p.home.changed(ctx, e)
		p.endRevoked(e)
		p.keepPrekeys(ctx, e)
		p.tellDevices(e)
	})
}

// drainJitter spreads the clients of a server that drains.
const drainJitter = 5 * time.Second

// Shutdown drains: it takes no new session and no new envelope, tells every
// client to attach elsewhere after a delay of its own, waits for what is being
// stored, and ends all sessions. It returns early with ctx's error; sessions
// that still wait for the store then end with the context of their Serve.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.admit.Lock()
	p.draining = true
	p.drained.Store(true)
	p.admit.Unlock()
	p.sessions.all(func(s *session) { s.bye(randomDelay(drainJitter)) })
	err := p.awaitSends(ctx)
	p.sessions.all(func(s *session) { s.end(omega.CodeShutdown, "") })
	done := make(chan struct{})
	go func() {
		p.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		p.sessions.all(func(s *session) { s.c.Close() })
		return ctx.Err()
	}
}

// awaitSends waits until no session has an envelope under way.
func (p *Proxy) awaitSends(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		busy := false
		p.sessions.all(func(s *session) { busy = busy || s.flow.count.Load() > 0 })
		if !busy {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
