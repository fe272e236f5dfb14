package main

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type quotaCmd struct {
	Timeout time.Duration `default:"15s" help:"${help_timeout}"`
}

func (c *quotaCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Quota.Call(ctx, conn, clientrpc.QuotaParams{Timeout: c.Timeout})
	if err != nil {
		return err
	}
	homes, err := clientrpc.Homes.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	for _, h := range r.Homes {
		said := a.text("quota.used", i18n.Size(h.Used), i18n.Size(h.Most))
		if h.Problem != nil {
			said = a.text("quota.silent")
		}
		if !a.json {
			a.columns(h.Server.String(), named(homes, h.Server), said)
		} else if err := a.line(h); err != nil {
			return err
		}
	}
	return nil
}
