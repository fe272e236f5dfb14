package client

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/history"
)

// Which group keys make tokens. (spec/delivery.md, DELIV-47)
const (
	groupTokenAge  = 14 * 24 * time.Hour // of the key whose token is used: members who were away for less know it
	groupTokenKept = 30 * 24 * time.Hour // younger keys, and the next older one, are let in
	maxGroupTokens = 16                  // of one group

	guestsKept  = 30 * 24 * time.Hour // who was invited is let in (spec/group.md, GROUP-41)
	passingKept = 24 * time.Hour      // what was told on the way into a group goes before the token of the group
)

// tokenOf is the token by which an account writes to this one; zero if it is none that
// this account knows, or there is no secret yet.
func (c *Client) tokenOf(tx *history.Tx, fp omega.Fingerprint) (omega.Token, error) {
	a, err := tx.Admission(fp)
	switch {
	case err != nil, len(a.Secret) == 0:
		return omega.Token{}, err
	case fp == c.acc.Fingerprint:
		return chat.ContactToken(a.Secret, 0, fp), nil
	case !a.Knows:
		return omega.Token{}, nil
	}
	return chat.ContactToken(a.Secret, a.Round, fp), nil
}

// tellToken gives an account that became a contact the token that lets it in. Who
// cannot be written to now is told with the next message.
func (c *Client) tellToken(ctx context.Context, tx *history.Tx, to omega.Fingerprint) error {
	t, err := c.tokenOf(tx, to)
	if err != nil || t.IsZero() {
		return err
	}
	peer, err := tx.Peer(to)
	if err != nil {
		return ignoreNotFound(err)
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		return nil
	}
	return unlessMute(c.tellKeys(ctx, tx, cert, &chat.Content{Kind: chat.KindToken, Token: t}))
}

// takeToken keeps the token that a verified message of a direct chat tells, or notes what
// another device of this account told.
func (t *taken) takeToken(tx *history.Tx, m *chat.Message) error {
	c := t.c
	switch {
	case !m.Verified || m.Content.Token.IsZero() || m.Peer.IsZero() || m.Chat != omega.DirectChat(c.acc.Fingerprint, m.Peer):
		return nil
	case m.From == c.acc.Fingerprint:
		return tx.PutToldToken(m.Peer, m.Content.Token)
	}
	return tx.PutToken(m.From, history.Told{Token: m.Content.Token, Time: m.Time, Passing: ofGroups(m.Content.Kind)})
}

// ofGroups reports whether a kind is of messages by which somebody comes into a group.
func ofGroups(k chat.Kind) bool {
	return k == chat.KindGroup || k == chat.KindGroupInvite || k == chat.KindGroupJoin
}

// eachGroup calls fn for the groups that this account is in, with those of their keys
// that a member made, the latest first.
func (c *Client) eachGroup(tx *history.Tx, fn func(s *group.State, keys []*chat.GroupKey)) error {
	list, err := tx.KnownGroups()
	if err != nil {
		return err
	}
	for i := range list {
		s, err := c.groupState(tx, list[i].ID)
		if errors.Is(err, history.ErrNotFound) {
			continue // only a link to it is known
		}
		if err != nil {
			return err
		}
		if s.Dissolved || s.Role(c.acc.Fingerprint) == group.RoleNone && list[i].Subscribed.IsZero() {
			continue
		}
		keys, err := tx.GroupKeysOf(list[i].ID, time.Time{})
		if err != nil {
			return err
		}
		fn(s, slices.DeleteFunc(keys, func(k *chat.GroupKey) bool {
			return k.Problem != chat.ProblemNone || s.Role(k.From) == group.RoleNone
		}))
	}
	return nil
}

// usedKey is the key whose tokens this device uses: the latest of a certain age, or
// the oldest; nil if there is none.
func usedKey(keys []*chat.GroupKey, now time.Time) *chat.GroupKey {
	for _, k := range keys {
		if now.Sub(k.Time) >= groupTokenAge {
			return k
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return keys[len(keys)-1]
}

// keptKeys are the keys whose tokens are let in.
func keptKeys(keys []*chat.GroupKey, now time.Time) []*chat.GroupKey {
	n := 0
	for n < len(keys) && now.Sub(keys[n].Time) < groupTokenKept {
		n++
	}
	keys = keys[:min(n+1, len(keys))]
	return keys[max(0, len(keys)-maxGroupTokens):]
}

// admitted are the tokens that this account lets in, in order; ok is false while it has
// no secret: then homes are told nothing.
func (c *Client) admitted(tx *history.Tx) (out []omega.Token, ok bool, err error) {
	own, err := c.tokenOf(tx, c.acc.Fingerprint)
	if err != nil || own.IsZero() {
		return nil, false, err
	}
	out = append(out, own)
	people, err := tx.Relations()
	if err != nil {
		return nil, false, err
	}
	let, err := tx.Hosts()
	if err != nil {
		return nil, false, err
	}
	for i := range people {
		let = append(let, people[i].Account)
	}
	for _, fp := range let {
		t, err := c.tokenOf(tx, fp)
		if err != nil {
			return nil, false, err
		}
		if !t.IsZero() {
			out = append(out, t)
		}
	}
	now := c.cfg.now()
	err = c.eachGroup(tx, func(_ *group.State, keys []*chat.GroupKey) {
		for _, k := range keptKeys(keys, now) {
			out = append(out, k.Token(c.acc.Fingerprint))
		}
	})
	if err != nil {
		return nil, false, err
	}
	guests, err := tx.Guests() // last: they make way for all others
	if err != nil {
		return nil, false, err
	}
	for _, fp := range guests {
		t, err := c.tokenOf(tx, fp)
		if err != nil {
			return nil, false, err
		}
		if !t.IsZero() {
			out = append(out, t)
		}
	}
	out = out[:min(len(out), omega.MaxTokens)]
	slices.SortFunc(out, func(a, b omega.Token) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out), true, nil
}
