package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

// accountNameCmd says what this account calls itself, and changes it.
type accountNameCmd struct {
	Name *string `arg:"" optional:"" help:"${help_account_name_new}"`
}

func (c *accountNameCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.SetName, clientrpc.SetNameParams{Name: c.Name}, func(r clientrpc.NameResult) error {
		if a.json {
			return a.line(r)
		}
		key := "account.name"
		if c.Name != nil {
			key = "account.named"
		}
		a.printf("%s\n", a.text(key, safe(r.Name)))
		return a.failed
	})
}
