package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// A groupWork is what follows from mail about groups and needs the cloud, or
// transactions of its own. The next mail does not wait for it, and what comes
// meanwhile is done together. Operations that are lost with the process, or because
// there are too many, are asked for again; what others ask for is in the database
// (history.Chore) until it is done.
type groupWork struct {
	unproven []*opsIn // operations whose signers are not known
	chores   bool     // there may be new ones
	joins    bool     // an invitation came that was asked for
	lists    bool     // entries of channels' lists are to be told
	words    bool     // words of subscribers are to be told, or counted
}

// A newcomer is an accept that its author told this device of.
type newcomer struct {
	group  chat.Hash
	accept *group.Op
}

const (
	maxGroupWork  = 1024             // of each kind
	groupTimeout  = 30 * time.Second // for one part of it
	welcomedOnce  = 32               // newcomers, in one transaction: those of one part of a group key
	provenAtOnce  = 64               // messages with operations
	askedInTime   = 256              // accounts looked up within groupTimeout
	maxTries      = 6                // to look up their signers
	triesApart    = time.Second      // or more
	welcomeHeads  = 8                // left after it
	newcomersKind = 1                // of a repetition; operations are 0
	readersKind   = 2                // likewise, for who subscribes
	pagesKind     = 3                // likewise, for pages of earlier messages
	choreTries    = 20               // in vain
	choresApart   = 5 * time.Second  // between them
)

func (w *groupWork) empty() bool {
	return len(w.unproven) == 0 && !w.chores && !w.joins && !w.lists && !w.words
}

// The chores of groups are put in by the inbox and taken out by tendGroups.
type chores struct {
	mu   sync.Mutex
	work groupWork // guarded by mu
	busy bool      // something is being done; guarded by mu
	late bool      // signers are looked up again later; guarded by mu
	came notice
}

// add puts work in and reports whether there was room for all of it.
func (q *chores) add(w *groupWork) bool {
	if w.empty() {
		return true
	}
	defer q.came.notify()
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(w.unproven), maxGroupWork-len(q.work.unproven))
	q.work.unproven = append(q.work.unproven, w.unproven[:n]...)
	q.work.joins, q.work.chores, q.work.lists = q.work.joins || w.joins, q.work.chores || w.chores, q.work.lists || w.lists
	q.work.words = q.work.words || w.words
	return n == len(w.unproven)
}

func (q *chores) take() (w groupWork) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w, q.work = q.work, groupWork{}
	q.busy = !w.empty()
	return w
}

// done notes that what was taken last is done, and whether signers are looked up again
// later.
func (q *chores) done(late bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy, q.late = false, late
}

// settled reports whether no signers are to be looked up, now or later, and nothing else
// is to be done now.
func (q *chores) settled() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.busy && !q.late && q.work.empty()
}

// idle reports whether there is nothing to do now.
func (q *chores) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.busy && q.work.empty()
}

// A groupTender is the state of the goroutine that does the work of groups.
type groupTender struct {
	c       *Client
	given   answers
	told    map[int64]map[omega.Fingerprint]bool // of chores that were not done, who was told
	waiting []*opsIn                             // for another look-up of their signers
	again   time.Time                            // when chores that were not done are tried again; zero: there are none
	untold  time.Time                            // when entries of lists that were not told are tried again; zero: there are none
	passed  time.Time                            // when words of others were passed on last
	gather  time.Time                            // when words that came are passed on; zero: none came
	words   time.Time                            // when words are passed on, or counted; zero: there are none
	heard   map[int64][]omega.Fingerprint        // of words that are being told, by their numbers, who was
	rate    time.Time                            // by which own words are sent: when there was a session last
	waits   bool                                 // own words wait until they may be sent
}

// tendGroups does the work of groups until ctx ends.
func (c *Client) tendGroups(ctx context.Context) {
	g := &groupTender{c: c, given: answers{}, told: map[int64]map[omega.Fingerprint]bool{}}
	g.gather = c.cfg.now()                                                        // what was to be passed on when the process ended waits no more
	c.chores.add(&groupWork{joins: true, chores: true, lists: true, words: true}) // what came when the process ended
	for {
		came := c.chores.came.wait()
		if err := g.work(ctx, c.chores.take()); err != nil && ctx.Err() == nil {
			c.cfg.log().Warn("not all was done for groups", "err", err)
		}
		c.chores.done(slices.ContainsFunc(g.waiting, func(in *opsIn) bool { return len(in.need) > 0 }))
		c.changed.notify() // who ends waits for it
		select {
		case <-came:
		case <-g.due():
		case <-ctx.Done():
			return
		}
	}
}

