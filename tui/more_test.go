package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/qr"
)

// TestMentions: what calls this account is listed over all chats, read ones when they are
// asked for, page after page, and choosing one shows the history around it.
func TestMentions(t *testing.T) {
	f := world()
	called := f.history[inGroup][4]
	f.serve[clientrpc.Mentions.Name] = func(b []byte) (any, error) {
		var p clientrpc.MentionsParams
		json.Unmarshal(b, &p)
		switch {
		case p.Next != "":
			return clientrpc.MessagesResult{Messages: []clientrpc.Message{f.history[inGroup][3]}}, nil
		case p.All:
			return clientrpc.MessagesResult{Messages: []clientrpc.Message{called}, Rest: clientrpc.Rest{Next: "2"}}, nil
		}
		return clientrpc.MessagesResult{Messages: []clientrpc.Message{called}}, nil
	}
	d := zh(t, f, 80, 24)
	d.press("alt+m")
	d.wants("提到我的訊息")
	d.wants("週末登山 · 林大山: @王小明 記得帶頭燈")
	d.choose("也列出讀過的")
	d.wants("含讀過的")
	d.press("down")
	d.wants("收到")
	d.choose("記得帶頭燈")
	if !d.m.conv.open || d.m.conv.chat != inGroup || d.m.conv.sel != called.ID {
		t.Errorf("it did not jump: %v, %v", d.m.conv.chat, d.m.conv.sel)
	}
	f.serve[clientrpc.Mentions.Name] = func([]byte) (any, error) { return clientrpc.MessagesResult{}, nil }
	d.press("esc", "esc", "esc", "@")
	d.wants("沒有未讀的訊息提到你")
}

// TestServers: servers stand in the order of how soon they answered, with the one that is
// used and those that keep the mail; choosing one may make it a home.
func TestServers(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	open := func() {
		d.m.layers = nil
		d.press("f2")
		d.choose("伺服器，從最快的開始")
	}
	open()
	s := d.screen()
	if !strings.Contains(s, "玉山  ✓ 目前連線") || strings.Index(s, "玉山") > strings.Index(s, "雪山") || !strings.Contains(s, "40 ms") || !strings.Contains(s, "沒有回應") {
		t.Errorf("the list:\n%s", s)
	}
	d.choose("雪山")
	d.wants("約 7 人使用")
	d.choose("也讓它保管我的訊息")
	d.choose("是")
	if p := params[clientrpc.SetHomesParams](t, f, clientrpc.SetHomes.Name); fmt.Sprint(p.Homes) != fmt.Sprint([]omega.Fingerprint{fingerprint(0x21), fingerprint(0x22)}) {
		t.Errorf("homes: %v", p.Homes)
	}
	open()
	d.choose("玉山")
	d.wants("目前連線")
	d.wantsNot("不再讓它保管") // the only one stays
}

// TestReport: by a message and by its chat; the folder may be left out.
func TestReport(t *testing.T) {
	f := world()
	f.serve[clientrpc.ReportContact.Name] = func(b []byte) (any, error) {
		var p clientrpc.ReportParams
		json.Unmarshal(b, &p)
		return clientrpc.ReportResult{Dir: p.Dir, Messages: 3}, nil
	}
	d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Downloads: "/dl"})
	d.do(d.m.openChat(withEve))
	d.press("ctrl+up", "!")
	d.wants("封鎖「陳怡勻」")
	d.press("enter")
	if p := params[clientrpc.ReportParams](t, f, clientrpc.ReportContact.Name); p.Account != fingerprint(6).String() || !strings.HasPrefix(p.Dir, "/dl/omega-report-") {
		t.Errorf("reported: %+v", p)
	}
	d.wants("165")
	d.press("esc", "ctrl+t")
	d.choose("檢舉")
	d.press("ctrl+u", "enter")
	if p := params[clientrpc.ReportParams](t, f, clientrpc.ReportContact.Name); p.Dir != "" {
		t.Errorf("reported: %+v", p)
	}
	own := f.history[withBob][6]
	if others(d.m, &own) || others(d.m, &f.history[inGroup][0]) {
		t.Error("one's own messages and lines of the program can be reported")
	}
}

