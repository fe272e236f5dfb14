package client

import (
	"context"

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
		if name = chat.SanitizeName(name); name == "" {
			continue
		}
		s := chat.Setting{Name: chat.SettingCalled, Subject: fp.Wire(), Value: []byte(name)}
		s.Stamp = chat.Stamp{Version: 1, Time: c.cfg.now(), Device: c.acc.Device}
		list = append(list, s)
	}
	return c.tell(ctx, tx, list)
}

// takeCalled takes what another device of the account heard an account call itself, if
// nothing was heard here. What is no name says nothing. This account's own counts from
// the next time that the core is opened: nobody changes it under those who read it.
func (c *Client) takeCalled(tx *history.Tx, s *chat.Setting) error {
	fp, n, err := omega.DecodeFingerprint(s.Subject)
	name := string(s.Value)
	if err != nil || n != len(s.Subject) || names.Blank(name) || name != chat.SanitizeName(name) {
		return nil
	}
	if fp == c.acc.Fingerprint {
		if c.acc.Name != "" {
			return nil
		}
		named := *c.acc
		named.Name = name
		return named.save(c.cfg.Home)
	}
	heard, err := tx.PeerNames([]omega.Fingerprint{fp})
	if err != nil || heard[fp] != "" {
		return err
	}
	return tx.SetPeerName(fp, name)
}
