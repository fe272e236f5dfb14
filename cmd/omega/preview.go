package main

import (
	"context"
	"strings"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// maxPreview is how many characters of a chat's last message are shown in the list.
const maxPreview = 30

// maxService is the same of a line that nobody wrote.
const maxService = 40

// preview is the last message of a chat on one line: when, who, and how it begins.
func (a *app) preview(ctx context.Context, m *clientrpc.Message) string {
	who := safe(m.Name)
	switch {
	case m.Service: // its words say who
		return a.when(m.Time) + "  " + excerpt(a.body(ctx, *m), maxService)
	case m.State != "":
		who = a.text("label.you")
	case who == "":
		who = keyID(m.From)
	}
	text := m.Text
	switch {
	case m.Deleted:
		text = a.text("message.gone")
	case m.Kind == "group-invite": // the command to answer it has no room here
		text = a.inviteLine(m, "")
	case text == "" && len(m.Media) > 0:
		text = a.mediumLine(m.Media[0])
	case m.Kind != kindText && m.Kind != kindMedia && m.Kind != "poll" && m.Kind != "list":
		text, _, _ = strings.Cut(a.body(ctx, *m), "\n")
	}
	return a.when(m.Time) + "  " + a.text("message.by", who, excerpt(text, maxPreview))
}

// when writes a time as lists do: today the hour alone, this year the day too.
func (a *app) when(t time.Time) string {
	t, now := t.Local(), time.Now()
	hour := t.Format("15:04")
	if a.lang == i18n.Chinese {
		hour = halfDay(t) + t.Format("3:04")
	}
	day := time.DateOnly
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return hour
	case a.lang != i18n.Chinese:
	case t.Year() == now.Year():
		day = "1/2"
	default:
		day = "2006/1/2"
	}
	return t.Format(day) + " " + hour
}

// halfDay is the half of the day that the hours are of.
func halfDay(t time.Time) string {
	if t.Hour() >= 12 {
		return "下午"
	}
	return "上午"
}
