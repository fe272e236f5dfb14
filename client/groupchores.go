package client

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// errNotYet says that a chore waits for operations.
var errNotYet = errors.New("what this rests on is not here yet")

// noteChore keeps what a verified message of a direct chat asks for, in the
// transaction that took it: operations, to be let in, or to be welcomed.
func (t *taken) noteChore(tx *history.Tx, m *chat.Message) error {
	news := m.Content.Group
	asks := news.Ask || len(news.WordsOf) > 0 || news.Earlier != nil && news.Earlier.Count > 0
	if m.Peer.IsZero() || m.Content.Kind == chat.KindGroup && !asks && len(acceptsOf(m)) == 0 {
		return nil
	}
	raw, err := m.Content.Raw()
	if err != nil {
		return err
	}
	kept, err := tx.PutChore(&history.Chore{Account: m.From, Device: m.Device, Time: m.Time, Content: raw})
	if err == nil && !kept {
		t.c.cfg.log().Warn("too much to do for groups at once", "from", m.From)
	}
	t.chores = t.chores || kept
	return err
}

// acceptsOf are the accepts by which the sender of a message tells this device that
// it is in.
func acceptsOf(m *chat.Message) (out []*group.Op) {
	for _, b := range m.Content.Group.Operations {
		if o, err := group.Parse(b); err == nil && o.Type == group.TypeAccept && o.Author.Account == m.From {
			out = append(out, o)
		}
	}
	return out
}

// An errand is a chore that was read.
type errand struct {
	history.Chore
	m       *chat.Message
	accepts []*group.Op                // that are in their place
	told    map[omega.Fingerprint]bool // who decides and needs not be told again
	err     error                      // why it was not done
	over    bool                       // it is done, or given up
}

// choresOnce is how many chores are read at once.
const choresOnce = 256

// doChores does what is in the database, and tries again later what could not be done.
// What came meanwhile may let it be done at once; that it does not is no try.
func (g *groupTender) doChores(ctx context.Context) error {
	now := g.c.cfg.now()
	switch some, err := g.c.hasChores(ctx); {
	case err != nil:
		return err
	case !some:
		g.again = time.Time{}
		return nil
	}
	due, some := !g.again.After(now), false
	var errs []error
	for behind := int64(0); ctx.Err() == nil; {
		list, err := g.c.readChores(ctx, behind)
		if err != nil {
			return err
		}
		g.recall(list)
		g.c.doErrands(ctx, list, g.given)
		left, err := g.c.endErrands(ctx, list, due)
		g.remember(list)
		errs, some = append(errs, err), some || left
		if len(list) < choresOnce {
			break
		}
		behind = list[len(list)-1].Number
	}
	switch {
	case !some:
		g.again = time.Time{}
	case due:
		g.again = now.Add(choresApart)
	}
	return errors.Join(errs...)
}

// hasChores reports whether there are any: most often operations came and nothing else,
// which is no reason to wait for who writes.
func (c *Client) hasChores(ctx context.Context) (some bool, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Chores(0, 1)
		some = len(list) > 0
		return err
	})
	return some, err
}

// recall says of errands who was told of them before.
func (g *groupTender) recall(list []*errand) {
	for _, e := range list {
		if e.told = g.told[e.Number]; e.told == nil {
			e.told = map[omega.Fingerprint]bool{}
		}
	}
}

// remember keeps who was told of errands that are tried again.
func (g *groupTender) remember(list []*errand) {
	for _, e := range list {
		if delete(g.told, e.Number); len(e.told) > 0 && !e.over {
			g.told[e.Number] = e.told
		}
	}
}

// readChores reads the next ones, with what the groups that they are about have of
// them.
func (c *Client) readChores(ctx context.Context, behind int64) (out []*errand, err error) {
	err = c.db.Update(ctx, func(tx *history.Tx) error { // groups in memory belong to the writer
		list, err := tx.Chores(behind, choresOnce)
		out = make([]*errand, 0, len(list))
		for i := range list {
			if err != nil {
				return err
			}
			e := &errand{Chore: list[i]}
			out = append(out, e)
			content, failed := chat.DecodeContent(e.Content)
			if failed != nil || content.Group == nil {
				e.m = nil // of a version that knew more: it is ended
				continue
			}
			e.m = &chat.Message{From: e.Account, Device: e.Device, Peer: e.Account, Time: e.Time, Content: content}
			err = c.placeErrand(tx, e)
		}
		return err
	})
	return out, err
}

