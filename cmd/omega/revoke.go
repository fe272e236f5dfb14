package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

// revokeCmd takes a device out of the account.
type revokeCmd struct {
	Device string `arg:"" help:"${help_revoke_device}"`
}

func (c *revokeCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	fp, err := a.deviceOf(ctx, conn, c.Device)
	if err != nil {
		return err
	}
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
	if d.Undated {
		a.printf("%s\n", a.text("revoke.undated"))
	}
	return nil
}
