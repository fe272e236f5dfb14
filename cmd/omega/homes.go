package main

import (
	"context"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// homesCmd shows which servers keep the account's mail.
type homesCmd struct {
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

func (c *homesCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	return a.withHomes(ctx, func(conn *client.Local) (*clientrpc.HomesResult, error) {
		if _, err := awaitStatus(ctx, conn, c.Timeout); err != nil {
			return nil, err
		}
		return clientrpc.Homes.Call(ctx, conn, clientrpc.None{})
	})
}

// setHomesCmd moves the account to servers that its owner chose.
type setHomesCmd struct {
	Servers []omega.Fingerprint `arg:"" name:"fpr" help:"${help_homes_list}"`
}

func (c *setHomesCmd) Run(ctx context.Context, a *app) error { return a.moveHomes(ctx, c.Servers) }

// autoHomeCmd leaves the choice to the program again.
type autoHomeCmd struct{}

func (c *autoHomeCmd) Run(ctx context.Context, a *app) error { return a.moveHomes(ctx, nil) }

// moveTimeout bounds the wait for a connection to move over.
const moveTimeout = 10 * time.Second

func (a *app) moveHomes(ctx context.Context, to []omega.Fingerprint) error {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	return a.withHomes(ctx, func(conn *client.Local) (*clientrpc.HomesResult, error) {
		return clientrpc.SetHomes.Call(ctx, conn, clientrpc.SetHomesParams{Homes: to})
	})
}

// withHomes shows what get returns.
func (a *app) withHomes(ctx context.Context, get func(*client.Local) (*clientrpc.HomesResult, error)) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := get(conn)
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	a.printf("%s\n", a.text(map[bool]string{true: "homes.chosen", false: "homes.auto"}[r.Chosen]))
	for _, h := range r.Homes {
		mark, note := "✓", ""
		switch {
		case h.Attached:
		case h.Code == "": // not asked yet, as after a move, or asked just now
			mark, note = "…", a.text("homes.connecting")
		default:
			mark, note = "✗", client.HomeProblem(h.Server, h.Code).Why.In(a.lang)
		}
		if h.Former {
			note = strings.TrimSpace(note + "  " + a.text("homes.former"))
		}
		a.columns(mark+" "+h.Server.String(), safe(h.Name), safe(h.Operator), note)
	}
	a.fewer(r)
	return nil
}

// fewer says why there are fewer homes than there should be, and what to do.
func (a *app) fewer(r *clientrpc.HomesResult) {
	if r.Want == 0 {
		return
	}
	have, pending := 0, false
	for _, h := range r.Homes {
		if !h.Former {
			have++
		}
	}
	a.printf("\n%s\n", a.text("homes.few", have, r.Want))
	for _, p := range r.Passed {
		pending = pending || p.Why == clientrpc.PassedPending
		why := a.text("homes.why." + p.Why)
		if p.Why == clientrpc.PassedYoung && !p.Until.IsZero() {
			why = a.text("homes.why.until", a.clock(p.Until))
		}
		a.columns("  "+p.Server.String(), safe(p.Name), safe(p.Operator), why)
	}
	switch {
	case len(r.Passed) == 0:
		a.printf("  %s\n", a.text("homes.alone"))
	case pending:
		a.printf("%s\n", a.advice("homes.adding"))
		return
	}
	a.printf("%s\n", a.advice("homes.later"))
}
