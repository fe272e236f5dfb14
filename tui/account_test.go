package tui

import (
	"encoding/json"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestOwnName: the own name is changed, and shown as soon as the core says so.
func TestOwnName(t *testing.T) {
	f := world()
	name := "王小明"
	f.serve[clientrpc.SetName.Name] = func(b []byte) (any, error) {
		var p clientrpc.SetNameParams
		json.Unmarshal(b, &p)
		if p.Name != nil {
			name = *p.Name
		}
		return clientrpc.NameResult{Name: name}, nil
	}
	d := zh(t, f, 80, 40)
	d.press("f2")
	d.choose("改自己的名字")
	d.wants("聯絡人會看到你改了名字")
	d.press("ctrl+u")
	d.typing(" 王大明 ")
	d.press("enter")
	d.wants("名字改好了")
	if name != "王大明" {
		t.Errorf("called %q", name)
	}
	d.do(d.m.onEvent(clientrpc.Event{Name: clientrpc.AccountChanged.Name, Data: json.RawMessage("{}")}, &news{}))
	d.press("f2")
	d.choose("我的帳號")
	d.wants("王大明")
}

// TestContestWhich: where several devices removed others the person says whose word is
// taken back, from the list of devices and from the news. (spec/keys.md, KEYS-43)
func TestContestWhich(t *testing.T) {
	f := world()
	list := []clientrpc.Device{
		{Fingerprint: fingerprint(2), Name: "筆電", Added: noon, Status: "active", This: true},
		{Fingerprint: fingerprint(7), Name: "手機", Added: noon, Status: "active", Removed: []omega.Fingerprint{fingerprint(8), fingerprint(9)}},
		{Fingerprint: fingerprint(6), Name: "電視", Added: noon, Status: "active", Removed: []omega.Fingerprint{fingerprint(9)}},
		{Fingerprint: fingerprint(8), Name: "平板", Added: noon, Status: "revoked"}, {Fingerprint: fingerprint(9), Name: "桌機", Added: noon, Status: "revoked"},
	}
	f.serve[clientrpc.Devices.Name] = func([]byte) (any, error) { return clientrpc.DevicesResult{Devices: list}, nil }
	f.serve[clientrpc.Status.Name] = func([]byte) (any, error) {
		return clientrpc.StatusResult{Online: true, Notices: []clientrpc.Notice{{Account: fingerprint(1), Kind: clientrpc.NoticeDisputed}}}, nil
	}
	d := zh(t, f, 100, 40)
	d.wants("裝置清單有爭議")
	d.wantsNot("omega device")
	d.choose("不是我撤銷的：收回")
	d.wants("「手機」移除了 平板、桌機")
	d.choose("「電視」移除了 桌機")
	d.wants("裝置「電視」會被移除，被它移除的（桌機）都回到帳號裡")
	if f.count(clientrpc.Contest.Name) != 0 {
		t.Fatal("nobody said yes")
	}
	d.choose("是")
	if p := params[clientrpc.ContestParams](t, f, clientrpc.Contest.Name); p.Device != fingerprint(6) {
		t.Errorf("contested: %+v", p)
	}
	d.m.layers = nil
	d.press("f2")
	d.choose("裝置")
	d.choose("平板")
	d.choose("不是我撤銷的：收回")
	d.wantsNot("「電視」移除了")
	d.choose("「手機」移除了")
	d.choose("是")
	if p := params[clientrpc.ContestParams](t, f, clientrpc.Contest.Name); p.Device != fingerprint(7) {
		t.Errorf("contested: %+v", p)
	}
	list = list[:1]
	d.do(d.m.run(contest(omega.Fingerprint{})))
	d.wants("沒有可以收回的")
}

// TestSuccession: an account is said to go on for another one, and as another one, only by
// whom the person looked at; who says that it goes on for this one is asked about with a
// way to agree.
func TestSuccession(t *testing.T) {
	f := world()
	f.serve[clientrpc.Status.Name] = func([]byte) (any, error) {
		return clientrpc.StatusResult{Online: true, Notices: []clientrpc.Notice{{Account: fingerprint(9), Name: "新我", Kind: clientrpc.NoticeHeir}}}, nil
	}
	f.serve[clientrpc.ShowContact.Name] = func([]byte) (any, error) {
		return clientrpc.Contact{Account: fingerprint(9), Name: "新我"}, nil
	}
	f.serve[clientrpc.Inherit.Name] = func([]byte) (any, error) { return clientrpc.Contact{Account: fingerprint(9)}, nil }
	f.serve[clientrpc.Succeed.Name] = func([]byte) (any, error) { return clientrpc.SucceedResult{New: fingerprint(9), Told: 3}, nil }
	d := zh(t, f, 100, 40)
	d.wants("在「換金鑰：改用新帳號」裡改用它")
	d.wantsNot("omega account")
	d.choose("是我的：改用「新我」")
	d.wants("說出去就收不回來")
	d.wants("0909 0909")
	d.press("enter") // no is first
	if f.count(clientrpc.Succeed.Name) != 0 {
		t.Fatal("succeeded without a yes")
	}
	again := func(which, typed string) {
		t.Helper()
		d.m.layers = nil
		d.press("f2")
		d.choose("換金鑰：改用新帳號")
		d.choose(which)
		d.typing(typed)
		d.press("enter")
		d.choose("是")
	}
	again("這是舊帳號", "新我")
	if p := params[clientrpc.ContactRef](t, f, clientrpc.Succeed.Name); p.Account != fingerprint(9).String() {
		t.Errorf("succeeded: %+v", p)
	}
	d.wants("已經告訴 3 個帳號")
	again("這是新帳號", fingerprint(9).String())
	if p := params[clientrpc.ContactRef](t, f, clientrpc.Inherit.Name); p.Account != fingerprint(9).String() {
		t.Errorf("inherited: %+v", p)
	}
	d.wants("接著到那個帳號上選「改用新帳號」")
}
