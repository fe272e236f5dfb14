package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

// adminTimeout is more than what the admin listener is asked for takes.
const adminTimeout = 10 * time.Second

// running is a server on this machine that a command asks something of.
type running struct {
	Config string `type:"existingfile" xor:"where" required:"" help:"${help_running_config}" placeholder:"FILE"`
	At     string `name:"server" xor:"where" required:"" help:"${help_trace_at}" placeholder:"ADDRESS"`
}

// flag names it in another command.
func (r *running) flag() string {
	if r.At != "" {
		return "--server " + r.At
	}
	return "--config '" + strings.ReplaceAll(r.Config, "'", `'\''`) + "'"
}

// admin is where it listens to its operator.
func (r *running) admin() (string, error) {
	if r.At != "" {
		return r.At, nil
	}
	cfg, err := node.LoadConfig(r.Config)
	if err != nil {
		return "", err
	}
	return cfg.AdminAddress()
}

// A life is a duration that may be written in days: 7d, 36h.
type life time.Duration

// UnmarshalText reads a life.
func (l *life) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n > 0 && n < 1e4 {
			*l = life(n * float64(24*time.Hour))
			return nil
		}
	} else if d, err := time.ParseDuration(s); err == nil {
		*l = life(d)
		return nil
	}
	return fmt.Errorf("%q is not a time such as 36h or 7d", s)
}

type inviteCmd struct {
	running
	Uses    int    `default:"1" help:"${help_invite_uses}"`
	Expires life   `default:"7d" help:"${help_invite_expires}"`
	Note    string `help:"${help_invite_note}" placeholder:"TEXT"`
	JSON    bool   `name:"json" help:"${help_json_line}"`
}

// Run makes an invite.
func (c *inviteCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	admin, err := c.admin()
	if err != nil {
		return inviteFailure(err)
	}
	made, err := node.MakeInvite(ctx, admin, node.InviteOrder{Uses: c.Uses, Life: time.Duration(c.Expires), Note: c.Note})
	if err != nil {
		return inviteFailure(err)
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(made)
	}
	return printInvite(os.Stdout, i18n.Detect(os.Getenv), c.flag(), made)
}

func printInvite(w io.Writer, lang i18n.Lang, flag string, made node.InviteAnswer) error {
	p := &printer{w: w, lang: lang}
	p.line("invite.made", made.Uses, stamp(made.Expires))
	p.line("invite.link", made.Link)
	p.line("invite.code", made.Code)
	p.line("invite.revoke", made.ID, flag)
	if strings.Contains(made.Link, "@HOST:") {
		p.line("invite.host")
	}
	if made.Registration != "invite" {
		p.line("invite.policy", made.Registration)
	}
	return p.err
}

// stamp is a time as tools write it.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

type invitesCmd struct {
	running
	JSON bool `name:"json" help:"${help_invites_json}"`
}

// Run lists the invites.
func (c *invitesCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	admin, err := c.admin()
	if err != nil {
		return inviteFailure(err)
	}
	list, err := node.Invites(ctx, admin)
	if err != nil {
		return inviteFailure(err)
	}
	if !c.JSON {
		return printInvites(os.Stdout, i18n.Detect(os.Getenv), list, time.Now())
	}
	for _, i := range list {
		if err := json.NewEncoder(os.Stdout).Encode(i); err != nil {
			return err
		}
	}
	return nil
}

func printInvites(w io.Writer, lang i18n.Lang, list []node.Invite, now time.Time) error {
	p := &printer{w: w, lang: lang}
	if len(list) == 0 {
		p.line("invite.none")
	}
	for _, i := range list {
		state := "invite.good"
		switch {
		case len(i.Accounts) >= i.Uses:
			state = "invite.usedup"
		case i.Left(now) <= 0:
			state = "invite.expired"
		}
		row := i18n.T("invite.line", i.ID, len(i.Accounts), i.Uses, i18n.T(state, stamp(i.Expires)).In(lang), harmless(i.Note)).In(lang)
		p.text(strings.TrimSpace(row))
		for _, a := range i.Accounts {
			p.line("invite.account", a)
		}
	}
	return p.err
}

// harmless makes a note one line that steers no terminal.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if i18n.Harmless(r) {
			return r
		}
		return '\ufffd'
	}, s)
}

type revokeInviteCmd struct {
	running
	ID string `arg:"" help:"${help_revoke_id}" placeholder:"ID|CODE"`
}

// Run ends an invite.
func (c *revokeInviteCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	admin, err := c.admin()
	if err != nil {
		return inviteFailure(err)
	}
	i, err := node.RevokeInvite(ctx, admin, c.ID)
	if err != nil {
		return inviteFailure(err)
	}
	return say("invite.revoked", i.ID, len(i.Accounts))
}

// inviteFailure puts into words why the server did not do it.
func inviteFailure(err error) error {
	for key, is := range map[string]error{
		"why.invite.none": node.ErrNoInvite, "why.invite.bounds": node.ErrInviteBounds, "why.invite.many": node.ErrTooManyInvites,
	} {
		if errors.Is(err, is) {
			return &i18n.Error{Text: i18n.T(key), Err: errors.Join(err, errUsage)}
		}
	}
	return adminFailure(err)
}

// adminFailure says why a running server could not be asked.
func adminFailure(err error) error {
	switch {
	case errors.Is(err, node.ErrNoAdmin):
		return &i18n.Error{Text: i18n.T("why.admin.off"), Err: err}
	case errors.Is(err, node.ErrNotRunning):
		return &i18n.Error{Text: i18n.T("why.admin.down", err), Err: err}
	}
	return err
}
