package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// quotaTimeout is how long one home is waited for before it counts as silent: the
// person waits.
const quotaTimeout = 4 * time.Second

// homes shows which servers keep the account's mail, and how much of its files they have.
func homes(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Homes.Call(ctx, core, clientrpc.None{})
	if err != nil {
		return pickerMsg{err: err}
	}
	q, err := clientrpc.Quota.Call(ctx, core, clientrpc.QuotaParams{Timeout: quotaTimeout})
	if err != nil {
		q = clientrpc.QuotaResult{} // it is said of none; the homes are known all the same
	}
	return pickerMsg{make: func(m *Model) *picker { return m.homesMenu(r, q.Homes) }}
}

// homesMenu is the list of homes, and who chooses them.
func (m *Model) homesMenu(r *clientrpc.HomesResult, space []clientrpc.HomeQuota) *picker {
	p := &picker{title: m.text("tui.homes"), note: m.text(map[bool]string{true: "tui.homes.chosen", false: "tui.homes.auto"}[r.Chosen])}
	var now []string
	for _, h := range r.Homes {
		if !h.Former {
			now = append(now, h.Server.String())
		}
		i := slices.IndexFunc(space, func(q clientrpc.HomeQuota) bool { return q.Server == h.Server })
		p.items = append(p.items, item{label: m.homeState(&h) + " " + m.called(h.Name, h.Server), hint: m.spaceAt(space, i), do: func(m *Model) tea.Cmd {
			m.homeSheet(&h, m.spaceAt(space, i))
			return nil
		}})
	}
	p.items = append(p.items, item{label: m.text("tui.homes.set"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.askHomes(now) }})
	if r.Chosen {
		p.items = append(p.items, item{label: m.text("tui.homes.leave"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.moveHomes(nil) }})
	}
	if n := len(now); r.Want > n {
		p.note += "\n" + m.text("tui.homes.few", n, r.Want)
	}
	return p
}

// homeState is the mark of a home: mail comes from it, it is being asked, or it is away.
func (m *Model) homeState(h *clientrpc.Home) string {
	switch {
	case h.Attached:
		return m.glyphs.stored
	case h.Code == "":
		return m.glyphs.dot
	}
	return m.glyphs.failed
}

// spaceAt is what a home says of the files that it has of this account.
func (m *Model) spaceAt(space []clientrpc.HomeQuota, i int) string {
	switch {
	case i < 0:
		return ""
	case space[i].Problem != nil:
		return m.text("quota.silent")
	}
	return m.text("quota.used", i18n.Size(space[i].Used), i18n.Size(space[i].Most))
}

// homeSheet is everything about one home.
func (m *Model) homeSheet(h *clientrpc.Home, space string) {
	s := &sheet{title: m.text("tui.homes")}
	add := func(text string, i ink) { s.body = append(s.body, span{text: text, ink: i}) }
	add(m.called(h.Name, h.Server)+"\n", inkName)
	if h.Operator != "" {
		add(m.text("tui.homes.operator", m.clean(h.Operator))+"\n", noInk)
	}
	if h.Site != "" {
		add(m.text("tui.homes.site", m.clean(h.Site))+"\n", noInk)
	}
	add(m.text("tui.key.fingerprint")+"\n", inkDim)
	add("  "+inGroups(h.Server.String(), 4)+"\n\n", noInk)
	switch {
	case h.Attached:
		add(m.text("tui.homes.attached")+"\n", inkGood)
	case h.Code == "":
		add(m.text("homes.connecting")+"\n", inkDim)
	default:
		add(m.text("homes.why.away")+"\n", inkWarn)
	}
	if h.Former {
		add(m.text("homes.former")+"\n", inkDim)
	}
	if space != "" {
		add(m.text("tui.homes.files", space)+"\n", noInk)
	}
	m.push(s)
}

// askHomes asks for the servers that are to keep the mail.
func (m *Model) askHomes(now []string) tea.Cmd {
	m.askText(m.text("tui.homes.set"), m.text("tui.homes.setnote"), strings.Join(now, " "), func(m *Model, text string) tea.Cmd {
		var to []omega.Fingerprint
		for _, word := range strings.Fields(text) {
			fp, err := omega.ParseFingerprint(strings.ToUpper(word))
			if err != nil {
				m.sayBad(m.text("tui.homes.bad", m.clean(word)))
				return nil
			}
			to = append(to, fp)
		}
		if len(to) == 0 {
			return nil
		}
		return m.moveHomes(to)
	})
	return nil
}

// moveHomes moves the mail, to servers of the program's choice if none is named.
func (m *Model) moveHomes(to []omega.Fingerprint) tea.Cmd {
	m.say(m.text("tui.working"))
	return m.run(call(clientrpc.SetHomes, clientrpc.SetHomesParams{Homes: to}, i18n.T("tui.homes.moved")))
}
