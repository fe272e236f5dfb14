package tui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// role has this account be something in the group.
func (f *fake) role(role string) {
	f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) {
		return clientrpc.Group{Chat: inGroup, Size: 5, Role: role, Rules: clientrpc.GroupRules{Invite: "members", Pin: "admins", Profile: "admins", Write: "members", MentionAll: "admins", History: "all"}}, nil
	}
	f.serve[clientrpc.GroupMembers.Name] = func([]byte) (any, error) {
		return clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{{Account: fingerprint(1), Name: "王小明", Role: role}, {Account: fingerprint(4), Name: "林大山", Role: clientrpc.RoleMember}}}, nil
	}
}

// choose selects the line of the top menu that holds text, and presses Enter.
func (d *driver) choose(text string) {
	d.t.Helper()
	p, ok := d.m.top().(*picker)
	if !ok {
		d.t.Fatalf("no menu, but\n%s", d.screen())
	}
	for i, it := range p.items {
		if strings.Contains(it.label, text) {
			p.sel = i
			d.press("enter")
			return
		}
	}
	d.t.Fatalf("the menu has no %q:\n%s", text, d.screen())
}

// TestGroupMenu: a group's menu shows what one's role allows, whether the group was
// opened or only chosen in the list.
func TestGroupMenu(t *testing.T) {
	for role, want := range map[string][]string{
		clientrpc.RoleMember: {"成員", "邀請", "邀請連結"}, clientrpc.RoleAdmin: {"成員", "申請加入的人", "更改名稱"}, clientrpc.RoleOwner: {"申請加入的人", "規則", "解散群組"},
	} {
		f := world()
		f.role(role)
		d := zh(t, f, 80, 40)
		d.m.chats.sel = inGroup
		d.press("ctrl+t")
		for _, text := range want {
			d.wants(text)
		}
		if role == clientrpc.RoleMember {
			d.wantsNot("申請加入的人")
			d.wantsNot("規則")
		}
		if role != clientrpc.RoleOwner {
			d.wantsNot("解散群組")
		}
		d.choose("成員")
		d.choose("林大山")
		d.wants("金鑰與驗證")
		if role == clientrpc.RoleMember {
			d.wantsNot("移出")
		}
	}
}

// TestRolesAndRules: roles and rules are changed by menus, after a question.
func TestRolesAndRules(t *testing.T) {
	f := world()
	f.role(clientrpc.RoleOwner)
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+t")
	d.choose("成員")
	d.choose("林大山")
	d.choose("設為管理員")
	if f.count(clientrpc.RoleGroup.Name) != 0 {
		t.Fatal("it was not asked")
	}
	d.choose("是")
	if p := params[clientrpc.RoleGroupParams](t, f, clientrpc.RoleGroup.Name); p.Role != clientrpc.RoleAdmin || !slices.Equal(p.Accounts, []omega.Fingerprint{fingerprint(4)}) || p.Group != inGroup.String() {
		t.Errorf("role: %+v", p)
	}
	d.press("ctrl+t")
	d.choose("規則")
	d.choose("誰能邀請")
	d.choose("管理員")
	if p := params[clientrpc.PolicyGroupParams](t, f, clientrpc.PolicyGroup.Name); p.Rules != (clientrpc.GroupRules{Invite: "admins"}) {
		t.Errorf("rules: %+v", p.Rules)
	}
}

