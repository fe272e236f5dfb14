package client

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// reader is a device as an opener sees it, with its prekey for a week.
func (p *post) reader(t *testing.T, s *somebody) secure.Reader {
	t.Helper()
	var week []byte
	p.edit(func() { week = p.stocks[s.acc.Device].Week })
	key, err := secure.ParsePrekey(week)
	must(t, err)
	return secure.Reader{Account: s.acc.Fingerprint, Signing: s.acc.Device, Prekey: key}
}

// opens makes an epoch by somebody's device and slips it to another one.
func (s *somebody) opens(t *testing.T, to *somebody, plan *secure.Plan) *secure.Epoch {
	t.Helper()
	plan.Opener, plan.Time = s.acc.Fingerprint, time.Now()
	o, err := secure.Open(t.Context(), rand.Reader, s.identity().Signer, plan)
	must(t, err)
	s.slips(t, to, o.Wraps[to.acc.Fingerprint])
	s.slips(t, to, o.Record)
	return o.Epoch
}

func (s *somebody) slips(t *testing.T, to *somebody, payload []byte) {
	t.Helper()
	id, err := s.newID()
	must(t, err)
	s.slipsAs(t, to, id, payload)
}

func (s *somebody) slipsAs(t *testing.T, to *somebody, id omega.ID, payload []byte) {
	t.Helper()
	env := wire.Envelope{Class: wire.ClassText, ID: id, Lifetime: omega.DefaultLifetime, Sender: s.acc.Fingerprint, Recipients: []omega.Fingerprint{to.acc.Fingerprint}, Payload: payload}
	raw, err := env.AppendTo(nil)
	must(t, err)
	s.p.slip(to.acc.Device, raw)
}

// headsOf are what somebody knows of a group.
func (s *somebody) headsOf(t *testing.T, g *circle) (out []secure.Hash) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		l, err := loadGroup(tx, g.id)
		if err != nil {
			return err
		}
		for _, h := range l.heads() {
			out = append(out, secure.Hash(h))
		}
		return nil
	}))
	return out
}

