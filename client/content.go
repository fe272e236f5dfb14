package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// compose makes the content of a text.
func (c *Client) compose(ctx context.Context, d dest, p clientrpc.SendParams) (*chat.Content, error) {
	doing := i18n.T("doing.send", p.To)
	content, err := textContent(doing, p.Text, p.Entities, p.Markup)
	if err != nil {
		return nil, err
	}
	if d.peer.IsZero() {
		if err := c.mention(ctx, d.group, content); err != nil {
			return nil, err
		}
	}
	if p.Expire < 0 || p.Expire > chat.MaxMessageLife {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.lifetime", chat.MaxMessageLife), i18n.T("next.sooner"), nil)
	}
	content.Lifetime = p.Expire.Round(time.Second)
	if content.Silent = p.Silent; p.Reply == nil {
		return content, nil
	}
	target, err := c.target(ctx, doing, c.chatAt(d).String(), p.Reply.Message)
	if err != nil {
		return nil, err
	}
	content.Reply, err = replyTo(doing, target, p.Reply.Quote)
	return content, err
}

// textContent is a text with its entities: those that the caller gives, or those
// that its marks say, and tags, commands and links that stand in it.
func textContent(doing i18n.Text, text string, given []clientrpc.Entity, markup bool) (*chat.Content, error) {
	content := chat.NewText(text)
	if markup {
		content.Text, content.Entities = chat.ParseMarkup(text)
		if strings.TrimSpace(content.Text) == "" {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.notext"), i18n.T("next.text"), nil)
		}
	}
	for _, e := range given {
		typ, ok := chat.ParseEntityType(e.Type)
		if !ok {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.entity", e.Type), i18n.T("next.entitytypes"), nil)
		}
		content.Entities = append(content.Entities, chat.Entity{
			Type: typ, Offset: e.Offset, Length: e.Length, Account: e.Account, Address: e.Address, Language: e.Language,
		})
	}
	chat.SortEntities(content.Entities)
	if !chat.ValidEntities(content.Text, content.Entities) {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.entities", chat.MaxEntities), i18n.T("next.entities"), nil)
	}
	content.Entities = chat.DetectEntities(content.Text, content.Entities)
	return content, nil
}

// replyTo answers a message; the quote must stand in its text.
func replyTo(doing i18n.Text, target *history.Row, quote string) (*chat.Reply, error) {
	reply := &chat.Reply{Target: target.Ref, Quote: quote}
	if quote == "" {
		return reply, nil
	}
	text := target.Now().Text
	at := strings.Index(text, quote)
	if at < 0 {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.quote", target.ID), i18n.T("next.quoteexact"), nil)
	}
	if len(quote) > chat.MaxQuote {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.longquote", chat.MaxQuote), i18n.T("next.shorten"), nil)
	}
	reply.Offset = uint32(chat.UTF16Len(text[:at]))
	return reply, nil
}

// target finds the message that somebody names, and that something can be said
// about: one that is verified, was sent, and was not taken back.
func (c *Client) target(ctx context.Context, doing i18n.Text, where string, id omega.ID) (row *history.Row, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		row, err = c.find(tx, doing, where, id)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case row.Service:
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.service"), i18n.T("next.othermessage"), nil)
	case row.Import != 0:
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.imported"), i18n.T("next.othermessage"), nil)
	case row.Deleted:
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.takenback", id), i18n.T("next.othermessage"), nil)
	case !row.Verified:
		return nil, fail(clientrpc.CodeVerify, doing, i18n.T("why.unverified", id), i18n.T("next.sendagain"), nil)
	case len(row.Transcript) == 0:
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.unsent", id), i18n.T("next.whensent"), nil)
	}
	return row, nil
}

// find looks a message up by its id, in a chat if one is named.
func (c *Client) find(tx *history.Tx, doing i18n.Text, where string, id omega.ID) (*history.Row, error) {
	if where == "" {
		row, err := tx.Message(id)
		switch {
		case errors.Is(err, history.ErrNotFound):
			return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nomessage", id), i18n.T("next.message"), nil)
		case err != nil:
			return nil, err
		}
		where = row.Chat.String()
	}
	chatID, err := c.chatID(doing, where)
	if err != nil {
		return nil, err
	}
	rows, err := tx.InChat(chatID, id)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nomessage", id), i18n.T("next.message"), nil)
	}
	return &rows[0], nil
}
