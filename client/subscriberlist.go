package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// How those who may write in a channel keep the list of its subscribers alike.
// (spec/group.md, GROUP-40)

// writersToTell are the others who have the list of a channel.
func (c *Client) writersToTell(s *group.State) []omega.Fingerprint {
	out := slices.DeleteFunc(writers(s), func(fp omega.Fingerprint) bool { return fp == c.acc.Fingerprint })
	return out[:min(len(out), maxDeciders)]
}

// writers are all who may write in a channel, owners first.
func writers(s *group.State) (out []omega.Fingerprint) {
	for _, role := range []group.Role{group.RoleOwner, group.RoleAdmin} {
		for _, m := range s.Members {
			if m.Role == role && s.May(m.Account, s.Rules.Write) {
				out = append(out, m.Account)
			}
		}
	}
	return out
}

// shareSubscribers tells entries of a channel's list to those who have it: some
// accounts, or all.
func (c *Client) shareSubscribers(ctx context.Context, id chat.Hash, list []chat.Subscriber, to []omega.Fingerprint) error {
	if len(c.others()) > 0 {
		to = append(slices.Clone(to), c.acc.Fingerprint)
	}
	for part := range slices.Chunk(list, chat.MaxSubscribers) {
		content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, Subscribers: part}}
		if err := c.tellDeciders(ctx, to, content, nil); err != nil {
			return err
		}
	}
	return nil
}

// shareList gives a channel's whole list to accounts that may write there by now.
func (c *Client) shareList(ctx context.Context, id chat.Hash, accounts []omega.Fingerprint) error {
	var list []chat.Subscriber
	var to []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil || !s.Rules.Channel() {
			return err
		}
		for _, fp := range accounts {
			if s.May(fp, s.Rules.Write) && fp != c.acc.Fingerprint {
				to = append(to, fp)
			}
		}
		list, err = tx.Subscribers(id)
		return err
	})
	if err != nil || len(to) == 0 {
		return err
	}
	return c.shareSubscribers(ctx, id, list, to)
}

// setSubscriber changes an entry of a channel's list, later than what stands there, and
// tells those who have the list. It reports whether that is what stands: who is kept out,
// or one more than there is room for, does not subscribe; who does already goes on.
func (c *Client) setSubscriber(ctx context.Context, id chat.Hash, s *chat.Subscriber) (stands bool, err error) {
	taken := false
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		l, err := c.groupIn(tx, id)
		if err != nil {
			return err
		}
		old, err := tx.Subscriber(id, s.Account)
		switch {
		case errors.Is(err, history.ErrNotFound):
		case err != nil:
			return err
		case s.State == chat.Subscribes && old.State != chat.Unsubscribed:
			stands = old.State == chat.Subscribes
			return nil
		case !s.Time.After(old.Time): // the clock of who entered that is ahead
			s.Time = old.Time.Add(time.Millisecond)
		}
		if taken, err = c.putSubscriber(tx, l, s, tx.Bearer(id, omega.Fingerprint{})); err != nil || !taken {
			return err
		}
		return tx.PutUntold(id, s)
	})
	if err != nil || !taken {
		return stands, err
	}
	c.chores.add(&groupWork{lists: true})
	return true, nil
}

// putSubscriber takes an entry into the list of a channel by the word of a bearer.
func (c *Client) putSubscriber(tx *history.Tx, l *groupLog, s *chat.Subscriber, bearer *history.Bearer) (bool, error) {
	if s.State == chat.Subscribes && l.overtaken(s) {
		return false, nil
	}
	taken, err := bearer.Put(s)
	if err == nil && taken { // what it said counts no more, or again
		err = tx.PutDueBy(chat.Hash(l.ID()), s.Account, c.cfg.now())
		c.chores.add(&groupWork{words: true})
	}
	if taken {
		clear(l.served) // a key that it had serves no more
		c.letting.notify()
		c.mu.Lock()
		c.fellows = nil
		c.mu.Unlock()
	}
	return taken, err
}

// Entries of channels' lists that others are to be told of, those who may write, or of this
// account its other devices, are rows until they are told. (spec/group.md, GROUP-46)
const (
	untoldOnce  = 256
	untoldTries = 20 // in vain
)

// passChanges tells entries of lists that are to be told. What could not be is tried again,
// and what was too much for once is told next.
func (c *Client) passChanges(ctx context.Context) error {
	_, offline := c.online()
	var list []history.Untold
	to := map[chat.Hash][]omega.Fingerprint{}
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = tx.Untold(untoldOnce)
		for _, u := range list {
			if to[u.Group] != nil {
				continue
			}
			s, err := c.groupState(tx, u.Group)
			if err := ignoreNotFound(err); err != nil {
				return err
			}
			if to[u.Group] = []omega.Fingerprint{}; s != nil {
				to[u.Group] = c.writersToTell(s)
			}
		}
		return err
	})
	errs := []error{err}
	for i := range list {
		u := &list[i]
		deciders := to[u.Group]
		if u.Account == c.acc.Fingerprint {
			deciders = nil // it is for the other devices alone
		}
		failed := c.shareSubscribers(ctx, u.Group, []chat.Subscriber{u.Subscriber}, deciders)
		if ctx.Err() != nil {
			return errors.Join(append(errs, failed)...)
		}
		err := c.db.Update(ctx, func(tx *history.Tx) error {
			switch {
			case failed == nil || offline == nil && u.Tries+1 >= untoldTries:
				return tx.EndUntold(u)
			case offline == nil:
				return tx.RetryUntold(u)
			}
			return nil
		})
		errs = append(errs, failed, err)
	}
	if err = errors.Join(errs...); err == nil && len(list) == untoldOnce {
		c.chores.add(&groupWork{lists: true})
	}
	return err
}
