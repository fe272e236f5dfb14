package main

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
)

type typingCmd struct {
	chatArg
	What string `arg:"" enum:"text,voice,file,stopped" default:"text" optional:"" help:"${help_chat_typingwhat}"`
}

func (c *typingCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.Type, clientrpc.TypeParams{Chat: c.Chat, What: c.What}, func(clientrpc.None) error { return nil })
}

type lookCmd struct{ chatArg }

func (c *lookCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.Look, clientrpc.LookParams{Chat: c.Chat}, a.presence)
}

// presence prints what is known of somebody.
func (a *app) presence(r clientrpc.PresenceResult) error {
	if a.json {
		return a.line(r)
	}
	switch {
	case !r.Shared:
		a.printf("%s\n", a.text("presence.off"))
	case r.Online:
		a.printf("%s\n", a.text("presence.online"))
	case !r.Seen.IsZero():
		a.printf("%s\n", a.text("presence.seen", a.clock(r.Seen)))
	default:
		a.printf("%s\n", a.text("presence.unknown"))
	}
	return a.failed
}

type presenceCmd struct {
	State string `arg:"" optional:"" enum:"on,off," default:"" help:"${help_presence_state}"`
}

func (c *presenceCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.SetPresenceParams{}
	if c.State != "" {
		on := c.State == "on"
		p.Shared = &on
	}
	return calling(ctx, a, clientrpc.SetPresence, p, func(r clientrpc.PresenceResult) error {
		if a.json {
			return a.line(r)
		}
		key := "presence.off"
		if r.Shared {
			key = "presence.on"
		}
		a.printf("%s\n", a.text(key))
		return a.failed
	})
}
