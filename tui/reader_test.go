package tui

import (
	"encoding/json"
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

// TestSecureEnded: a secure chat that ended says so, who did it, and that a message
// begins it again; above, in its history and where one writes. (spec/secure.md, SEC-29)
func TestSecureEnded(t *testing.T) {
	for lang, want := range map[i18n.Lang][]string{
		i18n.Chinese: {"安全聊天已結束", "陳怡君 結束了這個安全聊天", "再傳訊息會用新的金鑰重新開始", "安全訊息（重新開始）"},
		i18n.English: {"This secure chat ended", "陳怡君 ended this secure chat", "begins it again with new keys", "Secure message (begins again)"},
	} {
		f := world()
		end := clientrpc.Message{ID: id(70), Chat: inSecret, From: fingerprint(3), Name: "陳怡君", Time: ago(time.Second), Kind: "secure-ended", Service: true, Secure: true, Verified: true}
		f.history[inSecret] = append(f.history[inSecret], end)
		for i := range f.chats {
			if f.chats[i].ID == inSecret {
				f.chats[i].Ended, f.chats[i].Last = ago(time.Minute), &end
			}
		}
		d := newDriver(t, f, 120, 30, Options{Lang: lang})
		d.do(d.m.openChat(inSecret))
		for _, text := range want {
			d.wants(text)
		}
		d.wantsNot("金鑰會銷毀")
		f.mu.Lock()
		for i := range f.chats {
			f.chats[i].Ended = time.Time{}
		}
		f.event(clientrpc.ChatChanged.Name, clientrpc.ChatEvent{Chat: inSecret})
		f.mu.Unlock()
		d.pump()
		d.wantsNot(want[0])
		d.wantsNot(want[3])
	}
}

// TestSwitcherReadings: what is at hand is found by 注音 and pinyin: groups, strangers, and
// the secure chat beside the normal one; by another name that the core knows too.
func TestSwitcherReadings(t *testing.T) {
	f := world()
	f.serve["contacts"] = func(b []byte) (any, error) {
		var p clientrpc.ContactsParams
		json.Unmarshal(b, &p)
		if p.Query != "小君" {
			return clientrpc.ContactsResult{}, nil
		}
		return clientrpc.ContactsResult{Contacts: []clientrpc.Contact{{Account: fingerprint(3), Chat: withBob, Name: "小君", Petname: "陳怡君", State: clientrpc.ContactYes}}}, nil
	}
	for typed, want := range map[string][]omega.ChatID{
		"ㄔㄧㄐ": {withBob, inSecret}, "cyj": {withBob, inSecret}, "ㄓㄇㄉㄕ": {inGroup}, "小君": {withBob, inSecret}, "怡勻": {withEve}, "ㄅㄆㄇ": nil,
	} {
		d := zh(t, f, 80, 24)
		d.press("ctrl+k")
		d.typing(typed)
		var got []omega.ChatID
		p := d.m.top().(*picker)
		for range p.items {
			d.press("enter")
			got = append(got, d.m.conv.chat)
			d.press("ctrl+k")
			d.typing(typed)
			p = d.m.top().(*picker)
			p.sel = len(got)
		}
		slices.SortFunc(got, func(a, b omega.ChatID) int { return strings.Compare(a.String(), b.String()) })
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", typed, got, want)
		}
	}
}

// TestCommandNames: a bare mark shows commands as people of the language call them; who
// began to type a name is shown that one.
func TestCommandNames(t *testing.T) {
	f := world()
	f.serve["commands"] = func(b []byte) (any, error) {
		var p clientrpc.CommandsParams
		json.Unmarshal(b, &p)
		c := clientrpc.Command{Name: "mute", Typed: "mute", Aliases: []string{"靜音", "關閉提醒"}, Arg: i18n.T("slash.arg.duration"), Text: i18n.T("slash.mute")}
		if strings.HasSuffix(p.Typed, "關") {
			c.Typed = "關閉提醒"
		}
		return clientrpc.CommandsResult{Commands: []clientrpc.Command{c}}, nil
	}
	for _, tt := range []struct {
		lang              i18n.Lang
		typed, want, sent string
	}{
		{i18n.Chinese, "/", "/靜音", "/靜音 "}, {i18n.Chinese, "、", "/靜音", "/靜音 "}, {i18n.Chinese, "/mu", "/mute", "/mute "}, {i18n.Chinese, "/關", "/關閉提醒", "/關閉提醒 "}, {i18n.English, "/", "/mute", "/mute "},
	} {
		d := newDriver(t, f, 80, 24, Options{Lang: tt.lang})
		d.do(d.m.openChat(withBob))
		d.typing(tt.typed)
		d.wants(tt.want)
		d.wants(i18n.T("slash.mute").In(tt.lang)[:12])
		d.press("tab")
		if d.m.edit.text != tt.sent {
			t.Errorf("%s became %q, want %q", tt.typed, d.m.edit.text, tt.sent)
		}
	}
}

