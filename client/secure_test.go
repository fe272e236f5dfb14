package client

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
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

// kindOf is the first octet of an envelope's payload.
func kindOf(env []byte) byte {
	v, err := wire.ParseEnvelope(env)
	if err != nil {
		return 0
	}
	return v.Payload()[0]
}

func (s *somebody) info(t *testing.T, with *somebody) clientrpc.SecureChat {
	t.Helper()
	r, err := clientrpc.ShowSecure.Call(t.Context(), s.Client, clientrpc.SecureRef{Peer: with.acc.Fingerprint.String()})
	must(t, err)
	return r
}

func (s *somebody) hasSecret(t *testing.T, with *somebody, texts ...string) {
	t.Helper()
	until(t, s.acc.Name+" has the texts", func() bool {
		got := s.secretTexts(t, with)
		return len(got) >= len(texts)
	})
	if got := s.secretTexts(t, with); !slices.Equal(got, texts) {
		t.Errorf("%s has %q, want %q", s.acc.Name, got, texts)
	}
}

// TestSecureChat: two people write to each other in secret. It is another chat than
// their normal one, everything in it is sealed as its clauses say, and it has what a
// chat has.
func TestSecureChat(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	first := ann.say(t, bob, "密語一", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "密語一")
	bob.say(t, ann, "回覆", clientrpc.StateDelivered)
	ann.hasSecret(t, bob, "密語一", "回覆")
	if got := ann.texts(t, bob.acc.Fingerprint); len(got) != 0 {
		t.Errorf("in the normal chat there is %q", got)
	}
	p.edit(func() {
		for _, env := range p.got[wire.TypeSend] {
			if k := kindOf(env); k < secure.PayloadWrap || k > secure.PayloadMessage {
				t.Errorf("a payload of kind %d travelled", k)
			}
		}
	})

	// It is read, edited, answered, and found.
	r, err := clientrpc.Receive.Call(t.Context(), bob.Client, clientrpc.ReceiveParams{Count: 1})
	must(t, err)
	if len(r.Messages) != 1 || !r.Messages[0].Secure || !r.Messages[0].Verified || r.Messages[0].Name != "ann" || r.Messages[0].ID != first {
		t.Fatalf("received %+v", r.Messages)
	}
	must(t, callOf(bob.Client, clientrpc.Confirm, clientrpc.ConfirmParams{IDs: []omega.ID{first}})())
	until(t, "read", func() bool { m, err := ann.shown(first); return err == nil && m.State == clientrpc.StateRead })
	ref := clientrpc.MessageRef{Message: first}
	must(t, callOf(ann.Client, clientrpc.Edit, clientrpc.EditParams{ID: omega.ID{1}, MessageRef: ref, Text: "密語二"})())
	must(t, callOf(bob.Client, clientrpc.React, clientrpc.ReactParams{ID: omega.ID{2}, MessageRef: ref, Emoji: []string{"👍"}})())
	secret := secure.Direct(ann.acc.Fingerprint, bob.acc.Fingerprint).String()
	must(t, callOf(bob.Client, clientrpc.Send, clientrpc.SendParams{ID: omega.ID{3}, To: secret, Text: "答", Reply: &clientrpc.ReplyTo{Message: first, Quote: "密語"}})())
	until(t, "edited, answered and reacted to", func() bool {
		b, err := bob.shown(first)
		a, err2 := ann.shown(first)
		m, err3 := ann.shown(omega.ID{3})
		return err == nil && err2 == nil && err3 == nil && b.Text == "密語二" && len(a.Reactions) == 1 && m.Reply != nil && m.Reply.Message == first && m.Reply.Exact
	})
	found, err := clientrpc.Search.Call(t.Context(), bob.Client, clientrpc.SearchParams{Text: "密語二"})
	if err != nil || len(found.Messages) != 1 || !found.Messages[0].Secure {
		t.Errorf("found %+v, %v", found, err)
	}
	must(t, callOf(ann.Client, clientrpc.Remove, clientrpc.RemoveParams{ID: omega.ID{4}, Messages: []omega.ID{first}})())
	until(t, "taken back", func() bool { m, err := bob.shown(first); return err == nil && m.Deleted && m.Text == "" })

	// What does not belong there is refused.
	file := clientrpc.SendFileParams{ID: omega.ID{5}, To: secret, Paths: []string{"x"}, Unsigned: true}
	wantCode(t, "a file that is not signed", callOf(ann.Client, clientrpc.SendFile, file)(), clientrpc.CodeUsage)
	forward := clientrpc.ForwardParams{ID: omega.ID{6}, MessageRef: clientrpc.MessageRef{Message: omega.ID{3}}, To: bob.acc.Fingerprint.String()}
	wantCode(t, "sent on into a normal chat", callOf(ann.Client, clientrpc.Forward, forward)(), clientrpc.CodeRefused)
	self := clientrpc.SendParams{ID: omega.ID{7}, To: ann.acc.Fingerprint.String(), Text: "x", Secure: true}
	wantCode(t, "with oneself", callOf(ann.Client, clientrpc.Send, self)(), clientrpc.CodeUsage)

	info := ann.info(t, bob)
	if !info.Open || len(info.Epochs) != 1 || len(info.Devices) != 2 || info.Waiting != 0 {
		t.Errorf("%+v", info)
	}
	for _, d := range info.Devices {
		if d.Keys != "once" && d.Keys != "chat" {
			t.Errorf("device %s has the keys by %q", d.Device, d.Keys)
		}
	}
}

