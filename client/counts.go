package client

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// One of those who may write in a channel tells all readers what the words of its
// subscribers come to. (spec/group.md, GROUP-55)
const (
	countsApart  = 2 * time.Second       // between two messages with counts in a channel, and
	countsFor    = 10 * time.Millisecond // more for each subscriber,
	countsAtMost = 10 * time.Minute      // at most this
	countsTurn   = 20 * time.Second      // before the next one of those who may write does it
	devicesTurn  = 5 * time.Second       // before another of its devices does
	countsLooked = 512                   // messages that are counted at once to find those that changed
)

// countsPause is how long counts of a channel are not told again.
func countsPause(subscribers int) time.Duration {
	return min(countsApart+time.Duration(subscribers)*countsFor, countsAtMost)
}

// place is the place of this device among those of its account.
func (c *Client) place() int {
	var all []omega.Fingerprint
	for _, d := range c.certificate().Active(c.cfg.now()) {
		all = append(all, d.Signing.Fingerprint())
	}
	slices.SortFunc(all, omega.Fingerprint.Compare)
	return max(0, slices.Index(all, c.acc.Device))
}

// countsDue is when this device tells what changed in a channel: each in its turn, however
// long counts pause there.
func (c *Client) countsDue(tx *history.Tx, s *group.State, d *history.Due) (time.Time, error) {
	due := d.Since.Add(countsApart)
	if !d.Told.IsZero() {
		readers, err := tx.CountSubscribers(d.Group)
		if err != nil {
			return due, err
		}
		if next := d.Told.Add(countsPause(readers)); next.After(due) {
			due = next
		}
	}
	rank := max(0, slices.Index(writers(s), c.acc.Fingerprint))
	return due.Add(time.Duration(rank)*countsTurn + time.Duration(c.place())*devicesTurn), nil
}

// tellCounts tells counts in the channels in which it is this device's turn, and returns
// when it looks again; zero: when words come. That it cannot in one keeps it from none of
// the others.
func (c *Client) tellCounts(ctx context.Context, given answers) (again time.Time, err error) {
	now := c.cfg.now()
	turn, ended, again, err := c.countsTurns(ctx, now)
	if err == nil && len(ended) > 0 {
		err = c.db.Update(ctx, func(tx *history.Tx) (err error) {
			for _, id := range ended {
				err = errors.Join(err, tx.EndDues(id))
			}
			return err
		})
	}
	errs := []error{err}
	for _, id := range turn {
		if ctx.Err() != nil {
			break
		}
		c.readyGroup(ctx, id)
		more, err := c.tellCountsIn(ctx, id, given)
		if errs = append(errs, err); more {
			again = sooner(again, now.Add(countsApart))
		}
	}
	return again, errors.Join(append(errs, ctx.Err())...)
}

// countsTurns are the channels in which it is this device's turn now, those in which it will
// never be, and when it is next in another one.
func (c *Client) countsTurns(ctx context.Context, now time.Time) (turn, ended []chat.Hash, again time.Time, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Dues()
		for i := range list {
			d := &list[i]
			s, failed := c.groupState(tx, d.Group)
			if err = errors.Join(err, ignoreNotFound(failed)); err != nil {
				return err
			}
			if failed != nil || !c.hasList(s) {
				ended = append(ended, d.Group)
				continue
			}
			due, err := c.countsDue(tx, s, d)
			if err != nil {
				return err
			}
			if due.After(now) {
				again = sooner(again, due)
			} else {
				turn = append(turn, d.Group)
			}
		}
		return err
	})
	return turn, ended, again, err
}

// tellCountsIn tells what changed in a channel, and reports whether there is more.
func (c *Client) tellCountsIn(ctx context.Context, id chat.Hash, given answers) (more bool, err error) {
	var wanted map[omega.Fingerprint][]chat.Link
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		var list []chat.Counted
		if list, wanted, more, err = c.changedCounts(tx, s); err != nil || len(list) == 0 {
			return err
		}
		message, err := c.newID()
		if err != nil {
			return err
		}
		at := c.cfg.now()
		if err := c.sealGroup(ctx, tx, id, message, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{Counts: list}}); err != nil {
			return err
		}
		return c.putCounts(tx, id, list, &chat.Message{From: c.acc.Fingerprint, Device: c.acc.Device, Time: at, Received: c.homeTime()})
	})
	c.queued.notify()
	if err != nil || len(wanted) == 0 {
		return more, err
	}
	left, err := c.askWords(ctx, id, wanted, given)
	if len(left) == 0 {
		return more, err
	}
	return true, errors.Join(err, c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) (err error) {
		for _, l := range left { // these are asked for when it may ask again
			err = errors.Join(err, tx.PutDue(id, l, c.cfg.now().Add(answerPause)))
		}
		return err
	}))
}

