package tui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// errParked ends a call for events when there are none.
var errParked = errors.New("no events yet")

// A fake is a core with chats and messages in memory. It answers as a core does:
// pages, events with numbers, errors.
type fake struct {
	mu      sync.Mutex
	me      clientrpc.AccountInfo
	setup   string
	online  bool
	chats   []clientrpc.Chat
	history map[omega.ChatID][]clientrpc.Message
	events  []clientrpc.Event
	calls   []string          // names, in order
	last    map[string][]byte // parameters of the last call of each
	serve   map[string]func(params []byte) (any, error)
}

// fingerprint makes one of a digit.
func fingerprint(n int) omega.Fingerprint {
	f, err := omega.ParseFingerprint(strings.Repeat(fmt.Sprintf("%02X", n), 20))
	if err != nil {
		panic(err)
	}
	return f
}

func id(n int) (out omega.ID) {
	copy(out[:], fmt.Sprintf("%016d", n))
	return out
}

func chatID(n int) (out omega.ChatID) {
	copy(out[:], fmt.Sprintf("%016d", n))
	return out
}

// noon is the time of the tests: a Saturday.
var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.Local)

func newFake() *fake {
	return &fake{
		me: clientrpc.AccountInfo{Fingerprint: fingerprint(1), Device: fingerprint(2), Name: "王小明"}, setup: clientrpc.SetupReady, online: true,
		history: map[omega.ChatID][]clientrpc.Message{}, last: map[string][]byte{}, serve: map[string]func([]byte) (any, error){},
	}
}

func (f *fake) Close() error { return nil }