// TestSecureAway: what is sent to a device that is away is there when it comes back,
// and so is what was written where nobody could be asked.
func TestSecureAway(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	bob.stop()
	for _, text := range []string{"一", "二", "三"} {
		ann.say(t, bob, text, clientrpc.StateStored)
	}
	bob.open(t)
	bob.hasSecret(t, ann, "一", "二", "三")
	must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
		n, err := tx.CountPrekeys(p.id.Account(), p.stocks[bob.acc.Device].Made)
		if n != wire.MaxStock {
			t.Errorf("%d secrets of prekeys are left, want %d", n, wire.MaxStock)
		}
		return err
	}))
}

// TestSecureHostile: a server repeats everything, turns the order around, and changes
// an octet in a copy of each envelope. Each text is there once, as it was written.
func TestSecureHostile(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	bob.stop()
	var want []string
	for _, text := range []string{"one", "two", "three", "four"} {
		ann.say(t, bob, text, clientrpc.StateStored)
		want = append(want, text)
	}
	p.edit(func() {
		var out [][]byte
		mails := p.boxes[bob.acc.Device].mails
		for i := range mails {
			env := mails[len(mails)-1-i]
			for _, at := range []int{1, 9, 40, len(env) - 60} { // of the payload, from its end
				changed := bytes.Clone(env)
				changed[len(changed)-at] ^= 1
				out = append(out, changed)
			}
			out = append(out, env, env)
		}
		p.boxes[bob.acc.Device].mails = out
	})
	bob.open(t)
	until(t, "all is there", func() bool { return len(bob.secretTexts(t, ann)) >= len(want) })
	bob.say(t, ann, "got it", clientrpc.StateDelivered)
	if got := bob.secretTexts(t, ann)[:4]; len(bob.secretTexts(t, ann)) != 5 || !sameSet(got, want) {
		t.Errorf("bob has %q", bob.secretTexts(t, ann))
	}
	page, err := clientrpc.History.Call(t.Context(), bob.Client, clientrpc.HistoryParams{Chat: clientrpc.SecurePrefix + ann.acc.Fingerprint.String()})
	must(t, err)
	for i, m := range page.Messages[:4] {
		if m.Text != want[i] || !m.Verified {
			t.Errorf("message %d is %q", i, m.Text)
		}
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestSecureLost: an epoch's record, its wraps, or a message do not arrive. The reader
// asks, and has everything in the end.
func TestSecureLost(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind byte
		nth  int
	}{{"record", secure.PayloadRecord, 1}, {"wraps", secure.PayloadWrap, 1}, {"message", secure.PayloadMessage, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPost(t)
			ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
			seen, dropped := 0, false
			p.edit(func() {
				p.pass = func(device omega.Fingerprint, env []byte) [][]byte {
					if device == bob.acc.Device && kindOf(env) == tt.kind {
						if seen++; seen == tt.nth {
							dropped = true
							return nil
						}
					}
					return [][]byte{env}
				}
			})
			for _, text := range []string{"a", "b", "c"} {
				ann.say(t, bob, text, clientrpc.StateStored)
			}
			until(t, "all is there", func() bool { return sameSet(bob.secretTexts(t, ann), []string{"a", "b", "c"}) })
			p.edit(func() {
				if !dropped {
					t.Error("nothing was lost")
				}
			})
			until(t, "nothing is missing", func() bool {
				ok := bob.info(t, ann).Waiting == 0
				must(t, bob.db.View(t.Context(), func(tx *history.Tx) error {
					wants, err := bob.wantsOfSecure(tx)
					ok = ok && len(wants) == 0
					return err
				}))
				return ok
			})
		})
	}
}

