package tui

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// Chats of the world of the tests.
var (
	withBob  = chatID(1)
	inGroup  = chatID(2)
	inSecret = chatID(3)
	withEve  = chatID(4)
	withSelf = chatID(5)

	inChannel = chatID(6) // of channels
	inSealed  = chatID(7)
)

// ago is a time before noon.
func ago(d time.Duration) time.Time { return noon.Add(-d) }

// said is a text of somebody.
func said(n, who int, name, text string, at time.Time) clientrpc.Message {
	return clientrpc.Message{ID: id(n), Chat: withBob, From: fingerprint(who), Device: fingerprint(who), Name: name, Time: at, Kind: "text", Text: text, Verified: true, Sequence: uint32(n)}
}

func mine(m clientrpc.Message, state string) clientrpc.Message {
	m.State = state
	return m
}

func in(m clientrpc.Message, c clientrpc.Chat) clientrpc.Message {
	m.Chat, m.Secure = c.ID, c.Secure
	return m
}

// world is a core with a little of everything.
func world() *fake {
	f := newFake()
	bob := clientrpc.Chat{ID: withBob, Kind: clientrpc.ChatDirect, Peer: fingerprint(3), Name: "陳怡君", Contact: clientrpc.ContactYes, Verified: clientrpc.VerifiedYes, Top: true}
	group := clientrpc.Chat{ID: inGroup, Kind: clientrpc.ChatGroup, Name: "週末登山", Unread: 2, Calls: 1}
	secret := clientrpc.Chat{ID: inSecret, Kind: clientrpc.ChatSecure, Peer: fingerprint(3), Name: "陳怡君", Secure: true}
	eve := clientrpc.Chat{ID: withEve, Kind: clientrpc.ChatDirect, Peer: fingerprint(6), Name: "陳怡勻", Contact: clientrpc.ContactRequest, Unread: 1, Similar: []clientrpc.NamedAccount{{Account: fingerprint(3), Name: "陳怡君"}}}
	self := clientrpc.Chat{ID: withSelf, Kind: clientrpc.ChatSaved, Peer: fingerprint(1), Muted: clientrpc.MutedForGood, Draft: "買米"}

	reply := said(3, 3, "陳怡君", "好啊，幾點集合？", ago(50*time.Minute))
	reply.Reply = &clientrpc.Reply{Message: id(2), From: fingerprint(1), Name: "王小明", Text: "週六去爬山嗎？", Exact: true}
	edited := mine(said(4, 1, "王小明", "八點，象山捷運站。帶水就好 https://omega.example/hike", ago(48*time.Minute)), clientrpc.StateRead)
	edited.Edited = ago(47 * time.Minute)
	edited.Entities = []clientrpc.Entity{{Type: "link", Offset: 14, Length: 26}}
	edited.Reactions = []clientrpc.Reaction{{From: fingerprint(3), Emoji: []string{"👍"}}, {From: fingerprint(1), Emoji: []string{"👍", "推"}}}
	gone := said(5, 3, "陳怡君", "", ago(40*time.Minute))
	gone.Deleted = true
	photo := said(6, 3, "陳怡君", "去年的合照", ago(30*time.Minute))
	photo.Kind, photo.Media = "media", []clientrpc.Medium{{What: "photo", Blob: "aa", Size: 123456, Name: "象山.jpg", Type: "image/jpeg", Width: 640, Height: 480}}
	f.history[withBob] = []clientrpc.Message{
		mine(said(1, 1, "王小明", "昨天的訊息", ago(26*time.Hour)), clientrpc.StateDelivered), mine(said(2, 1, "王小明", "週六去爬山嗎？", ago(55*time.Minute)), clientrpc.StateRead),
		reply, edited, gone, photo, mine(said(7, 1, "王小明", "還在路上", ago(time.Minute)), clientrpc.StateStored),
	}

	made := in(clientrpc.Message{ID: id(20), From: fingerprint(1), Name: "王小明", Time: ago(3 * time.Hour), Kind: "group-created", Text: "週末登山", Service: true, Mine: true}, group)
	poll := in(said(21, 4, "林大山", "去哪裡？", ago(2*time.Hour)), group)
	poll.Kind, poll.Poll = "poll", &clientrpc.Poll{Options: []clientrpc.Option{{Text: "象山", Votes: 3, Mine: true}, {Text: "七星山", Votes: 1}}, Voters: 4}
	list := in(mine(said(22, 1, "王小明", "便當", ago(100*time.Minute)), clientrpc.StateStored), group)
	list.Kind, list.List = "list", &clientrpc.List{Lines: []clientrpc.ListLine{{Line: "a", From: fingerprint(4), Name: "林大山", Text: "雞腿"}, {Line: "b", From: fingerprint(3), Name: "陳怡君", Text: "素食"}}}
	list.Delivered, list.ReadBy = 4, 3
	called := in(said(23, 4, "林大山", "@王小明 記得帶頭燈", ago(10*time.Minute)), group)
	called.Mentioned = true
	f.history[inGroup] = []clientrpc.Message{made, poll, list, in(said(24, 3, "陳怡君", "收到", ago(11*time.Minute)), group), called}

	f.history[inSecret] = []clientrpc.Message{in(said(30, 3, "陳怡君", "這裡說比較安全", ago(5*time.Hour)), secret), in(mine(said(31, 1, "王小明", "好", ago(5*time.Hour)), clientrpc.StateRead), secret)}
	stranger := in(said(40, 6, "陳怡勻", "你好，急用，看這裡 https://bad.example", ago(6*time.Hour)), eve)
	stranger.Inert, stranger.Entities = true, []clientrpc.Entity{{Type: "link", Offset: 11, Length: 19}}
	f.history[withEve] = []clientrpc.Message{stranger}
	f.chats = []clientrpc.Chat{bob, group, secret, eve, self}
	for i := range f.chats {
		if h := f.history[f.chats[i].ID]; len(h) > 0 {
			f.chats[i].Last = &h[len(h)-1]
		}
	}
	return f
}

