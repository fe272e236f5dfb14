package main

import (
	"context"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type doctorCmd struct {
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

// Run waits for a connection and shows how everything stands.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	st, err := awaitStatus(ctx, conn, c.Timeout)
	if err != nil {
		return err
	}
	homes, err := clientrpc.Homes.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	sick := diagnosis(st)
	if a.json {
		err = a.line(a.statusJSON(st, homes, sick))
	} else {
		a.status(st, homes)
		a.fewer(homes)
	}
	if err == nil && sick != nil {
		return sick
	}
	return err
}

// awaitStatus returns the status once the core is attached to its homes, or
// the time is over.
func awaitStatus(ctx context.Context, conn *client.Local, timeout time.Duration) (*clientrpc.StatusResult, error) {
	deadline := time.After(timeout)
	for {
		st, err := clientrpc.Status.Call(ctx, conn, clientrpc.None{})
		if err != nil || st.Online && attached(st) {
			return st, err
		}
		select {
		case <-deadline:
			return st, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func attached(st *clientrpc.StatusResult) bool {
	for _, h := range st.Homes {
		if !h.Attached {
			return false
		}
	}
	return len(st.Homes) > 0
}

// diagnosis is what is wrong, the worst first; nil: all is well.
func diagnosis(st *clientrpc.StatusResult) *clientrpc.Error {
	doing := i18n.T("doing.check")
	switch {
	case st.Problem != nil:
		return st.Problem
	case !st.Online:
		return &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: doing, Why: i18n.T("why.connecting"), Next: i18n.T("next.network")}
	}
	for _, h := range st.Homes {
		if !h.Attached {
			return client.HomeProblem(h.Server, h.Code)
		}
	}
	switch {
	case st.Skew.Abs() > omega.ClockTolerance:
		why := i18n.T("why.clock", st.Skew.Round(time.Second))
		return &clientrpc.Error{Code: clientrpc.CodeRefused, Doing: doing, Why: why, Next: i18n.T("next.clock")}
	case st.Exposed != "":
		return &clientrpc.Error{Code: clientrpc.CodeHome, Doing: doing, Why: i18n.T("why.exposed", st.Exposed), Next: i18n.T("next.private", quoted(st.Exposed))}
	case warnings(st) > 0:
		return &clientrpc.Error{Code: clientrpc.CodeVerify, Doing: doing, Why: i18n.T("why.notices", warnings(st)), Next: i18n.T("next.notices")}
	case expired(st):
		return &clientrpc.Error{Code: clientrpc.CodeKey, Doing: doing, Why: i18n.T("why.keyexpired"), Next: i18n.T("next.renew")}
	}
	return nil
}

func expired(st *clientrpc.StatusResult) bool {
	return !st.Expires.IsZero() && !time.Now().Before(st.Expires)
}

// statusJSON is the form of a status that scripts read.
func (a *app) statusJSON(st *clientrpc.StatusResult, homes *clientrpc.HomesResult, sick *clientrpc.Error) any {
	out := struct {
		*clientrpc.StatusResult
		Want    int                    `json:"homes_wanted,omitempty"` // where there are fewer
		Passed  []clientrpc.PassedHome `json:"homes_passed,omitempty"`
		Problem map[string]string      `json:"problem,omitempty"` // in words, in place of the core's
	}{StatusResult: st, Want: homes.Want, Passed: homes.Passed}
	if sick != nil {
		out.Problem = a.errorJSON(sick)
	}
	return out
}

// named is how a home is called, as far as it is known.
func named(homes *clientrpc.HomesResult, server omega.Fingerprint) string {
	for _, h := range homes.Homes {
		if h.Server == server {
			return safe(h.Name)
		}
	}
	return ""
}

// status prints what doctor found.
func (a *app) status(st *clientrpc.StatusResult, homes *clientrpc.HomesResult) {
	mark := map[bool]string{true: "✓", false: "✗"}
	a.columns(mark[st.Online]+" "+a.text("doctor.online"), st.Server, safe(st.ServerName))
	for _, h := range st.Homes {
		state := ""
		switch {
		case h.Attached:
		case !st.Online:
			state = a.text("doctor.unknown")
		default:
			state = client.HomeProblem(h.Server, h.Code).Why.In(a.lang)
		}
		a.columns(mark[h.Attached]+" "+a.text("doctor.home"), h.Server.String(), named(homes, h.Server), state)
	}
	if st.Online {
		a.columns(mark[st.Skew.Abs() <= omega.ClockTolerance]+" "+a.text("doctor.clock"), a.skew(st.Skew))
	} else {
		a.columns("– "+a.text("doctor.clock"), a.text("doctor.unknown"))
	}
	a.columns(mark[st.Outbox == 0]+" "+a.text("doctor.outbox"), a.counted(st.Outbox, "doctor.empty", "doctor.queued"))
	a.columns(mark[st.Parked == 0]+" "+a.text("doctor.parked"), a.counted(st.Parked, "doctor.noparked", "doctor.keys"))
	if st.Exposed != "" {
		a.printf("✗ %s  %s\n", a.text("doctor.exposed"), st.Exposed)
	}
	if !st.Deleted.IsZero() {
		a.printf("✗ %s  %s\n", a.text("doctor.deleted"), a.clock(st.Deleted))
	}
	for _, n := range st.Notices {
		a.notice(n)
	}
	for _, n := range st.News {
		if n.Kind == clientrpc.DeviceAdded {
			a.columns("⚠ "+a.text("doctor.device"), n.Device.String(), a.clock(n.Time), safe(n.DeviceName))
		}
	}
	if !st.Expires.IsZero() {
		a.printf("%s %s  %s\n", mark[!expired(st)], a.text("doctor.expires"), a.clock(st.Expires))
	}
	switch {
	case st.Backup.IsZero():
		a.printf("– %s\n", a.advice("doctor.nobackup"))
	case st.BackupTried.Before(st.Backup):
		a.printf("– %s\n", a.advice("doctor.untried", a.clock(st.Backup)))
	}
}

// counted says how many there are and what becomes of them.
func (a *app) counted(n int, none, some string) string {
	if n == 0 {
		return a.text(none)
	}
	return a.text(some, n)
}

// notice prints one about somebody's account. That somebody has deleted it is no
// fault.
func (a *app) notice(n clientrpc.Notice) {
	mark := "⚠"
	if n.OfKey() {
		mark = "–"
	}
	a.printf("%s %s  %s  %s  %s\n", mark, n.Account, safe(n.Name), a.clock(n.Time), a.advice("notice."+n.Kind, n.Sequence))
}

// warnings counts the notices that something is wrong.
func warnings(st *clientrpc.StatusResult) (n int) {
	for _, x := range st.Notices {
		if !x.OfKey() {
			n++
		}
	}
	return n
}

// skew writes how far two clocks are apart. Servers tell whole seconds.
func (a *app) skew(d time.Duration) string {
	if d.Abs() <= time.Second {
		return a.text("doctor.noskew")
	}
	return i18n.Duration(d.Round(time.Second), a.lang)
}
