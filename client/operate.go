package client

import (
	"context"
	"slices"
	"strconv"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// operate submits an operation to the chat of the message that it is about.
func (c *Client) operate(ctx context.Context, row *history.Row, id omega.ID, d clientrpc.Delivery, content *chat.Content) (*clientrpc.SendResult, error) {
	to, err := c.destOfRow(ctx, row)
	if err != nil {
		return nil, err
	}
	if to.peer.IsZero() && (content.Kind == chat.KindReaction || content.Kind == chat.KindVote) {
		if reads, err := c.readsOnly(ctx, to.group); err != nil {
			return nil, err
		} else if reads {
			return c.sayWord(ctx, to.group, row, id, d, content)
		}
	}
	return c.submit(ctx, to, letter{id, row.Chat.String(), content, d.Wait, d.Timeout})
}

// version is that of what this account says next of a message. (spec/chat.md,
// CHAT-26)
func (c *Client) version(ctx context.Context, row *history.Row, kind chat.MarkKind, account omega.Fingerprint) (v uint32, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		v, err = tx.NextVersion(&chat.Mark{Chat: row.Chat, Target: row.Ref, Kind: kind, Account: account})
		return err
	})
	return v, err
}

// forward sends a text on, as it is shown now.
func (c *Client) forward(ctx context.Context, p clientrpc.ForwardParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.forward", p.Message)
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	row, err := c.target(ctx, doing, p.Chat, p.Message)
	if err != nil {
		return nil, err
	}
	if row.Content.Kind != chat.KindText {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.notatext", p.Message), i18n.T("next.othermessage"), nil)
	}
	to, err := c.resolve(ctx, p.To)
	if err != nil {
		return nil, err
	}
	if row.Secure && !to.secure {
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.forwardsecure"), i18n.T("next.forwardsecure"), nil)
	}
	content := &chat.Content{Kind: chat.KindText, Text: row.Now().Text, Entities: row.Now().Entities}
	if content.Forward, err = c.origin(ctx, row, p.HideOrigin); err != nil {
		return nil, err
	}
	return c.submit(ctx, to, letter{p.ID, p.To, content, p.Wait, p.Timeout})
}

// origin is where a text comes from: of one that was sent on before, whoever
// wrote it, as far as that was said.
func (c *Client) origin(ctx context.Context, row *history.Row, hide bool) (*chat.Forward, error) {
	switch {
	case hide:
		return &chat.Forward{}, nil
	case row.Content.Forward != nil:
		return row.Content.Forward, nil
	}
	f := &chat.Forward{Account: row.From, Time: row.Time}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		name, err := c.nameOf(tx, row.From)
		f.Name = chat.SanitizeName(name)
		return err
	})
	return f, err
}

// edit puts another text in the place of one of this account's messages.
func (c *Client) edit(ctx context.Context, p clientrpc.EditParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.edit", p.Message)
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	if err := CheckText(doing, p.Text, int64(len(p.Text))); err != nil {
		return nil, err
	}
	row, err := c.target(ctx, doing, p.Chat, p.Message)
	switch {
	case err != nil:
		return nil, err
	case !row.Own:
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.notyours", p.Message), i18n.T("next.notyours"), nil)
	case row.Content.Kind != chat.KindText:
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.notatext", p.Message), i18n.T("next.othermessage"), nil)
	}
	content, err := textContent(doing, p.Text, p.Entities, p.Markup)
	if err != nil {
		return nil, err
	}
	v, err := c.version(ctx, row, chat.MarkEdit, c.acc.Fingerprint)
	if err != nil {
		return nil, err
	}
	content.Kind, content.Edit = chat.KindEdit, &chat.Edit{Target: row.Ref, Version: v}
	return c.operate(ctx, row, p.ID, p.Delivery, content)
}

// remove deletes messages of one chat, for all or for this account only.
func (c *Client) remove(ctx context.Context, p clientrpc.RemoveParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.remove")
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	if len(p.Messages) == 0 || len(p.Messages) > chat.MaxTargets {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.targets", chat.MaxTargets), i18n.T("next.fewer"), nil)
	}
	if p.ForMe {
		return c.hide(ctx, doing, p)
	}
	content := &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{}}
	var first *history.Row
	for _, id := range p.Messages {
		row, err := c.target(ctx, doing, p.Chat, id)
		switch {
		case err != nil:
			return nil, err
		case !row.Own:
			return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.notyours", id), i18n.T("next.forme"), nil)
		case first == nil:
			first = row
		case first.Chat != row.Chat:
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.onechat"), i18n.T("next.onechat"), nil)
		}
		if !slices.Contains(content.Delete.Targets, row.Ref) {
			content.Delete.Targets = append(content.Delete.Targets, row.Ref)
		}
	}
	return c.operate(ctx, first, p.ID, p.Delivery, content)
}

