package whole

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mailbox"
	mailpebble "github.com/omega-im/omega/mailbox/pebble"
	"github.com/omega-im/omega/wire"
)

// people makes accounts, one after the other on the servers of a cloud.
func people(t *testing.T, at []*server, names ...string) (out []*device) {
	t.Helper()
	for i, name := range names {
		out = append(out, newPerson(t, name, at[i%len(at)].address()))
	}
	return out
}

// newGroup has the first of some people make a group that all others join.
func newGroup(t *testing.T, name string, channel bool, all ...*device) clientrpc.Group {
	t.Helper()
	p := clientrpc.CreateGroupParams{ID: newID(), Name: name, Channel: channel}
	for _, d := range all[1:] {
		p.Members = append(p.Members, d.account)
	}
	g, err := clientrpc.CreateGroup.Call(t.Context(), all[0].conn, p)
	if err != nil {
		t.Fatalf("make a group: %v", err)
	}
	for _, d := range all[1:] {
		d.join(t, g)
	}
	for _, d := range all {
		d.awaitGroup(t, g, "all are in it", func(got clientrpc.Group) bool { return got.Size == len(all) && !got.Waiting })
	}
	return g
}

// join accepts an invitation once it is here.
func (d *device) join(t *testing.T, g clientrpc.Group) {
	t.Helper()
	d.awaitGroup(t, g, "invited", func(got clientrpc.Group) bool { return got.Role == clientrpc.RoleInvited })
	if _, err := clientrpc.AcceptGroup.Call(t.Context(), d.conn, clientrpc.GroupRef{Group: g.ID}); err != nil {
		t.Fatalf("%s accepts: %v", d.cfg.Name, err)
	}
}

func (d *device) group(t *testing.T, g clientrpc.Group) (clientrpc.Group, error) {
	t.Helper()
	return clientrpc.ShowGroup.Call(t.Context(), d.conn, clientrpc.GroupRef{Group: g.ID})
}

// awaitGroup waits until a group looks so to a device.
func (d *device) awaitGroup(t *testing.T, g clientrpc.Group, what string, ok func(clientrpc.Group) bool) (got clientrpc.Group) {
	t.Helper()
	until(t, d.cfg.Name+": "+what, func() bool {
		var err error
		got, err = d.group(t, g)
		return err == nil && ok(got)
	})
	return got
}

// say sends a text to a group.
func (d *device) say(t *testing.T, g clientrpc.Group, text string) omega.ID {
	t.Helper()
	id := newID()
	_, err := clientrpc.Send.Call(t.Context(), d.conn, clientrpc.SendParams{ID: id, To: g.Chat.String(), Text: text, Wait: "none", Timeout: patience})
	if err != nil {
		t.Fatalf("%s says %q: %v", d.cfg.Name, text, err)
	}
	return id
}

// texts are the texts in a group's chat, as a device has them.
func (d *device) texts(t *testing.T, g clientrpc.Group) (out []string) {
	t.Helper()
	for _, m := range d.groupHistory(t, g) {
		if m.Verified && (m.Kind == "text" || m.Kind == "poll" || m.Kind == "list") {
			out = append(out, m.Text)
		}
	}
	return out
}

func (d *device) groupHistory(t *testing.T, g clientrpc.Group) []clientrpc.Message {
	t.Helper()
	r, err := clientrpc.History.Call(t.Context(), d.conn, clientrpc.HistoryParams{Chat: g.Chat.String(), Count: 200})
	if err != nil {
		return nil // the chat is not here yet
	}
	return r.Messages
}

// hears waits until a device has texts in a group's chat.
func (d *device) hears(t *testing.T, g clientrpc.Group, texts ...string) {
	t.Helper()
	for _, text := range texts {
		until(t, d.cfg.Name+" hears "+text, func() bool { return slices.Contains(d.texts(t, g), text) })
	}
}

// do makes a call that has to work.
func do[Req, Resp any](t *testing.T, d *device, m clientrpc.Method[Req, Resp], req Req) Resp {
	t.Helper()
	r, err := m.Call(t.Context(), d.conn, req)
	if err != nil {
		t.Fatalf("%s: %s: %v", d.cfg.Name, m.Name, err)
	}
	return r
}

