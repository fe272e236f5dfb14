package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// A circle is a secure group of several cores.
type circle struct {
	id      chat.Hash
	name    string
	members []*somebody
}

func (g *circle) room() room { return groupRoom(g.id) }

// gather makes a secure group of the first of people and has the others join.
func gather(t *testing.T, name string, people ...*somebody) *circle {
	t.Helper()
	p := clientrpc.CreateGroupParams{Name: name, Secure: true}
	var err error
	p.ID, err = people[0].newID()
	must(t, err)
	out, err := clientrpc.CreateGroup.Call(t.Context(), people[0].Client, p)
	must(t, err)
	if !out.Secure {
		t.Fatalf("%+v", out)
	}
	g := &circle{name: name, members: people[:1:1]}
	must(t, people[0].db.View(t.Context(), func(tx *history.Tx) (err error) { g.id, err = tx.Group(t.Context(), out.Chat); return err }))
	for _, s := range people[1:] {
		g.join(t, people[0], s)
	}
	return g
}

// join has somebody invite another one, who accepts, and waits until all say so: who does not
// know yet writes without the new one.
func (g *circle) join(t *testing.T, host, s *somebody) {
	t.Helper()
	ref := clientrpc.GroupRef{Group: g.id.String()}
	must(t, callOf(host.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: ref, Accounts: []omega.Fingerprint{s.acc.Fingerprint}})())
	until(t, s.acc.Name+" is invited", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), s.Client, ref)
		return err == nil && out.Role == clientrpc.RoleInvited
	})
	must(t, callOf(s.Client, clientrpc.AcceptGroup, ref)())
	g.members = append(g.members, s)
	for _, who := range g.members {
		until(t, who.acc.Name+" knows that "+s.acc.Name+" is in", func() bool {
			out, err := clientrpc.ShowGroup.Call(t.Context(), who.Client, ref)
			return err == nil && !out.Waiting && slices.ContainsFunc(out.Members, func(m clientrpc.GroupMember) bool { return m.Account == s.acc.Fingerprint })
		})
	}
}

// tells sends a text to the group.
func (s *somebody) tells(t *testing.T, g *circle, text, wait string) omega.ID {
	t.Helper()
	id, err := s.newID()
	must(t, err)
	r, err := clientrpc.Send.Call(t.Context(), s.Client, clientrpc.SendParams{ID: id, To: g.room().chat.String(), Text: text, Wait: wait, Timeout: time.Minute})
	must(t, err)
	if wait != waitNone && order(r.State) < order(wait) {
		t.Fatalf("%q is %s, want %s: %v", text, r.State, wait, r.Why)
	}
	return id
}

// circleTexts are the verified texts of the group as somebody has them.
func (s *somebody) circleTexts(t *testing.T, g *circle) (out []string) {
	t.Helper()
	must(t, s.db.View(context.Background(), func(tx *history.Tx) error {
		return tx.All(g.room().chat, func(r *history.Row) error {
			if r.Verified && r.Secure && r.Content.Kind == chat.KindText {
				out = append(out, r.Now().Text)
			}
			return nil
		})
	}))
	return out
}

func (s *somebody) hasTold(t *testing.T, g *circle, texts ...string) {
	t.Helper()
	until(t, s.acc.Name+" has "+fmt.Sprint(texts), func() bool { return len(s.circleTexts(t, g)) >= len(texts) })
	if got := s.circleTexts(t, g); !sameSet(got, texts) {
		t.Errorf("%s has %q, want %q", s.acc.Name, got, texts)
	}
}

// keys are the epochs of the group whose keys somebody has.
func (s *somebody) keys(t *testing.T, g *circle) (out []*secure.Epoch) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		b, err := s.secureBookOf(tx, g.room())
		out = b.Epochs
		return err
	}))
	return out
}

