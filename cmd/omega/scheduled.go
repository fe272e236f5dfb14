package main

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// scheduledCommands are about texts that wait for their time.
type scheduledCommands struct {
	Scheduled struct {
		List   scheduledCmd `cmd:"" default:"1" help:"${help_scheduled_list}"`
		Cancel cancelCmd    `cmd:"" help:"${help_scheduled_cancel}"`
	} `cmd:"" help:"${help_scheduled}"`
}

// moment reads when a text is to be sent: a time, or how long from now.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badValue(i18n.T("why.parse.moment", "--at", text))
}

type scheduledCmd struct{}

func (c *scheduledCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return a.orNone(clientrpc.Each(ctx, conn, clientrpc.Scheduled, clientrpc.Page{}, func(r clientrpc.ScheduledResult) error { return a.scheduledLines(ctx, r) }), "none.scheduled")
}

func (a *app) scheduledLines(ctx context.Context, r clientrpc.ScheduledResult) error {
	for _, t := range r.Texts {
		if a.json {
			if err := a.line(t); err != nil {
				return err
			}
			continue
		}
		a.learn(ctx, t.ID)
		a.columns(a.short(t.ID), a.clock(t.At), a.chatName(ctx, t))
		a.printf("    %s\n", safe(t.Text))
	}
	return nil
}

// chatName is how the chat of a text that waits is called; nobody may have written in it
// yet.
func (a *app) chatName(ctx context.Context, t clientrpc.ScheduledText) string {
	if name := a.chatCalled(ctx, t.Chat); name != t.Chat.String() || t.To.IsZero() {
		return name
	}
	return keyID(t.To)
}

type cancelCmd struct {
	Message string `arg:"" name:"id" help:"${help_message_id}"`
}

func (c *cancelCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	id, err := a.messageID(ctx, conn, c.Message, "")
	if err != nil {
		return err
	}
	a.learn(ctx, id)
	if _, err = clientrpc.Cancel.Call(ctx, conn, clientrpc.CancelParams{ID: id}); err == nil && !a.json {
		a.printf("%s\n", a.text("did.cancel", a.short(id)))
	}
	return err
}