// TestSecureUnopenable: a reader whose prekeys are gone cannot open the epoch. What was
// sent in it is sent again in another, for keys that it has.
func TestSecureUnopenable(t *testing.T) {
	p := newPost(t)
	clock := &drift{}
	ann := p.newSomebody(t, "ann", func(c *Config) { c.Clock = clock.now })
	bob := p.newSomebody(t, "bob", func(c *Config) { c.Clock = clock.now })
	bob.stop()
	ann.say(t, bob, "for a key that is lost", clientrpc.StateStored)
	clock.move(secure.OpenPause + time.Minute) // ann may open another
	p.skew.Store(clock.ahead.Load())
	db, err := history.Open(t.Context(), bob.cfg.Home+"/"+fileHistory)
	must(t, err)
	must(t, db.Update(t.Context(), func(tx *history.Tx) error {
		_, err := tx.DropOldPrekeys(time.Now(), time.Now().Add(time.Hour))
		return err
	}))
	must(t, db.Close())
	p.edit(func() { delete(p.stocks, bob.acc.Device) })
	bob.open(t)
	bob.hasSecret(t, ann, "for a key that is lost")
	if info := ann.info(t, bob); len(info.Epochs) < 1 || info.Epochs[0].Epoch != 1 {
		t.Errorf("%+v", info.Epochs)
	}
	bob.say(t, ann, "thanks", clientrpc.StateDelivered)
}

// TestSecureWithoutPrekeys: nothing is sent to somebody without prekeys, unless the user
// agreed to less; then it is shown.
func TestSecureWithoutPrekeys(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	p.edit(func() {
		delete(p.stocks, bob.acc.Device)
		p.mute = func(f wire.Frame) bool { return f.Type == wire.TypePrekeyPut }
	})
	params := clientrpc.SendParams{ID: omega.ID{1}, To: bob.acc.Fingerprint.String(), Text: "x", Secure: true, Timeout: time.Minute}
	before := len(p.frames(wire.TypeSend))
	wantCode(t, "without a key", callOf(ann.Client, clientrpc.Send, params)(), clientrpc.CodeKey)
	if n := len(p.frames(wire.TypeSend)); n != before {
		t.Errorf("%d envelopes left", n-before)
	}
	yes := true
	r, err := clientrpc.StartSecure.Call(t.Context(), ann.Client, clientrpc.StartSecureParams{SecureRef: clientrpc.SecureRef{Peer: params.To}, Classic: &yes})
	must(t, err)
	if i := slices.IndexFunc(r.Devices, func(d clientrpc.SecureDevice) bool { return d.Device == bob.acc.Device }); !r.Open || !r.Classic || i < 0 || r.Devices[i].Keys != "classic" {
		t.Errorf("%+v", r)
	}
	ann.say(t, bob, "weaker", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "weaker")
}

