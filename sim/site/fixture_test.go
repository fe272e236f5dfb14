package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A fixture is a core whose people do not exist: the same chats, messages and times on
// each run, so that pictures of the pages can be compared. It takes in nothing.
type fixture struct {
	t       *testing.T
	answers map[string]func(params json.RawMessage) any
	chats   []clientrpc.Chat
	talks   map[omega.ChatID][]clientrpc.Message
	photo   []byte
	sticker []byte // animated

	// burst is how many events there are after the first look: new messages in all
	// chats, one after the other.
	burst int
}

// fixtureNow is when the pictures are taken: a Sunday evening in Taiwan.
var fixtureNow = time.Date(2026, 11, 22, 20, 9, 0, 0, time.FixedZone("CST", 8*3600))

func account(name string) omega.Fingerprint {
	sum := sha256.Sum256([]byte("account " + name))
	fp, err := omega.FingerprintV4(sum[:20])
	if err != nil {
		panic(err) // 20 octets are one
	}
	return fp
}

func chatID(name string) (c omega.ChatID) {
	sum := sha256.Sum256([]byte("chat " + name))
	copy(c[:], sum[:])
	return c
}

func messageID(text string) (id omega.ID) {
	sum := sha256.Sum256([]byte("message " + text))
	copy(id[:], sum[:])
	return id
}

const owner = "阿明"

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, talks: map[omega.ChatID][]clientrpc.Message{}, photo: mountains(720, 480), sticker: animation()}
	f.people()
	f.club()
	f.answers = f.methods()
	return f
}

// said is a text some minutes ago.
func said(chat, name, text string, ago int) clientrpc.Message {
	m := clientrpc.Message{
		ID: messageID(chat + text), Chat: chatID(chat), From: account(name), Device: account(name + " device"), Name: name,
		Time: fixtureNow.Add(-time.Duration(ago) * time.Minute), Kind: "text", Text: text, Verified: true,
	}
	if name == owner {
		m.State = clientrpc.StateRead
	}
	return m
}

// with changes a message before it is used.
func with(m clientrpc.Message, change func(*clientrpc.Message)) clientrpc.Message {
	change(&m)
	return m
}

// talk adds a chat with what was said in it, oldest first.
func (f *fixture) talk(c clientrpc.Chat, messages ...clientrpc.Message) {
	c.ID = chatID(c.Name)
	if c.Kind == "" {
		c.Kind, c.Peer, c.Contact = clientrpc.ChatDirect, account(c.Name), clientrpc.ContactYes
	}
	if c.Secure {
		c.ID = chatID("安全 " + c.Name)
	}
	for i := range messages {
		messages[i].Chat, messages[i].Secure = c.ID, c.Secure
	}
	if n := len(messages); n > 0 {
		c.Last = &messages[n-1]
	}
	f.chats, f.talks[c.ID] = append(f.chats, c), messages
}

