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
	peer   omega.Fingerprint // zero: to the group
	group  chat.Hash
	secure bool // the secure chat with peer; of a group: it is a secure one
}

// chatAt is the chat with a dest.
func (c *Client) chatAt(d dest) omega.ChatID {
	switch {
	case d.peer.IsZero():
		return omega.ChatID(d.group[:16])
	case d.secure:
		return c.secureChat(d.peer)
	}
	return omega.DirectChat(c.acc.Fingerprint, d.peer)
}

// namedChat is how messages that wait name a chat that is none of two accounts, or a
// secure one; zero for others.
func (c *Client) namedChat(d dest) (out omega.ChatID) {
	if d.peer.IsZero() || d.secure {
		out = c.chatAt(d)
	}
	return out
}

// chatAside is the chat of a message that waits: the one that it names, or the direct
// one.
func chatAside(account omega.Fingerprint, named omega.ChatID, to omega.Fingerprint) omega.ChatID {
	if named != (omega.ChatID{}) {
		return named
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
		return dest{peer: peer, secure: id == c.secureChat(peer)}, nil
	}
	group, err := tx.Group(ctx, id)
	if err != nil || group == (chat.Hash{}) {
		return dest{group: group}, err
	}
	secret, err := c.isSecureGroup(tx, group)
	return dest{group: group, secure: secret}, err
}

// resolve finds what a fingerprint, a chat id, or the name of a group means.
func (c *Client) resolve(ctx context.Context, to string) (dest, error) {
	doing := i18n.T("doing.send", to)
	if whom, ok := cutSecure(to); ok {
		fp, err := c.contactRef(ctx, doing, whom)
		switch {
		case err == nil:
			return c.secureDest(doing, dest{peer: fp})
		case !isNotFound(err): // it may be the name of a group
			return dest{}, err
		}
	}
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
