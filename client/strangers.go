package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Mail whose signer no server can tell of now goes aside, so that it holds up
// nobody else's: spec/delivery.md, DELIV-43.

// lookPatience is how long the inbox waits for one look-up of a sender: most
// take a round trip or two.
const lookPatience = 3 * time.Second

// Times between looks for a sender that no server can tell of now.
const (
	firstSenderLook = time.Second
	lastSenderLook  = 30 * time.Second
)

// senderLookTime is how long one of these may take.
const senderLookTime = 10 * time.Second

// maxLooks is how many senders are looked for at the same time.
const maxLooks = 8

// lookPause is for how long the inbox waits for no look-up after one in vain: any
// number of senders that cannot be found costs it a tenth of its time, and those
// that can are found beside it.
const lookPause = 10 * lookPatience

// lookUp brings a sender's certificate into memory, from the database the first
// time, then from the cloud. It reports that the receiver must judge now: the
// cloud was asked, or has no such account. Where the cloud cannot say, the account
// is unsure from now on and mail that needs it goes aside. It asks by the session
// that the mail came on, which is not in use for anything else at first.
func (t *taken) lookUp(ctx context.Context, s *session, fp omega.Fingerprint) (fresh bool, err error) {
	c := t.c
	if fp == c.acc.Fingerprint {
		return true, c.fetchOwn(ctx, s)
	}
	c.mu.Lock()
	known := c.certs[fp] != nil
	c.mu.Unlock()
	ask, age := true, time.Duration(0)
	if !known {
		age = 365 * 24 * time.Hour // whatever the database has
		stored, err := c.storedPeer(ctx, fp)
		if err != nil {
			return false, err
		}
		ask = stored == nil || stored.Deleted.IsZero() && !young(c.cfg.now(), stored.Checked, age)
	}
	if ask && time.Now().Before(*t.impatient) {
		c.doubtSender(fp)
		return false, nil
	}
	look, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	_, fresh, err = c.peerBy(look, s, fp, age)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case unavailable(err):
		c.cfg.log().Info("sender not known yet", "account", fp, "err", err)
		*t.impatient = time.Now().Add(lookPause)
		c.doubtSender(fp)
		return false, nil
	case err != nil && !lasting(err):
		return false, err
	case err == nil:
		return fresh, nil
	}
	c.senderRefused(fp, err)
	return true, nil
}

// senderRefused logs why there is no certificate of a sender that can be used, if
// that is more than that there is no such account.
func (c *Client) senderRefused(fp omega.Fingerprint, err error) {
	if !isCode(err, omega.CodeNotFound) && !errors.Is(err, errPeerDeleted) {
		c.cfg.log().Warn("certificate of a sender cannot be used", "account", fp, "err", err)
	}
}

// unavailable reports whether a look-up may be answered at another time.
func unavailable(err error) bool {
	var server *omega.Error
	return errors.As(err, &server) && server.Code.Retry() || errors.Is(err, context.DeadlineExceeded)
}

// lasting reports whether asking again would give the same error.
func lasting(err error) bool {
	var server *omega.Error
	switch {
	case errors.As(err, &server):
		return !server.Code.Retry()
	case errors.Is(err, pgp.ErrMalformed), errors.Is(err, pgp.ErrPolicy), errors.Is(err, wire.ErrMalformed), errors.Is(err, errPeerDeleted):
		return true
	}
	return false
}

// doubtSender has mail that needs more than is known of an account now go aside
// until the cloud has answered about it. What else is learnt of the account
// meanwhile changes nothing, so that no mail overtakes what is aside.
func (c *Client) doubtSender(fp omega.Fingerprint) {
	c.mu.Lock()
	if _, ok := c.unsure[fp]; !ok {
		c.unsure[fp] = c.certs[fp]
	}
	c.mu.Unlock()
	c.strangers.notify()
}

func (c *Client) isUnsure(fp omega.Fingerprint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, unsure := c.unsure[fp]
	return unsure
}

// sure ends the doubt about an account.
func (c *Client) sure(fp omega.Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unsure, fp)
}

// loadUnsure goes on where the core before this one ended.
func (c *Client) loadUnsure(ctx context.Context) error {
	var accounts []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		accounts, err = tx.AsideFor()
		return err
	})
	for _, fp := range accounts {
		err = errors.Join(err, c.recall(ctx, fp))
		c.doubtSender(fp)
	}
	return err
}

// recall brings what is stored of an account into memory.
func (c *Client) recall(ctx context.Context, fp omega.Fingerprint) error {
	stored, err := c.storedPeer(ctx, fp)
	if err == nil && stored != nil {
		if _, err := c.parsePeer(stored); err != nil {
			c.senderRefused(fp, err)
		}
	}
	return err
}

