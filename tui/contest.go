package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// contest asks whose word is to be taken back, of the devices that removed one, or any for
// zero: where several did one of them may have been right. (spec/keys.md, KEYS-43)
func contest(about omega.Fingerprint) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Devices.Call(ctx, core, clientrpc.None{})
		return pickerMsg{err: err, make: func(m *Model) *picker { return m.contestPicker(r.Devices, about) }}
	}
}

func (m *Model) contestPicker(list []clientrpc.Device, about omega.Fingerprint) *picker {
	p := &picker{title: m.text("tui.device.contest"), note: m.text("tui.device.contestwhich"), items: []item{{label: m.text("tui.no")}}}
	for _, d := range list {
		if len(d.Removed) == 0 || !about.IsZero() && !slices.Contains(d.Removed, about) {
			continue
		}
		var out []string
		for _, o := range list {
			if slices.Contains(d.Removed, o.Fingerprint) {
				out = append(out, m.called(o.Name, o.Fingerprint))
			}
		}
		who := strings.Join(out, m.text("group.and"))
		p.items = append(p.items, item{label: m.text("tui.device.contestone", m.called(d.Name, d.Fingerprint), who), hint: tail(d.Fingerprint), ink: inkBad, do: func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.device.contest"), m.text("tui.device.contestnote", m.called(d.Name, d.Fingerprint), who), func(m *Model) tea.Cmd {
				m.say(m.text("tui.working"))
				return m.run(call(clientrpc.Contest, clientrpc.ContestParams{Device: d.Fingerprint}, i18n.T("tui.device.contested")))
			})
			return nil
		}})
	}
	if len(p.items) == 1 {
		p.note = m.text("tui.device.contestnone")
	}
	return p
}

// tail is the end of a fingerprint, which tells devices of one name apart.
func tail(f omega.Fingerprint) string {
	s := f.String()
	return s[max(0, len(s)-8):]
}