// TestArchive: a chat is written as pages, a file is read, with a zone that is asked for.
func TestArchive(t *testing.T) {
	f := world()
	f.serve[clientrpc.Export.Name] = func(b []byte) (any, error) {
		var p clientrpc.ExportParams
		json.Unmarshal(b, &p)
		return clientrpc.ExportResult{Messages: 5, TakenBack: 1, Dir: p.Dir}, nil
	}
	f.serve[clientrpc.ImportFile.Name] = func([]byte) (any, error) {
		return clientrpc.Import{Number: 3, Messages: 9, Skipped: 2, Chats: []omega.ChatID{withBob}}, nil
	}
	f.serve[clientrpc.Imports.Name] = func([]byte) (any, error) {
		return clientrpc.ImportsResult{Imports: []clientrpc.Import{{Number: 3, File: "/x/[LINE]怡君.txt", Messages: 9, Time: noon}}}, nil
	}
	f.serve[clientrpc.VerifyBackup.Name] = func([]byte) (any, error) {
		return nil, &clientrpc.Error{Code: clientrpc.CodeRefused, Doing: i18n.T("doing.backup"), Why: i18n.T("why.notknown")}
	}
	d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Downloads: "/dl"})
	d.do(d.m.openChat(withBob))
	d.press("ctrl+t")
	d.choose("匯出這個聊天")
	d.choose("網頁")
	d.press("enter")
	d.typing("11/22")
	d.press("enter")
	d.typing("11/23")
	d.press("enter")
	p := params[clientrpc.ExportParams](t, f, clientrpc.Export.Name)
	if p.Chat != withBob.String() || p.Format != clientrpc.ExportHTML || p.Dir != "/dl/omega-html-2026-11-28" || !p.Chinese || p.Since.Day() != 22 || p.Until.Day() != 24 {
		t.Errorf("exported: %+v", p)
	}
	d.wants("5 則訊息")
	d.wants("已收回")

	menu := func(text string) {
		d.m.layers = nil
		d.press("f2")
		d.choose("匯入、匯出、備份")
		d.choose(text)
	}
	menu("匯入 LINE")
	d.typing("~nobody.txt")
	d.press("enter", "ctrl+u")
	d.typing("Taipei")
	d.press("enter")
	d.wants("不是時區")
	d.press("ctrl+u")
	d.typing("+09:00")
	d.press("enter")
	if p := params[clientrpc.ImportParams](t, f, clientrpc.ImportFile.Name); p.Zone != 9*3600 || !strings.HasSuffix(p.Path, "/~nobody.txt") {
		t.Errorf("imported: %+v", p)
	}
	d.wants("匯入 9 則訊息")

	menu("匯入過的檔案")
	d.choose("怡君")
	d.choose("是")
	if p := params[clientrpc.UndoImportParams](t, f, clientrpc.UndoImport.Name); p.Number != 3 {
		t.Errorf("undone: %+v", p)
	}
	menu("匯出所有聊天")
	d.choose("簽章")
	d.press("enter", "enter", "enter")
	if p := params[clientrpc.ExportParams](t, f, clientrpc.Export.Name); p.Chat != "" || p.Format != clientrpc.ExportSigned || !p.Since.IsZero() || !p.Until.IsZero() {
		t.Errorf("exported: %+v", p)
	}
	d.wants("gpg --verify")
	menu("試讀備份")
	d.typing("/x/y.backup")
	d.press("enter", "enter")
	d.wants("無法")
}

// TestWorkIsSaid: how far what a form waits for is stands in it.
func TestWorkIsSaid(t *testing.T) {
	f := world()
	f.serve[clientrpc.Works.Name] = func([]byte) (any, error) {
		return clientrpc.WorksResult{Works: []clientrpc.Work{{Kind: clientrpc.WorkExport, Done: 1, Total: 2}, {Kind: clientrpc.WorkImport, Done: 30, Total: 120}}}, nil
	}
	d := zh(t, f, 80, 24)
	form := d.m.importForm()
	d.m.push(form)
	d.send(tickMsg{})
	if f.count(clientrpc.Works.Name) != 0 {
		t.Error("it is asked while nothing is under way")
	}
	form.works(d.m)
	d.send(tickMsg{})
	d.wants("25 %")
}

