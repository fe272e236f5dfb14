package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// successionMenu asks which of the two accounts this is, where one goes on as the other.
// (spec/keys.md, KEYS-25, KEYS-26)
func (m *Model) successionMenu() {
	m.push(&picker{title: m.text("tui.succession"), note: m.text("tui.succession.note"), items: []item{
		{label: m.text("tui.succession.new"), do: func(m *Model) tea.Cmd {
			m.askText(m.text("tui.succession.new"), m.text("tui.succession.oldwho"), "", func(m *Model, typed string) tea.Cmd {
				return m.run(sureOf(strings.TrimSpace(typed), "tui.succession.new", "tui.succession.newsure", inherit))
			})
			return nil
		}},
		{label: m.text("tui.succession.old"), ink: inkBad, do: func(m *Model) tea.Cmd {
			m.askText(m.text("tui.succession.old"), m.text("tui.succession.newwho"), "", func(m *Model, typed string) tea.Cmd {
				return m.run(goOnAs(strings.TrimSpace(typed)))
			})
			return nil
		}},
	}})
}

// goOnAs asks, and has this account go on as another one.
func goOnAs(account string) effect {
	return sureOf(account, "tui.succession.old", "tui.succession.oldsure", succeed)
}

// sureOf looks an account up that somebody typed, and asks whether it is the one that is
// meant, by its name and fingerprint.
func sureOf(typed, title, note string, do func(account omega.Fingerprint) effect) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		c, err := clientrpc.ShowContact.Call(ctx, core, clientrpc.ContactRef{Account: typed})
		if err != nil {
			return failedMsg{err}
		}
		return pickerMsg{make: func(m *Model) *picker {
			return &picker{title: m.text(title), note: m.text(note, m.called(c.Name, c.Account), inGroups(c.Account.String(), 4)), items: []item{
				{label: m.text("tui.no")}, {label: m.text("tui.yes"), ink: inkBad, do: func(m *Model) tea.Cmd {
					m.say(m.text("tui.working"))
					return m.run(do(c.Account))
				}},
			}}
		}}
	}
}

// inherit says that this account is the one that another goes on as.
func inherit(account omega.Fingerprint) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		if _, err := clientrpc.Inherit.Call(ctx, core, clientrpc.ContactRef{Account: account.String()}); err != nil {
			return failedMsg{err}
		}
		return doneMsg{i18n.T("tui.succession.inherited")}
	}
}

// succeed says that this account goes on as another.
func succeed(account omega.Fingerprint) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Succeed.Call(ctx, core, clientrpc.ContactRef{Account: account.String()})
		if err != nil {
			return failedMsg{err}
		}
		return doneMsg{i18n.T("succeed.done", r.Told, r.New)}
	}
}
