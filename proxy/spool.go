package proxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/wire"
)

// Times and sizes of the spool.
const (
	spoolWindow  = 64               // envelopes under way to one home
	spoolBytes   = 1 << 20          // the same, in octets
	spoolRetry   = 1 * time.Second  // after a home did not take something, doubled each time
	spoolMaxWait = 5 * time.Minute  // up to this
	spoolLook    = 30 * time.Second // between looks for mail of an earlier run
	spoolPage    = 256              // mailboxes per look
	spoolGlance  = 1 * time.Second  // between looks who can be reached again
	spoolReturn  = 10 * time.Second // within which who can be is tried: not by all servers at once
)

// A spool keeps envelopes for homes that are away, on stable storage, until the
// home has them or their lifetime ends. It is this server's outbox and, as the
// deputy of accounts, what it keeps for others: one store in which every home
// has a mailbox. What the devices of those accounts read here is beside it, in
// hold.go. (spec/delivery.md, DELIV-14, DELIV-15)
type spool struct {
	p     *Proxy
	store *mailbox.Store // nil: nothing is kept
	lanes shardMap[*spoolLane]
	began time.Time // of this run, by the store's clock
	look  int64     // when to look for lanes again, steady ms; the ticker's
	next  int64     // when to look who can be reached again, steady ms; the ticker's

	shares  shares
	looking atomic.Bool // find runs
	counted bool        // shares has what an earlier run left; find's
}

// A spoolLane is the mail for one home.
type spoolLane struct {
	spool *spool
	home  omega.Fingerprint

	mu       sync.Mutex
	running  bool  // guarded by mu
	again    bool  // something came while it ran; guarded by mu
	failures uint  // in a row; guarded by mu
	due      int64 // not to be tried before, steady ms; guarded by mu
	away     bool  // it was out of reach since then; guarded by mu
}

func (s *spool) init(p *Proxy) {
	s.p, s.store, s.began = p, p.cfg.Spool, p.now().Truncate(time.Millisecond)
	s.lanes.init()
	if s.store != nil {
		s.shares.init(s.store.Quota())
	}
}

// put keeps an envelope for a home until the end of its lifetime, or until a
// time that is given. done is called once, when it is on stable storage or an
// error is known; errOwed if the same waits for that home already, for other
// recipients.
func (s *spool) put(ctx context.Context, home omega.Fingerprint, e spooled, until time.Time, done func(error)) {
	if s.store == nil {
		done(errNoSpool)
		return
	}
	it := s.item(home, &e, until)
	s.shares.keep(pair{e.origin, home}, len(it.Envelope), it.Expires)
	s.append(ctx, it, e, done)
}

// putShare is put of what another server hands over, if it has room left;
// otherwise the error is errShare. ready is called, once there is, and says by
// its own done when it may be put.
func (s *spool) putShare(ctx context.Context, home omega.Fingerprint, e spooled, ready func(done func(error)), done func(error)) {
	it := s.item(home, &e, time.Time{})
	p := pair{e.origin, home}
	if !s.shares.admit(p, len(it.Envelope), it.Expires, e.origin == s.p.self) {
		done(errShare)
		return
	}
	ready(func(err error) {
		// This may be a callback of another store, which must not wait for this one.
		if err == nil && s.p.spawn(func() { s.append(ctx, it, e, done) }) {
			return
		}
		s.shares.gone(p, len(it.Envelope), it.Expires)
		if err == nil {
			err = errNoSpool
		}
		done(err)
	})
}

func (s *spool) item(home omega.Fingerprint, e *spooled, until time.Time) *mailbox.Item {
	if until.IsZero() {
		life := e.env.Lifetime()
		if life == 0 {
			life = omega.MaxLifetime
		}
		until = s.p.now().Add(life)
	}
	return &mailbox.Item{
		Recipients: []omega.Fingerprint{home}, Envelope: e.append(nil), Expires: until,
		Key: mailbox.KeyOf(e.env.Sender(), e.env.ID(), e.env.Payload()),
	}
}