// inGroup names accounts of a group.
func inGroup(g clientrpc.Group, who ...*device) clientrpc.GroupAccounts {
	out := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: g.ID}}
	for _, d := range who {
		out.Accounts = append(out.Accounts, d.account)
	}
	return out
}

// sameGroup waits until devices have one state of a group.
func sameGroup(t *testing.T, g clientrpc.Group, all ...*device) (got clientrpc.Group) {
	t.Helper()
	until(t, "all have one state", func() bool {
		var first string
		for i, d := range all {
			g, err := d.group(t, g)
			if err != nil {
				return false
			}
			if state := fmt.Sprint(g.Heads, g.Name, g.Size, rolesOf(g.Members), g.Banned); i == 0 {
				first, got = state, g
			} else if state != first {
				return false
			}
		}
		return true
	})
	return got
}

// rolesOf is who is in a group and as what: not everybody knows the names of all.
func rolesOf(list []clientrpc.GroupMember) (out []string) {
	for _, m := range list {
		out = append(out, m.Account.String()+" "+m.Role)
	}
	return out
}

// TestGroup: five people on four servers talk; one is away and comes back; who is
// removed reads and writes nothing any more.
func TestGroup(t *testing.T) {
	t.Parallel()
	p := people(t, cloud, "ann", "bob", "cat", "dan", "eve")
	ann, bob, cat, dan, eve := p[0], p[1], p[2], p[3], p[4]
	g := newGroup(t, "登山社", false, p...)
	for _, d := range p {
		d.say(t, g, "I am "+d.cfg.Name)
	}
	for _, d := range p {
		d.hears(t, g, "I am ann", "I am bob", "I am cat", "I am dan", "I am eve")
	}
	first := ann.say(t, g, "who is where?")
	for _, d := range p[1:] {
		d.hears(t, g, "who is where?")
	}

	// One is away while others talk and the group changes.
	cat.close(t)
	do(t, ann, clientrpc.RoleGroup, clientrpc.RoleGroupParams{GroupAccounts: inGroup(g, bob), Role: "admin"})
	name := "登山社（新）"
	do(t, ann, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Name: &name})
	for i := range 5 {
		dan.say(t, g, fmt.Sprint("while cat is away ", i))
	}
	cat.open(t)
	cat.hears(t, g, "while cat is away 0", "while cat is away 4")
	cat.awaitGroup(t, g, "the new name", func(g clientrpc.Group) bool { return g.Name == name })

	// bob, an admin, removes dan.
	bob.awaitGroup(t, g, "bob is an admin", func(g clientrpc.Group) bool { return g.Role == "admin" })
	do(t, bob, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: inGroup(g, dan)})
	dan.awaitGroup(t, g, "removed", func(g clientrpc.Group) bool { return g.Role == "" })
	bob.say(t, g, "dan is gone")
	ann.awaitGroup(t, g, "dan is removed", func(g clientrpc.Group) bool { return g.Size == 4 })
	ann.say(t, g, "we are four")
	for _, d := range []*device{ann, bob, cat, eve} {
		d.hears(t, g, "dan is gone", "we are four")
	}
	_, err := clientrpc.Send.Call(t.Context(), dan.conn, clientrpc.SendParams{ID: newID(), To: g.Chat.String(), Text: "still here", Timeout: patience})
	wantCode(t, err, clientrpc.CodeRefused)
	sameGroup(t, g, ann, bob, cat, eve)
	// Everything that is on its way to dan comes before this.
	ann.send(t, dan, "just for you", "delivered")
	if got := dan.texts(t, g); slices.Contains(got, "we are four") || slices.Contains(got, "dan is gone") {
		t.Errorf("who was removed reads %q", got)
	}

	// Operations on messages, and who read what.
	do(t, cat, clientrpc.React, clientrpc.ReactParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: first}, Emoji: []string{"推"}})
	until(t, "ann sees cat's reaction", func() bool {
		m := do(t, ann, clientrpc.Show, clientrpc.MessageRef{Message: first})
		return len(m.Reactions) == 1 && m.Reactions[0].From == cat.account && m.Delivered >= 4
	})
	do(t, ann, clientrpc.Edit, clientrpc.EditParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: first}, Text: "where are you?"})
	eve.hears(t, g, "where are you?")
	do(t, eve, clientrpc.LeaveGroup, clientrpc.GroupRef{Group: g.ID})
	for _, d := range []*device{ann, bob, cat} {
		d.awaitGroup(t, g, "eve left", func(g clientrpc.Group) bool { return g.Size == 3 })
	}
}

