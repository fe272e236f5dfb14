package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
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

		Voters votersCmd `cmd:"" help:"${help_poll_voters}"`
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
	"poll", "poll_ask", "poll_vote", "poll_close", "poll_question", "poll_options", "poll_multiple", "poll_choice", "poll_voters", "poll_option",
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
	Choice []string `arg:"" optional:"" help:"${help_poll_choice}"`
	delivered
}

func (c *voteCmd) Run(ctx context.Context, a *app) error {
	did := "did.vote"
	if len(c.Choice) == 0 {
		did = "did.unvote"
	}
	return operate(ctx, a, c.Message, c.delivered, did, clientrpc.Vote, func(conn clientrpc.Conn) (p clientrpc.VoteParams, short string, err error) {
		ref, err := c.ref(ctx, a, conn)
		if err != nil {
			return p, "", err
		}
		m, err := clientrpc.Show.Call(ctx, conn, ref)
		if err != nil {
			return p, "", err
		}
		p = clientrpc.VoteParams{ID: newID(), MessageRef: ref, Delivery: c.params()}
		if p.Options, err = choices(m.Poll, c.Choice); err != nil {
			return p, "", err
		}
		a.learn(ctx, ref.Message)
		return p, a.short(ref.Message), nil
	})
}

// choices are the answers of a poll that somebody typed: by number, from 1 on, or by
// their words, whatever the size of letters. Of what is no poll the core says so.
func choices(p *clientrpc.Poll, typed []string) (out []int, err error) {
	for _, text := range typed {
		n, err := strconv.Atoi(text)
		if err != nil && p != nil {
			n = 1 + slices.IndexFunc(p.Options, func(o clientrpc.Option) bool { return strings.EqualFold(o.Text, strings.TrimSpace(text)) })
			if n == 0 {
				return nil, &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.poll"), Why: i18n.T("why.choice", text), Next: i18n.T("next.vote")}
			}
		}
		out = append(out, n-1)
	}
	return out, nil
}

// voteLine says what somebody chose.
func (a *app) voteLine(ctx context.Context, m clientrpc.Message) string {
	switch {
	case len(m.Targets) == 0:
		return a.text("message.vote", a.targets(ctx, m))
	case len(m.Chosen) == 0:
		return a.text("message.unvote", a.targets(ctx, m))
	}
	return a.text("message.votefor", a.targets(ctx, m), safe(strings.Join(m.Chosen, a.text("poll.and"))))
}

type closeCmd struct {
	one
	delivered
}

func (c *closeCmd) Run(ctx context.Context, a *app) error {
	return about(ctx, a, c.one, c.delivered, "did.close", clientrpc.Close, func(ref clientrpc.MessageRef) clientrpc.CloseParams {
		return clientrpc.CloseParams{ID: newID(), MessageRef: ref, Delivery: c.params()}
	})
}

type votersCmd struct {
	one
	Option int `arg:"" optional:"" name:"choice" help:"${help_poll_option}"`
}

// Run prints who chose what: of one answer, or of all.
func (c *votersCmd) Run(ctx context.Context, a *app) error {
	if c.Option < 0 {
		return badValue(i18n.T("why.parse.natural", "<choice>", c.Option))
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ref, err := c.ref(ctx, a, conn)
	if err != nil {
		return err
	}
	m, err := clientrpc.Show.Call(ctx, conn, ref)
	if err != nil {
		return err
	}
	first, last := c.Option, c.Option
	if c.Option == 0 && m.Poll != nil {
		first, last = 1, len(m.Poll.Options)
	}
	for n := first; n <= last; n++ {
		if err := a.voters(ctx, conn, ref, &m, n-1); err != nil {
			return err
		}
	}
	return nil
}

// voters prints who chose one answer.
func (a *app) voters(ctx context.Context, conn clientrpc.Conn, ref clientrpc.MessageRef, m *clientrpc.Message, option int) error {
	if m.Poll != nil && option < len(m.Poll.Options) && !a.json {
		o := m.Poll.Options[option]
		a.columns(fmt.Sprintf("%d.", option+1), safe(o.Text), a.text("poll.votes", o.Votes+o.Counted))
	}
	return clientrpc.Each(ctx, conn, clientrpc.Voters, clientrpc.VotersParams{MessageRef: ref, Option: option}, func(r clientrpc.VotersResult) error {
		for _, v := range r.Voters {
			if !a.json {
				a.columns("   ", cmp.Or(safe(v.Name), keyID(v.Account)), a.whenOrSubscriber(v.Time, v.Subscriber))
				continue
			}
			said := map[string]any{"option": option, "account": v.Account, "name": v.Name, "time": v.Time}
			if v.Subscriber {
				said["subscriber"] = true
				delete(said, "time")
			}
			if err := a.line(said); err != nil {
				return err
			}
		}
		return nil
	})
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

func (c *addCmd) Run(ctx context.Context, a *app) error { return c.line(ctx, a, "", "did.line") }

func (c *addCmd) line(ctx context.Context, a *app, line, did string) error {
	return about(ctx, a, c.one, c.delivered, did, clientrpc.Line, func(ref clientrpc.MessageRef) clientrpc.LineParams {
		return clientrpc.LineParams{ID: newID(), MessageRef: ref, Line: line, Text: c.Text, Delivery: c.params()}
	})
}

type changeCmd struct {
	one
	Line string `arg:"" help:"${help_list_line}"`
	Text string `arg:"" optional:"" help:"${help_list_newtext}"`
	delivered
}

func (c *changeCmd) Run(ctx context.Context, a *app) error {
	did := "did.change"
	if c.Text == "" {
		did = "did.unline"
	}
	return (&addCmd{c.one, c.Text, c.delivered}).line(ctx, a, c.Line, did)
}

// pollLines are the answers of a poll, or the lines of a list, for people.
func (a *app) pollLines(m clientrpc.Message) (out []string) {
	if p := m.Poll; p != nil {
		for i, o := range p.Options {
			mark := "○"
			if o.Mine {
				mark = "●"
			}
			out = append(out, fmt.Sprintf("%s %d. %s  %s", mark, i+1, safe(o.Text), a.text("poll.votes", o.Votes+o.Counted)))
		}
		out = append(out, a.closedLine(!p.Closed.IsZero())...)
		if p.Late {
			out = append(out, a.text("poll.late"))
		}
	}
	if l := m.List; l != nil {
		for i, line := range l.Lines {
			out = append(out, fmt.Sprintf("%d. %s", i+1, strings.TrimSpace(a.text("list.line", safe(line.Text), safe(cmp.Or(line.Name, keyID(line.From)))))))
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