// TestJoinRequestPages: who asks to join is shown however many they are.
func TestJoinRequestPages(t *testing.T) {
	f := world()
	f.role(clientrpc.RoleOwner)
	f.serve[clientrpc.GroupRequests.Name] = func(b []byte) (any, error) {
		var p clientrpc.GroupListParams
		json.Unmarshal(b, &p)
		r, from := clientrpc.GroupRequestsResult{}, 0
		fmt.Sscan(p.Next, &from)
		for i := from; i < from+20; i++ {
			r.Requests = append(r.Requests, clientrpc.GroupRequest{Account: fingerprint(10 + i%80), Name: fmt.Sprintf("客人%d", i), Time: noon})
		}
		if from < 40 {
			r.Next = fmt.Sprint(from + 20)
		}
		return r, nil
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.press("ctrl+t")
	d.choose("申請加入的人")
	d.wants("客人0")
	for range 59 {
		d.press("down")
	}
	d.wants("客人59")
	if n := len(d.m.top().(*picker).items); n != 60 {
		t.Errorf("%d requests are shown", n)
	}
}

// TestRefusedTextsInOrder: texts that the core does not take come back as they were
// written, the oldest first, before what was begun since; in whatever order it says so.
func TestRefusedTextsInOrder(t *testing.T) {
	for _, left := range []bool{false, true} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			f := world()
			f.serve[clientrpc.Send.Name] = func([]byte) (any, error) { return nil, &clientrpc.Error{Code: clientrpc.CodeOffline} }
			d := zh(t, f, 80, 24)
			d.do(d.m.openChat(withBob))
			d.held = true
			var sent []effect
			for _, text := range []string{"一", "二", "三"} {
				d.typing(text)
				d.queue = nil
				d.press("enter")
				sent = append(sent, d.queue[len(d.queue)-1])
			}
			d.held = false
			d.typing("四")
			if left {
				d.do(d.m.openChat(inGroup))
			}
			var answers []tea.Msg
			for _, e := range sent {
				answers = append(answers, e(t.Context(), d.core))
			}
			for _, i := range order {
				d.send(answers[i])
			}
			if left {
				d.do(d.m.openChat(withBob))
			}
			if d.m.edit.text != "一\n二\n三\n四" {
				t.Errorf("answers %v, left %t: %q is in the composer", order, left, d.m.edit.text)
			}
		}
	}
}

// TestNewChannel: whoever makes a group says who writes there, and a channel's link may
// be one to subscribe by.
func TestNewChannel(t *testing.T) {
	for choice, channel := range map[string]bool{"所有成員": false, "只有管理員": true} {
		f := world()
		f.serve[clientrpc.CreateGroup.Name] = func([]byte) (any, error) { return clientrpc.Group{Chat: inGroup}, nil }
		f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) {
			return clientrpc.Group{Chat: inGroup, Size: 1, Role: clientrpc.RoleOwner, Channel: channel, Rules: clientrpc.GroupRules{Invite: "admins"}}, nil
		}
		f.serve[clientrpc.LinkGroup.Name] = func([]byte) (any, error) { return clientrpc.GroupLink{Link: "omega:group/x"}, nil }
		d := zh(t, f, 80, 30)
		d.press("ctrl+n")
		d.choose("建立群組")
		d.typing("公告")
		d.press("enter")
		d.choose(choice)
		if p := params[clientrpc.CreateGroupParams](t, f, clientrpc.CreateGroup.Name); p.Name != "公告" || p.Channel != channel || p.ID.IsZero() {
			t.Errorf("%s: %+v", choice, p)
		}
		d.press("ctrl+t")
		d.choose("邀請連結")
		if !channel {
			d.wantsNot("訂閱")
			continue
		}
		d.choose("訂閱")
		if p := params[clientrpc.LinkGroupParams](t, f, clientrpc.LinkGroup.Name); !p.Subscribe || p.Open || p.Group != inGroup.String() {
			t.Errorf("link: %+v", p)
		}
		d.wants("omega:group/x")
	}
}