// append stores what shares have counted already.
func (s *spool) append(ctx context.Context, it *mailbox.Item, e spooled, done func(error)) {
	home, until := it.Recipients[0], it.Expires
	p, size := pair{e.origin, home}, len(it.Envelope)
	it.Done = func(it *mailbox.Item, err error) {
		if err == nil {
			err = it.Results[0].Err
		}
		if err == nil && it.Results[0].Duplicate {
			// A callback of the store does not ask it.
			if !s.p.spawn(func() { done(s.waits(context.Background(), home, it.Key, e.index)) }) {
				done(errNoSpool)
			}
			return
		}
		done(err)
		if err == nil {
			s.lane(home).wake(false)
		}
	}
	if err := s.store.Append(ctx, it); err != nil {
		s.shares.gone(p, size, until)
		done(err)
		return
	}
	switch r := it.Results[0]; {
	case r.Err != nil || r.Duplicate:
		s.shares.gone(p, size, until)
	case hourOf(it.Expires) != hourOf(until): // whole seconds
		s.shares.gone(p, size, until)
		s.shares.keep(p, size, it.Expires)
	}
	s.p.stats.spooled.Add(1)
}

// errOwed is of an envelope that a home is owed for others of its recipients:
// when it has that, it can be owed this.
var errOwed = omega.Errorf(omega.CodeUnavailable, "the same envelope waits for that home for others")

// waits reports, by nil, that what waits for a home under a key is for these
// recipients too.
func (s *spool) waits(ctx context.Context, home omega.Fingerprint, key mailbox.Key, index []uint16) error {
	seqs, err := s.store.Find(ctx, home, []mailbox.Key{key})
	if err != nil || len(seqs) == 0 {
		return err // it is gone again: the home has it, or it is too old
	}
	mails, err := s.store.Read(ctx, home, seqs[0]-1, mailbox.Limit{Messages: 1})
	if err != nil || len(mails) == 0 || mails[0].Seq != seqs[0] {
		return err
	}
	if have, err := readSpooled(mails[0].Envelope); err != nil || !have.covers(index) {
		return errOwed
	}
	return nil
}

func (s *spool) lane(home omega.Fingerprint) *spoolLane {
	return s.lanes.getOr(home, func() *spoolLane { return &spoolLane{spool: s, home: home} })
}

// up has mail for a server tried at once: it can be reached again.
func (s *spool) up(server omega.Fingerprint) {
	if s.store != nil {
		s.lane(server).wake(true)
	}
}

// tick tries what is due, and looks from time to time for mail that an earlier
// run of this server left.
func (s *spool) tick(now time.Time) {
	if s.store == nil {
		return
	}
	ms := now.UnixMilli()
	s.lanes.all(func(l *spoolLane) {
		due, idle := l.rests(ms)
		switch {
		case due:
			l.wake(false)
		case idle: // whoever holds it still may wake it: the next look finds what it leaves
			s.lanes.removeIf(l.home, func(x *spoolLane) bool { return x == l })
		}
	})
	if ms >= s.next {
		s.next = ms + spoolGlance.Milliseconds()
		s.glance(ms)
	}
	if ms >= s.look {
		s.look = ms + spoolLook.Milliseconds()
		s.shares.expire(s.p.now())
		if s.looking.CompareAndSwap(false, true) && !s.p.spawn(func() {
			defer s.looking.Store(false)
			s.find(context.Background())
		}) {
			s.looking.Store(false)
		}
	}
}

// glance brings forward the next try of homes that were out of reach and are not any
// more: they may have been away for long, and be waited with for minutes.
// (spec/delivery.md, DELIV-15)
func (s *spool) glance(ms int64) {
	var resting []*spoolLane
	s.lanes.all(func(l *spoolLane) {
		if l.restsUntil() > ms {
			resting = append(resting, l)
		}
	})
	if len(resting) == 0 {
		return
	}
	there := make(map[omega.Fingerprint]bool)
	for _, server := range s.p.reachable() {
		there[server] = true
	}
	for _, l := range resting {
		l.seen(there[l.home], ms+rand.Int64N(spoolReturn.Milliseconds()))
	}
}

// restsUntil is when the lane is to be tried again, steady ms; 0 if it does not rest.
func (l *spoolLane) restsUntil() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.due
}

// seen notes whether the home can be reached. One that can be again is tried at a
// time, if it was not to be sooner.
func (l *spoolLane) seen(there bool, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if there && l.away && l.due > at {
		l.failures, l.due = 0, at
	}
	l.away = !there
}

// find makes lanes for all homes that have mail here.
func (s *spool) find(ctx context.Context) {
	var after omega.Fingerprint
	for {
		page, err := s.store.Waiting(ctx, after, spoolPage)
		if err != nil {
			s.p.log.ErrorContext(ctx, "spool not listed", "err", err)
			return
		}
		for _, home := range page {
			if !s.counted {
				s.count(ctx, home)
			}
			s.lane(home).wake(false)
		}
		if len(page) < spoolPage {
			s.counted = true
			return
		}
		after = page[len(page)-1]
	}
}

