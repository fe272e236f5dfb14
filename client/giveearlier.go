package client

import (
	"context"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

const (
	pagesApart  = time.Second // between two pages for one device, at least
	maxPageSize = 1 << 20     // octets of what is given at once, but for one message
)

// givePage answers a verified request for what was in a group before its sender came, as
// far as the rules give it that. (spec/group.md, GROUP-48)
func (c *Client) givePage(ctx context.Context, m *chat.Message, given answers) error {
	turn := repetition{m.Device, omega.ChatID(m.Content.Group.ID[:16]), pagesKind}
	if m.From == c.acc.Fingerprint || !given.mayAfter(turn, c.cfg.now(), pagesApart) {
		return nil
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		if n, err := tx.CountOutgoingTo(m.From); err != nil || n > maxOnTheirWay {
			return err // the last page is on its way still
		}
		cert := c.certIn(tx, m.From)
		page, err := c.pageFor(tx, m)
		if err != nil || cert == nil || page == nil {
			return err
		}
		return c.sendPage(ctx, tx, m, page)
	})
	c.queued.notify()
	return err
}

// pageFor says what of a group an account may be given; nil: nothing.
func (c *Client) pageFor(tx *history.Tx, m *chat.Message) (*history.PageBack, error) {
	id, e := m.Content.Group.ID, m.Content.Group.Earlier
	l, err := c.groupIn(tx, id)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	s := l.State()
	since := time.Time{}
	if s.Role(m.From) > group.RoleNone {
		since = l.joined(m.From)
	} else if sub, err := c.subscriber(tx, s, m.From); err != nil {
		return nil, err
	} else if sub != nil {
		since = sub.Time
	}
	if since.IsZero() || s.Secure || s.Role(c.acc.Fingerprint) == group.RoleNone {
		return nil, nil
	}
	p := &history.PageBack{Chat: omega.ChatID(id[:16]), Before: e.Before, Time: e.Time, Until: since, Count: e.Count}
	switch s.Rules.History {
	case group.HistoryNone, group.HistoryPins:
		return nil, nil
	case group.HistoryAll:
	default:
		p.Last = int(s.Rules.History)
	}
	return p, nil
}

// sendPage sends a page, the newest message first, and what it is.
func (c *Client) sendPage(ctx context.Context, tx *history.Tx, m *chat.Message, p *history.PageBack) error {
	p.Count++ // whether there is more
	rows, limited, err := tx.PageBack(p)
	if err != nil {
		return ignoreNotFound(err)
	}
	cert, size := c.certIn(tx, m.From), 0
	answer := &chat.Earlier{Before: m.Content.Group.Earlier.Before, Time: p.Time, End: chat.EarlierNoMore}
	if limited {
		answer.End = chat.EarlierAllowed
	}
	for i := range rows {
		r := &rows[i]
		if size += len(r.Transcript); len(answer.Links) == p.Count-1 || i > 0 && size > maxPageSize {
			answer.End = chat.EarlierMore
			break
		}
		if err := c.sealOfPage(ctx, tx, cert, r); err != nil {
			return unlessMute(err)
		}
		answer.Links, answer.Time = append(answer.Links, r.Ref), r.Time
	}
	if s, err := c.groupState(tx, m.Content.Group.ID); err != nil {
		return err
	} else if err := c.giveCounts(ctx, tx, s, m.From, rows[:len(answer.Links)]); err != nil {
		return err
	}
	id, err := c.newID()
	if err != nil {
		return err
	}
	return unlessMute(c.seal(ctx, tx, cert, id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: m.Content.Group.ID, Earlier: answer}}))
}
