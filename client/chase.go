package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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

// sweptEvery is how often what is too old is dropped.
const sweptEvery = time.Hour

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
	kept  bool      // it is in the database as it is
	old   bool      // it is in the database, as it is or was
	since time.Time // when it was missed first; zero: in an earlier run
}

// chase asks again for what is missing: gaps in the sequences of a device, and
// keys of parked messages, until ctx ends.
func (c *Client) chase(ctx context.Context) {
	asked, err := c.loadPursuits(ctx)
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("what is asked for is not known", "err", err)
	}
	defer func() { // a program that runs for a moment says what it missed to the next one
		if err := c.keepPursuits(context.WithoutCancel(ctx), asked, nil, true); err != nil {
			c.cfg.log().Warn("what is asked for is not kept", "err", err)
		}
	}()
	var swept time.Time
	for {
		missing := c.missing.wait()
		if now := c.cfg.now(); !young(now, swept, sweptEvery) {
			if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
				c.cfg.log().Warn("what is too old was not dropped", "err", err)
			}
			swept = now
		}
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
			asked[p.Key] = &pursuit{times: p.Times, next: next, kept: true, old: true}
		}
		return err
	})
	return asked, err
}

// keepPursuits stores what changed of them, but for what was not asked for yet, which most
// often comes by itself: that is stored when the program ends.
func (c *Client) keepPursuits(ctx context.Context, asked map[string]*pursuit, ended []string, all bool) error {
	var changed []string
	for key, p := range asked {
		if !p.kept && (all || p.times > 0) {
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
		asked[key].kept, asked[key].old = err == nil, true
	}
	return err
}

// A want is one request that could be sent.
type want struct {
	key     string
	peer    omega.Fingerprint
	content *chat.Content

	patience int // which time of chaseAfter it is asked for first
}

func resendOf(req *chat.ResendRequest) *chat.Content {
	return &chat.Content{Kind: chat.KindResend, Resend: req}
}

// sweep drops what waited for too long.
func (c *Client) sweep(ctx context.Context) error {
	now := c.cfg.now()
	return c.db.Update(ctx, func(tx *history.Tx) error {
		return errors.Join(tx.DropParked(now.Add(-parkedFor)), tx.DropOldAside(now.Add(-parkedFor)), tx.DropStrayKeys(now.Add(-strayFor)), tx.DropGuests(now.Add(-guestsKept)))
	})
}

// chaseOnce sends the requests that are due and returns when the next one is. It writes
// only what it asked for: each thing that comes wakes it.
func (c *Client) chaseOnce(ctx context.Context, asked map[string]*pursuit) (next time.Time, err error) {
	now := c.cfg.now()
	wants, err := c.wants(ctx)
	if err != nil {
		return time.Time{}, err
	}
	wants = slices.DeleteFunc(wants, func(w want) bool { return c.isUnsure(w.peer) }) // nothing can be sealed for them
	ended := pursue(asked, wants, now)
	due := slices.DeleteFunc(slices.Clone(wants), func(w want) bool {
		p := asked[w.key]
		if !p.next.After(now) && c.mayBeHere(p, now) {
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
	errs = append(errs, c.keepPursuits(ctx, asked, ended, false))
	_, offline := c.online()
	for _, w := range wants {
		if at := asked[w.key].next; (offline == nil || at.After(now)) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, errors.Join(errs...)
}

// What may be here already is not asked for as long as something moves, and in any case not
// for longer than chaseLatest: whoever sends without end must not keep what is lost from
// being asked for. (spec/group.md, GROUP-43)
const (
	chaseHeld   = time.Second     // before it is looked at again
	chaseStill  = 5 * time.Second // without mail that is taken in, or an account that is found
	chaseLatest = 5 * time.Minute
)

// moves is when something came nearer last: by this device's clock, in nanoseconds.
type moves struct{ last atomic.Int64 }

// note notes that it did.
func (m *moves) note(now time.Time) { m.last.Store(now.UnixNano()) }

// still reports whether nothing moved for chaseStill since a time.
func (m *moves) still(since, now time.Time) bool {
	if last := time.Unix(0, m.last.Load()); last.After(since) && !last.After(now) {
		since = last
	}
	return !young(now, since, chaseStill)
}

// mayBeHere reports whether what was never asked for may be among what has come and was not
// taken in yet. Else who is behind makes others send again what makes it be more behind.
// (spec/group.md, GROUP-43)
func (c *Client) mayBeHere(p *pursuit, now time.Time) bool {
	if p.times > 0 || !young(now, p.since, chaseLatest) {
		return false
	}
	return (c.arrivals.behind() || !c.chores.settled()) && !c.nearer.still(p.since, now)
}

// pursue begins with what is new among the wants and ends what is not wanted. It returns
// what of that the database has.
func pursue(asked map[string]*pursuit, wants []want, now time.Time) (ended []string) {
	still := map[string]bool{}
	missed := map[string]time.Time{} // since when what nobody was asked for is missed, however much of it came
	for key, p := range asked {
		if at, ok := missed[about(key)]; p.times == 0 && (!ok || p.since.Before(at)) {
			missed[about(key)] = p.since
		}
	}
	for _, w := range wants {
		still[w.key] = true
		if asked[w.key] == nil {
			since, ok := missed[about(w.key)]
			if !ok {
				since = now
			}
			asked[w.key] = &pursuit{next: now.Add(chaseAfter[w.patience]), since: since}
		}
	}
	for key := range asked {
		if still[key] {
			continue
		}
		if asked[key].old {
			ended = append(ended, key)
		}
		delete(asked, key)
	}
	return ended
}

// about is what a key is about, however much of it has come: some keys end with that.
func about(key string) string {
	switch kind, _, _ := strings.Cut(key, ":"); kind {
	case "gap", "operations", "secure":
		return key[:strings.LastIndexByte(key, ':')]
	}
	return key
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
