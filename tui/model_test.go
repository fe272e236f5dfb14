package tui

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// params are what a method was called with last.
func params[T any](t *testing.T, f *fake, method string) (p T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := json.Unmarshal(f.last[method], &p); err != nil {
		t.Fatalf("%s was not called: %v", method, err)
	}
	return p
}

func zh(t testing.TB, f *fake, w, h int) *driver {
	return newDriver(t, f, w, h, Options{Lang: i18n.Chinese})
}

// TestSend: the bubble is there before the core has answered, once, and becomes
// what the core says.
func TestSend(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.held = true
	d.typing("等等見")
	d.press("enter")
	d.wants("等等見  下午12:00 ◷")
	d.held = false
	for _, e := range d.queue {
		d.run(e)
	}
	d.pump()
	d.wants("等等見  下午12:00 ✓")
	if n := strings.Count(d.screen(), "等等見"); n != 2 { // and in the list
		t.Errorf("it is shown %d times:\n%s", n, d.screen())
	}
	if p := params[clientrpc.SendParams](t, f, "send"); p.To != fingerprint(3).String() || p.Secure || !p.Markup || p.ID.IsZero() {
		t.Errorf("sent %+v", p)
	}
}

// TestSendFails: what the core does not take comes back to be sent again.
func TestSendFails(t *testing.T) {
	f := world()
	f.serve["send"] = func([]byte) (any, error) {
		return nil, &clientrpc.Error{Code: clientrpc.CodeRefused, Doing: i18n.T("doing.sending"), Why: i18n.T("why.mailboxfull")}
	}
	d := zh(t, f, 100, 24)
	d.do(d.m.openChat(withBob))
	d.typing("在嗎")
	d.press("enter")
	d.wants("對方的信箱已滿")
	d.wants("✗ 無法傳送")
	d.wants("› 在嗎")
}

// TestSecureIsKept: what is written in a secure chat is sent there.
func TestSecureIsKept(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inSecret))
	d.typing("秘密")
	d.press("enter")
	if p := params[clientrpc.SendParams](t, f, "send"); !p.Secure {
		t.Errorf("sent %+v", p)
	}
	d.press("ctrl+up", "f") // and what is sent on goes where it says
	d.press("down", "down", "enter")
	if p := params[clientrpc.ForwardParams](t, f, "message.forward"); p.To != inSecret.String() {
		t.Errorf("forwarded %+v", p)
	}
}

// TestCursor: the cursor is behind what was typed, in columns.
func TestCursor(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.do(d.m.openChat(withBob))
	x0, y0 := d.cursor()
	for _, row := range []struct {
		text string
		want int
	}{{"你好", 4}, {"abc", 3}, {"ㄋㄧˇ", 5}, {"你a好", 5}, {"，。", 4}, {"👍", 2}, {"e\u0301x", 2}} {
		d.m.edit.set("")
		d.typing(row.text)
		if x, y := d.cursor(); x != x0+row.want || y != y0 {
			t.Errorf("%q: cursor at %d,%d, want %d,%d", row.text, x-x0, y-y0, row.want, 0)
		}
	}
	d.m.edit.set("")
	d.typing("今天")
	d.press("left")
	if x, _ := d.cursor(); x != x0+2 {
		t.Errorf("a step to the left: %d, want 2", x-x0)
	}
	d.press("backspace")
	d.wants("› 天")
	d.press("end", "alt+enter")
	d.typing("第二行")
	if x, y := d.cursor(); x != x0+6 || y != y0 {
		t.Errorf("on a second line: %d,%d, want 6,0: the composer grows upwards", x-x0, y-y0)
	}
	d.wants("   第二行")
	d.m.edit.set(strings.Repeat("長", 200))
	if lines, y, x := d.m.edit.lines(d.m.metric, 10); len(lines) != 41 || y != 40 || x != 0 {
		t.Errorf("a full line: %d lines, cursor at %d,%d", len(lines), x, y)
	}
	d.screen()
}

