package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// Channels whose readers are told nothing of each other: spec/group.md, GROUP-38 to
// GROUP-40. Those who may write have the list, in the database; nobody else has.

// subscribes reports whether this account reads a channel without being a member.
func subscribes(tx *history.Tx, id chat.Hash) (bool, error) {
	g, err := tx.KnownGroup(id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return !g.Subscribed.IsZero(), nil
}

// hasList reports whether this account has the list of a channel: what it has from a time
// when it might write is nobody's list any more.
func (c *Client) hasList(s *group.State) bool {
	return s.Rules.Channel() && s.May(c.acc.Fingerprint, s.Rules.Write)
}

// subscriber is the entry of an account that subscribes, in the list that this account
// has; nil if there is none.
func (c *Client) subscriber(tx *history.Tx, s *group.State, who omega.Fingerprint) (*chat.Subscriber, error) {
	if !c.hasList(s) || !mayRead(s, who) {
		return nil, nil
	}
	e, err := tx.Subscriber(chat.Hash(s.Group), who)
	if err != nil || e.State != chat.Subscribes {
		return nil, ignoreNotFound(err)
	}
	return e, nil
}

// mayRead reports whether an account may be a subscriber: it is no member, and not banned.
func mayRead(s *group.State, who omega.Fingerprint) bool {
	_, banned := slices.BinarySearchFunc(s.Banned, who, omega.Fingerprint.Compare)
	return !banned && s.Role(who) == group.RoleNone
}

// subscribersToTell are the accounts to address beside the members: none, unless this
// account may write.
func (c *Client) subscribersToTell(tx *history.Tx, s *group.State) (out []omega.Fingerprint, err error) {
	if !c.hasList(s) {
		return nil, nil
	}
	list, err := tx.SubscribersIn(chat.Hash(s.Group), chat.Subscribes)
	for _, r := range list {
		if mayRead(s, r.Account) {
			out = append(out, r.Account)
		}
	}
	return out, err
}

// sendKeyToSubscribers wraps a group key for each of them by itself, since a part says
// for which devices it is. (spec/group.md, GROUP-39)
func (c *Client) sendKeyToSubscribers(tx *history.Tx, k *chat.GroupKey, to []omega.Fingerprint) error {
	for _, fp := range to {
		r, _ := c.groupReader(tx, fp)
		if len(r.Devices) == 0 {
			continue // it asks
		}
		if err := c.sendGroupKey(tx, k, []chat.GroupReader{r}); err != nil {
			return err
		}
	}
	return nil
}

// endsReading are the accounts whose subscriptions an operation ends: who becomes a
// member, leaves, or is taken out is no subscriber by what it was before.
func endsReading(s *group.State, o *group.Op) []omega.Fingerprint {
	switch {
	case isVoid(s, o):
	case o.Type == group.TypeAccept, o.Type == group.TypeLeave:
		return []omega.Fingerprint{o.Author.Account}
	case o.Type == group.TypeRemove, o.Type == group.TypeBan:
		return o.Accounts
	}
	return nil
}

// overtaken reports whether an operation ended a subscription at its time or later.
func (l *groupLog) overtaken(s *chat.Subscriber) bool {
	return slices.ContainsFunc(l.Ops(), func(o *group.Op) bool {
		return !o.Time.Before(s.Time) && slices.Contains(endsReading(l.State(), o), s.Account)
	})
}

// endReading ends the subscriptions that operations end. All who have the list do the same.
func (c *Client) endReading(tx *history.Tx, l *groupLog, placed []*group.Op) error {
	id := chat.Hash(l.ID())
	for _, o := range placed {
		for _, fp := range endsReading(l.State(), o) {
			if fp == c.acc.Fingerprint {
				if err := c.unsubscribed(tx, id, o.Time); err != nil {
					return err
				}
				continue
			}
			e, err := tx.Subscriber(id, fp)
			if err != nil && !errors.Is(err, history.ErrNotFound) {
				return err
			}
			if err != nil || e.State != chat.Subscribes || o.Time.Before(e.Time) {
				continue
			}
			e.State, e.Time, e.Ended = chat.Unsubscribed, e.Time.Add(time.Millisecond), true
			if _, err := c.putSubscriber(tx, l, e, tx.Bearer(id, omega.Fingerprint{})); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeSubscribers takes entries of a list that a verified message of a direct chat tells:
// from who may write in the channel, or from an account that subscribes no more.
func (t *taken) takeSubscribers(ctx context.Context, tx *history.Tx, m *chat.Message) error {
	news := m.Content.Group
	if m.Peer.IsZero() || m.Content.Kind != chat.KindGroup {
		return nil
	}
	if err := t.subscribed(ctx, tx, m); err != nil {
		return err
	}
	who := m.From
	if who == t.c.acc.Fingerprint { // another of its devices
		who = omega.Fingerprint{}
	}
	bearer, latest := tx.Bearer(news.ID, who), t.c.cfg.now().Add(omega.ClockTolerance)
	for i := range news.Subscribers {
		var err error
		switch s := &news.Subscribers[i]; {
		case s.Time.After(latest):
		case s.Account == t.c.acc.Fingerprint:
			err = t.takeOwnEntry(ctx, tx, m, s)
		default:
			err = t.takeEntry(tx, m, s, bearer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeEntry takes an entry of another account, where this one may write.
func (t *taken) takeEntry(tx *history.Tx, m *chat.Message, s *chat.Subscriber, bearer *history.Bearer) error {
	l, err := t.c.groupIn(tx, m.Content.Group.ID)
	if err != nil {
		return ignoreNotFound(err)
	}
	state := l.State()
	switch {
	case !state.May(t.c.acc.Fingerprint, state.Rules.Write):
	case state.May(m.From, state.Rules.Write):
		_, err = t.c.putSubscriber(tx, l, s, bearer)
	case s.Account == m.From && s.State == chat.Unsubscribed:
		err = t.leaves(tx, l, s)
	}
	return err
}

// takeOwnEntry takes what another device of this account, or who may write, says of this
// account.
func (t *taken) takeOwnEntry(ctx context.Context, tx *history.Tx, m *chat.Message, s *chat.Subscriber) error {
	id := m.Content.Group.ID
	own := m.From == t.c.acc.Fingerprint
	switch {
	case own && s.State == chat.Subscribes:
		return t.nowSubscribes(ctx, tx, id, s.Time)
	case s.State == chat.Subscribes:
		return nil
	case !own:
		state, err := t.c.groupState(tx, id)
		if err != nil || !state.May(m.From, state.Rules.Write) {
			return ignoreNotFound(err)
		}
	}
	return t.c.unsubscribed(tx, id, s.Time)
}

// leaves notes that a subscriber is none any more, which the others who have the list
// are told.
func (t *taken) leaves(tx *history.Tx, l *groupLog, s *chat.Subscriber) error {
	old, err := tx.Subscriber(chat.Hash(l.ID()), s.Account)
	if err != nil || old.State != chat.Subscribes {
		return ignoreNotFound(err)
	}
	e := *s
	switch now := t.c.cfg.now(); {
	case e.Time.Before(old.Time.Add(-omega.ClockTolerance)):
		return nil // it came late: it subscribes again
	case e.Time.After(now): // else it would end each key that is made until then
		e.Time = now
	}
	if !e.Time.After(old.Time) { // one of the clocks is ahead
		e.Time = old.Time.Add(time.Millisecond)
	}
	if taken, err := t.c.putSubscriber(tx, l, &e, tx.Bearer(chat.Hash(l.ID()), omega.Fingerprint{})); err != nil || !taken {
		return err
	}
	t.lists = true
	return tx.PutUntold(chat.Hash(l.ID()), &e)
}

// subscribed takes it that this account subscribes to a channel, from the maker of the
// link by which it asked: the last message of the answer has the ticket.
func (t *taken) subscribed(ctx context.Context, tx *history.Tx, m *chat.Message) error {
	news := m.Content.Group
	if news.Ticket == (chat.Ticket{}) {
		return nil
	}
	g, err := tx.KnownGroup(news.ID)
	if err != nil || g.Ticket != news.Ticket || m.From != g.Maker {
		return ignoreNotFound(err)
	}
	now := t.c.cfg.now()
	t.lists = true
	if err := tx.PutUntold(news.ID, &chat.Subscriber{Account: t.c.acc.Fingerprint, Time: now}); err != nil {
		return err
	}
	return t.nowSubscribes(ctx, tx, news.ID, now)
}

// nowSubscribes notes that this account reads a channel, whose operations may come later.
func (t *taken) nowSubscribes(ctx context.Context, tx *history.Tx, id chat.Hash, since time.Time) error {
	g, err := tx.KnownGroup(id)
	if errors.Is(err, history.ErrNotFound) {
		g, err = &history.Group{ID: id}, nil
	}
	if err != nil {
		return err
	}
	fresh := g.Subscribed.IsZero()
	g.Ticket, g.Subscribed, g.Refuser, g.Refused = chat.Ticket{}, since, omega.Fingerprint{}, time.Time{}
	if err := tx.PutGroup(g); err != nil {
		return err
	}
	if fresh {
		if err := t.c.noteSubscribed(tx, g); err != nil {
			return err
		}
	}
	t.c.letting.notify()
	l, err := t.c.groupIn(tx, id)
	if err != nil {
		return ignoreNotFound(err)
	}
	if err := t.c.noteGroup(tx, l, nil); err != nil {
		return err
	}
	return t.openGroup(ctx, tx, id)
}

// unsubscribed takes it that this account reads a channel no more, since a time by
// somebody's clock: it may subscribe again since then.
func (c *Client) unsubscribed(tx *history.Tx, id chat.Hash, at time.Time) error {
	g, err := tx.KnownGroup(id)
	if err != nil || g.Subscribed.IsZero() || at.Before(g.Subscribed.Add(-omega.ClockTolerance)) {
		return ignoreNotFound(err)
	}
	g.Subscribed = time.Time{}
	c.letting.notify()
	return tx.PutGroup(g)
}

// subscribeSometimes is subscribe, no more often for one account than other answers: it
// takes much of this device.
func (c *Client) subscribeSometimes(ctx context.Context, m *chat.Message, given answers) error {
	turn := repetition{m.From, omega.ChatID(m.Content.Group.ID[:16]), readersKind}
	if !given.may(turn, c.cfg.now()) {
		return errNotYet
	}
	err := c.subscribe(ctx, m)
	if err != nil { // it may be tried again at once
		delete(given, turn)
	}
	return err
}

// subscribe makes a subscriber of who asked by such a link, and gives it what it needs.
// (spec/group.md, GROUP-38)
func (c *Client) subscribe(ctx context.Context, m *chat.Message) error {
	id := m.Content.Group.ID
	switch stands, err := c.setSubscriber(ctx, id, &chat.Subscriber{Account: m.From, Time: c.cfg.now()}); {
	case err != nil:
		return err
	case !stands:
		return errNotYet
	}
	c.fetchAccounts(ctx, []omega.Fingerprint{m.From}, 0)
	c.readyGroup(ctx, id)
	var parts [][][]byte
	var heads []chat.Hash
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		l, err := c.groupIn(tx, id)
		if err != nil {
			return err
		}
		r, _ := c.groupReader(tx, m.From)
		if len(r.Devices) == 0 {
			return errNotYet
		}
		parts, heads = groupParts(l.Ops()), l.heads()
		key, err := c.groupKey(ctx, tx, l)
		if err != nil {
			return err
		}
		if err := c.sendGroupKey(tx, key, []chat.GroupReader{r}); err != nil {
			return err
		}
		return c.sendOwnRecord(tx, key, m.From)
	})
	if err != nil {
		return err
	}
	if err := c.sendParts(ctx, m.From, id, parts, heads); err != nil {
		return err
	}
	if err := c.sendControl(ctx, m.From, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, Ticket: m.Content.Group.Ticket}}); err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		return c.giveEarlier(ctx, tx, s, []chat.GroupReader{{Account: m.From}})
	})
	c.queued.notify()
	return err
}

// sendOwnRecord gives a subscriber the record of the sending key that this device writes
// by under a group key, if it does: others were told it before. (spec/group.md, GROUP-44)
func (c *Client) sendOwnRecord(tx *history.Tx, k *chat.GroupKey, to omega.Fingerprint) error {
	before, err := c.sender(tx, k.Chat())
	if err != nil || before.Key == nil || before.Key.Group == nil || before.Key.Group.Key != k.Locator {
		return err
	}
	payload, err := tx.GroupRecord(before.Key.Locator)
	if err != nil || payload == nil {
		return err
	}
	id, err := c.newID()
	if err != nil {
		return err
	}
	return c.post(tx, omega.Fingerprint{}, []omega.Fingerprint{to}, id, omega.ID{}, payload)
}

// toTakeOut reports whether an account is to be taken out of a channel's list: it subscribes,
// or did and is kept out now, which no operation may say; and whether that is all, or an
// operation has to take an invitation back.
func (c *Client) toTakeOut(tx *history.Tx, id chat.Hash, fp omega.Fingerprint, state chat.SubscriberState) (in, all bool, err error) {
	s, err := c.groupState(tx, id)
	if err != nil || !c.hasList(s) || !mayRead(s, fp) {
		return false, false, ignoreNotFound(err)
	}
	e, err := tx.Subscriber(id, fp)
	if err != nil {
		return false, false, ignoreNotFound(err)
	}
	in = e.State == chat.Subscribes || state == chat.SubscriberOut
	return in, in && !slices.Contains(s.Invited, fp), nil
}

// takeOut ends the subscriptions of those of accounts that have one, and returns the
// others. (spec/group.md, GROUP-40)
func (c *Client) takeOut(ctx context.Context, id chat.Hash, accounts []omega.Fingerprint, state chat.SubscriberState) (others []omega.Fingerprint, err error) {
	for _, fp := range accounts {
		in, all := false, false
		err := c.db.View(ctx, func(tx *history.Tx) (err error) {
			in, all, err = c.toTakeOut(tx, id, fp, state)
			return err
		})
		if err != nil {
			return nil, err
		}
		if !all {
			others = append(others, fp)
		}
		if !in {
			continue
		}
		entry := chat.Subscriber{Account: fp, State: state, Time: c.cfg.now()}
		if _, err := c.setSubscriber(ctx, id, &entry); err != nil {
			return nil, err
		}
		content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, Subscribers: []chat.Subscriber{entry}}}
		if err := c.tellDeciders(ctx, []omega.Fingerprint{fp}, content, nil); err != nil && ctx.Err() == nil { // it counts all the same
			c.cfg.log().Warn("end of a subscription not told", "account", fp, "err", err)
		}
	}
	return others, nil
}