// TestGroupTwoAdmins: administrators who know nothing of each other act at once;
// all end in one state.
func TestGroupTwoAdmins(t *testing.T) {
	t.Parallel()
	p := people(t, cloud, "ann", "bob", "cat", "dan")
	ann, bob, cat, dan := p[0], p[1], p[2], p[3]
	g := newGroup(t, "兩個管理員", false, p...)
	do(t, ann, clientrpc.RoleGroup, clientrpc.RoleGroupParams{GroupAccounts: inGroup(g, bob, cat), Role: "admin"})
	for _, d := range []*device{bob, cat} {
		d.awaitGroup(t, g, "an admin", func(g clientrpc.Group) bool { return g.Role == "admin" })
	}
	for i, d := range []*device{bob, cat} {
		dialer := d.cfg.Dialer
		d.close(t)
		noNetwork(&d.cfg)
		d.open(t)
		name := fmt.Sprint("名字", i)
		do(t, d, clientrpc.ProfileGroup, clientrpc.ProfileGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Name: &name})
		if d == bob {
			do(t, d, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: inGroup(g, dan)})
		} else {
			d.say(t, g, "written when nobody knew")
		}
		d.close(t)
		d.cfg.Dialer = dialer
	}
	bob.open(t)
	cat.open(t)
	ann.hears(t, g, "written when nobody knew")
	got := sameGroup(t, g, ann, bob, cat)
	if got.Size != 3 || len(got.Heads) != 2 && len(got.Heads) != 1 {
		t.Errorf("%+v", got)
	}
	dan.awaitGroup(t, g, "removed", func(g clientrpc.Group) bool { return g.Role == "" })
	// What is said next is read by all who are left.
	cat.say(t, g, "all clear")
	for _, d := range []*device{ann, bob} {
		d.hears(t, g, "all clear")
	}
}

// TestGroupLinks: by a link people ask, and are let in or not; a channel lets them
// in at once, and its readers do not write.
func TestGroupLinks(t *testing.T) {
	t.Parallel()
	p := people(t, cloud, "ann", "bob", "cat", "dan")
	ann, bob, cat, dan := p[0], p[1], p[2], p[3]
	g := newGroup(t, "讀書會", false, ann, bob)
	ann.say(t, g, "before the others came")
	link := do(t, ann, clientrpc.LinkGroup, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}})
	again := do(t, ann, clientrpc.LinkGroup, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}})
	if link.Link != again.Link || !strings.HasPrefix(link.Link, "omega:group/") {
		t.Errorf("links %q and %q", link.Link, again.Link)
	}
	for _, d := range []*device{cat, dan} {
		do(t, d, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: link.Link, Text: "我是 " + d.cfg.Name})
	}
	var asked clientrpc.GroupRequestsResult
	until(t, "both asked", func() bool {
		asked = do(t, ann, clientrpc.GroupRequests, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: g.ID}})
		return len(asked.Requests) == 2
	})
	if i := slices.IndexFunc(asked.Requests, func(r clientrpc.GroupRequest) bool { return r.Account == cat.account }); i < 0 || asked.Requests[i].Text != "我是 cat" {
		t.Errorf("%+v", asked)
	}
	do(t, ann, clientrpc.ApproveGroup, clientrpc.ApproveGroupParams{GroupAccounts: inGroup(g, cat)})
	left := do(t, ann, clientrpc.ApproveGroup, clientrpc.ApproveGroupParams{GroupAccounts: inGroup(g, dan), Refuse: true})
	if len(left.Requests) != 0 {
		t.Errorf("%+v", left)
	}
	cat.awaitGroup(t, g, "in", func(g clientrpc.Group) bool { return g.Role == "member" && !g.Waiting })
	cat.hears(t, g, "before the others came")
	if got, err := dan.group(t, g); err != nil || got.Size != 0 {
		t.Errorf("who was refused knows %+v, %v", got, err)
	}

	ch := newGroup(t, "公告", true, ann, bob)
	open := do(t, ann, clientrpc.LinkGroup, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: ch.ID}, Open: true})
	do(t, dan, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: open.Link})
	dan.awaitGroup(t, ch, "let in", func(g clientrpc.Group) bool { return g.Role == "member" && g.Channel && !g.Waiting })
	ann.awaitGroup(t, ch, "three", func(g clientrpc.Group) bool { return g.Size == 3 })
	post := ann.say(t, ch, "第一則公告")
	dan.hears(t, ch, "第一則公告")
	_, err := clientrpc.Send.Call(t.Context(), dan.conn, clientrpc.SendParams{ID: newID(), To: ch.Chat.String(), Text: "me too", Timeout: patience})
	wantCode(t, err, clientrpc.CodeRefused)
	do(t, dan, clientrpc.React, clientrpc.ReactParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: post}, Emoji: []string{"👍"}})
	until(t, "a reader's reaction", func() bool {
		return len(do(t, ann, clientrpc.Show, clientrpc.MessageRef{Message: post}).Reactions) == 1
	})
	do(t, ann, clientrpc.LinkGroup, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: ch.ID}, Open: true, Close: true})
	do(t, cat, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: open.Link})
	cat.send(t, ann, "the link?", "delivered")
	if r := do(t, ann, clientrpc.GroupRequests, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: ch.ID}}); len(r.Requests) != 0 {
		t.Errorf("by a link that was closed: %+v", r)
	}
}

