package tui

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A pickerMsg is a picker that had to be asked for.
type pickerMsg struct {
	make func(m *Model) *picker
	then func(m *Model, p *picker) tea.Cmd // once it is shown
	err  error
}

func (m *Model) onPicker(msg pickerMsg) tea.Cmd {
	m.toast = "" // what was waited for
	if msg.err != nil {
		m.sayBad(m.explain(msg.err))
		return nil
	}
	p := msg.make(m)
	m.push(p)
	if msg.then != nil {
		return msg.then(m, p)
	}
	return nil
}

// accountMenu is what is about the account and not about one chat.
func (m *Model) accountMenu() tea.Cmd {
	if m.phase != ready {
		return nil
	}
	m.push(&picker{title: m.text("tui.account.title"), items: []item{
		{label: m.text("tui.account.me"), do: func(m *Model) tea.Cmd { m.mySheet(); return nil }},
		{label: m.text("tui.account.name"), do: func(m *Model) tea.Cmd { return m.askName() }},
		{label: m.text("tui.new.card"), do: func(m *Model) tea.Cmd { return m.run(card) }},
		{label: m.text("tui.devices"), do: func(m *Model) tea.Cmd { return m.run(devices) }},
		{label: m.text("tui.mentions"), hint: "Alt+M", do: func(m *Model) tea.Cmd { return m.mentions(false) }},
		{label: m.text("tui.scheduled"), do: func(m *Model) tea.Cmd { return m.scheduled() }},
		{label: m.text("tui.folders"), do: func(m *Model) tea.Cmd { return m.run(folders) }},
		{label: m.text("tui.presence"), do: func(m *Model) tea.Cmd { return m.run(presence) }},
		{label: m.text("tui.listed"), do: func(m *Model) tea.Cmd { return m.run(listed) }},
		{label: m.text("tui.servers"), do: func(m *Model) tea.Cmd { m.say(m.text("tui.working")); return m.run(nearServers) }},
		{label: m.text("tui.homes"), do: func(m *Model) tea.Cmd { m.say(m.text("tui.working")); return m.run(homes) }},
		{label: m.text("tui.succession"), do: func(m *Model) tea.Cmd { m.successionMenu(); return nil }},
		{label: m.text("tui.archive"), do: func(m *Model) tea.Cmd { m.archiveMenu(); return nil }},
		{label: m.text("tui.help.title"), hint: "F1", do: func(m *Model) tea.Cmd { m.help(); return nil }},
	}})
	return nil
}

// mySheet is who this account is.
func (m *Model) mySheet() {
	s := &sheet{title: m.text("tui.account.me")}
	add := func(text string, i ink) { s.body = append(s.body, span{text: text, ink: i}) }
	add(m.called(m.me.Name, m.me.Fingerprint)+"\n", inkName)
	add(m.text("tui.key.fingerprint")+"\n", inkDim)
	add("  "+inGroups(m.me.Fingerprint.String(), 4)+"\n\n", noInk)
	add(m.text("tui.account.device")+"\n", inkDim)
	add("  "+inGroups(m.me.Device.String(), 4)+"\n\n", noInk)
	add(m.server()+"\n", inkDim)
	m.push(s)
}

// askName asks what the account is to call itself.
func (m *Model) askName() tea.Cmd {
	m.askText(m.text("tui.account.name"), m.text("tui.account.namenote"), m.clean(m.me.Name), func(m *Model, name string) tea.Cmd {
		name = strings.TrimSpace(name)
		return m.run(call(clientrpc.SetName, clientrpc.SetNameParams{Name: &name}, i18n.T("tui.account.named")))
	})
	return nil
}

// ownName fetches what the account calls itself now.
func ownName(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.SetName.Call(ctx, core, clientrpc.SetNameParams{})
	if err != nil {
		return nil // it is asked again with the next snapshot
	}
	return ownNameMsg{r.Name}
}

// ownNameMsg is what the account calls itself.
type ownNameMsg struct{ name string }

// choice asks for yes or no where one of them is how it stands.
func (m *Model) choice(title, note string, on bool, set func(on bool) effect) *picker {
	p := &picker{title: title, note: note}
	for _, v := range []bool{true, false} {
		hint := ""
		if v == on {
			hint, p.sel = m.glyphs.stored, len(p.items)
		}
		p.items = append(p.items, item{label: m.text(map[bool]string{true: "tui.on", false: "tui.off"}[v]), hint: hint, do: func(m *Model) tea.Cmd { return m.run(set(v)) }})
	}
	return p
}

// presence asks whether others learn that this account is there.
func presence(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.SetPresence.Call(ctx, core, clientrpc.SetPresenceParams{})
	return pickerMsg{err: err, make: func(m *Model) *picker {
		return m.choice(m.text("tui.presence"), m.text("tui.presencenote"), r.Shared, func(on bool) effect {
			return call(clientrpc.SetPresence, clientrpc.SetPresenceParams{Shared: &on}, i18n.T("tui.changed"))
		})
	}}
}

