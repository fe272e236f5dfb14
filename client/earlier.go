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
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// Who comes to a group is given its latest messages, and asks for what was before them
// page by page, when its person reads that far. (spec/group.md, GROUP-48)

const (
	earlierWait   = 8 * time.Second // how long the reader of a page waits for what members give, at most
	earlierApart  = 2 * time.Second // after which the next one is asked
	earlierAgain  = time.Minute     // after which one that did not answer is asked once more
	earlierAtOnce = 3               // requests for one page
	maxGivers     = 8               // members that are asked
)

// The earlierAsks are the requests of this run that were not answered. The database has
// how far back each group is.
type earlierAsks struct {
	came notice // an answer

	mu    sync.Mutex
	asked map[chat.Hash]*earlierAsk // guarded by mu
}

// An earlierAsk is who was asked for the messages before one.
type earlierAsk struct {
	before chat.Link
	at     map[omega.Fingerprint]time.Time
	last   time.Time
}

// of returns what was asked for before a message of a group; mu is held.
func (q *earlierAsks) of(id chat.Hash, before chat.Link) *earlierAsk {
	a := q.asked[id]
	if a == nil || a.before != before {
		a = &earlierAsk{before: before, at: map[omega.Fingerprint]time.Time{}}
		if q.asked == nil {
			q.asked = map[chat.Hash]*earlierAsk{}
		}
		q.asked[id] = a
	}
	return a
}

// next is who of the givers is to be asked now, noted as asked; zero: nobody yet.
func (q *earlierAsks) next(id chat.Hash, before chat.Link, givers []omega.Fingerprint, now time.Time) omega.Fingerprint {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.of(id, before)
	if young(now, a.last, earlierApart) {
		return omega.Fingerprint{}
	}
	i := slices.IndexFunc(givers, func(fp omega.Fingerprint) bool { return !young(now, a.at[fp], earlierAgain) })
	if i < 0 {
		return omega.Fingerprint{}
	}
	a.last, a.at[givers[i]] = now, now
	return givers[i]
}

// answered reports whether that account was asked for that, and forgets what was asked.
func (q *earlierAsks) answered(id chat.Hash, before chat.Link, by omega.Fingerprint) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.asked[id]
	if a == nil || a.before != before || a.at[by].IsZero() {
		return false
	}
	delete(q.asked, id)
	return true
}

// reachBack has members asked for what stands before a page that is short, until it is
// not, nobody has more, or it takes too long. It returns what to say of that.
func (c *Client) reachBack(ctx context.Context, at omega.ChatID, short func() (bool, error)) (said string, err error) {
	deadline := time.After(earlierWait)
	for asked := 0; ; {
		came := c.backward.came.wait()
		if is, err := short(); err != nil || !is {
			return "", err
		}
		said, did, err := c.askEarlier(ctx, at, asked < earlierAtOnce)
		if err != nil {
			return "", err
		}
		if said != clientrpc.EarlierMissing { // the last of it may have come since the look
			if is, err := short(); err != nil || !is {
				return "", err
			}
			return said, nil
		}
		if did {
			asked++
		}
		if _, offline := c.online(); offline != nil {
			return said, nil // it is sent when there is a connection
		}
		select {
		case <-came:
		case <-time.After(earlierApart):
		case <-deadline:
			return said, nil
		case <-ctx.Done():
			return said, context.Cause(ctx)
		}
	}
}

// askEarlier asks a member for what is before all that is here of a group, if one may
// have it and it is time, and returns what to say of it.
func (c *Client) askEarlier(ctx context.Context, at omega.ChatID, may bool) (said string, did bool, err error) {
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		said, did = "", false
		b, err := c.bookOf(ctx, tx, at)
		if err != nil || b == nil {
			return err
		}
		givers, err := b.givers(c, tx)
		if err != nil {
			return err
		}
		if said = clientrpc.EarlierMissing; len(givers) == 0 {
			said = clientrpc.EarlierLost
			return nil
		}
		if !may {
			return nil
		}
		to := c.backward.next(b.Group, b.Before, givers, c.cfg.now())
		if to.IsZero() {
			return nil
		}
		id, err := c.newID()
		if err != nil {
			return err
		}
		page := &chat.Earlier{Before: b.Before, Time: b.Time, Count: chat.MaxEarlier}
		err = c.seal(ctx, tx, c.certIn(tx, to), id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: b.Group, Earlier: page}})
		did = err == nil
		return unlessMute(err)
	})
	c.queued.notify()
	return said, did, err
}