// changedCounts are the counts of a channel that are others than what stands, and the words
// that somebody has who counted more. more: it did not look at all that is due.
func (c *Client) changedCounts(tx *history.Tx, s *group.State) (list []chat.Counted, wanted map[omega.Fingerprint][]chat.Link, more bool, err error) {
	id, wanted, who := chat.Hash(s.Group), map[omega.Fingerprint][]chat.Link{}, c.counting(tx, s)
	due, err := tx.DueIn(id, countsLooked)
	for i, target := range due {
		if err != nil || len(list) == chat.MaxCounts {
			return list, wanted, i < len(due), err
		}
		if err = tx.EndDue(id, target); err != nil {
			break
		}
		var r *history.Row
		if r, err = tx.Linked(omega.ChatID(id[:16]), target); err != nil || r.Deleted {
			err = ignoreNotFound(err)
			continue
		}
		var n *chat.Counted
		if n, err = tx.CountWords(id, r, who.counts); err != nil || who.err != nil {
			err = errors.Join(err, who.err)
			break
		}
		switch stands := r.Tally; {
		case stands == nil && n.Heard == 0 && len(n.Emoji) == 0 && n.MemberVoters == 0, stands != nil && sameCounts(n, &stands.Counted):
			continue
		case stands != nil && n.Heard < stands.Heard && c.knowsMore(s, stands.By):
			wanted[stands.By] = append(wanted[stands.By], target)
			continue
		}
		n.Version, err = tx.NextVersion(&chat.Mark{Chat: omega.ChatID(id[:16]), Target: target, Kind: chat.MarkCounts})
		list = append(list, *n)
	}
	return list, wanted, len(due) == countsLooked, err
}

// knowsMore reports whether one who counted more can be asked: it may still write, and is
// another account or another device.
func (c *Client) knowsMore(s *group.State, by omega.Fingerprint) bool {
	return s.May(by, s.Rules.Write) && (by != c.acc.Fingerprint || len(c.others()) > 0)
}

func sameCounts(a, b *chat.Counted) bool {
	x, y := *a, *b
	x.Version, y.Version = 0, 0
	x.Target, y.Target = chat.Link{}, chat.Link{}
	return reflect.DeepEqual(x, y)
}

// sameMembers reports whether two counts say the same of what members said.
func sameMembers(a, b *chat.Counted) bool {
	said := func(c *chat.Counted) map[string]int {
		out := map[string]int{}
		for _, e := range c.Emoji {
			if e.Members > 0 {
				out[e.Emoji] = e.Members
			}
		}
		return out
	}
	votes := func(c *chat.Counted) []int { // none is as nobody's
		if c.MemberVoters == 0 {
			return nil
		}
		return c.MemberVotes
	}
	return maps.Equal(said(a), said(b)) && a.MemberVoters == b.MemberVoters && slices.Equal(votes(a), votes(b))
}

// putCounts keeps what a message says words come to.
func (c *Client) putCounts(tx *history.Tx, id chat.Hash, list []chat.Counted, m *chat.Message) error {
	came := m.Received
	if came.IsZero() {
		came = c.homeTime()
	}
	for i := range list {
		mark := list[i].Mark(omega.ChatID(id[:16]), m.Time, came, m.Device)
		if err := ignoreNotFound(tx.PutMark(mark, m.From)); err != nil {
			return err
		}
	}
	at := c.cfg.now()
	if m.Time.Before(at) {
		at = m.Time
	}
	return tx.CountsTold(id, at)
}

// takeCounts takes what one who may write says that words come to.
func (t *taken) takeCounts(tx *history.Tx, m *chat.Message) error {
	news := m.Content.Group
	if m.Content.Kind != chat.KindGroup || len(news.Counts) == 0 {
		return nil
	}
	id := news.ID
	if m.Peer.IsZero() {
		var err error
		if id, err = tx.Group(context.Background(), m.Chat); err != nil {
			return err
		}
	}
	s, err := t.c.groupState(tx, id)
	if err != nil || !s.May(m.From, s.Rules.Write) || !s.Rules.Channel() {
		return ignoreNotFound(err)
	}
	return t.c.putCounts(tx, id, news.Counts, m)
}

// giveCounts tells who is given messages of a channel what stands at them. What members said
// that does not stand there yet, as nobody subscribed then, is counted soon.
func (c *Client) giveCounts(ctx context.Context, tx *history.Tx, s *group.State, to omega.Fingerprint, rows []history.Row) error {
	cert := c.certIn(tx, to)
	if cert == nil || !c.hasList(s) {
		return nil
	}
	var list []chat.Counted
	var lack []chat.Link
	for i := range rows {
		t := rows[i].Tally
		if t != nil {
			list = append(list, t.Counted)
		}
		said, err := tx.MembersSaid(&rows[i])
		if err != nil {
			return err
		}
		if t == nil && !sameMembers(said, &chat.Counted{}) || t != nil && !sameMembers(said, &t.Counted) {
			lack = append(lack, rows[i].Ref)
		}
	}
	if err := c.countSoon(tx, chat.Hash(s.Group), lack); err != nil {
		return err
	}
	for part := range slices.Chunk(list, chat.MaxCounts) {
		id, err := c.newID()
		if err == nil {
			err = c.seal(ctx, tx, cert, id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: chat.Hash(s.Group), Counts: part}})
		}
		if err != nil {
			return unlessMute(err)
		}
	}
	return nil
}

