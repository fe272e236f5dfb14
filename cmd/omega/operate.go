package main

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// messageCommands do something with single messages.
type messageCommands struct {
	Forward forwardCmd `cmd:"" help:"${help_forward}"`
	Edit    editCmd    `cmd:"" help:"${help_edit}"`
	Delete  removeCmd  `cmd:"" help:"${help_remove}"`
	React   reactCmd   `cmd:"" help:"${help_react}"`
	Pin     pinCmd     `cmd:"" help:"${help_pin}"`
	Unpin   unpinCmd   `cmd:"" help:"${help_unpin}"`
	Pins    pinsCmd    `cmd:"" help:"${help_pins}"`
}

// messageHelp are their texts, as helpKeys are those of other commands.
var messageHelp = []string{
	"forward", "forward_hide", "edit", "edit_text", "remove", "remove_forme", "remove_ids", "react", "react_emoji", "pin", "unpin", "pins",
	"message_id", "message_chat", "send_reply", "send_quote", "send_markup", "send_silent", "send_at", "send_expire", "scheduled", "scheduled_list", "scheduled_cancel",
}

// A delivered is how long a command waits for what it sends.
type delivered struct {
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
}

func (d *delivered) params() clientrpc.Delivery {
	return clientrpc.Delivery{Wait: d.Wait, Timeout: d.Timeout}
}

// A one names one message.
type one struct {
	Message string `arg:"" name:"id" help:"${help_message_id}"`
	Chat    string `help:"${help_message_chat}" placeholder:"CHAT|FPR"`
}

func (o *one) ref() (clientrpc.MessageRef, error) {
	id, err := messageID("ID", o.Message)
	return clientrpc.MessageRef{Message: id, Chat: o.Chat}, err
}

// messageID reads the id that somebody typed for a flag or an argument.
func messageID(where, text string) (omega.ID, error) {
	id, err := omega.ParseID(text)
	if err != nil {
		return id, badValue(i18n.T("why.parse.id", where, text))
	}
	return id, nil
}

// newID makes the id of what is sent next.
func newID() (id omega.ID) {
	rand.Read(id[:])
	return id
}

// operation calls the core and shows how far the operation got.
func operation[Req any](ctx context.Context, a *app, to string, d delivered, m clientrpc.Method[Req, *clientrpc.SendResult], req Req) error {
	if err := checkTimeout(d.Timeout); err != nil {
		return err
	}
	a.sending = true
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := m.Call(ctx, conn, req)
	if err != nil {
		return err
	}
	return a.delivery(to, d.Wait, r)
}

type forwardCmd struct {
	one
	To         string `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	HideOrigin bool   `help:"${help_forward_hide}"`
	delivered
}

func (c *forwardCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	p := clientrpc.ForwardParams{ID: newID(), MessageRef: ref, To: c.To, HideOrigin: c.HideOrigin, Delivery: c.params()}
	return operation(ctx, a, c.To, c.delivered, clientrpc.Forward, p)
}

type editCmd struct {
	one
	Text   string `arg:"" help:"${help_edit_text}"`
	Markup bool   `help:"${help_send_markup}"`
	delivered
}

func (c *editCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	text, err := (&sendCmd{To: c.Message, Text: c.Text}).text(a)
	if err != nil {
		return err
	}
	p := clientrpc.EditParams{ID: newID(), MessageRef: ref, Text: text, Markup: c.Markup, Delivery: c.params()}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.Edit, p)
}

type removeCmd struct {
	Messages []string `arg:"" name:"id" help:"${help_remove_ids}"`
	Chat     string   `help:"${help_message_chat}" placeholder:"CHAT|FPR"`
	ForMe    bool     `help:"${help_remove_forme}"`
	delivered
}

func (c *removeCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.RemoveParams{ID: newID(), Chat: c.Chat, ForMe: c.ForMe, Delivery: c.params()}
	for _, text := range c.Messages {
		id, err := messageID("ID", text)
		if err != nil {
			return err
		}
		p.Messages = append(p.Messages, id)
	}
	return operation(ctx, a, c.Messages[0], c.delivered, clientrpc.Remove, p)
}

type reactCmd struct {
	one
	Emoji []string `arg:"" optional:"" help:"${help_react_emoji}"`
	delivered
}

func (c *reactCmd) Run(ctx context.Context, a *app) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	p := clientrpc.ReactParams{ID: newID(), MessageRef: ref, Emoji: slices.Clone(c.Emoji), Delivery: c.params()}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.React, p)
}

type pinCmd struct {
	one
	delivered
}

func (c *pinCmd) Run(ctx context.Context, a *app) error { return c.pin(ctx, a, true) }

func (c *pinCmd) pin(ctx context.Context, a *app, pinned bool) error {
	ref, err := c.ref()
	if err != nil {
		return err
	}
	p := clientrpc.PinParams{ID: newID(), MessageRef: ref, Pinned: pinned, Delivery: c.params()}
	return operation(ctx, a, c.Message, c.delivered, clientrpc.Pin, p)
}

type unpinCmd struct{ pinCmd }

func (c *unpinCmd) Run(ctx context.Context, a *app) error { return c.pin(ctx, a, false) }

type pinsCmd struct {
	Chat  string `required:"" help:"${help_chat}" placeholder:"CHAT|FPR"`
	Count int    `short:"n" name:"count" default:"50" help:"${help_history_count}" placeholder:"COUNT"`
}

func (c *pinsCmd) Run(ctx context.Context, a *app) error {
	if err := checkPage(c.Count); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := clientrpc.PinnedParams{Chat: c.Chat}
	for left := c.Count; ; {
		p.Count = min(left, clientrpc.PageMax)
		r, err := clientrpc.Pinned.Call(ctx, conn, p)
		if err == nil {
			err = a.list(r.Messages)
		}
		left -= len(r.Messages)
		if err != nil || r.Next == "" || left <= 0 {
			return err
		}
		p.Next = r.Next
	}
}
