package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// inviteLink is how a link begins that is an invitation of a server.
const inviteLink = "omega-invite:"

// linkWait is how long a call about linking waits.
const linkWait = 20 * time.Second

// begin asks how the home stands; one such question at a time, since every answer
// brings its menu.
func (m *Model) begin() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	return m.run(begin)
}

// onSetup goes on as the home stands.
func (m *Model) onSetup(s *clientrpc.SetupState) tea.Cmd {
	m.setup, m.asking = s, false
	switch s.State {
	case clientrpc.SetupReady:
		return m.startUp()
	case clientrpc.SetupLocked:
		m.phase = settingUp
		m.push(m.unlockForm())
	default:
		m.phase = settingUp
		m.setupMenu()
	}
	return nil
}

// startUp follows the core: the first answer is a reset, which fetches all.
func (m *Model) startUp() tea.Cmd {
	m.layers = nil
	m.phase = starting
	return m.run(follow(followed{}))
}

// setupMenu asks how an account begins.
func (m *Model) setupMenu() {
	back := func(m *Model) { m.setupMenu() }
	m.push(&picker{title: m.text("tui.setup.title"), note: m.text("tui.setup.text", m.clean(m.setup.Home)), items: []item{
		{label: m.text("tui.setup.create"), do: func(m *Model) tea.Cmd { m.push(m.createForm("", back)); return nil }},
		{label: m.text("tui.setup.adopt"), do: func(m *Model) tea.Cmd { return m.run(gnupgKeys) }},
		{label: m.text("tui.setup.link"), do: func(m *Model) tea.Cmd { m.push(m.linkForm(back)); return nil }},
		{label: m.text("tui.setup.restore"), do: func(m *Model) tea.Cmd { m.push(m.restoreForm(back)); return nil }},
		{label: m.text("tui.help.quit"), do: func(m *Model) tea.Cmd { return tea.Quit }},
	}})
}

func (m *Model) serverField() *field {
	f := &field{label: m.text("tui.setup.server"), note: m.text("tui.setup.servernote")}
	if len(m.setup.Servers) > 0 {
		f.edit.set(m.setup.Servers[0])
	}
	return f
}

func (m *Model) passphraseFields() []*field {
	return []*field{
		{label: m.text("tui.setup.pass"), note: m.text("tui.setup.passnote"), edit: editor{mask: true}},
		{label: m.text("tui.setup.again"), edit: editor{mask: true}},
	}
}

// passphrase is what was typed twice.
func (f *form) passphrase(m *Model, first int) (string, bool) {
	if f.value(first) != f.value(first+1) {
		f.problem = m.text("tui.setup.differs")
		return "", false
	}
	return f.value(first), true
}

// createForm makes an account, of a key of GnuPG if one is named.
func (m *Model) createForm(key string, back func(m *Model)) *form {
	f := &form{title: m.text("tui.setup.create"), back: back}
	f.fields = append([]*field{{label: m.text("tui.setup.name"), note: m.text("tui.setup.namenote")}}, m.passphraseFields()...)
	f.fields = append(f.fields, m.serverField())
	f.submit = func(m *Model, f *form) tea.Cmd {
		pass, ok := f.passphrase(m, 1)
		if !ok {
			return nil
		}
		p := clientrpc.SetupCreateParams{Name: strings.TrimSpace(f.value(0)), Passphrase: pass, Key: key}
		server := strings.TrimSpace(f.value(3))
		if strings.HasPrefix(server, inviteLink) {
			p.Invite = server
		} else {
			p.Server = server
		}
		return m.run(submit(f.works(m), clientrpc.SetupCreate, p))
	}
	return f
}

// submit makes a call for a form, after which the program starts.
func submit[Req, Resp any](turn int, method clientrpc.Method[Req, Resp], req Req) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		_, err := method.Call(ctx, core, req)
		return formMsg{turn: turn, err: err, next: (*Model).begin}
	}
}

// gnupgKeys offers the keys that may become an account.
func gnupgKeys(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.SetupKeys.Call(ctx, core, clientrpc.None{})
	return keysMsg{r, err}
}

type keysMsg struct {
	result clientrpc.SetupKeysResult
	err    error
}

func (m *Model) onKeys(msg keysMsg) tea.Cmd {
	p := &picker{title: m.text("tui.setup.adopt"), note: m.text("tui.setup.keynote")}
	if msg.err == nil && msg.result.Problem != nil {
		msg.err = msg.result.Problem
	}
	if msg.err != nil {
		p.note = m.explain(msg.err)
	}
	for _, k := range msg.result.Keys {
		it := item{label: m.clean(k.UserID), hint: k.Kind + " " + k.Fingerprint.String()[32:], do: func(m *Model) tea.Cmd {
			m.push(m.createForm(k.Fingerprint.String(), func(m *Model) { m.setupMenu() }))
			return nil
		}}
		if k.Problem != nil {
			it.ink, it.hint = inkDim, m.clean(k.Problem.Why.In(m.lang))
			it.do = func(m *Model) tea.Cmd { m.sayBad(m.explain(k.Problem)); m.setupMenu(); return nil }
		}
		p.items = append(p.items, it)
	}
	p.items = append(p.items, item{label: m.text("tui.cancel"), do: func(m *Model) tea.Cmd { m.setupMenu(); return nil }})
	m.push(p)
	return nil
}