// An earlierBook is how far back a group is, and the group.
type earlierBook struct {
	*history.Earlier
	log   *groupLog
	since time.Time // this account came
}

// bookOf is the book of a group whose chat this is; nil where nothing can be before what
// is here, or nothing may be had.
func (c *Client) bookOf(ctx context.Context, tx *history.Tx, at omega.ChatID) (*earlierBook, error) {
	id, err := tx.Group(ctx, at)
	if err != nil || id == (chat.Hash{}) {
		return nil, err
	}
	l, err := c.groupIn(tx, id)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	s := l.State()
	since, err := c.cameTo(tx, l)
	if err != nil || since.IsZero() || s.Secure || s.Rules.History == group.HistoryNone || s.Rules.History == group.HistoryPins {
		return nil, err
	}
	if first := l.Ops()[0]; first.Author.Account == c.acc.Fingerprint && !first.Time.Before(since) {
		return nil, nil // it made the group
	}
	e, err := tx.Earlier(id)
	if errors.Is(err, history.ErrNotFound) {
		if n, failed := tx.CountBefore(at, since, maxEarlier); failed != nil || n < maxEarlier {
			return nil, ignoreNotFound(failed) // it was given all that there was, or may be had
		}
		e, err = beginsAt(tx, id, since)
	}
	if err != nil || e.Whole {
		return nil, err
	}
	return &earlierBook{e, l, since}, nil
}

// reopenBook has all be asked for what was before, where rules came after this account
// did: what may be had is something else now.
func (c *Client) reopenBook(tx *history.Tx, l *groupLog, placed []*group.Op) error {
	since, err := c.cameTo(tx, l)
	if err != nil || since.IsZero() || !slices.ContainsFunc(placed, func(o *group.Op) bool { return o.Type == group.TypePolicy && o.Time.After(since) }) {
		return err
	}
	id := chat.Hash(l.ID())
	e, err := tx.Earlier(id)
	if errors.Is(err, history.ErrNotFound) {
		e, err = beginsAt(tx, id, since)
	}
	if err != nil {
		return err
	}
	e.Whole, e.Without = false, nil
	return tx.PutEarlier(e)
}

// beginsAt is what a group is asked for first: what was before all that is here.
func beginsAt(tx *history.Tx, id chat.Hash, since time.Time) (*history.Earlier, error) {
	e := &history.Earlier{Group: id, Time: since}
	row, err := tx.First(omega.ChatID(id[:16]))
	if err == nil && row.Time.Before(since) {
		e.Before, e.Time = row.Ref, row.Time
	}
	return e, ignoreNotFound(err)
}

// cameTo is since when this account is in a group, or subscribes to it; zero if it
// neither is nor does.
func (c *Client) cameTo(tx *history.Tx, l *groupLog) (time.Time, error) {
	if l.State().Role(c.acc.Fingerprint) > group.RoleNone {
		return l.joined(c.acc.Fingerprint), nil
	}
	known, err := tx.KnownGroup(chat.Hash(l.ID()))
	if err != nil {
		return time.Time{}, ignoreNotFound(err)
	}
	return known.Subscribed, nil
}

