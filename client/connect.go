package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// renewInterval is how often lease, record and the list of servers are looked at.
const renewInterval = 10 * time.Minute

func doingConnect(server string) i18n.Text { return i18n.T("doing.connect", server) }

// Run keeps the core connected and synchronised until ctx ends.
func (c *Client) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.checkAhead(ctx) })
	wg.Go(func() { c.inbox(ctx) })
	wg.Go(func() { c.outbox(ctx) })
	wg.Go(func() { c.tendGroups(ctx) })
	wg.Go(func() { c.uploads(ctx) })
	wg.Go(func() { c.tendClaims(ctx) })
	wg.Go(func() { c.tendFiles(ctx) })
	wg.Go(func() { c.tendPrekeys(ctx) })
	wg.Go(func() { c.tendTokens(ctx) })
	wg.Go(func() { c.handovers(ctx) })
	wg.Go(func() { c.chase(ctx) })
	wg.Go(func() { c.sealSecrets(ctx) })
	wg.Go(func() { c.tendSecrets(ctx) })
	wg.Go(func() { c.askForSenders(ctx) })
	wg.Go(func() { c.pursueRecords(ctx) })

	c.stayOnline(ctx)
}

// stayOnline makes one session after the other until ctx ends.
func (c *Client) stayOnline(ctx context.Context) {
	var b backoff
	var avoid omega.Fingerprint // the server of the last session
	var end ending              // of it
	next := end.next
	vain := false // no server was of use since the last that was
	for ctx.Err() == nil {
		var err error
		if !c.gone().IsZero() {
			<-ctx.Done() // there is nothing to connect for
			break
		}
		if next == nil {
			c.pause(ctx, b.pause, isCode(end.why, omega.CodeShutdown))
			if next, err = c.race(ctx, c.candidates(avoid, false, vain)); err != nil {
				err = c.whyRefused(ctx, err)
				c.offline(err)
				c.cfg.log().Info("no server answers", "err", err)
				b.failed()
				vain = true
				continue
			}
		}
		start := time.Now()
		avoid = next.conn.Peer().Account
		c.cfg.log().Info("connected", "proxy", avoid, "took", next.took)
		end = c.serve(ctx, next, b.slow, end.settled && !vain)
		next = end.next
		if vain = !end.settled; vain && ctx.Err() == nil {
			c.noteDial(avoid, 0, errUseless)
		}
		if isCode(end.why, omega.CodeSuperseded) {
			c.notAlone(ctx)
		}
		c.offline(c.whyRefused(ctx, end.why))
		b.ended(end, time.Since(start), time.Now())
		c.cfg.log().Info("session ended", "proxy", avoid, "err", end.why, "pause", b.pause)
	}
	if next != nil {
		next.conn.Close()
	}
}

// pause waits for d, about. After a bye nothing that is to be sent waits for it.
func (c *Client) pause(ctx context.Context, d time.Duration, bye bool) {
	queued, again := c.queued.wait(), c.again.wait()
	if !bye {
		queued = nil
	} else if n, err := c.outgoing(ctx); n > 0 || err != nil {
		return
	}
	timer := time.NewTimer(jitter(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-queued:
	case <-again:
	case <-ctx.Done():
	}
}

// outgoing counts what waits to be sent.
func (c *Client) outgoing(ctx context.Context) (n int, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		n, err = tx.CountOutgoing()
		return err
	})
	return n, err
}

// jitter spreads the clients of a server that came back.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d/2 + rand.N(d)
}

// serve carries a session over a connection until it ends.
func (c *Client) serve(ctx context.Context, d *dialled, slow int, moved bool) (end ending) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := newSession(d)
	s.slow, s.moved = slow, moved
	s.handle = func(f wire.Frame) error { return c.frame(ctx, s, f) }
	successors := make(chan *dialled, 2)
	succeed := func(d *dialled, why error) {
		if d != nil {
			successors <- d
			cancel(why)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { cancel(s.run(ctx)) })
	wg.Go(func() { succeed(c.watch(ctx, s), errSilent) })
	wg.Go(func() { succeed(c.goBack(ctx, s), errReturn) })
	wg.Go(func() {
		if err := c.settle(ctx, s); err != nil {
			cancel(err)
		}
	})
	wg.Wait()
	close(successors)
	for d := range successors {
		if end.next != nil {
			d.conn.Close()
			continue
		}
		end.next = d
	}
	end.why = context.Cause(ctx)
	end.settled, end.prompt = s.settled.Load(), s.prompt.Load() >= provesPrompt
	c.offline(end.why)
	return end
}

// offline forgets the session, and why there is none.
func (c *Client) offline(why error) {
	c.mu.Lock()
	c.session, c.problem, c.reading = nil, why, nil
	clear(c.homes)
	clear(c.acks) // a home may have new keys when it is back
	c.mu.Unlock()
	c.changed.notify()
	c.tellConnection()
}

