package client

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// renameDevice says how a device of this account is called, on all of them.
// (spec/chat.md, CHAT-80)
func (c *Client) renameDevice(ctx context.Context, p clientrpc.RenameParams) (clientrpc.Device, error) {
	doing := i18n.T("doing.rename", p.Device)
	d, ok := c.ownDevice(ctx, p.Device)
	if !ok {
		return clientrpc.Device{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodevice"), i18n.T("next.devices"), nil)
	}
	if p.Name != "" {
		if err := checkDevice(doing, p.Name); err != nil {
			return clientrpc.Device{}, err
		}
	}
	if err := c.change(ctx, chat.Setting{Name: chat.SettingDeviceName, Subject: p.Device.Wire(), Value: []byte(p.Name)}); err != nil {
		return clientrpc.Device{}, err
	}
	one := []clientrpc.Device{deviceInfo(d, c.acc.Device, c.cfg.now())}
	err := c.nameDevices(ctx, one)
	return one[0], err
}

// nameDevices gives devices of this account the names that its owner gave them.
func (c *Client) nameDevices(ctx context.Context, list []clientrpc.Device) error {
	names, err := c.deviceNames(ctx)
	for i := range list {
		if name, ok := names[list[i].Fingerprint]; ok {
			list[i].Name = name
		}
	}
	return err
}

// deviceNames are the names that the owner of this account gave its devices.
func (c *Client) deviceNames(ctx context.Context) (out map[omega.Fingerprint]string, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		out, err = deviceNames(tx)
		return err
	})
	return out, err
}

func deviceNames(tx *history.Tx) (map[omega.Fingerprint]string, error) {
	list, err := tx.SettingsOf(chat.SettingDeviceName)
	out := make(map[omega.Fingerprint]string, len(list))
	for _, s := range list {
		if fp, _, err := omega.DecodeFingerprint(s.Subject); err == nil {
			out[fp] = string(s.Value)
		}
	}
	return out, err
}