// count counts what an earlier run of this server left for a home.
func (s *spool) count(ctx context.Context, home omega.Fingerprint) {
	var after uint64
	for {
		mails, err := s.store.Read(ctx, home, after, mailbox.Limit{Messages: spoolWindow, Bytes: spoolBytes})
		if err != nil {
			s.p.log.ErrorContext(ctx, "spool not counted", "server", home, "err", err)
			return
		}
		for _, m := range mails {
			after = m.Seq
			if e, err := readSpooled(m.Envelope); err == nil && m.Received.Before(s.began) {
				s.shares.keep(pair{e.origin, home}, len(m.Envelope), m.Expires)
			}
		}
		if len(mails) == 0 {
			return
		}
	}
}

// rests reports whether the lane is to be tried again now, and whether there is
// nothing left to try.
func (l *spoolLane) rests(ms int64) (due, idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.due != 0 && ms >= l.due, l.due == 0 && !l.running
}

// wake starts a pass over the lane's mail unless the home is to be left alone
// for a while. force: it is not.
func (l *spoolLane) wake(force bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if force {
		l.failures, l.due = 0, 0
	}
	if l.running {
		l.again = true
		return
	}
	if l.spool.p.steady().UnixMilli() < l.due {
		return
	}
	l.due = 0
	l.running = l.spool.p.spawn(l.run)
}

// begin makes the caller the one who runs the lane, if nobody does.
func (l *spoolLane) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		return false
	}
	l.running = true
	return true
}

// end undoes begin.
func (l *spoolLane) end() {
	l.mu.Lock()
	again := l.again
	l.running, l.again = false, false
	l.mu.Unlock()
	if again {
		l.wake(false)
	}
}

