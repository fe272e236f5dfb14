package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// statusMsg is how the core is doing.
type statusMsg struct{ status *clientrpc.StatusResult }

// fetchStatus looks for news of this account's devices, and notices about it.
func fetchStatus(ctx context.Context, core clientrpc.Conn) tea.Msg {
	s, err := clientrpc.Status.Call(ctx, core, clientrpc.None{})
	if err != nil {
		return nil // it is asked again with the next snapshot
	}
	return statusMsg{s}
}

// onStatus asks about devices that nobody here has added: whoever took over the
// account would add one. What else is to be known of the account stands above.
func (m *Model) onStatus(s *clientrpc.StatusResult) {
	said := m.ownNotices(s.Notices)
	var added, other clientrpc.DeviceNewsSeenParams
	for _, n := range s.News {
		if !n.Own {
			continue
		}
		said = append(said, m.newsOf(&n)...)
		if n.Kind == clientrpc.DeviceAdded {
			added.Devices = append(added.Devices, n.Device)
		} else {
			other.Numbers = append(other.Numbers, n.Number)
		}
	}
	if len(said) == 0 || m.asksNews() {
		return
	}
	p := &picker{title: "⚠ " + m.text("tui.news.title"), note: strings.Join(said, "\n"), items: []item{{label: m.text("tui.news.later")}}}
	if len(added.Devices) > 0 {
		p.items = append(p.items, m.newsSeen("tui.news.mine", added))
	}
	if len(other.Numbers) > 0 {
		p.items = append(p.items, m.newsSeen("tui.news.known", other))
	}
	p.items = append(p.items, m.newsDo(s)...)
	m.newsAsked = p
	m.push(p)
}

// newsDo is what can be done about news and notices of this account here.
func (m *Model) newsDo(s *clientrpc.StatusResult) (out []item) {
	contests := false
	for _, n := range s.Notices {
		contests = contests || n.Kind == clientrpc.NoticeDisputed && n.Account == m.me.Fingerprint
		if n.Kind == clientrpc.NoticeHeir {
			account := n.Account.String()
			out = append(out, item{label: m.text("tui.news.heir", m.called(n.Name, n.Account)), ink: inkBad, do: func(m *Model) tea.Cmd { return m.run(goOnAs(account)) }})
		}
	}
	for _, n := range s.News {
		contests = contests || n.Own && n.Kind == clientrpc.DeviceRevoked && !n.By.IsZero()
	}
	if contests {
		out = append(out, item{label: m.text("tui.device.contest"), ink: inkBad, do: func(m *Model) tea.Cmd { return m.run(contest(omega.Fingerprint{})) }})
	}
	return out
}

// ownNotices are the words for notices about this account; one of an account that says
// that it goes on for this one is about this one.
func (m *Model) ownNotices(notices []clientrpc.Notice) (said []string) {
	for _, n := range notices {
		text := m.text("notice."+n.Kind, n.Sequence)
		switch {
		case n.Kind == clientrpc.NoticeHeir:
			said = append(said, "⚠ "+m.called(n.Name, n.Account)+" "+inGroups(n.Account.String(), 4)+" "+text)
		case n.Account == m.me.Fingerprint:
			said = append(said, "⚠ "+text)
		}
	}
	return said
}

// newsOf says what happened to a device of this account, and what to do if nobody here
// did it.
func (m *Model) newsOf(n *clientrpc.DeviceNews) []string {
	said := []string{m.text("news.own."+n.Kind, m.clean(n.DeviceName), n.Device, short(n.Time, m.now(), m.lang))}
	switch n.Kind {
	case clientrpc.DeviceAdded:
		said = append(said, m.text("news.own.what", n.Device))
	case clientrpc.DeviceRevoked:
		if !n.By.IsZero() { // what the primary key revoked nobody takes back
			said = append(said, m.text("news.by", m.clean(n.ByName), n.By), m.text("news.own.contest"))
		}
	}
	return said
}

// newsSeen is the line that says that the person knows of news.
func (m *Model) newsSeen(label string, p clientrpc.DeviceNewsSeenParams) item {
	return item{label: m.text(label), do: func(m *Model) tea.Cmd {
		return m.run(call(clientrpc.DeviceNewsSeen, p, i18n.T("tui.news.seen")))
	}}
}

// asksNews reports whether the question is on the screen already.
func (m *Model) asksNews() bool {
	for _, l := range m.layers {
		if l == layer(m.newsAsked) && m.newsAsked != nil {
			return true
		}
	}
	return false
}

// noticeOf says what a person should know about the other side of a chat.
func (m *Model) noticeOf(c *clientrpc.Chat) string {
	switch c.Notice {
	case "":
		return ""
	case clientrpc.NoticeWithheld, clientrpc.NoticeConflict, clientrpc.NoticeFork, clientrpc.NoticeRollback:
		return m.text("tui.notice.servers")
	}
	return m.text("notice." + c.Notice)
}
