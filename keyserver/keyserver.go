// Package keyserver keeps the certificates of accounts and servers and the
// signed location records of accounts. It judges what is new, stores it before
// it says so, and compares itself with other key servers.
//
// A fingerprint names a key, so a key server cannot forge an entry: it can
// only be old or silent. What it holds of one account does not depend on the
// order in which it was told: the union of the verified packets of the
// certificate, and of the location records that hold under that union the one
// with the highest sequence. Up to MaxOthers more records are remembered, so
// that one stands again when the device that signed a later one is revoked
// (verify.go). Servers that hold the same know it by a tree of digests
// (digest.go, leaf.go). In a large cloud each keeps its share (placement.go,
// keep.go), and new accounts are within somebody's budget (sponsor.go).
//
// The ways of an entry:
//
//	Accept   parse, verify, merge, store, tell watchers   (accept.go)
//	Find     cache, else store, parsed                    (lookup.go)
//	Route    homes only: what delivery needs per message  (route.go)
//
// The package also verifies what devices prove to homes with the keys in those
// entries: leases (lease.go) and acknowledgements (ackkey.go).
package keyserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// Registration is who may make a new account at this server.
type Registration uint8

const (
	RegistrationOpen   Registration = iota // anyone who can prove possession of a key
	RegistrationClosed                     // nobody; accounts of other servers are still replicated
	RegistrationInvite                     // who has an invite that Config.Redeem takes; the same
)