// TestSecureDevices: every device of both accounts reads; one that is added reads from
// the next epoch on, one that is revoked does not.
func TestSecureDevices(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.say(t, bob, "before", clientrpc.StateDelivered)
	bob2 := bob.second(t)
	ann.look(t, bob.acc.Fingerprint)
	ann.say(t, bob, "to both", clientrpc.StateDelivered)
	until(t, "the new device has it", func() bool { return slices.Equal(bob2.secretTexts(t, ann), []string{"to both"}) })
	bob.hasSecret(t, ann, "before", "to both")
	bob2.say(t, ann, "from the second", clientrpc.StateDelivered)
	ann.hasSecret(t, bob, "before", "to both", "from the second")
	bob.hasSecret(t, ann, "before", "to both", "from the second")
	page, err := clientrpc.History.Call(t.Context(), bob.Client, clientrpc.HistoryParams{Chat: clientrpc.SecurePrefix + ann.acc.Fingerprint.String()})
	must(t, err)
	if m := page.Messages[2]; m.From != bob.acc.Fingerprint || m.State == "" || !m.Secure {
		t.Errorf("the other device's message is %+v", m)
	}

	revoked := bob.without(t, bob2.acc.Device)
	bob.publishAs(t, revoked)
	ann.look(t, bob.acc.Fingerprint)
	epochs := len(ann.info(t, bob).Epochs)
	ann.say(t, bob, "not for the second", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "before", "to both", "from the second", "not for the second")
	info := ann.info(t, bob)
	if len(info.Devices) != 2 || info.Epochs[0].Epoch < uint32(epochs)-1 {
		t.Errorf("%+v", info)
	}
	for _, e := range ann.epochs(t, bob) {
		if e.Record.Hash().String() == info.Epochs[0].Name && e.Record.Index(bob2.acc.Device) >= 0 {
			t.Error("the revoked device is in the new epoch")
		}
	}
	if slices.Contains(bob2.secretTexts(t, ann), "not for the second") {
		t.Error("the revoked device reads on")
	}
}

// TestSecureDeviceLate: what is sent before a new device has prekeys it is given when it
// asks.
func TestSecureDeviceLate(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.say(t, bob, "before", clientrpc.StateDelivered)
	bob2 := bob.second(t)
	p.edit(func() { delete(p.stocks, bob2.acc.Device) })
	ann.look(t, bob.acc.Fingerprint)
	ann.say(t, bob, "too early for the second", clientrpc.StateDelivered)
	if n := len(ann.epochs(t, bob)); n != 1 {
		t.Fatalf("%d epochs", n)
	}
	s, err := bob2.online()
	must(t, err)
	must(t, bob2.tendStock(t.Context(), s, p.id.Account()))
	until(t, "the new device has it", func() bool { return slices.Equal(bob2.secretTexts(t, ann), []string{"too early for the second"}) })
	bob.hasSecret(t, ann, "before", "too early for the second")
}

// TestSecureKeysDie: an epoch ends by its time; when both sides have said so, and all is
// read, its keys are gone, from the database and from its log.
func TestSecureKeysDie(t *testing.T) {
	p := newPost(t)
	clock := &drift{}
	ann := p.newSomebody(t, "ann", func(c *Config) { c.Clock = clock.now })
	bob := p.newSomebody(t, "bob", func(c *Config) { c.Clock = clock.now })
	ann.say(t, bob, "one", clientrpc.StateDelivered)
	bob.say(t, ann, "two", clientrpc.StateDelivered)
	secrets := map[*somebody][][]byte{}
	for _, s := range []*somebody{ann, bob} {
		state := s.epochs(t, map[*somebody]*somebody{ann: bob, bob: ann}[s])[0].Marshal()
		secrets[s] = [][]byte{state[1:33], state[33:65], state[65:97]} // record, header and tag key
		if !s.onDisk(t, secrets[s][0]) {
			t.Fatal("the search does not find a key that is there")
		}
	}
	clock.move(secure.MaxAge + time.Minute)
	p.skew.Store(clock.ahead.Load())
	old := ann.info(t, bob).Epochs[0].Name
	ann.say(t, bob, "three", clientrpc.StateDelivered)
	bob.say(t, ann, "four", clientrpc.StateDelivered)
	ann.hasSecret(t, bob, "one", "two", "three", "four")
	for s, with := range map[*somebody]*somebody{ann: bob, bob: ann} {
		until(t, s.acc.Name+" destroyed the old epoch", func() bool {
			info := s.info(t, with)
			return len(info.Epochs) == 1 && info.Epochs[0].Epoch == 1 && info.Epochs[0].Name != old
		})
		until(t, s.acc.Name+" has its keys nowhere", func() bool {
			return !slices.ContainsFunc(secrets[s], func(k []byte) bool { return s.onDisk(t, k) })
		})
	}

	// The epoch does not come back, and its messages are not read again.
	p.edit(func() {
		b := p.boxes[bob.acc.Device]
		b.mails = append(b.mails, b.mails[:3]...)
	})
	bob.say(t, ann, "five", clientrpc.StateDelivered)
	ann.say(t, bob, "six", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "one", "two", "three", "four", "five", "six")
	if n := len(bob.info(t, ann).Epochs); n != 1 {
		t.Errorf("%d epochs", n)
	}
}

