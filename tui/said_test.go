package tui

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// TestSheetHasEveryKey: whatever can be done with a message by a key stands in the sheet of
// keys.
func TestSheetHasEveryKey(t *testing.T) {
	for _, a := range actions() {
		if !slices.ContainsFunc(helpKeys, func(k [2]string) bool { return k[0] == a.key && k[1] == a.name }) {
			t.Errorf("F1 does not show %s (%s)", a.key, a.name)
		}
	}
}

// TestKeyThatDoesNotFit: a key that is not for the chosen message says so.
func TestKeyThatDoesNotFit(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+up", "i")
	d.wants("誰讀了，只有自己在群組裡傳的訊息看得到")
	d.press("e")
	d.wants("這則訊息不能「編輯」")
}

// TestMenuSaysWhatItDoes: the menu of a message has one word for what happens now.
func TestMenuSaysWhatItDoes(t *testing.T) {
	f := world()
	f.history[withBob][6].Pinned = true
	d := zh(t, f, 80, 40)
	d.do(d.m.openChat(withBob))
	d.press("ctrl+up", "enter")
	d.wants("取消公告")
	d.wantsNot("設為公告")
	d.press("esc", "up", "enter")
	d.wants("設為公告")
	d.wantsNot("取消公告")
}

// TestNobodyMentionedMe: a list without messages says so, and nothing in it is chosen but
// what can be.
func TestNobodyMentionedMe(t *testing.T) {
	f := world()
	f.serve[clientrpc.Mentions.Name] = func([]byte) (any, error) { return clientrpc.MessagesResult{}, nil }
	d := zh(t, f, 80, 24)
	d.press("alt+m")
	d.wants("沒有未讀的訊息提到你")
	if p := d.m.top().(*picker); len(p.items) != 1 || p.items[0].do == nil {
		t.Errorf("lines: %+v", p.items)
	}
	d.press("enter")
	d.wants("沒有訊息提到你")
	if p := d.m.top().(*picker); len(p.items) != 0 {
		t.Errorf("lines: %+v", p.items)
	}
	d.press("enter", "esc")
	if d.m.top() != nil {
		t.Error("Esc does not close the list")
	}
}

// TestNothingFoundIsASentence: what was not found is said, and nothing before something was
// looked for.
func TestNothingFoundIsASentence(t *testing.T) {
	f := world()
	f.serve[clientrpc.Search.Name] = func([]byte) (any, error) { return clientrpc.SearchResult{}, nil }
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("ctrl+f")
	d.wantsNot("找不到")
	d.typing("犀牛")
	d.wants("找不到「犀牛」")
	d.press("esc", "ctrl+k")
	d.typing("犀牛")
	d.wants("沒有聊天或聯絡人符合「犀牛」")
	d.press("esc", "ctrl+g")
	d.typing("11/2")
	d.wantsNot("沒有")
}

// TestSlashMenuIsWhole: at 80 columns the chosen command is described to its end.
func TestSlashMenuIsWhole(t *testing.T) {
	f := world()
	f.serve[clientrpc.Commands.Name] = func([]byte) (any, error) {
		return clientrpc.CommandsResult{Commands: []clientrpc.Command{
			{Name: "poll", Typed: "投票", Aliases: []string{"投票"}, Arg: i18n.T("slash.arg.question"), Text: i18n.T("slash.poll")},
			{Name: "top", Typed: "置頂", Aliases: []string{"置頂"}, Text: i18n.T("slash.top")},
		}}, nil
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.typing("/")
	whole := i18n.T("slash.poll").In(i18n.Chinese)
	d.m.complete.sel = slices.IndexFunc(d.m.complete.items, func(s suggestion) bool { return strings.Contains(s.label, "投票") })
	d.wants("/投票 問題 | 選項 | 選項")
	var said strings.Builder
	for _, r := range d.m.completionBox(d.m.measure(), 20).rows {
		for _, s := range r.spans {
			said.WriteString(strings.TrimSpace(s.text))
		}
	}
	if want := strings.ReplaceAll(whole, " ", ""); !strings.Contains(strings.ReplaceAll(said.String(), " ", ""), want) {
		t.Errorf("the menu has not all of %q:\n%s", whole, d.screen())
	}
	d.m.complete.sel = 1 - d.m.complete.sel
	if rows := len(d.m.completionBox(d.m.measure(), 20).rows); rows != 2 {
		t.Errorf("a command that fits has %d lines in all", rows)
	}
}

// TestCaptionKeepsLines: what was begun in several lines is said of a file in as many, also
// when it was changed.
func TestCaptionKeepsLines(t *testing.T) {
	for more, want := range map[string]string{"": "第一行\n第二行", "！": "第一行\n第二行！"} {
		f := world()
		f.serve[clientrpc.SendFile.Name] = func([]byte) (any, error) { return json.RawMessage(`{}`), nil }
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(withBob))
		d.typing("第一行")
		d.press("alt+enter")
		d.typing("第二行")
		d.press("ctrl+o")
		d.typing("/etc/hostname")
		d.press("tab")
		d.wants("↵ 是換行。")
		if more != "" {
			d.typing(more)
		}
		d.press("enter")
		var p clientrpc.SendFileParams
		if err := json.Unmarshal(f.last[clientrpc.SendFile.Name], &p); err != nil || p.Caption != want {
			t.Errorf("the caption is %q, want %q (%v)", p.Caption, want, err)
		}
	}
}