// TestAccountMenu: devices are named, approved and revoked; texts that wait are
// canceled; folders made; a backup written.
func TestAccountMenu(t *testing.T) {
	f := world()
	f.serve[clientrpc.Devices.Name] = func([]byte) (any, error) {
		return clientrpc.DevicesResult{Devices: []clientrpc.Device{{Fingerprint: fingerprint(2), Name: "筆電", Added: noon, Status: "active", This: true}, {Fingerprint: fingerprint(9), Name: "手機", Added: noon, Status: "active"}}}, nil
	}
	f.serve[clientrpc.Scheduled.Name] = func([]byte) (any, error) {
		return clientrpc.ScheduledResult{Texts: []clientrpc.ScheduledText{{ID: id(77), To: fingerprint(3), Chat: withBob, Text: "生日快樂", At: noon.Add(time.Hour)}}}, nil
	}
	f.serve[clientrpc.Folders.Name] = func([]byte) (any, error) {
		return clientrpc.FoldersResult{Folders: []clientrpc.Folder{{ID: "00112233445566aa", Title: "家人"}}}, nil
	}
	f.serve[clientrpc.Backup.Name] = func(b []byte) (any, error) {
		var p clientrpc.BackupParams
		json.Unmarshal(b, &p)
		return clientrpc.BackupInfo{Path: p.Path, Size: 4096, Messages: 12}, nil
	}
	d := newDriver(t, f, 80, 40, Options{Lang: i18n.Chinese, Downloads: "/dl"})
	menu := func(text string) {
		t.Helper()
		d.m.layers = nil
		d.press("f2")
		d.choose(text)
	}
	menu("裝置")
	d.wants("筆電")
	d.choose("手機")
	d.choose("改名")
	d.press("ctrl+u")
	d.typing("阿明的手機")
	d.press("enter")
	if p := params[clientrpc.RenameParams](t, f, clientrpc.Rename.Name); p.Device != fingerprint(9) || p.Name != "阿明的手機" {
		t.Errorf("renamed: %+v", p)
	}
	menu("裝置")
	d.choose("筆電")
	d.wantsNot("撤銷這部裝置")
	menu("裝置")
	d.choose("手機")
	d.choose("撤銷")
	d.choose("是")
	if p := params[clientrpc.RevokeParams](t, f, clientrpc.Revoke.Name); p.Device != fingerprint(9) {
		t.Errorf("revoked: %+v", p)
	}
	menu("裝置")
	d.choose("核准新裝置")
	d.typing("omega-link:abc")
	d.press("enter")
	d.choose("否")
	if p := params[clientrpc.ApproveParams](t, f, clientrpc.Approve.Name); p.Text != "omega-link:abc" || p.History {
		t.Errorf("approved: %+v", p)
	}
	d.wants("新裝置可以用了")

	menu("預約")
	d.wants("生日快樂")
	d.wants("陳怡君")
	d.choose("生日快樂")
	d.choose("是")
	if p := params[clientrpc.CancelParams](t, f, clientrpc.Cancel.Name); p.ID != id(77) {
		t.Errorf("canceled: %+v", p)
	}

	menu("資料夾")
	d.wants("家人")
	d.choose("新資料夾")
	d.typing("工作")
	d.press("enter")
	if p := params[clientrpc.SetFolderParams](t, f, clientrpc.SetFolder.Name); p.Title != "工作" || len(p.ID) != 16 {
		t.Errorf("folder: %+v", p)
	}

	menu("匯入、匯出、備份")
	d.choose("備份")
	d.press("tab")
	d.typing("很長的密碼很長的")
	d.press("tab")
	d.typing("很長的密碼")
	d.press("enter")
	d.wants("兩次輸入的密碼不同")
	d.typing("很長的")
	d.press("enter")
	if p := params[clientrpc.BackupParams](t, f, clientrpc.Backup.Name); p.Path != "/dl/omega-2026-11-28.backup" || p.Passphrase != "很長的密碼很長的" {
		t.Errorf("backup: %+v", p)
	}
	d.wants("備份好了：12 則訊息")
}

// TestSettings: what others learn is shown as it is, and changed.
func TestSettings(t *testing.T) {
	f := world()
	f.serve[clientrpc.SetPresence.Name] = func([]byte) (any, error) { return clientrpc.PresenceResult{Shared: true}, nil }
	d := zh(t, f, 80, 24)
	d.press("f2")
	d.choose("正在輸入")
	if p := params[clientrpc.SetPresenceParams](t, f, clientrpc.SetPresence.Name); p.Shared != nil {
		t.Errorf("asking changed it: %+v", p)
	}
	d.choose("關")
	if p := params[clientrpc.SetPresenceParams](t, f, clientrpc.SetPresence.Name); p.Shared == nil || *p.Shared {
		t.Errorf("set: %+v", p)
	}
}

