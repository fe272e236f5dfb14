package proxy

import (
	"context"
	"errors"
	"slices"
	"sync"
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
	look  int64 // when to look for lanes again, steady ms; the ticker's
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
}

func (s *spool) init(p *Proxy) {
	s.p, s.store = p, p.cfg.Spool
	s.lanes.init()
}

// put keeps a copy of env for a home. done is called once, when it is on stable
// storage or an error is known.
func (s *spool) put(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView, done func(error)) {
	if s.store == nil {
		done(errNoSpool)
		return
	}
	it := &mailbox.Item{
		Recipients: []omega.Fingerprint{home},
		Envelope:   append([]byte(nil), env...),
		Key:        mailbox.KeyOf(env.Sender(), env.ID(), env.Payload()),
	}
	if life := env.Lifetime(); life > 0 {
		it.Expires = s.p.now().Add(life)
	}
	it.Done = func(it *mailbox.Item, err error) {
		if err == nil {
			err = it.Results[0].Err
		}
		done(err)
		if err == nil {
			s.lane(home).wake(false)
		}
	}
	if err := s.store.Append(ctx, it); err != nil {
		done(err)
		return
	}
	s.p.stats.spooled.Add(1)
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
	if ms >= s.look {
		s.look = ms + spoolLook.Milliseconds()
		s.p.spawn(func() { s.find(context.Background()) })
	}
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
			s.lane(home).wake(false)
		}
		if len(page) < spoolPage {
			return
		}
		after = page[len(page)-1]
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
	fates := make(chan offered, len(mails))
	for i := range mails {
		seq, env := mails[i].Seq, wire.EnvelopeView(mails[i].Envelope)
		l.spool.p.ask(ctx, l.home, env.Class(), wire.TypeSend, env, func(f wire.Frame, err error) bool {
			fate, missing := judgeOffer(env, f, err)
			fates <- offered{seq, env, fate, missing}
			return false
		})
	}
	for range mails {
		o := <-fates
		reached = reached || o.fate != fateSilence
		if o.fate == fateTaken && !l.owed(ctx, &o) || o.fate == fateMoved && l.spool.follow(ctx, l.home, o.env) {
			l.spool.p.release(ctx, l.home, o.env)
			taken = append(taken, o.seq)
			l.spool.p.stats.unspooled.Add(1)
		}
	}
	return taken, reached
}

// owed reports whether a recipient whom the home does not know lives there as
// far as this server knows, and has the home asked.
func (l *spoolLane) owed(ctx context.Context, o *offered) bool {
	var owed []omega.Fingerprint
	for _, account := range accountsOf(o.env, o.missing) {
		r, err := l.spool.p.cfg.Keys.Route(ctx, account)
		if err == nil && slices.Contains(r.Homes, l.home) {
			owed = append(owed, account)
		}
	}
	l.spool.p.doubt(l.home, owed)
	return len(owed) > 0
}

// offered is what became of one envelope that a home was offered.
type offered struct {
	seq     uint64
	env     wire.EnvelopeView
	fate    fate
	missing []uint16 // recipients that the home does not know, ascending
}

type fate uint8

const (
	fateLater   fate = iota // the home did not take it this time
	fateSilence             // it said nothing
	fateTaken               // it has it, or never will, for those that it knows
	fateMoved               // nobody that it is for lives there
)

// judgeOffer reads a home's answer to env: its fate, and the recipients that the
// home does not know.
func judgeOffer(env wire.EnvelopeView, f wire.Frame, err error) (fate, []uint16) {
	worst, results, err := sendResults(f, err)
	switch {
	case errors.Is(err, errNoWay), errors.Is(err, errTimeout), errors.Is(err, errBusy):
		return fateSilence, nil
	case err != nil:
		worst, results = codeOf(err), nil
	}
	var missing []uint16
	for _, r := range results {
		switch {
		case r.Code == omega.CodeNotFound:
			missing = append(missing, r.Index)
		case r.Code.Retry():
			return fateLater, nil
		}
	}
	switch {
	case len(results) == 0 && worst.Retry():
		return fateLater, nil
	case len(results) == 0 && worst == omega.CodeNotFound, len(results) > 0 && len(missing) == env.NumRecipients():
		return fateMoved, nil
	}
	return fateTaken, missing
}

// follow passes an envelope on to where its recipients live now, and reports
// whether it need not stay for the home that does not know them: not, if this
// server does not know better either.
func (s *spool) follow(ctx context.Context, home omega.Fingerprint, env wire.EnvelopeView) bool {
	moved := true
	for _, account := range env.Recipients {
		r, err := s.p.cfg.Keys.Route(ctx, account)
		if err != nil || slices.Contains(r.Homes, home) {
			s.p.doubt(home, []omega.Fingerprint{account})
			moved = false
			continue
		}
		for _, h := range r.Homes {
			if h == s.p.self {
				d := s.p.newDelivery(env, func(*delivery, error) {})
				d.add(0, account)
				s.p.deliver(ctx, d)
				continue
			}
			s.put(ctx, h, env, func(error) {}) // what fails here is with another home, or comes again from the sender
		}
	}
	return moved
}
