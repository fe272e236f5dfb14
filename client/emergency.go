package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// settingRevokes is where what revokes a device is kept for good, by the device: a
// setting of the account could be taken away by the very device. (spec/keys.md, KEYS-23)
const settingRevokes = "revokes-"

// prepareRevocations has the primary key, which is at hand, revoke each active device
// for the day when it is not, and tells the other devices. What was made once is not
// made again.
func (c *Client) prepareRevocations(ctx context.Context, primary pgp.Signer) error {
	cert, now := c.certificate(), c.signingTime()
	var made []chat.Setting
	for _, d := range cert.Active(c.cfg.now()) {
		fp := d.Signing.Fingerprint()
		block, err := c.keptRevocation(ctx, fp)
		if err != nil {
			return err
		}
		if block == nil {
			if block, err = pgp.RevokeBefore(ctx, primary, cert, fp, now); err != nil {
				return fmt.Errorf("make the revocation of device %s: %w", fp, err)
			}
		}
		made = append(made, chat.Setting{Name: chat.SettingRevocation, Subject: fp.Wire(), Value: block})
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		for i := range made {
			if err := c.keepRevocation(tx, &made[i]); err != nil {
				return err
			}
		}
		return c.changeIn(ctx, tx, made) // a device that is new has not got those from before
	})
	c.queued.notify()
	return err
}

// keepRevocation keeps what revokes a device, if it does and is the first one.
func (c *Client) keepRevocation(tx *history.Tx, s *chat.Setting) error {
	fp, n, err := omega.DecodeFingerprint(s.Subject)
	if err != nil || n != len(s.Subject) || len(s.Value) == 0 {
		return nil
	}
	if have, err := tx.Setting(settingRevokes + fp.String()); err != nil || have != nil {
		return err
	}
	if _, ok := c.certificate().Device(fp); !ok {
		return nil // it is looked at when the certificate is here that has the device: keepRevocations
	}
	if err := pgp.CheckRevocation(c.certificate(), fp, s.Value, c.cfg.now()); err != nil {
		c.cfg.log().Warn("a revocation does not revoke its device", "device", fp, "err", err)
		return nil
	}
	return tx.SetSetting(settingRevokes+fp.String(), s.Value)
}

// keepRevocations keeps those that came before the devices that they are about.
func (c *Client) keepRevocations(tx *history.Tx) error {
	list, err := tx.SettingsOf(chat.SettingRevocation)
	for i := range list {
		if err == nil {
			err = c.keepRevocation(tx, &list[i])
		}
	}
	return err
}

// keptRevocation returns what revokes a device, nil if there is nothing.
func (c *Client) keptRevocation(ctx context.Context, fp omega.Fingerprint) (block []byte, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		block, err = tx.Setting(settingRevokes + fp.String())
		return err
	})
	return block, err
}

// revokedWithout revokes a device without the primary key, by what was made before and in
// this device's name.
// why is what is wrong with the primary key, and the error where nothing was made.
func (c *Client) revokedWithout(ctx context.Context, fp omega.Fingerprint, why error) (*pgp.Certificate, error) {
	block, err := c.keptRevocation(ctx, fp)
	switch {
	case err != nil:
		return nil, err
	case block == nil:
		return nil, why
	}
	cert, err := pgp.Remove(ctx, c.identity().Signer, c.certificate(), fp, block, c.signingTime())
	if err != nil {
		return nil, errors.Join(why, err)
	}
	return cert, nil
}