// due is when something waits no more; never, if nothing waits.
func (g *groupTender) due() <-chan time.Time {
	next := sooner(sooner(g.again, g.untold), g.words)
	for _, in := range g.waiting {
		if next.IsZero() || in.due.Before(next) {
			next = in.due
		}
	}
	if next.IsZero() {
		return nil
	}
	return time.After(max(next.Sub(g.c.cfg.now()), 10*time.Millisecond))
}

func (g *groupTender) work(ctx context.Context, w groupWork) error {
	now := g.c.cfg.now()
	all := append(g.waiting, w.unproven...)
	w.unproven, g.waiting = nil, nil
	for _, in := range all {
		if in.due.After(now) && len(g.waiting) < maxGroupWork {
			g.waiting = append(g.waiting, in)
		} else {
			w.unproven = append(w.unproven, in)
		}
	}
	w.chores = w.chores || !g.again.IsZero() && !g.again.After(now) || len(w.unproven) > 0
	w.lists = w.lists || !g.untold.IsZero() && !g.untold.After(now)
	w.words = w.words || !g.words.IsZero() && !g.words.After(now)
	if w.empty() {
		return nil
	}
	defer g.c.changed.notify()
	var errs []error
	for part := range slices.Chunk(w.unproven, provenAtOnce) {
		errs = append(errs, g.c.prove(ctx, part, g.given))
	}
	if w.chores {
		errs = append(errs, g.doChores(ctx))
	}
	if w.joins {
		errs = append(errs, g.c.inTime(ctx, g.c.joinInvited))
	}
	if w.lists {
		g.untold = time.Time{}
		if err := g.c.inTime(ctx, g.c.passChanges); err != nil {
			g.untold = g.c.cfg.now().Add(choresApart)
			errs = append(errs, err)
		}
	}
	if w.words {
		errs = append(errs, g.c.inTime(ctx, g.tendWords))
	}
	return errors.Join(errs...)
}

// tendWords tells this account's own words, passes on those of others when it is time, and
// has them counted.
func (g *groupTender) tendWords(ctx context.Context) error {
	now := g.c.cfg.now()
	g.words = time.Time{}
	pass := g.gathered(now)
	g.waits = false
	failed := g.passWords(ctx, pass)
	if pass {
		g.passed, g.gather = now, time.Time{}
	}
	if failed != nil || g.waits {
		g.words = now.Add(choresApart)
	}
	counts, err := g.c.tellCounts(ctx, g.given)
	if err != nil {
		counts = g.c.cfg.now().Add(choresApart)
	}
	g.words = sooner(sooner(g.words, g.gather), counts)
	return errors.Join(failed, err)
}

// gathered reports whether words that came are passed on now: others may come meanwhile, and
// another device of this account may do it.
func (g *groupTender) gathered(now time.Time) bool {
	if g.gather.IsZero() {
		g.gather = now.Add(gatherWords + time.Duration(g.c.place())*devicesTurn)
		if next := g.passed.Add(passesApart); next.After(g.gather) {
			g.gather = next
		}
	}
	return !g.gather.After(now)
}

func (c *Client) inTime(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	return do(ctx)
}

