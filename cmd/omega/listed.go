package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

// listedCmd says whether anyone may look up which server this account is on.
type listedCmd struct {
	State string `arg:"" optional:"" enum:"on,off," default:"" help:"${help_listed_state}"`
}

func (c *listedCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var p clientrpc.ListedParams
	if c.State != "" {
		on := c.State == "on"
		p.Listed = &on
	}
	r, err := clientrpc.Listed.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	a.printf("%s\n", a.text(map[bool]string{true: "listed.on", false: "listed.off"}[r.Listed]))
	return nil
}