func TestDrafts(t *testing.T) {
	f := world()
	var drafts []string
	f.serve["chat.set"] = func(b []byte) (any, error) {
		var p clientrpc.SetChatParams
		if json.Unmarshal(b, &p); p.Draft != nil {
			drafts = append(drafts, p.Chat+" "+*p.Draft)
		}
		return f.chats[0], nil
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.typing("寫到一半")
	d.press("alt+down")
	if want := withBob.String() + " 寫到一半"; len(drafts) != 1 || drafts[0] != want {
		t.Errorf("kept %q, want %q", drafts, want)
	}
	d.wants("草稿：寫到一半")
	d.wants("› 訊息")
	d.press("alt+up")
	d.wants("› 寫到一半")
	d.press("ctrl+q")
	if !d.quit {
		t.Error("it does not end")
	}
}

// below is a screen from a line on: above may be who wrote the first message at hand,
// and when, which is said no more once there is one before it.
func below(screen string, y int) string {
	return strings.Join(strings.Split(screen, "\n")[y:], "\n")
}

// TestPages: a long history is fetched page by page, and nothing on the screen moves
// when one comes.
func TestPages(t *testing.T) {
	f := long(1000)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.wants("第 999 則")
	for range 12 {
		d.press("pgup")
		d.held = true
		d.press("pgup")
		before := below(d.screen(), 7)
		d.held = false
		queue := d.queue
		d.queue = nil
		for _, e := range queue {
			d.run(e)
		}
		if after := below(d.screen(), 7); after != before {
			t.Fatalf("the screen moved:\n%s\n\n%s", before, after)
		}
	}
	if n := len(d.m.conv.list); n > maxKept+pageSize {
		t.Errorf("%d messages are kept", n)
	}
	d.press("ctrl+home")
	d.wants("第 0 則")
	if d.m.conv.atEnd {
		t.Error("the end is not at hand, but it is thought so")
	}
	for range 300 {
		d.press("pgdown")
	}
	d.wants("第 999 則")
	d.press("ctrl+home", "ctrl+end")
	d.wants("第 999 則")
}

// TestBelow: what comes while one reads further up moves nothing, and is counted.
func TestBelow(t *testing.T) {
	f := long(200)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("pgup")
	before := strings.Split(d.screen(), "\n")
	f.come(said(5000, 3, "陳怡君", "新的", noon))
	d.pump()
	d.wants("↓ 1 則新訊息")
	after := strings.Split(d.screen(), "\n")
	for y := 3; y < 19; y++ {
		if b, a := string([]rune(before[y])[20:]), string([]rune(after[y])[20:]); b != a && y > 6 {
			t.Errorf("line %d moved: %q, %q", y, b, a)
		}
	}
	if f.count("chat.set") != 0 {
		t.Error("it was said to be read")
	}
	d.press("ctrl+end")
	d.wants("新的")
	if p := params[clientrpc.SetChatParams](t, f, "chat.set"); !p.Read {
		t.Errorf("said %+v", p)
	}
}

// TestUnread: of a chat that is open and looked at, everything is read; not where the
// terminal lost the focus, nor of a stranger.
func TestUnread(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.send(tea.BlurMsg{})
	d.do(d.m.openChat(inGroup))
	d.wants("以下為尚未閱讀的訊息")
	if f.count("chat.set") != 0 {
		t.Error("said to be read while nobody looks")
	}
	d.send(tea.FocusMsg{})
	if p := params[clientrpc.SetChatParams](t, f, "chat.set"); !p.Read {
		t.Errorf("said %+v", p)
	}
	n := f.count("chat.set")
	d.do(d.m.openChat(withEve))
	if f.count("chat.set") != n {
		t.Error("a stranger is told what was read")
	}
}

func TestSearchAndJump(t *testing.T) {
	f := long(1000)
	f.serve["search"] = func(b []byte) (any, error) {
		var p clientrpc.SearchParams
		json.Unmarshal(b, &p)
		m := f.history[withBob][100]
		return clientrpc.SearchResult{Messages: []clientrpc.FoundMessage{{Message: m}}}, nil
	}
	d := zh(t, f, 80, 24)
	d.press("/")
	d.typing("一百")
	d.wants("第 100 則")
	d.press("enter")
	d.wants("▌")
	d.wants("第 100 則訊息")
	d.wants("第 103 則")
	if e := d.m.conv.selected(); e == nil || e.msg.ID != id(1100) {
		t.Error("the hit is not selected")
	}
	d.press("ctrl+g")
	d.typing(noon.AddDate(0, 0, 0).Format("2006-1-2"))
	d.press("enter")
	day := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, 0, 0, 0, time.Local)
	if e := d.m.conv.selected(); e == nil || e.msg.Time.Before(day) || e.msg.Time.After(day.Add(time.Minute)) {
		t.Errorf("the day does not begin where it begins")
	}
	d.press("ctrl+g")
	d.typing("昨天天")
	d.press("enter")
	d.wants("不是日期")
}

