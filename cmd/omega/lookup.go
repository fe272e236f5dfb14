package main

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// lookupCmd shows who a fingerprint is.
type lookupCmd struct {
	Who     string        `arg:"" name:"fpr" help:"${help_lookup_who}"`
	Public  bool          `help:"${help_lookup_public}"`
	Timeout time.Duration `default:"30s" help:"${help_timeout}"`
}

func (c *lookupCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	who, err := a.accountOf(ctx, conn, c.Who)
	if err != nil {
		return err
	}
	r, err := clientrpc.Lookup.Call(ctx, conn, clientrpc.LookupParams{Fingerprint: who, Public: c.Public})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	switch {
	case r.Source == clientrpc.SourcePublic:
		a.publicKey(r.Public)
		return nil
	case !r.Deleted.IsZero():
		a.printf("%s\n", a.text("lookup.deleted", r.Fingerprint, a.clock(r.Deleted)))
		return nil
	}
	a.printf("%s\n", a.text("lookup.account", r.Fingerprint))
	for _, d := range r.Devices {
		a.printf("  %s  %s  %s\n", d.Fingerprint, safe(d.Name), a.text("status."+d.Status))
	}
	for _, h := range r.Homes {
		a.printf("  %s\n", a.text("lookup.home", h))
	}
	if c.Public {
		a.printf("%s\n", a.text("lookup.notasked"))
	}
	return nil
}

// publicKey prints what a public key server has. That nothing of it is verified
// stands before it.
func (a *app) publicKey(k *clientrpc.PublicKey) {
	a.printf("%s\n", a.text("lookup.public", safe(k.Server)))
	a.printf("  %s\n", a.text("lookup.key", k.Algorithm, k.Bits, k.Created.Format(time.DateOnly)))
	if k.Revoked {
		a.printf("  %s\n", a.text("lookup.revoked"))
	}
	if !k.Expires.IsZero() {
		a.printf("  %s\n", a.text("lookup.expires", k.Expires.Format(time.DateOnly)))
	}
	if len(k.UserIDs) == 0 {
		a.printf("  %s\n", a.text("lookup.nonames"))
		return
	}
	a.printf("  %s\n", a.text("lookup.names"))
	for _, id := range k.UserIDs {
		a.printf("    %s\n", safe(id))
	}
}
