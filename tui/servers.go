package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// nearServers shows the servers of the cloud, those that answered soonest first: which one
// this device is attached to, and which keep the account's mail.
func nearServers(ctx context.Context, core clientrpc.Conn) tea.Msg {
	status, err := clientrpc.Status.Call(ctx, core, clientrpc.None{})
	if err != nil {
		return pickerMsg{err: err}
	}
	if !status.Online && status.Problem != nil {
		return pickerMsg{err: status.Problem}
	}
	near, err := clientrpc.SetupServers.Call(ctx, core, clientrpc.SetupServersParams{Server: status.Server})
	if err != nil {
		return pickerMsg{err: err}
	}
	homes, err := clientrpc.Homes.Call(ctx, core, clientrpc.None{})
	return pickerMsg{err: err, make: func(m *Model) *picker { return m.serverList(near.Servers, status.Proxy, homes) }}
}

// address is where a server is, without its fingerprint.
func (m *Model) address(s string) string {
	host, _, _ := strings.Cut(s, "#")
	return m.clean(host)
}

// server says which server this device is attached to, by name and address, or why it
// reaches none.
func (m *Model) server() string {
	switch name := m.clean(m.reached.ServerName); {
	case !m.reached.Online && m.reached.Problem != nil:
		return m.text("tui.offline") + "\n" + m.explain(m.reached.Problem)
	case !m.reached.Online:
		return m.text("tui.offline")
	case name != "":
		return m.text("server.named", name, m.address(m.reached.Server))
	}
	return m.text("server.unnamed", m.address(m.reached.Server))
}

// homesNow are the servers that keep the account's mail.
func homesNow(r *clientrpc.HomesResult) (now []omega.Fingerprint) {
	for _, h := range r.Homes {
		if !h.Former {
			now = append(now, h.Server)
		}
	}
	return now
}

func (m *Model) serverList(near []clientrpc.SetupServer, attached omega.Fingerprint, homes *clientrpc.HomesResult) *picker {
	p := &picker{title: m.text("tui.servers"), note: m.text("tui.servers.note")}
	now := homesNow(homes)
	for _, s := range near {
		it := item{label: m.called(s.Name, s.Fingerprint), hint: m.took(s.Took)}
		if slices.Contains(now, s.Fingerprint) {
			it.hint = m.text("tui.servers.home") + "  " + it.hint
		}
		if s.Fingerprint == attached {
			it.label, it.ink = it.label+"  "+m.glyphs.stored+" "+m.text("tui.servers.this"), inkGood
		}
		if s.Problem != nil {
			it.ink, it.hint = inkDim, m.text("tui.servers.away")
		}
		it.do = func(m *Model) tea.Cmd { m.serverMenu(&s, s.Fingerprint == attached, now); return nil }
		p.items = append(p.items, it)
	}
	return p
}

// took is how long a server needed to answer.
func (m *Model) took(d time.Duration) string {
	return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
}

// serverMenu says what a server says of itself, and lets it keep the account's mail or not.
func (m *Model) serverMenu(s *clientrpc.SetupServer, attached bool, now []omega.Fingerprint) {
	p := &picker{title: m.called(s.Name, s.Fingerprint), note: inGroups(s.Fingerprint.String(), 4) + "\n" + m.address(s.Address) + "  " + m.took(s.Took)}
	if s.Operator != "" {
		p.note += "\n" + m.text("tui.homes.operator", m.clean(s.Operator))
	}
	if s.Site != "" {
		p.note += "\n" + m.text("tui.homes.site", m.clean(s.Site))
	}
	if s.Users > 0 {
		p.note += "\n" + m.text("tui.servers.users", s.Users)
	}
	if attached {
		p.note += "\n" + m.glyphs.stored + " " + m.text("tui.servers.this")
	}
	if s.Problem != nil {
		p.note += "\n" + m.explain(s.Problem)
	}
	move := func(key string, to []omega.Fingerprint) {
		p.items = append(p.items, item{label: m.text(key), do: func(m *Model) tea.Cmd {
			m.confirm(m.text(key), m.text("tui.servers.movenote"), func(m *Model) tea.Cmd { return m.moveHomes(to) })
			return nil
		}})
	}
	i := slices.Index(now, s.Fingerprint)
	switch {
	case i < 0 && s.Problem == nil:
		move("tui.servers.keep", append(slices.Clone(now), s.Fingerprint))
	case i >= 0 && len(now) > 1:
		move("tui.servers.leave", slices.Delete(slices.Clone(now), i, i+1))
	}
	p.items = append(p.items, item{label: m.text("tui.servers.copy"), do: func(m *Model) tea.Cmd {
		m.say(m.text("tui.copied"))
		return tea.SetClipboard(m.clean(s.Address))
	}})
	m.push(p)
}