// showTally says what a channel's subscribers said of a message beside what is known here,
// by the word of who counted: what this account said itself is known.
func (c *Client) showTally(tx *history.Tx, r *history.Row, m *clientrpc.Message) error {
	t := r.Tally
	if t == nil || r.Deleted {
		return nil
	}
	id, err := tx.Group(context.Background(), r.Chat)
	if err != nil {
		return err
	}
	reads, err := subscribes(tx, id)
	if err != nil {
		return err
	}
	known, own := map[string]int{}, []string(nil) // by emoji: members; of this account, that were counted
	for _, said := range r.Reactions {
		if mine := reads && said.Account == c.acc.Fingerprint; mine && !said.Time.After(t.Came) {
			own = said.Emoji
		} else if !mine {
			for _, e := range said.Emoji {
				known[e]++
			}
		}
	}
	by, err := c.calling(tx, t.By)
	if err != nil {
		return err
	}
	knows, err := c.countedIn(context.Background(), tx, r)
	m.Counted = &clientrpc.Counted{By: t.By, Name: by.name, SelfNamed: by.self, Known: knows != nil}
	for _, e := range t.Emoji {
		n := others(e.Times, slices.Contains(own, e.Emoji))
		if reads {
			n += max(0, e.Members-known[e.Emoji])
		}
		if n > 0 {
			m.Counted.Emoji = append(m.Counted.Emoji, clientrpc.EmojiCount{Emoji: e.Emoji, Count: n})
		}
	}
	if m.Poll == nil || err != nil {
		return err
	}
	return c.showVotes(tx, r, m, reads)
}

// others is what was counted of others than this account.
func others(counted int, own bool) int {
	if own {
		counted--
	}
	return max(0, counted)
}

// showVotes adds what was counted to a poll.
func (c *Client) showVotes(tx *history.Tx, r *history.Row, m *clientrpc.Message, reads bool) error {
	answers, _, err := tx.Answers(r)
	known, voters := make([]int, len(m.Poll.Options)), 0 // members
	var own []uint32                                     // of this account, that were counted
	for i := range answers {
		a := &answers[i]
		if mine := reads && a.Account == c.acc.Fingerprint; mine && !a.Time.After(r.Tally.Came) {
			own = a.Options
		} else if !mine {
			voters++
			for _, o := range a.Options {
				known[o]++
			}
		}
	}
	m.Poll.Counted = others(r.Tally.Voters, own != nil)
	for i, n := range r.Tally.Votes[:min(len(r.Tally.Votes), len(known))] {
		m.Poll.Options[i].Counted = others(n, slices.Contains(own, uint32(i)))
	}
	if !reads {
		return err
	}
	m.Poll.Counted += max(0, r.Tally.MemberVoters-voters)
	for i, n := range r.Tally.MemberVotes[:min(len(r.Tally.MemberVotes), len(known))] {
		m.Poll.Options[i].Counted += max(0, n-known[i])
	}
	return err
}

// countHeard notes what is to be counted when a message of a channel comes, or is written here:
// a member's reaction or vote, which subscribers learn by counts, or what words came about
// before. It is looked at when the transaction is there.
func (c *Client) countHeard(tx *history.Tx, m *chat.Message) error {
	var about []chat.Link
	switch kind := m.Content.Kind; {
	case kind == chat.KindReaction || kind == chat.KindVote || kind == chat.KindClose:
		marks, err := m.Marks()
		if err != nil {
			return err
		}
		for i := range marks {
			about = append(about, marks[i].Target)
		}
	case !kind.Operation():
		about = []chat.Link{m.Link()}
	}
	id, err := tx.Group(context.Background(), m.Chat)
	if err != nil || id == (chat.Hash{}) || len(about) == 0 {
		return err
	}
	s, err := c.groupState(tx, id)
	if err != nil || !c.hasList(s) {
		return ignoreNotFound(err)
	}
	if some, err := tx.Subscribed(id); err != nil || !some {
		return err
	}
	if !m.Content.Kind.Operation() {
		if words, err := tx.WordsOf(m.Chat, about[0], 1); err != nil || len(words) == 0 {
			return err
		}
	}
	return c.countSoon(tx, id, about)
}

// countSoon has messages of a channel counted in their time.
func (c *Client) countSoon(tx *history.Tx, id chat.Hash, about []chat.Link) (err error) {
	for _, l := range about {
		err = errors.Join(err, tx.PutDue(id, l, c.cfg.now()))
	}
	tx.Committed(func() { c.chores.add(&groupWork{words: len(about) > 0}) })
	return err
}
