package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A fakeCore answers what the prompt asks, and notes what it confirms.
type fakeCore struct {
	mu        sync.Mutex
	messages  map[omega.ID]clientrpc.Message
	chats     []clientrpc.Chat
	events    []clientrpc.Event
	confirmed []omega.ID
	told      chan omega.ID
}

func (f *fakeCore) Close() error { return nil }

func (f *fakeCore) Call(ctx context.Context, method string, req, resp any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out any
	switch p := req.(type) {
	case clientrpc.FollowParams:
		switch {
		case p.Run == "":
			out = clientrpc.FollowResult{Run: "run", Reset: clientrpc.ResetStart}
		case int(p.After) < len(f.events):
			out = clientrpc.FollowResult{Run: "run", Last: uint64(len(f.events)), Events: f.events[p.After:]}
		default:
			return errors.New("over")
		}
	case clientrpc.Page:
		out = clientrpc.ChatsResult{Chats: f.chats}
	case clientrpc.HistoryParams:
		var r clientrpc.MessagesResult
		for _, m := range f.messages {
			if m.Chat.String() == p.Chat {
				r.Messages = append(r.Messages, m)
			}
		}
		slices.SortFunc(r.Messages, func(a, b clientrpc.Message) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		r.Messages = r.Messages[max(0, len(r.Messages)-p.Count):]
		out = r
	case clientrpc.MessageRef:
		m, ok := f.messages[p.Message]
		if !ok {
			return errors.New("gone")
		}
		out = m
	case clientrpc.ConfirmParams:
		f.confirmed = append(f.confirmed, p.IDs...)
		for _, id := range p.IDs {
			f.told <- id
		}
		return nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

// TestOnlyWhatIsShownIsRead: the prompt shows what waits and what comes, and marks as read
// what it has words for and has drawn of the chat that it is in; the rest is left to the
// other faces.
func TestOnlyWhatIsShownIsRead(t *testing.T) {
	from, err := omega.FingerprintV4(bytes.Repeat([]byte{0x22}, 20))
	if err != nil {
		t.Fatal(err)
	}
	me, err := omega.FingerprintV4(bytes.Repeat([]byte{0x11}, 20))
	if err != nil {
		t.Fatal(err)
	}
	here, there := omega.DirectChat(me, from), omega.ChatID{2}
	f := &fakeCore{messages: map[omega.ID]clientrpc.Message{}, told: make(chan omega.ID, 10)}
	put := func(n byte, chat omega.ChatID, text, state string) {
		f.messages[omega.ID{n}] = clientrpc.Message{ID: omega.ID{n}, Chat: chat, From: from, Name: "小美", Kind: "text", Text: text, State: state, Verified: true}
	}
	put(1, here, "讀過的", "")
	put(2, here, "還沒讀", "")
	put(3, here, "我自己的", clientrpc.StateStored)
	f.chats = []clientrpc.Chat{{ID: here, Unread: 2}, {ID: there}}
	put(4, there, "剛來的", "")
	put(5, there, "", "") // a picture
	put(6, there, "沒看到", "")
	for _, e := range []struct {
		n   byte
		own bool
	}{{2, false}, {4, false}, {5, false}, {3, true}, {9, false}} {
		data, err := json.Marshal(clientrpc.NewMessageEvent{MessageEvent: clientrpc.MessageEvent{Chat: there, Message: omega.ID{e.n}}, Own: e.own})
		if err != nil {
			t.Fatal(err)
		}
		f.events = append(f.events, clientrpc.Event{Number: uint64(len(f.events) + 1), Name: clientrpc.MessageNew.Name, Data: data})
	}

	var out bytes.Buffer
	c := &conversation{t: &trial{lang: i18n.Chinese, out: &screen{w: &out}, me: &person{fp: me}, echo: &person{fp: from}}, mail: make(chan clientrpc.Message), shown: make(chan omega.ID, 64)}
	ctx, cancel := context.WithCancel(t.Context())
	defer c.wg.Wait()
	defer cancel()
	over := make(chan struct{})
	c.wg.Go(func() { defer close(over); c.receive(ctx, f) })
	c.wg.Go(func() { c.read(ctx, f, c.shown) })
	for open := true; open; {
		select {
		case m := <-c.mail:
			if m.ID != (omega.ID{6}) {
				c.show(m)
			}
		case <-over:
			open = false
		}
	}
	<-f.told
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := []omega.ID{{2}}; !slices.Equal(f.confirmed, want) {
		t.Errorf("read: %v, want %v", f.confirmed, want)
	}
	said := out.String()
	if strings.Count(said, "還沒讀") != 1 || !strings.Contains(said, "（群組）> ") || !strings.Contains(said, "剛來的") || !strings.Contains(said, "文字以外") || strings.Contains(said, "我自己的") {
		t.Errorf("shown:\n%s", said)
	}
}

// TestShownWhole: what is not drawn whole, or not drawn at all, is not said to be read, and
// the prompt says that there is more.
func TestShownWhole(t *testing.T) {
	c := &conversation{t: &trial{lang: i18n.Chinese, out: &screen{}, me: &person{}, echo: &person{}}}
	for _, row := range []struct {
		name string
		m    clientrpc.Message
		want bool
	}{
		{"a text", clientrpc.Message{Kind: "text", Text: "早"}, true},
		{"another text for one", clientrpc.Message{Kind: "edit", Text: "早安"}, true},
		{"a note of the program", clientrpc.Message{Kind: clientrpc.DeviceAdded, Service: true}, true},
		{"a poll", clientrpc.Message{Kind: "poll", Text: "哪天？", Poll: &clientrpc.Poll{Options: []clientrpc.Option{{Text: "六"}}}}, false},
		{"a list", clientrpc.Message{Kind: "list", Text: "便當", List: &clientrpc.List{}}, false},
		{"a photo with words", clientrpc.Message{Kind: "media", Text: "合照", Media: []clientrpc.Medium{{What: "photo"}}}, false},
		{"a text with a photo", clientrpc.Message{Kind: "text", Text: "合照", Media: []clientrpc.Medium{{What: "photo"}}}, false},
		{"a vote", clientrpc.Message{Kind: "vote", Chosen: []string{"六"}}, false},
		{"an invitation", clientrpc.Message{Kind: "group-invite", Text: "登山社"}, false},
		{"nothing that can be seen", clientrpc.Message{Kind: "text", Text: "\u200b\u3164"}, false},
	} {
		if got := isShown(&row.m); got != row.want {
			t.Errorf("%s: shown whole: %v", row.name, got)
		}
		if row.m.Service {
			continue
		}
		said := c.said(&row.m)
		if more := strings.Contains(said, c.t.text("try.elsewhere")); more == row.want {
			t.Errorf("%s: %q", row.name, said)
		}
		if invites := strings.Contains(said, "邀請你加入群組「登山社」"); invites != (row.m.Kind == "group-invite") {
			t.Errorf("%s: said to be an invitation: %v, in %q", row.name, invites, said)
		}
		if !strings.Contains(said, row.m.Text) && !strings.HasPrefix(row.name, "nothing") {
			t.Errorf("%s: its text is not in %q", row.name, said)
		}
	}
}