// TestReactions: what is offered is said, what this account said stands in brackets and
// is taken back by choosing it again, and one more does not take back the others.
func TestReactions(t *testing.T) {
	f := world()
	f.serve[clientrpc.React.Name] = func([]byte) (any, error) { return clientrpc.SendResult{}, nil }
	d := zh(t, f, 80, 30)
	d.do(d.m.openChat(withBob))
	d.wants("[👍 2]  [推 1]")
	said := func(choose string, want ...string) {
		t.Helper()
		d.m.conv.sel = id(4)
		d.m.focus = onHistory
		d.press("+")
		d.wants("你給過的再選就收回")
		d.choose(choose)
		if p := params[clientrpc.ReactParams](t, f, clientrpc.React.Name); p.Message != id(4) || !slices.Equal(p.Emoji, want) {
			t.Errorf("%s: said %q, want %q", choose, p.Emoji, want)
		}
	}
	said("👍", "推")
	said("🎉", "👍", "推", "🎉")
	said("噓  不贊成", "👍", "推", "噓")
	said("全部收回")
	d.press("+")
	d.wants("你給的，再選收回  2")
	d.typing("🐦")
	d.press("enter")
	if p := params[clientrpc.ReactParams](t, f, clientrpc.React.Name); !slices.Equal(p.Emoji, []string{"👍", "推", "🐦"}) {
		t.Errorf("typed: said %q", p.Emoji)
	}
	d.m.conv.sel = id(3)
	d.press("+")
	d.wantsNot("全部收回")
}

// TestChannelInTheList: a channel is told from a group before it was opened, with a word
// where there is room, and a secure one is secure before all.
func TestChannelInTheList(t *testing.T) {
	f := channels()
	d := zh(t, f, 80, 24)
	d.wants("📢 玉山步道週…")
	d.wantsNot("📢 週末登山")
	d.send(tea.WindowSizeMsg{Width: 120, Height: 24})
	d.wants("🔒密 📢頻道 幹部公告")
	if n := f.count(clientrpc.ShowGroup.Name); n != 3 {
		t.Errorf("groups were asked about %d times", n)
	}
	d.press("ctrl+k")
	d.typing("步道")
	d.wants("📢頻道 玉山步道週報")
}

// TestHints: the last line says what a chosen message is there for, as far as there is room.
func TestHints(t *testing.T) {
	d := zh(t, world(), 100, 30)
	d.do(d.m.openChat(inGroup))
	choose := func(n int, want string) {
		t.Helper()
		d.m.conv.sel, d.m.focus = id(n), onHistory
		if last := d.screen()[strings.LastIndex(d.screen(), "\n"):]; !strings.Contains(last, want) {
			t.Errorf("message %d: %q, want %q", n, last, want)
		}
	}
	choose(21, "v 投票  Enter 選單  r 回覆")
	choose(22, "a 接龍加一行  Enter 選單")
	choose(23, "  Enter 選單  r 回覆")
	choose(24, " 玉山  ")
	choose(24, "r 回覆  + 回應  ? 說明")
	d.send(tea.WindowSizeMsg{Width: 40, Height: 12})
	choose(21, "v 投票  Enter 選單")
	d.m.groups[inGroup] = groupNote{size: 5, channel: true, role: clientrpc.RoleSubscriber}
	d.send(tea.WindowSizeMsg{Width: 100, Height: 30})
	choose(24, "Enter 選單  + 回應  ? 說明")
}

