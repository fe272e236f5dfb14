package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// pollCommands are about polls, and lists that all add lines to.
type pollCommands struct {
	Poll struct {
		Ask   askCmd   `cmd:"" help:"${help_poll_ask}"`
		Vote  voteCmd  `cmd:"" help:"${help_poll_vote}"`
		Close closeCmd `cmd:"" help:"${help_poll_close}"`
	} `cmd:"" help:"${help_poll}"`
	List struct {
		Begin  beginCmd  `cmd:"" help:"${help_list_begin}"`
		Add    addCmd    `cmd:"" help:"${help_list_add}"`
		Change changeCmd `cmd:"" help:"${help_list_change}"`
		Close  closeCmd  `cmd:"" help:"${help_poll_close}"`
	} `cmd:"" help:"${help_lists}"`
}

// pollHelp are their texts.
var pollHelp = []string{
	"poll", "poll_ask", "poll_vote", "poll_close", "poll_question", "poll_options", "poll_multiple", "poll_choice",
	"lists", "list_begin", "list_add", "list_change", "list_title", "list_text", "list_line", "list_newtext",
}

type askCmd struct {
	To       string   `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Multiple bool     `help:"${help_poll_multiple}"`
	Question string   `arg:"" help:"${help_poll_question}"`
	Options  []string `arg:"" name:"option" help:"${help_poll_options}"`
	delivered
}

func (c *askCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.AskParams{ID: newID(), To: c.To, Question: c.Question, Options: c.Options, Multiple: c.Multiple, Delivery: c.params()}
	return operation(ctx, a, c.To, c.delivered, clientrpc.Ask, p)
}

type voteCmd struct {
	one
	Choice []int `arg:"" optional:"" help:"${help_poll_choice}"`
	delivered
}

func (c *voteCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	p := clientrpc.VoteParams{ID: newID(), MessageRef: ref, Delivery: c.params()}
	for _, n := range c.Choice {
		p.Options = append(p.Options, n-1) // people count from 1
	}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.Vote, p)
}

type closeCmd struct {
	one
	delivered
}

func (c *closeCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.Close, clientrpc.CloseParams{ID: newID(), MessageRef: ref, Delivery: c.params()})
}

type beginCmd struct {
	To    string `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Title string `arg:"" help:"${help_list_title}"`
	delivered
}

func (c *beginCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.BeginParams{ID: newID(), To: c.To, Title: c.Title, Delivery: c.params()}
	return operation(ctx, a, c.To, c.delivered, clientrpc.Begin, p)
}

type addCmd struct {
	one
	Text string `arg:"" help:"${help_list_text}"`
	delivered
}

func (c *addCmd) Run(ctx context.Context, a *app) error { return c.line(ctx, a, "") }

func (c *addCmd) line(ctx context.Context, a *app, line string) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	p := clientrpc.LineParams{ID: newID(), MessageRef: ref, Line: line, Text: c.Text, Delivery: c.params()}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.Line, p)
}

type changeCmd struct {
	one
	Line string `arg:"" help:"${help_list_line}"`
	Text string `arg:"" optional:"" help:"${help_list_newtext}"`
	delivered
}

func (c *changeCmd) Run(ctx context.Context, a *app) error {
	return (&addCmd{c.one, c.Text, c.delivered}).line(ctx, a, c.Line)
}

// pollLines are the answers of a poll, or the lines of a list, for people.
func (a *app) pollLines(m clientrpc.Message) (out []string) {
	if p := m.Poll; p != nil {
		for i, o := range p.Options {
			mark := "○"
			if o.Mine {
				mark = "●"
			}
			out = append(out, fmt.Sprintf("%s %d. %s  %s", mark, i+1, safe(o.Text), a.text("poll.votes", o.Votes)))
		}
		out = append(out, a.closedLine(!p.Closed.IsZero())...)
	}
	if l := m.List; l != nil {
		for i, line := range l.Lines {
			out = append(out, fmt.Sprintf("%d. %s", i+1, strings.TrimSpace(i18n.T("list.line", safe(line.Text), safe(line.Name), line.Line).In(a.lang))))
		}
		out = append(out, a.closedLine(!l.Closed.IsZero())...)
	}
	return out
}

func (a *app) closedLine(closed bool) []string {
	if !closed {
		return nil
	}
	return []string{a.text("poll.closed")}
}
