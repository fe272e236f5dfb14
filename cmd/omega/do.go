package main

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// doCmd runs a line as a person types it into a chat. omega send never does: a
// script's text is a text, whatever it begins with.
type doCmd struct {
	Chat    string        `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Reply   string        `help:"${help_do_reply}" placeholder:"ID"`
	Menu    bool          `help:"${help_do_menu}"`
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
	Words   []string      `arg:"" optional:"" name:"text" help:"${help_do_text}"`
}

func (c *doCmd) Run(ctx context.Context, a *app) error {
	text := strings.Join(c.Words, " ") // a command is a line: nobody has to quote it
	if c.Menu || text == "" {
		return everyPart(ctx, a, clientrpc.Commands, clientrpc.CommandsParams{Chat: c.Chat, Typed: text}, "none.commands", a.commandLines)
	}
	p := clientrpc.RunCommandParams{Chat: c.Chat, Text: text, Delivery: clientrpc.Delivery{Wait: c.Wait, Timeout: c.Timeout}}
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	rand.Read(p.ID[:])
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.Reply != "" {
		if p.Reply, err = a.messageID(ctx, conn, c.Reply, c.Chat); err != nil {
			return err
		}
	}
	a.sending = true
	r, err := clientrpc.RunCommand.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	return a.commandDone(ctx, c, r)
}

// slashDid are the words for what commands did that send something else than a text.
var slashDid = map[string]string{
	"recall": "did.it.remove", "edit": "did.it.edit", "react": "did.it.react", "pin": "did.it.pin", "unpin": "did.it.unpin", "add": "did.it.line",
}

// commandDone prints what a command did.
func (a *app) commandDone(ctx context.Context, c *doCmd, r *clientrpc.CommandResult) error {
	if a.json {
		if err := a.line(r); err != nil || r.Sent == nil {
			return err
		}
		return a.sent(c.Chat, c.Wait, r.Sent)
	}
	if !r.Done.IsZero() {
		a.printf("%s\n", safe(r.Done.In(a.lang)))
	}
	if r.Link != "" {
		a.printf("%s\n", r.Link)
	}
	for _, m := range r.Members {
		a.columns(m.Account.String(), a.named(m.Name, m.SelfNamed), a.roleName(m.Role))
	}
	if err := a.list(ctx, r.Messages); err != nil {
		return err
	}
	if err := a.commandLines(clientrpc.CommandsResult{Commands: r.Commands}); err != nil || r.Sent == nil {
		return err
	}
	var did i18n.Text
	if key, ok := slashDid[r.Command]; ok {
		did = i18n.T(key)
	}
	return a.delivery(ctx, c.Chat, c.Wait, did, r.Sent)
}

// commandLines prints a menu.
func (a *app) commandLines(r clientrpc.CommandsResult) error {
	for _, m := range r.Commands {
		if a.json {
			if err := a.line(m); err != nil {
				return err
			}
			continue
		}
		arg := ""
		if !m.Arg.IsZero() {
			arg = " " + m.Arg.In(a.lang)
		}
		name, others := commandNames(&m, a.lang)
		a.printf("/%s%s  %s\n    %s\n", name, arg, "/"+strings.Join(others, " /"), m.Text.In(a.lang))
	}
	return a.failed
}

// commandNames is how a command is called in a language, and how else.
func commandNames(m *clientrpc.Command, l i18n.Lang) (name string, others []string) {
	isHan := func(s string) bool {
		r, _ := utf8.DecodeRuneInString(s)
		return unicode.Is(unicode.Han, r)
	}
	i := slices.IndexFunc(m.Aliases, isHan)
	if l != i18n.Chinese || i < 0 {
		return m.Name, m.Aliases
	}
	return m.Aliases[i], append(slices.Delete(slices.Clone(m.Aliases), i, i+1), m.Name)
}
