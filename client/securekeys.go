package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// errNoSecureKey says that no device of the other account has a key that an epoch may be
// wrapped for.
var errNoSecureKey = errors.New("no device of the account has a prekey")

// readersFor finds a key for each device that an epoch is to be opened for: one in
// keys, where those are that were told in the chat, else one from its account's homes,
// else, if the user agreed, its encryption subkey. Devices without are left out, and
// lacking is true then. (spec/secure.md, SEC-9 and SEC-13)
func (c *Client) readersFor(ctx context.Context, b *secureBook, keys map[omega.Fingerprint]*secure.Prekey, devices []secureDevice, now time.Time) (out []secure.Reader, lacking bool, err error) {
	if keys[c.acc.Device], err = c.spentPrekey(ctx, now); err != nil {
		return nil, false, err
	}
	ask := slices.DeleteFunc(slices.Clone(devices), func(d secureDevice) bool { return keys[d.fp()] != nil })
	if err := c.takePrekeys(ctx, b.room, ask, keys, now); err != nil {
		return nil, false, err
	}
	theirs := b.room.ofGroup() && !slices.ContainsFunc(devices, func(d secureDevice) bool { return d.account != c.acc.Fingerprint })
	for _, d := range devices {
		r := secure.Reader{Account: d.account, Signing: d.fp(), Prekey: keys[d.fp()]}
		if r.Prekey == nil && b.chat.Classic {
			r.Classic = d.Encryption
		}
		if r.Prekey == nil && r.Classic == nil {
			lacking = true
			continue
		}
		theirs = theirs || b.others(d.account)
		out = append(out, r)
	}
	if !theirs {
		return nil, lacking, errNoSecureKey
	}
	return out, lacking, nil
}

// spentPrekey is one for this device in an epoch that it opens: it has the epoch, so
// nobody has the secret.
func (c *Client) spentPrekey(ctx context.Context, now time.Time) (*secure.Prekey, error) {
	secret, err := pgp.GeneratePrekey(c.cfg.rand(), now)
	if err != nil {
		return nil, err
	}
	return secure.SignPrekey(ctx, c.identity().Signer, c.acc.Fingerprint, secret.Public(), secure.UseChat, now, now.Add(time.Hour))
}

// nextPrekey makes the prekey that this device tells in a chat.
func (c *Client) nextPrekey(ctx context.Context, tx *history.Tx, id omega.ChatID, now time.Time) (*secure.Prekey, error) {
	secret, err := pgp.GeneratePrekey(c.cfg.rand(), now)
	if err != nil {
		return nil, err
	}
	if err := tx.AddPrekeys([]history.Prekey{{Secret: secret, Use: secure.UseChat, Chat: id, Made: now}}); err != nil {
		return nil, err
	}
	return secure.SignPrekey(ctx, c.identity().Signer, c.acc.Fingerprint, secret.Public(), secure.UseChat, now, now.Add(prekeyAge))
}

// takePrekeys asks the homes of the devices' accounts, of one account after another, until
// each device has a key; some accounts at once. The error is that no home of an account
// answered. In a group that is no error: the others need not wait for one.
func (c *Client) takePrekeys(ctx context.Context, r room, devices []secureDevice, keys map[omega.Fingerprint]*secure.Prekey, now time.Time) error {
	byAccount := map[omega.Fingerprint][]secureDevice{}
	for _, d := range devices {
		byAccount[d.account] = append(byAccount[d.account], d)
	}
	turns := make(chan struct{}, lookupsOnce)
	var mu sync.Mutex // guards keys and errs
	var errs []error
	for account, list := range byAccount {
		turns <- struct{}{}
		go func() {
			defer func() { <-turns }()
			found, err := c.takeFrom(ctx, account, list, now)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(keys, found)
			errs = append(errs, err)
		}()
	}
	for range lookupsOnce {
		turns <- struct{}{} // all have ended
	}
	err := errors.Join(errs...)
	if r.ofGroup() && errors.Is(err, errNoPrekeys) && ctx.Err() == nil {
		return nil
	}
	return err
}

func (c *Client) takeFrom(ctx context.Context, account omega.Fingerprint, devices []secureDevice, now time.Time) (keys map[omega.Fingerprint]*secure.Prekey, err error) {
	keys = map[omega.Fingerprint]*secure.Prekey{}
	s, err := c.online()
	if err != nil {
		return keys, err
	}
	homes, err := c.homesOf(ctx, account)
	if err != nil {
		return keys, err
	}
	missing := func() (n int) {
		for _, d := range devices {
			if keys[d.fp()] == nil {
				n++
			}
		}
		return n
	}
	answered := false
	failed := errors.New("no home of it is known")
	for _, home := range homes {
		if missing() == 0 {
			return keys, nil
		}
		list, err := c.askPrekeys(ctx, s, home, account)
		if err != nil {
			if ctx.Err() != nil {
				return keys, ctx.Err()
			}
			c.cfg.log().Info("home gives no prekeys", "home", home, "account", account, "err", err)
			failed = err
			continue
		}
		answered = true
		for _, d := range devices {
			if p := c.usable(list, d, now); p != nil && keys[d.fp()] == nil {
				keys[d.fp()] = p
			}
		}
	}
	if !answered {
		return keys, fmt.Errorf("%w of %s: %v", errNoPrekeys, account, failed)
	}
	return keys, nil
}

// homesOf are the homes of an account as far as its record is here.
func (c *Client) homesOf(ctx context.Context, account omega.Fingerprint) ([]omega.Fingerprint, error) {
	if account == c.acc.Fingerprint {
		return c.ownHomes(), nil
	}
	p, err := c.storedPeer(ctx, account)
	if err != nil || p == nil {
		return nil, err
	}
	return recordHomes(p.Record)
}

// askPrekeys asks a home for a prekey of each device of an account.
func (c *Client) askPrekeys(ctx context.Context, s *session, home, account omega.Fingerprint) ([]wire.DevicePrekey, error) {
	q := &wire.PrekeyTake{Home: home, User: account, Asker: c.acc.Fingerprint}
	if _, err := c.cfg.rand().Read(q.ID[:]); err != nil {
		return nil, err
	}
	f, err := s.askPatiently(ctx, wire.TypePrekeyTake, wire.AppendPrekeyTake(nil, q))
	if err != nil {
		return nil, err
	}
	if f.Type != wire.TypePrekeys {
		return nil, wire.ErrMalformed
	}
	return wire.DecodePrekeys(f.Body)
}

// usable is the prekey of a device in a home's answer; nil: there is none that
// verifies.
func (c *Client) usable(list []wire.DevicePrekey, d secureDevice, now time.Time) *secure.Prekey {
	for _, e := range list {
		if e.Device != d.fp() {
			continue
		}
		p, err := secure.ParsePrekey(e.Prekey)
		if err == nil {
			err = p.Verify(d.Signing, d.account, now)
		}
		switch {
		case err != nil:
			c.cfg.log().Warn("prekey refused", "device", e.Device, "err", err)
		case p.Use == secure.UseChat || p.Made.Sub(now) > omega.ClockTolerance:
			c.cfg.log().Warn("prekey refused", "device", e.Device, "use", p.Use, "made", p.Made)
		default:
			return p
		}
	}
	return nil
}