// onDisk reports whether octets stand in the files of a home's database.
func (s *somebody) onDisk(t *testing.T, octets []byte) bool {
	t.Helper()
	for _, end := range []string{"-wal", ""} { // what leaves the log meanwhile is in the database then
		b, err := os.ReadFile(filepath.Join(s.cfg.Home, fileHistory+end))
		if err == nil && bytes.Contains(b, octets) {
			return true
		}
	}
	return false
}

// TestSecureEnd: who ends a secure chat destroys its keys at once, and has the other side
// do so. It begins again with other keys.
func TestSecureEnd(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.say(t, bob, "one", clientrpc.StateDelivered)
	// People and devices are called here as everywhere.
	_, err := clientrpc.NameContact.Call(t.Context(), ann.Client, clientrpc.NameContactParams{ContactRef: clientrpc.ContactRef{Account: bob.acc.Fingerprint.String()}, Petname: "小波"})
	must(t, err)
	_, err = clientrpc.Rename.Call(t.Context(), ann.Client, clientrpc.RenameParams{Device: ann.acc.Device, Name: "書房"})
	must(t, err)
	list, err := clientrpc.SecureChats.Call(t.Context(), ann.Client, clientrpc.Page{})
	must(t, err)
	one, err := clientrpc.ShowSecure.Call(t.Context(), ann.Client, clientrpc.SecureRef{Peer: "小波"})
	must(t, err)
	if own := slices.IndexFunc(one.Devices, func(d clientrpc.SecureDevice) bool { return d.Device == ann.acc.Device }); one.Name != "小波" || list.Chats[0].Name != "小波" || own < 0 || one.Devices[own].Name != "書房" {
		t.Errorf("called %q and %q, devices %+v", one.Name, list.Chats[0].Name, one.Devices)
	}
	key := bob.epochs(t, ann)[0].Marshal()[1:33]
	r, err := clientrpc.EndSecure.Call(t.Context(), ann.Client, clientrpc.SecureRef{Peer: bob.acc.Fingerprint.String()})
	must(t, err)
	if r.Open || len(r.Epochs) != 0 || r.Ended.IsZero() {
		t.Errorf("%+v", r)
	}
	until(t, "the other side has ended it too", func() bool { i := bob.info(t, ann); return len(i.Epochs) == 0 && !i.Ended.IsZero() })
	p.edit(func() { // other homes have it as well
		b := p.boxes[bob.acc.Device]
		b.mails = append(b.mails, b.mails...)
	})
	until(t, "the keys are gone", func() bool { return !bob.onDisk(t, key) && !ann.onDisk(t, key) })
	must(t, callOf(ann.Client, clientrpc.EndSecure, clientrpc.SecureRef{Peer: bob.acc.Fingerprint.String()})()) // again: nothing more is said
	for _, s := range []*somebody{ann, bob} {
		id := s.secureChat(map[*somebody]*somebody{ann: bob, bob: ann}[s].acc.Fingerprint)
		list, err := clientrpc.History.Call(t.Context(), s.Client, clientrpc.HistoryParams{Chat: id.String()})
		must(t, err)
		var said []string
		for _, m := range list.Messages {
			if m.Service && m.From == ann.acc.Fingerprint && m.Mine == (s == ann) {
				said = append(said, m.Kind)
			}
		}
		if !slices.Equal(said, []string{history.LineSecureEnded}) {
			t.Errorf("the chat of %s says %v of its end", s.acc.Name, said)
		}
		one, err := clientrpc.OneChat.Call(t.Context(), s.Client, clientrpc.ChatRef{Chat: id.String()})
		if err != nil || one.Ended.IsZero() || one.Last == nil || one.Last.Kind != history.LineSecureEnded {
			t.Errorf("the chat of %s: %+v, %v", s.acc.Name, one, err)
		}
	}
	bob.say(t, ann, "two", clientrpc.StateDelivered)
	if one, err := clientrpc.OneChat.Call(t.Context(), bob.Client, clientrpc.ChatRef{Chat: bob.secureChat(ann.acc.Fingerprint).String()}); err != nil || !one.Ended.IsZero() {
		t.Errorf("begun again: %+v, %v", one, err)
	}
	ann.hasSecret(t, bob, "one", "two")
	if i := ann.info(t, bob); !i.Open || !i.Ended.IsZero() || bob.info(t, ann).Waiting != 0 {
		t.Errorf("%+v", i)
	}
}

