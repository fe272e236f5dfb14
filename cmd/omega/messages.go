package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type sendCmd struct {
	To      string        `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
	Text    string        `arg:"" help:"${help_send_text}"`
}

func (c *sendCmd) Run(ctx context.Context, a *app) error {
	text := c.Text
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.stdin, omega.MaxText+1))
		if err != nil {
			return err
		}
		text = string(b)
	}
	p := clientrpc.SendParams{To: c.To, Text: text, Wait: c.Wait, Timeout: c.Timeout}
	rand.Read(p.ID[:])
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Send.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	if a.json {
		err = a.line(map[string]any{"id": r.ID, "chat": r.Chat, "state": r.State})
	} else {
		a.printf("%s %s  %s\n", ticks[r.State], a.text("state."+r.State), r.ID)
	}
	if err != nil {
		return err
	}
	return a.sent(c, r)
}

// sent chooses the exit code of a message that did not get as far as wanted.
func (a *app) sent(c *sendCmd, r *clientrpc.SendResult) error {
	reached := map[string]int{clientrpc.StateQueued: 0, clientrpc.StateStored: 1, clientrpc.StateDelivered: 2, clientrpc.StateRead: 3}
	wanted := map[string]int{"none": 0, "stored": 1, "delivered": 2, "read": 3}
	if r.Why == nil && r.State == clientrpc.StateQueued && c.Wait != "none" {
		r.Why = &clientrpc.Error{
			Code: clientrpc.CodeOffline, Doing: i18n.T("doing.send", c.To), Why: i18n.T("why.notyet"), Next: i18n.T("next.queued"),
		}
	}
	if r.Why != nil && r.State != clientrpc.StateStored {
		a.showError(r.Why)
	}
	switch {
	case r.State == clientrpc.StateFailed:
		return silent{exitRefused}
	case reached[r.State] >= wanted[c.Wait]:
		return nil
	case r.State == clientrpc.StateQueued:
		return silent{exitQueued}
	}
	return silent{exitTimeout}
}

type recvCmd struct {
	Follow  bool          `help:"${help_recv_follow}"`
	Count   int           `short:"n" name:"count" help:"${help_recv_count}" placeholder:"COUNT"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

func (c *recvCmd) Run(ctx context.Context, a *app) error {
	if err := checkCount(c.Count); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline := time.Now().Add(c.Timeout)
	got := 0
	for {
		p := clientrpc.ReceiveParams{Count: c.Count - got, Timeout: time.Until(deadline)}
		if c.Follow && c.Count == 0 {
			p.Timeout = time.Minute
		}
		r, err := clientrpc.Receive.Call(ctx, conn, p)
		if interrupted(ctx, err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.received(ctx, conn, r.Messages); err != nil {
			return err
		}
		got += len(r.Messages)
		switch {
		case c.Count > 0 && got >= c.Count:
			return nil
		case c.Follow && c.Count == 0:
		case c.Count == 0 && got > 0:
			return nil
		case !time.Now().Before(deadline):
			return silent{exitTimeout}
		}
	}
}

// received prints messages and then says so: what was not printed comes again.
func (a *app) received(ctx context.Context, conn clientrpc.Conn, list []clientrpc.Message) error {
	var ids []omega.ID
	for _, m := range list {
		if a.json {
			if err := a.line(m); err != nil {
				return err
			}
		} else {
			a.message(m)
		}
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 || a.failed != nil {
		return a.failed
	}
	// A command that is being interrupted still confirms what it printed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := clientrpc.Confirm.Call(ctx, conn, clientrpc.ConfirmParams{IDs: ids})
	return err
}

type chatsCmd struct{}

func (c *chatsCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Chats.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	for _, ch := range r.Chats {
		if a.json {
			if err := a.line(ch); err != nil {
				return err
			}
			continue
		}
		unread := ""
		if ch.Unread > 0 {
			unread = a.text("label.unread", ch.Unread)
		}
		a.columns(ch.ID.String(), ch.Peer.String(), safe(ch.Name), unread)
	}
	return nil
}

type historyCmd struct {
	Chat   string `required:"" help:"${help_chat}" placeholder:"CHAT|FPR"`
	Count  int    `short:"n" name:"count" default:"50" help:"${help_history_count}" placeholder:"COUNT"`
	Before string `help:"${help_history_before}" placeholder:"ID"`
}

func (c *historyCmd) Run(ctx context.Context, a *app) error {
	if err := checkCount(c.Count); err != nil {
		return err
	}
	p := clientrpc.HistoryParams{Chat: c.Chat, Count: c.Count}
	if c.Before != "" {
		id, err := omega.ParseID(c.Before)
		if err != nil {
			return badValue("--before", err)
		}
		p.Before = id
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.History.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	return a.list(r.Messages)
}

func (a *app) list(messages []clientrpc.Message) error {
	for _, m := range messages {
		if !a.json {
			a.message(m)
		} else if err := a.line(m); err != nil {
			return err
		}
	}
	return nil
}

type searchCmd struct {
	Text  string `arg:"" help:"${help_search_text}"`
	Chat  string `help:"${help_chat}" placeholder:"CHAT|FPR"`
	Count int    `short:"n" name:"count" default:"50" help:"${help_history_count}" placeholder:"COUNT"`
}

func (c *searchCmd) Run(ctx context.Context, a *app) error {
	if err := checkCount(c.Count); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Search.Call(ctx, conn, clientrpc.SearchParams{Text: c.Text, Chat: c.Chat, Count: c.Count})
	if err != nil {
		return err
	}
	return a.list(r.Messages)
}

type exportCmd struct {
	Chat string `required:"" help:"${help_chat}" placeholder:"CHAT|FPR"`
	Dir  string `required:"" help:"${help_export_dir}" placeholder:"DIR"`
}

func (c *exportCmd) Run(ctx context.Context, a *app) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Export.Call(ctx, conn, clientrpc.ExportParams{Chat: c.Chat, Dir: dir})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(r)
	}
	a.printf("%s\n", a.text("export.done", r.Messages, r.Keys, r.Dir))
	if r.Skipped > 0 {
		a.printf("%s\n", a.text("export.skipped", r.Skipped))
	}
	return nil
}

type doctorCmd struct {
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

// Run waits for a connection and shows how everything stands.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	st, err := awaitStatus(ctx, conn, c.Timeout)
	if err != nil {
		return err
	}
	if a.json {
		err = a.line(st)
	} else {
		a.status(st)
	}
	if err == nil && !st.Online {
		return silent{exitQueued}
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

// status prints what doctor found.
func (a *app) status(st *clientrpc.StatusResult) {
	mark := map[bool]string{true: "✓", false: "✗"}
	a.columns(mark[st.Online]+" "+a.text("doctor.online"), st.Server)
	for _, h := range st.Homes {
		a.columns(mark[h.Attached]+" "+a.text("doctor.home"), h.Server.String(), h.Code)
	}
	skew := st.Skew.Abs() <= omega.ClockTolerance
	a.printf("%s %s  %s\n", mark[skew], a.text("doctor.clock"), a.skew(st.Skew))
	a.printf("%s %s  %d\n", mark[st.Outbox == 0], a.text("doctor.outbox"), st.Outbox)
	a.printf("%s %s  %d\n", mark[st.Parked == 0], a.text("doctor.parked"), st.Parked)
	if !st.Expires.IsZero() {
		a.printf("%s %s  %s\n", mark[time.Now().Before(st.Expires)], a.text("doctor.expires"), a.clock(st.Expires))
	}
	if st.Problem != nil {
		a.showError(st.Problem)
	}
}

// skew writes how far two clocks are apart. Servers tell whole seconds.
func (a *app) skew(d time.Duration) string {
	if d.Abs() <= time.Second {
		return a.text("doctor.noskew")
	}
	return d.Round(time.Second).String()
}

// checkCount refuses a number of messages that there cannot be.
func checkCount(n int) error {
	if n < 0 {
		return badValue("--count", fmt.Errorf("%d is less than nothing", n))
	}
	return nil
}

// badValue is the error of a flag whose value cannot be read.
func badValue(flag string, err error) error {
	return &clientrpc.Error{
		Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: i18n.T("why.parse", flag+": "+err.Error()), Next: i18n.T("next.help"),
	}
}
