package tui

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// archiveMenu is how a history comes from elsewhere, goes there, and survives.
func (m *Model) archiveMenu() {
	m.push(&picker{title: m.text("tui.archive"), items: []item{
		{label: m.text("tui.import"), do: func(m *Model) tea.Cmd { m.push(m.importForm()); return nil }},
		{label: m.text("tui.imports"), do: func(m *Model) tea.Cmd { return m.run(imports) }},
		{label: m.text("tui.export.all"), do: func(m *Model) tea.Cmd { m.exportFormats(nil); return nil }},
		{label: m.text("tui.backup"), do: func(m *Model) tea.Cmd { m.push(m.backupForm()); return nil }},
		{label: m.text("tui.backup.try"), do: func(m *Model) tea.Cmd { m.push(m.tryForm()); return nil }},
	}})
}

// importForm asks for a file of another messenger, and in which zone its times are.
func (m *Model) importForm() *form {
	f := &form{title: m.text("tui.import"), note: m.text("tui.import.note"), work: clientrpc.WorkImport,
		fields: []*field{{label: m.text("tui.import.file"), note: m.text("tui.attach.note")}, {label: m.text("tui.import.zone"), note: m.text("tui.import.zonenote")}}}
	f.fields[1].edit.set("+08:00") // as omega import has it
	f.submit = func(m *Model, f *form) tea.Cmd {
		path, err := absolute(strings.TrimSpace(f.value(0)))
		if err != nil {
			f.problem = err.Error()
			return nil
		}
		zone, err := time.Parse("Z07:00", strings.TrimSpace(f.value(1)))
		if err != nil {
			f.problem = m.text("tui.import.zonebad", m.clean(f.value(1)))
			return nil
		}
		_, seconds := zone.Zone()
		return m.run(importFile(f.works(m), clientrpc.ImportParams{Path: path, Zone: seconds}))
	}
	return f
}

func importFile(turn int, p clientrpc.ImportParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.ImportFile.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			if r.Messages == 0 {
				m.say(m.text("tui.import.nothing", r.Skipped))
				return nil
			}
			m.say(m.text("tui.import.done", r.Messages, r.Skipped))
			if len(r.Chats) != 1 {
				return nil // they are in the list
			}
			return tea.Batch(m.run(fetchChat(r.Chats[0].String())), m.openChat(r.Chats[0]))
		}}
	}
}

// imports shows what was imported; choosing one takes it out again.
func imports(ctx context.Context, core clientrpc.Conn) tea.Msg {
	var all []clientrpc.Import
	err := clientrpc.Each(ctx, core, clientrpc.Imports, clientrpc.Page{}, func(r clientrpc.ImportsResult) error {
		all = append(all, r.Imports...)
		return nil
	})
	return pickerMsg{err: err, make: func(m *Model) *picker {
		p := &picker{title: m.text("tui.imports"), note: m.text("tui.imports.note")}
		for _, i := range all {
			name := m.clean(filepath.Base(i.File))
			p.items = append(p.items, item{label: name, hint: m.text("tui.imports.hint", i.Messages) + "  " + short(i.Time, m.now(), m.lang), do: func(m *Model) tea.Cmd {
				m.confirm(m.text("tui.imports.undo"), name, func(m *Model) tea.Cmd {
					m.say(m.text("tui.working"))
					return m.run(call(clientrpc.UndoImport, clientrpc.UndoImportParams{Number: i.Number}, i18n.T("tui.imports.undone")))
				})
				return nil
			}})
		}
		if len(all) == 0 {
			p.note, p.items = "", []item{{label: m.text("import.none"), ink: inkDim}}
		}
		return p
	}}
}

// exportFormats asks as what a chat is to be written; nil: all of them.
func (m *Model) exportFormats(c *clientrpc.Chat) {
	title := m.text("tui.export.all")
	if c != nil {
		title = m.text("tui.export")
	}
	p := &picker{title: title}
	for _, format := range []string{clientrpc.ExportHTML, clientrpc.ExportJSON, clientrpc.ExportSigned} {
		p.items = append(p.items, item{label: m.text("tui.export." + format), do: func(m *Model) tea.Cmd {
			m.push(m.exportForm(title, c, format))
			return nil
		}})
	}
	m.push(p)
}

