package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// Times between requests to send again: mail that is merely late needs none,
// and an author who is away answers when back, so requests become rare.
var chaseAfter = []time.Duration{
	2 * time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// parkedFor is how long an envelope waits for its key: authors keep what they
// sent for as long.
const parkedFor = 90 * 24 * time.Hour

// strayFor is how long keys of unknown groups are kept. (spec/group.md, GROUP-12)
const strayFor = 40 * 24 * time.Hour

// Bounds of one round: the gaps and parked keys that are looked at, and the
// requests that are sent. Strangers can make any number of both. What was asked
// for least often goes first, so they cannot make others wait for long.
const (
	maxWanted = 4096
	maxChased = 256
)

// A pursuit is something that was asked for. The database has them as well, so a
// program that runs for a moment goes on where the last one ended.
type pursuit struct {
	times int
	next  time.Time
	kept  bool      // as it is
	since time.Time // when it was missed first; zero: in an earlier run
}

// chase asks again for what is missing: gaps in the sequences of a device, and
// keys of parked messages, until ctx ends.
func (c *Client) chase(ctx context.Context) {
	asked, err := c.loadPursuits(ctx)
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("what is asked for is not known", "err", err)
	}
	for {
		missing := c.missing.wait()
		next, err := c.chaseOnce(ctx, asked)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Warn("missing messages not asked for", "err", err)
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(max(next.Sub(c.cfg.now()), 100*time.Millisecond))
		}
		select {
		case <-missing:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// loadPursuits reads what was asked for by an earlier run.
func (c *Client) loadPursuits(ctx context.Context) (map[string]*pursuit, error) {
	asked, now := map[string]*pursuit{}, c.cfg.now()
	err := c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Pursuits()
		for _, p := range list {
			next := p.Next
			if latest := now.Add(chaseAfter[len(chaseAfter)-1]); next.After(latest) { // the clock was set back
				next = latest
			}
			asked[p.Key] = &pursuit{times: p.Times, next: next, kept: true}
		}
		return err
	})
	return asked, err
}