// TestSecureGroupForeign: epochs whose list of members is not the group's, with a device
// that is nobody's there, by somebody who is no member, or for what the group never was,
// are refused; so is what is repeated, and what is sealed as in a normal chat.
func TestSecureGroupForeign(t *testing.T) {
	p := newPost(t)
	ann, bob, cat, eve := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat"), p.newSomebody(t, "eve")
	g := gather(t, "里民", ann, bob, cat)
	before := cat.headsOf(t, g) // when cat was a member
	first := ann.tells(t, g, "one", clientrpc.StateStored)
	bob.hasTold(t, g, "one")
	cat.hasTold(t, g, "one")
	b, c, e := p.reader(t, bob), p.reader(t, cat), p.reader(t, eve)
	smuggled := e
	smuggled.Account = cat.acc.Fingerprint // eve's device as one of cat's
	plan := func(heads []secure.Hash, readers ...secure.Reader) *secure.Plan {
		return &secure.Plan{Chat: g.room().chat, Heads: heads, Readers: readers}
	}
	cat.opens(t, bob, plan(before, b, c, e))
	cat.opens(t, bob, plan(before, b, c, smuggled))
	cat.opens(t, bob, plan(nil, b, c))
	eve.opens(t, bob, plan(before, b, e))
	other := plan(before, b, c)
	other.Chat = secure.Direct(bob.acc.Fingerprint, eve.acc.Fingerprint)
	cat.opens(t, bob, other)

	// A repetition under another envelope's id, and an octet changed.
	var sealed []byte
	p.edit(func() {
		for _, raw := range p.got[wire.TypeSend] {
			if v, err := wire.ParseEnvelope(raw); err == nil && v.ID() == first {
				sealed = slices.Clone(v.Payload())
			}
		}
	})
	cat.slips(t, bob, sealed)
	sealed[len(sealed)-1] ^= 1
	cat.slips(t, bob, sealed)
	ann.tells(t, g, "two", clientrpc.StateStored)
	bob.hasTold(t, g, "one", "two")
	for _, epoch := range bob.keys(t, g) {
		if r := epoch.Record; r.Device == cat.acc.Device || r.Device == eve.acc.Device {
			t.Errorf("epoch %d by %s for %d accounts was taken", r.Epoch, r.Opener, len(r.Members))
		}
	}

	// What a member seals by the normal chat's keys is not shown in the secure one.
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error {
		m := &chat.Message{ID: omega.ID{1}, Chat: g.room().chat, From: cat.acc.Fingerprint, Device: cat.acc.Device, Time: time.Now(), Content: chat.NewText("normal"), Verified: true}
		must(t, (&taken{c: bob.Client, receipts: map[lane]*chat.Receipt{}}).message(tx, &chat.Result{Verdict: chat.VerdictMessage, Message: m}, ofNow))
		rows, err := tx.InChat(g.room().chat, omega.ID{1})
		if len(rows) != 0 {
			t.Error("a normal message stands in a secure group")
		}
		standing, err2 := groupCourt{tx, bob.Client}.Standing(t.Context(), chat.Writing{Group: g.id, Author: cat.acc.Fingerprint, Kind: chat.KindText, Time: time.Now()})
		if err2 != nil || standing != chat.StandingNone {
			t.Errorf("it would count: %v, %v", standing, err2)
		}
		return err
	}))

	// Cat is removed. What it opens, naming what was before that, nobody sends in; once the
	// removal is known for two minutes it is refused.
	members := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: g.id.String()}, Accounts: []omega.Fingerprint{cat.acc.Fingerprint}}
	must(t, callOf(ann.Client, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: members})())
	until(t, "bob knows", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), bob.Client, clientrpc.GroupRef{Group: g.id.String()})
		return err == nil && out.Size == 2
	})
	theirs := cat.opens(t, bob, plan(before, b, c, p.reader(t, ann)))
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error {
		w := chat.Writing{Group: g.id, Heads: chatHeads(theirs.Record), Author: cat.acc.Fingerprint, Kind: chat.KindGroup, Heard: time.Now().Add(underWay + time.Minute)}
		standing, err := groupCourt{tx, bob.Client}.standing(w)
		if standing != chat.StandingNone {
			t.Errorf("an epoch of a removed member counts: %v", standing)
		}
		return err
	}))
	last := bob.tells(t, g, "three", clientrpc.StateStored)
	ann.hasTold(t, g, "one", "two", "three")
	for _, epoch := range bob.keys(t, g) {
		if epoch.Sent(bob.acc.Device) > 0 && epoch.Record.Index(cat.acc.Device) >= 0 && epoch.Record.Epoch == bob.epochOf(t, last) {
			t.Error("a removed member can read what was said after")
		}
	}
	if slices.Contains(cat.circleTexts(t, g), "three") {
		t.Error("the removed member reads on")
	}
}

// epochOf is the number of the epoch of a message.
func (s *somebody) epochOf(t *testing.T, id omega.ID) (n uint32) {
	t.Helper()
	must(t, s.db.View(context.Background(), func(tx *history.Tx) error {
		row, err := tx.Message(id)
		if err == nil {
			n = row.Epoch
		}
		return err
	}))
	return n
}

// TestSecureGroupEarlier: who joined is given nothing of what was said before, also when
// it asks for it.
func TestSecureGroupEarlier(t *testing.T) {
	p := newPost(t)
	ann, bob, dan := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "dan")
	g := gather(t, "社", ann, bob)
	early := ann.tells(t, g, "before", clientrpc.StateStored)
	bob.hasTold(t, g, "before")
	g.join(t, ann, dan)
	late := ann.tells(t, g, "after", clientrpc.StateStored)
	dan.hasTold(t, g, "after")
	ask := &chat.SecureAsk{IDs: []omega.ID{early, late}}
	m := &chat.Message{From: dan.acc.Fingerprint, Device: dan.acc.Device, Content: &chat.Content{Kind: chat.KindSecureResend, Ask: ask}}
	for _, e := range dan.keys(t, g) {
		ask.Have = append(ask.Have, chat.Locator(e.Locator()))
	}
	must(t, ann.answerSecure(t.Context(), m, answers{}))
	ann.tells(t, g, "end", clientrpc.StateStored)
	dan.hasTold(t, g, "after", "end")
	until(t, "nothing waits to be sent", func() bool {
		n := 1
		must(t, ann.db.View(t.Context(), func(tx *history.Tx) (err error) { n, err = ann.secureOutbox(tx); return err }))
		return n == 0
	})
	allSent(t, ann)
	dan.tells(t, g, "bye", clientrpc.StateStored)
	bob.hasTold(t, g, "before", "after", "end", "bye")
	if slices.Contains(dan.circleTexts(t, g), "before") {
		t.Error("a newcomer was given what was before")
	}
}

