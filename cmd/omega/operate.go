package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"
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

	Reactions reactionsCmd `cmd:"" help:"${help_reactions}"`
}

// messageHelp are their texts, as helpKeys are those of other commands.
var messageHelp = []string{
	"forward", "forward_hide", "edit", "edit_text", "remove", "remove_forme", "remove_ids", "react", "react_emoji", "reactions", "reactions_emoji", "pin", "unpin", "pins",
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

// ref is the message that it names.
func (o *one) ref(ctx context.Context, a *app, conn clientrpc.Conn) (clientrpc.MessageRef, error) {
	id, err := a.messageID(ctx, conn, o.Message, o.Chat)
	return clientrpc.MessageRef{Message: id, Chat: o.Chat}, err
}

// newID makes the id of what is sent next.
func newID() (id omega.ID) {
	rand.Read(id[:])
	return id
}

// operation calls the core, which sends something new, and shows how far that got.
func operation[Req any](ctx context.Context, a *app, to string, d delivered, m clientrpc.Method[Req, *clientrpc.SendResult], req Req) error {
	return operate(ctx, a, to, d, "", m, func(clientrpc.Conn) (Req, string, error) { return req, "", nil })
}

// about is operation for what is done to one message; did says what that is.
func about[Req any](ctx context.Context, a *app, o one, d delivered, did string, m clientrpc.Method[Req, *clientrpc.SendResult], req func(clientrpc.MessageRef) Req) error {
	return operate(ctx, a, o.Message, d, did, m, func(conn clientrpc.Conn) (r Req, short string, err error) {
		ref, err := o.ref(ctx, a, conn)
		if err != nil {
			return r, "", err
		}
		a.learn(ctx, ref.Message)
		return req(ref), a.short(ref.Message), nil
	})
}

// operate calls the core with what make makes, and says what was done to the message
// that it names.
func operate[Req any](ctx context.Context, a *app, to string, d delivered, did string, m clientrpc.Method[Req, *clientrpc.SendResult], make func(clientrpc.Conn) (Req, string, error)) error {
	if err := checkTimeout(d.Timeout); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	req, short, err := make(conn)
	if err != nil {
		return err
	}
	a.sending = true
	r, err := m.Call(ctx, conn, req)
	if err != nil {
		return err
	}
	var done i18n.Text
	if did != "" {
		done = i18n.T(did, short)
	}
	return a.delivery(ctx, to, d.Wait, done, r)
}

type forwardCmd struct {
	one
	To         string `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	HideOrigin bool   `help:"${help_forward_hide}"`
	delivered
}

func (c *forwardCmd) Run(ctx context.Context, a *app) error {
	return about(ctx, a, c.one, c.delivered, "did.forward", clientrpc.Forward, func(ref clientrpc.MessageRef) clientrpc.ForwardParams {
		return clientrpc.ForwardParams{ID: newID(), MessageRef: ref, To: c.To, HideOrigin: c.HideOrigin, Delivery: c.params()}
	})
}

type editCmd struct {
	one
	Text   string `arg:"" help:"${help_edit_text}"`
	Markup bool   `help:"${help_send_markup}"`
	delivered
}

func (c *editCmd) Run(ctx context.Context, a *app) error {
	text, err := (&sendCmd{To: c.Message, Text: c.Text}).text(a)
	if err != nil {
		return err
	}
	return about(ctx, a, c.one, c.delivered, "did.edit", clientrpc.Edit, func(ref clientrpc.MessageRef) clientrpc.EditParams {
		return clientrpc.EditParams{ID: newID(), MessageRef: ref, Text: text, Markup: c.Markup, Delivery: c.params()}
	})
}

type removeCmd struct {
	Messages []string `arg:"" name:"id" help:"${help_remove_ids}"`
	Chat     string   `help:"${help_message_chat}" placeholder:"CHAT|FPR"`
	ForMe    bool     `help:"${help_remove_forme}"`
	delivered
}

func (c *removeCmd) Run(ctx context.Context, a *app) error {
	did := "did.remove"
	if c.ForMe {
		did = "did.removeforme"
	}
	return operate(ctx, a, c.Messages[0], c.delivered, did, clientrpc.Remove, func(conn clientrpc.Conn) (p clientrpc.RemoveParams, short string, err error) {
		p = clientrpc.RemoveParams{ID: newID(), Chat: c.Chat, ForMe: c.ForMe, Delivery: c.params()}
		p.Messages, short, err = a.messageIDs(ctx, conn, c.Messages, c.Chat)
		return p, short, err
	})
}

type reactCmd struct {
	one
	Emoji []string `arg:"" optional:"" help:"${help_react_emoji}"`
	delivered
}

func (c *reactCmd) Run(ctx context.Context, a *app) error {
	did := "did.react"
	if len(c.Emoji) == 0 {
		did = "did.unreact"
	}
	return about(ctx, a, c.one, c.delivered, did, clientrpc.React, func(ref clientrpc.MessageRef) clientrpc.ReactParams {
		return clientrpc.ReactParams{ID: newID(), MessageRef: ref, Emoji: slices.Clone(c.Emoji), Delivery: c.params()}
	})
}

type reactionsCmd struct {
	one
	Emoji string `arg:"" optional:"" help:"${help_reactions_emoji}"`
}

// Run prints who said what of a message by emoji: one emoji, or all. Of a channel's subscribers
// it says how many are only counted.
func (c *reactionsCmd) Run(ctx context.Context, a *app) error {
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
	err = clientrpc.Each(ctx, conn, clientrpc.Reactors, clientrpc.ReactorsParams{MessageRef: ref, Emoji: c.Emoji}, a.reactors)
	if m.Counted == nil || m.Counted.Known || a.json {
		return a.orNone(err, "none.reactions")
	}
	if line := a.countedLine(&m); err == nil && line != "" {
		a.printf("%s\n", line)
	}
	return err
}

// reactors prints some of them.
func (a *app) reactors(r clientrpc.ReactorsResult) error {
	for _, w := range r.Reactors {
		if !a.json {
			a.columns(safe(strings.Join(w.Emoji, " ")), cmp.Or(safe(w.Name), keyID(w.Account)), a.whenOrSubscriber(w.Time, w.Subscriber))
		} else if err := a.line(w); err != nil {
			return err
		}
	}
	return a.failed
}

// whenOrSubscriber is when somebody said something: of a channel's subscriber, that it is one.
func (a *app) whenOrSubscriber(at time.Time, subscriber bool) string {
	if subscriber {
		return a.text("group.role.subscriber")
	}
	return a.clock(at)
}

type pinCmd struct {
	one
	delivered
}

func (c *pinCmd) Run(ctx context.Context, a *app) error { return c.pin(ctx, a, true, "did.pin") }

func (c *pinCmd) pin(ctx context.Context, a *app, pinned bool, did string) error {
	return about(ctx, a, c.one, c.delivered, did, clientrpc.Pin, func(ref clientrpc.MessageRef) clientrpc.PinParams {
		return clientrpc.PinParams{ID: newID(), MessageRef: ref, Pinned: pinned, Delivery: c.params()}
	})
}

type unpinCmd struct{ pinCmd }

func (c *unpinCmd) Run(ctx context.Context, a *app) error { return c.pin(ctx, a, false, "did.unpin") }

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
			err = a.list(ctx, r.Messages)
		}
		left -= len(r.Messages)
		if err != nil || r.Next == "" || left <= 0 {
			return a.orNone(err, "none.pins")
		}
		p.Next = r.Next
	}
}