// Call implements clientrpc.Conn.
func (f *fake) Call(_ context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.calls = append(f.calls, method)
	f.last[method] = params
	f.mu.Unlock()
	out, err := f.answer(method, params)
	if err != nil || resp == nil {
		return err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

func notFound() error {
	return &clientrpc.Error{Code: clientrpc.CodeNotFound, Doing: i18n.T("doing.reading"), Why: i18n.T("why.notknown")}
}

func (f *fake) answer(method string, params []byte) (any, error) {
	if serve, ok := f.serve[method]; ok {
		return serve(params)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch method {
	case clientrpc.Setup.Name:
		return &clientrpc.SetupState{State: f.setup, Home: "/home/me/.omega", Servers: []string{"127.0.0.1:7000"}}, nil
	case clientrpc.Account.Name:
		return f.me, nil
	case clientrpc.Status.Name:
		return clientrpc.StatusResult{Online: f.online, Server: "127.0.0.1:7000#AB", ServerName: "玉山", Proxy: fingerprint(0x21)}, nil
	case clientrpc.Chats.Name:
		return f.chatPage(params)
	case clientrpc.Folders.Name:
		return clientrpc.FoldersResult{}, nil
	case clientrpc.OneChat.Name:
		var p clientrpc.ChatRef
		json.Unmarshal(params, &p)
		for _, c := range f.chats {
			if c.ID.String() == p.Chat {
				return c, nil
			}
		}
		return nil, notFound()
	case clientrpc.History.Name:
		return f.page(params)
	case clientrpc.Show.Name:
		return f.show(params)
	case clientrpc.Follow.Name:
		return f.follow(params)
	case clientrpc.Send.Name:
		return f.send(params)
	case clientrpc.Pinned.Name:
		return clientrpc.MessagesResult{}, nil
	case clientrpc.ShowGroup.Name:
		return clientrpc.Group{Chat: inGroup, Size: 5, Role: clientrpc.RoleAdmin}, nil
	case clientrpc.Mentions.Name:
		return clientrpc.MessagesResult{Messages: f.history[inGroup][4:]}, nil
	case clientrpc.SetupServers.Name:
		return clientrpc.SetupServersResult{Servers: []clientrpc.SetupServer{
			{Address: "a.example:7000", Fingerprint: fingerprint(0x21), Name: "玉山", Took: 12 * time.Millisecond, Site: "台北"},
			{Address: "b.example:7000", Fingerprint: fingerprint(0x22), Name: "雪山", Took: 40 * time.Millisecond, Users: 7},
			{Address: "c.example:7000", Fingerprint: fingerprint(0x23), Name: "合歡", Problem: &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.connect", "c"), Why: i18n.T("why.notknown")}},
		}}, nil
	case clientrpc.Homes.Name:
		return clientrpc.HomesResult{Homes: []clientrpc.Home{{Server: fingerprint(0x21), Attached: true}, {Server: fingerprint(0x29), Former: true}}}, nil
	case clientrpc.Card.Name:
		return clientrpc.CardResult{Account: f.me.Fingerprint, Name: f.me.Name, Link: "omega:contact/" + f.me.Fingerprint.String()}, nil
	case clientrpc.Look.Name:
		return clientrpc.PresenceResult{}, nil
	}
	return struct{}{}, nil
}

func (f *fake) chatPage(params []byte) (any, error) {
	var p clientrpc.Page
	json.Unmarshal(params, &p)
	from := 0
	fmt.Sscan(p.Next, &from)
	to := min(len(f.chats), from+p.Count)
	r := clientrpc.ChatsResult{Chats: f.chats[from:to]}
	if to < len(f.chats) {
		r.Next = fmt.Sprint(to)
	}
	return r, nil
}

func (f *fake) page(params []byte) (any, error) {
	var p clientrpc.HistoryParams
	json.Unmarshal(params, &p)
	chat, err := omega.ParseChatID(p.Chat)
	all := f.history[chat]
	if err != nil || len(all) == 0 {
		return nil, notFound()
	}
	at := func(id omega.ID) int {
		return slices.IndexFunc(all, func(m clientrpc.Message) bool { return m.ID == id })
	}
	from, to := len(all)-p.Count, len(all)
	switch {
	case !p.After.IsZero():
		from = at(p.After) + 1
		to = from + p.Count
	case !p.At.IsZero():
		from = slices.IndexFunc(all, func(m clientrpc.Message) bool { return !m.Time.Before(p.At) })
		if from < 0 {
			from = len(all)
		}
		to = from + p.Count
	case !p.Before.IsZero():
		to = at(p.Before)
		from = to - p.Count
	}
	return clientrpc.MessagesResult{Messages: all[max(0, from):min(len(all), max(0, to))]}, nil
}

func (f *fake) show(params []byte) (any, error) {
	var p clientrpc.MessageRef
	json.Unmarshal(params, &p)
	for _, all := range f.history {
		for _, m := range all {
			if m.ID == p.Message {
				return m, nil
			}
		}
	}
	return nil, notFound()
}

func (f *fake) follow(params []byte) (any, error) {
	var p clientrpc.FollowParams
	json.Unmarshal(params, &p)
	if p.Run != "run" {
		return clientrpc.FollowResult{Run: "run", Last: uint64(len(f.events)), Reset: clientrpc.ResetStart}, nil
	}
	if int(p.After) == len(f.events) {
		return nil, errParked
	}
	return clientrpc.FollowResult{Run: "run", Last: uint64(len(f.events)), Events: f.events[p.After:]}, nil
}

// send keeps a message as the core would, and says so.
func (f *fake) send(params []byte) (any, error) {
	var p clientrpc.SendParams
	json.Unmarshal(params, &p)
	for i, c := range f.chats {
		if to, secure := addressee(&c); to == p.To && secure == p.Secure {
			m := clientrpc.Message{ID: p.ID, Chat: c.ID, From: f.me.Fingerprint, Name: f.me.Name, Time: noon, Kind: "text", Text: p.Text, State: clientrpc.StateStored, Sequence: 9, Secure: c.Secure, Verified: true}
			f.history[c.ID] = append(f.history[c.ID], m)
			f.chats[i].Last = &m
			f.event(clientrpc.MessageNew.Name, clientrpc.NewMessageEvent{MessageEvent: clientrpc.MessageEvent{Chat: c.ID, Message: p.ID}, Own: true})
			return clientrpc.SendResult{ID: p.ID, Chat: c.ID, State: clientrpc.StateStored}, nil
		}
	}
	return nil, notFound()
}

// event adds one; the caller has mu.
func (f *fake) event(name string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	f.events = append(f.events, clientrpc.Event{Number: uint64(len(f.events) + 1), Name: name, Data: b})
}

// come has a message arrive.
func (f *fake) come(m clientrpc.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history[m.Chat] = append(f.history[m.Chat], m)
	for i := range f.chats {
		if f.chats[i].ID == m.Chat {
			f.chats[i].Last = &m
			f.chats[i].Unread++
		}
	}
	f.event(clientrpc.MessageNew.Name, clientrpc.NewMessageEvent{MessageEvent: clientrpc.MessageEvent{Chat: m.Chat, Message: m.ID}, From: m.From, Notify: true})
}

// count is how often a method was called.
func (f *fake) count(method string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == method {
			n++
		}
	}
	return n
}

// A driver does what the program does: it runs effects, and gives what comes of them
// to the model, one after the other.
type driver struct {
	t      testing.TB
	m      *Model
	core   clientrpc.Conn
	parked bool
	quit   bool
	raw    []string // what was written past the screen
	copied string
	held   bool // effects wait
	queue  []effect
}

type effectMsg struct{ e effect }

// release runs the effects that waited.
func (d *driver) release() {
	d.t.Helper()
	queue := d.queue
	d.queue = nil
	for _, e := range queue {
		d.run(e)
	}
}

func newDriver(t testing.TB, core clientrpc.Conn, w, h int, opts Options) *driver {
	t.Helper()
	d := &driver{t: t, core: core}
	opts.Mouse = true
	if opts.Images == "" {
		opts.Images = byBlocks
	}
	if opts.Theme == "" {
		opts.Theme = "dark"
	}
	d.m = newModel(func(e effect) tea.Cmd { return func() tea.Msg { return effectMsg{e} } }, opts, func() time.Time { return noon })
	d.m.after = func(time.Duration, tea.Msg) tea.Cmd { return nil }
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	d.do(d.m.Init())
	return d
}

func (d *driver) send(msg tea.Msg) {
	_, cmd := d.m.Update(msg)
	d.do(cmd)
}

// do runs a command and everything that follows from it.
func (d *driver) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		d.quit = true
	case tea.RawMsg:
		d.raw = append(d.raw, fmt.Sprint(msg.Msg))
	case effectMsg:
		if d.held {
			d.queue = append(d.queue, msg.e)
			return
		}
		d.run(msg.e)
	default:
		v := reflect.ValueOf(msg)
		if v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd]() {
			for i := range v.Len() {
				d.do(v.Index(i).Interface().(tea.Cmd))
			}
			return
		}
		if v.Kind() == reflect.String && strings.Contains(v.Type().String(), "Clipboard") {
			d.copied = v.String()
			return
		}
		d.send(msg)
	}
}

