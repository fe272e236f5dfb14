package tui

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// contactChat names the chat of a contact, groupChat that of a group.
func contactChat(c *clientrpc.Contact) omega.ChatID { return c.Chat }
func groupChat(g clientrpc.Group) omega.ChatID      { return g.Chat }

// newMenu is what begins something: a contact, a group, one's own link.
func (m *Model) newMenu() tea.Cmd {
	if m.phase != ready {
		return nil
	}
	m.push(&picker{title: m.text("tui.help.new"), items: []item{
		{label: m.text("tui.new.contact"), do: func(m *Model) tea.Cmd { return m.askContact() }},
		{label: m.text("tui.new.card"), do: func(m *Model) tea.Cmd { return m.run(card) }},
		{label: m.text("tui.new.group"), do: func(m *Model) tea.Cmd { return m.askGroup(false) }},
		{label: m.text("tui.new.securegroup"), ink: inkSecure, do: func(m *Model) tea.Cmd { return m.askGroup(true) }},
		{label: m.text("tui.new.join"), do: func(m *Model) tea.Cmd { return m.askJoin() }},
	}})
	return nil
}

func (m *Model) askContact() tea.Cmd {
	m.askText(m.text("tui.new.contact"), m.text("tui.new.contactnote"), "", func(m *Model, typed string) tea.Cmd {
		return m.run(openPeer(clientrpc.AddContact, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: strings.TrimSpace(typed)}}, contactChat))
	})
	return nil
}

func (m *Model) askGroup(secure bool) tea.Cmd {
	id := newID()
	title := map[bool]string{false: "tui.new.group", true: "tui.new.securegroup"}[secure]
	m.askText(m.text(title), m.text("tui.new.groupnote"), "", func(m *Model, name string) tea.Cmd {
		p := &picker{title: m.text("tui.new.writers"), note: m.text("tui.new.writersnote")}
		for _, channel := range []bool{false, true} {
			params := clientrpc.CreateGroupParams{ID: id, Name: strings.TrimSpace(name), Secure: secure, Channel: channel}
			p.items = append(p.items, item{label: m.text(map[bool]string{false: "tui.new.everybody", true: "tui.new.channel"}[channel]), do: func(m *Model) tea.Cmd {
				return m.run(openPeer(clientrpc.CreateGroup, params, groupChat))
			}})
		}
		m.push(p)
		return nil
	})
	return nil
}

func (m *Model) askJoin() tea.Cmd {
	m.askText(m.text("tui.new.join"), "", "", func(m *Model, link string) tea.Cmd {
		m.say(m.text("tui.working"))
		return m.run(openPeer(clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: strings.TrimSpace(link)}, groupChat)) // it says there what becomes of it
	})
	return nil
}

// card shows by what others add this account.
func card(ctx context.Context, core clientrpc.Conn) tea.Msg {
	r, err := clientrpc.Card.Call(ctx, core, clientrpc.None{})
	return codeMsg{err: err, show: func(m *Model) *codeView {
		return newCode(m.text("tui.new.card")+" "+m.glyphs.dot+" "+m.called(r.Name, r.Account), r.Link, strings.ToUpper(r.Link), m.text("tui.card.note"))
	}}
}

// chatMenu is what may be done with the open chat, or the selected one.
func (m *Model) chatMenu() tea.Cmd {
	c := m.chat()
	if c == nil || m.focus == onList {
		c = m.chats.find(m.chats.sel)
	}
	if c == nil || m.phase != ready {
		return nil
	}
	if _, known := m.groups[c.ID]; c.Kind == clientrpc.ChatGroup && !known {
		return m.run(lookAtGroup(c.ID, true)) // what may be done depends on the role
	}
	m.menuOf(c)
	return nil
}

