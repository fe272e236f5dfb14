package tui

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// askReport asks where what somebody wrote is to be kept, as evidence with its signatures,
// and blocks who wrote it. Nobody is told.
func (m *Model) askReport(who omega.Fingerprint, name string) tea.Cmd {
	f := &form{title: m.text("tui.report"), note: m.text("tui.report.note", name), fields: []*field{{label: m.text("tui.report.dir"), note: m.text("tui.report.dirnote")}}}
	f.fields[0].edit.set(filepath.Join(m.opts.Downloads, "omega-report-"+m.now().Format(time.DateOnly)+"-"+who.String()[:8]))
	f.submit = func(m *Model, f *form) tea.Cmd {
		p := clientrpc.ReportParams{ContactRef: clientrpc.ContactRef{Account: who.String()}}
		if dir := strings.TrimSpace(f.value(0)); dir != "" {
			var err error
			if p.Dir, err = absolute(dir); err != nil {
				f.problem = err.Error()
				return nil
			}
		}
		return m.run(report(f.works(m), p))
	}
	m.push(f)
	return nil
}

func report(turn int, p clientrpc.ReportParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.ReportContact.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			text := m.text("contact.reportednone")
			if r.Dir != "" {
				text = m.text("contact.reported", r.Messages, m.clean(r.Dir))
			}
			m.push(&sheet{title: m.text("tui.report"), body: []span{{text: text}}})
			return nil
		}}
	}
}

// reportAuthor reports who wrote a message.
func (m *Model) reportAuthor(e *entry) tea.Cmd {
	return m.askReport(e.msg.From, m.called(e.msg.Name, e.msg.From))
}

// others reports whether a message is of somebody who can be reported.
func others(m *Model, msg *clientrpc.Message) bool {
	return !msg.Service && msg.State == "" && !msg.From.IsZero() && m.me != nil && msg.From != m.me.Fingerprint && (m.chat() == nil || m.chat().Kind != clientrpc.ChatImported)
}
