package client

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// revoke takes a device out of this account: servers end its sessions and throw
// away what waits for it, and nothing is sealed for it any more. What it signed
// before stays what it is. It needs the primary key. A device that is revoked
// already changes nothing.
func (c *Client) revoke(ctx context.Context, p clientrpc.RevokeParams) (clientrpc.Device, error) {
	doing := i18n.T("doing.revoke", p.Device)
	cert := c.certificate()
	d, ok := cert.Device(p.Device)
	switch {
	case !ok:
		return clientrpc.Device{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodevice"), i18n.T("next.devices"), nil)
	case p.Device == c.acc.Device:
		return clientrpc.Device{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.thisdevice"), i18n.T("next.otherdevice"), nil)
	case d.Revoked:
		return deviceInfo(d, c.acc.Device, c.cfg.now()), nil
	}
	primary, err := c.primary(ctx)
	if err != nil {
		return clientrpc.Device{}, err
	}
	if cert, err = pgp.RevokeDevice(ctx, primary, cert, p.Device, pgp.ReasonRetired, c.signingTime()); err != nil {
		return clientrpc.Device{}, err
	}
	if err := c.publishCertificate(ctx, cert); err != nil {
		return clientrpc.Device{}, err
	}
	if err := c.knowDevice(ctx, p.Device); err != nil {
		return clientrpc.Device{}, err
	}
	d, _ = c.certificate().Device(p.Device)
	return deviceInfo(d, c.acc.Device, c.cfg.now()), nil
}
