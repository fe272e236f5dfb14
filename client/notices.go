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
		history.NoticeHeir, history.NoticeExpired, history.NoticeRollback, history.NoticeFork, history.NoticeConflict, history.NoticeWithheld,
		history.NoticeSucceeded, history.NoticeRevoked, history.NoticeDeleted,
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