// settle brings a new session into use: the device attaches to its homes, the own
// entry is compared with the cloud's, and both are renewed in time. What is to be
// sent waits for the comparison only if the session before was of no use, or there
// was none: a device that moves has just been told. What is to be published waits.
func (c *Client) settle(ctx context.Context, s *session) error {
	c.compareClocks(s)
	// A device that has lived somewhere before gets its mail at once.
	if c.hasRecord() {
		if err := c.attach(ctx, s); err != nil {
			return err
		}
	}
	if s.moved {
		if err := c.use(ctx, s); err != nil {
			return err
		}
	}
	if err := c.syncOwn(ctx, s); err != nil {
		return err
	}
	s.settled.Store(true)
	if s.moved {
		c.changed.notify()
	} else if err := c.use(ctx, s); err != nil {
		return err
	}
	if err := c.follow(ctx, s); err != nil {
		return err
	}
	c.keepTicket(ctx, s.conn.Ticket())
	return c.maintain(ctx, s)
}

// use gives the session to all who have something to send or to ask.
func (c *Client) use(ctx context.Context, s *session) error {
	// What could not be sent on another session may go on this one.
	err := c.db.Update(ctx, func(tx *history.Tx) error { return errors.Join(tx.RetryAll(c.cfg.now()), tx.RetryAllPending()) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.session, c.problem = s, nil
	c.mu.Unlock()
	c.tellConnection()
	c.changed.notify()
	c.queued.notify()
	c.outward.notify()
	c.handing.notify()
	c.missing.notify()
	c.strangers.notify()
	c.doubt.notify()
	return nil
}

// follow attaches to the homes if the lease of this session does not name them:
// another device of the account may have moved it.
func (c *Client) follow(ctx context.Context, s *session) error {
	c.mu.Lock()
	homes := c.record.Homes
	right := c.reading != nil && slices.Equal(c.reading[:min(len(c.reading), len(homes))], homes)
	c.mu.Unlock()
	if right {
		return nil
	}
	return c.attach(ctx, s)
}

// firstLook is when a session looks for homes again that it did not find at
// once: a proxy that has just started knows few servers. It doubles up to
// renewInterval.
const firstLook = 2 * time.Second

// maintain renews lease and record and looks after the homes until the session
// ends.
func (c *Client) maintain(ctx context.Context, s *session) error {
	leased := c.cfg.now()
	for wait := firstLook; ; wait = min(2*wait, renewInterval) {
		c.learnServers(ctx, s)
		c.lookAfterHomes(ctx, s)
		c.refresh(ctx, s)
		if c.settledHomes() {
			wait = renewInterval
		}
		// All accounts of a young cloud may have more homes from one moment on.
		if err := c.watchHomes(ctx, s, jitter(wait)); err != nil || ctx.Err() != nil {
			return err
		}
		if err := c.syncOwn(ctx, s); err != nil {
			return err
		}
		if c.cfg.now().Sub(leased) < omega.MaxLease/2 {
			continue
		}
		if err := c.attach(ctx, s); err != nil {
			return err
		}
		leased = c.cfg.now()
	}
}

// settledHomes reports whether the account has the homes that it should have.
func (c *Client) settledHomes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record != nil && (len(c.record.Homes) >= keyserver.DefaultHomes || c.record.Flags&wire.RecordHomesChosen != 0)
}

// lookAfterHomes adds and replaces homes, and lets go of former ones. What does
// not work now works at the next look.
func (c *Client) lookAfterHomes(ctx context.Context, s *session) {
	err := c.improveHomes(ctx, s)
	if err == nil {
		err = c.forgetFormer(ctx)
	}
	if err == nil {
		err = c.dismissDeputies(ctx, s)
	}
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("homes not looked after", "err", err)
	}
}

// compareClocks notes how far this clock is from the proxy's.
func (c *Client) compareClocks(s *session) {
	at := s.conn.Peer().Time
	if at.IsZero() {
		return
	}
	at = at.Add(time.Since(s.started)) // it was read when the session began
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew = c.cfg.now().Sub(at)
}

// signingTime is the time that leases and records carry. Where this clock is
// ahead it is the proxy's, because homes refuse what is of the future; where it
// is behind it is this clock's, so that no proxy gets a lease for later.
func (c *Client) signingTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skew > omega.ClockTolerance/2 {
		return c.cfg.now().Add(-c.skew)
	}
	return c.cfg.now()
}

// homeTime is this clock, corrected by what the proxy's said when it was dialled last: what
// homes will say of a message that is written now. (spec/chat.md, CHAT-96)
func (c *Client) homeTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.now().Add(-c.skew)
}

// frame takes what the server sends by itself. It runs on the reading
// goroutine, so a slow inbox slows the server down.
func (c *Client) frame(ctx context.Context, s *session, f wire.Frame) error {
	switch f.Type {
	case wire.TypeMail:
		m, err := wire.DecodeMail(append([]byte(nil), f.Body...))
		if err != nil {
			return err
		}
		c.arrivals.come(1)
		s.last.Store(int64(s.age()))
		if !c.hand(ctx, mailIn{session: s, mail: m}) {
			c.arrivals.come(-1)
		}
	case wire.TypeAttached:
		a, err := wire.DecodeAttached(f.Body)
		if err != nil {
			return err
		}
		return c.attached(ctx, s, a)
	case wire.TypeWaiting:
		w, err := wire.DecodeWaiting(f.Body)
		if err != nil {
			return err
		}
		c.hand(ctx, mailIn{session: s, waiting: &w})
	case wire.TypeEntry:
		e, err := wire.DecodeEntry(append([]byte(nil), f.Body...))
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.news = &e
		c.mu.Unlock()
		c.moving.notify()
	case wire.TypeBye, wire.TypeError:
		if err := wire.DecodeStatus(f.Body); err != nil {
			return err
		}
	}
	return nil
}