func (f *fixture) people() {
	f.talk(clientrpc.Chat{Name: "小美", Top: true, Verified: clientrpc.VerifiedYes},
		said("小美", owner, "明天借我那本《台灣的鳥》好嗎？", 65), said("小美", "小美", "好啊，順便帶望遠鏡給你", 62), said("小美", owner, "太好了，謝謝！", 61),
		with(said("小美", "小美", "貼圖", 60), func(m *clientrpc.Message) {
			m.Text, m.Kind = "", "media"
			m.Media = []clientrpc.Medium{{What: "sticker", Blob: strings.Repeat("c", 64), Size: int64(len(f.sticker)), Type: "application/x-tgsticker", Width: 512, Height: 512, Emoji: "🐦"}}
		}))
	f.talk(clientrpc.Chat{Name: "小美", Kind: clientrpc.ChatSecure, Peer: account("小美"), Secure: true, Verified: clientrpc.VerifiedYes, Contact: clientrpc.ContactYes},
		said("小美", "小美", "身分證字號我傳在這裡，看完就刪", 190), said("小美", owner, "收到，已經抄好了", 188),
		with(said("小美", "小美", "這則一小時後會消失", 185), func(m *clientrpc.Message) { m.Expires = fixtureNow.Add(40 * time.Minute) }))
	f.talk(clientrpc.Chat{Name: "媽", Unread: 2}, said("媽", "媽", "晚餐吃了沒", 30), said("媽", "媽", "早點睡，不要一直看手機", 26))
	f.talk(clientrpc.Chat{Name: "COSCUP 志工", Kind: clientrpc.ChatGroup, Unread: 128, Calls: 1, Muted: clientrpc.MutedForGood},
		with(said("COSCUP 志工", "Carol", "明天場勘九點在台科大集合 https://coscup.org", 55), func(m *clientrpc.Message) {}))
	f.talk(clientrpc.Chat{Name: "王大同", Draft: "關於上次說的"}, said("王大同", "王大同", "資料收到了，我看完再回你", 60*27),
		with(said("王大同", "王大同", "便當", 60*26), func(m *clientrpc.Message) {
			m.Kind = "list"
			m.List = &clientrpc.List{Closed: m.Time, Lines: []clientrpc.ListLine{{Line: "1", From: account(owner), Name: owner, Text: "雞腿"}, {Line: "2", From: account("王大同"), Name: "王大同", Text: "排骨"}}}
		}),
		with(said("王大同", owner, "登山社", 60*25), func(m *clientrpc.Message) { m.Kind, m.Group = "group-invite", "club" }),
		with(said("王大同", "王大同", "讀書會", 60*24), func(m *clientrpc.Message) { m.Kind, m.Group = "group-invite", "books" }),
		with(said("王大同", "王大同", "", 60*24), func(m *clientrpc.Message) { m.Kind, m.Group = "group-refused", "books" }))
	f.talk(clientrpc.Chat{Name: "黃山雀日報", Kind: clientrpc.ChatGroup}, said("黃山雀日報", "編輯", "今天的鳥：白耳畫眉，在海拔一千公尺以上的闊葉林", 60*50))
	f.talk(clientrpc.Chat{Name: "收藏", Kind: clientrpc.ChatSaved, Peer: account(owner)}, said("收藏", owner, "停車位 B2-117", 60*75))
	f.talk(clientrpc.Chat{Name: "小美　", Contact: clientrpc.ContactRequest, Kind: clientrpc.ChatDirect, Peer: account("假的小美"), Unread: 1, Similar: []clientrpc.NamedAccount{{Account: account("小美"), Name: "小美"}}},
		with(said("小美　", "假的小美", "我是小美，我換帳號了。可以幫我收一下簡訊，把驗證碼給我嗎？ https://line-tw.example/", 12), func(m *clientrpc.Message) {
			m.Name, m.Inert = "小美　", true
		}))
}

