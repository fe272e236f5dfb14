package client

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/slash"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// A typed command, and the chat that it was typed into.
type typed struct {
	clientrpc.RunCommandParams
	slash.Call
	doing i18n.Text
	id    omega.ChatID
}

// runs is what each command does.
var runs = map[string]func(*Client, context.Context, *typed, *clientrpc.CommandResult) error{
	"archive":   setting(func(p *clientrpc.SetChatParams) { p.Archived = &yes }),
	"unarchive": setting(func(p *clientrpc.SetChatParams) { p.Archived = &no }),
	"top":       setting(func(p *clientrpc.SetChatParams) { p.Top = &yes }),
	"untop":     setting(func(p *clientrpc.SetChatParams) { p.Top = &no }),
	"unmute":    setting(func(p *clientrpc.SetChatParams) { p.Muted = &time.Time{} }),
	"read":      setting(func(p *clientrpc.SetChatParams) { p.Read = true }),
	"unread":    setting(func(p *clientrpc.SetChatParams) { p.Marked = &yes }),
	"mute":      (*Client).slashMute,
	"receipts":  (*Client).slashReceipts,

	"me":     (*Client).slashMe,
	"silent": (*Client).slashSilent,
	"at":     (*Client).slashLater,
	"expire": (*Client).slashLater,

	"recall": (*Client).slashRemove,
	"delete": (*Client).slashRemove,
	"edit":   (*Client).slashEdit,
	"react":  (*Client).slashReact,
	"pin":    (*Client).slashPin,
	"unpin":  (*Client).slashPin,
	"pins":   (*Client).slashPins,
	"search": (*Client).slashSearch,

	"poll":    (*Client).slashPoll,
	"jielong": (*Client).slashList,
	"add":     (*Client).slashLine,

	"about":   (*Client).slashProfile,
	"title":   (*Client).slashProfile,
	"invite":  (*Client).slashPeople,
	"remove":  (*Client).slashPeople,
	"admin":   (*Client).slashPeople,
	"leave":   (*Client).slashLeave,
	"link":    (*Client).slashLink,
	"members": (*Client).slashMembers,

	"secure": (*Client).slashSecure,
	"server": (*Client).slashServer,
	"help":   (*Client).slashHelp,
}

var yes, no = true, false

// setting is a command that changes how the chat stands.
func setting(change func(*clientrpc.SetChatParams)) func(*Client, context.Context, *typed, *clientrpc.CommandResult) error {
	return func(c *Client, ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
		p := clientrpc.SetChatParams{Chat: t.Chat}
		change(&p)
		_, err := c.setChat(ctx, p)
		return err
	}
}

// runCommand answers clientrpc.RunCommand.
func (c *Client) runCommand(ctx context.Context, p clientrpc.RunCommandParams) (*clientrpc.CommandResult, error) {
	call, is, text := slash.Parse(p.Text)
	out := &clientrpc.CommandResult{}
	if !is {
		send := clientrpc.SendParams{ID: p.ID, To: p.Chat, Text: text, Markup: p.Markup, Wait: p.Wait, Timeout: p.Timeout}
		if !p.Reply.IsZero() {
			send.Reply = &clientrpc.ReplyTo{Message: p.Reply}
		}
		sent, err := c.send(ctx, send)
		out.Sent = sent
		return out, err
	}
	if p.Markup && call.Command != nil && !marked[call.Command.Name] {
		call.Arg = unmarked(call.Arg, call.Command.Arg == slash.ArgPeople)
	}
	t := &typed{RunCommandParams: p, Call: call, doing: i18n.T("doing.command", "/"+call.Name)}
	if call.Command == nil {
		return nil, fail(clientrpc.CodeUsage, t.doing, i18n.T("why.nocommand", "/"+call.Name), i18n.T("next.nocommand"), nil)
	}
	scope, id, err := c.slashScope(ctx, t.doing, p.Chat)
	if err != nil {
		return nil, err
	}
	t.id = id
	switch needs := call.Command.Arg; {
	case call.Command.Scope&scope == 0:
		return nil, fail(clientrpc.CodeUsage, t.doing, i18n.T("why.commandhere", "/"+call.Name), i18n.T("next.nocommand"), nil)
	case call.Arg == "" && !slices.Contains([]string{slash.ArgNone, slash.ArgDuration, slash.ArgMessage, slash.ArgCommand}, needs):
		return nil, t.usage()
	case call.Arg != "" && needs == slash.ArgNone:
		return nil, t.usage()
	}
	out.Command = call.Command.Name
	if out.Sent, err = c.done(ctx, p.ID); out.Sent != nil || err != nil {
		return out, err // the call is repeated
	}
	if err := runs[call.Command.Name](c, ctx, t, out); err != nil {
		return nil, err
	}
	if out.Sent == nil && out.Done.IsZero() && out.Commands == nil && out.Messages == nil && out.Members == nil && out.Link == "" {
		out.Done = i18n.T("slash.done." + out.Command)
	}
	return out, nil
}

