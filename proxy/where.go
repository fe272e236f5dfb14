package proxy

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// whereTimeout is how long the homes of a user may take to say where he is.
const whereTimeout = 3 * time.Second

// Bounds of questions where users are, which anybody may ask on the web site.
const (
	whereLife     = 5 * time.Second // an answer is given out again for so long
	whereInterval = 50 * time.Millisecond
	whereBurst    = 200
	maxWheres     = 4096 // answers that are kept
)

// wheres are questions where a user is: one at a time per user, whoever asks, and
// not again at once.
type wheres struct {
	mu    sync.Mutex
	rate  gcra                            // guarded by mu
	known map[omega.Fingerprint]*whereNow // guarded by mu
}

// whereNow is one answer, or the question for it.
type whereNow struct {
	done  chan struct{}     // closed once at is set
	at    omega.Fingerprint // zero: nowhere
	until time.Time         // it counts; zero: while it is asked; guarded by wheres.mu
}

// begin returns the answer or the question about an account; mine says that the
// caller has to ask.
func (q *wheres) begin(account omega.Fingerprint, now time.Time) (n *whereNow, mine bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n = q.known[account]; n != nil && (n.until.IsZero() || now.Before(n.until)) {
		return n, false, nil
	}
	if !q.rate.take(now.UnixNano(), int64(whereInterval), whereBurst) {
		return nil, false, omega.Errorf(omega.CodeRateLimited, "too many questions where users are")
	}
	if q.known == nil {
		q.known = make(map[omega.Fingerprint]*whereNow)
	}
	for fp, old := range q.known { // any that is not being asked
		if len(q.known) < maxWheres {
			break
		}
		if !old.until.IsZero() {
			delete(q.known, fp)
		}
	}
	n = &whereNow{done: make(chan struct{})}
	q.known[account] = n
	return n, true, nil
}

func (q *wheres) end(n *whereNow, at omega.Fingerprint, now time.Time) {
	q.mu.Lock()
	n.at, n.until = at, now.Add(whereLife)
	q.mu.Unlock()
	close(n.done)
}

// Where tells which proxy a user is on, zero for none, if the user's own signed
// record says that anyone may know. Everybody else is omega.CodeNotFound, as is
// an account that this key server does not have; CodeRateLimited if too many ask.
// The answer may be seconds old. (spec/directory.md, DIR-8)
func (p *Proxy) Where(ctx context.Context, account omega.Fingerprint) (omega.Fingerprint, error) {
	homes, err := p.shown(ctx, account)
	if err != nil {
		return omega.Fingerprint{}, err
	}
	n, mine, err := p.wheres.begin(account, p.steady())
	if err != nil {
		return omega.Fingerprint{}, err
	}
	if mine { // others may wait for it when this visitor has gone
		p.wheres.end(n, p.askWhere(context.WithoutCancel(ctx), account, homes), p.steady())
	}
	select {
	case <-n.done:
		return n.at, nil
	case <-ctx.Done():
		return omega.Fingerprint{}, omega.Errorf(omega.CodeUnavailable, "%v", ctx.Err())
	}
}

// askWhere asks the homes of a user, this one first.
func (p *Proxy) askWhere(ctx context.Context, account omega.Fingerprint, homes []omega.Fingerprint) omega.Fingerprint {
	if slices.Contains(homes, p.self) {
		if at := p.home.where(account, p.now()); !at.IsZero() {
			return at
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
				return at
			}
		case <-ctx.Done():
			return omega.Fingerprint{}
		}
	}
	return omega.Fingerprint{}
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