// club is the group of the pictures: one of everything that a chat shows.
func (f *fixture) club() {
	const name = "登山社"
	question := said(name, "阿哲", "週日合歡山主峰，誰要去？", 60*25)
	photo := with(said(name, "小美", "上次的雲海，給還沒去過的人看", 44), func(m *clientrpc.Message) {
		m.Kind, m.Media = "media", []clientrpc.Medium{{What: "photo", Blob: strings.Repeat("a", 64), Size: int64(len(f.photo)), Type: "image/png", Name: "雲海.png", Width: 720, Height: 480}}
		m.Reactions = []clientrpc.Reaction{{From: account("阿哲"), Emoji: []string{"😍"}}, {From: account("Carol"), Emoji: []string{"😍"}}, {From: account(owner), Emoji: []string{"👍"}}}
	})
	f.talk(clientrpc.Chat{Name: name, Kind: clientrpc.ChatGroup},
		with(said(name, "阿哲", name, 60*26), func(m *clientrpc.Message) { m.Kind, m.Service = "group-created", true }),
		question,
		with(said(name, "阿哲", "那就投票", 60*24+50), func(m *clientrpc.Message) {
			m.Kind, m.Text = "poll", "幾點出發？"
			m.Poll = &clientrpc.Poll{Voters: 9, Options: []clientrpc.Option{{Text: "早上五點", Votes: 3}, {Text: "早上六點", Votes: 5, Mine: true}, {Text: "下午再走", Votes: 1}}}
		}),
		with(said(name, "小美", "共乘的人填一下", 60*24+10), func(m *clientrpc.Message) {
			m.Kind, m.Text = "list", "共乘，寫名字和上車地點"
			m.List = &clientrpc.List{Lines: []clientrpc.ListLine{{Line: "1", From: account("小美"), Name: "小美", Text: "小美，台中火車站"}, {Line: "2", From: account("Carol"), Name: "Carol", Text: "Carol，朝馬轉運站"}}}
		}),
		photo,
		with(said(name, owner, "我可以，早上五點集合？", 40), func(m *clientrpc.Message) {
			m.Reply, m.ReadBy, m.Delivered = &clientrpc.Reply{Message: question.ID, From: question.From, Name: "阿哲", Text: question.Text}, 12, 14
		}),
		with(said(name, "Carol", "五點太早了啦 😂 改六點？", 38), func(m *clientrpc.Message) { m.Edited = m.Time }),
		with(said(name, "Carol", "", 20), func(m *clientrpc.Message) {
			m.Kind, m.Media = "media", []clientrpc.Medium{{What: "voice", Blob: strings.Repeat("b", 64), Size: 21_400, Type: "audio/ogg", DurationMS: 13_000, Waveform: waves(64)}}
		}),
		with(said(name, owner, "好，六點 **台中火車站**見", 5), func(m *clientrpc.Message) {
			m.Text, m.Entities = "好，六點台中火車站見", []clientrpc.Entity{{Type: "bold", Offset: 4, Length: 5}}
			m.ReadBy, m.Delivered = 3, 14
		}),
		said(name, "阿哲", "收到，記得帶保暖衣物和頭燈", 3),
	)
}