// TestSecureGroupLost: an epoch's record, its wraps, or a message do not reach one member,
// who asks and has everything in the end.
func TestSecureGroupLost(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind byte
	}{{"record", secure.PayloadRecord}, {"wraps", secure.PayloadWrap}, {"message", secure.PayloadMessage}} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPost(t)
			ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
			g := gather(t, "失", ann, bob)
			dropped := false
			p.edit(func() {
				p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
					if device == bob.acc.Device && kindOf(env) == tt.kind && !dropped {
						dropped = true
						return nil
					}
					return [][]byte{env}
				}
			})
			if tt.kind == secure.PayloadMessage {
				ann.tells(t, g, "a", clientrpc.StateStored)
				ann.tells(t, g, "b", clientrpc.StateStored)
			} else {
				g.join(t, ann, cat) // there is a new epoch
				cat.tells(t, g, "a", clientrpc.StateStored)
				ann.tells(t, g, "b", clientrpc.StateStored)
			}
			until(t, "all is there", func() bool { return sameSet(bob.circleTexts(t, g), []string{"a", "b"}) })
			p.edit(func() {
				if !dropped {
					t.Error("nothing was lost")
				}
			})
			bob.tells(t, g, "c", clientrpc.StateStored)
			ann.hasTold(t, g, "a", "b", "c")
		})
	}
}

// TestSecureGroupKeysDie: an epoch ends by its time, and when all have said what they sent
// its keys are nowhere; and an epoch ends by count.
func TestSecureGroupKeysDie(t *testing.T) {
	p := newPost(t)
	g := newAging(t, p, "鑰")
	people := g.people
	g.allSay(t, " one")
	secrets := map[*somebody][]byte{}
	for _, s := range people {
		for _, e := range s.keys(t, g.circle) {
			if len(e.Record.Members) == len(people) {
				secrets[s] = e.Marshal()[1:33]
			}
		}
		if len(secrets[s]) == 0 || !s.onDisk(t, secrets[s]) {
			t.Fatal("the search does not find a key that is there")
		}
	}
	g.age(secure.MaxAge + time.Minute)
	g.allSay(t, " two")
	for _, s := range people {
		until(t, s.acc.Name+" has the old keys nowhere", func() bool { return !s.onDisk(t, secrets[s]) })
	}
	for range secure.MaxLimit + 3 {
		g.said = append(g.said, "x")
		people[0].tells(t, g.circle, "x", waitNone)
	}
	people[1].hasTold(t, g.circle, g.said...)
	people[2].hasTold(t, g.circle, g.said...)
	if e := people[0].keys(t, g.circle); e[0].Sent(people[0].acc.Device) == 0 || e[0].Sent(people[0].acc.Device) > 50 {
		t.Errorf("%d messages in the newest epoch", e[0].Sent(people[0].acc.Device))
	}
}

// TestSecureGroupTogether: two open an epoch at once. All is read, and they go on in one.
func TestSecureGroupTogether(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := gather(t, "同", ann, bob, cat)
	members := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: g.id.String()}, Accounts: []omega.Fingerprint{cat.acc.Fingerprint}}
	must(t, callOf(ann.Client, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: members})())
	until(t, "bob knows", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), bob.Client, clientrpc.GroupRef{Group: g.id.String()})
		return err == nil && out.Size == 2
	})
	release := p.hold(t)
	ann.tells(t, g, "from ann", clientrpc.StateStored)
	bob.tells(t, g, "from bob", clientrpc.StateStored)
	release()
	for _, s := range []*somebody{ann, bob} {
		s.hasTold(t, g, "from ann", "from bob")
	}
	ann.tells(t, g, "next", clientrpc.StateStored)
	bob.hasTold(t, g, "from ann", "from bob", "next")
	current := func(s *somebody) string {
		info, err := clientrpc.ShowSecure.Call(t.Context(), s.Client, clientrpc.SecureRef{Peer: g.room().chat.String()})
		must(t, err)
		for _, e := range info.Epochs {
			if e.Current {
				return e.Name
			}
		}
		return ""
	}
	until(t, "they send in one epoch", func() bool { a := current(ann); return a != "" && a == current(bob) })
}