// Config says how a Server works.
type Config struct {
	Store Store // where entries are kept; required; the caller closes it

	// Registration is who may register through a session. The zero value lets
	// everyone.
	Registration Registration

	// Redeem takes one use of an invite for a new account, nil for one that came
	// without, and returns when that is on stable storage. The same account again
	// takes no other use. Its error is an *omega.Error. giveBack undoes it when the
	// account was not stored after all. Required for RegistrationInvite.
	Redeem func(account omega.Fingerprint, invite *omega.Invite) (giveBack func(), err error)

	// Joining reports that this server is not a member of its cloud yet: it takes
	// nobody until it is. Nil means never.
	Joining func() bool

	// MaxAccounts bounds the entries that are kept. Zero means 2 million: 5 GB
	// on disk at the usual 2.5 KB.
	MaxAccounts int

	// MaxCached is how many parsed entries are kept in memory. Zero means 1024:
	// about 3 MB. It has to hold those who log in now, for their sessions and
	// messages need no entry; another look at the store costs a fiftieth of the
	// signatures that are verified in a login.
	MaxCached int

	// MaxRoutes is how many accounts' homes are kept in memory beside that. Zero
	// means 262,144: about 50 MB.
	MaxRoutes int

	// Self is this server, as it stands in placements and location records, and
	// Identity signs its receipts for accounts that register here. Without them
	// it sponsors nobody, and everything is its own to keep.
	Self     omega.Fingerprint
	Identity *pgp.Identity

	// Everything is how many entries the cloud may have for this server to keep
	// all of them; above that it keeps its share. Zero means a million: 2.5 to
	// 4.5 GB. (spec/keys.md, KEYS-7)
	Everything int

	// Budget is how many accounts of one sponsor and day this server takes for
	// everybody. Zero means 1,000. (spec/keys.md, KEYS-12)
	Budget int

	// MemberSince says since when a server has been a member, as far as this one
	// knows. Nil means for ever.
	MemberSince func(server omega.Fingerprint) (time.Time, bool)

	// InUse reports that an entry which is not for this server to keep is wanted
	// here all the same. Nil means never.
	InUse func(*Entry) bool

	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// A Server is one key server. Its methods may be called concurrently. It
// implements pgp.Finder.
type Server struct {
	cfg    Config
	cache  cache[*Entry]
	plains cache[*Plain]
	routes routes
	digest digest
	locks  [Buckets]sync.Mutex // one writer per bucket: read, merge, put

	keep    atomic.Pointer[keeping]
	placing sync.Mutex // one Place at a time
	visits  visits
	budgets budgets

	sightings sightings

	accusers []func(Equivocation) // set before use
	watchers []func(*Entry)       // set before use
	count    atomic.Int64         // entries kept
	today    atomic.Uint32        // Day of the last change
	stats    stats
}

// New checks cfg. Load must be called before anything else.
func New(cfg Config) (*Server, error) {
	if cfg.Store == nil {
		return nil, errors.New("keyserver: Config.Store is required")
	}
	if cfg.Registration > RegistrationInvite {
		return nil, fmt.Errorf("keyserver: registration policy %d is unknown", cfg.Registration)
	}
	if cfg.Registration == RegistrationInvite && cfg.Redeem == nil {
		return nil, errors.New("keyserver: Config.Redeem is required for registration by invitation")
	}
	if cfg.MaxAccounts <= 0 {
		cfg.MaxAccounts = 2_000_000
	}
	if cfg.MaxCached <= 0 {
		cfg.MaxCached = 1024
	}
	if cfg.MaxRoutes <= 0 {
		cfg.MaxRoutes = 1 << 18
	}
	if cfg.Everything <= 0 {
		cfg.Everything = 1_000_000
	}
	if cfg.Budget <= 0 {
		cfg.Budget = 1000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg}
	s.keep.Store(&keeping{scope: Scope{All: true}})
	s.budgets.init()
	s.visits.init()
	s.sightings.init()
	s.cache.init(cfg.MaxCached)
	s.plains.init(cfg.MaxCached)
	s.routes.init(cfg.MaxRoutes)
	return s, nil
}

// Load reads the summaries of the store, about a second for a million.
func (s *Server) Load(ctx context.Context) error {
	for bucket := range Buckets {
		err := s.cfg.Store.Range(ctx, uint8(bucket), func(sum Summary) error {
			s.digest.add(sum)
			s.count.Add(1)
			return ctx.Err()
		})
		if err != nil {
			return fmt.Errorf("load key store: %w", err)
		}
	}
	return nil
}

// OnChange makes fn known of every entry that Accept has changed, after it is
// on stable storage and before Accept returns. It is called before the Server
// is used; fn must be quick and must not call Accept.
func (s *Server) OnChange(fn func(*Entry)) { s.watchers = append(s.watchers, fn) }

// Metrics are counts since the start, and Accounts the present number.
type Metrics struct {
	Accounts  int64 // entries kept
	Accepted  int64 // changes stored
	Unchanged int64 // entries that told nothing new
	Refused   int64 // entries that broke a rule
	Conflicts int64 // records that contradicted the standing one
	Lookups   int64 // Find, by any fingerprint
	Misses    int64 // of those, found nothing
	Parsed    int64 // of those, read from the store and parsed
	Dropped   int64 // handed to their owners and forgotten
	Narrow    int64 // entries for owners and homes only, at present
	All       bool  // everything is kept, and not a share
}

type stats struct {
	accepted, unchanged, refused, conflicts, lookups, misses, parsed, dropped atomic.Int64
}

// Metrics returns the counts.
func (s *Server) Metrics() Metrics {
	s.digest.mu.Lock()
	narrow := s.digest.narrow
	s.digest.mu.Unlock()
	return Metrics{
		Accounts:  s.count.Load(),
		Accepted:  s.stats.accepted.Load(),
		Unchanged: s.stats.unchanged.Load(),
		Refused:   s.stats.refused.Load(),
		Conflicts: s.stats.conflicts.Load(),
		Lookups:   s.stats.lookups.Load(),
		Misses:    s.stats.misses.Load(),
		Parsed:    s.stats.parsed.Load(),
		Dropped:   s.stats.dropped.Load(),
		Narrow:    int64(narrow),
		All:       s.keep.Load().scope.All,
	}
}

// notFound is the error of look-ups that found nothing.
func notFound(fp omega.Fingerprint) error {
	return omega.Errorf(omega.CodeNotFound, "nobody is known here as %s", fp)
}