// TestActions: what keys in the history do.
func TestActions(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("up") // edits the newest of one's own
	d.wants("編輯訊息")
	d.wants("› 還在路上")
	d.typing("了")
	d.press("enter")
	if p := params[clientrpc.EditParams](t, f, "message.edit"); p.Text != "還在路上了" || p.Message != id(7) {
		t.Errorf("edited %+v", p)
	}
	d.press("ctrl+up", "k", "r")
	d.wants("回覆 陳怡君")
	d.typing("好看")
	d.press("enter")
	if p := params[clientrpc.SendParams](t, f, "send"); p.Reply == nil || p.Reply.Message != id(6) {
		t.Errorf("answered %+v", p.Reply)
	}
	d.press("ctrl+up", "+", "down", "enter")
	if p := params[clientrpc.ReactParams](t, f, "message.react"); len(p.Emoji) != 1 || p.Emoji[0] != commonEmoji[1] {
		t.Errorf("reacted %+v", p)
	}
	d.press("d")
	d.wants("收回")
	d.press("enter") // no
	if f.count("message.delete") != 0 {
		t.Error("it was taken back without being asked")
	}
	d.press("d", "down", "enter")
	if p := params[clientrpc.RemoveParams](t, f, "message.delete"); p.ForMe || len(p.Messages) != 1 {
		t.Errorf("removed %+v", p)
	}
	d.press("c")
	if d.copied != "好看" {
		t.Errorf("copied %q", d.copied)
	}
	d.press("esc", "up", "esc")
	if d.m.edit.text != "" {
		t.Errorf("left to be edited: %q", d.m.edit.text)
	}
}

func TestPolls(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+up", "k", "k", "a")
	d.typing("排骨")
	d.press("enter")
	if p := params[clientrpc.LineParams](t, f, "list.line"); p.Text != "排骨" || p.Message != id(22) {
		t.Errorf("added %+v", p)
	}
	d.press("k", "v", "down", "enter")
	if p := params[clientrpc.VoteParams](t, f, "poll.vote"); len(p.Options) != 1 || p.Options[0] != 1 {
		t.Errorf("voted %+v", p)
	}
	poll := &clientrpc.Poll{Multiple: true, Options: []clientrpc.Option{{Mine: true}, {}, {Mine: true}}}
	if got := fmt.Sprint(chosen(poll, 1), chosen(poll, 0)); got != "[0 1 2] [2]" {
		t.Errorf("chosen = %s", got)
	}
}

// TestGroup: who asks to join is let in from the menu of the group.
func TestGroup(t *testing.T) {
	f := world()
	f.serve["group.requests"] = func([]byte) (any, error) {
		return clientrpc.GroupRequestsResult{Requests: []clientrpc.GroupRequest{{Account: fingerprint(7), Name: "新人", Text: "我是鄰居", Time: noon}}}, nil
	}
	d := zh(t, f, 80, 30)
	d.do(d.m.openChat(inGroup))
	d.wants("5 位成員")
	d.press("ctrl+t")
	p := d.m.top().(*picker)
	for i, it := range p.items {
		if it.label == d.m.text("tui.group.requests") {
			p.sel = i
		}
	}
	d.press("enter")
	d.wants("新人  我是鄰居")
	d.press("enter")
	d.wants("讓他加入")
	d.press("enter")
	if p := params[clientrpc.ApproveGroupParams](t, f, "group.approve"); p.Refuse || len(p.Accounts) != 1 || p.Accounts[0] != fingerprint(7) || p.Group != inGroup.String() {
		t.Errorf("approved %+v", p)
	}
	d.wants("已加入")
}