// putAside keeps a mail until its signer is known. One for which there is no room
// is refused: its author is asked for it again when a later one shows that it is
// missing.
func (t *taken) putAside(tx *history.Tx, a *chat.Arrival, needs, sender omega.Fingerprint) error {
	row := &history.Aside{Needs: needs, Sender: sender, ID: a.ID, Payload: a.Payload, Received: a.Received}
	if a.Received.IsZero() {
		row.Received = a.Now // it is kept for a time from then on
	}
	kept, err := tx.PutAside(row)
	if err != nil || kept {
		return err
	}
	t.c.cfg.log().Warn("mail refused: too much waits for senders that no server can tell of", "id", a.ID, "sender", sender, "needs", needs)
	others, err := tx.Aside(needs, 1)
	if err == nil && len(others) == 0 {
		t.c.sure(needs) // nothing waits, so nothing has to be asked
	}
	return err
}

// openAside opens what was put aside for an account that the cloud has answered
// about, in order.
func (w *inboxWorker) openAside(ctx context.Context, account omega.Fingerprint) error {
	c := w.c
	if err := c.recall(ctx, account); err != nil {
		return err
	}
	c.sure(account)
	for {
		t := w.newTaken()
		var mails []history.Aside
		err := c.db.Update(ctx, func(tx *history.Tx) (err error) {
			if mails, err = tx.Aside(account, maxBatch); err != nil {
				return err
			}
			for _, m := range mails {
				a := &chat.Arrival{ID: m.ID, Payload: m.Payload, Now: c.cfg.now(), Received: m.Received, Fresh: true, Groups: groupCourt{tx, c}}
				if _, err := t.judge(ctx, tx, a, m.Sender); err != nil {
					return err
				}
				if err := tx.DropAside(m.Position); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			c.doubtSender(account) // and it is tried again
			return fmt.Errorf("open mail of %s that was put aside: %w", account, err)
		}
		c.changed.notify()
		c.missing.notify() // what is missing of them can be asked for
		if err := t.follow(ctx); err != nil || len(mails) < maxBatch {
			return err
		}
	}
}

// A search is one for a sender.
type search struct {
	next time.Time
	wait time.Duration // after the next look
}

// askForSenders looks for the accounts that mail was put aside for, each again and
// again, until ctx ends. Those that came last go first.
func (c *Client) askForSenders(ctx context.Context) {
	searches := map[omega.Fingerprint]*search{}
	for {
		changed := c.strangers.wait()
		var timer <-chan time.Time
		if s, err := c.online(); err == nil { // a new session notifies
			now := time.Now()
			due, next := c.dueSenders(searches, now)
			if len(due) > 0 {
				c.askAbout(ctx, s, due)
				continue
			}
			if !next.IsZero() {
				timer = time.After(next.Sub(now))
			}
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// dueSenders returns at most maxLooks accounts to be looked for now, those that
// were looked for least often first, and when the next one is if there are none.
func (c *Client) dueSenders(searches map[omega.Fingerprint]*search, now time.Time) (due []omega.Fingerprint, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for fp := range searches {
		if _, still := c.unsure[fp]; !still {
			delete(searches, fp)
		}
	}
	for fp := range c.unsure {
		if searches[fp] == nil {
			searches[fp] = &search{next: now, wait: firstSenderLook}
		}
	}
	for fp, q := range searches {
		if !q.next.After(now) {
			due = append(due, fp)
		}
	}
	slices.SortFunc(due, func(a, b omega.Fingerprint) int { return cmp.Compare(searches[a].wait, searches[b].wait) })
	due = due[:min(len(due), maxLooks)]
	for _, fp := range due {
		q := searches[fp]
		q.next, q.wait = now.Add(jitter(q.wait)), min(2*q.wait, lastSenderLook)
	}
	for _, q := range searches {
		if next.IsZero() || q.next.Before(next) {
			next = q.next
		}
	}
	return due, next
}

// askAbout asks the cloud about accounts and tells the inbox about whom it had an
// answer. It returns when all are answered.
func (c *Client) askAbout(ctx context.Context, s *session, accounts []omega.Fingerprint) {
	var wg sync.WaitGroup
	for _, fp := range accounts {
		wg.Go(func() {
			look, cancel := context.WithTimeout(ctx, senderLookTime)
			defer cancel()
			_, _, err := c.peerBy(look, s, fp, 0)
			if err != nil && !lasting(err) {
				return
			}
			if err != nil {
				c.senderRefused(fp, err)
			}
			select {
			case c.resolved <- fp:
			case <-ctx.Done():
			}
		})
	}
	wg.Wait()
}
