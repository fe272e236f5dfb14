package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

type traceCmd struct {
	running
	Server string `arg:"" name:"fingerprint" help:"${help_trace_fpr}" placeholder:"FPR"`
	JSON   bool   `name:"json" help:"${help_json_line}"`
}

// Run asks the running server through its admin listener: only it has the
// connections that a trace goes over.
func (c *traceCmd) Run(ctx context.Context) error {
	lang := i18n.Detect(os.Getenv)
	to, err := omega.ParseFingerprint(c.Server)
	if err != nil {
		return &i18n.Error{Text: i18n.T("why.fingerprint", c.Server), Err: errors.Join(err, errUsage)}
	}
	admin, err := c.admin()
	if err != nil {
		return adminFailure(err)
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	tr, err := node.FetchTrace(ctx, admin, to)
	switch {
	case errors.Is(err, node.ErrIsAccount):
		return &i18n.Error{Text: i18n.T("why.trace.account", to), Err: err}
	case errors.Is(err, node.ErrUnknownServer):
		return &i18n.Error{Text: i18n.T("why.trace.unknown", to), Err: err}
	case errors.Is(err, node.ErrNoWay):
		return &i18n.Error{Text: i18n.T("why.trace.noway", to), Err: err}
	case errors.Is(err, node.ErrNotRunning):
		return adminFailure(err)
	case err != nil:
		return &i18n.Error{Text: i18n.T("why.trace", to, err), Err: err}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(tr)
	}
	return printTrace(os.Stdout, lang, to, tr)
}

// printTrace writes one line per server on the way and one that sums up.
func printTrace(w io.Writer, lang i18n.Lang, to omega.Fingerprint, tr node.Trace) error {
	for i, h := range tr.Hops {
		if _, err := fmt.Fprintf(w, "%2d  %s  %8.3f ms  %s\n", i+1, h.Server, h.RTTMS, h.Name); err != nil {
			return err
		}
	}
	var sum i18n.Text
	switch total := fmt.Sprintf("%.3f", tr.TotalMS); {
	case !tr.Arrived:
		sum = i18n.T("trace.lost", to)
	case len(tr.Hops) == 0:
		sum = i18n.T("trace.self")
	case tr.Direct:
		sum = i18n.T("trace.direct", total)
	default:
		sum = i18n.T("trace.forwarded", len(tr.Hops)-1, total)
	}
	_, err := fmt.Fprintln(w, sum.In(lang))
	return err
}
