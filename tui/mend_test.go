package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// TestClickInPicker: a click chooses the line that it is on, also where there are
// more items than lines.
func TestClickInPicker(t *testing.T) {
	f := world()
	for n := range 60 {
		f.chats = append(f.chats, clientrpc.Chat{ID: chatID(100 + n), Kind: clientrpc.ChatDirect, Peer: fingerprint(100 + n), Name: fmt.Sprintf("人 %02d", n), Contact: clientrpc.ContactYes})
	}
	d := zh(t, f, 80, 24)
	d.press("ctrl+k")
	b := d.m.top().draw(d.m)
	y := slices.IndexFunc(strings.Split(d.screen(), "\n"), func(l string) bool { return strings.Contains(l, "人 05") })
	d.send(tea.MouseClickMsg{X: b.x + 4, Y: y, Button: tea.MouseLeft})
	if c := d.m.chat(); c == nil || c.Name != "人 05" {
		t.Errorf("a click on 人 05 opened %+v", c)
	}
}

// unlisted is a world with a chat that no list has had yet, and its hit of a search.
func unlisted(draft string) (*fake, clientrpc.Chat, clientrpc.Message) {
	f := world()
	boss := clientrpc.Chat{ID: chatID(77), Kind: clientrpc.ChatDirect, Peer: fingerprint(77), Name: "老闆", Contact: clientrpc.ContactYes, Draft: draft}
	found := in(said(9000, 77, "老闆", "報告呢", ago(time.Hour)), boss)
	f.history[boss.ID] = []clientrpc.Message{found}
	return f, boss, found
}

// TestComposerIsOfItsChat: what was begun for one person is not in the composer of
// another, whose chat no list has had yet; that has its own draft.
func TestComposerIsOfItsChat(t *testing.T) {
	for _, draft := range []string{"", "快好了"} {
		f, boss, found := unlisted(draft)
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(withBob))
		d.typing("給怡君的悄悄話")
		f.mu.Lock()
		f.chats = append(f.chats, boss)
		f.mu.Unlock()
		it := d.m.hit(&clientrpc.FoundMessage{Message: found}, true)
		d.do(it.do(d.m))
		if d.m.conv.chat != boss.ID || d.m.edit.text != draft {
			t.Errorf("the composer of %v has %q, the draft is %q", d.m.conv.chat, d.m.edit.text, draft)
		}
		d.do(d.m.openChat(withBob))
		if d.m.edit.text != "給怡君的悄悄話" {
			t.Errorf("the composer of the first chat has %q", d.m.edit.text)
		}
	}
}

// TestOldChanges: an old message that is not at hand and changes, or is farther than
// it was, does not come to the end.
func TestOldChanges(t *testing.T) {
	for _, event := range []clientrpc.Event{
		{Name: clientrpc.MessageChanged.Name}, {Name: clientrpc.MessageState.Name},
	} {
		f := long(200)
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(withBob))
		f.mu.Lock()
		f.event(event.Name, clientrpc.MessageEvent{Chat: withBob, Message: id(1003)})
		f.mu.Unlock()
		d.pump()
		if last := d.m.conv.list[len(d.m.conv.list)-1].msg; last.ID != id(1199) {
			t.Errorf("%s: %q stands at the end", event.Name, last.Text)
		}
	}
}

// TestManyWhileReading: however many messages come, who reads further up stays there,
// and the chat is not read; what comes is behind the end.
func TestManyWhileReading(t *testing.T) {
	f := long(500)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	for range 6 {
		d.press("pgup")
	}
	before, read := d.m.conv.list[d.m.conv.bottom].msg.Text, f.count("chat.set")
	for n := range 50 {
		f.come(said(7000+n, 3, "陳怡君", fmt.Sprintf("一下子 %d", n), noon))
	}
	d.pump()
	if after := d.m.conv.list[d.m.conv.bottom].msg.Text; after != before || d.m.conv.below != 50 || f.count("chat.set") != read {
		t.Errorf("was at %q, is at %q, %d below, read %d times", before, after, d.m.conv.below, f.count("chat.set")-read)
	}
	for range 12 {
		d.press("pgdown")
	}
	d.wants("一下子 49")
}

// TestFailureIsNotGone: what the core cannot read for the moment stays on the screen.
func TestFailureIsNotGone(t *testing.T) {
	f := world()
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	fails := func([]byte) (any, error) { return nil, &clientrpc.Error{Code: clientrpc.CodeInternal} }
	f.serve["message"], f.serve["chat"] = fails, fails
	f.mu.Lock()
	f.event(clientrpc.MessageChanged.Name, clientrpc.MessageEvent{Chat: withBob, Message: id(4)})
	f.event(clientrpc.ChatChanged.Name, clientrpc.ChatEvent{Chat: inGroup})
	f.mu.Unlock()
	d.pump()
	if d.m.conv.at(id(4)) < 0 || d.m.chats.find(inGroup) == nil {
		t.Error("what could not be read is gone from the screen")
	}
}

// TestGroupRefused: who is not let into a group reads that, and no invitation.
func TestGroupRefused(t *testing.T) {
	f := world()
	m := said(9100, 4, "林大山", "週末登山", ago(time.Second))
	m.Kind, m.Group = kindRefused, strings.Repeat("a", 32)
	f.history[withBob] = append(f.history[withBob], m)
	d := zh(t, f, 100, 30)
	d.do(d.m.openChat(withBob))
	d.wants("沒有讓你加入")
	d.wantsNot("選這則按 y")
	d.wantsNot("較新")
	if invited(d.m, &m) {
		t.Error("it may be accepted")
	}
}

