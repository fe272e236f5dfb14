package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

type sendCmd struct {
	To      string        `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Reply   string        `help:"${help_send_reply}" placeholder:"ID"`
	Quote   string        `help:"${help_send_quote}"`
	Markup  bool          `help:"${help_send_markup}"`
	Silent  bool          `help:"${help_send_silent}"`
	Secure  bool          `help:"${help_send_secure}"`
	At      string        `help:"${help_send_at}"`
	Expire  time.Duration `help:"${help_send_expire}"`
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10s" help:"${help_timeout}"`
	Text    string        `arg:"" help:"${help_send_text}"`
}

func (c *sendCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	text, err := c.text(a)
	if err != nil {
		return err
	}
	p := clientrpc.SendParams{To: c.To, Text: text, Wait: c.Wait, Timeout: c.Timeout, Markup: c.Markup, Silent: c.Silent, Secure: c.Secure, Expire: c.Expire}
	if p.At, err = moment(c.At, time.Now()); err != nil {
		return err
	}
	rand.Read(p.ID[:])
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.Reply != "" {
		id, err := a.messageID(ctx, conn, c.Reply, "")
		if err != nil {
			return err
		}
		p.Reply = &clientrpc.ReplyTo{Message: id, Quote: c.Quote}
	}
	a.sending = true
	r, err := clientrpc.Send.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	return a.delivery(ctx, c.To, c.Wait, i18n.Text{}, r)
}

// delivery prints what was done, or sent, and how far that got, and chooses the exit
// code.
func (a *app) delivery(ctx context.Context, to, wait string, did i18n.Text, r *clientrpc.SendResult) error {
	state := a.text("state." + r.State)
	switch {
	case a.json:
		if err := a.line(map[string]any{"id": r.ID, "chat": r.Chat, "state": r.State}); err != nil {
			return err
		}
	case did.IsZero() || r.State == clientrpc.StateFailed:
		a.learn(ctx, r.ID)
		a.printf("%s %s  %s\n", ticks[r.State], state, a.short(r.ID))
	case did.Key == "did.removeforme": // nobody else hears of it
		a.printf("%s %s\n", ticks[r.State], did.In(a.lang))
	default:
		a.printf("%s %s\n", ticks[r.State], a.text("did", did.In(a.lang), state))
	}
	return a.sent(to, wait, r)
}

// text is what is to be sent. Of one that is too long only the size is read.
func (c *sendCmd) text(a *app) (string, error) {
	text, size := c.Text, int64(len(c.Text))
	for _, arg := range a.args { // the library mends what is not UTF-8
		if !utf8.ValidString(arg) {
			text = arg
		}
	}
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.stdin, omega.MaxText+1))
		if err != nil {
			return "", err
		}
		more, err := io.Copy(io.Discard, a.stdin)
		if err != nil {
			return "", err
		}
		text, size = string(b), int64(len(b))+more
		if line, ended := strings.CutSuffix(text, "\n"); ended && more == 0 { // as echo and editors end it
			text = strings.TrimSuffix(line, "\r")
			size -= int64(len(b) - len(text))
		}
	}
	return text, client.CheckText(i18n.T("doing.send", c.To), text, size)
}

// sent chooses the exit code of a message that did not get as far as wanted.
func (a *app) sent(to, wait string, r *clientrpc.SendResult) error {
	a.told = true
	reached := map[string]int{clientrpc.StateQueued: 0, clientrpc.StateStored: 1, clientrpc.StateDelivered: 2, clientrpc.StateRead: 3}
	wanted := map[string]int{"none": 0, "stored": 1, "delivered": 2, "read": 3}
	done := reached[r.State] >= wanted[wait] || r.State == clientrpc.StateScheduled
	switch {
	case done && r.Why == nil, r.Why != nil:
	case r.State == clientrpc.StateQueued:
		r.Why = &clientrpc.Error{
			Code: clientrpc.CodeOffline, Doing: i18n.T("doing.send", to), Why: i18n.T("why.notyet"), Next: i18n.T("next.queued"),
		}
	default:
		r.Why = &clientrpc.Error{
			Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.send", to), Why: i18n.T("why.not" + wait), Next: i18n.T("next.waits"),
		}
	}
	if r.Why != nil {
		a.showError(r.Why)
	}
	switch {
	case r.State == clientrpc.StateFailed:
		return silent{exitRefused}
	case done:
		return nil
	case r.Why.Code == clientrpc.CodeVerify:
		return silent{exitVerify}
	case r.State == clientrpc.StateQueued && r.Why.Code == clientrpc.CodeRefused: // this device was revoked
		return silent{exitRefused}
	case r.State == clientrpc.StateQueued:
		return silent{exitQueued}
	}
	return silent{exitTimeout}
}

