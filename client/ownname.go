package client

import (
	"bytes"
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// ownName is what this account calls itself: what a device of it set last, else the name
// that it was made with; "" if neither is known here. (spec/chat.md, CHAT-97)
func (c *Client) ownName(tx *history.Tx) (string, error) {
	list, err := tx.SettingsOf(chat.SettingName)
	if err != nil || len(list) == 0 {
		return c.acc.Name, err
	}
	return string(list[0].Value), nil
}

// ownNameNow is ownName outside of a transaction.
func (c *Client) ownNameNow(ctx context.Context) (name string, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		name, err = c.ownName(tx)
		return err
	})
	return name, err
}

// setName answers clientrpc.SetName.
func (c *Client) setName(ctx context.Context, p clientrpc.SetNameParams) (out clientrpc.NameResult, err error) {
	doing := i18n.T("doing.name")
	if out.Name, err = c.ownNameNow(ctx); err != nil || p.Name == nil {
		return out, err
	}
	name := chat.SanitizeName(*p.Name)
	if err := checkName(doing, *p.Name); err != nil || name == out.Name {
		return out, err
	}
	if err := c.change(ctx, chat.Setting{Name: chat.SettingName, Value: []byte(name)}); err != nil {
		return out, err
	}
	out.Name = name
	if err := c.tellName(ctx); err != nil { // the outbox does it later
		c.cfg.log().Warn("contacts were not told of the new name yet", "err", err)
	}
	return out, nil
}

// checkName refuses a name that nobody could read.
func checkName(doing i18n.Text, name string) error {
	if names.Blank(name) || names.Blank(chat.SanitizeName(name)) || pgp.CheckDeviceName(name) != nil {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.name"), i18n.T("next.devicename"), nil)
	}
	return nil
}

// settingNameTold is where the stamp of the name is kept of which contacts were told.
const settingNameTold = "told-name"

// namesAtOnce is how many contacts are told of a name in one transaction.
const namesAtOnce = 16

// tellName tells contacts to whom this device has written what the account calls itself,
// once: all of them if this device set that, and else those whom it told another name
// since, as it had not heard. What it has told already is not told again, so it goes on
// where it stopped. (spec/chat.md, CHAT-98)
func (c *Client) tellName(ctx context.Context) error {
	var set chat.Setting
	var stamp []byte
	var to []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.SettingsOf(chat.SettingName)
		if err != nil || len(list) == 0 {
			return err
		}
		set = list[0]
		stamp = append(chat.Moment(set.Stamp.Time), set.Value...)
		told, err := tx.Setting(settingNameTold)
		if err != nil || bytes.Equal(told, stamp) {
			stamp = nil
			return err
		}
		people, err := tx.Relations()
		for i := range people {
			if r := &people[i]; r.Contact == chat.Contact && !r.Blocked {
				to = append(to, r.Account)
			}
		}
		return err
	})
	if err != nil || stamp == nil {
		return err
	}
	for len(to) > 0 {
		part := to[:min(namesAtOnce, len(to))]
		to = to[len(part):]
		err := c.db.Update(ctx, func(tx *history.Tx) error {
			for _, fp := range part {
				if err := c.tellNameTo(ctx, tx, fp, &set); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.queued.notify()
	}
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.SetSetting(settingNameTold, stamp) })
}

// owesName reports whether the readers of a key are to be told of the name that was set.
// They heard nothing of it before, and what this device told them since then counts more
// than what another one said when it was set.
func (c *Client) owesName(k *chat.Key, set *chat.Setting) bool {
	says := k.Profile == chat.SanitizeName(string(set.Value))
	if set.Stamp.Device == c.acc.Device {
		return !says || k.Time.Before(set.Stamp.Time)
	}
	return !says && k.Time.After(c.noLater(set.Stamp.Time).Add(-omega.ClockTolerance))
}

// tellNameTo sends a contact a new key, which says the name that was set, if the one that
// this device has in the chat owes that. Whom it cannot tell now it tells with the next
// message.
func (c *Client) tellNameTo(ctx context.Context, tx *history.Tx, fp omega.Fingerprint, set *chat.Setting) error {
	peer, err := tx.Peer(fp)
	if err != nil || !peer.Deleted.IsZero() || peer.Behind() {
		return ignoreNotFound(err)
	}
	if next, err := successor(tx, fp); err != nil || !next.IsZero() {
		return err
	}
	state, err := tx.Sender(omega.DirectChat(c.acc.Fingerprint, fp))
	if err != nil || state.Key == nil || !c.owesName(state.Key, set) {
		return err
	}
	name, err := c.ownName(tx) // which may be a later one
	if err != nil {
		return err
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		c.cfg.log().Warn("a contact was not told of the new name", "account", fp, "err", err)
		return nil
	}
	me := c.identity()
	roster, err := chat.NewRoster(me.Certificate, me.Device(), cert, c.cfg.now())
	if err != nil {
		c.cfg.log().Info("a contact was not told of the new name", "account", fp, "err", err)
		return nil
	}
	sender, err := chat.NewSender(me, c.cfg.rand(), name, state)
	if err != nil {
		return err
	}
	sealed, err := sender.Announce(ctx, c.cfg.now(), roster)
	if err != nil { // the sender has not moved
		c.cfg.log().Warn("a contact was not told of the new name", "account", fp, "err", err)
		return nil
	}
	if err := sealed.Remember(ctx, tx); err != nil {
		return err
	}
	if err := tx.PutSender(sender.State()); err != nil {
		return err
	}
	return c.post(tx, fp, c.recipients(roster), sealed.KeyID, omega.ID{}, sealed.KeyRecord)
}