// marked are the commands whose argument is, or ends with, a text as a person typed it,
// whose marks mean something.
var marked = map[string]bool{"silent": true, "at": true, "expire": true, "edit": true}

// callMark is a mark that calls somebody, as faces write it of who was chosen.
var callMark = regexp.MustCompile(`@\[([^\[\]\n]+)\]\(([0-9A-Fa-f]{40,64})\)`)

// unmarked is an argument in which such marks mean nothing: the name is left, or, where a
// command is about people, who is meant.
func unmarked(arg string, people bool) string {
	if people {
		return callMark.ReplaceAllString(arg, "$2")
	}
	return callMark.ReplaceAllString(arg, "@$1")
}

// usage says how a command is typed.
func (t *typed) usage() error {
	next := i18n.T("slash.usage", "/"+t.Name)
	if t.Command.Arg != slash.ArgNone {
		next = i18n.T("slash.usage."+t.Command.Arg, "/"+t.Name)
	}
	return fail(clientrpc.CodeUsage, t.doing, i18n.T("why.usage"), next, nil)
}

// done is what became of what a call with this id sent already; nil if none did.
func (c *Client) done(ctx context.Context, id omega.ID) (*clientrpc.SendResult, error) {
	var out *clientrpc.SendResult
	err := c.db.View(ctx, func(tx *history.Tx) error {
		row, err := tx.Message(id)
		if err == nil && row.Own {
			out = &clientrpc.SendResult{ID: id, Chat: row.Chat, State: row.State}
		}
		return ignoreNotFound(err)
	})
	return out, err
}

// slashScope says what kind a chat is of. One with an account that nobody wrote to
// yet is direct.
func (c *Client) slashScope(ctx context.Context, doing i18n.Text, text string) (scope slash.Scope, id omega.ChatID, err error) {
	d, err := c.resolve(ctx, text)
	if err != nil {
		return 0, id, err
	}
	id = c.chatAt(d)
	switch {
	case d.peer.IsZero():
		return slash.Group, id, nil
	case d.peer == c.acc.Fingerprint:
		return slash.Saved, id, nil
	case d.secure:
		return slash.Secure, id, nil
	}
	return slash.Direct, id, nil
}

// listCommands answers clientrpc.Commands.
func (c *Client) listCommands(ctx context.Context, p clientrpc.CommandsParams) (out clientrpc.CommandsResult, err error) {
	scope := slash.Everywhere
	if p.Chat != "" {
		if scope, _, err = c.slashScope(ctx, i18n.T("doing.commands"), p.Chat); err != nil {
			return out, err
		}
	}
	place := map[string]string{}
	for i, m := range slash.Complete(p.Typed, scope) {
		out.Commands = append(out.Commands, showCommand(m))
		place[m.Name] = fmt.Sprintf("%03d", i)
	}
	out.Commands, out.Rest, err = part(out.Commands, p.Page, func(m *clientrpc.Command) string { return place[m.Name] })
	return out, err
}

func showCommand(m slash.Match) clientrpc.Command {
	out := clientrpc.Command{Name: m.Name, Typed: m.Typed, Aliases: m.Aliases, Text: i18n.T("slash." + m.Name)}
	if m.Arg != slash.ArgNone {
		out.Arg = i18n.T("slash.arg." + m.Arg)
	}
	for _, s := range []struct {
		scope slash.Scope
		name  string
	}{{slash.Direct, clientrpc.ChatDirect}, {slash.Group, clientrpc.ChatGroup}, {slash.Saved, clientrpc.ChatSaved}, {slash.Secure, clientrpc.ChatSecure}} {
		if m.Scope&s.scope != 0 {
			out.Where = append(out.Where, s.name)
		}
	}
	return out
}

