// Package node is one server: it opens what the configuration names and joins
// the parts that do not know each other. The cloud carries frames between
// servers, the proxy makes and takes them; the transport accepts connections
// and asks the key server who is who; the directory shows what the cloud
// knows.
//
// Goroutines: Run starts one for each of cloud, proxy, expiry of mail and blobs, the
// comparison of key servers, placement, reunions, the directory, and every listener, and waits for all of them.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/directory"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/hkp"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/prekeys"
	"github.com/omega-im/omega/proxy"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Version is what a server announces; the linker sets it for releases.
var Version = "dev"

// Options are what a Node takes beside its configuration file.
type Options struct {
	Logger *slog.Logger // nil discards
	FS     vfs.FS       // of the stores; nil is the machine's

	// Listen and Dial are the network, as net.ListenConfig and net.Dialer have
	// it; nil is the machine's.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)

	// Clock is the time of what is signed, stored and judged; nil is time.Now.
	Clock func() time.Time
}

// A Node is one server. New opens it, Run runs it.
type Node struct {
	cfg Config
	opt Options
	log *slog.Logger

	identity  *pgp.Identity
	keyStore  keyserver.Store
	keys      *keyserver.Server
	mail      *mailbox.Store
	spool     *mailbox.Store // for other servers
	media     media.Store
	prekeys   *prekeys.Store
	members   *members
	invites   *invites
	disputes  *disputes
	cloud     *cloud.Cloud
	guard     *transport.Guard // dials what servers announce
	clocks    clocks           // of the others
	proxy     *proxy.Proxy
	transport *transport.Server
	directory *directory.Directory
	hkp       *hkp.Handler
	public    http.Handler // of the public listener
	metrics   *metrics
	reunions  chan omega.Fingerprint // servers that were connected just now
	replaced  chan struct{}          // the key server has other entries to keep

	comparisons *comparisons // of key servers and mailboxes with other servers

	client, peer, http, admin net.Listener      // http and admin may be nil
	budget                    *transport.Budget // of client and http

	stores map[string]checkpointer // by directory; none in memory
	backup sync.Mutex              // one checkpoint is made at a time
}