// TestFirstChat: where no chat is chosen the first one is, and Enter opens it.
func TestFirstChat(t *testing.T) {
	f := world()
	chats := f.chats
	f.chats = nil
	d := zh(t, f, 80, 24)
	d.wants("還沒有聊天")
	f.mu.Lock()
	f.chats = chats
	f.mu.Unlock()
	f.come(said(70, 3, "陳怡君", "第一則", noon))
	d.pump()
	d.wants("▌陳怡君")
	d.press("enter")
	if c := d.m.chat(); c == nil || c.ID != withBob {
		t.Errorf("opened %+v", c)
	}
}

// TestSmallSheet: on a narrow screen what a key does goes on below itself, and a menu that
// does not fit says so.
func TestSmallSheet(t *testing.T) {
	d := zh(t, world(), 40, 12)
	d.press("f1")
	d.wants("   Ctrl+K             找聊天（名字、注\n                      音、拼音）")
	d.press("esc", "f2")
	d.wants("帳號、裝置、設定（↑↓ 捲動）")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 40})
	d.wantsNot("捲動")
}

// TestSecureIsNamedSo: wherever a secure chat is named, its mark stands before the name.
func TestSecureIsNamedSo(t *testing.T) {
	f := world()
	hit := in(said(90, 3, "陳怡君", "象山見", ago(time.Hour)), f.chats[2])
	f.serve[clientrpc.Search.Name] = func([]byte) (any, error) {
		return clientrpc.SearchResult{Messages: []clientrpc.FoundMessage{{Message: hit}}}, nil
	}
	d := zh(t, f, 100, 40)
	d.do(d.m.openChat(inSecret))
	d.press("ctrl+t")
	d.wants("── 🔒密 陳怡君 ─")
	d.press("esc", "ctrl+f")
	d.wants("在「🔒密 陳怡君」裡搜尋")
	d.press("esc", "esc")
	d.m.focus = onList
	d.press("/")
	d.typing("象山")
	d.wants("🔒密 陳怡君 · 陳怡君: 象山見")
}

// TestSixteenColours: where there are no more, what is chosen has a paper of its own.
func TestSixteenColours(t *testing.T) {
	for theme, want := range map[string]string{"light": "0;47;30", "dark": "0;100;97"} {
		d := newDriver(t, world(), 80, 24, Options{Lang: i18n.Chinese, Theme: theme})
		d.press("ctrl+k")
		if strings.Contains(d.m.View().Content, want) {
			t.Errorf("%s: sixteen colours are used where there are more", theme)
		}
		d.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
		if !strings.Contains(d.m.View().Content, want) {
			t.Errorf("%s: what is chosen cannot be seen", theme)
		}
	}
}

// TestAlbumInTheList: several files are called an album, with how many.
func TestAlbumInTheList(t *testing.T) {
	f := world()
	photo := clientrpc.Medium{What: "photo", Blob: "aa", Size: 1000, Name: "a.jpg", Type: "image/jpeg"}
	m := said(91, 3, "陳怡君", "合照", noon)
	m.Kind, m.Media = "media", []clientrpc.Medium{photo, photo, photo}
	f.chats[0].Last = &m
	zh(t, f, 80, 24).wants("［相簿 3 件］合照")
}

// TestAlone: who has made a group is told how others come in, until somebody is there.
func TestAlone(t *testing.T) {
	f := world()
	g := clientrpc.Group{Chat: inGroup, Size: 1, Role: clientrpc.RoleOwner}
	f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) { return g, nil }
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.wants("按 Ctrl+T 邀請別人")
	g.Size = 2
	f.mu.Lock()
	f.event(clientrpc.GroupChanged.Name, clientrpc.ChatEvent{Chat: inGroup})
	f.mu.Unlock()
	d.pump()
	d.wantsNot("按 Ctrl+T 邀請別人")
}