// hand gives the inbox what came, in order. It reports false when ctx ended.
func (c *Client) hand(ctx context.Context, in mailIn) bool {
	select {
	case c.mail <- in:
		return true
	case <-ctx.Done():
		return false
	}
}

// attach signs a lease for this session's proxy and sends it to all homes. Only
// settle and what it calls do, so that leases leave in the order of their epochs.
func (c *Client) attach(ctx context.Context, s *session) error {
	now := c.signingTime()
	lease := &wire.Lease{
		User: c.acc.Fingerprint, Device: c.acc.Device, Proxy: s.conn.Peer().Account,
		Issued: now.Truncate(time.Millisecond), NotAfter: now.Add(omega.MaxLease).Truncate(time.Millisecond),
	}
	err := c.db.Update(ctx, func(tx *history.Tx) (err error) {
		if lease.Epoch, err = nextEpoch(tx, c.cfg.now()); err != nil {
			return err
		}
		lease.Homes, err = c.leaseHomes(tx)
		return err
	})
	if err != nil {
		return err
	}
	if err := signLease(ctx, c.identity(), lease, now); err != nil {
		return err
	}
	var servers []omega.Fingerprint
	for _, h := range lease.Homes {
		servers = append(servers, h.Home)
	}
	c.arrivals.ask(servers)
	return s.conn.SendFrame(wire.TypeAttach, 0, lease.Bytes())
}

// leaseHomes lists the homes with how far this device is at each.
func (c *Client) leaseHomes(tx *history.Tx) ([]wire.LeaseHome, error) {
	cursors, err := tx.Cursors()
	if err != nil {
		return nil, err
	}
	from, err := c.readFrom(tx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.reading = from
	c.mu.Unlock()
	var out []wire.LeaseHome
	for _, h := range from {
		lh := wire.LeaseHome{Home: h}
		for _, cur := range cursors {
			if cur.Home == h {
				lh.Incarnation, lh.Cursor = cur.Incarnation, cur.Seq
			}
		}
		out = append(out, lh)
	}
	return out, nil
}

// settingEpoch is where the epoch of the last lease is kept.
const settingEpoch = "lease-epoch"

// nextEpoch returns an epoch above all before: the clock's milliseconds, so
// that a home directory restored from a backup is not behind, or one more than
// the last.
func nextEpoch(tx *history.Tx, now time.Time) (uint64, error) {
	last, err := settingUint(tx, settingEpoch)
	if err != nil {
		return 0, err
	}
	next := max(last+1, uint64(now.UnixMilli()))
	return next, setSettingUint(tx, settingEpoch, next)
}

// attached takes a home's answer to the lease. What it says is judged by the
// inbox, in order with the mail: that may take a look-up, which the reader must
// not wait for.
func (c *Client) attached(ctx context.Context, s *session, a wire.Attached) error {
	if a.Code == omega.CodeSuperseded {
		return omega.Errorf(omega.CodeSuperseded, "this device is connected somewhere else")
	}
	if !c.isHome(a.Home) {
		return nil
	}
	c.hand(ctx, mailIn{session: s, attached: &a})
	return nil
}

// noteAttached takes down how this device stands with a home.
func (c *Client) noteAttached(ctx context.Context, a *wire.Attached) error {
	if a.Code == omega.CodeOK {
		if err := c.alignCursor(ctx, *a); err != nil {
			return err
		}
	}
	c.arrivals.answer(a)
	if c.noteHome(a) {
		c.moving.notify()
	}
	c.changed.notify()
	return nil
}

// isHome reports whether a server is a home of the account, or was one: what
// others say in that place is left aside.
func (c *Client) isHome(server omega.Fingerprint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.reading, server)
}

// alignCursor begins where a home says, if its store is a new one, and looks
// whether this device has acknowledged more there than it knows.
func (c *Client) alignCursor(ctx context.Context, a wire.Attached) error {
	return c.db.Update(ctx, func(tx *history.Tx) error {
		cursors, err := tx.Cursors()
		if err = errors.Join(err, c.alone(tx)); err != nil {
			return err
		}
		for _, cur := range cursors {
			if cur.Home != a.Home || cur.Incarnation != a.Incarnation {
				continue
			}
			if cur.Seq >= a.Cursor {
				return nil
			}
			if err := c.leapFor(tx, "a home has more acknowledgements of this device than it knows"); err != nil {
				return err
			}
		}
		return tx.PutCursor(history.Cursor{Home: a.Home, Incarnation: a.Incarnation, Seq: a.Cursor})
	})
}
