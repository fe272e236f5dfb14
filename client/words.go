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

// What subscribers say of messages of a channel, and how it reaches those who may write:
// spec/group.md, GROUP-53 and GROUP-54. What it comes to is in counts.go.
const (
	wordsAtOnce  = 32               // that a subscriber says before it has to wait
	wordsApart   = 10 * time.Second // then
	wordTakers   = 3                // of those who may write whom a subscriber tells
	gatherWords  = 2 * time.Second  // before words are passed on
	passesApart  = 10 * time.Second // between messages that pass words on
	untoldWords  = 1024             // that are passed on at once
	wordsKind    = 4                // of a repetition: words that are asked for
	askWordsKind = 5                // likewise: asking for them
	wordsGiven   = 4096             // of one message, to who asks
)

// rations bound how much of something accounts may do, each by itself.
type rations struct {
	most  int           // at once
	apart time.Duration // then

	mu   sync.Mutex
	full map[omega.Fingerprint]time.Time // when an account may do as much as it likes again; guarded by mu
}

// take reports whether an account may do it once more, and counts it.
func (r *rations) take(who omega.Fingerprint, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, may := r.next(who, now)
	if !may {
		return false
	}
	if r.full == nil {
		r.full = map[omega.Fingerprint]time.Time{}
	}
	r.full[who] = at
	if len(r.full) > maxAnswers {
		for fp, at := range r.full {
			if at.Before(now) {
				delete(r.full, fp)
			}
		}
	}
	return true
}

// left reports whether an account may do it once more.
func (r *rations) left(who omega.Fingerprint, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, may := r.next(who, now)
	return may
}

// next is when an account that does it now may do as much as it likes again. The caller holds
// r.mu.
func (r *rations) next(who omega.Fingerprint, now time.Time) (at time.Time, may bool) {
	at, whole := r.full[who], time.Duration(r.most)*r.apart
	if at.Before(now) || at.Sub(now) > whole { // or the clock was set back
		at = now
	}
	at = at.Add(r.apart)
	return at, at.Sub(now) <= whole
}

// readsOnly reports whether this account reads a channel without being a member.
func (c *Client) readsOnly(ctx context.Context, id chat.Hash) (reads bool, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		if reads, err = subscribes(tx, id); err != nil || !reads {
			return err
		}
		s, err := c.groupState(tx, id)
		if err == nil {
			reads = s.Role(c.acc.Fingerprint) == group.RoleNone
		}
		return ignoreNotFound(err)
	})
	return reads, err
}

// takeWords takes words that a verified message of a direct chat tells.
func (t *taken) takeWords(tx *history.Tx, m *chat.Message) error {
	news := m.Content.Group
	if m.Peer.IsZero() || m.Content.Kind != chat.KindGroup || len(news.Words) == 0 {
		return nil
	}
	l, err := t.c.groupIn(tx, news.ID)
	if ignoreNotFound(err) != nil {
		return err
	}
	much := false
	for i := range news.Words {
		w := &news.Words[i]
		switch own := w.Account == t.c.acc.Fingerprint; {
		case w.Time.After(t.c.cfg.now().Add(omega.ClockTolerance)):
		case own && m.From == t.c.acc.Fingerprint: // by another of its devices
			err = takeOwnWord(tx, news.ID, w)
		case !own && l != nil:
			var over bool
			over, err = t.takeWord(tx, l, m, w)
			much = much || over
		}
		if err != nil {
			return err
		}
	}
	if much {
		t.c.cfg.log().Warn("a subscriber says too much", "account", m.From)
	}
	return nil
}

// takeOwnWord takes what another device of this account said for it, also where what the channel
// is comes later: a device that was linked is told of all in one go.
func takeOwnWord(tx *history.Tx, id chat.Hash, w *chat.Word) error {
	own := w.Own(omega.ChatID(id[:16]))
	err := tx.PutMark(own, w.Account)
	if !errors.Is(err, history.ErrNotFound) {
		return err
	}
	g, err := tx.KnownGroup(id)
	if err != nil || g.Subscribed.IsZero() {
		return ignoreNotFound(err)
	}
	return errors.Join(tx.PutGroupChat(g.Chat(), g.Title), tx.PutMark(own, w.Account))
}