func (c *Client) slashHelp(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	r, err := c.listCommands(ctx, clientrpc.CommandsParams{Chat: t.Chat, Typed: t.Arg})
	if err == nil && len(r.Commands) == 0 {
		return fail(clientrpc.CodeUsage, t.doing, i18n.T("why.nocommand", t.Arg), i18n.T("next.nocommand"), nil)
	}
	out.Commands = r.Commands
	return err
}

func (c *Client) slashMute(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	until := clientrpc.MutedForGood
	if t.Arg != "" {
		d, ok := duration(t.Arg)
		if !ok {
			return t.usage()
		}
		until = c.cfg.now().Add(d)
	}
	_, err := c.setChat(ctx, clientrpc.SetChatParams{Chat: t.Chat, Muted: &until})
	return err
}

func (c *Client) slashReceipts(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	var off bool
	switch strings.ToLower(t.Arg) {
	case "on", "開":
	case "off", "關":
		off = true
	default:
		return t.usage()
	}
	_, err := c.setChat(ctx, clientrpc.SetChatParams{Chat: t.Chat, NoRead: &off})
	return err
}

// units of durations as people write them, the longer names first.
var units = []struct {
	name string
	of   time.Duration
}{
	{"小時", time.Hour}, {"分鐘", time.Minute}, {"天", 24 * time.Hour}, {"時", time.Hour}, {"分", time.Minute}, {"秒", time.Second},
	{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
}

// duration reads 1h30m, 2d, 8小時; at least a second, at most MaxAhead.
func duration(text string) (d time.Duration, ok bool) {
	for text != "" {
		end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if end < 1 || end > 6 {
			return 0, false
		}
		var n time.Duration
		for _, digit := range text[:end] {
			n = n*10 + time.Duration(digit-'0')
		}
		text = text[end:]
		i := slices.IndexFunc(units, func(u struct {
			name string
			of   time.Duration
		}) bool {
			return strings.HasPrefix(text, u.name)
		})
		if i < 0 {
			return 0, false
		}
		d, text = d+n*units[i].of, text[len(units[i].name):]
	}
	return d, d >= time.Second && d <= clientrpc.MaxAhead
}

// aboutWhich is the message that a command is about: the one whose id it was given, the
// one that is answered, or the last one in the chat that fits.
func (c *Client) aboutWhich(ctx context.Context, t *typed, fits func(*history.Row) bool) (omega.ID, error) {
	if t.Command.Arg == slash.ArgMessage && t.Arg != "" {
		found, err := c.messageID(ctx, clientrpc.MessageIDParams{Typed: t.Arg, Chat: t.id.String()})
		return found.ID, err
	}
	if !t.Reply.IsZero() {
		return t.Reply, nil
	}
	var id omega.ID
	err := c.db.View(ctx, func(tx *history.Tx) error {
		rows, err := tx.Page(t.id, omega.ID{}, pageMax)
		for i := len(rows) - 1; i >= 0 && err == nil; i-- {
			if r := &rows[i]; r.Verified && !r.Deleted && fits(r) {
				id = r.ID
				return nil
			}
		}
		return ignoreNotFound(err)
	})
	if err == nil && id.IsZero() {
		err = fail(clientrpc.CodeNotFound, t.doing, i18n.T("why.notarget"), i18n.T("next.notarget"), nil)
	}
	return id, err
}

func anyMessage(*history.Row) bool   { return true }
func ownMessage(r *history.Row) bool { return r.Own }

func (c *Client) slashRemove(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	forMe := t.Command.Name == "delete"
	fits := ownMessage
	if forMe {
		fits = anyMessage
	}
	id, err := c.aboutWhich(ctx, t, fits)
	if err != nil {
		return err
	}
	sent, err := c.remove(ctx, clientrpc.RemoveParams{ID: t.ID, Chat: t.Chat, Messages: []omega.ID{id}, ForMe: forMe, Delivery: t.Delivery})
	if !forMe {
		out.Sent = sent
	}
	return err
}

func (t *typed) ref(id omega.ID) clientrpc.MessageRef {
	return clientrpc.MessageRef{Message: id, Chat: t.Chat}
}

func (c *Client) slashEdit(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	id, err := c.aboutWhich(ctx, t, func(r *history.Row) bool { return r.Own && r.Content.Kind == chat.KindText })
	if err == nil {
		out.Sent, err = c.edit(ctx, clientrpc.EditParams{ID: t.ID, MessageRef: t.ref(id), Text: t.Arg, Markup: t.Markup, Delivery: t.Delivery})
	}
	return err
}

func (c *Client) slashReact(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	id, err := c.aboutWhich(ctx, t, anyMessage)
	if err == nil {
		out.Sent, err = c.react(ctx, clientrpc.ReactParams{ID: t.ID, MessageRef: t.ref(id), Emoji: strings.Fields(t.Arg), Delivery: t.Delivery})
	}
	return err
}

func (c *Client) slashPin(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	fits := anyMessage
	if t.Command.Name == "unpin" {
		fits = func(r *history.Row) bool { return r.Pinned }
	}
	id, err := c.aboutWhich(ctx, t, fits)
	if err == nil {
		out.Sent, err = c.pin(ctx, clientrpc.PinParams{ID: t.ID, MessageRef: t.ref(id), Pinned: t.Command.Name == "pin", Delivery: t.Delivery})
	}
	return err
}

func (c *Client) slashPins(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	r, err := c.pinned(ctx, clientrpc.PinnedParams{Chat: t.Chat})
	if out.Messages = r.Messages; err == nil && len(r.Messages) == 0 {
		out.Messages, out.Done = nil, i18n.T("slash.done.nopins")
	}
	return err
}

func (c *Client) slashSearch(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	r, err := c.search(ctx, clientrpc.SearchParams{Chat: t.Chat, Text: t.Arg})
	if err != nil {
		return err
	}
	for _, m := range r.Messages {
		out.Messages = append(out.Messages, m.Message)
	}
	if out.Messages == nil {
		out.Done = i18n.T("slash.done.nothing")
	}
	return nil
}

// sending is what a command sends as a text.
func (t *typed) sending(text string) clientrpc.SendParams {
	p := clientrpc.SendParams{ID: t.ID, To: t.Chat, Text: text, Markup: t.Markup, Wait: t.Wait, Timeout: t.Timeout}
	if !t.Reply.IsZero() {
		p.Reply = &clientrpc.ReplyTo{Message: t.Reply}
	}
	return p
}

func (c *Client) slashMe(ctx context.Context, t *typed, out *clientrpc.CommandResult) (err error) {
	name, err := c.ownNameNow(ctx)
	if err != nil {
		return err
	}
	p := t.sending(strings.TrimSpace(name + " " + t.Arg))
	p.Markup = false
	p.Entities = []clientrpc.Entity{{Type: chat.EntityItalic.String(), Length: uint32(chat.UTF16Len(p.Text))}}
	out.Sent, err = c.send(ctx, p)
	return err
}

func (c *Client) slashSilent(ctx context.Context, t *typed, out *clientrpc.CommandResult) (err error) {
	p := t.sending(t.Arg)
	p.Silent = true
	out.Sent, err = c.send(ctx, p)
	return err
}

// slashLater sends a text at another time, or for a time.
func (c *Client) slashLater(ctx context.Context, t *typed, out *clientrpc.CommandResult) (err error) {
	first, text, _ := strings.Cut(strings.ReplaceAll(t.Arg, "　", " "), " ")
	d, ok := duration(first)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return t.usage()
	}
	p := t.sending(text)
	if p.Expire = d; t.Command.Name == "at" {
		p.At, p.Expire = c.cfg.now().Add(d), 0
	}
	out.Sent, err = c.send(ctx, p)
	return err
}

