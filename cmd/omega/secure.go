package main

import (
	"context"
	"fmt"

	"github.com/omega-im/omega/clientrpc"
)

// secureCommands are about secure chats.
type secureCommands struct {
	Secure struct {
		List  secureListCmd  `cmd:"" default:"1" help:"${help_secure_list}"`
		Start secureStartCmd `cmd:"" help:"${help_secure_start}"`
		Info  secureInfoCmd  `cmd:"" help:"${help_secure_info}"`
		End   secureEndCmd   `cmd:"" help:"${help_secure_end}"`
	} `cmd:"" help:"${help_secure}"`
}

// secureHelp are their texts.
var secureHelp = []string{"secure", "secure_list", "secure_start", "secure_info", "secure_end", "secure_peer", "secure_classic", "send_secure"}

// A securePeer is the argument that names a secure chat.
type securePeer struct {
	Peer string `arg:"" help:"${help_secure_peer}" placeholder:"FPR|CHAT"`
}

func (p securePeer) ref() clientrpc.SecureRef { return clientrpc.SecureRef{Peer: p.Peer} }

type secureListCmd struct{}

func (c *secureListCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.SecureChats, clientrpc.Page{}, func(r clientrpc.SecureChatsResult) error {
		if len(r.Chats) == 0 && !a.json {
			fmt.Fprintf(a.stderr, "%s\n", a.text("secure.none"))
		}
		for _, s := range r.Chats {
			if err := a.secureChat(s); err != nil {
				return err
			}
		}
		return nil
	})
}

type secureStartCmd struct {
	securePeer
	Classic bool `help:"${help_secure_classic}"`
}

func (c *secureStartCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.StartSecureParams{SecureRef: c.ref()}
	if c.Classic {
		p.Classic = &c.Classic
	}
	return calling(ctx, a, clientrpc.StartSecure, p, a.secureChat)
}

type secureInfoCmd struct{ securePeer }

func (c *secureInfoCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ShowSecure, c.ref(), a.secureChat)
}

type secureEndCmd struct{ securePeer }

func (c *secureEndCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.EndSecure, c.ref(), a.secureChat)
}

// secureChat prints a secure chat.
func (a *app) secureChat(s clientrpc.SecureChat) error {
	if a.json {
		return a.line(s)
	}
	state := a.text("secure.closed")
	switch {
	case s.Open:
		state = a.text("secure.open")
	case !s.Ended.IsZero():
		state = a.text("secure.ended", a.clock(s.Ended))
	}
	whose := s.Peer.String()
	if s.Group != "" {
		whose = a.text("secure.group")
	}
	a.columns("🔒"+a.text("secure.mark"), s.Chat.String(), safe(s.Name), whose, state)
	for _, e := range s.Epochs {
		mark := ""
		if e.Current {
			mark = a.text("secure.current")
		}
		a.columns("   ", a.text("secure.epoch", e.Epoch, a.clock(e.Time), a.clock(e.Expires), e.Sent, e.Limit), mark)
	}
	for _, d := range s.Devices {
		keys := a.text("secure.nokey")
		if d.Keys != "" {
			keys = a.text("secure." + d.Keys)
		}
		if s.Open {
			a.columns("   ", d.Device.String(), safe(d.Name), keys)
		}
	}
	if s.Waiting > 0 {
		a.printf("    ⚠ %s\n", a.text("secure.waiting", s.Waiting))
	}
	if s.Unsent > 0 {
		a.printf("    %s\n", a.text("secure.unsent", s.Unsent))
	}
	if s.Why != nil {
		a.showError(s.Why)
	}
	return nil
}
