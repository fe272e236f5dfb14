package client

import (
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// selfChat is the account's chat with itself: its devices' own notes and settings.
func (c *Client) selfChat() omega.ChatID {
	return omega.DirectChat(c.acc.Fingerprint, c.acc.Fingerprint)
}

// change makes new settings of the account count, here and on its other devices,
// in one transaction.
func (c *Client) change(ctx context.Context, list ...chat.Setting) error {
	err := c.db.Update(ctx, func(tx *history.Tx) error { return c.changeIn(ctx, tx, list) })
	c.queued.notify()
	c.changed.notify()
	return err
}

// changeIn is change inside a transaction. A setting that has a version keeps it.
func (c *Client) changeIn(ctx context.Context, tx *history.Tx, list []chat.Setting) error {
	var changed []chat.Setting
	for _, s := range list {
		if s.Stamp.Version == 0 {
			var err error
			if s.Stamp.Version, err = tx.NextSetting(s.Name, s.Subject); err != nil {
				return err
			}
		}
		s.Stamp.Time, s.Stamp.Device = c.cfg.now(), c.acc.Device
		news, err := tx.PutSetting(&s)
		if err != nil {
			return err
		}
		if news {
			changed = append(changed, s)
			c.noteAdmission(tx, &s, 1)
		}
	}
	return c.tell(ctx, tx, changed)
}

// noteAdmission has homes told, once tx is committed, if a setting changes whom this account
// lets in; so many changes of this device are counted as untold first. Whoever tells homes
// waits for the writer after it read that count, so it never takes a change for told that
// was counted later (tendTokens).
func (c *Client) noteAdmission(tx *history.Tx, s *chat.Setting, untold int64) {
	switch s.Name {
	case chat.SettingContact, chat.SettingBlocked, chat.SettingDelivery:
		tx.Committed(func() {
			c.unheard.Add(untold)
			c.listless.Store(true)
			c.letting.notify()
		})
	}
}

// tell sends settings to the other devices of the account, if it has any.
func (c *Client) tell(ctx context.Context, tx *history.Tx, list []chat.Setting) error {
	if len(c.others()) == 0 {
		return nil
	}
	list, err := withoutSecret(tx, list)
	if err != nil {
		return err
	}
	for _, part := range portions(list) {
		var id omega.ID
		if _, err := c.cfg.rand().Read(id[:]); err != nil {
			return err
		}
		err := c.seal(ctx, tx, c.certificate(), id, &chat.Content{Kind: chat.KindState, State: part})
		if err != nil {
			return err
		}
	}
	return nil
}

// withoutSecret leaves out drafts of secure chats: they would travel under the keys
// of the normal chat. They stay at this device.
func withoutSecret(tx *history.Tx, list []chat.Setting) (out []chat.Setting, err error) {
	for _, s := range list {
		if s.Name == chat.SettingDraft && len(s.Subject) == len(omega.ChatID{}) {
			_, err := tx.SecureChat(omega.ChatID(s.Subject))
			if err == nil {
				continue
			}
			if !errors.Is(err, history.ErrNotFound) {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// maxPortion is how many octets of settings go into one message, about: half of
// what an envelope holds.
const maxPortion = 40 << 10

// portions cuts a list into parts that messages hold.
func portions(list []chat.Setting) (out [][]chat.Setting) {
	size := 0
	start := 0
	for i := range list {
		size += len(list[i].Subject) + len(list[i].Value) + 64
		if i > start && (size > maxPortion || i-start == chat.MaxSettings) {
			out = append(out, list[start:i])
			start, size = i, len(list[i].Subject)+len(list[i].Value)+64
		}
	}
	if start < len(list) {
		out = append(out, list[start:])
	}
	return out
}

// others are the other active devices of the account; none if this one is not
// active any more.
func (c *Client) others() (out []omega.Fingerprint) {
	here := false
	for _, d := range c.certificate().Active(c.cfg.now()) {
		fp := d.Signing.Fingerprint()
		if here = here || fp == c.acc.Device; fp != c.acc.Device {
			out = append(out, fp)
		}
	}
	if !here {
		return nil
	}
	return out
}

// takeSettings takes what another device of the account says.
func (c *Client) takeSettings(tx *history.Tx, m *chat.Message) error {
	if m.Chat != c.selfChat() {
		return nil
	}
	for i := range m.Content.State {
		if m.Content.State[i].Name == chat.SettingCalled {
			if err := c.takeCalled(tx, &m.Content.State[i]); err != nil {
				return err
			}
			continue
		}
		if m.Content.State[i].Name == chat.SettingRevocation {
			if err := c.keepRevocation(tx, &m.Content.State[i]); err != nil {
				return err
			}
		}
		news, err := tx.PutSetting(&m.Content.State[i])
		if err != nil {
			return err
		}
		if news && m.Content.State[i].Name == chat.SettingName {
			tx.Committed(func() {
				c.renamed.Store(true)
				c.queued.notify()
			})
		}
		c.noteAdmission(tx, &m.Content.State[i], 0)
	}
	return nil
}

// settingTold is where the devices are kept that were told all settings.
const settingTold = "told-settings"

// greet tells devices that are new all settings: once each. What they know
// already loses nothing by it.
func (c *Client) greet(ctx context.Context) error {
	var now []byte
	others := c.others()
	slices.SortFunc(others, omega.Fingerprint.Compare)
	for _, fp := range others {
		now = append(now, fp.Wire()...)
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		told, err := tx.Setting(settingTold)
		if err != nil || string(told) == string(now) {
			return err
		}
		if err := c.keepRevocations(tx); err != nil {
			return err
		}
		if err := tx.SetSetting(settingTold, now); err != nil || !fresh(told, others) {
			return err
		}
		return errors.Join(c.tellAll(ctx, tx), c.tellCalled(ctx, tx), c.tellGroups(ctx, tx))
	})
	if errors.Is(err, chat.ErrNoReaders) {
		return nil
	}
	c.queued.notify()
	return err
}

// fresh reports whether one of the devices is not among those that were told.
func fresh(told []byte, devices []omega.Fingerprint) bool {
	known := map[omega.Fingerprint]bool{}
	for len(told) > 0 {
		fp, n, err := omega.DecodeFingerprint(told)
		if err != nil {
			break
		}
		known[fp] = true
		told = told[n:]
	}
	return slices.ContainsFunc(devices, func(fp omega.Fingerprint) bool { return !known[fp] })
}

// tellAll sends every setting.
func (c *Client) tellAll(ctx context.Context, tx *history.Tx) error {
	var after *chat.Setting
	for {
		list, err := tx.SettingsAfter(after, chat.MaxSettings)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := c.tell(ctx, tx, list); err != nil {
			return err
		}
		after = &list[len(list)-1]
	}
}