// TestHomesPage: which servers hold the mail, how much room is left there, and how they
// are chosen.
func TestHomesPage(t *testing.T) {
	f := world()
	chosen := false
	f.serve[clientrpc.Homes.Name] = func([]byte) (any, error) {
		return clientrpc.HomesResult{Chosen: chosen, Want: 3, Homes: []clientrpc.Home{
			{Server: fingerprint(20), Name: "taipei-1", Operator: "小明", Attached: true}, {Server: fingerprint(21), Name: "tokyo", Code: "timeout"}, {Server: fingerprint(22), Former: true},
		}}, nil
	}
	f.serve[clientrpc.Quota.Name] = func([]byte) (any, error) {
		return clientrpc.QuotaResult{Homes: []clientrpc.HomeQuota{{Server: fingerprint(20), Used: 1234567, Most: 60 << 20}, {Server: fingerprint(21), Problem: &clientrpc.Error{Code: clientrpc.CodeTimeout}}}}, nil
	}
	d := zh(t, f, 80, 30)
	open := func() { d.m.layers = nil; d.press("f2"); d.choose("信箱伺服器") }
	open()
	for _, text := range []string{"由程式挑選", "現在有 2 個，應該有 3 個", "taipei-1", "已用 1.2 MB，最多 63 MB", "tokyo", "沒有回答"} {
		d.wants(text)
	}
	d.wantsNot("讓程式挑選")
	d.choose("taipei-1")
	d.wants("營運者：小明")
	d.wants("已連上")
	open()
	d.choose("自己選")
	d.press("ctrl+u")
	d.typing("abc")
	d.press("enter")
	d.wants("不是伺服器的指紋")
	if f.count(clientrpc.SetHomes.Name) != 0 {
		t.Error("moved to what is no server")
	}
	open()
	d.choose("自己選")
	d.typing(" " + strings.ToLower(fingerprint(23).String()))
	d.press("enter")
	if p := params[clientrpc.SetHomesParams](t, f, clientrpc.SetHomes.Name); !slices.Equal(p.Homes, []omega.Fingerprint{fingerprint(20), fingerprint(21), fingerprint(23)}) {
		t.Errorf("moved to %v", p.Homes)
	}
	chosen = true
	f.serve[clientrpc.Quota.Name] = func([]byte) (any, error) { return nil, &clientrpc.Error{Code: clientrpc.CodeOffline} }
	open()
	d.wants("是你自己選的")
	d.choose("讓程式挑選")
	if p := params[clientrpc.SetHomesParams](t, f, clientrpc.SetHomes.Name); len(p.Homes) != 0 {
		t.Errorf("left to the program: %v", p.Homes)
	}
}

// TestLongToast: what is told is shown to its end, where what to do stands, and does not
// cover what is being written.
func TestLongToast(t *testing.T) {
	for _, w := range []int{100, 60, 40} {
		d := zh(t, world(), w, 24)
		d.do(d.m.openChat(withBob))
		d.typing("寫到一半")
		d.m.sayBad("無法加入聯絡人：這是裝置的指紋，不是帳號的 → 這部裝置的帳號是 71BC2477F7A99B9D8203FA2AC053DF38CFC42592，請用它加入")
		d.wants("用它加入")
		d.wants("寫到一半")
		d.m.say("好了")
		d.wants("好了")
		d.wantsNot("裝置的帳號")
	}
}

