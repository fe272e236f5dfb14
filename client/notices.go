package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// maxNotices bounds one answer.
const maxNotices = 200

// notices answers clientrpc.Notices.
func (c *Client) notices(ctx context.Context, p clientrpc.NoticesParams) (clientrpc.NoticesResult, error) {
	var deadline <-chan time.Time
	if p.Timeout > 0 {
		deadline = time.After(p.Timeout)
	}
	for {
		changed := c.changed.wait()
		out := clientrpc.NoticesResult{Notices: []clientrpc.Notice{}}
		err := c.db.View(ctx, func(tx *history.Tx) error {
			list, err := tx.Notices(p.After, p.Standing, maxNotices)
			for i := range list {
				if err == nil {
					var n clientrpc.Notice
					n, err = showNotice(tx, &list[i])
					out.Notices = append(out.Notices, n)
				}
			}
			return err
		})
		if err != nil || len(out.Notices) > 0 || p.Timeout <= 0 {
			return out, err
		}
		select {
		case <-changed:
		case <-deadline:
			return out, nil
		case <-ctx.Done():
			return out, context.Cause(ctx)
		}
	}
}

// showNotice turns a stored notice into what faces get.
func showNotice(tx *history.Tx, n *history.Notice) (clientrpc.Notice, error) {
	out := clientrpc.Notice{
		Number: n.Number, Account: n.Account, Kind: n.Kind, Sequence: n.Sequence, Time: n.Time, Settled: n.Settled, Served: n.Served, Other: n.Other,
	}
	if n.Kind == history.NoticeSucceeded {
		next, err := successor(tx, n.Account)
		if err != nil {
			return out, err
		}
		out.Successor = next
	}
	p, err := tx.Peer(n.Account)
	if errors.Is(err, history.ErrNotFound) {
		return out, nil
	}
	if err == nil {
		out.Name = p.Name
	}
	return out, err
}

// standing lists the notices about an account, or about all for zero, that are
// not over.
func standing(tx *history.Tx, account omega.Fingerprint) (out []clientrpc.Notice, err error) {
	list, err := tx.Notices(0, true, maxNotices)
	for i := range list {
		if err != nil {
			break
		}
		if !account.IsZero() && list[i].Account != account {
			continue
		}
		var n clientrpc.Notice
		n, err = showNotice(tx, &list[i])
		out = append(out, n)
	}
	return out, err
}

// worstNotices is the kind of the worst notice that stands, by account.
func worstNotices(tx *history.Tx) (map[omega.Fingerprint]string, error) {
	order := []string{
		history.NoticeOvertaken, history.NoticeCopied, history.NoticeHeir, history.NoticeExpired, history.NoticeRollback, history.NoticeFork, history.NoticeConflict, history.NoticeWithheld,
		history.NoticeDisputed, history.NoticeSucceeded, history.NoticeRevoked, history.NoticeDeleted,
	}
	out := map[omega.Fingerprint]string{}
	list, err := tx.Notices(0, true, maxNotices)
	for i := range list {
		if n := &list[i]; slices.Index(order, n.Kind) > slices.Index(order, out[n.Account]) {
			out[n.Account] = n.Kind
		}
	}
	return out, err
}

// noticesBeside lists the notices of the peer of a chat (noticesIn) that stand between the
// messages of one page, of which there may be n. (spec/chat.md, CHAT-50)
func (c *Client) noticesBeside(ctx context.Context, id omega.ChatID, p clientrpc.HistoryParams, page []clientrpc.Message, n int) (out []clientrpc.Notice, err error) {
	onward := !p.At.IsZero() || !p.After.IsZero()
	if len(page) == 0 && onward {
		return nil, nil
	}
	from, to := time.UnixMilli(0), time.UnixMilli(maxReceived)
	if len(page) >= n || onward {
		from = noted(&page[0])
	}
	if onward && len(page) >= n {
		to = noted(&page[len(page)-1])
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		ch, err := tx.Chat(id)
		if err != nil || !c.isDirect(ch) {
			return err
		}
		if !p.Before.IsZero() {
			rows, err := tx.InChat(id, p.Before)
			if err != nil || len(rows) == 0 {
				return err
			}
			to = rows[0].Time
			if !rows[0].Received.IsZero() {
				to = rows[0].Received
			}
		}
		list, err := noticesIn(tx, ch.Peer, from, to)
		for i := range list {
			if err != nil {
				return err
			}
			var shown clientrpc.Notice
			shown, err = showNotice(tx, &list[i])
			out = append(out, shown)
		}
		return err
	})
	return out, err
}

// noticesIn lists what came up about an account in a time, and which accounts went on
// as it: that stands in the chats with both. (spec/chat.md, CHAT-52)
func noticesIn(tx *history.Tx, account omega.Fingerprint, from, to time.Time) ([]history.Notice, error) {
	out, err := tx.NoticesOf(account, from, to, maxNotices)
	if err != nil {
		return nil, err
	}
	before, err := tx.SuccessionsTo(account)
	for i := range before {
		if err != nil {
			return nil, err
		}
		var list []history.Notice
		list, err = tx.NoticesOf(before[i].Old, from, to, maxNotices)
		out = append(out, slices.DeleteFunc(list, func(n history.Notice) bool { return n.Kind != history.NoticeSucceeded })...)
	}
	slices.SortStableFunc(out, func(a, b history.Notice) int { return a.Time.Compare(b.Time) })
	return out[:min(len(out), maxNotices)], err
}

// noted is when a message came, as far as that is known.
func noted(m *clientrpc.Message) time.Time {
	if m.Received.IsZero() {
		return m.Time
	}
	return m.Received
}