// TestNews: a device that nobody here has added is asked about, and what the person
// says is told the core.
func TestNews(t *testing.T) {
	f := world()
	f.serve["status"] = func([]byte) (any, error) {
		return clientrpc.StatusResult{Online: true, News: []clientrpc.DeviceNews{{Number: 1, Kind: clientrpc.DeviceAdded, Own: true, Device: fingerprint(9), DeviceName: "別人的電腦", Time: noon}}}, nil
	}
	d := zh(t, f, 90, 24)
	d.wants("請看看你的帳號和裝置")
	d.wants("別人的電腦")
	d.press("down", "enter")
	if p := params[clientrpc.DeviceNewsSeenParams](t, f, "device.news.seen"); len(p.Devices) != 1 || p.Devices[0] != fingerprint(9) {
		t.Errorf("seen %+v", p)
	}
	f.chats[0].Notice = clientrpc.NoticeRevoked
	d.do(d.m.openChat(withBob))
	d.do(d.m.onRefreshed(refreshedMsg{chats: f.chats[:1]}))
	d.wants("⚠ 本人撤銷了金鑰")
}

func TestStranger(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withEve))
	d.wants("Alt+A 接受")
	d.wants("名字與你的聯絡人「陳怡君」很像")
	if strings.Contains(d.m.View().Content, "]8;;https://bad.example") {
		t.Error("a link of a stranger can be opened")
	}
	f.serve["contact.add"] = func([]byte) (any, error) {
		f.chats[3].Contact = clientrpc.ContactYes
		return clientrpc.Contact{}, nil
	}
	d.press("alt+a")
	d.wantsNot("Alt+A 接受")
	d.wants("已接受")
}

// TestComplete: commands and people are offered while one types, by marks of either
// width.
func TestComplete(t *testing.T) {
	f := world()
	f.serve["commands"] = func(b []byte) (any, error) {
		return clientrpc.CommandsResult{Commands: []clientrpc.Command{{Name: "mute", Typed: "靜音", Arg: i18n.T("slash.arg.duration"), Text: i18n.T("slash.mute")}, {Name: "me", Typed: "me", Text: i18n.T("slash.me")}}}, nil
	}
	f.serve["mention.complete"] = func([]byte) (any, error) {
		return clientrpc.CompleteMentionResult{People: []clientrpc.Callable{{Account: fingerprint(4), Name: "林大山", Insert: "@林大山", Role: "admin"}}}, nil
	}
	f.serve["command.run"] = func([]byte) (any, error) {
		return clientrpc.CommandResult{Command: "mute", Done: i18n.T("slash.done.mute")}, nil
	}
	for _, mark := range []string{"/", "／", "、"} {
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(inGroup))
		d.typing(mark + "靜")
		d.wants("/靜音")
		d.press("tab")
		d.wants("› /靜音")
		d.typing("8h")
		d.press("enter")
		if p := params[clientrpc.RunCommandParams](t, f, "command.run"); p.Text != "/靜音 8h" || p.Chat != inGroup.String() {
			t.Errorf("run %+v", p)
		}
		d.wants("已靜音")
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.typing("問＠ㄌ")
	d.wants("林大山")
	d.press("enter")
	d.wants("› 問@林大山")
	d.press("backspace", "esc")
}

func TestPaste(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.do(d.m.openChat(withBob))
	d.send(tea.PasteMsg{Content: "一行\x1b[31m"})
	d.wants("› 一行�[31m")
	d.send(tea.PasteMsg{Content: "甲\n乙\n丙"})
	d.wants("貼上 3 行")
	d.press("down", "enter")
	d.wants("甲 乙 丙")
	if f := d.m.core(d); f.count("send") != 0 {
		t.Error("pasting sent something")
	}
	d.send(tea.PasteMsg{Content: strings.Repeat("長", maxPaste)})
	d.wants("上限是")
}

// core is the fake of a driver.
func (m *Model) core(d *driver) *fake { return d.core.(*fake) }

