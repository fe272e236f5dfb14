package client

import (
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// reactors answers clientrpc.Reactors: who signed it, and of a channel's subscribers those who
// said it, if this account may write there.
func (c *Client) reactors(ctx context.Context, p clientrpc.ReactorsParams) (clientrpc.ReactorsResult, error) {
	out := clientrpc.ReactorsResult{Reactors: []clientrpc.Reactor{}}
	row, err := c.target(ctx, i18n.T("doing.reading"), p.Chat, p.Message)
	if err != nil {
		return out, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		read, err := c.reactionsReading(ctx, tx, row)
		if err != nil {
			return err
		}
		all := slices.Concat(row.Reactions, read)
		if p.Emoji != "" {
			all = slices.DeleteFunc(all, func(r history.Reaction) bool { return !slices.Contains(r.Emoji, p.Emoji) })
		}
		var who []omega.Fingerprint
		for i := range all {
			who = append(who, all[i].Account)
		}
		called, err := c.callings(tx, who)
		for _, r := range all {
			n := called[r.Account]
			out.Reactors = append(out.Reactors, clientrpc.Reactor{
				Account: r.Account, Name: n.name, SelfNamed: n.self, Emoji: r.Emoji, Time: r.Time, Subscriber: r.Time.IsZero(),
			})
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Reactors, out.Rest, err = part(out.Reactors, p.Page, func(r *clientrpc.Reactor) string { return r.Name + "\x00" + r.Account.String() })
	return out, err
}

// reactionsReading are those of a channel's subscribers, without their times: none unless this
// account may write there.
func (c *Client) reactionsReading(ctx context.Context, tx *history.Tx, row *history.Row) ([]history.Reaction, error) {
	s, err := c.countedIn(ctx, tx, row)
	if err != nil || s == nil {
		return nil, err
	}
	who := c.counting(tx, s)
	list, err := tx.Said(chat.Hash(s.Group), row, who.counts)
	return list, errors.Join(err, who.err)
}