// TestStickers: a sticker goes by its number into the chat that is open.
func TestStickers(t *testing.T) {
	f := world()
	pack := clientrpc.StickerPack{Pack: strings.Repeat("a", 64), Title: "山雀"}
	f.serve[clientrpc.StickerPacks.Name] = func([]byte) (any, error) {
		return clientrpc.StickerPacksResult{Packs: []clientrpc.StickerPack{pack}}, nil
	}
	f.serve[clientrpc.ShowStickers.Name] = func([]byte) (any, error) {
		full := pack
		full.Stickers = []clientrpc.Sticker{{Number: 1, Emoji: "😀", Width: 512, Height: 512}, {Number: 2, Emoji: "👍", Width: 512, Height: 400}}
		return full, nil
	}
	d := zh(t, f, 80, 24)
	d.press("alt+s")
	if d.m.top() != nil {
		t.Error("stickers without a chat")
	}
	d.do(d.m.openChat(inSecret))
	d.press("alt+s")
	d.choose("山雀")
	d.wants("512×400")
	d.typing("👍")
	d.wantsNot("512×512")
	d.press("enter")
	if p := params[clientrpc.SendStickerParams](t, f, clientrpc.SendSticker.Name); p.Number != 2 || p.Pack != pack.Pack || !p.Secure || p.To != fingerprint(3).String() || p.ID.IsZero() {
		t.Errorf("sent: %+v", p)
	}
}

// withVoice is a world with a voice note at the end of a chat.
func withVoice() *fake {
	f := world()
	m := said(60, 3, "陳怡君", "", ago(time.Second))
	m.Kind, m.Media = "media", []clientrpc.Medium{{What: kindVoice, Blob: "cc", Size: 9, Name: "v.ogg", Type: "audio/ogg"}}
	f.history[withBob] = append(f.history[withBob], m)
	f.serve[clientrpc.GetFile.Name] = func(b []byte) (any, error) {
		var p clientrpc.GetFileParams
		json.Unmarshal(b, &p)
		return clientrpc.GetFileResult{Path: p.Path}, nil
	}
	return f
}

// TestPlay: a voice note is played by the program of the machine, ends when the person
// wants, and where there is none that is said.
func TestPlay(t *testing.T) {
	d := newDriver(t, withVoice(), 80, 24, Options{Lang: i18n.Chinese, Scratch: "/scratch"})
	d.do(d.m.openChat(withBob))
	d.press("ctrl+up", "o")
	d.wants("沒有播放器")

	var played string
	var ctx context.Context
	d = newDriver(t, withVoice(), 80, 24, Options{Lang: i18n.Chinese, Scratch: "/scratch", Play: func(c context.Context, path string) error {
		played, ctx = path, c
		return nil
	}})
	d.do(d.m.openChat(withBob))
	d.held = true
	d.press("ctrl+up", "o")
	d.wants("播放中")
	d.held = false
	d.run(d.queue[len(d.queue)-1])
	if !strings.HasPrefix(played, "/scratch/") || ctx.Err() == nil || d.m.playing != nil {
		t.Errorf("played %q, %v", played, d.m.playing)
	}
	d.held = true
	d.press("o")
	stop := d.m.playing.stop
	d.press("o") // again: it ends
	if _, open := <-stop; open || d.m.playing != nil {
		t.Error("it goes on")
	}
}

// TestRecord: a voice note is sent when the person says so, and not when it was thrown
// away or failed.
func TestRecord(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("alt+r")
	d.wants("沒有錄音的程式")
	for _, row := range []struct {
		key  string
		err  error
		sent int
	}{{"enter", nil, 1}, {"esc", nil, 0}, {"enter", errors.New("no microphone"), 0}} {
		f := world()
		d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Scratch: "/scratch", Record: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return row.err
		}})
		d.do(d.m.openChat(withBob))
		d.held = true
		d.press("alt+r")
		d.wants("錄音中")
		d.press(row.key)
		d.held = false
		for _, e := range d.queue {
			d.run(e)
		}
		if n := f.count(clientrpc.SendFile.Name); n != row.sent {
			t.Errorf("%s, %v: sent %d times", row.key, row.err, n)
		}
		if row.sent > 0 {
			if p := params[clientrpc.SendFileParams](t, f, clientrpc.SendFile.Name); p.As != kindVoice || len(p.Paths) != 1 || p.To != fingerprint(3).String() {
				t.Errorf("sent: %+v", p)
			}
		}
		if row.err != nil {
			d.wants("no microphone")
		}
	}
}