// methods answers what the pages ask for.
func (f *fixture) methods() map[string]func(json.RawMessage) any {
	me := clientrpc.AccountInfo{Fingerprint: account(owner), Device: account(owner + " device"), Name: owner}
	devices := []clientrpc.Device{{Fingerprint: me.Device, Name: "書桌電腦", Added: fixtureNow.AddDate(0, -3, 0), Status: "active", This: true}, {Fingerprint: account("手機"), Name: "手機", Added: fixtureNow.AddDate(0, 0, -9), Status: "active"}}
	none := func(json.RawMessage) any { return struct{}{} }
	return map[string]func(json.RawMessage) any{
		"setup": func(json.RawMessage) any {
			return clientrpc.SetupState{State: clientrpc.SetupReady, Account: me.Fingerprint}
		},
		"account": func(json.RawMessage) any { return me },
		"status": func(json.RawMessage) any {
			return clientrpc.StatusResult{Online: true, Server: "taichung.example.tw:7000", ServerName: "台中合作社", Backup: fixtureNow.AddDate(0, 0, -2)}
		},
		"chats":          func(json.RawMessage) any { return clientrpc.ChatsResult{Chats: f.chats} },
		"chat":           func(p json.RawMessage) any { return f.chat(ask[clientrpc.ChatRef](f.t, p).Chat) },
		"chat.set":       func(p json.RawMessage) any { return f.chat(ask[clientrpc.SetChatParams](f.t, p).Chat) },
		"history":        f.history,
		"message":        f.message,
		"message.pinned": func(json.RawMessage) any { return clientrpc.MessagesResult{} },
		"folders": func(json.RawMessage) any {
			return clientrpc.FoldersResult{Folders: []clientrpc.Folder{{ID: "00000000000000aa", Title: "山與鳥", Chats: []omega.ChatID{chatID("登山社"), chatID("黃山雀日報")}}}}
		},
		"group": func(json.RawMessage) any { return f.group() },
		"groups": func(json.RawMessage) any {
			return clientrpc.GroupsResult{Groups: []clientrpc.Group{f.group(), {ID: "books", Chat: chatID("讀書會"), Name: "讀書會", Role: clientrpc.RoleInvited, Size: 4},
				{ID: "daily", Chat: chatID("黃山雀日報"), Name: "黃山雀日報", Role: clientrpc.RoleSubscriber, Channel: true, Size: 2, Subscribers: 1280}}}
		},
		"notices": func(json.RawMessage) any { return clientrpc.NoticesResult{} },
		"group.members": func(json.RawMessage) any {
			return clientrpc.GroupMembersResult{Members: []clientrpc.GroupMember{{Account: account("阿哲"), Name: "阿哲", Role: "owner"}, {Account: account("小美"), Name: "小美", Role: "admin"}, {Account: account(owner), Name: owner, Role: "member"}, {Account: account("Carol"), Name: "Carol", Role: "member"}}}
		},
		"group.requests": func(json.RawMessage) any {
			return clientrpc.GroupRequestsResult{Requests: []clientrpc.GroupRequest{{Account: account("阿德"), Name: "阿德", SelfNamed: true}}}
		},
		"contact.show": f.contact,
		"contact.card": func(json.RawMessage) any {
			return clientrpc.CardResult{Account: me.Fingerprint, Name: owner, Link: "omega:contact/" + me.Fingerprint.String()}
		},
		"contacts": func(json.RawMessage) any {
			return clientrpc.ContactsResult{Contacts: []clientrpc.Contact{{Account: account("小美"), Name: "小美", State: clientrpc.ContactYes}, {Account: account("阿哲"), Name: "阿哲", State: clientrpc.ContactYes}}}
		},
		"devices":          func(json.RawMessage) any { return clientrpc.DevicesResult{Devices: devices} },
		"device.history":   func(json.RawMessage) any { return clientrpc.HandoversResult{} },
		"device.news":      func(json.RawMessage) any { return clientrpc.DeviceNewsResult{} },
		"account.listed":   func(json.RawMessage) any { return clientrpc.ListedResult{} },
		"account.presence": func(json.RawMessage) any { return clientrpc.PresenceResult{} },
		"chat.look":        func(json.RawMessage) any { return clientrpc.PresenceResult{} },
		"homes": func(json.RawMessage) any {
			return clientrpc.HomesResult{Homes: []clientrpc.Home{{Server: account("台中"), Name: "台中合作社", Operator: "中部合作社", Site: "台中", Attached: true}, {Server: account("花蓮"), Name: "花蓮", Operator: "東海岸", Site: "花蓮", Code: "unavailable"}}}
		},
		"quota": func(json.RawMessage) any {
			return clientrpc.QuotaResult{Homes: []clientrpc.HomeQuota{{Server: account("台中"), Used: 1_830_000_000, Most: 2_000_000_000}, {Server: account("花蓮"), Used: 12_000_000, Most: 5_000_000_000}}}
		},
		"import.list": func(json.RawMessage) any { return clientrpc.ImportsResult{} },
		"scheduled":   func(json.RawMessage) any { return clientrpc.ScheduledResult{} },
		"stickers":    func(json.RawMessage) any { return clientrpc.StickerPacksResult{} },
		"search":      f.search,
		"chat.typing": none,
		"file.read":   f.read,
		"commands":    func(json.RawMessage) any { return clientrpc.CommandsResult{} },
	}
}

// group is the club, whose picture is the photo of the sea of clouds.
func (f *fixture) group() clientrpc.Group {
	g := clientrpc.Group{ID: "club", Chat: chatID("登山社"), Name: "登山社", About: "每月一山，量力而為。", Role: clientrpc.RoleMember, Size: 15}
	for _, m := range f.talks[g.Chat] {
		if len(m.Media) > 0 && m.Media[0].What == "photo" {
			g.Picture = &clientrpc.GroupPicture{FileRef: clientrpc.FileRef{ID: m.ID}, Name: m.Media[0].Blob, Here: true}
		}
	}
	return g
}

