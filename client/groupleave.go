package client

import (
	"context"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// leaveTime bounds how long a deletion waits until servers have what tells groups
// of it: nobody can send that afterwards.
const leaveTime = 20 * time.Second

// lastOwner reports whether a group would have no owner without this account, and
// somebody is in it who needs one. (spec/group.md, GROUP-28)
func (c *Client) lastOwner(s *group.State) bool {
	owners := s.Owners()
	return !s.Dissolved && len(s.Members) > 1 && len(owners) == 1 && owners[0] == c.acc.Fingerprint
}

// groupsToLeave lists the groups that this account is in with others, and the names
// of those that would have no owner.
func (c *Client) groupsToLeave(ctx context.Context) (in []chat.Hash, orphans []string, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.KnownGroups()
		for i := range list {
			if err != nil {
				return err
			}
			var s *group.State
			if s, err = c.groupState(tx, list[i].ID); err != nil {
				err = ignoreNotFound(err)
				continue
			}
			if c.lastOwner(s) {
				orphans = append(orphans, s.Profile.Name)
			}
			if !s.Dissolved && len(s.Members) > 1 && s.Role(c.acc.Fingerprint) > group.RoleNone {
				in = append(in, list[i].ID)
			}
		}
		return err
	})
	return in, orphans, err
}

// mayEnd refuses to end an account on which groups hang.
func (c *Client) mayEnd(ctx context.Context, doing i18n.Text) error {
	_, orphans, err := c.groupsToLeave(ctx)
	if err == nil && len(orphans) > 0 {
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.lastowner", strings.Join(orphans, ", ")), i18n.T("next.lastowner"), nil)
	}
	return err
}

// leaveAll leaves all groups, and waits a while until servers have it.
func (c *Client) leaveAll(ctx context.Context, doing i18n.Text) error {
	in, _, err := c.groupsToLeave(ctx)
	if err != nil {
		return err
	}
	told := map[chat.Hash]letter{}
	for _, id := range in {
		l := letter{to: id.String(), wait: clientrpc.StateStored, timeout: leaveTime}
		if _, err := c.cfg.rand().Read(l.id[:]); err != nil {
			return err
		}
		made, err := c.act(ctx, groupAct{doing: doing, group: id, last: true, id: l.id, make: func(s *group.State) (*group.Op, error) {
			if c.lastOwner(s) || s.Role(c.acc.Fingerprint) == group.RoleNone {
				return nil, nil
			}
			return &group.Op{Type: group.TypeLeave}, nil
		}})
		if err != nil {
			return err
		}
		if made != nil {
			told[id] = l
		}
	}
	wait, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	for id, l := range told {
		if _, err := c.await(wait, l, omega.ChatID(id[:16])); err != nil {
			return err
		}
	}
	return nil
}
