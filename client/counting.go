package client

import (
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// A counting says whose words count in a channel: of those who may read and are in the list,
// and in a poll that is closed of those too who were until later. (spec/group.md, GROUP-57)
type counting struct {
	state *group.State
	log   func() (*groupLog, error)
	ends  map[omega.Fingerprint][]time.Time // when operations ended their reading; nil: not looked up
	err   error                             // of looking it up
}

// counting begins one, for one transaction.
func (c *Client) counting(tx *history.Tx, s *group.State) *counting {
	return &counting{state: s, log: func() (*groupLog, error) {
		if tx.Reads() {
			return loadGroup(tx, chat.Hash(s.Group))
		}
		return c.groupIn(tx, chat.Hash(s.Group))
	}}
}

// counts is history.Counts.
func (c *counting) counts(e *chat.Subscriber, closed time.Time) bool {
	reads := e.State == chat.Subscribes
	switch {
	case reads && mayRead(c.state, e.Account):
		return true
	case closed.IsZero():
		return false
	case !reads && !e.Ended:
		return e.Time.After(closed)
	}
	since := e.Time
	if e.Ended { // what an operation ended is not dated by that (endReading)
		since = since.Add(-time.Millisecond)
	}
	ends := c.endings()[e.Account]
	i := slices.IndexFunc(ends, func(at time.Time) bool { return !at.Before(since) })
	return i >= 0 && ends[i].After(closed)
}

// endings are when operations ended the reading of accounts, the first one first.
func (c *counting) endings() map[omega.Fingerprint][]time.Time {
	if c.ends != nil {
		return c.ends
	}
	c.ends = map[omega.Fingerprint][]time.Time{}
	l, err := c.log()
	if err != nil {
		c.err = err
		return c.ends
	}
	for _, o := range l.Ops() {
		for _, fp := range endsReading(c.state, o) {
			c.ends[fp] = append(c.ends[fp], o.Time)
		}
	}
	for _, times := range c.ends {
		slices.SortFunc(times, time.Time.Compare)
	}
	return c.ends
}

// countedIn is the channel of a message, if this account may write there and so knows who says
// what of it; nil: it does not.
func (c *Client) countedIn(ctx context.Context, tx *history.Tx, row *history.Row) (*group.State, error) {
	if !row.Peer.IsZero() {
		return nil, nil
	}
	id, err := tx.Group(ctx, row.Chat)
	if err != nil || id == (chat.Hash{}) {
		return nil, err
	}
	s, err := c.groupState(tx, id)
	if err != nil || !c.hasList(s) {
		return nil, ignoreNotFound(err)
	}
	return s, nil
}