// prove takes operations once more when the certificates of their signers have
// been looked up, in the order of the operations: those that come first are the
// parents of the others, which else would wait for them.
func (c *Client) prove(ctx context.Context, list []*opsIn, given answers) error {
	failed := map[omega.Fingerprint]bool{}
	for part := range slices.Chunk(signersOf(list), askedInTime) {
		c.inTime(ctx, func(ctx context.Context) error {
			for _, fp := range c.fetchAccounts(ctx, part, memberAge) {
				failed[fp] = true
			}
			return nil
		})
	}
	goesOn := map[chat.Hash]bool{} // groups of which servers answered for somebody
	for _, in := range list {
		goesOn[in.group] = goesOn[in.group] || slices.ContainsFunc(in.need, func(fp omega.Fingerprint) bool { return !failed[fp] })
	}
	t := &taken{c: c, given: given, receipts: map[lane]*chat.Receipt{}}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		t.groupWork = groupWork{}
		for _, in := range list {
			in.try(failed, goesOn[in.group], c.cfg.now())
			if err := t.takeGroupOps(ctx, tx, in); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.follow(ctx)
}

// signersOf are the accounts that some operations need, in their order.
func signersOf(list []*opsIn) (out []omega.Fingerprint) {
	have := map[omega.Fingerprint]bool{}
	for _, in := range list {
		for _, fp := range in.need {
			if !have[fp] {
				have[fp], out = true, append(out, fp)
			}
		}
	}
	return out
}

// try notes whose certificates were looked up: all that were needed, but for some
// that are tried again. While servers answer for some of the group, be it for
// another message, none is given up: they answer so many in a time, and those that
// are asked about first have it. What only waits for its genesis comes when that
// does: in front of it, or when it is asked for. (spec/group.md, GROUP-29)
func (in *opsIn) try(failed map[omega.Fingerprint]bool, goesOn bool, now time.Time) {
	if in.tried == nil {
		in.tried = map[omega.Fingerprint]bool{}
	}
	if goesOn {
		in.tries = 0
	}
	in.tries++
	in.due = now.Add(triesApart << (in.tries + 1))
	wait := len(in.need) == 0
	for _, fp := range in.need {
		in.tried[fp] = in.tries >= maxTries || !failed[fp]
		wait = wait || !in.tried[fp]
	}
	if !wait {
		in.due = time.Time{}
	}
}

// noteJoins notes that a group that this account asked to join changed: the
// invitation may be among what came last.
func (t *taken) noteJoins(tx *history.Tx, id chat.Hash, placed []*group.Op) error {
	if len(placed) == 0 {
		return nil
	}
	g, err := tx.KnownGroup(id)
	if err == nil {
		t.joins = t.joins || g.Ticket != (chat.Ticket{})
	}
	return ignoreNotFound(err)
}

// welcomeAll gives newcomers what they need, those of one group together. It returns
// why that failed for some.
func (c *Client) welcomeAll(ctx context.Context, list []newcomer, given answers) (failed map[*group.Op]error) {
	failed = map[*group.Op]error{}
	byGroup := map[chat.Hash][]*group.Op{}
	for _, n := range list {
		turn := repetition{n.accept.Author.Device, omega.ChatID(n.group[:16]), newcomersKind}
		if given[turn].times > 0 && c.onTheirWay(ctx, n.accept.Author.Account) {
			continue // what it lacks is among that; or it tells its accept again
		}
		if given.may(turn, c.cfg.now()) {
			byGroup[n.group] = append(byGroup[n.group], n.accept)
		}
	}
	for id, accepts := range byGroup {
		for part := range slices.Chunk(accepts, welcomedOnce) {
			err := c.welcome(ctx, groupTimeout, id, part)
			for _, o := range part {
				if failed[o] = err; err != nil { // it may be tried again at once
					delete(given, repetition{o.Author.Device, omega.ChatID(id[:16]), newcomersKind})
				}
			}
		}
	}
	return failed
}

// onTheirWay reports whether envelopes for an account wait in the outbox.
func (c *Client) onTheirWay(ctx context.Context, to omega.Fingerprint) bool {
	n := 0
	_ = c.db.View(ctx, func(tx *history.Tx) (err error) {
		n, err = tx.CountOutgoingTo(to)
		return err
	})
	return n > 0
}

// welcome passes accepts on, wraps the group key for the newcomers, and gives them
// the earlier messages that the rules allow. Looking them up ends after a time, and what
// was found is used: a part that servers cannot answer in time for would else be looked up
// again without end. (spec/group.md, GROUP-17, GROUP-51)
func (c *Client) welcome(ctx context.Context, looks time.Duration, id chat.Hash, accepts []*group.Op) error {
	var who []omega.Fingerprint
	for _, o := range accepts {
		who = append(who, o.Author.Account)
	}
	// A new account's record is often a later one than that at hand: nothing is
	// sealed for one that is behind (CHAT-20).
	look, done := context.WithTimeout(ctx, looks)
	c.fetchAccounts(look, who, 0)
	c.readyGroup(look, id)
	done()
	secret := false
	err := c.db.Update(ctx, func(tx *history.Tx) (err error) {
		if err := c.welcomeIn(ctx, tx, id, accepts); err != nil {
			return err
		}
		secret, err = c.isSecureGroup(tx, id)
		return err
	})
	c.queued.notify()
	if err == nil && secret {
		return c.inTime(ctx, func(ctx context.Context) error { return c.welcomeSecretly(ctx, id) })
	}
	return err
}

func (c *Client) welcomeIn(ctx context.Context, tx *history.Tx, id chat.Hash, accepts []*group.Op) error {
	l, err := c.groupIn(tx, id)
	if err != nil {
		return err
	}
	state := l.State()
	if state.Role(c.acc.Fingerprint) == group.RoleNone {
		return nil
	}
	var readers []chat.GroupReader
	var told []*group.Op
	for _, o := range accepts {
		who := o.Author.Account
		if state.Role(who) == group.RoleNone || !c.hosts(l, who) {
			continue
		}
		if r, _ := c.groupReader(tx, who); len(r.Devices) > 0 { // others ask again
			readers, told = append(readers, r), append(told, o)
		}
	}
	if len(told) == 0 {
		return nil
	}
	merged, err := c.mergeHeads(ctx, tx, l, welcomeHeads)
	if err != nil {
		return err
	}
	if !state.Secure {
		key, err := c.groupKey(ctx, tx, l)
		if err != nil {
			return err
		}
		if err := c.sendGroupKey(tx, key, readers); err != nil {
			return err
		}
	}
	if err := c.bringUpToDate(ctx, tx, l, told); err != nil {
		return err
	}
	parts := groupParts(told)
	if len(merged) <= maxMerges {
		parts[len(parts)-1] = append(parts[len(parts)-1], merged...)
	} else {
		parts = slices.AppendSeq(parts, slices.Chunk(merged, 4*maxMerges))
	}
	for _, part := range parts {
		if err := c.tellGroupIn(ctx, tx, id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{Operations: part}}); err != nil {
			return err
		}
	}
	if state.Secure {
		return nil // who joins reads from then on
	}
	return c.giveEarlier(ctx, tx, state, readers)
}