type historyCmd struct {
	Chat   string `required:"" help:"${help_chat}" placeholder:"CHAT|FPR"`
	Count  int    `short:"n" name:"count" default:"50" help:"${help_history_count}" placeholder:"COUNT"`
	Before string `help:"${help_history_before}" placeholder:"ID" xor:"place"`
	At     string `help:"${help_history_at}" placeholder:"DATE" xor:"place"`
}

func (c *historyCmd) Run(ctx context.Context, a *app) error {
	if err := checkPage(c.Count); err != nil {
		return err
	}
	p := clientrpc.HistoryParams{Chat: c.Chat}
	var err error
	if p.At, err = parseDate("--at", c.At); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p.Chat = a.chatToRead(ctx, conn, c.Chat)
	if c.Before != "" {
		if p.Before, err = a.messageID(ctx, conn, c.Before, p.Chat); err != nil {
			return err
		}
	}
	if !p.At.IsZero() {
		p.Count = c.Count
		r, err := clientrpc.History.Call(ctx, conn, p)
		if err != nil {
			return err
		}
		return a.orNone(a.page(ctx, r.Messages, r.Notices), "none.after")
	}
	messages, notices, more, earlier, err := pages(ctx, conn, p, c.Count)
	if err != nil {
		return err
	}
	if earlier != "" && !a.json {
		fmt.Fprintf(a.stderr, "%s\n", a.text("history."+earlier))
	}
	if err := a.page(ctx, messages, notices); err != nil || !more || a.json {
		return a.orNone(err, "none.messages")
	}
	fmt.Fprintf(a.stderr, "%s\n", a.text("history.more", a.short(messages[0].ID)))
	return nil
}

// pages reads up to n messages, in as many pages as that takes. more: there are
// older ones; earlier: what is said of what was before the first one.
func pages(ctx context.Context, conn clientrpc.Conn, p clientrpc.HistoryParams, n int) (out []clientrpc.Message, notices []clientrpc.Notice, more bool, earlier string, err error) {
	for {
		p.Count = n - len(out)
		more = p.Count <= 0
		if more {
			p.Count = 1 // is there one?
		}
		r, err := clientrpc.History.Call(ctx, conn, p)
		switch {
		case err != nil:
			return nil, nil, false, "", err
		case len(r.Messages) == 0:
			return out, append(r.Notices, notices...), false, r.Earlier, nil // what came up before anybody wrote
		case more:
			return out, notices, true, "", nil
		}
		out, notices = append(r.Messages, out...), append(r.Notices, notices...)
		p.Before = r.Messages[0].ID
	}
}

// page prints messages, and what came up about the other account between them.
func (a *app) page(ctx context.Context, messages []clientrpc.Message, notices []clientrpc.Notice) error {
	if a.json {
		return a.list(ctx, messages)
	}
	a.learnMessages(ctx, messages)
	for i := range messages {
		for len(notices) > 0 && notices[0].Time.Before(cmp.Or(messages[i].Received, messages[i].Time)) {
			a.between(notices[0])
			notices = notices[1:]
		}
		a.message(ctx, messages[i])
	}
	for _, n := range notices {
		a.between(n)
	}
	return nil
}

// between prints what came up about the other account of a chat, or about one that goes on
// as it.
func (a *app) between(n clientrpc.Notice) {
	text := a.advice("notice."+n.Kind, n.Sequence)
	if n.Kind == clientrpc.NoticeSucceeded {
		key := "history.goneon"
		if n.Settled.IsZero() {
			key = "history.goneon.ask"
		}
		text = a.text(key, cmp.Or(safe(n.Name), n.Account.String()), n.Successor)
	}
	a.printf("%s\n", a.text("history.notice", a.clock(n.Time), text))
}

func (a *app) list(ctx context.Context, messages []clientrpc.Message) error {
	a.learnMessages(ctx, messages)
	for _, m := range messages {
		if !a.json {
			a.message(ctx, m)
		} else if err := a.line(m); err != nil {
			return err
		}
	}
	return nil
}

// quoted writes a path as a shell reads it.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return r < 0x80 && !plain(r) }) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%", r)
}

// checkCount refuses a number of messages that there cannot be.
func checkCount(n int) error {
	if n < 0 {
		return badValue(i18n.T("why.parse.negative", "--count"))
	}
	return nil
}

// checkPage is checkCount for commands that print so many at most: none at all
// is not worth a command.
func checkPage(n int) error {
	if n == 0 {
		return badValue(i18n.T("why.parse.zero", "--count"))
	}
	return checkCount(n)
}

func checkTimeout(d time.Duration) error {
	if d < 0 {
		return badValue(i18n.T("why.parse.negative", "--timeout"))
	}
	return nil
}

// badValue is the error of a flag whose value cannot be used.
func badValue(why i18n.Text) error {
	return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: why, Next: i18n.T("next.help")}
}
