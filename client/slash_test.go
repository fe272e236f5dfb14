package client

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/slash"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
)

// TestEveryCommandRuns: the registry and what is done are the same, and each
// command that says that it is done has the words for it.
func TestEveryCommandRuns(t *testing.T) {
	for _, cmd := range slash.Commands() {
		if runs[cmd.Name] == nil {
			t.Errorf("/%s does nothing", cmd.Name)
		}
		if key := "slash.usage." + cmd.Arg; cmd.Arg != slash.ArgNone && i18n.T(key).In(i18n.English) == key {
			t.Errorf("/%s: nobody says how it is used", cmd.Name)
		}
	}
	if len(runs) != len(slash.Commands()) {
		t.Errorf("%d commands, %d are in the registry", len(runs), len(slash.Commands()))
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
	}{
		{"8h", 8 * time.Hour}, {"1h30m", 90 * time.Minute}, {"2d", 48 * time.Hour}, {"8小時", 8 * time.Hour}, {"1小時30分鐘", 90 * time.Minute}, {"30分", 30 * time.Minute},
		{"", 0}, {"0s", 0}, {"8", 0}, {"h", 0}, {"-1h", 0}, {"99999999h", 0}, {"400d", 0}, {"8 h", 0}, {"8x", 0}, {"999999d999999d", 0},
	} {
		if d, ok := duration(tt.text); ok != (tt.want > 0) || ok && d != tt.want {
			t.Errorf("%q: %v, %v, want %v", tt.text, d, ok, tt.want)
		}
	}
}

