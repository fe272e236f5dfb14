package client

import (
	"context"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// maxMeant is how many messages are named of those that a typed id could mean.
const maxMeant = 5

// messageID answers clientrpc.MessageID.
func (c *Client) messageID(ctx context.Context, p clientrpc.MessageIDParams) (out clientrpc.MessageIDResult, err error) {
	doing := i18n.T("doing.finding", p.Typed)
	typed := strings.ToLower(p.Typed)
	if len(typed) < clientrpc.MinIDDigits || len(typed) > 2*len(out.ID) || strings.Trim(typed, "0123456789abcdef") != "" {
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.shortid", p.Typed, clientrpc.MinIDDigits), i18n.T("next.message"), nil)
	}
	var chat omega.ChatID
	if p.Chat != "" {
		if chat, err = c.chatID(doing, p.Chat); err != nil {
			return out, err
		}
	}
	var found []omega.ID
	err = c.db.View(ctx, func(tx *history.Tx) error {
		found, err = tx.Beginning(typed, chat, maxMeant+1)
		return err
	})
	switch {
	case err != nil:
		return out, err
	case len(found) == 0:
		return out, fail(clientrpc.CodeNotFound, doing, i18n.T("why.noid", p.Typed), i18n.T("next.message"), nil)
	case len(found) > 1:
		return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.manyids", p.Typed, someIDs(found)), i18n.T("next.moredigits"), nil)
	}
	out.ID = found[0]
	return out, nil
}

// someIDs writes ids, of which there may be more.
func someIDs(ids []omega.ID) string {
	var names []string
	for _, id := range ids[:min(len(ids), maxMeant)] {
		names = append(names, id.String())
	}
	if len(ids) > maxMeant {
		names = append(names, "…")
	}
	return strings.Join(names, " ")
}

// shortIDs answers clientrpc.ShortIDs.
func (c *Client) shortIDs(ctx context.Context, p clientrpc.ShortIDsParams) (out clientrpc.ShortIDsResult, err error) {
	if len(p.IDs) > clientrpc.PageMax {
		return out, fail(clientrpc.CodeUsage, i18n.T("doing.reading"), i18n.T("why.targets", clientrpc.PageMax), i18n.T("next.fewer"), nil)
	}
	out.Short = make([]string, len(p.IDs))
	err = c.db.View(ctx, func(tx *history.Tx) error {
		for i, id := range p.IDs {
			n, err := tx.Digits(id)
			if err != nil {
				return err
			}
			out.Short[i] = id.String()[:max(n, clientrpc.ShortIDDigits)]
		}
		return nil
	})
	return out, err
}
