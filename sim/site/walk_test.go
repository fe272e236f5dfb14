package site

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/pagetest"
)

var walkAll = flag.Bool("walk", false, "TestWalk in every look: light and dark, desktop and phone, Chinese and English; with -shots it leaves a picture of each screen")

// TestWalk goes through every screen of the web face over cores whose people do not exist:
// nothing sticks out, nothing is cut off, nothing is said in the other language or in none,
// and nothing hinders people (axe). Each day in two looks; -walk has all eight.
func TestWalk(t *testing.T) {
	t.Parallel()
	chromium, nodejs := pagetest.Need(t)
	noteChecks(t)
	noteFace(t)
	pictures := ""
	if *shots != "" {
		var err error
		if pictures, err = filepath.Abs(*shots); err != nil {
			t.Fatal(err)
		}
	}
	looks, least := 2, 4
	if *walkAll {
		looks, least = 8, 16
	}
	run(t, nodejs, "walk.mjs", map[string]any{
		"chromium": chromium, "shots": pictures, "looks": looks, "now": fixtureNow.UnixMilli(),
		"full": serveFixture(t, fullFixture(t)), "alarmed": serveFixture(t, alarmedFixture(t)), "empty": serveFixture(t, emptyFixture(t)), "setup": serveFixture(t, setupFixture(t, clientrpc.SetupEmpty)), "locked": serveFixture(t, setupFixture(t, clientrpc.SetupLocked)),
	}, nil, least)
}

func always(v any) func(json.RawMessage) any { return func(json.RawMessage) any { return v } }

// fullFixture is an account that has something of everything.
func fullFixture(t *testing.T) *fixture {
	f := newFixture(t)
	rules := clientrpc.GroupRules{Invite: "admins", Pin: "admins", Profile: "admins", Write: "members", MentionAll: "admins", History: "50"}
	f.answers["group"] = func(json.RawMessage) any {
		g := f.group()
		g.Role, g.Rules = clientrpc.RoleOwner, rules
		return g
	}
	f.answers["groups"] = func(json.RawMessage) any {
		g := f.group()
		g.Role, g.Rules = clientrpc.RoleOwner, rules
		return clientrpc.GroupsResult{Groups: []clientrpc.Group{g, {ID: "books", Chat: chatID("讀書會"), Name: "讀書會", Role: clientrpc.RoleInvited, Size: 4}}}
	}
	f.answers["group.members"] = always(clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{
		{Account: account(owner), Name: owner, Role: "owner"}, {Account: account("阿哲"), Name: "阿哲", Role: "owner"}, {Account: account("小美"), Name: "小美", Role: "admin"},
		{Account: account("Carol"), Name: "Carol", Role: "member"},
		{Account: account("很長"), Name: "台中登山協會北屯分會的一位名字很長很長的山友", SelfNamed: true, Role: "member", Similar: []clientrpc.NamedAccount{{Account: account("小美"), Name: "小美"}}},
		{Account: account("阿德"), Name: "阿德", SelfNamed: true, Role: "invited"}, {Account: account("賣藥的"), Name: "賣藥的", SelfNamed: true, Role: "banned"},
	}})
	f.answers["group.link"] = always(clientrpc.GroupLink{Link: "omega:group/" + strings.Repeat("k7Qx2mWb", 12)})
	f.answers["mentions"] = always(clientrpc.MessagesResult{Messages: []clientrpc.Message{
		said("COSCUP 志工", "Carol", "@阿明 名牌在你那裡嗎？", 300), said("登山社", "阿哲", "@阿明 你開車嗎，還是要共乘？要的話先填上面的接龍，我好安排車子和集合的地方", 20),
	}})
	f.answers["scheduled"] = always(clientrpc.ScheduledResult{Texts: []clientrpc.ScheduledText{{ID: messageID("later"), Chat: chatID("登山社"), Text: "明天記得早起", At: fixtureNow.Add(9 * time.Hour)}}})
	f.answers["commands"] = always(clientrpc.CommandsResult{Commands: []clientrpc.Command{
		{Name: "help", Typed: "help", Aliases: []string{"說明"}, Text: i18n.T("slash.help")}, {Name: "mute", Typed: "mute", Aliases: []string{"靜音"}, Arg: i18n.T("slash.arg.duration"), Text: i18n.T("slash.mute")},
	}})
	f.answers["mention.complete"] = always(clientrpc.CompleteMentionResult{People: []clientrpc.Callable{{Account: account("小美"), Name: "小美", Role: "admin", Insert: "@小美"}, {All: true, Insert: "@All"}}})
	f.answers["message.reach"] = always(clientrpc.ReachResult{Accounts: []clientrpc.Reached{{Account: account("小美"), Name: "小美", State: "read"}, {Account: account("Carol"), Name: "Carol", State: "delivered"}}})
	f.answers["message.pinned"] = always(clientrpc.MessagesResult{Messages: []clientrpc.Message{said("登山社", "阿哲", "集合：早上六點，台中火車站", 900)}})
	f.answers["poll.voters"] = always(clientrpc.VotersResult{Voters: []clientrpc.Voter{{Account: account("小美"), Name: "小美"}, {Account: account("阿哲"), Name: "阿哲"}}})
	f.answers["import.list"] = always(clientrpc.ImportsResult{Imports: []clientrpc.Import{{Number: 1, Source: "line", File: "[LINE] 與老同學的聊天.txt", Time: fixtureNow.AddDate(0, 0, -3), Messages: 1284}}})
	f.answers["device.history"] = always(clientrpc.HandoversResult{Handovers: []clientrpc.Handover{{Device: account("手機"), DeviceName: "手機", Gives: true, State: "wanted", Since: fixtureNow, Messages: 48210}}})
	pack := clientrpc.StickerPack{Pack: strings.Repeat("d", 64), Title: "山上的鳥", Stickers: []clientrpc.Sticker{{Number: 1, Emoji: "🐦", Type: "image/png"}, {Number: 2, Emoji: "🏔", Type: "image/png"}, {Number: 3, Type: "image/png"}}}
	f.answers["stickers"] = always(clientrpc.StickerPacksResult{Packs: []clientrpc.StickerPack{pack}})
	f.answers["stickers.show"] = always(pack)
	f.answers["stickers.read"] = f.read
	f.answers["setup.servers"] = always(nearServers())
	f.answers["history"] = func(p json.RawMessage) any {
		r, _ := f.history(p).(clientrpc.MessagesResult)
		if q := ask[clientrpc.HistoryParams](t, p); !q.Before.IsZero() {
			r.Earlier = clientrpc.EarlierMissing
		}
		return r
	}
	f.answers["contact.show"] = func(p json.RawMessage) any {
		c, _ := f.contact(p).(clientrpc.Contact)
		c.Certified = []clientrpc.NamedAccount{{Account: account("阿哲"), Name: "阿哲"}}
		return c
	}
	f.answers["contact.decline"], f.answers["contact.add"], f.answers["contact.block"] = always(struct{}{}), always(struct{}{}), always(struct{}{})
	return f
}

