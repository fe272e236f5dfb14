package client

import (
	"context"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// groupRequests lists who wants to join a group, or any.
func (c *Client) groupRequests(ctx context.Context, p clientrpc.GroupListParams) (out clientrpc.GroupRequestsResult, err error) {
	var id chat.Hash
	if p.Group != "" {
		if id, err = c.groupRef(ctx, i18n.T("doing.grouprequests"), p.Group); err != nil {
			return out, err
		}
	}
	out.Requests = []clientrpc.GroupRequest{}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		var list []history.GroupAccount
		if p.Group != "" {
			list, err = tx.GroupRequests(id)
		} else {
			list, err = c.allRequests(tx)
		}
		if err == nil {
			list, out.Rest, err = part(list, p.Page, func(r *history.GroupAccount) string {
				return fmt.Sprintf("%020d %s %s", r.Time.UnixMilli(), r.Account, r.Group)
			})
		}
		var known knownNames
		if err == nil && len(list) > 0 {
			known, err = c.namesKnown(tx)
		}
		for i := range list {
			if err != nil {
				return err
			}
			var r clientrpc.GroupRequest
			r, err = c.showRequest(tx, known, &list[i])
			out.Requests = append(out.Requests, r)
		}
		return err
	})
	return out, err
}

// decides reports whether this account may let people into a group. Where it might once,
// others answer the requests that it was told of, and do not tell it.
func (c *Client) decides(tx *history.Tx, id chat.Hash) (bool, error) {
	s, err := c.groupState(tx, id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return s.May(c.acc.Fingerprint, s.Rules.Invite), nil
}

// requestsToDecide counts the requests that this account can answer.
func (c *Client) requestsToDecide(tx *history.Tx) (map[omega.ChatID]int, error) {
	counts, err := tx.CountGroupRequests()
	out := map[omega.ChatID]int{}
	for id, n := range counts {
		may, err := c.decides(tx, id)
		if err != nil {
			return nil, err
		}
		if may {
			out[omega.ChatID(id[:16])] = n
		}
	}
	return out, err
}

// allRequests are those requests.
func (c *Client) allRequests(tx *history.Tx) ([]history.GroupAccount, error) {
	counts, err := c.requestsToDecide(tx)
	if err != nil {
		return nil, err
	}
	list, err := tx.AllGroupRequests()
	return slices.DeleteFunc(list, func(r history.GroupAccount) bool { return counts[omega.ChatID(r.Group[:16])] == 0 }), err
}

// showRequest says who wants to join which group. What somebody else says of an
// account counts where it said nothing of itself. A name that looks like a contact's is
// warned of, and one of which nothing can be seen is none. (spec/chat.md, CHAT-48, CHAT-86)
func (c *Client) showRequest(tx *history.Tx, known knownNames, r *history.GroupAccount) (out clientrpc.GroupRequest, err error) {
	s, err := c.groupState(tx, r.Group)
	if err != nil {
		return out, err
	}
	n, err := c.calling(tx, r.Account)
	if n.name == "" {
		n.name = names.Shown(r.Called)
		n.self = n.name != ""
	}
	out = clientrpc.GroupRequest{
		Group: r.Group.String(), Title: names.Shown(s.Profile.Name), Account: r.Account, Name: n.name, SelfNamed: n.self, Text: r.Text, Time: r.Time,
	}
	if !n.contact {
		out.Similar = known.like(r.Account, n.name)
	}
	return out, err
}

// approveGroup lets in who asked, or not.
func (c *Client) approveGroup(ctx context.Context, p clientrpc.ApproveGroupParams) (out clientrpc.GroupRequestsResult, err error) {
	doing := i18n.T("doing.grouprequests")
	id, err := c.groupRef(ctx, doing, p.Group)
	if err != nil {
		return out, err
	}
	var waiting []history.GroupAccount
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		waiting, err = tx.GroupRequests(id)
		return err
	})
	if err != nil {
		return out, err
	}
	for _, fp := range p.Accounts {
		if !slices.ContainsFunc(waiting, func(r history.GroupAccount) bool { return r.Account == fp }) {
			return out, fail(clientrpc.CodeNotFound, doing, i18n.T("why.norequest", fp), i18n.T("next.grouprequests"), nil)
		}
	}
	if p.Refuse {
		waiting = slices.DeleteFunc(waiting, func(r history.GroupAccount) bool { return !slices.Contains(p.Accounts, r.Account) })
		err = c.refuse(ctx, id, waiting)
	} else {
		err = c.grant(ctx, doing, id, p.Accounts)
	}
	if err != nil {
		return out, err
	}
	return c.groupRequests(ctx, clientrpc.GroupListParams{GroupRef: p.GroupRef})
}