// TestSecureCopy: a home directory that may be a copy does not send in an epoch that it
// had: two copies would use one key for two messages.
func TestSecureCopy(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.say(t, bob, "one", clientrpc.StateDelivered)
	must(t, ann.db.Update(t.Context(), func(tx *history.Tx) error { return ann.leap(tx, "a test says so") }))
	ann.say(t, bob, "two", clientrpc.StateDelivered)
	bob.hasSecret(t, ann, "one", "two")
	if e := ann.info(t, bob).Epochs; e[0].Epoch != 1 || !e[0].Current {
		t.Errorf("%+v", e)
	}
}

// TestSecureBothBegin: both begin at once. All is read, and they go on in one epoch.
func TestSecureBothBegin(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	release := p.hold(t) // what each sends the other first
	ann.say(t, bob, "from ann", clientrpc.StateStored)
	bob.say(t, ann, "from bob", clientrpc.StateStored)
	release()
	until(t, "both have both", func() bool { return len(ann.secretTexts(t, bob)) == 2 && len(bob.secretTexts(t, ann)) == 2 })
	ann.say(t, bob, "next of ann", clientrpc.StateDelivered)
	bob.say(t, ann, "next of bob", clientrpc.StateDelivered)
	current := func(s, with *somebody) string {
		for _, e := range s.info(t, with).Epochs {
			if e.Current {
				return e.Name
			}
		}
		return ""
	}
	if a, b := current(ann, bob), current(bob, ann); a != b || a == "" {
		t.Errorf("they send in %s and %s", a, b)
	}
}

// TestSecureCount: after as many messages as an epoch has there is another one, at once.
func TestSecureCount(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	_, err := clientrpc.AddContact.Call(t.Context(), bob.Client, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: ann.acc.Fingerprint.String()}}) // of strangers little is taken (CHAT-64)
	must(t, err)
	var want []string
	for i := range secure.MaxLimit + 5 {
		want = append(want, fmt.Sprint("text ", i))
		ann.say(t, bob, want[i], waitNone)
	}
	bob.hasSecret(t, ann, want...)
	if e := ann.info(t, bob).Epochs; e[0].Epoch != 1 || !e[0].Current {
		t.Errorf("%+v", e)
	}
}