// run makes passes until one finds nothing new, or the home does not take it.
func (l *spoolLane) run() {
	ctx := context.Background()
	for {
		ok := l.pass(ctx)
		l.mu.Lock()
		if !ok {
			wait := min(spoolRetry<<min(l.failures, 10), spoolMaxWait)
			l.failures++
			l.due = l.spool.p.steady().Add(wait).UnixMilli()
		} else {
			l.failures = 0
		}
		more := l.again && ok
		l.again = false
		if !more {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}

// pass offers everything that waits to the home, a window at a time, and
// forgets what it takes. It reports false when something is left.
func (l *spoolLane) pass(ctx context.Context) (ok bool) {
	ok = true
	var after uint64
	for {
		mails, err := l.spool.store.Read(ctx, l.home, after, mailbox.Limit{Messages: spoolWindow, Bytes: spoolBytes})
		if err != nil {
			l.spool.p.log.ErrorContext(ctx, "spool not read", "server", l.home, "err", err)
			return false
		}
		if len(mails) == 0 {
			return ok
		}
		after = mails[len(mails)-1].Seq
		taken, reached := l.offer(ctx, mails)
		if err := l.spool.store.Remove(ctx, l.home, taken); err != nil {
			l.spool.p.log.ErrorContext(ctx, "spool not trimmed", "server", l.home, "err", err)
			return false
		}
		ok = ok && len(taken) == len(mails)
		if !reached {
			return false
		}
	}
}

// offer sends one window and waits for the answers. taken are the sequences
// that need not be kept; reached is false when the home said nothing.
func (l *spoolLane) offer(ctx context.Context, mails []mailbox.Mail) (taken []uint64, reached bool) {
	answers := make(chan offered, len(mails))
	open := 0
	for i := range mails {
		m := &mails[i]
		e, err := readSpooled(m.Envelope)
		if err != nil {
			l.spool.p.log.ErrorContext(ctx, "mail for another server is left alone", "server", l.home, "err", err)
			continue // it expires
		}
		if l.spool.owesNobody(ctx, &e) {
			taken = append(taken, l.done(m, &e))
			continue
		}
		open++
		l.spool.p.askPatiently(ctx, l.home, e.env.Class(), wire.TypeSend, e.env, func(f wire.Frame, err error) bool {
			o := offered{mail: m, spooled: e}
			o.judge(f, err)
			answers <- o
			return false
		}, func() {}) // nobody else is asked: it is kept here
	}
	reached = open == 0 // or nobody was asked
	for range open {
		o := <-answers
		reached = reached || !o.silent
		if !o.silent && l.settle(ctx, &o) {
			taken = append(taken, l.done(o.mail, &o.spooled))
		}
	}
	return taken, reached
}

// done counts an envelope out and returns its sequence.
func (l *spoolLane) done(m *mailbox.Mail, e *spooled) uint64 {
	l.spool.shares.gone(pair{e.origin, l.home}, len(m.Envelope), m.Expires)
	l.spool.p.stats.unspooled.Add(1)
	return m.Seq
}

// owesNobody reports whether everybody that an envelope is for deleted the
// account, as this server knows itself: the home need not be there to say so.
func (s *spool) owesNobody(ctx context.Context, e *spooled) bool {
	for _, account := range accountsOf(e.env, e.index) {
		if !s.p.isDeleted(ctx, account) {
			return false
		}
	}
	return len(e.index) > 0
}

// offered is what a home said to one envelope.
type offered struct {
	spooled
	mail    *mailbox.Mail
	silent  bool       // nothing
	code    omega.Code // of recipients that are not in results
	results []wire.Result
}

// judge reads the answer.
func (o *offered) judge(f wire.Frame, err error) {
	worst, results, err := sendResults(f, err)
	switch {
	case errors.Is(err, errNoWay), errors.Is(err, errTimeout), errors.Is(err, errBusy):
		o.silent = true
	case err != nil:
		o.code = codeOf(err)
	case len(results) == 0:
		o.code = worst
	default:
		o.results = results
	}
}

// of is what the home said of one recipient.
func (o *offered) of(i uint16) omega.Code {
	for _, r := range o.results {
		if r.Index == i {
			return r.Code
		}
	}
	return o.code
}

// settle reports whether an envelope need not stay for the home: each recipient
// that it is for has it there, or deleted the account, or has moved and is owed it
// elsewhere now. Nothing
// else that a home may say ends what it is owed, but the end of the lifetime.
// (spec/delivery.md, DELIV-31)
func (l *spoolLane) settle(ctx context.Context, o *offered) bool {
	s := l.spool
	if o.index == nil {
		o.index = s.forWhom(ctx, l.home, o)
	}
	var have, owed, gone []omega.Fingerprint
	moved := make(map[omega.Fingerprint][]uint16) // by where they live now
	for n, account := range accountsOf(o.env, o.index) {
		if s.p.isDeleted(ctx, account) {
			continue // nobody is owed it any more
		}
		switch i := o.index[n]; o.of(i) {
		case omega.CodeOK:
			have = append(have, account)
		case omega.CodeDeleted:
			gone = append(gone, account)
		case omega.CodeNotFound:
			r, err := s.p.cfg.Keys.Route(ctx, account)
			if err != nil || len(r.Homes) == 0 || slices.Contains(r.Homes, l.home) {
				owed = append(owed, account)
				continue
			}
			for _, h := range r.Homes {
				moved[h] = append(moved[h], i)
			}
		default:
			return false
		}
	}
	if s.p.doubt(l.home, owed); len(owed) > 0 || !s.follow(ctx, o, moved) {
		return false
	}
	// The home's word ends what it is owed, as its word that it has it would. What
	// else is here ends by the tombstone, which it is asked for.
	s.p.doubt(l.home, gone)
	s.p.release(ctx, l.home, o.env, append(have, gone...))
	return true
}

// forWhom says whom an envelope is for of which that was not noted: those who
// live at the home, and those whose devices could read it here.
func (s *spool) forWhom(ctx context.Context, home omega.Fingerprint, o *offered) (index []uint16) {
	key := []mailbox.Key{mailbox.KeyOf(o.env.Sender(), o.env.ID(), o.env.Payload())}
	for i, account := range o.env.Recipients {
		r, err := s.p.cfg.Keys.Route(ctx, account)
		if err == nil && slices.Contains(r.Homes, home) {
			index = append(index, uint16(i))
			continue
		}
		if seqs, err := s.p.cfg.Mail.Find(ctx, account, key); err != nil || len(seqs) > 0 {
			index = append(index, uint16(i))
		}
	}
	return index
}

// follow keeps an envelope for the homes to which recipients have moved, and
// reports whether all of that is on stable storage.
func (s *spool) follow(ctx context.Context, o *offered, moved map[omega.Fingerprint][]uint16) bool {
	kept := make(chan error, len(moved))
	for home, index := range moved {
		if home != s.p.self {
			s.put(ctx, home, spooled{o.origin, index, o.env}, o.mail.Expires, func(err error) { kept <- err })
			continue
		}
		d := s.p.newDelivery(o.env, func(d *delivery, err error) {
			for _, r := range d.results {
				if err == nil {
					err = omega.Errorf(r.Code, "recipient %d", r.Index)
				}
			}
			kept <- err
		})
		for n, account := range accountsOf(o.env, index) {
			d.add(int(index[n]), account)
		}
		s.p.deliver(ctx, d)
	}
	all := true
	for range moved {
		all = <-kept == nil && all
	}
	return all
}