// takeWord takes what another account said, where this one may write. over: it says too much
// for that, by the clock of homes; what changes nothing is not counted.
func (t *taken) takeWord(tx *history.Tx, l *groupLog, m *chat.Message, w *chat.Word) (over bool, err error) {
	id, state, direct := chat.Hash(l.ID()), l.State(), w.Account == m.From
	if !direct && !state.May(m.From, state.Rules.Write) {
		return false, nil
	}
	if listed, err := t.c.inList(tx, state, w.Account, direct); err != nil || !listed {
		return false, err
	}
	came := m.Received
	if came.IsZero() {
		came = t.c.homeTime()
	}
	mark := w.Mark(omega.ChatID(id[:16]))
	if direct {
		if late, err := tooLate(tx, mark, m.Received); err != nil || late {
			return false, err
		}
		if !t.c.heeding.left(m.From, came) {
			return true, nil
		}
	}
	counts, err := tx.PutWord(mark, m.From)
	if err == nil && m.From == t.c.acc.Fingerprint {
		err = tx.WordTold(id, mark) // by another device of this account
	}
	if err != nil || !counts {
		return false, err
	}
	if direct {
		t.c.heeding.take(m.From, came)
	}
	t.words = true
	if err := tx.PutDue(id, w.Target, t.c.cfg.now()); err != nil || !direct {
		return false, err
	}
	return false, tx.PutUntoldWord(id, mark)
}

// inList reports whether the list that this account has, if it may write, has another one: that
// subscribes, or did too, whose words others pass on. (spec/group.md, GROUP-57)
func (c *Client) inList(tx *history.Tx, s *group.State, who omega.Fingerprint, subscribes bool) (bool, error) {
	if subscribes {
		e, err := c.subscriber(tx, s, who)
		return e != nil, err
	}
	if !c.hasList(s) {
		return false, nil
	}
	_, err := tx.Subscriber(chat.Hash(s.Group), who)
	return err == nil, ignoreNotFound(err)
}

// tooLate reports whether a vote came after its poll was closed, by the word of its account or
// by that of a home.
func tooLate(tx *history.Tx, m *chat.Mark, received time.Time) (bool, error) {
	if m.Kind != chat.MarkVoted {
		return false, nil
	}
	r, err := tx.Linked(m.Chat, m.Target)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	_, closed, err := tx.Answers(r)
	return err == nil && !closed.IsZero() && (m.Stamp.Time.After(closed) || received.After(closed.Add(underWay))), err
}

// askWords asks who counted for words that are not here, and returns the messages about which
// it did not ask now.
func (c *Client) askWords(ctx context.Context, id chat.Hash, wanted map[omega.Fingerprint][]chat.Link, given answers) (left []chat.Link, err error) {
	var errs []error
	for fp, links := range wanted {
		if !given.mayAfter(repetition{fp, omega.ChatID(id[:16]), askWordsKind}, c.cfg.now(), answerPause) {
			left = append(left, links...)
			continue
		}
		n := min(len(links), chat.MaxWordsOf)
		err := unlessMute(c.sendControl(ctx, fp, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: id, WordsOf: links[:n]}}))
		if err != nil {
			n = 0
		}
		left, errs = append(left, links[n:]...), append(errs, err)
	}
	return left, errors.Join(errs...)
}

// giveWords answers one who may write, and lacks words. (spec/group.md, GROUP-55)
func (c *Client) giveWords(ctx context.Context, m *chat.Message, given answers) error {
	news := m.Content.Group
	if !given.mayAfter(repetition{m.Device, omega.ChatID(news.ID[:16]), wordsKind}, c.cfg.now(), answerPause) {
		return nil
	}
	var words []chat.Word
	err := c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, news.ID)
		if err != nil || !c.hasList(s) || !s.May(m.From, s.Rules.Write) {
			return ignoreNotFound(err)
		}
		for _, l := range news.WordsOf {
			of, err := tx.WordsOf(omega.ChatID(news.ID[:16]), l, wordsGiven)
			if err != nil {
				return err
			}
			words = append(words, of...)
		}
		return nil
	})
	for part := range slices.Chunk(words, chat.MaxWords) {
		if err == nil {
			err = unlessMute(c.sendControl(ctx, m.From, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: news.ID, Words: part}}))
		}
	}
	return err
}
