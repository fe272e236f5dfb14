package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/omega-im/omega/directory"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// newGuard makes what dials addresses that servers announce: those of the
// configuration are the operator's own choice. (spec/cloud.md, CLOUD-42)
func newGuard(cfg *Config, dial transport.DialFunc, log *slog.Logger) (*transport.Guard, error) {
	bootstrap, err := cfg.bootstraps()
	if err != nil {
		return nil, err
	}
	w := refusals{log: log}
	g := transport.GuardConfig{Private: cfg.Cloud.Private, Dial: dial, Refused: w.tell}
	for _, b := range bootstrap {
		g.Trusted = append(g.Trusted, b.HostPort)
	}
	return transport.NewGuard(g), nil
}

// refusals tell the operator of addresses that are not dialled, once an hour:
// who runs a cloud on a private network has to know, and liars may announce many.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex
	again time.Time // guarded by mu
}

func (r *refusals) tell(address string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.After(r.again) {
		r.again = now.Add(time.Hour)
		r.log.Warn("a server announces an address that is not dialled", "addr", address, "err", err,
			"check", "a cloud on a private network or on one machine needs cloud.private = true; otherwise the other server has to announce what the internet reaches")
	}
}

// dialAs connects to another server as the one of an identity.
func dialAs(ctx context.Context, g *transport.Guard, cfg transport.DialConfig) (*transport.Conn, error) {
	a := g.Attempt(cfg.Address.Fingerprint)
	cfg.Role, cfg.Dialer = transport.RoleServer, a.Dial
	cfg.Register = func(context.Context) (wire.Entry, error) {
		return wire.Entry{Certificate: cfg.Identity.Certificate.Bytes()}, nil
	}
	conn, err := transport.Dial(ctx, cfg)
	if a.Done(err == nil); err != nil {
		return nil, err
	}
	return conn, nil
}

// probe does to another server what a client does first. (spec/directory.md, DIR-2)
func (n *Node) probe(ctx context.Context, r *mesh.Record) (time.Duration, error) {
	attempt := n.guard.Attempt(r.Server)
	g, err := transport.DialGuest(ctx, transport.DialConfig{
		Address: transport.Address{Network: transport.NetworkTLS, HostPort: r.Client, Fingerprint: r.Server}, Dialer: attempt.Dial,
	})
	attempt.Done(err == nil)
	if err == nil {
		n.noteClock(g.Server())
	}
	switch {
	case errors.Is(err, transport.ErrResting):
		return 0, directory.ErrUntried
	case err != nil:
		return 0, err
	}
	defer g.Close()
	start := time.Now()
	if _, err := g.Lookup(ctx, r.Server); err != nil {
		return 0, err
	}
	return max(time.Since(start), time.Microsecond), nil
}