// slashPoll asks: the question and the answers, by lines or by bars.
func (c *Client) slashPoll(ctx context.Context, t *typed, out *clientrpc.CommandResult) (err error) {
	parts := strings.FieldsFunc(t.Arg, func(r rune) bool { return r == '\n' || r == '|' || r == '｜' })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) < 3 {
		return t.usage()
	}
	out.Sent, err = c.ask(ctx, clientrpc.AskParams{ID: t.ID, To: t.Chat, Question: parts[0], Options: parts[1:], Delivery: t.Delivery})
	return err
}

func (c *Client) slashList(ctx context.Context, t *typed, out *clientrpc.CommandResult) (err error) {
	out.Sent, err = c.begin(ctx, clientrpc.BeginParams{ID: t.ID, To: t.Chat, Title: t.Arg, Delivery: t.Delivery})
	return err
}

func (c *Client) slashLine(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	id, err := c.aboutWhich(ctx, t, func(r *history.Row) bool { return r.Content.Kind == chat.KindList })
	if err == nil {
		out.Sent, err = c.line(ctx, clientrpc.LineParams{ID: t.ID, MessageRef: t.ref(id), Text: t.Arg, Delivery: t.Delivery})
	}
	return err
}

func (t *typed) group() clientrpc.GroupRef { return clientrpc.GroupRef{Group: t.id.String()} }

