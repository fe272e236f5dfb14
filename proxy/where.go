package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// whereTimeout is how long the homes of a user may take to say where he is.
const whereTimeout = 3 * time.Second

// Where tells which proxy a user is on, zero for none, if the user's own signed
// record says that anyone may know. Everybody else is omega.CodeNotFound, as is
// an account that this key server does not have. (spec/directory.md, DIR-8)
func (p *Proxy) Where(ctx context.Context, account omega.Fingerprint) (omega.Fingerprint, error) {
	homes, err := p.shown(ctx, account)
	if err != nil {
		return omega.Fingerprint{}, err
	}
	if slices.Contains(homes, p.self) {
		if at := p.home.where(account, p.now()); !at.IsZero() {
			return at, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, whereTimeout)
	defer cancel()
	answers := make(chan omega.Fingerprint, len(homes))
	asked := 0
	for _, h := range homes {
		if h == p.self {
			continue
		}
		asked++
		p.ask(ctx, h, wire.ClassControl, wire.TypeWhere, account.Wire(), func(f wire.Frame, err error) bool {
			var at omega.Fingerprint
			if err == nil && f.Type == wire.TypeThere {
				at, _ = wire.DecodeThere(f.Body) // zero when it is malformed
			}
			select {
			case answers <- at:
			default: // asked once, so there is room
			}
			return false
		})
	}
	for range asked {
		select {
		case at := <-answers:
			if !at.IsZero() {
				return at, nil
			}
		case <-ctx.Done():
			return omega.Fingerprint{}, nil
		}
	}
	return omega.Fingerprint{}, nil
}

// shown returns the homes of an account that wants to be found.
func (p *Proxy) shown(ctx context.Context, account omega.Fingerprint) ([]omega.Fingerprint, error) {
	e, err := p.cfg.Keys.Find(ctx, account)
	if err != nil {
		return nil, err
	}
	if e.Fingerprint() != account || e.Record == nil || e.Record.Flags&wire.RecordShowProxy == 0 {
		return nil, omega.Errorf(omega.CodeNotFound, "nobody of the fingerprint %s wants to be found", account)
	}
	return e.Homes(), nil
}

// where is the proxy of the newest lease of an account that is in force, zero
// when no device is attached.
func (h *home) where(account omega.Fingerprint, now time.Time) (at omega.Fingerprint) {
	b := h.boxes.get(account)
	if b == nil {
		return at
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	newest := now.UnixMilli()
	for _, l := range b.leases {
		if l.notAfter > newest {
			newest, at = l.notAfter, l.proxy
		}
	}
	return at
}

// receiveWhere answers another server as a home.
func (p *Proxy) receiveWhere(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	account, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) {
		p.stats.peerBad.Add(1)
		return
	}
	homes, err := p.shown(ctx, account)
	if err == nil && !slices.Contains(homes, p.self) {
		err = omega.Errorf(omega.CodeNotFound, "this is no home of %s", account)
	}
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(err))
		return
	}
	p.postFrame(from, wire.TypeThere, f.Tag, wire.AppendThere(nil, p.home.where(account, p.now())))
}