// TestUnban: who was banned can be let in again.
func TestUnban(t *testing.T) {
	f := world()
	f.serve[clientrpc.GroupMembers.Name] = func([]byte) (any, error) {
		return clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{{Account: fingerprint(7), Name: "張三", Role: clientrpc.RoleBanned}}}, nil
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+t")
	d.choose("成員")
	d.choose("張三")
	d.wantsNot("移出")
	d.choose("准許再加入")
	if p := params[clientrpc.GroupAccounts](t, f, clientrpc.UnbanGroup.Name); p.Group != inGroup.String() || p.Accounts[0] != fingerprint(7) {
		t.Errorf("%+v", p)
	}
}

// TestPacks: a pack is renamed, shared, linked, removed and added; the sticker that is
// chosen is drawn.
func TestPacks(t *testing.T) {
	f := world()
	name := strings.Repeat("ab", 32)
	f.serve[clientrpc.StickerPacks.Name] = func([]byte) (any, error) {
		return clientrpc.StickerPacksResult{Packs: []clientrpc.StickerPack{{Pack: name, Title: "小鳥", Author: "阿明"}}}, nil
	}
	f.serve[clientrpc.ShowStickers.Name] = func([]byte) (any, error) {
		return clientrpc.StickerPack{Pack: name, Title: "小鳥", Stickers: []clientrpc.Sticker{{Number: 1, Emoji: "🐦", Type: "image/png", Blob: "s1", Width: 64, Height: 64}, {Number: 2, Emoji: "🥚", Type: "application/x-tgsticker", Blob: "s2"}}}, nil
	}
	f.serve[clientrpc.ReadSticker.Name] = func([]byte) (any, error) {
		b := flagPicture(16, 16)
		return clientrpc.ReadFileResult{Data: b, Size: int64(len(b))}, nil
	}
	f.serve[clientrpc.LinkPack.Name] = func([]byte) (any, error) { return clientrpc.LinkPackResult{Link: "omega:pack/xyz"}, nil }
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(withBob))
	d.press("alt+s")
	d.choose("小鳥")
	d.wants("▀▀▀▀▀▀▀▀")
	d.press("down")
	d.wantsNot("▀▀▀▀▀▀▀▀")
	if f.count(clientrpc.ReadSticker.Name) != 1 {
		t.Error("an animated sticker is read to be drawn")
	}
	manage := func(text string) {
		d.m.layers = nil
		d.press("alt+s")
		d.choose("管理貼圖包")
		d.choose("小鳥")
		d.choose(text)
	}
	manage("改名")
	d.typing("們")
	d.press("enter")
	if p := params[clientrpc.RenamePackParams](t, f, clientrpc.RenamePack.Name); p.Pack != name || p.Title != "小鳥們" {
		t.Errorf("renamed: %+v", p)
	}
	manage("傳給「陳怡君」")
	if p := params[clientrpc.SendPackParams](t, f, clientrpc.SendPack.Name); p.Pack != name || p.To != fingerprint(3).String() {
		t.Errorf("shared: %+v", p)
	}
	manage("給別人的連結")
	d.wants("omega:pack/xyz")
	manage("移除貼圖包")
	d.choose("是")
	if p := params[clientrpc.PackRef](t, f, clientrpc.RemovePack.Name); p.Pack != name {
		t.Errorf("removed: %+v", p)
	}
	d.press("alt+s")
	d.choose("用連結加入貼圖包")
	d.typing("omega:pack/abc")
	d.press("enter")
	if p := params[clientrpc.AddPackParams](t, f, clientrpc.AddPack.Name); p.Link != "omega:pack/abc" {
		t.Errorf("added: %+v", p)
	}
}

