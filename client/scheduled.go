package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// schedule keeps a text until it is to be sent. The outbox seals it then: under
// the key, and for the devices, of that time.
func (c *Client) schedule(ctx context.Context, d dest, p clientrpc.SendParams, content *chat.Content) (*clientrpc.SendResult, error) {
	doing, now := i18n.T("doing.send", p.To), c.cfg.now()
	if p.At.Sub(now) > clientrpc.MaxAhead {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.farahead", clientrpc.MaxAhead), i18n.T("next.sooner"), nil)
	}
	if err := c.notBlocked(ctx, doing, d.peer); err != nil {
		return nil, err
	}
	raw, err := content.Raw()
	if err != nil {
		return nil, err
	}
	out := &clientrpc.SendResult{ID: p.ID, Chat: c.chatAt(d), State: clientrpc.StateScheduled}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		row, err := tx.Message(p.ID)
		if err == nil { // the call is repeated, and its time has come
			out.State = row.State
			return nil
		}
		if !errors.Is(err, history.ErrNotFound) {
			return err
		}
		list, err := tx.Scheduled(now)
		if err != nil {
			return err
		}
		if len(list) >= clientrpc.MaxScheduled {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.manyscheduled", clientrpc.MaxScheduled), i18n.T("next.scheduled"), nil)
		}
		if d.secure {
			if err := c.beginSecure(tx, c.room(d)); err != nil {
				return err
			}
		}
		return tx.AddUnsealed(&history.Unsealed{ID: p.ID, To: d.peer, Chat: c.namedChat(d), Text: content.Text, Content: raw, Time: now, Due: p.At})
	})
	c.queued.notify() // the outbox looks when the next one is due
	return out, err
}

// scheduled lists the texts that wait for their time.
func (c *Client) scheduled(ctx context.Context, p clientrpc.Page) (clientrpc.ScheduledResult, error) {
	out := clientrpc.ScheduledResult{Texts: []clientrpc.ScheduledText{}}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Scheduled(c.cfg.now())
		for _, u := range list {
			out.Texts = append(out.Texts, clientrpc.ScheduledText{ID: u.ID, To: u.To, Chat: chatAside(c.acc.Fingerprint, u.Chat, u.To), Text: u.Text, At: u.Due})
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Texts, out.Rest, err = part(out.Texts, p, func(t *clientrpc.ScheduledText) string { return fmt.Sprintf("%020d %s", t.At.UnixMilli(), t.ID) })
	return out, err
}

// cancel forgets a text that waits for its time.
func (c *Client) cancel(ctx context.Context, p clientrpc.CancelParams) (clientrpc.None, error) {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		list, err := tx.Scheduled(c.cfg.now())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(u history.Unsealed) bool { return u.ID == p.ID }) {
			return fail(clientrpc.CodeNotFound, i18n.T("doing.scheduled"), i18n.T("why.notscheduled", p.ID), i18n.T("next.scheduled"), nil)
		}
		return tx.RemoveUnsealed(p.ID)
	})
	c.changed.notify()
	return clientrpc.None{}, err
}
