package client

import (
	"context"
	"fmt"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// revoke takes a device out of this account: servers end its sessions and throw
// away what waits for it, and nothing is sealed for it any more. What it signed
// before stays what it is. Where the primary key is not at hand, what it signed for
// that day does (KEYS-23). A device that is revoked already changes nothing, but that
// the primary key says when, if that is not known.
func (c *Client) revoke(ctx context.Context, p clientrpc.RevokeParams) (clientrpc.Device, error) {
	doing := i18n.T("doing.revoke", p.Device)
	if c.isRevoked() {
		return clientrpc.Device{}, explain(doing, c.revoked(ctx))
	}
	d, ok := c.ownDevice(ctx, p.Device)
	switch {
	case !ok:
		return clientrpc.Device{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodevice"), i18n.T("next.devices"), nil)
	case p.Device == c.acc.Device:
		return clientrpc.Device{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.thisdevice"), i18n.T("next.otherdevice"), nil)
	case d.Revoked && !d.RevokedAt.IsZero():
		return deviceInfo(d, c.acc.Device, c.cfg.now()), nil
	}
	cert, err := c.revokedNow(ctx, p)
	if err != nil && d.Revoked && ctx.Err() == nil {
		return deviceInfo(d, c.acc.Device, c.cfg.now()), nil
	}
	if err != nil && ctx.Err() == nil {
		cert, err = c.revokedWithout(ctx, p.Device, err)
	}
	if err != nil {
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

// revokedNow revokes a device by the primary key.
func (c *Client) revokedNow(ctx context.Context, p clientrpc.RevokeParams) (*pgp.Certificate, error) {
	primary, err := c.primary(ctx)
	if err != nil {
		return nil, err
	}
	cert, err := pgp.RevokeDevice(ctx, primary, c.certificate(), p.Device, pgp.ReasonRetired, c.signingTime())
	if err != nil {
		return nil, fmt.Errorf("revoke device %s: %w", p.Device, err)
	}
	return cert, nil
}