// New opens keys, stores and listeners, and starts nothing. On an error
// nothing stays open.
func New(ctx context.Context, cfg Config, opt Options) (_ *Node, err error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	n := &Node{cfg: cfg, opt: opt, log: opt.Logger, reunions: make(chan omega.Fingerprint, maxReunions), replaced: make(chan struct{}, 1)}
	n.comparisons = newComparisons(n.compareWith)
	defer func() {
		if err != nil {
			n.closeAll()
		}
	}()
	if err := cfg.CheckMachine(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := refuseBackup(cfg.Dir); err != nil {
		return nil, err
	}
	if n.identity, err = loadIdentity(ctx, cfg.Dir, opt.Clock()); err != nil {
		return nil, fmt.Errorf("keys of this server: %w", err)
	}
	if err := n.listen(ctx); err != nil {
		return nil, err
	}
	if err := n.openStores(ctx); err != nil {
		return nil, err
	}
	return n, n.join(ctx)
}

// Fingerprint is who this server is.
func (n *Node) Fingerprint() omega.Fingerprint { return n.identity.Account() }

// Cloud is this server's part in the cloud: what it sees of it, and what it
// counts.
func (n *Node) Cloud() *cloud.Cloud { return n.cloud }

// ClientAddress is what clients dial: host:port#FINGERPRINT. The host is HOST
// where this server does not know what others call it.
func (n *Node) ClientAddress() string { return n.address(n.announced().Client, n.client) }

// ServerAddress is what a new server puts into cloud.bootstrap to join by this
// one, in the same form.
func (n *Node) ServerAddress() string { return n.address(n.announced().Peer, n.peer) }

func (n *Node) address(announced string, ln net.Listener) string {
	if announced == "" {
		_, port, _ := net.SplitHostPort(ln.Addr().String()) // of our own listener
		announced = net.JoinHostPort("HOST", port)
	}
	return transport.Address{Network: transport.NetworkTLS, HostPort: announced, Fingerprint: n.Fingerprint()}.String()
}

// PeerAddress is what other servers dial: host:port.
func (n *Node) PeerAddress() string { return n.announced().Peer }

// HTTPAddress is the URL of the web site, "" if there is none.
func (n *Node) HTTPAddress() string { return n.announced().HTTP }

// listen opens the listeners, so that a port that is taken is known before
// anything else happens.
func (n *Node) listen(ctx context.Context) error {
	listen := n.opt.Listen
	if listen == nil {
		listen = new(net.ListenConfig).Listen
	}
	for _, l := range []struct {
		at  string
		to  *net.Listener
		key string
	}{
		{n.cfg.Listen.Client, &n.client, "client"}, {n.cfg.Listen.Peer, &n.peer, "peer"},
		{n.cfg.Listen.HTTP, &n.http, "http"}, {n.cfg.Listen.Admin, &n.admin, "admin"},
	} {
		if l.at == "" {
			continue
		}
		ln, err := listen(ctx, "tcp", l.at)
		if err != nil {
			return fmt.Errorf("listen.%s: %w", l.key, err)
		}
		*l.to = ln
	}
	n.budget = transport.NewBudget(n.cfg.budget())
	n.client = n.budget.Listener(n.client)
	if n.http != nil {
		n.http = n.budget.Listener(n.http)
	}
	return nil
}

func (n *Node) openStores(ctx context.Context) error {
	driver, err := n.openDrivers()
	if err != nil {
		return err
	}
	n.metrics = newMetrics()
	n.mail, err = mailbox.Open(mailbox.Config{
		Driver: driver, MaxMessages: n.cfg.Quota.Messages, MaxBytes: int64(n.cfg.Quota.Bytes), Committed: n.metrics.committed,
		Now: n.opt.Clock,
	})
	if err != nil {
		driver.Close()
		return fmt.Errorf("mailboxes: %w", err)
	}
	if err := n.openSpool(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := n.openMedia(); err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	if err := n.openPrekeys(); err != nil {
		return err
	}
	if n.members, err = loadMembers(filepath.Join(n.cfg.Dir, "members"), n.Fingerprint(), time.Duration(n.cfg.Homes.MinAge), n.opt.Clock()); err != nil {
		return err
	}
	if n.invites, err = loadInvites(filepath.Join(n.cfg.Dir, fileInvites), n.opt.Clock); err != nil {
		return err
	}
	if n.keys, err = keyserver.New(keyserver.Config{
		Store: n.keyStore, Registration: registrations[n.cfg.Registration].policy, Redeem: n.invites.redeem, Joining: n.joining, Now: n.opt.Clock, Logger: n.log,
		Self: n.Fingerprint(), Identity: n.identity, Everything: n.cfg.Keys.Everything, Budget: n.cfg.Keys.Budget,
		MemberSince: n.members.since, InUse: n.inUse,
	}); err != nil {
		return err
	}
	if n.disputes, err = loadDisputes(filepath.Join(n.cfg.Dir, fileDisputes)); err != nil {
		return err
	}
	n.keys.OnEvidence(n.disputes.add)
	return n.keys.Load(ctx)
}

// registrations are what the configuration may say, for the key server and for
// others.
var registrations = map[string]struct {
	policy    keyserver.Registration
	announced mesh.Registration
}{
	"open":   {keyserver.RegistrationOpen, mesh.RegistrationOpen},
	"invite": {keyserver.RegistrationInvite, mesh.RegistrationInvite},
	"closed": {keyserver.RegistrationClosed, mesh.RegistrationClosed},
}

// join makes the parts and ties them together.
func (n *Node) join(ctx context.Context) (err error) {
	rendezvous := transport.NewRendezvous(0, 0, n.opt.Clock)
	n.transport, err = transport.NewServer(transport.Config{
		Identity: n.identity, Find: n.find, Register: n.register, Lookup: n.lookup, Contest: n.contest, Servers: n.serverList, Rendezvous: rendezvous,
		Terminated: n.http != nil, Clock: n.opt.Clock, Logger: n.log,
		Limits: transport.Limits{
			HalfOpen: n.cfg.Limits.HalfOpen, HalfOpenPerHost: n.cfg.Limits.HalfPerHost,
			HandshakeRate: n.cfg.Limits.Handshakes, Guests: n.cfg.Limits.Guests,
		},
	})
	if err != nil {
		return err
	}
	if n.guard, err = newGuard(&n.cfg, n.opt.Dial, n.log); err != nil {
		return err
	}
	if n.cloud, err = n.newCloud(); err != nil {
		return err
	}
	public, err := n.newFallback()
	if err != nil {
		return err
	}
	n.proxy, err = proxy.New(ctx, proxy.Config{
		Identity: n.identity, Keys: n.keys, Mail: n.mail, Spool: n.spool, Media: n.media, Prekeys: n.prekeys, Forwarder: n.cloud, Servers: n.others,
		Members: n.members.list, Operator: n.members.operator, Apart: n.apart, Answers: n.answers, Places: n.placesKeys,
		Announcements: n.cloud.Announcements, Way: n.way, Public: public, Rendezvous: rendezvous,
		IdleTimeout: time.Duration(n.cfg.Limits.IdleTimeout), SendRate: n.cfg.Limits.SendRate, SendBurst: n.cfg.Limits.SendBurst,
		Now: n.opt.Clock, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.directory, err = n.newDirectory()
	if err != nil {
		return err
	}
	n.hkp, err = hkp.New(hkp.Config{
		Find: n.proxy.Lookup, Plain: n.keys.Plain, Update: n.proxy.Update, Changed: n.keys.Changed, Metrics: n.keys.Metrics, Clock: n.opt.Clock, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.public, err = n.publicHandler()
	return err
}

func (n *Node) newCloud() (*cloud.Cloud, error) {
	bootstrap, err := n.cfg.bootstraps()
	if err != nil {
		return nil, err
	}
	deny, err := n.cfg.denied()
	if err != nil {
		return nil, err
	}
	vouches, err := n.cfg.vouches()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(n.cfg.Dir, fileCloud)
	return cloud.New(cloud.Config{
		Identity: n.identity, Announcement: n.announced(), Bootstrap: bootstrap, Dial: n.dialPeer, Probe: n.probePeer,
		DialBulk: n.dialBulk, DialCircuit: n.dialByCircuit, AnswerCircuit: n.answerCircuit, Deliverer: deliverer{n}, Connected: n.connected,
		Deny: deny, MemberSince: n.members.since, Vouch: n.cfg.Cloud.Vouch, Vouches: vouches,
		Load:  func() ([]byte, error) { return os.ReadFile(state) },
		Save:  func(b []byte) error { return writeFile(state, b) },
		Clock: n.opt.Clock, Logger: n.log,
	})
}

// announced is what this server says about itself.
func (n *Node) announced() mesh.Announcement {
	a := mesh.Announcement{
		Flags: mesh.FlagAnswers | mesh.FlagPlaces, Name: n.cfg.Name, Operator: n.cfg.Operator, Site: n.cfg.Site, Version: Version,
		Client: dialable(n.cfg.Announce.Client, n.client), Peer: dialable(n.cfg.Announce.Peer, n.peer), HTTP: n.cfg.Announce.HTTP,
		Registration: registrations[n.cfg.Registration].announced,
	}
	if n.cfg.Cloud.Transit {
		a.Flags |= mesh.FlagTransit
	}
	if n.cfg.Announce.NAT {
		a.Flags |= mesh.FlagNAT
	}
	if host := dialable("", n.http); a.HTTP == "" && host != "" {
		a.HTTP = "http://" + host
	}
	return a
}

// answers reports whether a server says that its answers name what they answer.
// One that nothing is known of is taken for one that does: nobody gets by with
// less by keeping an announcement away.
func (n *Node) answers(server omega.Fingerprint) bool {
	a := n.cloud.Announcement(server)
	return a == nil || a.Flags&mesh.FlagAnswers != 0
}

// dialable is what others dial: what the configuration says, or what listens
// if that is not every address of the machine.
func dialable(configured string, ln net.Listener) string {
	if configured != "" || ln == nil {
		return configured
	}
	if a, ok := ln.Addr().(*net.TCPAddr); ok && !a.IP.IsUnspecified() {
		return a.String()
	}
	return ""
}

// others lists all servers of the cloud but this one.
func (n *Node) others() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, s := range n.cloud.Servers() {
		if s.Server != n.Fingerprint() {
			out = append(out, s.Server)
		}
	}
	return out
}

// joining reports that this server is on probation in its cloud, has not reached it
// yet, or does not know yet which servers to ask who is new: it takes no accounts
// until it is a member. One that was told
// of no cloud is one by itself. (spec/delivery.md, DELIV-11)
func (n *Node) joining() bool {
	if n.refused() != nil {
		return true
	}
	others := 0
	for _, s := range n.cloud.Servers() {
		if s.Server != n.Fingerprint() {
			others++
		} else if s.State == mesh.Probationary {
			return true
		}
	}
	if others == 0 {
		return len(n.cfg.Cloud.Bootstrap) > 0
	}
	return n.keys.Owners(n.Fingerprint()) == nil
}

// apart reports that this server belongs to a cloud none of which it can reach.
func (n *Node) apart() bool {
	servers := n.cloud.Servers()
	reachable := slices.ContainsFunc(servers, func(s cloud.Server) bool {
		return s.Server != n.Fingerprint() && s.State != mesh.Unreachable
	})
	return !reachable && (len(servers) > 1 || len(n.cfg.Cloud.Bootstrap) > 0)
}

func (n *Node) rtts() map[omega.Fingerprint]time.Duration {
	out := map[omega.Fingerprint]time.Duration{}
	for _, s := range n.cloud.Servers() {
		out[s.Server] = s.RTT
	}
	return out
}

// deliverer hands frames of other servers to the proxy.
type deliverer struct{ n *Node }

func (d deliverer) Deliver(ctx context.Context, from omega.Fingerprint, class wire.Class, msg []byte) {
	d.n.proxy.Receive(ctx, from, class, msg)
}

// find tells the transport who an account or server is.
func (n *Node) find(ctx context.Context, fp omega.Fingerprint) (*pgp.Certificate, uint64, error) {
	e, err := n.keys.Find(ctx, fp)
	if err != nil {
		return nil, 0, err
	}
	return e.Certificate, n.keys.Generation(ctx, fp), nil
}

// inUse reports that an entry is wanted here though others own it.
func (n *Node) inUse(e *keyserver.Entry) bool { return n.proxy != nil && n.proxy.InUse(e) }

// register takes somebody new from the transport.
func (n *Node) register(ctx context.Context, r transport.Registration) (*pgp.Certificate, uint64, error) {
	e, err := n.proxy.Register(ctx, r.Role, wire.Entry{Certificate: r.Certificate.Bytes(), Record: r.Record}, r.Invite, r.Remote)
	if err != nil {
		return nil, 0, err
	}
	return e.Certificate, n.keys.Generation(ctx, e.Fingerprint()), nil
}

// serverList tells guests which servers there are.
func (n *Node) serverList(query []byte) ([]byte, error) { return n.proxy.ServerList(query) }

// lookup answers guests. Servers are found among those of the cloud as well:
// their certificates travel with their announcements.
func (n *Node) lookup(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	b, err := n.keys.Raw(ctx, fp)
	if err == nil {
		return wire.DecodeEntry(b)
	}
	if cert, certErr := n.cloud.FindCertificate(ctx, fp); certErr == nil {
		return wire.Entry{Certificate: cert.Bytes()}, nil
	}
	e, err := n.proxy.Lookup(ctx, fp) // others may keep it, or know more than this owner
	if err != nil {
		return wire.Entry{}, err
	}
	return e.Wire(), nil
}

// closeAll closes what New opened.
func (n *Node) closeAll() error {
	var errs []error
	for _, l := range []net.Listener{n.client, n.peer, n.http, n.admin} {
		if l != nil {
			l.Close()
		}
	}
	for _, s := range []*mailbox.Store{n.mail, n.spool} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if n.media != nil {
		errs = append(errs, n.media.Close())
	}
	if n.keyStore != nil {
		errs = append(errs, n.keyStore.Close())
	}
	return errors.Join(errs...)
}

// drainTimeout bounds the orderly end: clients are told to go, what they sent
// is stored.
const drainTimeout = 10 * time.Second

// Run serves until ctx ends, then drains and closes everything. It reports
// what went wrong, nil after an orderly end.
func (n *Node) Run(ctx context.Context) error {
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var wg sync.WaitGroup
	start := func(what string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(inner); err != nil && inner.Err() == nil {
				stop(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	start("proxy", n.proxy.Run)
	start("cloud", n.cloud.Run)
	start("client listener", func(ctx context.Context) error {
		return n.transport.Serve(ctx, n.client, n.session, transport.RoleClient)
	})
	start("peer listener", func(ctx context.Context) error { return n.transport.ServePeers(ctx, n.peer, n.link, n.splice) })
	start("key server comparison", n.compare)
	start("reunions", n.reunite)
	start("placement", n.handOff)
	start("mail expiry", n.expire)
	start("blob expiry", n.expireBlobs)
	start("memory", n.tidy)
	start("directory", n.directory.Run)
	servers := n.startHTTP(start)

	select {
	case <-ctx.Done():
	case <-inner.Done():
	case <-n.keysFailed():
		stop(errors.New("key server: stable storage failed; see the log"))
	case <-n.mail.Failed():
		stop(errors.New("mailboxes: stable storage failed; see the log"))
	case <-n.media.Failed():
		stop(errors.New("blobs: stable storage failed; see the log"))
	case <-n.spool.Failed():
		stop(errors.New("spool: stable storage failed; see the log"))
	}
	n.log.Info("draining") // new sessions are sent away by the proxy until the listener closes
	drain, cancel := context.WithTimeout(inner, drainTimeout)
	if err := n.proxy.Shutdown(drain); err != nil {
		n.log.Warn("drained in part", "err", err)
	}
	for _, s := range servers {
		s.Shutdown(drain)
	}
	cancel()
	err := context.Cause(inner)
	stop(nil)
	wg.Wait()
	return errors.Join(err, n.disputes.flush(n.opt.Clock()), n.closeAll())
}

// keysFailed is closed when the key server's storage cannot be trusted any more.
// Memory does not fail.
func (n *Node) keysFailed() <-chan struct{} {
	if f, ok := n.keyStore.(interface{ Failed() <-chan struct{} }); ok {
		return f.Failed()
	}
	return nil
}

// session serves one client, link one other server.
func (n *Node) session(ctx context.Context, c *transport.Conn) {
	if err := n.proxy.Serve(ctx, c); err != nil {
		n.sessionEnded(err)
	}
}

// sessionEnded is apart from session, whose stack stays while a client is
// connected.
func (n *Node) sessionEnded(err error) { n.log.Debug("session ended", "err", err) }

func (n *Node) link(ctx context.Context, c *transport.Conn) {
	if err := n.cloud.Accept(ctx, c); err != nil {
		n.log.Debug("link ended", "peer", c.Peer().Account, "err", err)
	}
}

func (n *Node) startHTTP(start func(string, func(context.Context) error)) (servers []*http.Server) {
	serve := func(what string, ln net.Listener, s *http.Server) {
		if ln == nil {
			return
		}
		servers = append(servers, s)
		start(what, func(ctx context.Context) error {
			s.BaseContext = func(net.Listener) context.Context { return ctx } // of WebSockets too, which Close leaves alone
			defer context.AfterFunc(ctx, func() { s.Close() })()
			if err := s.Serve(transport.Steady(ln, n.log)); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	serve("http", n.http, publicServer(n.public, httpPatience))
	serve("admin", n.admin, newHTTPServer(n.adminHandler()))
	return servers
}

// httpPatience is how long a stranger may take to say what he wants, and again
// to read the answer.
const httpPatience = 30 * time.Second

// publicServer waits for nobody for ever: neither for the body of a request nor
// for an answer to be read. A WebSocket has left these deadlines behind.
func publicServer(h http.Handler, patience time.Duration) *http.Server {
	s := newHTTPServer(h)
	s.ReadTimeout, s.WriteTimeout = patience, patience
	return s
}

func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10, IdleTimeout: time.Minute}
}