// TestGroupAtServers: the group's id and name are in nothing that servers keep or
// are told. The same search finds the accounts, which servers know.
func TestGroupAtServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, err := startCloud(dir, 2, "open", "pebble")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, s := range own {
			s.end()
		}
	}()
	var said recording
	ann, bob := newPerson(t, "ann", own[0].webSocket(), said.of), newPerson(t, "bob", own[1].webSocket(), said.of)
	p := []*device{ann, bob, newPerson(t, "cat", own[0].address())}
	cat := p[2]
	const name = "秘密基地-canary-4711"
	g := newGroup(t, name, false, ann, bob, cat)
	cat.close(t) // its mail stays at the server
	ann.say(t, g, name)
	do(t, ann, clientrpc.RoleGroup, clientrpc.RoleGroupParams{GroupAccounts: inGroup(g, bob), Role: "admin"})
	bob.hears(t, g, name)
	bob.say(t, g, "yes")
	ann.hears(t, g, "yes")
	bob.send(t, cat, "direct", "stored")
	for _, d := range []*device{ann, bob} {
		d.close(t)
	}
	for _, s := range own {
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := hex.DecodeString(g.ID)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"name": name, "id": string(raw[:16]), "id in digits": g.ID[:32], "id in capitals": strings.ToUpper(g.ID[:32])}
	known := string(ann.account.Wire())
	files, waiting, found := 0, 0, 0
	told := said.frames()
	for what, s := range secrets {
		if bytes.Contains(told, []byte(s)) {
			t.Errorf("a server was told the group's %s", what)
		}
	}
	if n := bytes.Count(told, []byte(known)); n < 2 {
		t.Errorf("ann's account is in %d octets of traffic %d times only", len(told), n)
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if files++; strings.Contains(string(b), known) {
			found++
		}
		for what, s := range secrets {
			if strings.Contains(string(b), s) {
				t.Errorf("%s: the group's %s", path, what)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// The stores compress: what they hold is looked at as the server reads it.
	for _, s := range own {
		for _, d := range p {
			for _, env := range mailOf(t, filepath.Join(s.cfg.Dir, "mail"), d.account) {
				if waiting++; strings.Contains(string(env), known) {
					found++
				}
				for what, secret := range secrets {
					if strings.Contains(string(env), secret) {
						t.Errorf("mail for %s: the group's %s", d.cfg.Name, what)
					}
				}
				if view, err := wire.ParseEnvelope(env); err != nil || len(view.Payload()) == 0 {
					t.Errorf("envelope: %v", err)
				}
			}
		}
	}
	if files < 10 || waiting < 4 || found == 0 {
		t.Errorf("looked at %d files and %d envelopes only, and found an account in %d", files, waiting, found)
	}
}

// mailOf is the mail of an account as its server reads it.
func mailOf(t *testing.T, dir string, account omega.Fingerprint) (out [][]byte) {
	t.Helper()
	driver, err := mailpebble.Open(mailpebble.Config{Dir: dir, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mailbox.Open(mailbox.Config{Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	mail, err := store.Read(t.Context(), account, 0, mailbox.Limit{Messages: 10_000, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mail {
		out = append(out, m.Envelope)
	}
	return out
}

// TestGroupDevices: a device that is linked later is given the groups, and both
// devices of an account read and write.
func TestGroupDevices(t *testing.T) {
	t.Parallel()
	p := people(t, cloud, "ann", "bob")
	ann, bob := p[0], p[1]
	g := newGroup(t, "兩部裝置", false, ann, bob)
	ann.say(t, g, "one device each")
	bob.hears(t, g, "one device each")
	second := bob.link(t, cloud[3].address())
	second.awaitGroup(t, g, "known on the new device", func(g clientrpc.Group) bool { return g.Role == "member" && g.Size == 2 })
	until(t, "ann writes to the new device", func() bool {
		ann.say(t, g, "two devices")
		return slices.Contains(second.texts(t, g), "two devices")
	})
	second.say(t, g, "from the second")
	ann.hears(t, g, "from the second")
	bob.hears(t, g, "from the second")
	bob.say(t, g, "from the first")
	second.hears(t, g, "from the first")
	// A group that one device makes is on the other.
	made := do(t, second, clientrpc.CreateGroup, clientrpc.CreateGroupParams{ID: newID(), Name: "新的"})
	bob.awaitGroup(t, made, "made on the other device", func(g clientrpc.Group) bool { return g.Role == "owner" })
}

// TestGroupTalk: polls, lists, mentions, pins and what admins take back.
func TestGroupTalk(t *testing.T) {
	t.Parallel()
	p := people(t, cloud, "ann", "bob", "cat")
	ann, bob, cat := p[0], p[1], p[2]
	g := newGroup(t, "午餐", false, p...)
	show := func(d *device, id omega.ID) clientrpc.Message {
		m, err := clientrpc.Show.Call(t.Context(), d.conn, clientrpc.MessageRef{Message: id, Chat: g.Chat.String()})
		if err != nil {
			return clientrpc.Message{}
		}
		return m
	}
	for _, d := range p { // so that everybody knows everybody's name
		d.say(t, g, "我是 "+d.cfg.Name)
	}
	for _, d := range p {
		d.hears(t, g, "我是 ann", "我是 bob", "我是 cat")
	}

	poll, list := newID(), newID()
	do(t, ann, clientrpc.Ask, clientrpc.AskParams{ID: poll, To: g.Chat.String(), Question: "吃什麼？", Options: []string{"麵", "飯"}})
	do(t, bob, clientrpc.Begin, clientrpc.BeginParams{ID: list, To: g.Chat.String(), Title: "接龍"})
	for i, d := range p {
		until(t, "poll and list are here", func() bool { return show(d, poll).Poll != nil && show(d, list).List != nil })
		do(t, d, clientrpc.Vote, clientrpc.VoteParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: poll}, Options: []int{i % 2}})
		do(t, d, clientrpc.Line, clientrpc.LineParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: list}, Text: d.cfg.Name + " 一份"})
	}
	for _, d := range p {
		until(t, "all have voted and are on the list", func() bool {
			m, l := show(d, poll), show(d, list)
			return m.Poll.Voters == 3 && m.Poll.Options[0].Votes == 2 && len(l.List.Lines) == 3
		})
	}

	// Mentions are bound to the account; not everybody may call all.
	muted := clientrpc.MutedForGood
	do(t, cat, clientrpc.SetChat, clientrpc.SetChatParams{Chat: g.Chat.String(), Muted: &muted})
	called, all, none := ann.say(t, g, "@cat 快來"), ann.say(t, g, "@All 開會"), bob.say(t, g, "@All 我也要")
	cat.hears(t, g, "@cat 快來", "@All 開會", "@All 我也要")
	bob.hears(t, g, "@All 開會")
	if m := show(cat, called); !m.Mentioned || len(m.Entities) != 1 || m.Entities[0].Account != cat.account {
		t.Errorf("%+v", m)
	}
	if show(bob, called).Mentioned || !show(bob, all).Mentioned || !show(cat, all).Mentioned || show(cat, none).Mentioned || len(show(cat, none).Entities) != 0 {
		t.Errorf("who is mentioned: %v %v %v %v", show(bob, called).Mentioned, show(bob, all).Mentioned, show(cat, all).Mentioned, show(cat, none).Mentioned)
	}

	// A caption calls as a text does, where the chat is muted too.
	picture := filepath.Join(t.TempDir(), "地圖.txt")
	must(t, os.WriteFile(picture, []byte("路線"), 0o600))
	caption := newID()
	do(t, ann, clientrpc.SendFile, clientrpc.SendFileParams{ID: caption, To: g.Chat.String(), Paths: []string{picture}, Caption: "給 @cat：**看**", Markup: true})
	until(t, "the caption is here", func() bool { return show(cat, caption).Kind == "media" && show(bob, caption).Kind == "media" })
	if m := show(cat, caption); !m.Verified || !m.Mentioned || m.Text != "給 @cat：看" || len(m.Entities) != 2 || m.Entities[0].Account != cat.account || show(bob, caption).Mentioned {
		t.Errorf("called by a caption: %+v; of bob %v", m, show(bob, caption).Mentioned)
	}

	// Admins pin and take back what others wrote; members do not.
	_, err := clientrpc.Pin.Call(t.Context(), bob.conn, clientrpc.PinParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: called}, Pinned: true})
	wantCode(t, err, clientrpc.CodeRefused)
	do(t, ann, clientrpc.Pin, clientrpc.PinParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: called}, Pinned: true})
	for _, d := range p {
		until(t, "pinned", func() bool { return show(d, called).Pinned })
	}
	do(t, ann, clientrpc.Pin, clientrpc.PinParams{ID: newID(), MessageRef: clientrpc.MessageRef{Message: called}})
	until(t, "taken down", func() bool { return !show(cat, called).Pinned })
	_, err = clientrpc.RedactGroup.Call(t.Context(), cat.conn, clientrpc.RedactGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Messages: []omega.ID{none}})
	wantCode(t, err, clientrpc.CodeRefused)
	do(t, ann, clientrpc.RedactGroup, clientrpc.RedactGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Messages: []omega.ID{none}})
	for _, d := range p {
		until(t, "taken back by an admin", func() bool { m := show(d, none); return m.Deleted && m.Text == "" })
	}

	// A scheduled text and a switch against read marks work as in direct chats.
	off := true
	do(t, bob, clientrpc.SetChat, clientrpc.SetChatParams{Chat: g.Chat.String(), NoRead: &off})
	quiet := ann.say(t, g, "誰讀了？")
	for _, d := range []*device{bob, cat} {
		d.hears(t, g, "誰讀了？")
		d.receiveAll(t, "誰讀了？")
	}
	until(t, "cat read it, bob does not say", func() bool {
		r := do(t, ann, clientrpc.Reach, clientrpc.ReachParams{MessageRef: clientrpc.MessageRef{Message: quiet}})
		i := slices.IndexFunc(r.Accounts, func(a clientrpc.Reached) bool { return a.Account == cat.account && a.State == "read" })
		j := slices.IndexFunc(r.Accounts, func(a clientrpc.Reached) bool { return a.Account == bob.account && a.State == "delivered" })
		return i >= 0 && j >= 0
	})
	if chats := do(t, cat, clientrpc.Chats, clientrpc.Page{}); !slices.ContainsFunc(chats.Chats, func(c clientrpc.Chat) bool {
		return c.ID == g.Chat && c.Kind == clientrpc.ChatGroup && c.Name == "午餐" && !c.Muted.IsZero() && c.Unread == 0
	}) {
		t.Errorf("%+v", chats)
	}
}

// receiveAll takes and confirms messages until one with a text comes.
func (d *device) receiveAll(t *testing.T, last string) {
	t.Helper()
	for {
		for _, m := range d.receive(t, 1) {
			if m.Text == last {
				return
			}
		}
	}
}