// listed asks whether anybody may ask servers where this account is connected.
func listed(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Listed.Call(ctx, core, clientrpc.ListedParams{})
	return pickerMsg{err: err, make: func(m *Model) *picker {
		return m.choice(m.text("tui.listed"), m.text("tui.listednote"), r.Listed, func(on bool) effect {
			return call(clientrpc.Listed, clientrpc.ListedParams{Listed: &on}, i18n.T("tui.changed"))
		})
	}}
}

// devices shows those of the account.
func devices(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Devices.Call(ctx, core, clientrpc.None{})
	return pickerMsg{err: err, make: func(m *Model) *picker {
		p := &picker{title: m.text("tui.devices"), items: []item{{label: m.text("tui.device.approve"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.askApprove() }}}}
		for _, d := range r.Devices {
			hint := m.text("status." + d.Status)
			if d.This {
				hint = m.text("label.this")
			}
			p.items = append(p.items, item{label: m.clean(d.Name), hint: hint, do: func(m *Model) tea.Cmd { m.deviceMenu(&d); return nil }})
		}
		return p
	}}
}

// deviceMenu is what may be done with a device.
func (m *Model) deviceMenu(d *clientrpc.Device) {
	p := &picker{title: m.clean(d.Name), note: inGroups(d.Fingerprint.String(), 4) + "  " + short(d.Added, m.now(), m.lang)}
	p.items = append(p.items, item{label: m.text("tui.device.rename"), do: func(m *Model) tea.Cmd {
		m.askText(m.text("tui.device.rename"), m.text("tui.device.renamenote"), m.clean(d.Name), func(m *Model, name string) tea.Cmd {
			return m.run(call(clientrpc.Rename, clientrpc.RenameParams{Device: d.Fingerprint, Name: strings.TrimSpace(name)}, i18n.T("tui.changed")))
		})
		return nil
	}})
	if !d.This && d.Status != "revoked" {
		p.items = append(p.items,
			item{label: m.text("tui.device.give"), do: func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.GiveHistory, clientrpc.GiveHistoryParams{Device: d.Fingerprint}, i18n.T("tui.device.given")))
			}},
			item{label: m.text("tui.device.ask"), do: func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.AskHistory, clientrpc.AskHistoryParams{Device: d.Fingerprint}, i18n.T("tui.device.asked")))
			}})
	}
	if !d.This && d.Status == "revoked" {
		p.items = append(p.items, item{label: m.text("tui.device.contest"), do: func(m *Model) tea.Cmd {
			m.say(m.text("tui.working"))
			return m.run(contest(d.Fingerprint))
		}})
	}
	if !d.This && d.Status != "revoked" {
		p.items = append(p.items, item{label: m.text("tui.device.revoke"), ink: inkBad, do: func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.device.revoke"), m.text("tui.device.revokenote", m.clean(d.Name)), func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.Revoke, clientrpc.RevokeParams{Device: d.Fingerprint}, i18n.T("tui.device.revoked")))
			})
			return nil
		}})
	}
	m.push(p)
}

// approveWait is how long it may take until the person has said on the new device that the
// account is theirs (spec/identity.md, IDENT-10).
const approveWait = 5 * time.Minute

// askApprove takes the text that a new device shows, and lets it in.
func (m *Model) askApprove() tea.Cmd {
	m.askText(m.text("tui.device.approve"), m.text("tui.device.approvenote"), "", func(m *Model, text string) tea.Cmd {
		p := &picker{title: m.text("tui.device.history")}
		for _, also := range []bool{true, false} {
			params := clientrpc.ApproveParams{Text: strings.TrimSpace(text), History: also}
			p.items = append(p.items, item{label: m.text(map[bool]string{true: "tui.yes", false: "tui.no"}[also]), do: func(m *Model) tea.Cmd {
				m.say(m.text("busy.approve"))
				m.toastUntil = m.now().Add(approveWait)
				return m.run(call(clientrpc.Approve, params, i18n.T("approve.finished")))
			}})
		}
		m.push(p)
		return nil
	})
	return nil
}

// scheduled shows the texts that wait for their time.
func (m *Model) scheduled() tea.Cmd {
	p := &picker{title: m.text("tui.scheduled")}
	m.push(p)
	return m.run(scheduledPage(p.asks(m), ""))
}

