package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// sign pushes what is true for a moment, as a home does: without a sequence.
func (s *stranger) sign(t *testing.T, p *fakeProxy, c *Client, sign *chat.Sign) {
	t.Helper()
	id, payload, err := chat.SealSign(t.Context(), s.me, c.cfg.rand(), s.sender.State().Key, sign)
	must(t, err)
	m := s.mail(t, c, id, payload)
	m.Envelope[1], m.Home = byte(wire.ClassEphemeral), p.id.Account()
	p.mu.Lock()
	conn := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	must(t, conn.SendFrame(wire.TypeMail, 0, wire.AppendMail(nil, &m)))
}

// signs are the envelopes of class ephemeral that came to the proxy.
func (p *fakeProxy) signs(t *testing.T) (out []wire.EnvelopeView) {
	t.Helper()
	for _, b := range p.frames(wire.TypeSend) {
		env, err := wire.ParseEnvelope(b)
		must(t, err)
		if env.Class() == wire.ClassEphemeral {
			out = append(out, env)
		}
	}
	return out
}

// TestTyping: others are told at most as often as CHAT-54 says, of what the switch
// allows, and what they say is an event.
func TestTyping(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	r := follow(t, c)
	typing := func(what string) {
		t.Helper()
		_, err := clientrpc.Type.Call(t.Context(), c, clientrpc.TypeParams{Chat: s.id.String(), What: what})
		must(t, err)
	}
	typing(clientrpc.TypingText) // nobody there has a key: nothing is sent
	_, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: s.id.String(), Text: "hi", Wait: "stored", Timeout: time.Minute})
	must(t, err)
	if n := len(p.signs(t)); n != 0 {
		t.Fatalf("%d signs without a key", n)
	}
	for range 5 {
		typing(clientrpc.TypingText)
	}
	until(t, "told", func() bool { return len(p.signs(t)) == 1 })
	env := p.signs(t)[0]
	for _, account := range env.Recipients {
		if account != s.id {
			t.Errorf("told %s", account)
		}
	}

	// The other side types.
	_, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "x"})
	p.push(t, mails...)
	await(t, r, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return !e.Own })
	acks := len(p.frames(wire.TypeAck))
	now := time.Now()
	c.mu.Lock()
	clear(c.certs) // as after a start
	c.mu.Unlock()
	s.sign(t, p, c, &chat.Sign{What: chat.Recording, Time: now})
	s.sign(t, p, c, &chat.Sign{What: chat.Typing, Time: now})                       // the same moment
	s.sign(t, p, c, &chat.Sign{What: chat.Typing, Time: now.Add(-3 * time.Minute)}) // an old one
	s.sign(t, p, c, &chat.Sign{What: 77, Time: now.Add(600 * time.Millisecond)})    // of a later version
	s.sign(t, p, c, &chat.Sign{What: chat.Stopped, Time: now.Add(1200 * time.Millisecond)})
	var got []string
	for len(got) < 2 {
		e := await(t, r, clientrpc.SomebodyTypes, func(e clientrpc.TypingEvent) bool { return e.Account == s.id })
		if got = append(got, e.What); (e.What == clientrpc.TypingStopped) != e.Until.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if got[0] != clientrpc.TypingVoice || got[1] != clientrpc.TypingStopped {
		t.Errorf("events: %v", got)
	}
	if n := len(p.frames(wire.TypeAck)); n > acks+1 { // of the text
		t.Errorf("signs were acknowledged: %d acks after %d", n, acks)
	}

	// Off for this chat: nothing is told, nothing is shown.
	off, on := true, false
	_, err = clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: s.id.String(), Hidden: &off})
	must(t, err)
	c.forgetSaid()
	typing(clientrpc.TypingFile)
	s.sign(t, p, c, &chat.Sign{What: chat.Typing, Time: now.Add(2 * time.Second)})
	behind, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "y"})
	p.push(t, mails...) // once this is here, the sign was taken
	await(t, follow(t, c).from(r), clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == behind.ID })
	_, err = clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: s.id.String(), Hidden: &on})
	must(t, err)
	s.sign(t, p, c, &chat.Sign{What: chat.Recording, Time: now.Add(3 * time.Second)})
	typing(clientrpc.TypingVoice)
	until(t, "told again", func() bool { return len(p.signs(t)) >= 2 })
	if e := await(t, r, clientrpc.SomebodyTypes, func(clientrpc.TypingEvent) bool { return true }); e.What != clientrpc.TypingVoice {
		t.Errorf("shown although it is off: %+v", e)
	}
	if n := len(p.signs(t)); n != 2 {
		t.Errorf("%d signs were sent", n)
	}
	_, err = clientrpc.Type.Call(t.Context(), c, clientrpc.TypeParams{Chat: s.id.String(), What: "singing"})
	wantCode(t, "singing", err, clientrpc.CodeUsage)
}

func (c *Client) forgetSaid() {
	c.present.mu.Lock()
	defer c.present.mu.Unlock()
	c.present.said = nil
}

// TestPresence: who looks is told, and asked; who does not share learns nothing.
func TestPresence(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	r := follow(t, c)
	_, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "x"})
	p.push(t, mails...)
	await(t, r, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return !e.Own })
	// A stranger asks: shown, and not answered.
	now := time.Now()
	s.sign(t, p, c, &chat.Sign{What: chat.Here, Ask: true, Time: now})
	if e := await(t, r, clientrpc.Present, func(clientrpc.PresenceEvent) bool { return true }); !e.Online || e.Account != s.id || e.Until.Sub(now) < chat.HereLasts {
		t.Errorf("%+v", e)
	}
	_, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: s.id.String(), Text: "hi", Wait: "stored", Timeout: time.Minute})
	must(t, err)
	if n := len(p.signs(t)); n != 0 {
		t.Fatalf("a stranger was told %d times", n)
	}
	s.sign(t, p, c, &chat.Sign{What: chat.Here, Ask: true, Time: now.Add(time.Second)})
	until(t, "answered", func() bool { return len(p.signs(t)) == 1 })
	s.sign(t, p, c, &chat.Sign{What: chat.Away, Seen: now.Add(-time.Hour), Ask: true, Time: now.Add(2 * time.Second)})
	await(t, r, clientrpc.Present, func(e clientrpc.PresenceEvent) bool { return !e.Online })
	look := func() clientrpc.PresenceResult {
		t.Helper()
		out, err := clientrpc.Look.Call(t.Context(), c, clientrpc.LookParams{Chat: s.id.String()})
		must(t, err)
		return out
	}
	if out := look(); !out.Shared || out.Online || !out.Seen.Equal(now.Add(-time.Hour).Truncate(time.Millisecond)) {
		t.Errorf("%+v", out)
	}
	until(t, "told of being here", func() bool { return len(p.signs(t)) == 2 })
	off := false
	if out, err := clientrpc.SetPresence.Call(t.Context(), c, clientrpc.SetPresenceParams{Shared: &off}); err != nil || out.Shared {
		t.Errorf("%+v, %v", out, err)
	}
	c.forgetSaid()
	if out := look(); out.Shared || !out.Seen.IsZero() {
		t.Errorf("off: %+v", out)
	}
	if n := len(p.signs(t)); n != 2 { // the answer, and what was looked for
		t.Errorf("%d signs were sent", n)
	}
}
