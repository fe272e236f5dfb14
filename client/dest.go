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

// A dest is where messages go: to an account, or to a group.
type dest struct {
	peer  omega.Fingerprint // zero: to the group
	group chat.Hash
}

// chatAt is the chat with a dest.
func (c *Client) chatAt(d dest) omega.ChatID {
	if d.peer.IsZero() {
		return omega.ChatID(d.group[:16])
	}
	return omega.DirectChat(c.acc.Fingerprint, d.peer)
}

// groupChat is how messages that wait name the chat of a group; zero for others.
func (c *Client) groupChat(d dest) (out omega.ChatID) {
	if d.peer.IsZero() {
		out = c.chatAt(d)
	}
	return out
}

// chatAside is the chat of a message that waits: that of a group, or the direct one.
func chatAside(account omega.Fingerprint, group omega.ChatID, to omega.Fingerprint) omega.ChatID {
	if to.IsZero() {
		return group
	}
	return omega.DirectChat(account, to)
}

// destOfRow is where a message was sent.
func (c *Client) destOfRow(ctx context.Context, row *history.Row) (d dest, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		d, err = c.destOf(ctx, tx, row.Chat, row.Peer)
		return err
	})
	return d, err
}

// destOf is where a stored chat leads.
func (c *Client) destOf(ctx context.Context, tx *history.Tx, id omega.ChatID, peer omega.Fingerprint) (dest, error) {
	if !peer.IsZero() {
		return dest{peer: peer}, nil
	}
	group, err := tx.Group(ctx, id)
	return dest{group: group}, err
}

// resolve finds what a fingerprint, a chat id, or the name of a group means.
func (c *Client) resolve(ctx context.Context, to string) (dest, error) {
	doing := i18n.T("doing.send", to)
	if fp, err := omega.ParseFingerprint(to); err == nil {
		return dest{peer: fp}, nil
	}
	id, err := c.chatID(doing, to)
	if err != nil {
		return dest{}, err
	}
	var d dest
	err = c.db.View(ctx, func(tx *history.Tx) error {
		ch, err := tx.Chat(id)
		switch {
		case err != nil:
			return err
		case ch.Imported:
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.imported"), i18n.T("next.list"), nil)
		}
		d, err = c.destOf(ctx, tx, id, ch.Peer)
		return err
	})
	if errors.Is(err, history.ErrNotFound) {
		if fp, err := c.contactRef(ctx, doing, to); err == nil { // there is no chat yet
			return dest{peer: fp}, nil
		}
		return d, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nochat", to), i18n.T("next.list"), nil)
	}
	return d, err
}
