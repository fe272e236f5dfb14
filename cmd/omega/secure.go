package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/omega-im/omega"
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
	return everyPart(ctx, a, clientrpc.SecureChats, clientrpc.Page{}, "secure.none", func(r clientrpc.SecureChatsResult) error {
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

// chatToRead is the chat whose history somebody means who may have a secure chat of that
// name too: the normal one if there is one, and then the other is hinted at.
func (a *app) chatToRead(ctx context.Context, conn clientrpc.Conn, typed string) string {
	s, err := clientrpc.ShowSecure.Call(ctx, conn, clientrpc.SecureRef{Peer: typed})
	if err != nil || s.Group != "" {
		return typed
	}
	switch one, err := clientrpc.OneChat.Call(ctx, conn, clientrpc.ChatRef{Chat: typed}); {
	case err != nil: // nobody wrote in the normal one
		return s.Chat.String()
	case one.ID != s.Chat && !a.json:
		fmt.Fprintf(a.stderr, "%s\n", a.text("history.secure", safe(typed)))
	}
	return typed
}

// shortEpoch is how many digits of an epoch's name are shown. Its number says little:
// epochs that both sides open at once have the same.
const shortEpoch = 8

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
	names := map[omega.Fingerprint]string{}
	for _, d := range s.Devices {
		names[d.Device] = d.Name
	}
	for _, e := range s.Epochs {
		mark := ""
		if e.Current {
			mark = a.text("secure.current")
		}
		a.columns("   ", a.text("secure.epoch", e.Name[:min(len(e.Name), shortEpoch)], safe(cmp.Or(names[e.Opener], keyID(e.Opener))), a.clock(e.Time), a.clock(e.Expires), e.Sent, e.Limit), mark)
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