// TestSecureScheduled: what is to be sent later in a secure chat is never sent in the
// normal one.
func TestSecureScheduled(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	r, err := clientrpc.Send.Call(t.Context(), ann.Client, clientrpc.SendParams{
		ID: omega.ID{1}, To: bob.acc.Fingerprint.String(), Text: "later", Secure: true, At: time.Now().Add(4 * time.Second),
	})
	if err != nil || r.State != clientrpc.StateScheduled || r.Chat != ann.secureChat(bob.acc.Fingerprint) {
		t.Fatalf("%+v, %v", r, err)
	}
	bob.hasSecret(t, ann, "later")
	p.edit(func() {
		for _, env := range p.got[wire.TypeSend] {
			if k := kindOf(env); k < secure.PayloadWrap || k > secure.PayloadMessage {
				t.Errorf("a payload of kind %d travelled", k)
			}
		}
	})
}

// TestSecureBlocked: what a blocked account sends in secret is not kept and has no
// receipt, and nothing is sent to it.
func TestSecureBlocked(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	ann.say(t, bob, "one", clientrpc.StateDelivered)
	block := clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: ann.acc.Fingerprint.String()}}
	must(t, callOf(bob.Client, clientrpc.BlockContact, block)())
	id := ann.say(t, bob, "two", clientrpc.StateStored)
	cat.say(t, bob, "hello", clientrpc.StateDelivered) // and what came before was taken
	bob.hasSecret(t, ann, "one")
	if m, err := ann.shown(id); err != nil || m.State != clientrpc.StateStored {
		t.Errorf("%+v, %v", m, err)
	}
	wantCode(t, "write to the blocked", callOf(bob.Client, clientrpc.Send, clientrpc.SendParams{ID: omega.ID{1}, To: ann.acc.Fingerprint.String(), Text: "x", Secure: true})(), clientrpc.CodeRefused)
	wantCode(t, "begin with the blocked", callOf(bob.Client, clientrpc.StartSecure, clientrpc.StartSecureParams{SecureRef: clientrpc.SecureRef{Peer: ann.acc.Fingerprint.String()}})(), clientrpc.CodeRefused)
}

// TestSecureIsNotGivenNormally: whoever asks in the normal chat for what was written in
// secret is given nothing: it would come under other keys.
func TestSecureIsNotGivenNormally(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	id := ann.say(t, bob, "one", clientrpc.StateDelivered)
	must(t, ann.db.View(t.Context(), func(tx *history.Tx) error {
		row, err := tx.Message(id)
		must(t, err)
		for _, from := range []omega.Fingerprint{bob.acc.Fingerprint, ann.acc.Fingerprint} {
			ask := &chat.ResendRequest{Chat: row.Chat, Device: ann.acc.Device, Sequences: []uint32{row.Sequence}}
			rows, err := ann.requested(t.Context(), tx, &chat.Message{From: from, Content: &chat.Content{Kind: chat.KindResend, Resend: ask}})
			if err != nil || len(rows) != 0 {
				t.Errorf("%s would get %d messages, %v", from, len(rows), err)
			}
		}
		return nil
	}))
}

// TestSecureEndUnsent: a text that waited for keys when its secure chat was ended is shown
// as not sent, and why.
func TestSecureEndUnsent(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	p.edit(func() { p.mute = func(f wire.Frame) bool { return f.Type == wire.TypePrekeyTake } })
	id := omega.ID{1}
	r, err := clientrpc.Send.Call(t.Context(), ann.Client, clientrpc.SendParams{ID: id, To: bob.acc.Fingerprint.String(), Text: "x", Secure: true, Wait: waitNone})
	if err != nil || r.State != clientrpc.StateQueued {
		t.Fatalf("%+v, %v", r, err)
	}
	must(t, callOf(ann.Client, clientrpc.EndSecure, clientrpc.SecureRef{Peer: bob.acc.Fingerprint.String()})())
	m, err := ann.shown(id)
	if err != nil || m.State != clientrpc.StateFailed || m.Why != whyEnded {
		t.Errorf("%+v, %v", m, err)
	}
	if e := ann.whyError("bob", m.Why); e == nil || e.Why.Key != "why.secureended" {
		t.Errorf("%+v", e)
	}
}
