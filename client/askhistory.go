package client

import (
	"context"
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// askHistory asks another device of the account for what it has. (spec/chat.md,
// CHAT-72)
func (c *Client) askHistory(ctx context.Context, p clientrpc.AskHistoryParams) (clientrpc.Handover, error) {
	doing := i18n.T("doing.askhistory")
	d, ok := c.ownDevice(ctx, p.Device)
	switch {
	case !ok || !d.Active(c.cfg.now()):
		return clientrpc.Handover{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodevice"), i18n.T("next.devices"), nil)
	case !c.olderDevice(p.Device):
		return clientrpc.Handover{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.younger"), i18n.T("next.younger"), nil)
	}
	var id omega.ID
	if _, err := c.cfg.rand().Read(id[:]); err != nil {
		return clientrpc.Handover{}, err
	}
	h := &history.Handover{Device: p.Device, State: history.HandoverWanted, Since: c.cfg.now()}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		old, err := tx.Handover(p.Device, false)
		if err == nil && (old.State == history.HandoverOffered || old.State == history.HandoverWanted && young(h.Since, old.Since, wantAgain)) {
			h = old
			return nil
		}
		if err := ignoreNotFound(err); err != nil {
			return err
		}
		list, err := tx.Handovers()
		if err == nil && len(list) >= maxHandover {
			err = errors.New("too many histories were handed over")
		}
		if err != nil {
			return err
		}
		if err := tx.PutHandover(h); err != nil {
			return err
		}
		return c.seal(ctx, tx, c.certificate(), id, chat.NewHandover(&chat.Handover{To: c.acc.Device, From: p.Device}))
	})
	if err != nil {
		return clientrpc.Handover{}, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.showHandover(h), nil
}

// heardWanted notes that another device asks for what is here. Nothing is given by
// that: who approved the device may have wanted it to have nothing.
func (t *taken) heardWanted(tx *history.Tx, by omega.Fingerprint, said *chat.Handover) error {
	c := t.c
	if said.From != c.acc.Device || said.To != by {
		return nil
	}
	list, err := tx.Handovers()
	if err != nil || len(list) >= maxHandover {
		return err
	}
	for i := range list {
		if h := &list[i]; h.Gives && h.Device == by && (h.State == history.HandoverAsked || h.State == history.HandoverOffered) {
			return nil // on its way
		}
	}
	h := &history.Handover{Device: by, Gives: true, State: history.HandoverWanted, Since: c.cfg.now()}
	if h.Total, err = tx.CountHanded(); err != nil {
		return err
	}
	return tx.PutHandover(h)
}