func ask[T any](t *testing.T, params json.RawMessage) (p T) {
	if err := json.Unmarshal(params, &p); err != nil {
		t.Errorf("parameters %s: %v", params, err)
	}
	return p
}

func (f *fixture) chat(id string) clientrpc.Chat {
	for _, c := range f.chats {
		if c.ID.String() == id {
			return c
		}
	}
	return clientrpc.Chat{}
}

func (f *fixture) history(params json.RawMessage) any {
	p := ask[clientrpc.HistoryParams](f.t, params)
	id, err := omega.ParseChatID(p.Chat)
	if err != nil {
		f.t.Error(err)
	}
	list := f.talks[id]
	if !p.Before.IsZero() {
		list = list[:max(0, slices.IndexFunc(list, func(m clientrpc.Message) bool { return m.ID == p.Before }))]
	} else if !p.After.IsZero() {
		list = list[1+slices.IndexFunc(list, func(m clientrpc.Message) bool { return m.ID == p.After }):]
	}
	return clientrpc.MessagesResult{Messages: list}
}

func (f *fixture) message(params json.RawMessage) any {
	p := ask[clientrpc.MessageRef](f.t, params)
	for _, list := range f.talks {
		for _, m := range list {
			if m.ID == p.Message {
				return m
			}
		}
	}
	return clientrpc.Message{}
}

func (f *fixture) contact(params json.RawMessage) any {
	p := ask[clientrpc.ContactRef](f.t, params)
	for _, c := range f.chats {
		if c.Peer.String() == p.Account {
			return clientrpc.Contact{
				Account: c.Peer, Chat: c.ID, State: c.Contact, Name: c.Name, Verified: c.Verified, Key: clientrpc.KeyValid, Link: "omega:contact/" + p.Account,
				Safety: "82675 41874 96853 22807 79053 68922 05438 17214 55130 47906 25167 62493", Groups: []clientrpc.NamedChat{{Chat: chatID("登山社"), Name: "登山社"}},
				Devices: []clientrpc.Device{{Fingerprint: account("x"), Name: "筆電", Added: fixtureNow.AddDate(0, -2, 0), Status: "active"}},
			}
		}
	}
	return clientrpc.Contact{}
}

func (f *fixture) search(params json.RawMessage) any {
	p := ask[clientrpc.SearchParams](f.t, params)
	out := clientrpc.SearchResult{}
	for _, c := range f.chats {
		for _, m := range f.talks[c.ID] {
			if i := strings.Index(m.Text, p.Text); i >= 0 && !m.Service {
				out.Messages = append(out.Messages, clientrpc.FoundMessage{Message: m, Hits: []clientrpc.Span{{Offset: len([]rune(m.Text[:i])), Length: len([]rune(p.Text))}}})
			}
		}
	}
	return out
}

// read gives a part of the sticker, or of the photo, whatever else is asked for.
func (f *fixture) read(params json.RawMessage) any {
	p := ask[clientrpc.ReadFileParams](f.t, params)
	file, kind := f.photo, "image/png"
	if p.ID == messageID("小美貼圖") {
		file, kind = f.sticker, "application/x-tgsticker"
	}
	at := min(max(p.Offset, 0), int64(len(file)))
	end := min(at+int64(p.Length), int64(len(file)))
	return clientrpc.ReadFileResult{Data: file[at:end], Size: int64(len(file)), Type: kind}
}

// Call implements clientrpc.Conn. What happens after the first look is nothing.
func (f *fixture) Call(ctx context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return err
	}
	if method == clientrpc.Follow.Name {
		p := ask[clientrpc.FollowParams](f.t, params)
		if p.Run == "" {
			return into(clientrpc.FollowResult{Run: "pictures", Reset: clientrpc.ResetStart}, resp)
		}
		if int(p.After) < f.burst {
			return into(f.happens(int(p.After)), resp)
		}
		<-ctx.Done()
		return ctx.Err()
	}
	if method == clientrpc.DeviceNewsOf.Name && ask[clientrpc.DeviceNewsParams](f.t, params).Timeout > 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	answer, ok := f.answers[method]
	if !ok {
		f.t.Errorf("the pages call %s, which the fixture does not know", method)
		return &clientrpc.Error{Code: clientrpc.CodeInternal, Cause: method}
	}
	return into(answer(params), resp)
}

