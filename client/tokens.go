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
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Which group keys make tokens. (spec/delivery.md, DELIV-47)
const (
	groupTokenAge  = 14 * 24 * time.Hour // of the key whose token is used: members who were away for less know it
	groupTokenKept = 30 * 24 * time.Hour // younger keys, and the next older one, are let in
	maxGroupTokens = 16                  // of one group

	fellowsAge   = time.Minute // of what is known of who is in which group
	fellowsAgain = time.Second // before somebody is looked for again who was in none
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

// takeToken keeps the token that a verified message of a direct chat tells.
func (t *taken) takeToken(tx *history.Tx, m *chat.Message) error {
	c := t.c
	if !m.Verified || m.Content.Token.IsZero() || m.From == c.acc.Fingerprint || m.Chat != omega.DirectChat(c.acc.Fingerprint, m.From) {
		return nil
	}
	if err := tx.PutToken(m.From, m.Content.Token, m.Time); err != nil {
		return err
	}
	now, err := tx.Token(m.From)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens != nil && err == nil {
		c.tokens[m.From] = now
	}
	return err
}

// tokensFor are the tokens by which this account writes to others: what they told it,
// or that of a group that both are in; nil if it has none at all.
func (c *Client) tokensFor(tx *history.Tx, to []omega.Fingerprint) (out []omega.Token, err error) {
	c.mu.Lock()
	loaded := c.tokens != nil
	c.mu.Unlock()
	if !loaded {
		all, err := tx.Tokens()
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		if c.tokens == nil {
			c.tokens = all
		}
		c.mu.Unlock()
	}
	for i, fp := range to {
		var t omega.Token
		if fp == c.acc.Fingerprint {
			if t, err = c.tokenOf(tx, fp); err != nil {
				return nil, err
			}
		} else {
			c.mu.Lock()
			t = c.tokens[fp]
			c.mu.Unlock()
		}
		if t.IsZero() {
			if t, err = c.fellowToken(tx, fp); err != nil {
				return nil, err
			}
		}
		if !t.IsZero() && out == nil {
			out = make([]omega.Token, len(to))
		}
		if out != nil {
			out[i] = t
		}
	}
	return out, nil
}

// fellowToken is the token of an account that is in a group with this one; zero if
// it is in none.
func (c *Client) fellowToken(tx *history.Tx, fp omega.Fingerprint) (omega.Token, error) {
	now := c.cfg.now()
	c.mu.Lock()
	k, age, fresh := c.fellows[fp], fellowsAgain, c.fellows != nil
	if k != nil {
		age = fellowsAge
	}
	fresh = fresh && young(now, c.fellowsAt, age)
	c.mu.Unlock()
	if !fresh {
		all, err := c.fellowsNow(tx, now)
		if err != nil {
			return omega.Token{}, err
		}
		c.mu.Lock()
		c.fellows, c.fellowsAt = all, now
		k = all[fp]
		c.mu.Unlock()
	}
	if k == nil {
		return omega.Token{}, nil
	}
	return k.Token(fp), nil
}

// fellowsNow has the members of this account's groups, with the key whose token they
// most likely let in.
func (c *Client) fellowsNow(tx *history.Tx, now time.Time) (map[omega.Fingerprint]*chat.GroupKey, error) {
	out := map[omega.Fingerprint]*chat.GroupKey{}
	err := c.eachGroup(tx, func(s *group.State, keys []*chat.GroupKey) {
		k := usedKey(keys, now)
		for _, m := range s.Members {
			if old := out[m.Account]; k != nil && (old == nil || k.Time.Before(old.Time)) {
				out[m.Account] = k
			}
		}
	})
	return out, err
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
		if s.Dissolved || s.Role(c.acc.Fingerprint) == group.RoleNone {
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
	for i := range people {
		t, err := c.tokenOf(tx, people[i].Account)
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
	out = out[:min(len(out), omega.MaxTokens)]
	slices.SortFunc(out, func(a, b omega.Token) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out), true, nil
}

// Times of the worker that tells homes whom this account lets in.
const (
	tokensLook  = time.Hour        // at a home, though nothing changed here: it may have lost the list
	tokensAgain = 10 * time.Minute // for a home that could not answer
)

// tendTokens tells every home whom this account lets in, until ctx ends.
func (c *Client) tendTokens(ctx context.Context) {
	told := map[omega.Fingerprint]toldHome{}
	for ctx.Err() == nil {
		s, err := c.waitOnline(ctx)
		if err != nil {
			<-ctx.Done() // or the account is deleted
			return
		}
		if !c.waitCaughtUp(ctx) {
			continue // with the next session, or ctx has ended
		}
		letting, moved := c.letting.wait(), c.moving.wait()
		list, ok, err := c.admittedNow(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("delivery tokens not made", "err", err)
		}
		next := time.Now().Add(tokensLook)
		for _, home := range c.ownHomes() {
			if !ok || err != nil {
				break
			}
			next = earlier(next, c.tellHome(ctx, s, home, list, told))
		}
		select {
		case <-letting: // it is not the newest list
		default:
			if c.listless.Swap(false) {
				c.changed.notify()
			}
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-letting:
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// waitCaughtUp waits until all that waited at the homes is here, settings of other
// devices above all; false: ctx or the session ended before.
func (c *Client) waitCaughtUp(ctx context.Context) bool {
	for {
		changed := c.changed.wait()
		if _, err := c.online(); err != nil {
			return false
		}
		left, attached := c.caughtUp()
		if attached && left <= 0 {
			return true
		}
		var settled <-chan time.Time
		if attached {
			settled = time.After(max(left, time.Millisecond))
		}
		select {
		case <-changed:
		case <-settled:
		case <-ctx.Done():
			return false
		}
	}
}

// admittedNow is admitted, after the secret was made if that is this device's to do:
// one device does it, so that no two secrets are made. It waits for whoever writes to
// the database, who may be about to change whom this account lets in.
func (c *Client) admittedNow(ctx context.Context) (list []omega.Token, ok bool, err error) {
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if list, ok, err = c.admitted(tx); err != nil || ok || !c.isFirst() {
			return err
		}
		secret := make([]byte, chat.DeliverySecretSize)
		if _, err := c.cfg.rand().Read(secret); err != nil {
			return err
		}
		if err := c.changeIn(ctx, tx, []chat.Setting{{Name: chat.SettingDelivery, Value: secret}}); err != nil {
			return err
		}
		list, ok, err = c.admitted(tx)
		return err
	})
	c.queued.notify()
	return list, ok, err
}

// noteListless notes whether homes were never told whom this account lets in: that is
// worth a moment even of a command that is over.
func (c *Client) noteListless(ctx context.Context) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		a, err := tx.Admission(c.acc.Fingerprint)
		c.listless.Store(len(a.Secret) == 0)
		return err
	})
}

// isFirst reports whether no active device of the account was there before this one.
func (c *Client) isFirst() bool {
	active := c.certificate().Active(c.cfg.now())
	for i := range active {
		if active[i].Signing.Fingerprint() == c.acc.Device {
			return !slices.ContainsFunc(active, func(d pgp.Device) bool { return d.Added.Before(active[i].Added) })
		}
	}
	return false
}

// A toldHome is what a home has, as far as this run knows.
type toldHome struct {
	hash [16]byte
	look time.Time // it is asked again then
}

// tellHome sees to it that a home has the list, and returns when it is asked again.
func (c *Client) tellHome(ctx context.Context, s *session, home omega.Fingerprint, list []omega.Token, told map[omega.Fingerprint]toldHome) time.Time {
	hash := wire.HashTokens(list)
	if t := told[home]; t.hash == hash && time.Now().Before(t.look) {
		return t.look
	}
	now := toldHome{hash, time.Now().Add(tokensLook)}
	if err := c.putTokens(ctx, s, home, list, hash); err != nil && ctx.Err() == nil {
		c.cfg.log().Info("delivery tokens not told yet", "home", home, "err", err)
		now.look = time.Now().Add(tokensAgain)
		if errors.Is(err, errSessionEnded) {
			now.look = time.Now()
		}
		c.apart.Delete(home)
	} else if err == nil {
		c.apart.Store(home, true)
	}
	told[home] = now
	return now.look
}

// putTokens asks a home what it has, and puts the list there if it is another one.
func (c *Client) putTokens(ctx context.Context, s *session, home omega.Fingerprint, list []omega.Token, hash [16]byte) error {
	stands, err := c.askTokens(ctx, s, wire.TypeTokenLook, wire.AppendTokenLook(nil, wire.TokenLook{Home: home, User: c.acc.Fingerprint, Device: c.acc.Device}))
	if err != nil || stands.Hash == hash {
		return err
	}
	at := c.signingTime()
	w := &wire.TokenList{Home: home, User: c.acc.Fingerprint, Device: c.acc.Device, Made: at.UTC().Truncate(time.Millisecond), Tokens: list}
	if !w.Made.After(stands.Made) {
		w.Made = stands.Made.Add(time.Millisecond) // another device's clock is ahead
	}
	sig, err := pgp.SignCompact(ctx, c.identity().Signer, w.Signed(), at)
	if err != nil {
		return err
	}
	w.Sig = wire.Signature{Time: at.Unix(), Bytes: sig}
	if stands, err = c.askTokens(ctx, s, wire.TypeTokenPut, w.Bytes()); err == nil && stands.Hash != hash {
		err = omega.Errorf(omega.CodeSuperseded, "the home has a list of %s", stands.Made.Format(time.RFC3339))
	}
	return err
}

func (c *Client) askTokens(ctx context.Context, s *session, t wire.Type, body []byte) (wire.TokenState, error) {
	f, err := s.askPatiently(ctx, t, body)
	if err != nil {
		return wire.TokenState{}, err
	}
	if f.Type != wire.TypeTokenState {
		return wire.TokenState{}, wire.ErrMalformed
	}
	return wire.DecodeTokenState(f.Body)
}
