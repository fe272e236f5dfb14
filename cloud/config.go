package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Times of the cloud. (spec/cloud.md, CLOUD-6)
const (
	// DefaultHelloInterval is the time between hellos on a connection, and
	// missedHellos of them without any frame end it. It is looked at
	// ticksPerHello times in between, so a silent death is noticed after 1.5 to
	// 1.55 s: soon enough that the whole cloud knows within 1.8 s, late enough for a garbage collection or a busy
	// machine. A crash is noticed at once, by the closed connection. (RFC 2328
	// has 10 s and 40 s; its links cost more than 17 octets a hello.)
	DefaultHelloInterval = 500 * time.Millisecond
	missedHellos         = 3
	ticksPerHello        = 10

	// DefaultLinkHold is how long a link must be up before it is announced,
	// so that links that come together are announced together. It grows
	// fourfold with every loss of the link in the last flapMemory but the first,
	// up to maxLinkHold: links that come and go are worse than none, and a server
	// that restarts once is not one of those.
	DefaultLinkHold = 300 * time.Millisecond
	maxLinkHold     = 5 * time.Minute
	flapMemory      = 10 * time.Minute

	// DefaultDialTimeout bounds dialling and handshake together.
	DefaultDialTimeout = 5 * time.Second

	// A failed dial is not repeated for firstRedial, then twice as long each
	// time up to lastRedial, give or take a quarter.
	firstRedial = time.Second
	lastRedial  = time.Minute

	// DefaultDirectIdle ends a direct connection that carried nothing. It is
	// above a minute so that a conversation with pauses keeps its connection.
	DefaultDirectIdle = 2 * time.Minute

	// refusedFor is how long a server that declined a link is not asked again,
	// and answerWithin how long it has to accept one.
	refusedFor   = time.Minute
	answerWithin = 3 * time.Second

	// rttInterval is the least time between announcements that only tell
	// of other round trips. They must differ by a fifth and by 5 ms.
	rttInterval = time.Minute

	minPlanInterval  = time.Second            // between looks at whom to dial; the longer
	maxPlanInterval  = 5 * time.Second        // nothing changed, the longer it is
	planGap          = 100 * time.Millisecond // the same, after something changed
	announceGap      = 50 * time.Millisecond  // bad news that comes together travels together
	exchangeInterval = 10 * time.Minute       // between comparisons of databases on a link
	viewInterval     = 10 * time.Second       // standings change by time alone
	expireInterval   = time.Minute
	saveInterval     = 30 * time.Second
)

// Limits of the cloud.
const (
	// DefaultMaxDirect is how many connections that are no links are kept;
	// the one unused for longest makes room.
	DefaultMaxDirect = 256

	// maxFollowers is how many servers without a link to this one may follow
	// the news over their connection while they join.
	maxFollowers = 64

	// maxDials is how many dials may be under way at once.
	maxDials = 32

	// maxCertificate is the largest certificate of a server, in octets.
	// Servers have one device; omega.MaxCertificate is for people with many.
	maxCertificate = 8 << 10

	// bucketsPerRequest is how many of the 256 parts of a database are asked
	// for at once: at 10,000 servers that is 1 MB of announcements and
	// certificates, well below what a connection queues.
	bucketsPerRequest = 16

	// requestsUnderWay is how many requests for parts wait for their answer at a
	// time, so that a connection is busy while the next one travels.
	requestsUnderWay = 2

	// maxBad is how many announcements that do not verify end a connection:
	// honest neighbours check before they tell on.
	maxBad = 8
)

// A Conn is an authenticated connection to another server: a *transport.Conn.
// ReadFrame is called by one goroutine at a time, the others by any.
type Conn interface {
	Peer() transport.Peer

	// ReadFrame returns the next frame; its body is valid until the next call.
	ReadFrame() (wire.Frame, error)

	// SendFrame queues a copy of one frame. It never blocks; an error means
	// that nothing was queued.
	SendFrame(t wire.Type, tag uint32, body []byte) error

	// Close ends the connection and unblocks ReadFrame.
	Close() error
}

// A Deliverer takes messages that arrived for this server.
type Deliverer interface {
	// Deliver is called with a message, which is one frame, and the server
	// that made it. It is called by many goroutines; while it runs, its
	// connection is not read. msg is only valid during the call.
	//
	// It is called once per message, unless the server that made it repeats it
	// as another one. from is proved. (spec/cloud.md, CLOUD-24, CLOUD-25)
	Deliver(ctx context.Context, from omega.Fingerprint, class wire.Class, msg []byte)
}