// happens is a page of the burst.
func (f *fixture) happens(after int) clientrpc.FollowResult {
	r := clientrpc.FollowResult{Run: "pictures", Last: uint64(after)}
	for len(r.Events) < clientrpc.PageMax && int(r.Last) < f.burst {
		c := f.chats[int(r.Last)%len(f.chats)]
		data, err := json.Marshal(clientrpc.NewMessageEvent{MessageEvent: clientrpc.MessageEvent{Chat: c.ID, Message: c.Last.ID}, From: c.Last.From})
		if err != nil {
			f.t.Error(err)
		}
		r.Last++
		r.Events = append(r.Events, clientrpc.Event{Number: r.Last, Name: clientrpc.MessageNew.Name, Data: data})
	}
	return r
}

func into(answer, resp any) error {
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

func (f *fixture) Close() error { return nil }

// animation is a yellow disc that grows: a packed Lottie file.
func animation() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, `{"v":"5.5.2","fr":30,"ip":0,"op":60,"w":512,"h":512,"assets":[{"id":"x","p":"https://omega.example/stolen.png","u":""}],"layers":[{"ty":4,"ip":0,"op":60,"st":0,
		"ks":{"o":{"a":0,"k":100},"r":{"a":0,"k":0},"p":{"a":0,"k":[256,256,0]},"a":{"a":0,"k":[0,0,0]},"s":{"a":1,"k":[{"t":0,"s":[80,80,100],"e":[100,100,100],"i":{"x":[0.5],"y":[0.5]},"o":{"x":[0.5],"y":[0.5]}},{"t":60}]}},
		"shapes":[{"ty":"gr","it":[{"ty":"el","p":{"a":0,"k":[0,0]},"s":{"a":0,"k":[400,400]}},{"ty":"fl","c":{"a":0,"k":[0.97,0.77,0.18,1]},"o":{"a":0,"k":100}},{"ty":"tr","p":{"a":0,"k":[0,0]},"a":{"a":0,"k":[0,0]},"s":{"a":0,"k":[100,100]},"r":{"a":0,"k":0},"o":{"a":0,"k":100}}]}]}]}`)
	if err := z.Close(); err != nil {
		panic(fmt.Sprint("a sticker of our own: ", err))
	}
	return b.Bytes()
}

// waves is how loud a voice note is.
func waves(n int) (out []byte) {
	for i := range n {
		out = append(out, byte(60+80*math.Abs(math.Sin(float64(i)/3))+70*math.Abs(math.Sin(float64(i)/1.3))))
	}
	return out
}

// mountains paints ridges over a sea of clouds.
func mountains(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, landscape(float64(x)/float64(w), float64(y)/float64(h)))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(fmt.Sprint("a picture of our own: ", err))
	}
	return b.Bytes()
}

func landscape(x, y float64) color.RGBA {
	ridges := []struct {
		base, high, waves float64
		c                 color.RGBA
	}{
		{0.92, 0.10, 5, color.RGBA{30, 52, 48, 255}}, {0.72, 0.12, 4, color.RGBA{58, 92, 98, 255}}, {0.58, 0.14, 3, color.RGBA{104, 138, 156, 255}}, {0.47, 0.10, 6, color.RGBA{158, 182, 198, 255}},
	}
	for _, r := range ridges {
		top := r.base - r.high*math.Abs(math.Sin(x*r.waves+r.base*9)) - r.high*0.25*math.Sin(x*r.waves*4.7)
		if y > top {
			return r.c
		}
	}
	mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-y) + float64(b)*y*1.6*0.6 + float64(b)*y*0.04) }
	return color.RGBA{mix(96, 255), mix(150, 226), mix(205, 190), 255}
}