// letBack has accounts that were kept out of a channel subscribe again if they ask.
func (c *Client) letBack(ctx context.Context, id chat.Hash, accounts []omega.Fingerprint) error {
	var out []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil || !c.hasList(s) {
			return ignoreNotFound(err)
		}
		for _, fp := range accounts {
			switch e, err := tx.Subscriber(id, fp); {
			case err == nil && e.State == chat.SubscriberOut:
				out = append(out, fp)
			case err != nil && !errors.Is(err, history.ErrNotFound):
				return err
			}
		}
		return nil
	})
	for _, fp := range out {
		if err == nil {
			_, err = c.setSubscriber(ctx, id, &chat.Subscriber{Account: fp, State: chat.Unsubscribed, Time: c.cfg.now()})
		}
	}
	return err
}

// unsubscribe ends this account's subscription to a channel, and tells who runs it; false:
// it has none.
func (c *Client) unsubscribe(ctx context.Context, id chat.Hash) (was bool, err error) {
	var to []omega.Fingerprint
	entry := chat.Subscriber{Account: c.acc.Fingerprint, State: chat.Unsubscribed, Time: c.cfg.now()}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if was, err = subscribes(tx, id); err != nil || !was {
			return err
		}
		g, err := tx.KnownGroup(id)
		if err != nil {
			return err
		}
		s, err := c.groupState(tx, id)
		switch {
		case err != nil && !errors.Is(err, history.ErrNotFound):
			return err
		case (err != nil || s.May(g.Maker, s.Rules.Write)) && !g.Maker.IsZero(): // zero: another device of this account knows whose link it was
			to = []omega.Fingerprint{g.Maker}
		case err == nil:
			to = c.writersToTell(s)
		}
		to = to[:min(len(to), maxHosts)]
		if g.Subscribed.After(entry.Time) { // the clock was set back
			entry.Time = g.Subscribed
		}
		return c.unsubscribed(tx, id, entry.Time)
	})
	if err != nil || !was {
		return false, err
	}
	return true, c.shareSubscribers(ctx, id, []chat.Subscriber{entry}, to)
}

// maySubscribe reports whether a request to join makes a subscriber of who asks.
func (c *Client) maySubscribe(tx *history.Tx, s *group.State, m *chat.Message) (bool, error) {
	t, err := ticketOf(tx, chat.Hash(s.Group), linkSubscribes)
	if err != nil || t == (chat.Ticket{}) || t != m.Content.Group.Ticket || !c.hasList(s) || !mayRead(s, m.From) {
		return false, err
	}
	entry, err := tx.Subscriber(chat.Hash(s.Group), m.From)
	if errors.Is(err, history.ErrNotFound) {
		return true, nil
	}
	return err == nil && entry.State != chat.SubscriberOut, err
}

// subscriberList are the subscribers of a channel, where this account may write: nobody else has
// their list.
func (c *Client) subscriberList(tx *history.Tx, s *group.State) (out []clientrpc.GroupMember, err error) {
	list, err := c.subscribersToTell(tx, s)
	for _, fp := range list {
		out = append(out, clientrpc.GroupMember{Account: fp, Role: clientrpc.RoleSubscriber})
	}
	return out, err
}
