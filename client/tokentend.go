package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Times of the worker that tells homes whom this account lets in.
const (
	tokensLook  = time.Hour        // at a home, though nothing changed here: it may have lost the list
	tokensAgain = 10 * time.Minute // for a home that could not answer

	tokensTurn   = 10 * time.Minute // for each device that was added before this one (DELIV-50)
	tokensAtOnce = 32               // contacts that are told in one go
	tokensPause  = 10 * time.Second // before the next ones
)

// tendTokens tells every home whom this account lets in, and contacts by which tokens,
// until ctx ends.
func (c *Client) tendTokens(ctx context.Context) {
	w := tokenWorker{c: c, homes: map[omega.Fingerprint]toldHome{}, tried: map[omega.Fingerprint]omega.Token{}, without: map[omega.Fingerprint]time.Time{}}
	for ctx.Err() == nil {
		s, err := c.waitOnline(ctx)
		if err != nil {
			<-ctx.Done() // or the account is deleted
			return
		}
		if !c.waitCaughtUp(ctx) {
			continue // with the next session, or ctx has ended
		}
		letting, moved, told := c.letting.wait(), c.moving.wait(), c.unheard.Load()
		next := w.tell(ctx, s)
		if w.heard {
			c.unheard.Add(-told)
		}
		select {
		case <-letting: // it is not the newest list
		default:
			if c.listless.Swap(false) {
				c.changed.notify()
			}
		}
		timer := time.NewTimer(next)
		select {
		case <-letting:
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// A tokenWorker is the state of the goroutine that tells of tokens.
type tokenWorker struct {
	c       *Client
	homes   map[omega.Fingerprint]toldHome
	tried   map[omega.Fingerprint]omega.Token // what contacts were told in this run, or would be if they could be written to
	lacking time.Time                         // since when there is no secret; zero: there is one
	without map[omega.Fingerprint]time.Time   // contacts whose certificate could not be had: when it is looked for again
	heard   bool                              // a home has the list that was made last, or another device tells of it
	behind  time.Time                         // from when on contacts have to be told; zero: none have
}

// tell tells what is to be told now, and returns how long to wait before the next time.
func (w *tokenWorker) tell(ctx context.Context, s *session) time.Duration {
	c := w.c
	w.heard = false
	list, ok, err := c.admittedNow(ctx, w.isTurn(w.lacking))
	if err != nil {
		if ctx.Err() == nil {
			c.cfg.log().Error("delivery tokens not made", "err", err)
		}
		return tokensAgain
	}
	if !ok {
		w.heard = true // another device tells them
		if w.lacking.IsZero() {
			w.lacking = c.cfg.now()
		}
		return w.untilTurn(w.lacking)
	}
	w.lacking = time.Time{}
	next := c.cfg.now().Add(tokensLook)
	homes := c.ownHomes()
	w.heard = len(homes) == 0
	for _, home := range homes {
		next = earlier(next, c.tellHome(ctx, s, home, list, w.homes))
		if _, has := c.apart.Load(home); has {
			w.heard = true
		}
	}
	return min(next.Sub(c.cfg.now()), w.tellContacts(ctx))
}

// turn is how many active devices of the account were added before this one.
func (c *Client) turn() (n int) {
	active := c.certificate().Active(c.cfg.now())
	i := slices.IndexFunc(active, func(d pgp.Device) bool { return d.Signing.Fingerprint() == c.acc.Device })
	if i < 0 {
		return omega.MaxDevices
	}
	for _, d := range active {
		if cmp.Or(d.Added.Compare(active[i].Added), d.Signing.Fingerprint().Compare(c.acc.Device)) < 0 {
			n++
		}
	}
	return n
}

// untilTurn is how long this device leaves what one device has to do, since a time, to
// those that were added before it. (spec/delivery.md, DELIV-50)
func (w *tokenWorker) untilTurn(since time.Time) time.Duration {
	return since.Add(time.Duration(w.c.turn()) * tokensTurn).Sub(w.c.cfg.now())
}

// isTurn reports whether it is for this device to do it; since is zero before there was
// anything to do.
func (w *tokenWorker) isTurn(since time.Time) bool {
	if since.IsZero() {
		return w.c.turn() == 0
	}
	return w.untilTurn(since) <= 0
}

// tellContacts tells some of the contacts that have not been told by which token they are
// let in, and returns how long to wait before the next ones. (spec/delivery.md, DELIV-51)
func (w *tokenWorker) tellContacts(ctx context.Context) time.Duration {
	c := w.c
	var list []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = c.untold(tx, w.tried)
		return err
	})
	missing := len(list)
	list = slices.DeleteFunc(list, func(fp omega.Fingerprint) bool { return c.cfg.now().Before(w.without[fp]) })
	switch {
	case err == nil && len(list) == 0:
		w.behind = time.Time{}
		if missing > 0 {
			return tokensAgain
		}
		return tokensLook
	case err == nil && w.behind.IsZero():
		w.behind = c.cfg.now().Add(tokensPause) // who made it a contact may just be telling it
	}
	if err == nil && w.isTurn(w.behind) {
		err = w.tellSome(ctx, list[:min(len(list), tokensAtOnce)])
	}
	if err != nil {
		if ctx.Err() == nil {
			c.cfg.log().Error("contacts not told their tokens", "err", err)
		}
		return tokensAgain
	}
	return max(w.untilTurn(w.behind), tokensPause)
}

// tellSome tells contacts their tokens. Those that cannot be written to are told with the
// next message.
func (w *tokenWorker) tellSome(ctx context.Context, list []omega.Fingerprint) error {
	c := w.c
	reached := slices.Clone(list)
	for _, fp := range list { // another device may have made it a contact
		delete(w.without, fp)
		stored, err := c.storedPeer(ctx, fp)
		if err == nil && stored == nil {
			_, _, err = c.peer(ctx, fp, peerAge)
		}
		if err != nil && !isCode(err, omega.CodeNotFound) && !errors.Is(err, errPeerDeleted) {
			w.without[fp] = c.cfg.now().Add(tokensAgain) // nothing was told, and what failed may not fail again
			reached = slices.DeleteFunc(reached, func(o omega.Fingerprint) bool { return o == fp })
		}
	}
	defer c.queued.notify()
	return c.db.Update(ctx, func(tx *history.Tx) error {
		told, err := tx.ToldTokens()
		if err != nil {
			return err
		}
		for _, fp := range reached {
			t, err := c.tokenOf(tx, fp)
			if err != nil {
				return err
			}
			w.tried[fp] = t
			if !t.IsZero() && told[fp] == t {
				continue // a message told it meanwhile
			}
			if err := c.tellToken(ctx, tx, fp); err != nil {
				return err
			}
		}
		return nil
	})
}

// untold are contacts that were not told the token by which they are let in, but for those
// where that was tried.
func (c *Client) untold(tx *history.Tx, tried map[omega.Fingerprint]omega.Token) (out []omega.Fingerprint, err error) {
	people, err := tx.Relations()
	if err != nil {
		return nil, err
	}
	told, err := tx.ToldTokens()
	if err != nil {
		return nil, err
	}
	for i := range people {
		fp := people[i].Account
		t, err := c.tokenOf(tx, fp)
		if err != nil {
			return nil, err
		}
		if !t.IsZero() && told[fp] != t && tried[fp] != t && fp != c.acc.Fingerprint {
			out = append(out, fp)
		}
	}
	return out, nil
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

// admittedNow is admitted, after the secret was made if that is this device's to do now.
// It waits for whoever writes to the database, who may be about to change whom this
// account lets in.
func (c *Client) admittedNow(ctx context.Context, mine bool) (list []omega.Token, ok bool, err error) {
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if list, ok, err = c.admitted(tx); err != nil || ok || !mine {
			return err
		}
		if err := c.makeSecret(ctx, tx); err != nil {
			return err
		}
		list, ok, err = c.admitted(tx)
		return err
	})
	c.queued.notify()
	return list, ok, err
}

