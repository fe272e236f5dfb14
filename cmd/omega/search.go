package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type searchCmd struct {
	Text   string `arg:"" optional:"" help:"${help_search_text}"`
	Chat   string `help:"${help_chat}" placeholder:"CHAT|FPR"`
	From   string `help:"${help_search_from}" placeholder:"FPR"`
	Author string `help:"${help_search_author}" placeholder:"NAME"`
	Kind   string `help:"${help_search_kind}" placeholder:"KIND"`
	Since  string `help:"${help_since}" placeholder:"DATE"`
	Until  string `help:"${help_until}" placeholder:"DATE"`
	Count  int    `short:"n" name:"count" default:"50" help:"${help_history_count}" placeholder:"COUNT"`
	Next   string `help:"${help_search_next}" placeholder:"PLACE"`
	Total  bool   `help:"${help_search_total}"`
}

func (c *searchCmd) Run(ctx context.Context, a *app) error {
	if err := checkPage(c.Count); err != nil {
		return err
	}
	p := clientrpc.SearchParams{Text: c.Text, Chat: c.Chat, Author: c.Author, Kind: c.Kind, Count: c.Count, Next: c.Next, Total: c.Total}
	var err error
	if p.Since, p.Until, err = parseRange(c.Since, c.Until); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.From != "" {
		if p.From, err = a.accountOf(ctx, conn, c.From); err != nil {
			return err
		}
	}
	r, err := clientrpc.Search.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	a.learn(ctx, foundIDs(r.Messages)...)
	for _, m := range r.Messages {
		if !a.json {
			a.message(ctx, m.Message)
		} else if err := a.line(m); err != nil {
			return err
		}
	}
	return a.foundPage(c, r)
}

// foundIDs are the ids of what was found.
func foundIDs(list []clientrpc.FoundMessage) (out []omega.ID) {
	for i := range list {
		out = append(out, list[i].ID)
	}
	return out
}

// foundPage says what there is beside the messages. Scripts that ask for pages or
// the total get it as a line of its own.
func (a *app) foundPage(c *searchCmd, r *clientrpc.SearchResult) error {
	if a.json {
		if !c.Total && c.Next == "" {
			return nil
		}
		return a.line(map[string]any{"next": r.Next, "total": r.Total, "at_least": r.AtLeast})
	}
	switch {
	case c.Total && r.AtLeast:
		fmt.Fprintf(a.stderr, "%s\n", a.text("search.atleast", r.Total))
	case c.Total:
		fmt.Fprintf(a.stderr, "%s\n", a.text("search.total", r.Total))
	case len(r.Messages) == 0:
		fmt.Fprintf(a.stderr, "%s\n", a.text("search.none", c.Text))
	}
	if r.Next != "" {
		fmt.Fprintf(a.stderr, "%s\n", a.text("search.more", r.Next))
	}
	return nil
}

type daysCmd struct {
	Chat  string `required:"" help:"${help_chat}" placeholder:"CHAT|FPR"`
	Month string `help:"${help_days_month}" placeholder:"YYYY-MM"`
}

func (c *daysCmd) Run(ctx context.Context, a *app) error {
	now := time.Now()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.Local)
	if c.Month != "" {
		var err error
		if month, err = time.ParseInLocation("2006-01", c.Month, time.Local); err != nil {
			return badValue(i18n.T("why.parse.date", "--month", c.Month))
		}
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := clientrpc.Days.Call(ctx, conn, clientrpc.DaysParams{Chat: c.Chat, Since: month, Until: month.AddDate(0, 1, 0)})
	if err != nil {
		return err
	}
	if len(r.Days) == 0 {
		return a.orNone(nil, "none.days", month.Format("2006-01"))
	}
	for _, d := range r.Days {
		a.learn(ctx, d.First)
		if !a.json {
			a.columns(d.Date, a.text("days.messages", d.Messages), a.short(d.First))
		} else if err := a.line(d); err != nil {
			return err
		}
	}
	return nil
}

// parseDate reads a day, which begins here, or a time. Nothing is the zero time.
func parseDate(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return t, badValue(i18n.T("why.parse.date", flag, text))
	}
	return t, nil
}

func parseRange(since, until string) (from, to time.Time, err error) {
	if from, err = parseDate("--since", since); err == nil {
		to, err = parseDate("--until", until)
	}
	return from, to, err
}