// TestCommandsInAChat: commands do what their calls do, a call that is repeated does
// it once, and what is none is a text.
func TestCommandsInAChat(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	m, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "早安"})
	p.push(t, mails...)
	until(t, "here", func() bool { _, err := c.shown(m.ID); return err == nil })
	n := byte(0)
	run := func(text string, reply omega.ID) (*clientrpc.CommandResult, error) {
		n++
		return clientrpc.RunCommand.Call(t.Context(), c, clientrpc.RunCommandParams{ID: omega.ID{n}, Chat: s.id.String(), Text: text, Reply: reply, Delivery: clientrpc.Delivery{Wait: "none"}})
	}
	good := func(text string) *clientrpc.CommandResult {
		t.Helper()
		r, err := run(text, omega.ID{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return r
	}
	stands := func() clientrpc.Chat {
		t.Helper()
		r, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
		must(t, err)
		return r.Chats[0]
	}
	if r := good("／靜音 8小時"); r.Command != "mute" || r.Done.Key != "slash.done.mute" {
		t.Errorf("%+v", r)
	}
	if ch := stands(); time.Until(ch.Muted) < 7*time.Hour || time.Until(ch.Muted) > 9*time.Hour {
		t.Errorf("muted until %v", ch.Muted)
	}
	good("/unmute")
	good("/unread")
	if ch := stands(); !ch.Muted.IsZero() || !ch.Marked {
		t.Errorf("%+v", ch)
	}
	// About the last message, or the one that is answered.
	good("/react 推")
	if got, err := c.shown(m.ID); err != nil || len(got.Reactions) != 1 {
		t.Errorf("reactions: %+v, %v", got.Reactions, err)
	}
	first, second := good("first"), good("second")
	if first.Command != "" || first.Sent == nil || second.Sent == nil {
		t.Fatalf("texts: %+v, %+v", first, second)
	}
	good("/edit 第二")
	if got, err := c.shown(second.Sent.ID); err != nil || got.Text != "第二" {
		t.Errorf("edited: %q, %v", got.Text, err)
	}
	r := good("/recall")
	again, err := clientrpc.RunCommand.Call(t.Context(), c, clientrpc.RunCommandParams{ID: r.Sent.ID, Chat: s.id.String(), Text: "/recall", Delivery: clientrpc.Delivery{Wait: "none"}})
	if err != nil || again.Sent == nil || again.Sent.ID != r.Sent.ID {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	for id, gone := range map[omega.ID]bool{first.Sent.ID: false, second.Sent.ID: true} {
		if got, err := c.shown(id); err != nil || got.Deleted != gone {
			t.Errorf("taken back: %v, want %v, %v", got.Deleted, gone, err)
		}
	}
	poll := good("/投票 午餐吃什麼｜火鍋｜燒肉")
	if got, err := c.shown(poll.Sent.ID); err != nil || got.Poll == nil || len(got.Poll.Options) != 2 || got.Text != "午餐吃什麼" {
		t.Errorf("poll: %+v, %v", got, err)
	}
	list := good("/接龍 訂便當")
	good("/加 排骨")
	if got, err := c.shown(list.Sent.ID); err != nil || got.List == nil || len(got.List.Lines) != 1 {
		t.Errorf("list: %+v, %v", got.List, err)
	}
	me := good("/me 在路上")
	if got, err := c.shown(me.Sent.ID); err != nil || got.Text != c.acc.Name+" 在路上" || len(got.Entities) != 1 {
		t.Errorf("me: %+v, %v", got, err)
	}
	slashed := good("//mute is a command")
	if got, err := c.shown(slashed.Sent.ID); err != nil || got.Text != "/mute is a command" || len(got.Entities) != 1 || got.Entities[0].Type != "command" {
		t.Errorf("escaped: %+v, %v", got, err)
	}
	if r := good("/search 早安"); len(r.Messages) != 1 || r.Messages[0].ID != m.ID {
		t.Errorf("found: %+v", r.Messages)
	}
	if r := good("/at 8h 明天見"); r.Sent == nil || r.Sent.State != clientrpc.StateScheduled {
		t.Errorf("later: %+v", r.Sent)
	}
	if r := good("/help"); len(r.Commands) < 20 {
		t.Errorf("%d commands", len(r.Commands))
	}
	address, _, _ := strings.Cut(p.address, "#")
	if r := good("/伺服器"); r.Done.In(i18n.English) != "Connected to "+address {
		t.Errorf("server without a name: %+v", r.Done)
	}
	c.keepAnnouncements([][]byte{p.announcement(t, func(a *mesh.Announcement) { a.Name = "玉山" })})
	if r := good("/server"); r.Done.In(i18n.English) != "Connected to 玉山, whose address is "+address {
		t.Errorf("server: %+v", r.Done)
	}
	before := stands()
	for text, code := range map[string]string{
		"/nonsense": clientrpc.CodeUsage, "/leave": clientrpc.CodeUsage, "/mute soon": clientrpc.CodeUsage, "/edit": clientrpc.CodeUsage, "/top x": clientrpc.CodeUsage,
		"/poll only a question": clientrpc.CodeUsage, "/recall nonsense": clientrpc.CodeUsage, "/unpin": clientrpc.CodeNotFound, "/help nonsense": clientrpc.CodeUsage,
	} {
		_, err := run(text, omega.ID{})
		wantCode(t, text, err, code)
	}
	if after := stands(); after.Last.ID != before.Last.ID {
		t.Errorf("what was refused was sent: %q", after.Last.Text)
	}
	// Completion knows where they are of use.
	r2, err := clientrpc.Commands.Call(t.Context(), c, clientrpc.CommandsParams{Chat: s.id.String(), Typed: "、收"})
	if err != nil || len(r2.Commands) != 1 || r2.Commands[0].Name != "recall" || r2.Commands[0].Typed != "收回" {
		t.Errorf("%+v, %v", r2.Commands, err)
	}
	var all int
	must(t, clientrpc.Each(t.Context(), c, clientrpc.Commands, clientrpc.CommandsParams{Page: clientrpc.Page{Count: 7}}, func(r clientrpc.CommandsResult) error {
		all += len(r.Commands)
		return nil
	}))
	if all != len(slash.Commands()) {
		t.Errorf("%d of %d commands in parts", all, len(slash.Commands()))
	}
}

// TestUnmarked: where a command's argument is no text whose marks mean something, a mark that
// calls somebody is the name, or who is meant.
func TestUnmarked(t *testing.T) {
	who := fp(3).String()
	for _, row := range []struct {
		arg    string
		people bool
		want   string
	}{
		{"@[小明](" + who + ") 來嗎 | 來 | **不來**", false, "@小明 來嗎 | 來 | **不來**"},
		{"@[小明](" + who + ") " + fp(4).String(), true, who + " " + fp(4).String()},
		{"@[x](y) @[a]b(" + who + ")", false, "@[x](y) @[a]b(" + who + ")"},
	} {
		if got := unmarked(row.arg, row.people); got != row.want {
			t.Errorf("%q: %q, want %q", row.arg, got, row.want)
		}
	}
	for name := range marked {
		if runs[name] == nil {
			t.Errorf("/%s is none", name)
		}
	}
}

// TestCommandsInASecureChat: every command that is listed there does there what it does in
// a chat of two, and nothing of it gets into the normal chat of the same two.
func TestCommandsInASecureChat(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	first := ann.say(t, bob, "密語一", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "密語一")
	secret := ann.secureChat(bob.acc.Fingerprint)
	listed, err := clientrpc.Commands.Call(t.Context(), ann.Client, clientrpc.CommandsParams{Chat: secret.String(), Page: clientrpc.Page{Count: 100}})
	must(t, err)
	args := map[string]string{"me": "在", "silent": "悄悄話", "at": "8h 晚點", "expire": "1h 一會兒", "edit": "改過", "react": "👍", "search": "密語", "poll": "去嗎|去|不去", "jielong": "便當", "add": "排骨", "receipts": "off", "mute": "8h"}
	order := []string{"silent", "edit", "me", "expire", "at", "pin", "pins", "react", "search", "poll", "jielong", "add", "recall", "delete", "unpin"}
	var names []string
	for _, c := range listed.Commands {
		names = append(names, c.Name)
	}
	done := map[string]bool{}
	for _, name := range slices.Concat(order, names) { // what one is about is there once those of order were
		if !slices.Contains(names, name) {
			t.Fatalf("/%s is not listed in a secure chat", name)
		}
		if done[name] {
			continue
		}
		done[name] = true
		id, err := ann.newID()
		must(t, err)
		r, err := clientrpc.RunCommand.Call(t.Context(), ann.Client, clientrpc.RunCommandParams{ID: id, Chat: secret.String(), Text: "/" + name + " " + args[name], Reply: map[string]omega.ID{"pin": first, "unpin": first}[name], Delivery: clientrpc.Delivery{Wait: clientrpc.StateStored, Timeout: time.Minute}})
		if err != nil || r.Sent != nil && r.Sent.Chat != secret {
			t.Errorf("/%s: %+v, %v", name, r, err)
		}
	}
	if len(names) < 20 || slices.Contains(names, "secure") || slices.Contains(names, "leave") {
		t.Errorf("listed: %q", names)
	}
	until(t, "the silent one, edited", func() bool { return slices.Contains(bob.secretTexts(t, ann), "改過") })
	if got := append(ann.texts(t, bob.acc.Fingerprint), bob.texts(t, ann.acc.Fingerprint)...); len(got) != 0 {
		t.Errorf("in the normal chat there is %q", got)
	}
}