// menuOf shows the menu of a chat.
func (m *Model) menuOf(c *clientrpc.Chat) {
	p := &picker{title: m.chatTitle(c)}
	set := func(key string, change func(*clientrpc.SetChatParams)) {
		p.items = append(p.items, item{label: m.text(key), do: func(m *Model) tea.Cmd {
			s := clientrpc.SetChatParams{Chat: c.ID.String()}
			change(&s)
			return m.run(setChat(s))
		}})
	}
	yes, no := true, false
	if c.Muted.IsZero() {
		hours, good := m.now().Add(8*time.Hour), clientrpc.MutedForGood
		set("tui.chat.mute8", func(s *clientrpc.SetChatParams) { s.Muted = &hours })
		set("tui.chat.mute", func(s *clientrpc.SetChatParams) { s.Muted = &good })
	} else {
		set("tui.chat.unmute", func(s *clientrpc.SetChatParams) { s.Muted = &time.Time{} })
	}
	pairs := []struct {
		now     bool
		on, off string
		field   func(*clientrpc.SetChatParams, *bool)
	}{
		{c.Top, "tui.chat.top", "tui.chat.untop", func(s *clientrpc.SetChatParams, v *bool) { s.Top = v }},
		{c.Archived, "tui.chat.archive", "tui.chat.unarchive", func(s *clientrpc.SetChatParams, v *bool) { s.Archived = v }},
		{c.NoRead, "tui.chat.noread", "tui.chat.read", func(s *clientrpc.SetChatParams, v *bool) { s.NoRead = v }},
	}
	for _, o := range pairs {
		if o.now {
			set(o.off, func(s *clientrpc.SetChatParams) { o.field(s, &no) })
		} else {
			set(o.on, func(s *clientrpc.SetChatParams) { o.field(s, &yes) })
		}
	}
	m.peerItems(p, c)
	m.groupItems(p, c)
	for i := range m.chats.folders {
		m.folderItem(p, c, &m.chats.folders[i])
	}
	p.items = append(p.items, item{label: m.text("tui.export"), do: func(m *Model) tea.Cmd { m.exportFormats(c); return nil }})
	p.items = append(p.items, item{label: m.text("tui.chat.newfolder"), do: func(m *Model) tea.Cmd { return m.askFolder(c.ID.String()) }})
	m.push(p)
}

// peerItems are about the other side of a chat of two.
func (m *Model) peerItems(p *picker, c *clientrpc.Chat) {
	if c.Kind != clientrpc.ChatDirect && (c.Kind != clientrpc.ChatSecure || c.Peer == (omega.Fingerprint{})) {
		return
	}
	ref := clientrpc.ContactRef{Account: c.Peer.String()}
	p.items = append(p.items, item{label: m.text("tui.chat.key"), do: func(m *Model) tea.Cmd { return m.run(contactSheet(ref)) }})
	p.items = append(p.items, item{label: m.text("tui.chat.rename"), do: func(m *Model) tea.Cmd {
		m.askText(m.text("tui.chat.rename"), "", m.chatName(c), func(m *Model, name string) tea.Cmd {
			if name = strings.TrimSpace(name); name == m.chatName(c) {
				return nil // what they call themselves would be said to be a name given here
			}
			return m.run(call(clientrpc.NameContact, clientrpc.NameContactParams{ContactRef: ref, Petname: name}, noText))
		})
		return nil
	}})
	if c.Kind == clientrpc.ChatDirect {
		p.items = append(p.items, item{label: "🔒 " + m.text("tui.chat.secure"), ink: inkSecure, do: func(m *Model) tea.Cmd {
			m.say(m.text("tui.securing"))
			return m.run(openPeer(clientrpc.StartSecure, clientrpc.StartSecureParams{SecureRef: clientrpc.SecureRef{Peer: c.Peer.String()}}, func(s clientrpc.SecureChat) omega.ChatID { return s.Chat }))
		}})
		if c.Contact == clientrpc.ContactYes {
			p.items = append(p.items, item{label: m.text("tui.chat.removecontact"), ink: inkBad, do: func(m *Model) tea.Cmd {
				m.confirm(m.text("tui.chat.removecontact"), m.text("tui.chat.removecontactnote", m.chatName(c)), func(m *Model) tea.Cmd {
					return m.run(call(clientrpc.RemoveContact, ref, i18n.T("tui.changed")))
				})
				return nil
			}})
		}
		p.items = append(p.items, m.blockItem(c), item{label: m.text("tui.report"), ink: inkBad, do: func(m *Model) tea.Cmd { return m.askReport(c.Peer, m.chatName(c)) }})
		return
	}
	p.items = append(p.items, item{label: m.text("tui.chat.endsecure"), ink: inkBad, do: func(m *Model) tea.Cmd {
		m.confirm(m.text("tui.chat.endsecure"), m.text("tui.chat.endsecurenote"), func(m *Model) tea.Cmd {
			return m.run(call(clientrpc.EndSecure, clientrpc.SecureRef{Peer: c.ID.String()}, noText))
		})
		return nil
	}})
}