// exportForm asks where to write, and from when until when.
func (m *Model) exportForm(title string, c *clientrpc.Chat, format string) *form {
	f := &form{title: title, note: m.text("tui.export." + format), work: clientrpc.WorkExport,
		fields: []*field{{label: m.text("tui.export.dir")}, {label: m.text("tui.export.since"), note: m.text("tui.export.datenote")}, {label: m.text("tui.export.until")}}}
	if c != nil {
		f.note = m.chatTitle(c) + "\n" + f.note
	}
	f.fields[0].edit.set(filepath.Join(m.opts.Downloads, "omega-"+format+"-"+m.now().Format(time.DateOnly)))
	f.submit = func(m *Model, f *form) tea.Cmd {
		dir, err := absolute(strings.TrimSpace(f.value(0)))
		if err != nil {
			f.problem = err.Error()
			return nil
		}
		p := clientrpc.ExportParams{Dir: dir, Format: format, Chinese: m.lang == i18n.Chinese}
		if c != nil {
			p.Chat = c.ID.String()
		}
		for i, at := range []*time.Time{&p.Since, &p.Until} {
			text := strings.TrimSpace(f.value(1 + i))
			day, ok := parseDay(text, m.now())
			if text != "" && !ok {
				f.problem = m.text("tui.date.bad", m.clean(text))
				return nil
			}
			if *at = day; text != "" && i == 1 {
				*at = day.AddDate(0, 0, 1) // the day that is named is in it
			}
		}
		return m.run(export(f.works(m), p))
	}
	return f
}

func export(turn int, p clientrpc.ExportParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Export.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			s := &sheet{title: m.text("tui.export.written")}
			add := func(text string, i ink) { s.body = append(s.body, span{text: text + "\n", ink: i}) }
			add(m.text("tui.export.done", r.Messages), inkGood)
			add("  "+m.clean(r.Dir)+"\n", noInk)
			if where := m.clean(r.Dir); p.Format == clientrpc.ExportSigned {
				if p.Chat == "" {
					where += "/*" // a folder for each chat
				}
				add(m.text("export.verify", where)+"\n", inkDim)
			}
			for _, left := range []struct {
				n   int
				key string
			}{{r.TakenBack, "export.takenback"}, {r.Service, "export.service"}, {r.Imported, "export.imported"}, {r.Unsent, "export.unsent"}, {r.Skipped, "export.skipped"}} {
				if left.n > 0 {
					add(m.text(left.key, left.n), inkDim)
				}
			}
			m.push(s)
			return nil
		}}
	}
}

// tryForm asks for a backup that is to be tried.
func (m *Model) tryForm() *form {
	return &form{title: m.text("tui.backup.try"), note: m.text("tui.backup.trynote"), work: clientrpc.WorkBackup,
		fields: []*field{{label: m.text("tui.setup.file")}, {label: m.text("tui.setup.filepass"), edit: editor{mask: true}}},
		submit: func(m *Model, f *form) tea.Cmd {
			path, err := absolute(strings.TrimSpace(f.value(0)))
			if err != nil {
				f.problem = err.Error()
				return nil
			}
			return m.run(tryBackup(f.works(m), clientrpc.BackupParams{Path: path, Passphrase: f.value(1)}))
		}}
}

func tryBackup(turn int, p clientrpc.BackupParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		b, err := clientrpc.VerifyBackup.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			m.push(&sheet{title: m.text("tui.backup.try"), body: []span{{text: m.text("tui.backup.good", b.Messages, i18n.Size(b.Size)) + "\n\n", ink: inkGood}, {text: m.called(b.Name, b.Fingerprint) + "\n"}, {text: short(b.Created, m.now(), m.lang), ink: inkDim}}})
			return nil
		}}
	}
}

// workMsg is how far what a form waits for is.
type workMsg struct {
	turn  int
	works []clientrpc.Work
}

// lookAtWork asks how far what the form on top waits for is.
func (m *Model) lookAtWork() tea.Cmd {
	f, ok := m.top().(*form)
	if !ok || !f.busy || f.work == "" {
		return nil
	}
	turn := f.turn
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.Works.Call(ctx, core, clientrpc.None{})
		if err != nil {
			return nil // it is said less
		}
		return workMsg{turn, r.Works}
	})
}

func (m *Model) onWork(msg workMsg) {
	f, ok := m.top().(*form)
	if !ok || !f.busy || f.turn != msg.turn {
		return
	}
	for _, w := range msg.works {
		if w.Kind == f.work && w.Total > 0 {
			f.far = fmt.Sprintf("%d %%", min(100, w.Done*100/w.Total))
		}
	}
}