func TestMouse(t *testing.T) {
	f := long(200)
	d := zh(t, f, 80, 24)
	click := func(x, y int) {
		d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	}
	click(5, 4)
	if d.m.conv.chat != inGroup {
		t.Errorf("clicked the second chat, and %v is open", d.m.conv.chat)
	}
	click(5, 2)
	d.send(tea.MouseWheelMsg{X: 50, Y: 10, Button: tea.MouseWheelUp})
	if d.m.conv.following() {
		t.Error("the wheel does not scroll")
	}
	d.send(tea.MouseWheelMsg{X: 50, Y: 10, Button: tea.MouseWheelDown})
	if !d.m.conv.following() {
		t.Error("the wheel does not scroll back")
	}
	lines := strings.Split(d.screen(), "\n")
	for y, l := range lines {
		if strings.Contains(l, "第 198 則") {
			click(60, y)
		}
	}
	if e := d.m.conv.selected(); e == nil || e.msg.ID != id(1198) {
		t.Error("a click does not select a message")
	}
	click(60, 22)
	if d.m.focus != onComposer {
		t.Error("a click does not lead to the composer")
	}
	click(8, 0) // the tab of unread chats
	if d.m.chats.tab != tabUnread {
		t.Errorf("the tab is %d", d.m.chats.tab)
	}
	d.press("ctrl+up", "enter")
	click(0, 0)
	if d.m.top() != nil {
		t.Error("a click beside a menu does not close it")
	}
}

// TestNarrow: list and chat take turns.
func TestNarrow(t *testing.T) {
	d := zh(t, world(), 40, 12)
	d.wants("週末登山")
	d.press("enter")
	d.wants("還在路上")
	d.wantsNot("週末登山")
	d.press("esc")
	d.wants("週末登山")
	d.send(tea.WindowSizeMsg{Width: 100, Height: 30})
	d.wants("週末登山")
	d.wants("還在路上")
}

// TestCatchUp: while the core takes in what waited, everything can be used: events
// are followed in rounds, and a round that hangs blocks nothing.
func TestCatchUp(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	f.mu.Lock()
	f.event(clientrpc.CatchingUp.Name, clientrpc.CatchUpEvent{Done: 300, Total: 9000})
	f.mu.Unlock()
	for n := range 500 {
		f.come(said(7000+n, 3, "陳怡君", fmt.Sprintf("離線時 %d", n), noon))
	}
	before := len(f.calls)
	d.held = true
	d.parked = true
	d.pump()
	for len(d.queue) > 0 && d.m.catchUp == nil {
		e := d.queue[0]
		d.queue = d.queue[1:]
		d.run(e)
	}
	d.wants("正在接收離線時的訊息 300/9000")
	d.typing("打得動")
	d.wants("打得動")
	d.held = false
	for len(d.queue) > 0 {
		e := d.queue[0]
		d.queue = d.queue[1:]
		d.run(e)
	}
	d.wants("離線時 499")
	if n := len(f.calls) - before; n > 60 {
		t.Errorf("500 messages cost %d calls", n)
	}
}

// TestResume: events go on behind the last one, and a core that forgot them makes the
// face take a snapshot.
func TestResume(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	f.come(said(8000, 3, "陳怡君", "第一", noon))
	d.pump()
	if p := params[clientrpc.FollowParams](t, f, "events"); p.After != 1 || p.Run != "run" {
		t.Errorf("asked for %+v", p)
	}
	n := f.count("account")
	f.mu.Lock()
	m := said(8001, 3, "陳怡君", "錯過的", noon)
	f.history[withBob] = append(f.history[withBob], m)
	f.mu.Unlock()
	d.m.events.run = "another"
	d.pump()
	d.wants("錯過的")
	if f.count("account") != n+1 {
		t.Error("no snapshot was taken")
	}
}

