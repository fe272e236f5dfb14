package proxy

import (
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// tokens is a signed list for a home.
func (c *testClient) tokens(home *testServer, made time.Time, edit func(*wire.TokenList), list ...omega.Token) []byte {
	c.t.Helper()
	w := &wire.TokenList{Home: home.fp(), User: c.person.fp(), Device: c.person.device(c.n), Made: made, Tokens: list}
	sig, err := pgp.SignCompact(c.t.Context(), c.person.devices[c.n].Signing, w.Signed(), time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	w.Sig = wire.Signature{Time: time.Now().Unix(), Bytes: sig}
	if edit != nil {
		edit(w)
	}
	return w.Bytes()
}

// let has the client's account let in who has one of the tokens.
func (c *testClient) let(home *testServer, made time.Time, list ...omega.Token) {
	c.t.Helper()
	c.stands(c.request(wire.TypeTokenPut, c.tokens(home, made, nil, list...)), made, list...)
}

func (c *testClient) stands(f wire.Frame, made time.Time, list ...omega.Token) {
	c.t.Helper()
	s, err := wire.DecodeTokenState(f.Body)
	if f.Type != wire.TypeTokenState || err != nil || !s.Made.Equal(made) || s.Hash != wire.HashTokens(list) {
		c.t.Fatalf("answer of type %d: %+v, %v (%v)", f.Type, s, err, wire.DecodeStatus(f.Body))
	}
}

// with is envelope with tokens.
func (c *testClient) with(payload string, class wire.Class, tokens []omega.Token, to ...*testPerson) []byte {
	c.t.Helper()
	e := &wire.Envelope{Class: class, Lifetime: time.Hour, Sender: c.person.fp(), Tokens: tokens, Payload: []byte(payload)}
	if _, err := rand.Read(e.ID[:]); err != nil {
		c.t.Fatal(err)
	}
	for _, p := range to {
		e.Recipients = append(e.Recipients, p.fp())
	}
	b, err := e.AppendTo(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// flood sends n envelopes as a stranger and returns how many were taken.
func (c *testClient) flood(n int, to *testPerson) (taken int) {
	c.t.Helper()
	for i := range n {
		switch code, _ := c.sendCode(c.envelope(fmt.Sprint("flood ", i), to)); code {
		case omega.CodeOK:
			taken++
		case omega.CodeMailboxFull:
		default:
			c.t.Fatalf("mail of a stranger: %s", code)
		}
	}
	return taken
}

// Strangers at two servers flood somebody who is away. What they get is their room,
// another stranger finds some as well, and a contact writes as ever.
func TestFloodOfStrangers(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		home := c.servers[0]
		victim := c.register(1, home)
		owner := newClient(victim, 0).connect(c.servers[1]) // the list travels
		owner.let(home, time.Now(), omega.Token{3}, omega.Token{7})
		const half = mailbox.MaxRequests / 2
		first := newClient(c.register(1, c.servers[2]), 0).connect(c.servers[2])
		if n := first.flood(half+40, victim); n != half {
			t.Errorf("one stranger got %d in, want %d", n, half)
		}
		if n := newClient(c.register(1, c.servers[2]), 0).connect(c.servers[2]).flood(40, victim); n != 0 {
			t.Errorf("a second one at that server got %d in", n)
		}
		honest := newClient(c.register(1, c.servers[3]), 0).connect(c.servers[3])
		honest.send("hello from a stranger", victim)
		friend := newClient(c.register(1, c.servers[2]), 0).connect(c.servers[2]) // at the server of the flood
		for i := range 3 * half {
			if code, _ := friend.sendCode(friend.with(fmt.Sprint("friend ", i), wire.ClassText, []omega.Token{{7}}, victim)); code != omega.CodeOK {
				t.Fatalf("mail %d of a contact: %s", i, code)
			}
		}
		owner.attach(c.servers[1], home)
		owner.wait("all of it", func() bool { return len(owner.got) == 4*half+1 })
		if last := owner.got[len(owner.got)-1]; last != fmt.Sprint("friend ", 3*half-1) {
			t.Errorf("the last one is %q", last)
		}
		synctest.Wait() // acknowledged
		if n := first.flood(10, victim); n != 0 {
			t.Errorf("a device that is online got %d more at once", n)
		}
		time.Sleep(mailbox.RequestWindow)
		if n := first.flood(10, victim); n != 10 {
			t.Errorf("later %d more got in, want 10", n)
		}
	})
}

// A token that is not in the list any more is worth nothing, and lists of others, older
// ones and forged ones change nothing.
func TestTokenLists(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, other := c.servers[1], c.servers[2]
		a := newClient(c.register(1, home), 0).attach(c.servers[0], home)
		a.attachedAt(home, 0)
		thief := newClient(c.register(1, other), 0).connect(other)
		now := time.Now().Truncate(time.Millisecond)
		look := wire.AppendTokenLook(nil, wire.TokenLook{Home: home.fp(), User: a.person.fp(), Device: a.person.device(0)})
		none, err := wire.DecodeTokenState(a.request(wire.TypeTokenLook, look).Body)
		if err != nil || none.Made.UnixMilli() != 0 || none.Hash != [16]byte{} {
			t.Errorf("before there is a list: %+v, %v", none, err)
		}
		a.let(home, now, omega.Token{1}, omega.Token{2})
		a.stands(a.request(wire.TypeTokenPut, a.tokens(home, now.Add(-time.Hour), nil)), now, omega.Token{1}, omega.Token{2})
		for name, tt := range map[string]struct {
			by   *testClient
			body []byte
			want omega.Code
		}{
			"somebody else's":  {thief, a.tokens(home, now.Add(time.Second), nil), omega.CodeBadRequest},
			"a forged one":     {a, a.tokens(home, now.Add(time.Second), func(w *wire.TokenList) { w.Tokens = []omega.Token{{9}} }), omega.CodeRefused},
			"of the future":    {a, a.tokens(home, now.Add(time.Hour), nil), omega.CodeBadRequest},
			"no home":          {a, a.tokens(other, now.Add(time.Second), nil), omega.CodeNotFound},
			"half of it":       {a, a.tokens(home, now.Add(time.Second), nil)[:60], omega.CodeBadRequest},
			"one out of order": {a, a.tokens(home, now.Add(time.Second), nil, omega.Token{2}, omega.Token{1}), omega.CodeBadRequest},
		} {
			tt.by.refused(name, wire.TypeTokenPut, tt.body, tt.want)
		}
		a.stands(a.request(wire.TypeTokenLook, look), now, omega.Token{1}, omega.Token{2})
		a.let(home, now.Add(time.Second), omega.Token{2})
		strange, err := home.store.Strangers(c.ctx, []omega.Fingerprint{a.person.fp(), a.person.fp()}, []omega.Token{{1}, {2}})
		if err != nil || len(strange) != 2 || !strange[0] || strange[1] {
			t.Errorf("strangers = %v, %v", strange, err)
		}
	})
}