// makeSecret makes what tokens are made from, and has the other devices told. Of two that
// are made at once the setting that wins counts (CHAT-27), and contacts are told again.
func (c *Client) makeSecret(ctx context.Context, tx *history.Tx) error {
	secret := make([]byte, chat.DeliverySecretSize)
	if _, err := c.cfg.rand().Read(secret); err != nil {
		return err
	}
	return c.changeIn(ctx, tx, []chat.Setting{{Name: chat.SettingDelivery, Value: secret}})
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

// A toldHome is what a home has, as far as this run knows.
type toldHome struct {
	hash [16]byte
	look time.Time // it is asked again then
}

// tellHome sees to it that a home has the list, and returns when it is asked again.
func (c *Client) tellHome(ctx context.Context, s *session, home omega.Fingerprint, list []omega.Token, told map[omega.Fingerprint]toldHome) time.Time {
	hash, at := wire.HashTokens(list), c.cfg.now()
	if t := told[home]; t.hash == hash && at.Before(t.look) {
		return t.look
	}
	now := toldHome{hash, at.Add(tokensLook)}
	if err := c.putTokens(ctx, s, home, list, hash); err != nil && ctx.Err() == nil {
		c.cfg.log().Info("delivery tokens not told yet", "home", home, "err", err)
		now.look = at.Add(tokensAgain)
		if errors.Is(err, errSessionEnded) {
			now.look = at
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
	if isCode(err, omega.CodeRefused) { // no lease is there (DELIV-49)
		stands, err = wire.TokenState{}, nil
	}
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
