package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// traceCmd shows the way that a message to somebody takes now.
type traceCmd struct {
	To      string        `arg:"" name:"fpr" help:"${help_trace_to}"`
	All     bool          `help:"${help_trace_all}"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

func (c *traceCmd) Run(ctx context.Context, a *app) error {
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
	to, err := a.accountOf(ctx, conn, c.To)
	if err != nil {
		return err
	}
	r, err := clientrpc.Trace.Call(ctx, conn, clientrpc.TraceParams{Fingerprint: to, All: c.All})
	if err != nil {
		return err
	}
	return a.ways(r.Ways)
}

// ways prints all ways, and below them why some are none.
func (a *app) ways(ways []clientrpc.Way) error {
	var problems []*clientrpc.Error
	for i := range ways {
		w := &ways[i]
		arrived := w.Problem == nil
		if !arrived {
			problems = append(problems, w.Problem)
			w.Problem = nil // it goes to the standard error
		}
		if !a.json {
			a.way(w, arrived)
		} else if err := a.line(w); err != nil {
			return err
		}
	}
	if len(problems) == 0 {
		return nil
	}
	last := len(problems) - 1
	for _, p := range problems[:last] {
		a.showError(p)
	}
	return problems[last]
}

// way prints one line per server on the way and one that sums up.
func (a *app) way(w *clientrpc.Way, arrived bool) {
	for i, h := range w.Hops {
		a.printf("%2d  %9.3f ms  %s  %s\n", i+1, h.RTTMS, h.Server, safe(h.Name))
	}
	total := fmt.Sprintf("%.3f", w.TotalMS)
	switch {
	case !arrived:
	case len(w.Hops) == 1:
		a.printf("%s\n", a.text("way.here", total))
	case w.Direct:
		a.printf("%s\n", a.text("way.direct", total))
	default:
		a.printf("%s\n", a.text("way.forwarded", len(w.Hops)-2, total))
	}
}
