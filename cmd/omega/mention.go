package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

type mentionsCmd struct {
	Chat string `help:"${help_chat}" placeholder:"CHAT|FPR"`
	All  bool   `help:"${help_mentions_all}"`
}

func (c *mentionsCmd) Run(ctx context.Context, a *app) error {
	none := "none.mentions"
	if c.All {
		none = "none.allmentions"
	}
	return everyPart(ctx, a, clientrpc.Mentions, clientrpc.MentionsParams{Chat: c.Chat, All: c.All}, none, func(r clientrpc.MessagesResult) error {
		return a.list(ctx, r.Messages)
	})
}

type groupWhoCmd struct {
	groupArg
	Typed string `arg:"" optional:"" help:"${help_group_whotyped}"`
}

func (c *groupWhoCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.CompleteMentionParams{GroupRef: c.ref(), Typed: c.Typed}
	return everyPart(ctx, a, clientrpc.CompleteMention, p, "none.found", a.callableLines)
}

// callableLines prints who can be called.
func (a *app) callableLines(r clientrpc.CompleteMentionResult) error {
	for _, p := range r.People {
		switch {
		case a.json:
			if err := a.line(p); err != nil {
				return err
			}
		case p.All:
			a.columns(p.Insert, a.text("mention.all"))
		case p.Ambiguous:
			a.columns(safe(p.Insert), p.Account.String(), safe(p.Name), a.text("mention.ambiguous"))
		default:
			a.columns(safe(p.Insert), p.Account.String(), safe(p.Name))
		}
	}
	return a.failed
}
