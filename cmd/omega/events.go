package main

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// faceCommands are what faces have of the core, for scripts.
type faceCommands struct {
	Events   eventsCmd   `cmd:"" help:"${help_events}"`
	Do       doCmd       `cmd:"" help:"${help_do}"`
	Mentions mentionsCmd `cmd:"" help:"${help_mentions}"`
}

// faceHelp are their texts.
var faceHelp = []string{"events", "events_run", "events_after", "events_follow", "events_count", "presence", "presence_state", "account_name", "account_name_new", "do", "do_reply", "do_menu", "do_text", "mentions", "mentions_all", "group_who", "group_whotyped"}

type eventsCmd struct {
	Core    string        `name:"run" help:"${help_events_run}" placeholder:"RUN"`
	After   uint64        `help:"${help_events_after}" placeholder:"NUMBER"`
	Follow  bool          `help:"${help_events_follow}"`
	Count   int           `short:"n" name:"count" help:"${help_events_count}" placeholder:"COUNT"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

// Run prints events as they happen, and a line for each reset.
func (c *eventsCmd) Run(ctx context.Context, a *app) error {
	if err := checkCount(c.Count); err != nil {
		return err
	}
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	endless := c.Follow && c.Count == 0
	deadline := time.Now().Add(c.Timeout)
	p := clientrpc.FollowParams{Run: c.Core, After: c.After}
	for got := 0; ; {
		if p.Timeout = max(0, time.Until(deadline)); endless {
			p.Timeout = time.Minute
		}
		if c.Count > 0 {
			p.Count = min(c.Count-got, clientrpc.PageMax)
		}
		r, err := clientrpc.Follow.Call(ctx, conn, p)
		if interrupted(ctx, err) && endless {
			return nil
		}
		if err == nil {
			err = a.eventLines(r)
		}
		if err != nil {
			return err
		}
		got += len(r.Events)
		p.Run, p.After = r.Run, r.Last
		switch {
		case c.Count > 0 && got >= c.Count:
			return nil
		case endless || time.Now().Before(deadline):
		case c.Count == 0:
			return nil // no number was given: what happened until now is all
		default:
			return &clientrpc.Error{Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.events"), Why: i18n.T("why.fewevents", got, c.Count, c.Timeout), Next: i18n.T("next.longer")}
		}
	}
}

// eventLines prints a part of the events, or why there is none.
func (a *app) eventLines(r clientrpc.FollowResult) error {
	if r.Reset != "" {
		if a.json {
			return a.line(map[string]any{"reset": r.Reset, "run": r.Run, "last": r.Last})
		}
		a.printf("%s\n", a.text("events.reset."+r.Reset, r.Run, r.Last))
		return a.failed
	}
	for _, e := range r.Events {
		if a.json {
			if err := a.line(e); err != nil {
				return err
			}
			continue
		}
		a.printf("%d  %s  %s\n", e.Number, e.Name, safe(string(e.Data)))
	}
	return a.failed
}
