package client

import (
	"context"
	"errors"
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
		if err != nil {
			return err
		}
		readers, err := c.votersReading(ctx, tx, row, uint32(p.Option))
		out.Voters = append(out.Voters, readers...)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Voters, out.Rest, err = part(out.Voters, p.Page, func(v *clientrpc.Voter) string { return v.Name + "\x00" + v.Account.String() })
	return out, err
}

// votersReading are the subscribers of a channel who chose an answer: none unless this
// account may write there. When they did is not said.
func (c *Client) votersReading(ctx context.Context, tx *history.Tx, row *history.Row, option uint32) (out []clientrpc.Voter, err error) {
	s, err := c.countedIn(ctx, tx, row)
	if err != nil || s == nil {
		return nil, err
	}
	who := c.counting(tx, s)
	list, err := tx.Voted(chat.Hash(s.Group), row, option, who.counts)
	if err = errors.Join(err, who.err); err != nil {
		return nil, err
	}
	called, err := c.callings(tx, list)
	for _, fp := range list {
		out = append(out, clientrpc.Voter{Account: fp, Name: called[fp].name, SelfNamed: called[fp].self, Subscriber: true})
	}
	return out, err
}