func (m *Model) blockItem(c *clientrpc.Chat) item {
	key := "tui.chat.block"
	if c.Blocked {
		key = "tui.chat.unblock"
	}
	p := clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: c.Peer.String()}, Off: c.Blocked}
	return item{label: m.text(key), ink: inkBad, do: func(m *Model) tea.Cmd {
		return m.run(call(clientrpc.BlockContact, p, noText))
	}}
}

// folderItem puts a chat into a folder, or takes it out.
func (m *Model) folderItem(p *picker, c *clientrpc.Chat, f *clientrpc.Folder) {
	s := clientrpc.SetFolderParams{ID: f.ID, Add: []string{c.ID.String()}}
	key := "tui.chat.infolder"
	for _, id := range c.Folders {
		if id == f.ID {
			s.Add, s.Remove, key = nil, s.Add, "tui.chat.outoffolder"
		}
	}
	p.items = append(p.items, item{label: m.text(key, m.clean(f.Title)), do: func(m *Model) tea.Cmd { return m.run(call(clientrpc.SetFolder, s, noText)) }})
}

// contactSheet shows a contact's key: fingerprint, safety number, devices, who
// certified it.
func contactSheet(ref clientrpc.ContactRef) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		c, err := clientrpc.ShowContact.Call(ctx, core, ref)
		return sheetMsg{err: err, make: func(m *Model) *sheet { return m.keySheet(c) }}
	}
}

func (m *Model) keySheet(c *clientrpc.Contact) *sheet {
	s := &sheet{title: m.text("tui.chat.key"), keys: map[string]func(m *Model) tea.Cmd{}}
	add := func(text string, i ink) { s.body = append(s.body, span{text: text, ink: i}) }
	add(m.called(cmp.Or(c.Petname, c.Name), c.Account)+"\n", inkName)
	add(m.text("tui.key.fingerprint")+"\n", inkDim)
	add("  "+inGroups(c.Account.String(), 4)+"\n\n", noInk)
	add(m.text("tui.key.safety")+"\n", inkDim)
	add("  "+m.clean(c.Safety)+"\n\n", inkAccent)
	switch c.Verified {
	case clientrpc.VerifiedYes:
		add("✔ "+m.text("tui.verified")+"\n", inkGood)
	case clientrpc.VerifiedChanged:
		add("⚠ "+m.text("tui.keychanged")+"\n", inkBad)
	}
	if c.Verified != clientrpc.VerifiedYes && c.Safety != "" {
		add(m.text("tui.key.verify")+"\n", inkAccent)
		s.keys["v"] = func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.key.sure"), c.Safety, func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.VerifyContact, clientrpc.VerifyParams{ContactRef: clientrpc.ContactRef{Account: c.Account.String()}, Number: c.Safety}, i18n.T("tui.verified")))
			})
			return nil
		}
	}
	if c.Verified == clientrpc.VerifiedYes {
		add(m.text("tui.key.certify")+"\n", inkAccent)
		s.keys["c"] = func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.key.certifysure", m.called(cmp.Or(c.Petname, c.Name), c.Account)), m.text("tui.key.certifynote"), func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.CertifyContact, clientrpc.ContactRef{Account: c.Account.String()}, i18n.T("tui.key.certifydone")))
			})
			return nil
		}
	}
	if len(c.Devices) > 0 {
		add("\n"+m.text("tui.key.devices")+"\n", inkDim)
	}
	for _, d := range c.Devices {
		add("  "+m.clean(d.Name)+"  "+m.text("status."+d.Status)+"\n", noInk)
	}
	for _, p := range c.Certified {
		add(m.text("tui.key.certified", m.called(p.Name, p.Account))+"\n", inkDim)
	}
	return s
}