// Config is what a Cloud needs.
type Config struct {
	// Identity is this server's certificate and secrets; required.
	Identity *pgp.Identity

	// Announcement is what this server says about itself: addresses, names,
	// policy, flags. Server, Sequence, Issued, Expires, Certificate and Links
	// are set by the cloud. Cloud.Update changes it later.
	Announcement mesh.Announcement

	// Bootstrap are servers to begin with. Later the database knows more.
	Bootstrap []transport.Address

	// Deny are those that get no link to this server and that it asks for none.
	Deny Deny

	// MemberSince returns since when a server has been a full member, if it ever
	// was one as far as this server remembers, also from before it started. Nil
	// remembers nobody. It must not block.
	MemberSince func(omega.Fingerprint) (since time.Time, ok bool)

	// Vouch is how many operators of full members must have certified the key
	// of a newcomer. If there are fewer others, all of them. Zero asks for none.
	Vouch int

	// Vouches are certifications of this server's certificate by members, to
	// show when it asks for links.
	Vouches [][]byte

	// Dial connects to a server as a server; required. It returns within the
	// context's deadline, and only if the server proved the address's
	// fingerprint (any server, if that is zero).
	Dial func(ctx context.Context, to transport.Address) (Conn, error)

	// Probe measures the round trip to a server by as little as it takes, such
	// as a TCP connection that is closed again: nothing is proved by it. It
	// returns when ctx ends. Nil: newcomers measure nobody, and choose who is
	// near the server that they got the link-state from.
	Probe func(ctx context.Context, to transport.Address) (time.Duration, error)

	// DialBulk makes a second connection to a server that this one is connected
	// to, whose Peer says Bulk at both ends. Nil: bulk shares the first one.
	// (spec/cloud.md, CLOUD-34)
	DialBulk func(ctx context.Context, to transport.Address) (Conn, error)

	// DialCircuit is Dial by a circuit: the address is the relay's and its
	// fingerprint that of the server at the other end. AnswerCircuit is that
	// end: it dials the relay, presents the handle and takes the handshake of
	// whoever comes. Nil: no circuits. (spec/cloud.md, CLOUD-32)
	DialCircuit   func(ctx context.Context, to transport.Address, h wire.Handle) (Conn, error)
	AnswerCircuit func(ctx context.Context, relay string, h wire.Handle) (Conn, error)

	// Deliverer takes what arrives for this server; required.
	Deliverer Deliverer

	// Connected, when not nil, is told of every new connection to another
	// server, once it can be used: the server may have started again. It must
	// not block.
	Connected func(omega.Fingerprint)

	// Load returns what Save stored last, or an error that is fs.ErrNotExist.
	// Save replaces it and returns when a crash cannot bring the old one back.
	// Nil keeps nothing.
	Load func() ([]byte, error)
	Save func([]byte) error

	HelloInterval time.Duration // zero: DefaultHelloInterval
	LinkHold      time.Duration // zero: DefaultLinkHold
	DialTimeout   time.Duration // zero: DefaultDialTimeout
	DirectIdle    time.Duration // zero: DefaultDirectIdle
	MaxDirect     int           // zero: DefaultMaxDirect
	MaxServers    int           // zero: mesh.MaxServers

	// Bounds of the packets that are kept until the next server has them, in
	// octets: of all others, of each of them, from each neighbour, and this
	// server's own.
	MaxTransit   int64 // zero: DefaultMaxTransit
	MaxPerOrigin int64 // zero: DefaultMaxPerOrigin
	MaxPerHop    int64 // zero: DefaultMaxPerHop
	MaxOwn       int64 // zero: DefaultMaxOwn

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // nil is time.Now
	Rand   io.Reader        // nil is crypto/rand
}

// check fills in defaults.
func (cfg *Config) check() error {
	switch {
	case cfg.Identity == nil:
		return errors.New("cloud: no identity")
	case cfg.Dial == nil:
		return errors.New("cloud: no dialler")
	case cfg.Deliverer == nil:
		return errors.New("cloud: no deliverer")
	}
	if n := len(cfg.Identity.Certificate.Bytes()); n > maxCertificate {
		return fmt.Errorf("cloud: own certificate has %d octets, at most %d", n, maxCertificate)
	}
	fill(&cfg.HelloInterval, DefaultHelloInterval)
	fill(&cfg.LinkHold, DefaultLinkHold)
	fill(&cfg.DialTimeout, DefaultDialTimeout)
	fill(&cfg.DirectIdle, DefaultDirectIdle)
	fill(&cfg.MaxDirect, DefaultMaxDirect)
	fill(&cfg.MaxServers, mesh.MaxServers)
	fill(&cfg.MaxTransit, DefaultMaxTransit)
	fill(&cfg.MaxPerOrigin, DefaultMaxPerOrigin)
	fill(&cfg.MaxPerHop, DefaultMaxPerHop)
	fill(&cfg.MaxOwn, DefaultMaxOwn)
	if cfg.MemberSince == nil {
		cfg.MemberSince = func(omega.Fingerprint) (since time.Time, ok bool) { return since, false }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
