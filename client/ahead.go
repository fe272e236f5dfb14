package client

import (
	"context"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// maxAhead is how many mails are looked at ahead at a time: their keys are read in
// one go.
const maxAhead = 32

// checkAhead hands mail on to the inbox, in order, until ctx ends. While the inbox
// has enough to do it checks signatures meanwhile, on a processor of its own.
func (c *Client) checkAhead(ctx context.Context) {
	keys := aheadKeys{}
	list := make([]mailIn, 0, maxAhead)
	for {
		list = list[:0]
		select {
		case in := <-c.mail:
			list = append(list, in)
		case <-ctx.Done():
			return
		}
		for len(list) < maxAhead && len(c.mail) > 0 {
			list = append(list, <-c.mail)
		}
		if len(list) > 1 || len(c.checked) > 0 {
			c.lookAhead(ctx, keys, list)
		}
		for _, in := range list {
			select {
			case c.checked <- in:
			case <-ctx.Done():
				return
			}
		}
	}
}

// aheadKeys are keys that were read ahead. They belong to the goroutine that looks
// ahead: those of transactions are written to.
type aheadKeys map[chat.Locator][]*chat.Key

// maxAheadKeys bounds them; beyond that they are read anew.
const maxAheadKeys = 256

// lookAhead notes of mails whose signatures are good. What cannot be had now, the
// inbox sees to.
func (c *Client) lookAhead(ctx context.Context, keys aheadKeys, list []mailIn) {
	c.mu.Lock()
	receiver := c.receiver
	c.mu.Unlock()
	if len(keys) > maxAheadKeys {
		clear(keys)
	}
	arrivals := make([]*chat.Arrival, len(list))
	var wanted []chat.Locator
	for i := range list {
		in := &list[i]
		if in.attached != nil || in.waiting != nil || in.mail.Seq == 0 {
			continue
		}
		env, err := wire.ParseEnvelope(in.mail.Envelope)
		if err != nil || isSecure(env.Payload()) {
			continue
		}
		p, err := chat.ParsePayload(env.Payload())
		if err != nil || p.Kind != chat.PayloadMessage {
			continue
		}
		arrivals[i] = &chat.Arrival{ID: env.ID(), Payload: env.Payload(), Now: c.cfg.now(), Received: receivedAt(in.mail.Received)}
		if keys[p.Locator] == nil {
			wanted = append(wanted, p.Locator)
		}
	}
	if len(wanted) > 0 && c.db.View(ctx, func(tx *history.Tx) error { return keys.read(ctx, tx, wanted) }) != nil {
		return
	}
	for i, a := range arrivals {
		if a != nil && ctx.Err() == nil {
			list[i].checked = receiver.CheckAhead(ctx, func(l chat.Locator) []*chat.Key { return keys[l] }, a)
		}
	}
}

// read reads keys that are not here.
func (k aheadKeys) read(ctx context.Context, tx *history.Tx, wanted []chat.Locator) error {
	for _, l := range wanted {
		if k[l] != nil {
			continue
		}
		list, err := tx.Keys(ctx, l)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			k[l] = list
		}
	}
	return nil
}