func (m *Model) unlockForm() *form {
	return &form{title: m.text("tui.setup.unlock"), note: m.text("tui.setup.unlocknote"), back: func(m *Model) { m.push(m.unlockForm()) },
		fields: []*field{{label: m.text("tui.setup.pass"), edit: editor{mask: true}}},
		submit: func(m *Model, f *form) tea.Cmd {
			return m.run(submit(f.works(m), clientrpc.SetupUnlock, clientrpc.SetupUnlockParams{Passphrase: f.value(0)}))
		}}
}

func (m *Model) restoreForm(back func(m *Model)) *form {
	return &form{title: m.text("tui.setup.restore"), back: back,
		fields: []*field{{label: m.text("tui.setup.file")}, {label: m.text("tui.setup.filepass"), edit: editor{mask: true}}},
		submit: func(m *Model, f *form) tea.Cmd {
			path, err := absolute(strings.TrimSpace(f.value(0)))
			if err != nil {
				f.problem = err.Error()
				return nil
			}
			return m.run(submit(f.works(m), clientrpc.SetupRestore, clientrpc.SetupRestoreParams{Path: path, Passphrase: f.value(1)}))
		}}
}

// linkForm makes this home a device of an account that exists.
func (m *Model) linkForm(back func(m *Model)) *form {
	f := &form{title: m.text("tui.setup.link"), back: back}
	f.fields = append([]*field{m.serverField()}, m.passphraseFields()...)
	f.submit = func(m *Model, f *form) tea.Cmd {
		pass, ok := f.passphrase(m, 1)
		if !ok {
			return nil
		}
		return m.run(linkStep(f.works(m), clientrpc.SetupLinkParams{Server: strings.TrimSpace(f.value(0)), Passphrase: pass, Timeout: linkWait}))
	}
	return f
}

// linkMsg says how far linking is.
type linkMsg struct {
	turn  int
	asked clientrpc.SetupLinkParams
	state *clientrpc.SetupLinkState
	err   error
}

func linkStep(turn int, p clientrpc.SetupLinkParams) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		s, err := clientrpc.SetupLink.Call(ctx, core, p)
		return linkMsg{turn, p, s, err}
	}
}

// onLink shows the text to carry, asks whether the account is one's own, and goes on.
func (m *Model) onLink(msg linkMsg) tea.Cmd {
	if msg.err == nil && msg.state.Problem != nil {
		msg.err = msg.state.Problem
	}
	f := m.formOf(msg.turn)
	if f == nil {
		return nil // it was given up
	}
	if msg.err != nil || msg.state.Step == clientrpc.LinkFailed {
		m.uncover(f)
		f.busy, f.problem = false, m.text("why.linkended")
		if msg.err != nil {
			f.problem = m.explain(msg.err)
		}
		return nil
	}
	p := clientrpc.SetupLinkParams{Server: msg.asked.Server, Step: msg.state.Step, Timeout: linkWait}
	switch msg.state.Step {
	case clientrpc.LinkDone:
		m.uncover(f)
		m.pop()
		return m.begin()
	case clientrpc.LinkConfirm:
		m.uncover(f)
		return m.confirmLink(f, p, msg.state.Account)
	}
	note := m.text("tui.setup.carry") + "\n\n" + m.clean(msg.state.Text)
	if f.note == note {
		return m.run(linkStep(msg.turn, p)) // nobody has read it yet
	}
	f.note = note
	m.push(newCode(m.text("tui.setup.link"), msg.state.Text, msg.state.Text, m.text("tui.setup.carry")))
	return m.run(linkStep(msg.turn, p))
}

// formOf is the form that waits for an answer; nil: it is not there any more.
func (m *Model) formOf(turn int) *form {
	for _, l := range m.layers {
		if f, ok := l.(*form); ok && f.turn == turn {
			return f
		}
	}
	return nil
}

// uncover takes away what lies above a layer.
func (m *Model) uncover(l layer) {
	for m.top() != nil && m.top() != l {
		m.pop()
	}
}

func (m *Model) confirmLink(f *form, p clientrpc.SetupLinkParams, account omega.Fingerprint) tea.Cmd {
	turn := f.turn
	m.push(&picker{title: m.text("tui.setup.confirm"), note: inGroups(account.String(), 4), items: []item{
		{label: m.text("tui.setup.mine"), do: func(m *Model) tea.Cmd {
			p.Confirm = account
			return m.run(linkStep(turn, p))
		}},
		{label: m.text("tui.setup.notmine"), ink: inkBad, do: func(m *Model) tea.Cmd {
			m.pop()
			m.setupMenu()
			p.Cancel = true
			return m.run(quietly(clientrpc.SetupLink, p))
		}},
	}})
	return nil
}
