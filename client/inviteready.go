package client

import (
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// inviteWait is how long an invitation waits until it can be accepted: the certificates
// of who signed the group's operations are being looked up. After this time it is shown
// all the same, for the group may never be here.
const inviteWait = 5 * time.Second

// readyInvites leaves out invitations that cannot be accepted yet, with what their device
// wrote behind them. again is when one is shown as it is. c.holding is held.
// (spec/group.md, GROUP-17)
func (c *Client) readyInvites(tx *history.Tx, rows []history.Row, now time.Time) (out []history.Row, again time.Time, err error) {
	waits, still := map[lane]bool{}, map[int64]time.Time{}
	for i := range rows {
		r := &rows[i]
		l := lane{r.Chat, r.Peer, r.Device}
		ready := true
		if r.Content.Kind == chat.KindGroupInvite && r.Verified && r.Content.Group != nil {
			if ready, err = c.isInvited(tx, r.Content.Group.ID); err != nil {
				return nil, again, err
			}
		}
		if !ready {
			until := c.unready[r.Position]
			if latest := now.Add(inviteWait); until.IsZero() || until.After(latest) { // or the clock was set back
				until = latest
			}
			still[r.Position] = until
			if ready = !now.Before(until); !ready {
				waits[l], again = true, sooner(again, until)
			}
		}
		if ready && !waits[l] {
			out = append(out, *r)
		}
	}
	c.unready = still
	return out, again, nil
}

// isInvited reports whether this account may accept to be in a group, or is, or was, in it.
func (c *Client) isInvited(tx *history.Tx, id chat.Hash) (bool, error) {
	s, err := c.groupState(tx, id)
	if errors.Is(err, history.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, fp := range s.Invited {
		if fp == c.acc.Fingerprint {
			return true, nil
		}
	}
	if s.Role(c.acc.Fingerprint) > group.RoleNone {
		return true, nil
	}
	_, err = tx.Chat(omega.ChatID(id[:16])) // it was in it
	return err == nil, ignoreNotFound(err)
}
