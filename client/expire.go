package client

import (
	"context"
	"time"

	"github.com/omega-im/omega/history"
)

// maxExpired is how many messages one transaction erases.
const maxExpired = 256

// expire erases messages whose time is over, and returns when the next one's is;
// zero: none has one. (spec/chat.md, CHAT-31)
func (c *Client) expire(ctx context.Context) (next time.Time, err error) {
	for {
		n := 0
		err = c.db.View(ctx, func(tx *history.Tx) error {
			next, err = tx.NextExpiry()
			return err
		})
		if err != nil || next.IsZero() || next.After(c.cfg.now()) {
			return next, err
		}
		err = c.db.Update(ctx, func(tx *history.Tx) error {
			n, next, err = tx.Expire(c.cfg.now(), maxExpired)
			return err
		})
		if err != nil || n == 0 {
			return next, err
		}
		c.changed.notify()
	}
}