// Whether a list changed is told to the server that a lease of the device names, and to
// nobody else, also not to one that saw a list travel and shows it again. (DELIV-49)
func TestTokensAreNotForStrangers(t *testing.T) {
	inCloud(t, 4, func(t *testing.T, c *testCloud) {
		home, proxy, stranger := c.servers[0], c.servers[1], c.servers[2]
		person := c.register(1, home)
		a := newClient(person, 0).attach(proxy, home)
		a.attachedAt(home, 0)
		now := time.Now().Truncate(time.Millisecond)
		list := a.tokens(home, now, nil, omega.Token{1})
		a.stands(a.request(wire.TypeTokenPut, list), now, omega.Token{1})
		look := wire.AppendTokenLook(nil, wire.TokenLook{Home: home.fp(), User: person.fp(), Device: person.device(0)})
		asks := func(s *testServer, typ wire.Type, body []byte) omega.Code {
			t.Helper()
			f, err := s.proxy.call(c.ctx, home.fp(), typ, body)
			if err == nil && f.Type != wire.TypeTokenState {
				t.Fatalf("answer of type %d", f.Type)
			}
			return codeOf(err)
		}
		for _, tt := range []struct {
			who  string
			by   *testServer
			typ  wire.Type
			body []byte
			want omega.Code
		}{
			{"the proxy of a lease", proxy, wire.TypeTokenLook, look, omega.CodeOK},
			{"a stranger", stranger, wire.TypeTokenLook, look, omega.CodeRefused},
			{"one about somebody without a device here", stranger, wire.TypeTokenLook,
				wire.AppendTokenLook(nil, wire.TokenLook{Home: home.fp(), User: stranger.fp(), Device: stranger.fp()}), omega.CodeRefused},
			{"one that names the device of another account", proxy, wire.TypeTokenLook,
				wire.AppendTokenLook(nil, wire.TokenLook{Home: home.fp(), User: stranger.fp(), Device: person.device(0)}), omega.CodeRefused},
			{"the proxy, with the list again", proxy, wire.TypeTokenPut, list, omega.CodeOK},
			{"a stranger with the list that stands", stranger, wire.TypeTokenPut, list, omega.CodeSuperseded},
			{"a stranger with an older one", stranger, wire.TypeTokenPut, a.tokens(home, now.Add(-time.Hour), nil), omega.CodeSuperseded},
			{"one that brings a newer one", stranger, wire.TypeTokenPut, a.tokens(home, now.Add(time.Second), nil, omega.Token{2}), omega.CodeOK},
		} {
			if got := asks(tt.by, tt.typ, tt.body); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.who, got, tt.want)
			}
		}
		a.attach(stranger, home) // the device goes there
		a.attachedAt(home, 1)
		if old, now := asks(proxy, wire.TypeTokenLook, look), asks(stranger, wire.TypeTokenLook, look); old != omega.CodeRefused || now != omega.CodeOK {
			t.Errorf("after the device moved: its former server %s, the new one %s", old, now)
		}
	})
}

