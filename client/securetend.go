package client

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"

	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// Times of secure chats.
const (
	secureAgain   = 15 * time.Second // after something could not be sealed
	secureLook    = time.Hour        // between looks at epochs whose time may be over
	secureTry     = 40 * time.Second // for one chat
	usedPrekeyFor = 10 * time.Minute // after a prekey that was told opened a wrap (SEC-13)
	cutOffAfter   = time.Second      // that destroyed keys may stand in the log
	waitingFor    = secure.Grave     // of what lacks something
)

// secureDue lists the secure chats in which something waits to be sealed, and
// when the next of what is scheduled is due.
func (c *Client) secureDue(ctx context.Context) (rooms []room, next time.Time) {
	err := c.db.View(ctx, func(tx *history.Tx) error {
		chats, err := tx.SecureChats()
		if err != nil {
			return err
		}
		for i, s := range chats {
			waiting, err := tx.UnsealedIn(s.Chat, c.cfg.now())
			if err != nil {
				return err
			}
			if len(waiting) > 0 {
				rooms = append(rooms, roomOf(&chats[i]))
			}
		}
		scheduled, err := tx.Scheduled(c.cfg.now())
		if len(scheduled) > 0 {
			next = scheduled[0].Due
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Error("secure messages not read", "err", err)
	}
	return rooms, next
}

// whyEnded stands beside texts that were not sent when their secure chat was ended.
const whyEnded = "ended"

// failSecure shows messages that can never be sealed as failed, and why.
func (c *Client) failSecure(ctx context.Context, r room, why string, due time.Time) {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		waiting, err := tx.UnsealedIn(r.chat, due)
		for i := range waiting {
			content, err := asideContent(&waiting[i])
			if err != nil {
				return err
			}
			if !content.Kind.Control() {
				if err := putFailed(tx, c.acc.Fingerprint, c.acc.Device, &waiting[i], why); err != nil {
					return err
				}
			}
			if err := tx.RemoveUnsealed(waiting[i].ID); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Error("secure messages not marked as failed", "err", err)
	}
	c.changed.notify()
}

// noteTrouble keeps why nothing is sealed in a chat, for who waits for it.
func (c *Client) noteTrouble(r room, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.trouble, r.chat)
		return
	}
	c.trouble[r.chat] = err
}

// secureWhy says why nothing is sealed in a chat; nil: nothing is known.
func (c *Client) secureWhy(p letter, id omega.ChatID) *clientrpc.Error {
	c.mu.Lock()
	err := c.trouble[id]
	c.mu.Unlock()
	var out *clientrpc.Error
	if err != nil {
		errors.As(explainSealing(p.to, err), &out)
	}
	return out
}

// tendSecrets destroys keys whose time is over, and cuts off the log in which those
// that were destroyed may stand, until ctx ends. (spec/secure.md, SEC-20)
func (c *Client) tendSecrets(ctx context.Context) {
	for ctx.Err() == nil {
		spent := c.spent.wait()
		next, chats, err := c.sweepSecrets(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("old keys not destroyed", "err", err)
			next = c.cfg.now().Add(secureAgain)
		}
		done := chats == 0
		if !done {
			if done, err = c.db.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				c.cfg.log().Error("log of the database not cut off", "err", err)
			}
		}
		pause := min(next.Sub(c.cfg.now()), secureLook)
		if !done {
			pause = cutOffAfter
		}
		timer := time.NewTimer(max(pause, cutOffAfter))
		select {
		case <-spent:
			timer.Reset(cutOffAfter) // more may come
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// sweepSecrets destroys what is of no use any more, and returns when it is to be done
// again, and how many secure chats there are.
func (c *Client) sweepSecrets(ctx context.Context) (next time.Time, n int, err error) {
	now := c.signingTime()
	next = now.Add(secureLook)
	_, offline := c.online() // then nobody has said that this clock is right
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		_, used, err := tx.DropUsedPrekeys(now.Add(-usedPrekeyFor))
		if err != nil {
			return err
		}
		if !used.IsZero() {
			next = earlier(next, used.Add(usedPrekeyFor))
		}
		chats, err := tx.SecureChats()
		if n = len(chats); err != nil {
			return err
		}
		if offline != nil {
			return nil
		}
		for i := range chats {
			b, err := c.secureBookOf(tx, roomOf(&chats[i]))
			if err != nil {
				return err
			}
			if _, err := b.store(tx, now); err != nil {
				return err
			}
		}
		return errors.Join(tx.DropRecords(now.Add(-secure.Grave)), tx.DropOldWaiting(now.Add(-waitingFor)))
	})
	return next, n, err
}