// TestReadOnly: where one cannot write the composer says why, and takes no keys.
func TestReadOnly(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		group      clientrpc.Group
	}{
		{"left", "你不在這個群組裡", clientrpc.Group{}},
		{"refused", "你不在這個群組裡", clientrpc.Group{Role: clientrpc.RoleRefused}},
		{"asking", "還在等人讓你加入", clientrpc.Group{Role: clientrpc.RoleAsking}},
		{"invited", "接受邀請後才能發言", clientrpc.Group{Role: clientrpc.RoleInvited}},
		{"subscriber", "只有管理員可以發言", clientrpc.Group{Role: clientrpc.RoleSubscriber, Channel: true}},
		{"reader", "只有管理員可以發言", clientrpc.Group{Role: clientrpc.RoleMember, Rules: clientrpc.GroupRules{Write: "admins"}}},
		{"ended", "已經解散", clientrpc.Group{Role: clientrpc.RoleOwner, Dissolved: true}},
		{"admin", "", clientrpc.Group{Role: clientrpc.RoleAdmin, Rules: clientrpc.GroupRules{Write: "admins"}}},
		{"member", "", clientrpc.Group{Role: clientrpc.RoleMember, Rules: clientrpc.GroupRules{Write: "members"}}},
	} {
		f := world()
		f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) {
			g := tt.group
			g.Chat = inGroup
			return g, nil
		}
		d := zh(t, f, 80, 24)
		d.do(d.m.openChat(inGroup))
		d.typing("嗨")
		d.press("enter")
		if sent := f.count(clientrpc.Send.Name) > 0; sent != (tt.says == "") {
			t.Errorf("%s: sent %t", tt.name, sent)
		}
		if tt.says != "" {
			d.wants(tt.says)
		}
	}
}

// TestJoin: who asks to join sees the chat, which says that nobody has let them in yet, and
// then that they are in.
func TestJoin(t *testing.T) {
	f := world()
	g := clientrpc.Group{Chat: inGroup, Role: clientrpc.RoleAsking}
	f.serve[clientrpc.JoinGroup.Name] = func([]byte) (any, error) { return g, nil }
	f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) { return g, nil }
	d := zh(t, f, 80, 24)
	d.press("ctrl+n")
	d.choose("用連結加入群組或頻道")
	d.typing("omega:group/x")
	d.press("enter")
	d.wants("還在等人讓你加入")
	g.Role, g.Channel = clientrpc.RoleSubscriber, true
	f.come(clientrpc.Message{ID: id(80), Chat: inGroup, From: fingerprint(1), Time: noon, Kind: "group-subscribed", Service: true, About: []clientrpc.NamedAccount{{Account: fingerprint(1), This: true}}, AboutCount: 1})
	d.pump()
	d.wants("你訂閱了這個頻道")
	d.wants("只有管理員可以發言")
}

// TestCounted: what subscribers of a channel said is added to what is known, and it is said
// whose word that is.
func TestCounted(t *testing.T) {
	f := world()
	f.history[inGroup] = slices.Clone(f.history[inGroup])
	last := &f.history[inGroup][len(f.history[inGroup])-1]
	last.Reactions = []clientrpc.Reaction{{From: fingerprint(3), Emoji: []string{"👍"}}}
	last.Counted = &clientrpc.Counted{By: fingerprint(4), Name: "林大山", Emoji: []clientrpc.EmojiCount{{Emoji: "👍", Count: 40}, {Emoji: "噓", Count: 2}}}
	poll := &f.history[inGroup][1]
	poll.Counted = &clientrpc.Counted{By: fingerprint(4), Name: "林大山"}
	poll.Poll = &clientrpc.Poll{Options: []clientrpc.Option{{Text: "象山", Votes: 3, Counted: 70}, {Text: "七星山", Votes: 1}}, Voters: 4, Counted: 70}
	d := zh(t, f, 120, 40)
	d.do(d.m.openChat(inGroup))
	d.wants("👍 41  噓 2")
	d.wants("其中 42 個由「林大山」統計，沒有證明")
	d.wants(" 73")
	d.wants("其中 70 個由「林大山」統計，沒有證明")

	// A reader is told who it can know, and that the rest is only counted; who may write knows them.
	f.serve[clientrpc.Reactors.Name] = func([]byte) (any, error) {
		return clientrpc.ReactorsResult{Reactors: []clientrpc.Reactor{{Account: fingerprint(3), Name: "陳怡君", Emoji: []string{"👍"}}}, Rest: clientrpc.Rest{Next: "x"}}, nil
	}
	d.press("ctrl+up", "w")
	d.wants("👍  陳怡君")
	d.wants("只列前 200 個")
	if !strings.Contains(d.screen(), "沒有證明") {
		t.Errorf("whose word the rest is:\n%s", d.screen())
	}
	d.press("esc")
	f.mu.Lock()
	last.Counted = &clientrpc.Counted{By: fingerprint(4), Name: "林大山", Emoji: last.Counted.Emoji, Known: true}
	f.event(clientrpc.MessageChanged.Name, clientrpc.MessageEvent{Chat: inGroup, Message: last.ID})
	f.mu.Unlock()
	d.pump()
	d.wants("其中 42 個來自訂閱者")
}
