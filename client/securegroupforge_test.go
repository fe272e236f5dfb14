package client

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// innerOf is what stands inside the seal of a message without counts and prekey.
// (spec/secure.md, SEC-5)
func innerOf(t *testing.T, sig pgp.Compact, at time.Time, text string) []byte {
	t.Helper()
	content, err := chat.NewText(text).Raw()
	must(t, err)
	var milli [8]byte
	binary.BigEndian.PutUint64(milli[:], uint64(at.UnixMilli()))
	return slices.Concat(sig[:], milli[2:], []byte{0, 0}, content)
}

// TestSecureGroupForged: a member, who has the keys of all, writes as another member, and
// passes on as sent again what the other never said. Nobody shows it, and it uses up no key
// of the other's next message.
func TestSecureGroupForged(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	g := gather(t, "偽", ann, bob, cat)
	said := bob.tells(t, g, "one", clientrpc.StateStored)
	ann.hasTold(t, g, "one")
	cat.hasTold(t, g, "one")
	var true1 *history.Row // what bob said, with its signature, as cat has it
	must(t, cat.db.View(t.Context(), func(tx *history.Tx) (err error) { true1, err = tx.Message(said); return err }))
	name := cat.epochNamed(t, g, said)
	own, err := pgp.SignCompact(t.Context(), cat.identity().Signer, []byte("forged"), time.Now())
	must(t, err)
	for _, sig := range []pgp.Compact{own, true1.Signature, {}} {
		for _, sender := range []*somebody{cat, bob} {
			e := cat.epochCopy(t, g, name)
			payload, err := e.Seal(bob.acc.Device, time.Now(), innerOf(t, sig, time.Now(), "forged"))
			must(t, err)
			sender.slips(t, ann, payload)
		}
	}
	content, err := chat.NewText("forged").Raw()
	must(t, err)
	forged := bytes.Replace(true1.Transcript, []byte(bob.acc.Device.String()), []byte(cat.acc.Device.String()), 1)
	for _, again := range []chat.Resent{
		{Transcript: true1.Transcript, Signature: true1.Signature, Content: content}, // other words
		{Transcript: true1.Transcript, Signature: own, Content: mustRaw(t, true1.Content)},
		{Transcript: forged, Signature: own, Content: content},
	} {
		id, err := cat.newID()
		must(t, err)
		must(t, cat.awaitSealing(t.Context(), g.room(), letter{id: id, content: &chat.Content{Kind: chat.KindResent, Resent: &again}}))
	}
	allSent(t, cat)
	bob.tells(t, g, "two", clientrpc.StateStored)
	cat.tells(t, g, "three", clientrpc.StateStored)
	ann.hasTold(t, g, "one", "two", "three")
	must(t, ann.db.View(t.Context(), func(tx *history.Tx) error {
		return tx.All(g.room().chat, func(r *history.Row) error {
			if r.Now().Text == "forged" {
				t.Errorf("shown: %+v", r)
			}
			return nil
		})
	}))
}

func mustRaw(t *testing.T, c *chat.Content) []byte {
	t.Helper()
	raw, err := c.Raw()
	must(t, err)
	return raw
}

// epochNamed is the name of the epoch in which a message was sealed.
func (s *somebody) epochNamed(t *testing.T, g *circle, id omega.ID) secure.Hash {
	t.Helper()
	var said *secure.Said
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		row, err := tx.Message(id)
		if err == nil {
			said, err = secure.ReadText(row.Transcript)
		}
		return err
	}))
	return said.Epoch
}

// epochCopy is an epoch as somebody has it stored.
func (s *somebody) epochCopy(t *testing.T, g *circle, name secure.Hash) *secure.Epoch {
	t.Helper()
	all := s.keys(t, g)
	i := slices.IndexFunc(all, func(e *secure.Epoch) bool { return e.Record.Hash() == name })
	if i < 0 {
		t.Fatalf("%s has no epoch %s", s.acc.Name, name)
	}
	return all[i]
}

// recorded are the payloads that went through the servers, of a kind.
func (p *post) recorded(t *testing.T, kind byte) (out [][]byte) {
	t.Helper()
	p.edit(func() {
		for _, raw := range p.got[wire.TypeSend] {
			if v, err := wire.ParseEnvelope(raw); err == nil && len(v.Payload()) > 0 && v.Payload()[0] == kind {
				out = append(out, bytes.Clone(v.Payload()))
			}
		}
	})
	return out
}

