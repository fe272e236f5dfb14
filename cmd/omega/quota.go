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
	return calling(ctx, a, clientrpc.Quota, clientrpc.QuotaParams{Timeout: c.Timeout}, func(r clientrpc.QuotaResult) error {
		for _, h := range r.Homes {
			switch {
			case a.json:
				if err := a.line(h); err != nil {
					return err
				}
			case h.Problem != nil:
				a.printf("%s  %s\n", h.Server, a.text("quota.silent"))
			default:
				a.printf("%s  %s\n", h.Server, a.text("quota.used", i18n.Size(h.Used), i18n.Size(h.Most)))
			}
		}
		return nil
	})
}