// inGroups puts a space behind every n characters.
func inGroups(s string, n int) string {
	var out []string
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return strings.Join(append(out, s), " ")
}

// answerRequest accepts a stranger, puts what he writes aside, or hears no more of
// him.
func (m *Model) answerRequest(key string) tea.Cmd {
	c := m.chat()
	if c == nil || !isRequest(c) {
		return nil
	}
	ref := clientrpc.ContactRef{Account: c.Peer.String()}
	done := fetchChat(c.ID.String())
	var do effect
	switch key {
	case "alt+a":
		do = call(clientrpc.AddContact, clientrpc.AddContactParams{ContactRef: ref}, i18n.T("tui.accepted"))
	case "alt+d":
		do = call(clientrpc.DeclineContact, ref, i18n.T("tui.declined"))
	case "alt+b":
		do = call(clientrpc.BlockContact, clientrpc.BlockContactParams{ContactRef: ref}, i18n.T("tui.blockednow"))
	}
	return tea.Sequence(m.run(do), m.run(done))
}

// attach asks for a file to send, and what is said of it: at first what was begun to be
// written.
func (m *Model) attach() tea.Cmd {
	c := m.chat()
	if c == nil || !m.mayWrite() {
		return nil
	}
	begun := ""
	if m.tasks[c.ID].edit == nil && !isCommand(m.edit.text) {
		begun = m.edit.text
	}
	f := &form{title: m.text("tui.help.attach"), fields: []*field{{label: m.text("tui.import.file"), note: m.text("tui.attach.note")}, {label: m.text("tui.attach.caption")}}}
	if f.fields[1].edit.set(inOneLine(begun)); strings.Contains(f.value(1), lineBreak) {
		f.fields[1].note = m.text("tui.attach.breaks")
	}
	f.submit = func(m *Model, f *form) tea.Cmd {
		path, err := absolute(strings.TrimSpace(f.value(0)))
		if err != nil {
			f.problem = err.Error()
			return nil
		}
		p := clientrpc.SendFileParams{ID: newID(), Paths: []string{path}, Caption: inLines(f.value(1)), Markup: true, Wait: "none"}
		p.To, p.Secure = addressee(c)
		return m.run(sendFile(f.works(m), p, c.ID, begun))
	}
	m.push(f)
	return nil
}

// lineBreak stands for one in a field of one line.
const lineBreak = "↵"

// inOneLine is a text as a field of one line has it, inLines what such a field says.
func inOneLine(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", lineBreak)
}

func inLines(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, lineBreak, "\n"))
}

// sendFile sends a file of this machine. What was begun in the composer
// went with it, if that is what was said of the file.
func sendFile(turn int, p clientrpc.SendFileParams, chat omega.ChatID, begun string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		_, err := clientrpc.SendFile.Call(ctx, core, p)
		return formMsg{turn: turn, err: err, next: func(m *Model) tea.Cmd {
			m.say(m.text("tui.filesent", filepath.Base(p.Paths[0])))
			if begun == "" || p.Caption != strings.TrimSpace(begun) || !m.conv.open || m.conv.chat != chat || m.edit.text != begun {
				return nil
			}
			m.edit.set("")
			return m.wrote()
		}}
	}
}

// absolute is a path as a person writes it: ~ is the home directory, and quotes that
// a terminal puts around a file that was dropped into it do not count.
func absolute(path string) (string, error) {
	path = strings.Trim(path, `'"`)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, rest)
	}
	return filepath.Abs(path)
}
