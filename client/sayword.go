package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// An awaitedWord is a word of this account that somebody waits for. What the mu of the awaited
// ones guards is said of it.
type awaitedWord struct {
	group  chat.Hash
	target chat.Link
	kind   chat.MarkKind
	lost   bool       // nobody who may write was told it, and nobody will be; guarded
	in     []omega.ID // messages to those who may write that say it; guarded
}

// awaitedWords are those that somebody waits for now.
type awaitedWords struct {
	mu  sync.Mutex
	all map[*awaitedWord]bool // guarded by mu
}

// add has a word's loss noted until remove is called.
func (a *awaitedWords) add(w *awaitedWord) (remove func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[*awaitedWord]bool{}
	}
	a.all[w] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.all, w)
	}
}

// each has do see those that wait for a word that is to be told.
func (a *awaitedWords) each(u *history.UntoldWord, do func(*awaitedWord)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.all {
		if w.group == u.Group && w.target == u.Target && w.kind == u.Kind {
			do(w)
		}
	}
}

// lose notes that a word is lost.
func (a *awaitedWords) lose(u *history.UntoldWord) {
	a.each(u, func(w *awaitedWord) { w.lost = true })
}

// sealed notes a message that says a word.
func (a *awaitedWords) sealed(u *history.UntoldWord, id omega.ID) {
	a.each(u, func(w *awaitedWord) { w.in = append(w.in, id) })
}

// state is what was noted of a word.
func (a *awaitedWords) state(w *awaitedWord) (lost bool, in []omega.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return w.lost, slices.Clone(w.in)
}

// sayWord says a reaction or a vote of this account, which subscribes.
func (c *Client) sayWord(ctx context.Context, id chat.Hash, row *history.Row, message omega.ID, d clientrpc.Delivery, content *chat.Content) (*clientrpc.SendResult, error) {
	said := &chat.Message{Chat: row.Chat, From: c.acc.Fingerprint, Time: c.homeTime().Truncate(time.Millisecond), Content: content}
	marks, err := said.Marks()
	if err != nil || len(marks) != 1 {
		return nil, errors.Join(errNotMember, err)
	}
	own := &marks[0]
	if !c.saying.take(c.acc.Fingerprint, c.cfg.now()) {
		doing := i18n.T("doing.react", row.ID)
		if content.Kind == chat.KindVote {
			doing = i18n.T("doing.poll")
		}
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.manywords"), i18n.T("next.manywords"), nil)
	}
	word := &awaitedWord{group: id, target: own.Target, kind: own.Kind}
	defer c.awaited.add(word)()
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := tx.PutMark(own, c.acc.Fingerprint); err != nil {
			return err
		}
		return tx.PutUntoldWord(id, own)
	})
	if err != nil {
		return nil, err
	}
	c.chores.add(&groupWork{words: true})
	c.changed.notify()
	out := &clientrpc.SendResult{ID: message, Chat: row.Chat, State: clientrpc.StateQueued}
	if d.Wait == waitNone {
		return out, nil
	}
	out.State, err = c.awaitWord(ctx, own, word, d.Timeout)
	return out, err
}

// awaitWord waits until a word of this account is at the homes of one who may write, or is lost,
// and returns its state.
func (c *Client) awaitWord(ctx context.Context, own *chat.Mark, word *awaitedWord, timeout time.Duration) (state string, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(timeout, time.Millisecond))
	defer cancel()
	for {
		changed := c.changed.wait()
		err := c.db.View(context.WithoutCancel(ctx), func(tx *history.Tx) (err error) {
			state, err = c.wordState(tx, own, word)
			return err
		})
		if err != nil || state != clientrpc.StateQueued {
			return state, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return state, nil
		}
	}
}

// wordState is how far a word of this account is: as far as the messages that say it, and where
// none of this run does, as others were told it.
func (c *Client) wordState(tx *history.Tx, own *chat.Mark, word *awaitedWord) (string, error) {
	waits, err := tx.WordWaits(word.group, own)
	lost, in := c.awaited.state(word)
	failed := len(in) > 0
	for _, id := range in {
		r, failing := tx.Message(id)
		switch {
		case errors.Is(failing, history.ErrNotFound):
			continue // there is nobody who reads it
		case failing != nil:
			return clientrpc.StateQueued, errors.Join(err, failing)
		case order(r.State) > 0:
			return clientrpc.StateStored, err
		}
		failed = failed && r.State == clientrpc.StateFailed
	}
	switch {
	case err != nil:
	case lost, failed && !waits:
		return clientrpc.StateFailed, nil
	case !waits && len(in) == 0:
		return clientrpc.StateStored, nil
	}
	return clientrpc.StateQueued, err
}
