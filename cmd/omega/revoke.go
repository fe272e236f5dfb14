package main

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// revokeCmd takes a device out of the account.
type revokeCmd struct {
	Device string `arg:"" help:"${help_revoke_device}"`
}

func (c *revokeCmd) Run(ctx context.Context, a *app) error {
	fp, err := omega.ParseFingerprint(c.Device)
	if err != nil {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.revoke", c.Device), Why: i18n.T("why.nodevice"), Next: i18n.T("next.devices")}
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	d, err := clientrpc.Revoke.Call(ctx, conn, clientrpc.RevokeParams{Device: fp})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(d)
	}
	a.printf("%s\n", a.text("revoke.done"))
	a.devices([]clientrpc.Device{d})
	return nil
}