// maxBrought is how many messages with operations a newcomer is sent at once; who lacks more
// asks.
const maxBrought = 8

// bringUpToDate gives newcomers the operations that they did not know when they accepted:
// in a crowd each lacks what those before it said. (spec/group.md, GROUP-42)
func (c *Client) bringUpToDate(ctx context.Context, tx *history.Tx, l *groupLog, accepts []*group.Op) error {
	id := chat.Hash(l.ID())
	for _, o := range accepts {
		parts := groupParts(slices.DeleteFunc(l.Since([]group.Hash{o.Hash()}), func(p *group.Op) bool { return slices.Contains(accepts, p) }))
		cert := c.certIn(tx, o.Author.Account)
		if cert == nil || len(parts) > maxBrought {
			continue
		}
		for _, part := range parts {
			message, err := c.newID()
			if err == nil {
				err = c.seal(ctx, tx, cert, message, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, Operations: part}})
			}
			if err != nil && unlessMute(err) != nil {
				return err
			}
		}
	}
	return nil
}

// giveEarlier sends newcomers the earlier messages that the rules allow.
func (c *Client) giveEarlier(ctx context.Context, tx *history.Tx, state *group.State, to []chat.GroupReader) error {
	rows, err := c.earlier(tx, state, omega.ChatID(state.Group.Chat()))
	for _, r := range to {
		cert := c.certIn(tx, r.Account)
		for i := range rows {
			if err != nil || cert == nil {
				break
			}
			err = c.sealAgain(ctx, tx, cert, &rows[i])
		}
		if err == nil {
			err = c.giveCounts(ctx, tx, state, r.Account, rows)
		}
	}
	return err
}