// TestRefusedTextIsKept: what the core does not take is in the composer again, for what
// it was for; after the chat was left, in its draft.
func TestRefusedTextIsKept(t *testing.T) {
	for method, text := range map[string]string{clientrpc.Edit.Name: "很長的修改", clientrpc.RunCommand.Name: "/投票 哪天去", clientrpc.Send.Name: "晚點到"} {
		for _, left := range []bool{false, true} {
			f := world()
			f.serve[method] = func([]byte) (any, error) { return nil, &clientrpc.Error{Code: clientrpc.CodeOffline} }
			d := zh(t, f, 80, 24)
			d.do(d.m.openChat(withBob))
			if method == clientrpc.Edit.Name {
				d.press("up")
			}
			d.typing(text)
			d.m.complete = nil
			d.held = true
			d.press("enter")
			d.held = false
			if left {
				d.do(d.m.openChat(inGroup))
			}
			for _, e := range d.queue {
				d.run(e)
			}
			if left {
				if d.m.edit.text != "" {
					t.Errorf("%s: the composer of another chat has %q", method, d.m.edit.text)
				}
				d.do(d.m.openChat(withBob))
			}
			if !strings.Contains(d.m.edit.text, text) {
				t.Errorf("%s, left %v: the composer has %q", method, left, d.m.edit.text)
			}
			if edits := d.m.tasks[withBob].edit != nil; edits != (method == clientrpc.Edit.Name && !left) {
				t.Errorf("%s, left %v: the composer edits: %v", method, left, edits)
			}
		}
	}
}

// TestEditIsLeft: who leaves a chat while a message is being changed finds the draft
// there again, and Enter sends it as a new message.
func TestEditIsLeft(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.do(d.m.openChat(withBob))
	d.press("up")
	d.typing("！")
	d.do(d.m.openChat(withSelf))
	d.do(d.m.openChat(withBob))
	if d.m.hasTask() || d.m.edit.text != "" {
		t.Errorf("the composer has %q, for something else: %v", d.m.edit.text, d.m.hasTask())
	}
}

// TestNotices: all that is to be known of one's own account is said, and nothing of
// others; whose device was revoked reads how that is taken back, and is not asked
// whether the person added it.
func TestNotices(t *testing.T) {
	f := world()
	f.serve["status"] = func([]byte) (any, error) {
		return clientrpc.StatusResult{Online: true, Notices: []clientrpc.Notice{
			{Account: fingerprint(1), Kind: clientrpc.NoticeDisputed}, {Account: fingerprint(1), Kind: clientrpc.NoticeOvertaken, Sequence: 17},
			{Account: fingerprint(9), Name: "冒名", Kind: clientrpc.NoticeHeir}, {Account: fingerprint(3), Kind: clientrpc.NoticeExpired},
		}, News: []clientrpc.DeviceNews{{Number: 5, Kind: clientrpc.DeviceRevoked, Own: true, Account: fingerprint(1), Device: fingerprint(2), DeviceName: "筆電", Time: noon, By: fingerprint(7), ByName: "手機"}}}, nil
	}
	d := zh(t, f, 100, 40)
	for _, text := range []string{"裝置清單有爭議", "（第 17 號）", "冒名", "在「換金鑰：改用新帳號」裡改用它", "「筆電」", "移除它的是裝置「手機」", "72 小時內可以收回", "是我的：改用「冒名」", "不是我撤銷的：收回"} {
		d.wants(text)
	}
	d.wantsNot("是我加的")
	d.wantsNot("金鑰已過期")
	d.press("down", "enter")
	if p := params[clientrpc.DeviceNewsSeenParams](t, f, clientrpc.DeviceNewsSeen.Name); len(p.Devices) != 0 || !slices.Equal(p.Numbers, []int64{5}) {
		t.Errorf("seen: %+v", p)
	}
}

// TestDeviceWords: how a device of a contact stands is said in the person's language.
func TestDeviceWords(t *testing.T) {
	d := zh(t, world(), 80, 24)
	d.m.push(d.m.keySheet(&clientrpc.Contact{Account: fingerprint(3), Name: "陳怡君", Devices: []clientrpc.Device{{Name: "平板", Status: "revoked"}}}))
	d.wants("平板  已撤銷")
	d.wantsNot("revoked")
}

// TestServerOrInvite: only a link is an invitation, whatever a server is called.
func TestServerOrInvite(t *testing.T) {
	for typed, want := range map[string]clientrpc.SetupCreateParams{
		"invite.example:7000":                             {Server: "invite.example:7000"},
		"omega-invite:0000-0000-0000-0000@a.example:7000": {Invite: "omega-invite:0000-0000-0000-0000@a.example:7000"},
	} {
		f := newFake()
		f.setup = clientrpc.SetupEmpty
		d := zh(t, f, 80, 24)
		d.press("enter", "tab", "tab", "tab", "ctrl+u")
		d.m.top().(*form).fields[3].edit.set(typed)
		d.press("enter")
		if p := params[clientrpc.SetupCreateParams](t, f, clientrpc.SetupCreate.Name); p.Server != want.Server || p.Invite != want.Invite {
			t.Errorf("%s: %+v", typed, p)
		}
	}
}

// TestOneSetupMenu: several keys before the core has answered bring one menu.
func TestOneSetupMenu(t *testing.T) {
	f := newFake()
	f.setup = clientrpc.SetupEmpty
	d := zh(t, f, 80, 24)
	d.press("esc")
	d.held = true
	d.press("x", "x", "x")
	d.held = false
	for _, e := range d.queue {
		d.run(e)
	}
	if n := len(d.m.layers); n != 1 {
		t.Errorf("%d menus", n)
	}
}
