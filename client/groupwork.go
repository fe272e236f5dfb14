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
	"github.com/omega-im/omega/internal/i18n"
)

// A groupWork is what follows from mail about groups and needs the cloud, or
// transactions of its own. The next mail does not wait for it, and what comes
// meanwhile is done together. What is lost with the process, or because there is
// too much of it, is asked for again.
type groupWork struct {
	unproven  []*opsIn        // operations whose signers are not known
	newcomers []newcomer      // who told this device that they accept
	asked     []*chat.Message // verified ones of chat.KindGroup and chat.KindGroupJoin
	joins     bool            // an invitation came that was asked for
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
)

func (w *groupWork) empty() bool {
	return len(w.unproven) == 0 && len(w.newcomers) == 0 && len(w.asked) == 0 && !w.joins
}

// The chores of groups are put in by the inbox and taken out by tendGroups.
type chores struct {
	mu   sync.Mutex
	work groupWork // guarded by mu
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
	a := fits(&q.work.unproven, w.unproven)
	b := fits(&q.work.newcomers, w.newcomers)
	c := fits(&q.work.asked, w.asked)
	q.work.joins = q.work.joins || w.joins
	return a && b && c
}

// fits appends as much as there is room for.
func fits[T any](to *[]T, more []T) bool {
	n := min(len(more), maxGroupWork-len(*to))
	*to = append(*to, more[:n]...)
	return n == len(more)
}

func (q *chores) take() (w groupWork) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w, q.work = q.work, groupWork{}
	return w
}

// A groupTender is the state of the goroutine that does the work of groups.
type groupTender struct {
	c       *Client
	given   answers
	waiting []*opsIn // for another look-up of their signers
}

// tendGroups does the work of groups until ctx ends.
func (c *Client) tendGroups(ctx context.Context) {
	g := &groupTender{c: c, given: answers{}}
	c.chores.add(&groupWork{joins: true}) // an invitation may have come when the process ended
	for {
		came := c.chores.came.wait()
		if err := g.work(ctx, c.chores.take()); err != nil && ctx.Err() == nil {
			c.cfg.log().Warn("not all was done for groups", "err", err)
		}
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
	if len(g.waiting) == 0 {
		return nil
	}
	first := slices.MinFunc(g.waiting, func(a, b *opsIn) int { return a.due.Compare(b.due) })
	return time.After(max(first.due.Sub(g.c.cfg.now()), 10*time.Millisecond))
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
	if w.empty() {
		return nil
	}
	defer g.c.changed.notify()
	var errs []error
	for part := range slices.Chunk(w.unproven, provenAtOnce) {
		errs = append(errs, g.c.prove(ctx, part, g.given))
	}
	errs = append(errs, g.c.welcomeAll(ctx, w.newcomers, g.given), g.c.answerAsked(ctx, w.asked, g.given))
	if w.joins {
		errs = append(errs, g.c.inTime(ctx, g.c.joinInvited))
	}
	return errors.Join(errs...)
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
// are asked about first have it. (spec/group.md, GROUP-29)
func (in *opsIn) try(failed map[omega.Fingerprint]bool, goesOn bool, now time.Time) {
	if in.tried == nil {
		in.tried = map[omega.Fingerprint]bool{}
	}
	if goesOn {
		in.tries = 0
	}
	in.tries++
	for _, fp := range in.need {
		if in.tried[fp] = in.tries >= maxTries || !failed[fp]; !in.tried[fp] {
			in.due = now.Add(triesApart << (in.tries + 1))
		}
	}
}

// noteNewcomers notes whom this device has to welcome.
func (t *taken) noteNewcomers(in *opsIn, placed []*group.Op) {
	if !in.direct || in.from == t.c.acc.Fingerprint {
		return
	}
	for _, o := range append(slices.Clone(placed), in.again...) {
		if o.Type == group.TypeAccept && o.Author.Account == in.from {
			t.newcomers = append(t.newcomers, newcomer{in.group, o})
		}
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

// welcomeAll gives newcomers what they need, those of one group together.
func (c *Client) welcomeAll(ctx context.Context, list []newcomer, given answers) error {
	var errs []error
	byGroup := map[chat.Hash][]*group.Op{}
	for _, n := range list {
		if given.may(repetition{n.accept.Author.Device, omega.ChatID(n.group[:16]), newcomersKind}, c.cfg.now()) {
			byGroup[n.group] = append(byGroup[n.group], n.accept)
		}
	}
	for id, accepts := range byGroup {
		for part := range slices.Chunk(accepts, welcomedOnce) {
			err := c.inTime(ctx, func(ctx context.Context) error { return c.welcome(ctx, id, part) })
			if err != nil { // who tells again is welcomed then
				for _, o := range part {
					delete(given, repetition{o.Author.Device, omega.ChatID(id[:16]), newcomersKind})
				}
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// welcome passes accepts on, wraps the group key for the newcomers, and gives them
// the earlier messages that the rules allow. (spec/group.md, GROUP-17)
func (c *Client) welcome(ctx context.Context, id chat.Hash, accepts []*group.Op) error {
	var who []omega.Fingerprint
	for _, o := range accepts {
		who = append(who, o.Author.Account)
	}
	// A new account's record is often a later one than that at hand: nothing is
	// sealed for one that is behind (CHAT-20).
	c.fetchAccounts(ctx, who, 0)
	c.readyGroup(ctx, id)
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
		return c.welcomeSecretly(ctx, id)
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
	}
	return err
}

// answerAsked answers who wants operations, and invites who asks to join by an open
// link.
func (c *Client) answerAsked(ctx context.Context, list []*chat.Message, given answers) error {
	var errs []error
	open := map[chat.Hash][]omega.Fingerprint{}
	for _, m := range list {
		errs = append(errs, c.inTime(ctx, func(ctx context.Context) error {
			if m.Content.Kind != chat.KindGroupJoin {
				return c.answerGroup(ctx, m, given)
			}
			granted, err := c.takeJoin(ctx, m)
			if granted {
				open[m.Content.Group.ID] = append(open[m.Content.Group.ID], m.From)
			}
			return err
		}))
	}
	for id, accounts := range open {
		errs = append(errs, c.inTime(ctx, func(ctx context.Context) error {
			return c.grant(ctx, i18n.T("doing.groupjoin"), id, accountsOf(accounts))
		}))
	}
	return errors.Join(errs...)
}