// TestMutedCount: muted chats are counted apart, but for those in which one is called.
func TestMutedCount(t *testing.T) {
	f := world()
	f.chats[1].Muted = clientrpc.MutedForGood // called once
	f.chats = append(f.chats, clientrpc.Chat{ID: chatID(8), Kind: clientrpc.ChatGroup, Name: "團購", Unread: 70, Muted: clientrpc.MutedForGood})
	d := zh(t, f, 120, 24)
	d.wants("未讀 2（靜音 1）")
	if d.m.chats.messages != 2 {
		t.Errorf("the window says %d", d.m.chats.messages)
	}
}

// TestWindowIsBounded: however many messages come while a person reads further up, so
// many are kept at hand, and the place stays.
func TestWindowIsBounded(t *testing.T) {
	f := long(200)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("pgup", "pgup", "pgup")
	at := d.m.conv.list[d.m.conv.bottom].msg.ID
	for i := range 2 * maxKept {
		d.m.conv.add(said(5000+i, 3, "陳怡君", fmt.Sprint(i), noon))
	}
	if n := len(d.m.conv.list); n > maxKept || d.m.conv.atEnd {
		t.Errorf("%d messages are at hand, the end among them: %v", n, d.m.conv.atEnd)
	}
	if got := d.m.conv.list[d.m.conv.bottom].msg.ID; got != at || d.m.conv.below != 2*maxKept {
		t.Errorf("the place moved; %d are below", d.m.conv.below)
	}
}

// TestResetStays: after a reset a person who reads further up is where they were.
func TestResetStays(t *testing.T) {
	f := long(300)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	for range 6 {
		d.press("pgup")
	}
	before := d.screen()
	d.send(followedMsg{result: clientrpc.FollowResult{Run: "run", Last: uint64(len(f.events)), Reset: clientrpc.ResetLate}})
	if after := d.screen(); after != before {
		t.Errorf("the screen was\n%s\nand is\n%s", before, after)
	}
	d.press("ctrl+end")
	f.history[withBob] = append(f.history[withBob], said(9999, 3, "陳怡君", "最後一則", noon))
	d.parked = true
	d.send(followedMsg{result: clientrpc.FollowResult{Run: "run", Last: uint64(len(f.events)), Reset: clientrpc.ResetLate}})
	d.wants("最後一則")
}

// TestLinkLines: where a message's links lead is a few lines until the person opens it,
// each address once.
func TestLinkLines(t *testing.T) {
	f := world()
	m := said(61, 3, "陳怡君", strings.Repeat("a", 200), ago(time.Second))
	for i := range 100 {
		m.Entities = append(m.Entities, clientrpc.Entity{Type: "link", Offset: uint32(i), Length: 1, Address: fmt.Sprintf("https://example.org/%03d", i/2)})
	}
	d := zh(t, f, 80, 24)
	e := &entry{msg: m}
	if n := len(d.m.prose(e, 60)); n > 4+foldLinks+1 {
		t.Errorf("%d lines", n)
	}
	e.open = true
	if rows := d.m.prose(e, 60); len(rows) != 4+50 {
		t.Errorf("%d lines when it is open", len(rows))
	}
}

