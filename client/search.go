package client

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// foundKinds are the kinds of messages that can be searched for.
var foundKinds = []chat.Kind{chat.KindText, chat.KindMedia, chat.KindPoll, chat.KindList, chat.KindGroupInvite}

func kindNames() string {
	var out []string
	for _, k := range foundKinds {
		out = append(out, string(k))
	}
	return strings.Join(out, " ")
}

// search finds messages, page by page.
func (c *Client) search(ctx context.Context, p clientrpc.SearchParams) (*clientrpc.SearchResult, error) {
	doing := i18n.T("doing.search", p.Text)
	q := history.Query{Text: p.Text, From: p.From, Author: p.Author, Kind: chat.Kind(p.Kind), Since: p.Since, Until: p.Until}
	if p.Kind != "" && !slices.Contains(foundKinds, chat.Kind(p.Kind)) {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.kind", p.Kind), i18n.T("next.kind", kindNames()), nil)
	}
	var err error
	if p.Chat != "" {
		if q.Chat, err = c.chatID(doing, p.Chat); err != nil {
			return nil, err
		}
	}
	if p.Next != "" {
		if q.Before, err = strconv.ParseInt(p.Next, 10, 64); err != nil || q.Before <= 0 {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.next", p.Next), i18n.T("next.next"), nil)
		}
	}
	n := min(p.Count, pageMax)
	if n <= 0 {
		n = 50
	}
	out := &clientrpc.SearchResult{Messages: []clientrpc.FoundMessage{}}
	return out, c.db.View(ctx, func(tx *history.Tx) error {
		found, err := tx.Find(&q, n)
		if err != nil {
			return err
		}
		for i := range found.Rows {
			m, err := c.show(tx, &found.Rows[i])
			if err != nil {
				return err
			}
			out.Messages = append(out.Messages, highlighted(m, p.Text))
		}
		if found.Next != 0 {
			out.Next = strconv.FormatInt(found.Next, 10)
		}
		if p.Total {
			exact := false
			out.Total, exact, err = tx.Count(&q)
			out.AtLeast = !exact
		}
		return err
	})
}

// Sizes of a snippet, in UTF-16 code units.
const (
	snippetMin    = 160 // shorter texts are their own
	snippetBefore = 40  // of what is before the first hit
)

// highlighted adds where the words of a search are.
func highlighted(m clientrpc.Message, query string) clientrpc.FoundMessage {
	out := clientrpc.FoundMessage{Message: m}
	for _, s := range history.Spans(m.Text, query) {
		out.Hits = append(out.Hits, clientrpc.Span{Offset: s.Offset, Length: s.Length})
	}
	units := utf16.Encode([]rune(m.Text))
	if len(out.Hits) == 0 || len(units) <= snippetMin {
		return out
	}
	from := max(out.Hits[0].Offset-snippetBefore, 0)
	to := min(from+snippetMin, len(units))
	out.Snippet = string(utf16.Decode(whole(units, from, to)))
	if from > 0 {
		out.Snippet = "…" + out.Snippet
	}
	if to < len(units) {
		out.Snippet += "…"
	}
	return out
}

// whole is a part of a text without the halves of characters at its ends.
func whole(units []uint16, from, to int) []uint16 {
	const low, high = 0xdc00, 0xd800
	if units[from]&0xfc00 == low {
		from++
	}
	if to > from && units[to-1]&0xfc00 == high {
		to--
	}
	return units[from:to]
}

// days tells on which days somebody wrote in a chat.
func (c *Client) days(ctx context.Context, p clientrpc.DaysParams) (clientrpc.DaysResult, error) {
	out := clientrpc.DaysResult{Days: []clientrpc.Day{}}
	doing := i18n.T("doing.history", p.Chat)
	id, err := c.chatID(doing, p.Chat)
	if err != nil {
		return out, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Days(id, p.Since, p.Until)
		for _, d := range list {
			out.Days = append(out.Days, clientrpc.Day{Date: d.Date.Format("2006-01-02"), Messages: d.Messages, First: d.First})
		}
		return err
	})
	return out, noChat(doing, p.Chat, err)
}