// One envelope for somebody who knows the sender, for two who do not, and for one who
// never said: each judges by itself, and the sender hears of each.
func TestTokensOfMany(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		var people []*testPerson
		for range 4 {
			people = append(people, c.register(1, home))
		}
		for _, p := range people[:3] {
			newClient(p, 0).connect(home).let(home, time.Now(), omega.Token{5})
		}
		for _, at := range c.servers { // of another server, and of the home itself
			sender := newClient(c.register(1, c.servers[0]), 0).connect(at)
			tokens := []omega.Token{{}, {5}, {6}}
			sent := 0
			for ; sent < 2*mailbox.MaxRequests; sent++ {
				code, results := sender.sendCode(sender.with(fmt.Sprint(sent), wire.ClassText, tokens, people...))
				if code == omega.CodeOK {
					continue
				}
				if code != omega.CodeMailboxFull || len(results) != 2 || results[0].Index+results[1].Index != 2 || results[0].Index == 1 {
					t.Fatalf("envelope %d: %s %v", sent, code, results)
				}
				break
			}
			if sent == 0 || sent > mailbox.MaxRequests/2 {
				t.Errorf("strangers took %d", sent)
			}
		}
	})
}

// What is true for a moment is pushed for those who are known only.
func TestEphemeralOfStrangers(t *testing.T) {
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		reader := newClient(c.register(1, home), 0).attach(home, home)
		reader.attachedAt(home, 0)
		sender := newClient(c.register(1, c.servers[0]), 0).connect(c.servers[0])
		sender.sendCode(sender.with("before", wire.ClassEphemeral, nil, reader.person))
		reader.expect("ephemeral before")
		reader.let(home, time.Now(), omega.Token{5})
		sender.sendCode(sender.with("stranger", wire.ClassEphemeral, nil, reader.person))
		sender.sendCode(sender.with("wrong", wire.ClassEphemeral, []omega.Token{{4}}, reader.person))
		sender.sendCode(sender.with("friend", wire.ClassEphemeral, []omega.Token{{5}}, reader.person))
		reader.expect("ephemeral before", "ephemeral friend")
	})
}