// TestSecureGroupStolen: somebody has recorded all that went through the servers, and takes
// a member's device later, unlocked: whose epochs are destroyed by then opens to none of
// what stands on it. What is still open does.
func TestSecureGroupStolen(t *testing.T) {
	p := newPost(t)
	g := newAging(t, p, "失竊")
	g.allSay(t, " early")
	bob := g.people[1]
	old := map[secure.Locator]bool{}
	for _, e := range bob.keys(t, g.circle) {
		old[e.Locator()] = true
	}
	messages := len(p.recorded(t, secure.PayloadMessage))
	g.age(secure.MaxAge + time.Minute)
	g.allSay(t, " late")
	until(t, "the early epochs are destroyed", func() bool {
		return !slices.ContainsFunc(bob.keys(t, g.circle), func(e *secure.Epoch) bool { return old[e.Locator()] })
	})

	opened := 0
	must(t, bob.db.Update(t.Context(), func(tx *history.Tx) error {
		for _, payload := range p.recorded(t, secure.PayloadWrap) {
			w, err := bob.openWraps(t.Context(), tx, payload)
			must(t, err)
			switch early := old[secure.Locator(payload[1:9])]; {
			case w != nil && early:
				t.Errorf("the wrap of epoch %x opens with use %d", payload[1:9], w.own.Use)
			case w != nil:
				opened++
			}
		}
		for i, payload := range p.recorded(t, secure.PayloadMessage)[:messages] {
			b, err := bob.secureBookOf(tx, g.room())
			must(t, err)
			for _, e := range b.Epochs {
				if in, err := e.Unseal(payload); err == nil {
					t.Errorf("message %d opens: %q", i, in.Octets)
				}
			}
		}
		return nil
	}))
	if opened == 0 {
		t.Error("no wrap opens: the search finds nothing")
	}
}

// TestSecureGroupRevoked: a device of a member is stolen and revoked. The next epoch is not
// wrapped for it, and what it writes after that counts for nothing.
func TestSecureGroupRevoked(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	stolen := bob.second(t)
	g := gather(t, "撤銷", ann, bob)
	until(t, "the second device is in the group", func() bool {
		out, err := clientrpc.ShowGroup.Call(t.Context(), stolen.Client, clientrpc.GroupRef{Group: g.id.String()})
		return err == nil && out.Role == clientrpc.RoleMember
	})
	ann.look(t, bob.acc.Fingerprint)
	ann.tells(t, g, "one", clientrpc.StateStored)
	bob.hasTold(t, g, "one")
	stolen.hasTold(t, g, "one")
	stolen.tells(t, g, "from the second", clientrpc.StateStored)
	ann.hasTold(t, g, "one", "from the second")
	bob.hasTold(t, g, "one", "from the second")

	cert := bob.without(t, stolen.acc.Device)
	bob.publishAs(t, cert)
	_, _, err := ann.peer(t.Context(), bob.acc.Fingerprint, 0)
	must(t, err)
	last := ann.tells(t, g, "after", clientrpc.StateStored)
	bob.hasTold(t, g, "one", "from the second", "after")
	e := ann.epochCopy(t, g, ann.epochNamed(t, g, last))
	if e.Record.Index(stolen.acc.Device) >= 0 || e.Record.Index(bob.acc.Device) < 0 {
		t.Error("the epoch after the revocation is not for who is left")
	}
	// It goes on in the epoch that it has, and opens one of its own.
	for _, have := range stolen.keys(t, g) {
		if have.Record.Hash() == e.Record.Hash() {
			t.Fatal("the revoked device has the new epoch")
		}
		if have.Record.Index(stolen.acc.Device) < 0 {
			continue
		}
		content, err := chat.NewText("stolen").Raw()
		must(t, err)
		id, err := stolen.newID()
		must(t, err)
		payload, err := have.SealMessage(t.Context(), stolen.identity().Signer, &secure.Message{ID: id, Time: time.Now(), Content: content})
		must(t, err)
		stolen.slipsAs(t, ann, id, payload)
	}
	plan := &secure.Plan{Chat: g.room().chat, Heads: stolen.headsOf(t, g), Readers: []secure.Reader{p.reader(t, ann), p.reader(t, stolen)}}
	theirs := stolen.opens(t, ann, plan)
	ann.tells(t, g, "end", clientrpc.StateStored)
	bob.tells(t, g, "bye", clientrpc.StateStored)
	ann.hasTold(t, g, "one", "from the second", "after", "end", "bye")
	if slices.ContainsFunc(ann.keys(t, g), func(e *secure.Epoch) bool { return e.Record.Hash() == theirs.Record.Hash() }) {
		t.Error("an epoch of a revoked device was taken")
	}
	if got := stolen.circleTexts(t, g); slices.Contains(got, "after") || slices.Contains(got, "end") {
		t.Errorf("the revoked device reads on: %q", got)
	}
}