// channels is a world with two of them, one of which is secure.
func channels() *fake {
	f := world()
	weekly := clientrpc.Chat{ID: inChannel, Kind: clientrpc.ChatGroup, Name: "玉山步道週報", Unread: 3}
	sealed := clientrpc.Chat{ID: inSealed, Kind: clientrpc.ChatGroup, Name: "幹部公告", Secure: true}
	f.history[inChannel] = []clientrpc.Message{in(said(60, 4, "林大山", "本週步道狀況：塔塔加路段落石，請改道", ago(20*time.Minute)), weekly)}
	weekly.Last = &f.history[inChannel][0]
	f.chats = append(f.chats, weekly, sealed)
	f.serve[clientrpc.ShowGroup.Name] = func(params []byte) (any, error) {
		var p clientrpc.GroupRef
		if err := json.Unmarshal(params, &p); err != nil || p.Group == inGroup.String() {
			return clientrpc.Group{Chat: inGroup, Size: 5, Role: clientrpc.RoleAdmin}, err
		}
		return clientrpc.Group{Size: 2, Role: clientrpc.RoleSubscriber, Channel: true, Rules: clientrpc.GroupRules{Write: "admins"}}, nil
	}
	return f
}

// long is a world with one chat of n messages.
func long(n int) *fake {
	f := world()
	var all []clientrpc.Message
	for i := range n {
		m := said(1000+i, 3, "陳怡君", fmt.Sprintf("第 %d 則訊息，說點什麼好呢", i), noon.Add(time.Duration(i-n)*time.Minute))
		if i%3 == 0 {
			m = mine(m, clientrpc.StateRead)
		}
		all = append(all, m)
	}
	f.history[withBob] = all
	f.chats[0].Last = &all[n-1]
	return f
}