// TestMissingPicture: a picture that is nowhere holds up no other one, and is asked for
// again later.
func TestMissingPicture(t *testing.T) {
	good := flagPicture(64, 48)
	f := withPicture(good)
	read := f.serve["file.read"]
	f.serve["file.read"] = func(b []byte) (any, error) {
		var p clientrpc.ReadFileParams
		if json.Unmarshal(b, &p); p.ID == id(6) {
			return nil, &clientrpc.Error{Code: clientrpc.CodeTimeout}
		}
		return read(b)
	}
	other := said(62, 3, "陳怡君", "", ago(time.Second))
	other.Kind, other.Media = "media", []clientrpc.Medium{{What: "photo", Blob: "dd", Size: 9, Name: "b.png", Type: "image/png", Width: 64, Height: 48}}
	f.history[withBob] = append(f.history[withBob], other)
	d := zh(t, f, 80, 40)
	now := noon
	d.m.now = func() time.Time { return now }
	d.do(d.m.openChat(withBob))
	d.wants("▀▀▀▀▀▀▀▀")
	n := f.count("file.read")
	d.do(d.m.fetchPictures())
	if f.count("file.read") != n {
		t.Error("it is asked for again at once")
	}
	now = now.Add(2 * thumbAgain)
	d.do(d.m.fetchPictures())
	if f.count("file.read") != n+1 {
		t.Error("it is never asked for again")
	}
}

// TestViewerDrawsBeside: Update makes no picture: that is done by a command.
func TestViewerDrawsBeside(t *testing.T) {
	for _, way := range []string{byBlocks, byKitty} {
		d := newDriver(t, withPicture(flagPicture(64, 48)), 80, 24, Options{Lang: i18n.Chinese, Images: way})
		d.m.after = func(_ time.Duration, msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }
		img, err := decode(flagPicture(64, 48))
		if err != nil {
			t.Fatal(err)
		}
		d.raw = nil // what the terminal was asked
		v := &viewer{e: &entry{msg: clientrpc.Message{Media: []clientrpc.Medium{{Name: "x.png"}}}}}
		d.m.push(v)
		_, cmd := d.m.Update(shownMsg{v: v, img: img})
		if cmd == nil || v.rows != nil || len(d.raw) > 0 {
			t.Fatalf("%s: drawn inside of Update", way)
		}
		d.m.after = func(_ time.Duration, msg tea.Msg) tea.Cmd {
			if _, tick := msg.(tickMsg); tick {
				return nil
			}
			return func() tea.Msg { return msg }
		}
		d.do(cmd)
		if drawn := len(v.rows) > 0; drawn != (way == byBlocks) || (len(d.raw) > 0) != (way == byKitty) {
			t.Errorf("%s: %d lines, %d sequences", way, len(v.rows), len(d.raw))
		}
		d.send(tea.WindowSizeMsg{Width: 100, Height: 30})
		if v.w != 100 || way == byKitty && len(d.raw) != 2 {
			t.Errorf("%s: not drawn for the new size", way)
		}
	}
}

