package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

type statusCmd struct {
	running
	JSON bool `name:"json" help:"${help_json_line}"`
}

// Run shows how a running server stands. One that is refused, that cannot meet
// its cloud, or whose clock is wrong, is exit code 1.
func (c *statusCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	admin, err := c.admin()
	if err != nil {
		return adminFailure(err)
	}
	s, err := node.FetchStatus(ctx, admin)
	if err != nil {
		return adminFailure(err)
	}
	lang := i18n.Detect(os.Getenv)
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(s)
	} else {
		err = printStatus(os.Stdout, lang, s)
	}
	if r := s.Refused; r != nil && err == nil {
		return &i18n.Error{Text: i18n.T("why.refused", r.By, i18n.T("refusal."+r.Reason).In(lang), harmless(r.Text), i18n.T("refused."+r.Reason, r.By).In(lang))}
	}
	if s.Clock != nil && err == nil {
		return &i18n.Error{Text: i18n.T("why.clock."+s.Clock.Direction(), s.Clock.Off(), s.Clock.Servers)}
	}
	if len(s.Unmet) > 0 && err == nil {
		return &i18n.Error{Text: i18n.T("why.apart", entryLines(s.Unmet, lang))}
	}
	return err
}

func printStatus(w io.Writer, lang i18n.Lang, s node.Status) error {
	p := &printer{w: w, lang: lang}
	p.line("status.server", s.Server, s.Name, s.Version)
	p.line("status.cloud", p.word("join.state."+s.Cloud), s.Members)
	p.line("status.state", p.word("status.state."+s.State), s.Links)
	registration := p.word("site.reg." + s.Registration)
	if s.Joining {
		registration = p.word("status.joining")
	}
	p.line("status.registration", registration)
	p.line("status.users", s.Entries, s.Sessions)
	if s.Refused != nil {
		p.line("status.again", s.Refused.Again.Local().Format(time.DateTime))
	}
	return p.err
}