func scheduledPage(turn int, next string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Scheduled.Call(ctx, core, clientrpc.Page{Next: next})
		msg := fillMsg{turn: turn, err: err, add: next != "", items: func(m *Model) (out []item) {
			for _, s := range r.Texts {
				text, _ := shorten(s.Text, 400)
				out = append(out, item{label: m.clean(text), hint: m.chatCalled(&s) + "  " + short(s.At, m.now(), m.lang), do: func(m *Model) tea.Cmd { return m.askCancel(&s) }})
			}
			if len(out) == 0 && next == "" {
				out = []item{{label: m.text("none.scheduled"), ink: inkDim}}
			}
			return out
		}}
		if r.Next != "" {
			msg.more = func(m *Model, p *picker) tea.Cmd { return m.run(scheduledPage(p.asks(m), r.Next)) }
		}
		return msg
	}
}

// chatCalled is the chat that a text is for.
func (m *Model) chatCalled(s *clientrpc.ScheduledText) string {
	if c := m.chats.find(s.Chat); c != nil {
		return m.metric.fit(m.chatTitle(c), 16)
	}
	return m.called("", s.To)
}

func (m *Model) askCancel(s *clientrpc.ScheduledText) tea.Cmd {
	text, _ := shorten(s.Text, 400)
	m.confirm(m.text("tui.scheduled.cancel"), m.clean(text), func(m *Model) tea.Cmd {
		return m.run(call(clientrpc.Cancel, clientrpc.CancelParams{ID: s.ID}, i18n.T("tui.scheduled.canceled")))
	})
	return nil
}

// folders shows those that there are.
func folders(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Folders.Call(ctx, core, clientrpc.Page{})
	return pickerMsg{err: err, make: func(m *Model) *picker {
		p := &picker{title: m.text("tui.folders"), note: m.text("tui.foldersnote"), items: []item{{label: m.text("tui.folder.new"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.askFolder() }}}}
		for _, f := range r.Folders {
			p.items = append(p.items, item{label: m.clean(f.Title), hint: fmt.Sprint(len(f.Chats)), do: func(m *Model) tea.Cmd { m.folderMenu(&f); return nil }})
		}
		return p
	}}
}

// askFolder asks how a new folder is called, and puts chats into it.
func (m *Model) askFolder(chats ...string) tea.Cmd {
	var id [8]byte
	rand.Read(id[:]) // never fails
	m.askText(m.text("tui.folder.new"), "", "", func(m *Model, title string) tea.Cmd {
		if title = strings.TrimSpace(title); title == "" {
			return nil
		}
		return m.run(call(clientrpc.SetFolder, clientrpc.SetFolderParams{ID: hex.EncodeToString(id[:]), Title: title, Add: chats}, i18n.T("tui.changed")))
	})
	return nil
}

func (m *Model) folderMenu(f *clientrpc.Folder) {
	m.push(&picker{title: m.clean(f.Title), items: []item{
		{label: m.text("tui.folder.rename"), do: func(m *Model) tea.Cmd {
			m.askText(m.text("tui.folder.rename"), "", m.clean(f.Title), func(m *Model, title string) tea.Cmd {
				return m.run(call(clientrpc.SetFolder, clientrpc.SetFolderParams{ID: f.ID, Title: strings.TrimSpace(title)}, i18n.T("tui.changed")))
			})
			return nil
		}},
		{label: m.text("tui.folder.delete"), ink: inkBad, do: func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.SetFolder, clientrpc.SetFolderParams{ID: f.ID, Delete: true}, i18n.T("tui.changed")))
		}},
	}})
}

// backupForm asks where a backup is to be, and for its passphrase.
func (m *Model) backupForm() *form {
	name := "omega-" + m.now().Format(time.DateOnly) + ".backup"
	f := &form{title: m.text("tui.backup"), note: m.text("tui.backup.note"), work: clientrpc.WorkBackup}
	f.fields = append([]*field{{label: m.text("tui.setup.file")}}, m.passphraseFields()...)
	f.fields[0].edit.set(filepath.Join(m.opts.Downloads, name))
	f.fields[1].note = m.text("tui.backup.passnote", clientrpc.MinBackupPassphrase)
	f.submit = func(m *Model, f *form) tea.Cmd {
		pass, ok := f.passphrase(m, 1)
		if !ok {
			return nil
		}
		path, err := absolute(strings.TrimSpace(f.value(0)))
		if err != nil {
			f.problem = err.Error()
			return nil
		}
		return m.run(makeBackup(f.works(m), clientrpc.BackupParams{Path: path, Passphrase: pass}))
	}
	return f
}

func makeBackup(turn int, p clientrpc.BackupParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		b, err := clientrpc.Backup.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			m.push(&sheet{title: m.text("tui.backup"), body: []span{
				{text: m.text("tui.backup.done", b.Messages, i18n.Size(b.Size)) + "\n\n", ink: inkGood}, {text: "  " + m.clean(b.Path) + "\n\n"}, {text: m.text("tui.backup.keep"), ink: inkDim},
			}})
			return nil
		}}
	}
}