func (d *driver) run(e effect) {
	switch msg := e(context.Background(), d.core).(type) {
	case nil:
	case followedMsg:
		if errors.Is(msg.err, errParked) {
			d.parked = true
			return
		}
		d.send(msg)
	default:
		d.send(msg)
	}
}

// pump lets the model hear of events.
func (d *driver) pump() {
	if d.parked {
		d.parked = false
		d.do(d.m.run(follow(d.m.events)))
	}
}

// keys are the keys that have a name.
var keys = map[string]tea.Key{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace}, "delete": {Code: tea.KeyDelete}, "f1": {Code: tea.KeyF1}, "f2": {Code: tea.KeyF2},
}

// press presses keys: names, with ctrl+ and alt+ before them, or characters.
func (d *driver) press(names ...string) {
	d.t.Helper()
	for _, name := range names {
		k, rest := tea.Key{}, name
		for {
			if after, ok := strings.CutPrefix(rest, "ctrl+"); ok {
				k.Mod, rest = k.Mod|tea.ModCtrl, after
			} else if after, ok := strings.CutPrefix(rest, "alt+"); ok {
				k.Mod, rest = k.Mod|tea.ModAlt, after
			} else {
				break
			}
		}
		if named, ok := keys[rest]; ok {
			k.Code = named.Code
		} else {
			k.Code = []rune(rest)[0]
			if k.Mod == 0 {
				k.Text = rest
			}
		}
		d.send(tea.KeyPressMsg(k))
	}
}

// typing types a text as an input method gives it: characters, one by one.
func (d *driver) typing(text string) {
	for _, r := range text {
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// screen is what is shown, without colours. Every line has to be as wide as the
// screen.
func (d *driver) screen() string {
	d.t.Helper()
	lines := strings.Split(d.m.View().Content, "\n")
	if len(lines) != d.m.height {
		d.t.Errorf("%d lines on a screen of %d", len(lines), d.m.height)
	}
	for i, l := range lines {
		if w := d.m.metric.method().StringWidth(l); w != d.m.width {
			d.t.Errorf("line %d has %d columns of %d: %q", i, w, d.m.width, l)
		}
		lines[i] = strings.TrimRight(ansi.Strip(l), " ")
	}
	return strings.Join(lines, "\n")
}

func (d *driver) wants(text string) {
	d.t.Helper()
	if s := d.screen(); !strings.Contains(s, text) {
		d.t.Errorf("the screen does not show %q:\n%s", text, s)
	}
}

func (d *driver) wantsNot(text string) {
	d.t.Helper()
	if s := d.screen(); strings.Contains(s, text) {
		d.t.Errorf("the screen shows %q:\n%s", text, s)
	}
}

// cursor is where the cursor is; -1, -1: there is none.
func (d *driver) cursor() (x, y int) {
	c := d.m.View().Cursor
	if c == nil {
		return -1, -1
	}
	return c.X, c.Y
}