// givers are the members who may have what was before this account came, at most
// maxGivers: who gave the last page, who wrote last, since they seem to be there, and who
// was there first. A subscriber is known to those only who may write (GROUP-40).
func (b *earlierBook) givers(c *Client, tx *history.Tx) (out []omega.Fingerprint, err error) {
	s, joined := b.log.State(), b.log.joins()
	subscriber := s.Role(c.acc.Fingerprint) == group.RoleNone
	add := func(fp omega.Fingerprint) {
		at, may := joined[fp], s.Role(fp) > group.RoleNone && (!subscriber || s.May(fp, s.Rules.Write))
		if !may || fp == c.acc.Fingerprint || !at.Before(b.since) || slices.Contains(b.Without, fp) || slices.Contains(out, fp) || len(out) == maxGivers {
			return
		}
		if c.certIn(tx, fp) != nil && !c.isUnsure(fp) {
			out = append(out, fp)
		}
	}
	if len(b.Without) >= maxGivers {
		return nil, nil
	}
	add(b.Giver)
	rows, err := tx.Page(omega.ChatID(b.Group[:16]), omega.ID{}, 50)
	for _, r := range slices.Backward(rows) {
		if r.Verified && !r.Service && len(out) < maxGivers/2 {
			add(r.From)
		}
	}
	for _, o := range b.log.Ops() {
		if o.Type == group.TypeGenesis || o.Type == group.TypeAccept {
			add(o.Author.Account)
		}
	}
	return out, ignoreNotFound(err)
}

// joins is when each account accepted last, by its own clock.
func (l *groupLog) joins() map[omega.Fingerprint]time.Time {
	out := map[omega.Fingerprint]time.Time{}
	for _, o := range l.Ops() {
		if o.Type == group.TypeAccept || o.Type == group.TypeGenesis {
			out[o.Author.Account] = o.Time
		}
	}
	return out
}

// takeEarlier takes the answer of somebody who was asked for a page.
func (t *taken) takeEarlier(tx *history.Tx, m *chat.Message) error {
	news, e := m.Content.Group, m.Content.Group.Earlier
	if m.Content.Kind != chat.KindGroup || m.Peer.IsZero() || e == nil || e.Count > 0 || m.From == t.c.acc.Fingerprint {
		return nil
	}
	b, err := t.c.bookOf(context.Background(), tx, omega.ChatID(news.ID[:16]))
	if err != nil || b == nil || b.Group != news.ID || b.Before != e.Before || !t.c.backward.answered(news.ID, e.Before, m.From) {
		return err
	}
	b.Giver = m.From
	if n := len(e.Links); n > 0 {
		b.Before, b.Time = e.Links[n-1], e.Time
	}
	switch _, numbered := b.limit(); {
	case e.End == chat.EarlierMore && len(e.Links) > 0:
	case e.End == chat.EarlierAllowed && numbered, e.End == chat.EarlierNoMore && m.From == b.log.Ops()[0].Author.Account:
		b.Whole = true
	default:
		b.Without = append(b.Without, m.From)
	}
	t.pages = true
	return tx.PutEarlier(b.Earlier)
}

// limit is how many messages the rules give a newcomer, if they say a number.
func (b *earlierBook) limit() (n int, numbered bool) {
	n = int(b.log.State().Rules.History)
	return n, n > 0
}

// An age says how a message that was sent again stands to when this account came.
type age int

const (
	ofNow    age = iota // it came by itself, or is of after that
	ofBefore            // it is of before: it stands by its Time
	ofPage              // the same, and it was asked for: it is no news
)

// ageOf judges a verified message by what it came in.
func (t *taken) ageOf(tx *history.Tx, again *chat.Resent, m *chat.Message) (age, error) {
	if !m.Peer.IsZero() || !m.Verified {
		return ofNow, nil
	}
	id, err := tx.Group(context.Background(), m.Chat)
	if err != nil || id == (chat.Hash{}) {
		return ofNow, err
	}
	l, err := t.c.groupIn(tx, id)
	if err != nil {
		return ofNow, ignoreNotFound(err)
	}
	since, err := t.c.cameTo(tx, l)
	switch {
	case err != nil || !m.Time.Before(since):
		return ofNow, err
	case again.Earlier:
		return ofPage, nil
	}
	return ofBefore, nil
}

// put stores a message that is shown.
func (t *taken) put(tx *history.Tx, row *history.Row, old age) (err error) {
	if old != ofNow {
		row.Received, row.Heard = time.Time{}, time.Time{} // that of what it came in says nothing of it (GROUP-48)
	}
	if old == ofPage {
		return tx.PutInFront(row, t.c.cfg.now())
	}
	if row.Mentioned, err = t.c.mentions(tx, row); err == nil {
		_, err = tx.PutMessage(row)
	}
	return err
}