// read reads the code on the screen as a camera would: from the colours of the halves of
// its characters.
func (d *driver) read() (string, error) {
	d.t.Helper()
	rows, _ := d.m.screen()
	const point = 4
	img := image.NewGray(image.Rect(0, 0, d.m.width*point, 2*d.m.height*point))
	for y, r := range rows {
		x := 0
		for _, s := range r.spans {
			for _, c := range s.text {
				light := map[rune][2]uint8{'█': {255, 255}, '▀': {255, 0}, '▄': {0, 255}, '#': {255, 255}}[c]
				if s.sgr != "" && (c == '█' || c == '#') != strings.HasSuffix(s.sgr, "48;2;"+lightModule) {
					d.t.Fatalf("%q is drawn in %q", c, s.sgr)
				}
				for range d.m.metric.width(string(c)) * point {
					for i := range point {
						img.SetGray(x, 2*y*point+i, color.Gray{light[0]})
						img.SetGray(x, (2*y+1)*point+i, color.Gray{light[1]})
					}
					x++
				}
			}
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		d.t.Fatal(err)
	}
	return qr.Read(&file)
}

// TestCodes: one's own link and that of a group can be scanned from the screen, on 80 by
// 24 and on narrow screens; where a code does not fit it says what it needs.
func TestCodes(t *testing.T) {
	f := world()
	link := "omega:contact/" + fingerprint(1).String()
	f.serve[clientrpc.Card.Name] = func([]byte) (any, error) {
		return clientrpc.CardResult{Account: fingerprint(1), Name: "王小明", Link: link}, nil
	}
	group := "omega:group/" + strings.Repeat("Ab3-", 50)
	f.serve[clientrpc.LinkGroup.Name] = func([]byte) (any, error) { return clientrpc.GroupLink{Link: group}, nil }
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 20}} {
		d := zh(t, f, size[0], size[1])
		d.press("ctrl+n")
		d.choose("我的連結")
		if got, err := d.read(); err != nil || got != strings.ToUpper(link) {
			t.Errorf("%v: read %q, %v\n%s", size, got, err, d.screen())
		}
		d.press("c")
		if d.copied != link {
			t.Errorf("%v: copied %q", size, d.copied)
		}
		d.wantsNot("█▄█")
	}
	d := newDriver(t, f, 80, 24, Options{Theme: "mono"})
	d.do(d.m.run(card))
	if got, err := d.read(); err != nil || got != strings.ToUpper(link) {
		t.Errorf("without colours: read %q, %v", got, err)
	}
	d = zh(t, f, 80, 24)
	d.do(d.m.run(groupLink(clientrpc.LinkGroupParams{}, "tui.group.linkask")))
	d.wants("畫面太小，畫不下行動條碼：至少要")
	d.wants("omega:group/Ab3-")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 60})
	if got, err := d.read(); err != nil || got != group {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestCommandsInOrder: commands stand in the order of the names that are shown.
func TestCommandsInOrder(t *testing.T) {
	list := []clientrpc.Command{{Typed: "archive", Aliases: []string{"封存"}}, {Typed: "help", Aliases: []string{"說明"}}, {Typed: "mute", Aliases: []string{"靜音"}}, {Typed: "poll", Aliases: []string{"投票"}}}
	for _, row := range []struct {
		lang i18n.Lang
		word string
		want string
	}{{i18n.Chinese, "/", "archive poll mute help"}, {i18n.English, "/", "archive help mute poll"}, {i18n.Chinese, "/m", "archive help mute poll"}} {
		var got []string
		for _, c := range inOrder(list, row.word, row.lang) {
			got = append(got, c.Typed)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%v: %v, want %s", row.lang, got, row.want)
		}
	}
}

// TestCalledStays: whom a text calls stays so in a command that sends it later, and when it
// is edited.
func TestCalledStays(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.m.edit.put(written{text: "/at 8h @小明 記得", calls: []callee{{7, 14, fingerprint(9)}}})
	d.press("enter")
	if p := params[clientrpc.RunCommandParams](t, f, clientrpc.RunCommand.Name); p.Text != "/at 8h @[小明]("+fingerprint(9).String()+") 記得" || !p.Markup {
		t.Errorf("the command: %+v", p)
	}
	m := mine(in(said(50, 1, "王小明", "😀 @小明 記得", noon), clientrpc.Chat{ID: inGroup}), clientrpc.StateStored)
	m.Entities = []clientrpc.Entity{{Type: "mention", Offset: 3, Length: 3, Account: fingerprint(9)}}
	d.m.conv.add(m)
	d.press("up")
	d.typing("帶水")
	d.press("enter")
	if p := params[clientrpc.EditParams](t, f, clientrpc.Edit.Name); p.Text != "😀 @[小明]("+fingerprint(9).String()+") 記得帶水" {
		t.Errorf("the edit: %+v", p)
	}
}

// TestAttach: what was begun to be written goes with a file, and is not left behind.
func TestAttach(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.typing("看這張")
	d.press("ctrl+o")
	d.typing("/x/y.png")
	d.press("enter", "enter")
	if p := params[clientrpc.SendFileParams](t, f, clientrpc.SendFile.Name); p.Caption != "看這張" || p.Paths[0] != "/x/y.png" || d.m.edit.text != "" {
		t.Errorf("%+v, left %q", p, d.m.edit.text)
	}
	d.wants("已傳送 y.png")
}

// TestInvitationAnswered: an invitation asks for a key as long as there is something to
// accept.
func TestInvitationAnswered(t *testing.T) {
	for role, want := range map[string]string{"": "選這則按 y", clientrpc.RoleMember: "你已加入", clientrpc.RoleAsking: "讓你加入群組"} {
		f := world()
		m := said(60, 3, "陳怡君", "登山社", noon)
		m.Kind, m.Group, m.GroupRole = kindInvited, "aa", role
		f.history[withBob] = append(f.history[withBob], m)
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(withBob))
		d.wants(want)
		d.press("ctrl+up", "y")
		if n := f.count(clientrpc.AcceptGroup.Name); (n > 0) != (role == "") {
			t.Errorf("%q: accepted %d times", role, n)
		}
	}
}

