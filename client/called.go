package client

import (
	"context"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/names"
)

// tellCalled tells the devices of the account what its owner and its contacts call
// themselves: a new device would have only fingerprints until each of them writes with a
// new key. (spec/chat.md, CHAT-85)
func (c *Client) tellCalled(ctx context.Context, tx *history.Tx) error {
	people, err := tx.Relations()
	if err != nil {
		return err
	}
	who := []omega.Fingerprint{c.acc.Fingerprint}
	for i := range people {
		if people[i].Contact == chat.Contact {
			who = append(who, people[i].Account)
		}
	}
	var list []chat.Setting
	for _, fp := range who {
		name, err := c.profileName(tx, fp)
		if err != nil {
			return err
		}
		_, told, err := tx.Heard(fp)
		if err != nil {
			return err
		}
		if name = chat.SanitizeName(name); name == "" {
			continue
		}
		if told.IsZero() {
			told = time.UnixMilli(0)
		}
		s := chat.Setting{Name: chat.SettingCalled, Subject: fp.Wire(), Value: []byte(name)}
		s.Stamp = chat.Stamp{Version: 1, Time: told, Device: c.acc.Device}
		list = append(list, s)
	}
	return c.tell(ctx, tx, list)
}

// takeCalled takes what another device of the account heard an account call itself, if
// nothing was heard here. What is no name says nothing. This account's own counts before
// no name that any of its devices sets.
func (c *Client) takeCalled(tx *history.Tx, s *chat.Setting) error {
	fp, n, err := omega.DecodeFingerprint(s.Subject)
	name := string(s.Value)
	if err != nil || n != len(s.Subject) || names.Blank(name) || name != chat.SanitizeName(name) {
		return nil
	}
	if fp == c.acc.Fingerprint {
		own, err := c.ownName(tx)
		if err == nil && own == "" {
			_, err = tx.PutSetting(&chat.Setting{Name: chat.SettingName, Value: []byte(name), Stamp: chat.Stamp{Version: 1, Time: time.UnixMilli(1), Device: s.Stamp.Device}})
		}
		return err
	}
	heard, _, err := tx.Heard(fp)
	if err != nil || heard != "" {
		return err
	}
	_, err = tx.HearName(fp, name, c.noLater(s.Stamp.Time))
	return err
}