// TestSecureGroup: a group whose chat is secure has what a chat has, and nothing of it
// travels but sealed; servers see no id of it.
func TestSecureGroup(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := gather(t, "密友", ann, bob, cat)
	toldAll(t, ann, bob, cat)
	allSent(t, ann, bob, cat)
	before := len(p.frames(wire.TypeSend))
	first := ann.tells(t, g, "週六 @bob", clientrpc.StateStored)
	bob.hasTold(t, g, "週六 @bob")
	cat.hasTold(t, g, "週六 @bob")
	bob.tells(t, g, "好", clientrpc.StateStored)
	ann.hasTold(t, g, "週六 @bob", "好")
	cat.hasTold(t, g, "週六 @bob", "好")

	// Receipts come with counts, sealed as all the rest.
	until(t, "delivered to two", func() bool { m, err := ann.shown(first); return err == nil && m.Delivered == 2 && m.Secure })
	for _, s := range []*somebody{bob, cat} {
		r, err := clientrpc.Receive.Call(t.Context(), s.Client, clientrpc.ReceiveParams{Count: 100})
		must(t, err)
		var ids []omega.ID
		for _, m := range r.Messages {
			if m.Secure {
				ids = append(ids, m.ID)
			}
			if m.ID == first && (!m.Secure || !m.Verified || m.Mentioned != (s == bob)) {
				t.Errorf("%s received %+v", s.acc.Name, m)
			}
		}
		must(t, callOf(s.Client, clientrpc.Confirm, clientrpc.ConfirmParams{IDs: ids})())
	}
	until(t, "read by two", func() bool { m, err := ann.shown(first); return err == nil && m.ReadBy == 2 })
	reach, err := clientrpc.Reach.Call(t.Context(), ann.Client, clientrpc.ReachParams{MessageRef: clientrpc.MessageRef{Message: first}})
	if err != nil || len(reach.Accounts) != 2 || reach.Accounts[0].State != clientrpc.StateRead {
		t.Errorf("%+v, %v", reach, err)
	}

	// Operations on messages, replies, pins.
	ref := clientrpc.MessageRef{Message: first}
	must(t, callOf(ann.Client, clientrpc.Edit, clientrpc.EditParams{ID: omega.ID{1}, MessageRef: ref, Text: "週日"})())
	must(t, callOf(cat.Client, clientrpc.React, clientrpc.ReactParams{ID: omega.ID{2}, MessageRef: ref, Emoji: []string{"👍"}})())
	must(t, callOf(bob.Client, clientrpc.Send, clientrpc.SendParams{ID: omega.ID{3}, To: g.room().chat.String(), Text: "答", Reply: &clientrpc.ReplyTo{Message: first}})())
	must(t, callOf(ann.Client, clientrpc.Pin, clientrpc.PinParams{ID: omega.ID{4}, MessageRef: ref, Pinned: true})())
	until(t, "edited, reacted to, answered, pinned", func() bool {
		b, err := bob.shown(first)
		a, err2 := cat.shown(omega.ID{3})
		return err == nil && err2 == nil && b.Text == "週日" && len(b.Reactions) == 1 && b.Pinned && a.Reply != nil && a.Reply.Message == first
	})
	must(t, callOf(ann.Client, clientrpc.Remove, clientrpc.RemoveParams{ID: omega.ID{5}, Messages: []omega.ID{first}})())
	until(t, "taken back", func() bool { m, err := cat.shown(first); return err == nil && m.Deleted && m.Text == "" })
	allSent(t, ann, bob, cat)
	p.edit(func() {
		for _, env := range p.got[wire.TypeSend][before:] {
			v, err := wire.ParseEnvelope(env)
			must(t, err)
			// To one account: who lacks operations may ask for them (SEC-21).
			if k := kindOf(env); (k < secure.PayloadWrap || k > secure.PayloadMessage) && v.NumRecipients() > 1 {
				t.Errorf("a payload of kind %d travelled to %d", k, v.NumRecipients())
			}
		}
		for _, env := range p.got[wire.TypeSend] {
			for _, secret := range [][]byte{g.id[:16], []byte("密友"), []byte("週六"), []byte(fmt.Sprintf("%x", g.id[:16]))} {
				if slices.Contains(windows(env, len(secret)), string(secret)) {
					t.Errorf("%q travelled", secret)
				}
			}
		}
	})
	info, err := clientrpc.ShowSecure.Call(t.Context(), cat.Client, clientrpc.SecureRef{Peer: g.name})
	if err != nil || !info.Open || len(info.Devices) != 3 || info.Group != g.id.String() || info.Waiting != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	chats, err := clientrpc.Chats.Call(t.Context(), cat.Client, clientrpc.Page{})
	must(t, err)
	if i := slices.IndexFunc(chats.Chats, func(c clientrpc.Chat) bool { return c.ID == g.room().chat }); i < 0 || !chats.Chats[i].Secure || chats.Chats[i].Kind != clientrpc.ChatGroup || chats.Chats[i].Name != "密友" {
		t.Errorf("%+v", chats.Chats)
	}
	_, err = clientrpc.EndSecure.Call(t.Context(), cat.Client, clientrpc.SecureRef{Peer: g.name})
	wantCode(t, "one member ends it", err, clientrpc.CodeRefused)
}

// allSent waits until nobody has anything to send.
func allSent(t *testing.T, people ...*somebody) {
	t.Helper()
	until(t, "all is sent", func() bool {
		n := 0
		for _, s := range people {
			must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
				left, err := tx.CountOutgoing()
				n += left
				return err
			}))
		}
		return n == 0
	})
}