func nearServers() clientrpc.SetupServersResult {
	return clientrpc.SetupServersResult{Servers: []clientrpc.SetupServer{
		{Address: "taichung.example.tw:7000", Fingerprint: account("台中"), Name: "台中合作社", Operator: "中部合作社", Site: "台中", Registration: "open", Took: 9 * time.Millisecond},
		{Address: "hualien.example.tw:7000", Fingerprint: account("花蓮"), Name: "花蓮", Operator: "東海岸", Site: "花蓮", Registration: "invite", Took: 21 * time.Millisecond},
		{Address: "school.example.tw:7000", Fingerprint: account("學校"), Name: "某某大學資訊工程學系學生自治會的伺服器", Operator: "學生會", Registration: "closed", Took: 140 * time.Millisecond},
	}}
}

// alarmedFixture is an account about which there is news, and which is offline.
func alarmedFixture(t *testing.T) *fixture {
	f := newFixture(t)
	news := []clientrpc.DeviceNews{
		{Number: 1, Kind: "device-added", Account: account(owner), Own: true, Device: account("陌生"), DeviceName: "Windows 電腦", Time: fixtureNow.Add(-time.Hour)},
		{Number: 2, Kind: "device-revoked", Account: account("小美"), Name: "小美", Device: account("舊手機"), DeviceName: "舊手機", Time: fixtureNow.Add(-2 * time.Hour)},
	}
	f.answers["device.news"] = always(clientrpc.DeviceNewsResult{News: news})
	f.answers["devices"] = always(clientrpc.DevicesResult{Devices: []clientrpc.Device{
		{Fingerprint: account("書桌"), Name: "書桌電腦", Added: fixtureNow.AddDate(0, -3, 0), Status: "active", This: true},
		{Fingerprint: account("陌生"), Name: "Windows 電腦", Added: fixtureNow.Add(-time.Hour), Status: "active", Removed: []omega.Fingerprint{account("手機")}},
		{Fingerprint: account("手機"), Name: "手機", Added: fixtureNow.AddDate(0, 0, -9), Status: "revoked"},
	}})
	f.answers["notices"] = func(p json.RawMessage) any {
		if ask[clientrpc.NoticesParams](t, p).After > 0 {
			return clientrpc.NoticesResult{}
		}
		return clientrpc.NoticesResult{Notices: []clientrpc.Notice{{Number: 1, Account: account(owner), Kind: "disputed", Time: fixtureNow.Add(-time.Hour)}}}
	}
	f.answers["status"] = always(clientrpc.StatusResult{Server: "taichung.example.tw:7000"})
	return f
}

// emptyFixture is an account of today.
func emptyFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.chats, f.talks = nil, map[omega.ChatID][]clientrpc.Message{}
	f.answers["groups"], f.answers["folders"] = always(clientrpc.GroupsResult{}), always(clientrpc.FoldersResult{})
	f.answers["contacts"] = always(clientrpc.ContactsResult{})
	f.answers["mentions"] = always(clientrpc.MessagesResult{})
	return f
}

// setupFixture is a program that has no account yet, or whose account is locked.
func setupFixture(t *testing.T, state string) *fixture {
	f := newFixture(t)
	f.answers["setup"] = always(clientrpc.SetupState{State: state, Device: "書桌電腦", Servers: []string{"taichung.example.tw:7000"}})
	f.answers["setup.servers"] = always(nearServers())
	f.answers["setup.keys"] = always(clientrpc.SetupKeysResult{Keys: []clientrpc.SetupKey{{Fingerprint: account("gpg"), UserID: "阿明 <ming@example.org>", Kind: "Ed25519"}}})
	f.answers["setup.create"] = always(clientrpc.AccountInfo{Fingerprint: account(owner), Name: owner})
	f.answers["setup.link"] = func(p json.RawMessage) any {
		if ask[clientrpc.SetupLinkParams](t, p).Step == "" {
			return clientrpc.SetupLinkState{Step: "carry", Text: "omega-link:" + strings.Repeat("p3Zt9vNc", 30)}
		}
		return clientrpc.SetupLinkState{Step: "confirm", Account: account(owner)}
	}
	return f
}