func (c *Client) slashProfile(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	p := clientrpc.ProfileGroupParams{GroupRef: t.group(), Name: &t.Arg}
	if t.Command.Name == "about" {
		p.Name, p.About = nil, &t.Arg
	}
	_, err := c.setProfile(ctx, p)
	return err
}

func (c *Client) slashPeople(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	p := clientrpc.GroupAccounts{GroupRef: t.group()}
	var err error
	if p.Accounts, err = c.commandPeople(ctx, t); err != nil {
		return err
	}
	switch t.Command.Name {
	case "invite":
		_, err = c.invite(ctx, p)
	case "remove":
		_, err = c.removeMembers(ctx, clientrpc.RemoveGroupParams{GroupAccounts: p})
	default:
		_, err = c.setRole(ctx, clientrpc.RoleGroupParams{GroupAccounts: p, Role: clientrpc.RoleAdmin})
	}
	return err
}

// commandPeople are the accounts that a command is about: fingerprints, or names of contacts
// with or without an @. What strangers call themselves would need a second look, and nobody
// is asked here. (spec/group.md, GROUP-36)
func (c *Client) commandPeople(ctx context.Context, t *typed) (out []omega.Fingerprint, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		for _, word := range strings.Fields(t.Arg) {
			if fp, ok := parseContact(word); ok {
				out = append(out, fp)
				continue
			}
			found, err := c.contactsNamed(tx, strings.TrimLeft(word, "@＠"))
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				return fail(clientrpc.CodeNotFound, t.doing, i18n.T("why.nocontact", word), i18n.T("slash.usage.people", "/"+t.Name), nil)
			case len(found) > 1:
				return fail(clientrpc.CodeUsage, t.doing, i18n.T("why.manycontacts", word, len(found)), i18n.T("next.byfpr"), nil)
			}
			out = append(out, found[0])
		}
		return nil
	})
	return out, err
}

func (c *Client) slashLeave(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	_, err := c.leaveGroup(ctx, t.group())
	return err
}

func (c *Client) slashLink(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	l, err := c.linkGroup(ctx, clientrpc.LinkGroupParams{GroupRef: t.group()})
	out.Link = l.Link
	return err
}

func (c *Client) slashSecure(ctx context.Context, t *typed, _ *clientrpc.CommandResult) error {
	_, err := c.startSecure(ctx, clientrpc.StartSecureParams{SecureRef: clientrpc.SecureRef{Peer: t.Chat}})
	return err
}

// slashServer says which server this device is connected to: by its name where that is
// known, and its address without the fingerprint.
func (c *Client) slashServer(_ context.Context, t *typed, out *clientrpc.CommandResult) error {
	now := c.connection()
	address, _, _ := strings.Cut(now.Server, "#")
	switch {
	case now.Problem != nil:
		return now.Problem
	case !now.Online:
		return fail(clientrpc.CodeOffline, t.doing, i18n.T("why.connecting"), i18n.T("next.network"), nil)
	case now.ServerName == "":
		out.Done = i18n.T("server.unnamed", address)
	default:
		out.Done = i18n.T("server.named", now.ServerName, address)
	}
	return nil
}

func (c *Client) slashMembers(ctx context.Context, t *typed, out *clientrpc.CommandResult) error {
	r, err := c.groupMembers(ctx, clientrpc.GroupListParams{GroupRef: t.group()})
	out.Members = r.Members
	return err
}