// hide deletes messages for this account only, on all its devices.
func (c *Client) hide(ctx context.Context, doing i18n.Text, p clientrpc.RemoveParams) (*clientrpc.SendResult, error) {
	out := &clientrpc.SendResult{ID: p.ID, State: clientrpc.StateStored}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		var list []chat.Setting
		for _, id := range p.Messages {
			row, err := c.find(tx, doing, p.Chat, id)
			if err != nil {
				return err
			}
			out.Chat = row.Chat
			list = append(list, chat.Setting{Name: chat.SettingHidden, Subject: append(row.Chat[:], row.Ref[:]...), Value: []byte{1}})
		}
		return c.changeIn(ctx, tx, list)
	})
	c.queued.notify()
	c.changed.notify()
	return out, err
}

// react says all that this account says about a message by emoji.
func (c *Client) react(ctx context.Context, p clientrpc.ReactParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.react", p.Message)
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	for _, e := range p.Emoji {
		if !chat.ValidEmoji(e) {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.emoji", e), i18n.T("next.emoji"), nil)
		}
	}
	if len(p.Emoji) > chat.MaxEmoji {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.manyemoji", chat.MaxEmoji), i18n.T("next.fewer"), nil)
	}
	row, err := c.target(ctx, doing, p.Chat, p.Message)
	if err != nil {
		return nil, err
	}
	v, err := c.version(ctx, row, chat.MarkReaction, c.acc.Fingerprint)
	if err != nil {
		return nil, err
	}
	r := &chat.Reaction{Target: row.Ref, Version: v}
	for _, e := range p.Emoji {
		if !slices.Contains(r.Emoji, e) {
			r.Emoji = append(r.Emoji, e)
		}
	}
	return c.operate(ctx, row, p.ID, p.Delivery, &chat.Content{Kind: chat.KindReaction, Reaction: r})
}

// pin puts a message on top of its chat for all, or takes it down.
func (c *Client) pin(ctx context.Context, p clientrpc.PinParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.pin", p.Message)
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	row, err := c.target(ctx, doing, p.Chat, p.Message)
	if err != nil {
		return nil, err
	}
	if row.Peer.IsZero() {
		d, err := c.destOfRow(ctx, row)
		if err != nil {
			return nil, err
		}
		return c.pinInGroup(ctx, doing, d.group, p)
	}
	v, err := c.version(ctx, row, chat.MarkPin, omega.Fingerprint{})
	if err != nil {
		return nil, err
	}
	content := &chat.Content{Kind: chat.KindPin, Pin: &chat.Pin{Target: row.Ref, Version: v, Pinned: p.Pinned}}
	return c.operate(ctx, row, p.ID, p.Delivery, content)
}

// pinned lists what is on top of a chat.
func (c *Client) pinned(ctx context.Context, p clientrpc.PinnedParams) (clientrpc.MessagesResult, error) {
	doing := i18n.T("doing.history", p.Chat)
	id, err := c.chatID(doing, p.Chat)
	if err != nil {
		return clientrpc.MessagesResult{}, err
	}
	skip, n := 0, pageOf(p.Page)
	if p.Next != "" {
		if skip, err = strconv.Atoi(p.Next); err != nil || skip < 0 {
			return clientrpc.MessagesResult{}, badNext(p.Next)
		}
	}
	more := false
	out, err := c.list(ctx, func(tx *history.Tx) ([]history.Row, error) {
		rows, err := tx.Pinned(id, skip, n+1)
		more = len(rows) > n
		return rows[:min(n, len(rows))], err
	})
	if more {
		out.Next = strconv.Itoa(skip + n)
	}
	return out, err
}

// message returns one message as it is now.
func (c *Client) message(ctx context.Context, p clientrpc.MessageRef) (out clientrpc.Message, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		row, err := c.find(tx, i18n.T("doing.reading"), p.Chat, p.Message)
		if err != nil {
			return err
		}
		out, err = c.show(tx, row)
		return err
	})
	return out, err
}
