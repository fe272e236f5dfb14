package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

// contestCmd takes back what another device removed.
type contestCmd struct {
	Device string `arg:"" optional:"" help:"${help_contest_device}"`
}

func (c *contestCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var p clientrpc.ContestParams
	if c.Device != "" {
		if p.Device, err = a.deviceOf(ctx, conn, c.Device); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	r, err := clientrpc.Contest.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	if a.json {
		for _, d := range r.Devices {
			if err := a.line(d); err != nil {
				return err
			}
		}
		return nil
	}
	a.printf("%s\n", a.text("contest.done"))
	a.devices(r.Devices)
	return nil
}
