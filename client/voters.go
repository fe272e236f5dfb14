package client

import (
	"context"
	"slices"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// voters answers clientrpc.Voters.
func (c *Client) voters(ctx context.Context, p clientrpc.VotersParams) (clientrpc.VotersResult, error) {
	doing, out := i18n.T("doing.poll"), clientrpc.VotersResult{Voters: []clientrpc.Voter{}}
	row, err := c.target(ctx, doing, p.Chat, p.Message)
	if err != nil {
		return out, err
	}
	n := len(row.Content.Options())
	switch {
	case row.Content.Kind != chat.KindPoll:
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.nopoll", p.Message), i18n.T("next.othermessage"), nil)
	case p.Option < 0 || p.Option >= n:
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.option", n), i18n.T("next.vote"), nil)
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		answers, _, err := tx.Answers(row)
		for i := range answers {
			if err != nil {
				return err
			}
			a := &answers[i]
			if !slices.Contains(a.Options, uint32(p.Option)) {
				continue
			}
			var n calling
			n, err = c.calling(tx, a.Account)
			v := clientrpc.Voter{Account: a.Account, Name: n.name, SelfNamed: n.self, Time: a.Time}
			out.Voters = append(out.Voters, v)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Voters, out.Rest, err = part(out.Voters, p.Page, func(v *clientrpc.Voter) string { return v.Name + "\x00" + v.Account.String() })
	return out, err
}
