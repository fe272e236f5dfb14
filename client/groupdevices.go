package client

import (
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// tellDevices gives the other devices of the account all operations of a group.
func (c *Client) tellDevices(ctx context.Context, id chat.Hash) error {
	var parts [][][]byte
	var heads []chat.Hash
	err := c.db.View(ctx, func(tx *history.Tx) error {
		l, err := loadGroup(tx, id)
		if err == nil {
			parts, heads = groupParts(l.Ops()), l.heads()
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.sendParts(ctx, c.acc.Fingerprint, id, parts, heads)
}

// tellGroups gives the other devices of the account all groups, and the keys that
// are used now. (spec/group.md, GROUP-14)
func (c *Client) tellGroups(ctx context.Context, tx *history.Tx) error {
	list, err := tx.KnownGroups()
	if err != nil {
		return err
	}
	for i := range list {
		l, err := c.groupIn(tx, list[i].ID)
		if errors.Is(err, history.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, part := range groupParts(l.Ops()) {
			var id omega.ID
			if _, err := c.cfg.rand().Read(id[:]); err != nil {
				return err
			}
			content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: list[i].ID, Operations: part, Heads: l.heads()}}
			if err := c.seal(ctx, tx, c.certificate(), id, content); err != nil {
				return err
			}
		}
		if err := errors.Join(c.tellList(ctx, tx, &list[i]), c.tellSaid(ctx, tx, &list[i])); err != nil {
			return err
		}
		keys, err := tx.GroupKeysOf(list[i].ID, c.cfg.now().Add(-chat.MaxGroupKeyAge))
		if err != nil {
			return err
		}
		reader, _ := c.groupReader(tx, c.acc.Fingerprint)
		for _, k := range keys[:min(len(keys), maxToldKeys)] {
			if err := c.sendGroupKey(tx, k, []chat.GroupReader{reader}); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellList gives the other devices of the account a channel's list of subscribers, or
// that it subscribes. (spec/group.md, GROUP-40)
func (c *Client) tellList(ctx context.Context, tx *history.Tx, g *history.Group) error {
	list, err := tx.Subscribers(g.ID)
	if err != nil {
		return err
	}
	if !g.Subscribed.IsZero() {
		list = []chat.Subscriber{{Account: c.acc.Fingerprint, Time: g.Subscribed}}
	}
	for part := range slices.Chunk(list, chat.MaxSubscribers) {
		id, err := c.newID()
		if err != nil {
			return err
		}
		content := &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: g.ID, Subscribers: part}}
		if err := c.seal(ctx, tx, c.certificate(), id, content); err != nil {
			return err
		}
	}
	return nil
}

// tellSaid gives the other devices of the account what was said of the latest messages of a
// channel in words: by this account, if it subscribes, and by its subscribers, if it may write.
// (spec/group.md, GROUP-58)
func (c *Client) tellSaid(ctx context.Context, tx *history.Tx, g *history.Group) error {
	var words []chat.Word
	s, err := c.groupState(tx, g.ID)
	switch {
	case ignoreNotFound(err) != nil:
		return err
	case !g.Subscribed.IsZero():
		words, err = tx.OwnWords(g.Chat(), c.acc.Fingerprint, saidToDevices)
	case err == nil && c.hasList(s):
		words, err = tx.LatestWords(g.Chat(), saidToDevices)
	default:
		return nil
	}
	for part := range slices.Chunk(words, chat.MaxWords) {
		id, failed := c.newID()
		if err = errors.Join(err, failed); err != nil {
			break
		}
		err = c.seal(ctx, tx, c.certificate(), id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: g.ID, Words: part}})
	}
	return err
}

// saidToDevices is about how many messages of a channel a new device is told what was said of
// them, and how many words it is told: of others it learns when counts or a history come.
const saidToDevices = 1024

// maxToldKeys is how many of a group's keys a new device is given: the others it
// asks for.
const maxToldKeys = 4