// windows are all runs of n octets.
func windows(b []byte, n int) (out []string) {
	for i := 0; i+n <= len(b); i++ {
		out = append(out, string(b[i:i+n]))
	}
	return out
}

// TestSecureGroupMembers: who joins reads from then on; who is removed has nothing of the
// epochs after that, and what it writes counts for nothing.
func TestSecureGroupMembers(t *testing.T) {
	p := newPost(t)
	ann, bob, cat, dan := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat"), p.newSomebody(t, "dan")
	g := gather(t, "讀書會", ann, bob, cat)
	ann.tells(t, g, "before dan", clientrpc.StateStored)
	bob.hasTold(t, g, "before dan")
	cat.hasTold(t, g, "before dan")
	g.join(t, bob, dan)
	cat.tells(t, g, "with dan", clientrpc.StateStored)
	for _, s := range []*somebody{ann, bob} {
		s.hasTold(t, g, "before dan", "with dan")
	}
	dan.hasTold(t, g, "with dan")
	dan.tells(t, g, "hello", clientrpc.StateStored)
	cat.hasTold(t, g, "before dan", "with dan", "hello")

	members := clientrpc.GroupAccounts{GroupRef: clientrpc.GroupRef{Group: g.id.String()}, Accounts: []omega.Fingerprint{dan.acc.Fingerprint}}
	must(t, callOf(ann.Client, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: members})())
	ann.tells(t, g, "without dan", clientrpc.StateStored)
	bob.hasTold(t, g, "before dan", "with dan", "hello", "without dan")
	cat.tells(t, g, "me too", clientrpc.StateStored)
	bob.hasTold(t, g, "before dan", "with dan", "hello", "without dan", "me too")
	until(t, "dan knows, and has no keys", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), dan.Client, clientrpc.GroupRef{Group: g.id.String()})
		return err == nil && out.Role == clientrpc.RoleNone && len(dan.keys(t, g)) == 0
	})
	wantCode(t, "dan writes", callOf(dan.Client, clientrpc.Send, clientrpc.SendParams{ID: omega.ID{9}, To: g.room().chat.String(), Text: "x"})(), clientrpc.CodeRefused)
	if got := dan.circleTexts(t, g); !sameSet(got, []string{"with dan", "hello"}) {
		t.Errorf("dan has %q", got)
	}
	for _, e := range bob.keys(t, g) {
		if e.Record.Index(dan.acc.Device) >= 0 && e.Sent(ann.acc.Device) > 0 && e.Record.Epoch > 2 {
			t.Errorf("dan is in epoch %d", e.Record.Epoch)
		}
	}

	// Who leaves says so, and its keys go.
	_, err := clientrpc.LeaveGroup.Call(t.Context(), cat.Client, clientrpc.GroupRef{Group: g.id.String()})
	must(t, err)
	until(t, "cat left", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), ann.Client, clientrpc.GroupRef{Group: g.id.String()})
		return err == nil && out.Size == 2 && len(cat.keys(t, g)) == 0
	})
	ann.tells(t, g, "two of us", clientrpc.StateStored)
	bob.hasTold(t, g, "before dan", "with dan", "hello", "without dan", "me too", "two of us")
	_, err = clientrpc.EndGroup.Call(t.Context(), ann.Client, clientrpc.GroupRef{Group: g.id.String()})
	must(t, err)
	until(t, "dissolved, and the keys are gone", func() bool { return len(ann.keys(t, g)) == 0 && len(bob.keys(t, g)) == 0 })
}

// TestSecureGroupAtOnce: people who are invited at once and accept at once have what is
// said as soon as who invited them sees them.
func TestSecureGroupAtOnce(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := gather(t, "驚喜", ann)
	ref := clientrpc.GroupRef{Group: g.id.String()}
	invited := []omega.Fingerprint{bob.acc.Fingerprint, cat.acc.Fingerprint}
	must(t, callOf(ann.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: ref, Accounts: invited})())
	for _, s := range []*somebody{bob, cat} {
		until(t, s.acc.Name+" is invited", func() bool {
			out, err := clientrpc.ShowGroup.Call(t.Context(), s.Client, ref)
			return err == nil && out.Role == clientrpc.RoleInvited
		})
	}
	var accepting sync.WaitGroup
	for _, s := range []*somebody{bob, cat} {
		accepting.Go(func() {
			if err := callOf(s.Client, clientrpc.AcceptGroup, ref)(); err != nil {
				t.Error(err)
			}
		})
	}
	accepting.Wait()
	until(t, "all three are in", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), ann.Client, ref)
		return err == nil && out.Size == 3
	})
	ann.tells(t, g, "cake", clientrpc.StateStored)
	bob.hasTold(t, g, "cake")
	cat.hasTold(t, g, "cake")
}