// TestModerate: an admin takes back what somebody else wrote, sees who voted, and what is
// done with devices and contacts asks the core for that.
func TestModerate(t *testing.T) {
	f := world()
	f.serve[clientrpc.Voters.Name] = func(b []byte) (any, error) {
		var p clientrpc.VotersParams
		json.Unmarshal(b, &p)
		return clientrpc.VotersResult{Voters: []clientrpc.Voter{{Account: fingerprint(3), Name: fmt.Sprint("投", p.Option)}}}, nil
	}
	f.serve[clientrpc.Reactors.Name] = func([]byte) (any, error) {
		return clientrpc.ReactorsResult{Reactors: []clientrpc.Reactor{{Account: fingerprint(4), Name: "王大明", Emoji: []string{"👍", "推"}}}}, nil
	}
	f.serve[clientrpc.Devices.Name] = func([]byte) (any, error) {
		return clientrpc.DevicesResult{Devices: []clientrpc.Device{{Fingerprint: fingerprint(9), Name: "手機", Added: noon, Status: "active", Removed: []omega.Fingerprint{fingerprint(8)}}, {Fingerprint: fingerprint(8), Name: "平板", Added: noon, Status: "revoked"}}}, nil
	}
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+up", "R")
	d.choose("是")
	if p := params[clientrpc.RedactGroupParams](t, f, clientrpc.RedactGroup.Name); p.Group != inGroup.String() || p.Messages[0] != f.history[inGroup][4].ID {
		t.Errorf("redacted: %+v", p)
	}
	d.press("up", "up", "up", "w")
	d.wants("👍 推  王大明")
	d.wants("投0")
	d.wants("投1")
	d.press("esc", "esc", "ctrl+t")
	device := func(name, what string) {
		d.m.layers = nil
		d.press("f2")
		d.choose("裝置")
		d.choose(name)
		d.choose(what)
	}
	device("手機", "把聊天紀錄交給它")
	device("手機", "向它要聊天紀錄")
	device("平板", "不是我撤銷的")
	d.choose("「手機」移除了 平板")
	d.choose("是")
	if f.count(clientrpc.GiveHistory.Name) != 1 || params[clientrpc.AskHistoryParams](t, f, clientrpc.AskHistory.Name).Device != fingerprint(9) || params[clientrpc.ContestParams](t, f, clientrpc.Contest.Name).Device != fingerprint(9) {
		t.Error("a call about devices is missing")
	}
	d.do(d.m.openChat(withBob))
	d.press("ctrl+t")
	d.choose("移除聯絡人")
	d.choose("是")
	d.do(func() tea.Msg {
		return sheetMsg{make: func(m *Model) *sheet {
			return m.keySheet(&clientrpc.Contact{Account: fingerprint(3), Name: "陳怡君", Verified: clientrpc.VerifiedYes})
		}}
	})
	d.press("c")
	d.choose("是")
	if f.count(clientrpc.RemoveContact.Name) != 1 || params[clientrpc.ContactRef](t, f, clientrpc.CertifyContact.Name).Account != fingerprint(3).String() {
		t.Error("a call about the contact is missing")
	}
	own := mine(f.history[inGroup][4], clientrpc.StateStored)
	if redactable(d.m, &own) || redactable(d.m, &f.history[withBob][2]) {
		t.Error("one's own messages, or those of a chat of two, are an admin's to take back")
	}
}