func TestConnection(t *testing.T) {
	f := world()
	f.online = false
	d := zh(t, f, 80, 24)
	d.wants("離線")
	f.mu.Lock()
	f.event(clientrpc.Connected.Name, clientrpc.ConnectionEvent{Online: true, Server: "10.0.0.1:7000"})
	f.event(clientrpc.SomebodyTypes.Name, clientrpc.TypingEvent{Chat: withBob, Account: fingerprint(3), What: "text", Until: noon.Add(6 * time.Second)})
	f.mu.Unlock()
	d.pump()
	d.wants("已連線 10.0.0.1:7000")
	f.mu.Lock()
	f.event(clientrpc.Connected.Name, clientrpc.ConnectionEvent{Online: true, Server: "10.0.0.1:7000#AB", ServerName: "\x1b[2J玉\u202e山" + strings.Repeat("山", 30)})
	f.mu.Unlock()
	d.pump()
	d.wants("已連線 �[2J玉�山山")
	d.wantsNot("10.0.0.1")
	d.press("f1")
	d.wants("位址是 10.0.0.1:7000")
	d.wantsNot("#AB")
	d.press("esc")
	d.send(tea.WindowSizeMsg{Width: 40, Height: 12})
	d.wants("已連線 �[2J玉�山山")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	f.mu.Lock()
	f.event(clientrpc.Connected.Name, clientrpc.ConnectionEvent{Problem: &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.check"), Why: i18n.T("why.connecting"), Next: i18n.T("next.network")}})
	f.mu.Unlock()
	d.pump()
	d.wants("離線")
	d.press("f1")
	d.wants("還沒有連上伺服器")
	d.press("esc")
	d.wants("正在輸入…")
	d.m.now = func() time.Time { return noon.Add(7 * time.Second) }
	d.send(tickMsg{})
	d.wantsNot("正在輸入…")
}

// TestFold: a message of 60 kB takes a few lines until it is opened.
func TestFold(t *testing.T) {
	f := world()
	m := said(900, 3, "陳怡君", strings.Repeat("很長的訊息。", omega.MaxText/18), noon)
	f.history[withBob] = append(f.history[withBob], m)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	d.wants("選這則按 x 展開")
	if n := len(d.m.layout(len(d.m.conv.list)-1, 50)); n > foldRows+8 {
		t.Errorf("it has %d lines", n)
	}
	d.press("ctrl+up", "x")
	d.wantsNot("選這則按 x 展開")
	if n := len(d.m.layout(len(d.m.conv.list)-1, 53)); n < 1000 {
		t.Errorf("opened it has %d lines", n)
	}
}

// TestSwitcher: people whom only the core finds, by 注音, can be chosen.
func TestSwitcher(t *testing.T) {
	f := world()
	f.serve["contacts"] = func(b []byte) (any, error) {
		var p clientrpc.ContactsParams
		json.Unmarshal(b, &p)
		if p.Query != "ㄌㄉㄕ" {
			return clientrpc.ContactsResult{}, nil
		}
		return clientrpc.ContactsResult{Contacts: []clientrpc.Contact{{Account: fingerprint(4), Chat: chatID(9), Name: "林大山", State: clientrpc.ContactYes}}}, nil
	}
	d := zh(t, f, 80, 24)
	d.press("ctrl+k")
	d.typing("ㄌㄉㄕ")
	d.wants("林大山")
	d.press("enter")
	d.typing("嗨")
	d.press("enter")
	if p := params[clientrpc.SendParams](t, f, "send"); p.To != fingerprint(4).String() {
		t.Errorf("sent to %s", p.To)
	}
	if d.m.chats.index(chatID(9)) >= 0 {
		t.Error("it is in the list before it is one of the core's")
	}
	d.do(d.m.onRefreshed(refreshedMsg{chats: []clientrpc.Chat{{ID: chatID(9), Kind: clientrpc.ChatDirect, Peer: fingerprint(4), Name: "林大山"}}}))
	if d.m.chats.index(chatID(9)) < 0 {
		t.Error("it is not in the list")
	}
}

// TestSetup: somebody without an account makes one, with the keyboard only.
func TestSetup(t *testing.T) {
	f := newFake()
	f.setup = clientrpc.SetupEmpty
	tries := 0
	f.serve["setup.create"] = func([]byte) (any, error) {
		if tries++; tries == 1 {
			return nil, &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.init"), Why: i18n.T("why.offline")}
		}
		f.setup = clientrpc.SetupReady
		return f.me, nil
	}
	d := zh(t, f, 80, 24)
	d.wants("歡迎使用 ω IM")
	d.press("enter")
	d.typing("王小明")
	d.press("tab")
	d.typing("秘密")
	d.wantsNot("秘密")
	d.press("tab")
	d.typing("秘")
	d.press("tab", "enter")
	d.wants("兩次輸入的密碼不同")
	d.press("up")
	d.typing("密")
	d.press("down", "enter")
	d.wants("目前連不上任何伺服器")
	d.press("enter")
	d.wants("還沒有聊天")
	if p := params[clientrpc.SetupCreateParams](t, f, "setup.create"); p.Name != "王小明" || p.Passphrase != "秘密" || p.Server != "127.0.0.1:7000" {
		t.Errorf("made %+v", p)
	}
}

func TestUnlock(t *testing.T) {
	f := world()
	f.setup = clientrpc.SetupLocked
	f.serve["setup.unlock"] = func([]byte) (any, error) {
		f.setup = clientrpc.SetupReady
		return clientrpc.SetupState{State: clientrpc.SetupReady}, nil
	}
	d := zh(t, f, 80, 24)
	d.wants("輸入這部裝置的密碼")
	d.typing("秘密")
	d.press("enter")
	d.wants("陳怡君")
}

func TestNotify(t *testing.T) {
	f := world()
	d := newDriver(t, f, 80, 24, Options{Lang: i18n.Chinese, Notify: "osc777"})
	d.send(tea.BlurMsg{})
	f.come(said(600, 3, "陳怡君", "有事;找你", noon))
	secret := in(said(601, 3, "陳怡君", "密語", noon), clientrpc.Chat{ID: inSecret, Secure: true})
	f.come(secret)
	d.pump()
	all := strings.Join(d.raw, "")
	if want := "\x1b]777;notify;陳怡君;有事，找你\x07"; !strings.Contains(all, want) {
		t.Errorf("told %q, want %q", all, want)
	}
	if strings.Contains(all, "密語") {
		t.Errorf("a secret is told: %q", all)
	}
	for _, row := range []struct {
		o    Options
		want string
	}{{Options{Term: Terminal{Name: "foot"}}, "osc777"}, {Options{Term: Terminal{Name: "xterm-kitty"}}, "osc9"}, {Options{Term: Terminal{Name: "xterm-kitty", Inside: true}}, "bell"}, {Options{Notify: "off"}, "off"}, {Options{}, "bell"}} {
		if got := row.o.notifies(); got != row.want {
			t.Errorf("%+v notifies by %s, want %s", row.o, got, row.want)
		}
	}
}

func TestListKeys(t *testing.T) {
	f := world()
	f.serve["chat.set"] = func(b []byte) (any, error) {
		var p clientrpc.SetChatParams
		json.Unmarshal(b, &p)
		if p.Archived != nil {
			f.chats[1].Archived = *p.Archived
			return f.chats[1], nil
		}
		return f.chats[1], nil
	}
	d := zh(t, f, 80, 24)
	d.press("down", "m")
	if p := params[clientrpc.SetChatParams](t, f, "chat.set"); p.Muted == nil || !p.Muted.Equal(clientrpc.MutedForGood) || p.Chat != inGroup.String() {
		t.Errorf("set %+v", p)
	}
	d.press("z")
	d.wantsNot("週末登山")
	d.press("left")
	d.wants("週末登山")
}

func TestDates(t *testing.T) {
	for _, row := range []struct {
		at                   time.Time
		zh, en, zhDay, enDay string
	}{
		{noon.Add(-time.Hour), "上午11:00", "11:00 AM", "今天", "Today"},
		{noon.Add(-24 * time.Hour), "昨天", "Yesterday", "昨天", "Yesterday"},
		{noon.AddDate(0, 0, -6), "週日", "Sun", "11/22（週日）", "Sun, 11/22"},
		{noon.AddDate(0, 0, -9), "11/19", "11/19", "11/19（週四）", "Thu, 11/19"},
		{time.Date(2025, 3, 1, 19, 9, 0, 0, time.Local), "2025/3/1", "3/1/2025", "2025/3/1（週六）", "Sat, 3/1/2025"},
	} {
		got := [4]string{short(row.at, noon, i18n.Chinese), short(row.at, noon, i18n.English), dayOf(row.at, noon, i18n.Chinese), dayOf(row.at, noon, i18n.English)}
		if want := [4]string{row.zh, row.en, row.zhDay, row.enDay}; got != want {
			t.Errorf("%v: %q, want %q", row.at, got, want)
		}
	}
	for in, want := range map[string]string{"2026-11-22": "2026-11-22", "11/22": "2026-11-22", "12/1": "2025-12-01", "昨天": "2026-11-27", "20251224": "2025-12-24", "x": ""} {
		day, ok := parseDay(in, noon)
		if got := day.Format("2006-01-02"); ok != (want != "") || ok && got != want {
			t.Errorf("parseDay(%q) = %s, %v, want %s", in, got, ok, want)
		}
	}
}