// keepPursuits stores what changed of them.
func (c *Client) keepPursuits(ctx context.Context, asked map[string]*pursuit, ended []string) error {
	var changed []string
	for key, p := range asked {
		if !p.kept {
			changed = append(changed, key)
		}
	}
	if len(changed) == 0 && len(ended) == 0 {
		return nil
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		for _, key := range ended {
			if err := tx.EndPursuit(key); err != nil {
				return err
			}
		}
		for _, key := range changed {
			if err := tx.PutPursuit(history.Pursuit{Key: key, Times: asked[key].times, Next: asked[key].next}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, key := range changed {
		asked[key].kept = err == nil
	}
	return err
}

// A want is one request that could be sent.
type want struct {
	key     string
	peer    omega.Fingerprint
	content *chat.Content
	group   bool // operations of a group, or its key
}

func resendOf(req *chat.ResendRequest) *chat.Content {
	return &chat.Content{Kind: chat.KindResend, Resend: req}
}

// chaseOnce sends the requests that are due and returns when the next one is.
func (c *Client) chaseOnce(ctx context.Context, asked map[string]*pursuit) (next time.Time, err error) {
	now := c.cfg.now()
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		return errors.Join(tx.DropParked(now.Add(-parkedFor)), tx.DropOldAside(now.Add(-parkedFor)), tx.DropStrayKeys(now.Add(-strayFor)), tx.DropGuests(now.Add(-guestsKept)))
	})
	if err != nil {
		return time.Time{}, err
	}
	wants, err := c.wants(ctx)
	if err != nil {
		return time.Time{}, err
	}
	wants = slices.DeleteFunc(wants, func(w want) bool { return c.isUnsure(w.peer) }) // nothing can be sealed for them
	ended := pursue(asked, wants, now)
	due := slices.DeleteFunc(slices.Clone(wants), func(w want) bool {
		p := asked[w.key]
		if !p.next.After(now) && c.mayBeHere(&w, p, now) {
			p.next, p.kept = now.Add(chaseHeld), false
		}
		return p.next.After(now)
	})
	slices.SortStableFunc(due, func(a, b want) int { return cmp.Compare(asked[a.key].times, asked[b.key].times) })
	var errs []error
	for _, w := range due[:min(len(due), maxChased)] {
		if _, offline := c.online(); offline != nil {
			break // a new session notifies
		}
		errs = append(errs, c.sendControl(ctx, w.peer, w.content))
		p := asked[w.key]
		p.times++
		p.next, p.kept = now.Add(chaseAfter[min(p.times, len(chaseAfter)-1)]), false
	}
	errs = append(errs, c.keepPursuits(ctx, asked, ended))
	_, offline := c.online()
	for _, w := range wants {
		if at := asked[w.key].next; (offline == nil || at.After(now)) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, errors.Join(errs...)
}

// How long what may be here already is not asked for, at most, and when that is looked at
// again.
const (
	chaseHeld   = time.Second
	chaseLatest = 20 * time.Second
)

// mayBeHere reports whether what was never asked for may be among what has come and was not
// taken in yet. Else who is behind makes others send again what makes it be more behind.
// (spec/group.md, GROUP-43)
func (c *Client) mayBeHere(w *want, p *pursuit, now time.Time) bool {
	if p.times > 0 || !young(now, p.since, chaseLatest) {
		return false
	}
	return c.arrivals.behind() || w.group && !c.chores.idle()
}

// pursue begins with what is new among the wants and ends what is not wanted, which
// it returns.
func pursue(asked map[string]*pursuit, wants []want, now time.Time) (ended []string) {
	still := map[string]bool{}
	for _, w := range wants {
		still[w.key] = true
		if asked[w.key] == nil {
			asked[w.key] = &pursuit{next: now.Add(chaseAfter[0]), since: now}
		}
	}
	for key := range asked {
		if !still[key] {
			delete(asked, key)
			ended = append(ended, key)
		}
	}
	return ended
}

// wants lists everything that is missing.
func (c *Client) wants(ctx context.Context) (out []want, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		gaps, err := tx.Gaps(maxWanted)
		if err != nil {
			return err
		}
		for i := range gaps {
			w, err := c.wantGap(tx, &gaps[i])
			if err != nil {
				return err
			}
			if w.peer.IsZero() {
				continue // nobody is known who could be asked
			}
			out = append(out, w)
		}
		keys, err := tx.WantedKeys(maxWanted)
		for _, k := range keys {
			req := &chat.ResendRequest{Locator: k.Locator, Sequences: k.Sequences[:min(len(k.Sequences), chat.MaxIDs)]}
			out = append(out, want{key: fmt.Sprintf("key:%s:%s", k.Sender, k.Locator), peer: k.Sender, content: resendOf(req)})
		}
		if err != nil {
			return err
		}
		groups, err := c.wantsOfGroups(tx)
		if out = append(out, groups...); err != nil {
			return err
		}
		secrets, err := c.wantsOfSecure(tx)
		out = append(out, secrets...)
		return err
	})
	return out, err
}

// wantGap asks the account of the device whose messages are missing.
func (c *Client) wantGap(tx *history.Tx, t *chat.Track) (want, error) {
	w := want{
		key:     fmt.Sprintf("gap:%s:%s:%d", t.Chat, t.Device, t.UpTo()),
		content: resendOf(&chat.ResendRequest{Device: t.Device, Chat: t.Chat, Sequences: t.MissingSequences(chat.MaxIDs)}),
	}
	if _, own := c.certificate().Device(t.Device); own {
		w.peer = c.acc.Fingerprint
		return w, nil
	}
	ch, err := tx.Chat(t.Chat)
	if err != nil {
		return want{}, err
	}
	if w.peer = ch.Peer; ch.Group {
		w.peer, err = tx.AccountOf(t.Chat, t.Device)
	}
	return w, err
}