// placeErrand finds the accepts of an errand, and what it waits for.
func (c *Client) placeErrand(tx *history.Tx, e *errand) error {
	news := e.m.Content.Group
	l, err := c.groupIn(tx, news.ID)
	if err != nil {
		return ignoreNotFound(err)
	}
	told := acceptsOf(e.m)
	for _, o := range told {
		if l.Has(o.Hash()) {
			e.accepts = append(e.accepts, o)
		}
	}
	if len(told) > 0 && len(e.accepts) == 0 {
		e.err = errNotYet
	}
	if e.m.Content.Kind != chat.KindGroupJoin {
		return nil
	}
	var lacks []chat.Hash // whether who passes it on may let people in is judged by what it knows
	for _, h := range news.Heads {
		if !l.Has(group.Hash(h)) {
			lacks = append(lacks, h)
		}
	}
	if len(lacks) == 0 || news.Asker.IsZero() { // who asks for itself knows nothing to judge by
		return nil
	}
	e.err = errNotYet
	if !l.named(e.m.From) { // anybody can make up heads
		return nil
	}
	c.missing.notify()
	return tx.WantOperations(news.ID, e.m.From, c.cfg.now(), lacks)
}

// doErrands welcomes newcomers, answers who wants operations, takes requests to join,
// and invites who asks by an open link: each of them for all at once.
func (c *Client) doErrands(ctx context.Context, list []*errand, given answers) {
	var newcomers []newcomer
	open := map[chat.Hash][]*errand{}
	for _, e := range list {
		if e.m == nil || e.err != nil {
			continue
		}
		news := e.m.Content.Group
		for _, o := range e.accepts {
			newcomers = append(newcomers, newcomer{news.ID, o})
		}
		e.err = c.inTime(ctx, func(ctx context.Context) error {
			if e.m.Content.Kind != chat.KindGroupJoin {
				return c.answerGroup(ctx, e.m, given)
			}
			granted, err := c.takeJoin(ctx, e.m, e.told, given)
			if granted {
				open[news.ID] = append(open[news.ID], e)
			}
			return err
		})
	}
	failed := c.welcomeAll(ctx, newcomers, given)
	for _, e := range list {
		for _, o := range e.accepts {
			e.err = cmp.Or(e.err, failed[o])
		}
	}
	for id, asking := range open {
		var accounts []omega.Fingerprint
		for _, e := range asking {
			accounts = append(accounts, e.m.From)
		}
		err := c.inTime(ctx, func(ctx context.Context) error {
			return c.grant(ctx, i18n.T("doing.groupjoin"), id, accountsOf(accounts))
		})
		for _, e := range asking {
			e.err = cmp.Or(e.err, err)
		}
	}
}

// endErrands ends those that were done, or tried too often, and reports whether some
// are left. due: this counts as a try of all. Without a session nothing counts as one.
func (c *Client) endErrands(ctx context.Context, list []*errand, due bool) (left bool, err error) {
	if len(list) == 0 || ctx.Err() != nil {
		return false, nil
	}
	_, offline := c.online()
	var errs []error
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		for _, e := range list {
			counts := offline == nil && (due || e.Tries == 0)
			if e.m == nil || e.err == nil || counts && e.Tries+1 >= choreTries {
				if err := tx.EndChore(e.Number); err != nil {
					return err
				}
				e.over = true
				continue
			}
			if left = true; !counts {
				continue
			}
			if err := tx.RetryChore(e.Number); err != nil {
				return err
			}
		}
		return nil
	})
	for _, e := range list {
		if e.err != nil && !errors.Is(e.err, errNotYet) {
			errs = append(errs, e.err)
		}
	}
	return left, errors.Join(append(errs, err)...)
}