// TestSetupWays: the other ways in than a new account: a key of GnuPG, another device, a
// backup. What goes wrong is said in the form.
func TestSetupWays(t *testing.T) {
	begin := func() (*fake, *driver) {
		f := newFake()
		f.setup = clientrpc.SetupEmpty
		return f, zh(t, f, 80, 40)
	}
	f, d := begin()
	f.serve[clientrpc.SetupKeys.Name] = func([]byte) (any, error) {
		return clientrpc.SetupKeysResult{Keys: []clientrpc.SetupKey{{Fingerprint: fingerprint(7), UserID: "小明 <ming@example.org>", Kind: "Ed25519"}}}, nil
	}
	d.choose("GnuPG")
	d.choose("ming@example.org")
	d.typing("小明")
	d.press("enter", "enter", "enter")
	d.m.top().(*form).fields[3].edit.set("127.0.0.1:7000")
	d.press("enter")
	if p := params[clientrpc.SetupCreateParams](t, f, clientrpc.SetupCreate.Name); p.Key != fingerprint(7).String() || p.Name != "小明" || p.Server != "127.0.0.1:7000" {
		t.Errorf("adopted: %+v", p)
	}

	f, d = begin()
	f.serve[clientrpc.SetupRestore.Name] = func([]byte) (any, error) {
		return nil, &clientrpc.Error{Code: clientrpc.CodeVerify, Doing: i18n.T("doing.restore", "x"), Why: i18n.T("why.passphrase")}
	}
	d.choose("備份")
	d.typing("/tmp/x.backup")
	d.press("enter")
	d.typing("密碼")
	d.press("enter")
	d.wants("密碼不正確")
	if p := params[clientrpc.SetupRestoreParams](t, f, clientrpc.SetupRestore.Name); p.Path != "/tmp/x.backup" || p.Passphrase != "密碼" {
		t.Errorf("restored: %+v", p)
	}

	f, d = begin()
	step := 0
	f.serve[clientrpc.SetupLink.Name] = func(b []byte) (any, error) {
		var p clientrpc.SetupLinkParams
		json.Unmarshal(b, &p)
		step++
		switch step {
		case 1:
			return clientrpc.SetupLinkState{Step: clientrpc.LinkCarry, Text: "omega-link:carry-me"}, nil
		case 2:
			d.wants("omega-link:carry-me")
			if _, ok := d.m.top().(*codeView); !ok {
				t.Error("what is carried is not shown as a code")
			}
			return clientrpc.SetupLinkState{Step: clientrpc.LinkConfirm, Account: fingerprint(8)}, nil
		}
		if p.Confirm != fingerprint(8) {
			t.Errorf("confirmed %v", p.Confirm)
		}
		f.setup = clientrpc.SetupReady
		return clientrpc.SetupLinkState{Step: clientrpc.LinkDone}, nil
	}
	d.choose("另一部裝置")
	d.m.top().(*form).fields[0].edit.set("127.0.0.1:7000")
	d.press("enter", "enter", "enter")
	d.wants(inGroups(fingerprint(8).String(), 4)[:9])
	d.choose("是我的帳號")
	if d.m.phase != ready || step != 3 {
		t.Errorf("after %d steps the program is in phase %d:\n%s", step, d.m.phase, d.screen())
	}
}

// TestRecordingIsNotLost: neither a click beside it nor a menu that came above it while
// it ended by itself throws a voice note away.
func TestRecordingIsNotLost(t *testing.T) {
	f := world()
	d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Scratch: "/scratch", Record: func(context.Context, string) error { return nil }})
	d.do(d.m.openChat(withBob))
	d.held = true
	d.press("alt+r")
	d.do(d.m.click(0, 0))
	d.wants("錄音中")
	d.m.push(&picker{title: "裝置"})
	d.held = false
	for _, e := range d.queue {
		d.run(e)
	}
	if n := f.count(clientrpc.SendFile.Name); n != 1 || len(d.m.layers) != 1 {
		t.Errorf("sent %d times, %d layers are left", n, len(d.m.layers))
	}
}

// TestWheelLoadsMore: the wheel brings the next part of a list of members as keys do.
func TestWheelLoadsMore(t *testing.T) {
	f := world()
	f.role(clientrpc.RoleMember)
	f.serve[clientrpc.GroupMembers.Name] = func(body []byte) (any, error) {
		var p clientrpc.GroupListParams
		if err := json.Unmarshal(body, &p); err != nil || p.Next != "" {
			return clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{{Account: fingerprint(4), Name: "林大山"}}}, err
		}
		return clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{{Account: fingerprint(1), Name: "王小明"}}, Rest: clientrpc.Rest{Next: "2"}}, nil
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.members(inGroup))
	d.do(d.m.wheel(40, wheelRows))
	d.wants("林大山")
}

// TestRolesHaveWords: every role that a chat or somebody may have is said in words.
func TestRolesHaveWords(t *testing.T) {
	d := zh(t, world(), 80, 24)
	for _, role := range []string{clientrpc.RoleOwner, clientrpc.RoleAdmin, clientrpc.RoleMember, clientrpc.RoleInvited, clientrpc.RoleBanned, clientrpc.RoleAsking, clientrpc.RoleRefused, clientrpc.RoleSubscriber} {
		if word := d.m.roleName(role); strings.Contains(word, role) {
			t.Errorf("%s is called %q", role, word)
		}
	}
}
