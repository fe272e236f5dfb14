// Package fallback asks public key servers who a fingerprint is that the cloud
// does not know, for a person who wants that. It is the only package that speaks
// HTTP to the outside, it can only look up, and by a full fingerprint only; no key
// ever leaves by it. (spec/keys.md, KEYS-15)
//
//	Find     rations, what is known to be nowhere, one server after another
//	outside  the request itself
package fallback

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// Config says whom a Finder asks.
type Config struct {
	Servers []string // in the form of Check, asked in this order; required

	Roots  *x509.CertPool   // who may certify them; nil means the machine's
	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil discards
}

// askTimeout is how long one look-up may take at all servers together.
const askTimeout = 10 * time.Second

// atOnce bounds the answers in memory: of up to a megabyte each, and some more
// while they are read.
const atOnce = 4

// A Finder asks public key servers. Its methods may be called concurrently.
type Finder struct {
	cfg     Config
	servers []server
	out     *outside
	slots   chan struct{}

	mu      sync.Mutex
	absent  map[omega.Fingerprint]time.Time // nobody has it, until then; guarded by mu
	rations rations                         // guarded by mu
}

// New checks cfg.
func New(cfg Config) (*Finder, error) {
	servers, err := parse(cfg.Servers)
	if err != nil {
		return nil, err
	}
	if len(servers) == 0 {
		return nil, errors.New("fallback: Config.Servers is required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Finder{
		cfg: cfg, servers: servers, out: newOutside(cfg.Roots), slots: make(chan struct{}, atOnce),
		absent: make(map[omega.Fingerprint]time.Time), rations: newRations(),
	}, nil
}

// Find asks for the key of a fingerprint, for an account that has agreed to
// that, and returns it with the host that had it. The error is an *omega.Error:
//
//	CodeBadRequest   fp is not that of a version 4 key
//	CodeNotFound     none of the servers has it, or none that can be used
//	CodeRateLimited  the account, or everybody together, asked too often
//	CodeUnavailable  not all of them answered, and those that did have none; the
//	                 text names those that did not, and why
func (f *Finder) Find(ctx context.Context, account, fp omega.Fingerprint) (host string, key *pgp.Stranger, err error) {
	if fp.Version() != 4 {
		return "", nil, omega.Errorf(omega.CodeBadRequest, "public key servers are asked for version 4 fingerprints only")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := f.admit(account, fp); err != nil {
		return "", nil, err
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return "", nil, omega.Errorf(omega.CodeUnavailable, "too many look-ups at public key servers just now")
	}
	return f.ask(ctx, fp)
}

// ask goes from server to server until one has the key.
func (f *Finder) ask(ctx context.Context, fp omega.Fingerprint) (host string, key *pgp.Stranger, err error) {
	var silent []string
	for _, s := range f.servers {
		key, err := f.askOne(ctx, s, fp)
		if err == nil {
			return s.host, key, nil
		}
		if !errors.Is(err, errNone) {
			f.cfg.Logger.InfoContext(ctx, "public key server did not help", "host", s.host, "err", err)
			silent = append(silent, fmt.Sprintf("%s: %v", s.host, err))
		}
	}
	if len(silent) > 0 {
		return "", nil, omega.Errorf(omega.CodeUnavailable, "%s", strings.Join(silent, "; "))
	}
	f.miss(fp)
	return "", nil, errNowhere
}

// askOne asks one server. What it has under that fingerprint is looked at like
// anything that a stranger sent.
func (f *Finder) askOne(ctx context.Context, s server, fp omega.Fingerprint) (*pgp.Stranger, error) {
	b, err := f.out.get(ctx, s, fp)
	if err != nil {
		return nil, err
	}
	key, err := pgp.ReadStranger(b, f.cfg.Now())
	if err != nil {
		return nil, err
	}
	if key.Key.Fingerprint() != fp {
		return nil, errNone // servers find subkeys as well: that is nobody's name
	}
	return key, nil
}
