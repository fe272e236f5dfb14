package chat

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A forgery is what somebody who has the session key can do: every reader has
// it. Its parts can be changed one by one before it is sealed.
type forgery struct {
	key       *Key
	id        omega.ID
	sequence  uint32
	previous  Link
	time      time.Time
	content   *Content
	signer    *device
	signature *pgp.Compact // nil: a good one by signer
	signedBy  omega.Fingerprint
}

// seal makes the arrival of a forgery.
func (f *forgery) seal(tb testing.TB) *Arrival {
	tb.Helper()
	raw, err := f.content.Raw()
	must(tb, err)
	t, err := f.key.transcript(f.id, f.sequence, f.previous, f.time, f.content, raw)
	must(tb, err)
	if !f.signedBy.IsZero() {
		t.Device = f.signedBy
	}
	in := inner{time: f.time, previous: f.previous, content: raw}
	if f.signature != nil {
		in.signature = *f.signature
	} else {
		in.signature, err = pgp.SignCompact(tb.Context(), f.signer.id.Signer, t.Bytes(), f.time)
		must(tb, err)
	}
	d, err := f.key.derive()
	must(tb, err)
	p := Payload{Kind: PayloadMessage, Locator: f.key.Locator, Sequence: f.sequence}
	payload, err := seal(p.appendTo(nil), d, f.key.seat(f.sequence), f.id, in.bytes())
	must(tb, err)
	return &Arrival{ID: f.id, Payload: payload, Now: testTime}
}

// rebuilt takes an honest message apart, to be changed and sealed again.
func rebuilt(s *Sealed, signer *device) *forgery {
	t, _ := ParseTranscript(s.Message.Transcript)
	return &forgery{key: s.Key, id: s.Message.ID, sequence: t.Sequence, previous: t.Previous, time: t.Time, content: s.Message.Content, signer: signer}
}

// TestMessageAttacks lets somebody with the session key change one thing of
// the second message. The reader marks it, and still takes the honest one.
func TestMessageAttacks(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one, two := s.text(t, roster, "one"), s.text(t, roster, "two")
	for _, tt := range []struct {
		name   string
		change func(f *forgery)
		want   Problem
	}{
		{"signature", func(f *forgery) { f.signature = &pgp.Compact{1} }, ProblemSignature},
		{"text", func(f *forgery) { f.signature, f.content = &two.Message.Signature, NewText("TWO") }, ProblemSignature},
		{"time", func(f *forgery) { f.signature, f.time = &two.Message.Signature, f.time.Add(time.Millisecond) }, ProblemSignature},
		{"hidden field", func(f *forgery) {
			f.signature, f.content = &two.Message.Signature, &Content{Kind: KindText, Text: "two", raw: append(raw(t, NewText("two")), 0x40, 1)}
		}, ProblemSignature},
		{"reader's signature", func(f *forgery) { f.signer = bob.devices[0] }, ProblemSignature},
		{"other device", func(f *forgery) { f.signer = alice.devices[1] }, ProblemDevice},
		{"other device's name", func(f *forgery) { f.signer, f.signedBy = alice.devices[1], alice.devices[1].id.Device() }, ProblemDevice},
		{"old signature, new id", func(f *forgery) { f.signature, f.id = &one.Message.Signature, omega.ID{9} }, ProblemReplay},
		{"old message, new id", func(f *forgery) {
			*f = *rebuilt(one, nil)
			f.signature, f.id = &one.Message.Signature, omega.ID{9}
		}, ProblemReplay},
		{"old message, new sequence", func(f *forgery) {
			*f = *rebuilt(one, nil)
			f.signature, f.sequence = &one.Message.Signature, 2
		}, ProblemReplay},
		{"other content for sequence 1", func(f *forgery) { f.sequence, f.previous = 1, Link{} }, ProblemReplay},
		{"other past", func(f *forgery) { f.previous[0]++ }, ProblemReplay},
		{"no past", func(f *forgery) { f.previous = Link{} }, ProblemReplay},
		{"ahead", func(f *forgery) { f.time = testTime.Add(omega.ClockTolerance + time.Millisecond) }, ProblemClock},
		{"before its key", func(f *forgery) { f.time = testTime.Add(-omega.ClockTolerance - time.Millisecond) }, ProblemClock},
		{"almost ahead", func(f *forgery) { f.time = testTime.Add(omega.ClockTolerance) }, ProblemNone},
		{"almost before", func(f *forgery) { f.time = testTime.Add(-omega.ClockTolerance) }, ProblemNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reader := w.device(t, bob, bob.devices[0].secrets)
			wantMessage(t, reader.receive(t, one, testTime), ProblemNone)
			f := rebuilt(two, alice.devices[0])
			tt.change(f)
			a := f.seal(t)
			m := wantMessage(t, reader.open(t, a), tt.want)
			if m.Content.Text == "" || m.Chat != roster.Chat {
				t.Errorf("text %q in chat %s is not shown", m.Content.Text, m.Chat)
			}
			for _, checked := range []*Checked{reader.checkAhead(t, a), reader.checkAhead(t, two.arrivals(testTime)[0])} {
				other := w.device(t, bob, bob.devices[0].secrets)
				wantMessage(t, other.receive(t, one, testTime), ProblemNone)
				a.Checked = checked
				wantMessage(t, other.open(t, a), tt.want)
			}
			if tt.want != ProblemNone && tt.want != ProblemClock {
				wantMessage(t, reader.receive(t, two, testTime), ProblemNone)
			}
		})
	}
}

func raw(tb testing.TB, c *Content) []byte {
	tb.Helper()
	b, err := c.Raw()
	must(tb, err)
	return b
}

// TestFork lets a device sign two messages for one sequence: whichever comes
// second is marked, also when the one after shows it first.
func TestFork(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one := s.text(t, roster, "one")
	before := s.State()
	two, three := s.text(t, roster, "two"), s.text(t, roster, "three")
	s2, err := NewSender(alice.devices[0].id, seeded(7), "小明", before)
	must(t, err)
	fork := s2.text(t, roster, "zwei")

	d := bob.devices[0]
	d.receive(t, one, testTime)
	wantMessage(t, d.receive(t, three, testTime), ProblemNone)
	wantMessage(t, d.receive(t, fork, testTime), ProblemReplay)
	wantMessage(t, d.receive(t, two, testTime), ProblemNone)
	wantMessage(t, d.receive(t, fork, testTime), ProblemReplay)
}

func TestExactDuplicates(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster, d := alice.sender(t, bob), alice.roster(t, bob), bob.devices[0]
	sealed := s.text(t, roster, "x")
	wantMessage(t, d.receive(t, sealed, testTime), ProblemNone)
	if r := d.receive(t, sealed, testTime.Add(time.Hour)); r.Verdict != VerdictDuplicate || r.Message.Verified {
		t.Errorf("verdict %v", r.Verdict)
	}
	// What a device sent comes back to it as a duplicate too.
	must(t, sealed.Remember(t.Context(), alice.devices[0].store))
	a := sealed.arrivals(testTime)
	if r := alice.devices[0].open(t, a[len(a)-1]); r.Verdict != VerdictDuplicate {
		t.Errorf("own message: %v", r.Verdict)
	}
}

// TestServerAttacks changes what servers see: nothing of it becomes a message.
// As long as the true one was not seen it is asked for.
func TestServerAttacks(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one, two := s.text(t, roster, "one"), s.text(t, roster, "two")
	for _, tt := range []struct {
		name   string
		change func(a *Arrival)
		want   error
	}{
		{"id", func(a *Arrival) { a.ID[0]++ }, ErrUnsealed},
		{"sequence", func(a *Arrival) { a.Payload[12]++ }, ErrUnsealed},
		{"ciphertext", func(a *Arrival) { a.Payload[20]++ }, ErrUnsealed},
		{"tag", func(a *Arrival) { a.Payload[len(a.Payload)-1]++ }, ErrUnsealed},
		{"cut", func(a *Arrival) { a.Payload = a.Payload[:len(a.Payload)-1] }, ErrUnsealed},
		{"cut short", func(a *Arrival) { a.Payload = a.Payload[:50] }, ErrMalformed},
		{"empty", func(a *Arrival) { a.Payload = nil }, ErrMalformed},
		{"kind", func(a *Arrival) { a.Payload[0] = 7 }, ErrMalformed},
		{"key record", func(a *Arrival) { a.Payload[0] = 1 }, pgp.ErrMalformed},
	} {
		d := w.device(t, bob, bob.devices[0].secrets)
		d.receive(t, one, testTime)
		a := &Arrival{ID: two.Message.ID, Payload: bytes.Clone(two.Payload), Now: testTime}
		tt.change(a)
		verdict := VerdictRefused
		if tt.want == ErrUnsealed {
			verdict = VerdictNeedKey
		}
		if r := d.open(t, a); r.Verdict != verdict || !errors.Is(r.Reason, tt.want) || r.Message != nil {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, r.Verdict, r.Reason, verdict, tt.want)
		}
		wantMessage(t, d.receive(t, two, testTime), ProblemNone)
		if r := d.open(t, a); tt.name != "sequence" && r.Verdict != VerdictRefused {
			t.Errorf("%s, after the true one: %v", tt.name, r.Verdict)
		}
	}
}

// TestForwarded lets Bob pass on Alice's key and messages to Carol: he has the
// session key, and wraps it for her. (Surreptitious forwarding.)
func TestForwarded(t *testing.T) {
	w := world{}
	alice, bob, carol := w.person(t, 1, 1), w.person(t, 2, 1), w.person(t, 3, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	sealed := s.text(t, roster, "I will pay you")
	record := resigned(t, sealed.Key, alice.devices[0], carol.devices[0])
	d := carol.devices[0]
	if r := d.open(t, record); r.Verdict != VerdictKey || r.Key.Problem != ProblemForwarded {
		t.Fatalf("key record: %v, %q (%v)", r.Verdict, r.Key.Problem, r.Reason)
	}
	a := sealed.arrivals(testTime)
	m := wantMessage(t, d.open(t, a[1]), ProblemForwarded)
	if m.Chat != omega.DirectChat(alice.fp(), carol.fp()) || m.Peer != alice.fp() {
		t.Errorf("shown in %s with %s", m.Chat, m.Peer)
	}
	// A list with Carol in it does not help: then the chat is another.
	k := *sealed.Key
	k.Members, k.membersHash = w.person(t, 3, 1).roster(t, alice).members, Hash{}
	record = resigned(t, &k, alice.devices[0], carol.devices[0])
	if r := w.device(t, carol, carol.devices[0].secrets).open(t, record); r.Key == nil || r.Key.Problem != ProblemForwarded {
		t.Errorf("other list: %v (%v)", r.Verdict, r.Reason)
	}
	// An old device of Bob that the list leaves out is no reader either.
	added := w.person(t, 9, 1).devices[0].secrets
	bob.bind(t, added, testTime.Add(-time.Hour))
	late := w.device(t, bob, added)
	if r := late.open(t, resigned(t, sealed.Key, alice.devices[0], late)); r.Key == nil || r.Key.Problem != ProblemForwarded {
		t.Errorf("device outside the list: %v (%v)", r.Verdict, r.Reason)
	}
}

// resigned wraps a key for one reader, as signer signs it.
func resigned(tb testing.TB, k *Key, signer, reader *device) *Arrival {
	tb.Helper()
	msg, err := pgp.SealRecord(tb.Context(), seeded(44), signer.id.Signer,
		[]*pgp.PublicKey{reader.id.Decrypter.Public()}, k.Secret[:], k.Text(), k.Time)
	must(tb, err)
	p := Payload{Kind: PayloadKey, Locator: k.Locator, Body: msg}
	return &Arrival{ID: omega.ID{1}, Payload: p.appendTo(nil), Now: testTime}
}

// TestKeyRecordAttacks: what is inside a record must fit what is around it.
func TestKeyRecordAttacks(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	honest := s.text(t, roster, "x")
	for _, tt := range []struct {
		name   string
		change func(k *Key, p *Payload, signer **device)
	}{
		{"locator outside", func(k *Key, p *Payload, _ **device) { p.Locator[0]++ }},
		{"commitment", func(k *Key, _ *Payload, _ **device) { k.Commitment[0]++ }},
		{"session key", func(k *Key, _ *Payload, _ **device) { k.Secret[0]++ }},
		{"other device signs", func(_ *Key, _ *Payload, signer **device) { *signer = alice.devices[1] }},
		{"reader signs", func(_ *Key, _ *Payload, signer **device) { *signer = bob.devices[0] }},
		{"epoch 0", func(k *Key, _ *Payload, _ **device) { k.Epoch = 0 }},
		{"first 0", func(k *Key, _ *Payload, _ **device) { k.First = 0 }},
		{"hash", func(k *Key, _ *Payload, _ **device) { k.membersHash[0]++ }},
		{"name", func(k *Key, _ *Payload, _ **device) { k.Profile = "a\u202eb" }},
		{"name with a line", func(k *Key, _ *Payload, _ **device) { k.Profile = "a\nProfile-Name: b" }},
		{"sender not listed", func(k *Key, _ *Payload, _ **device) { k.Device = bob.devices[0].id.Device() }},
		{"no members", func(k *Key, _ *Payload, _ **device) { k.Members, k.membersHash = nil, Hash{} }},
		{"members in disorder", func(k *Key, _ *Payload, _ **device) {
			k.Members, k.membersHash = []Member{k.Members[1], k.Members[0]}, Hash{}
		}},
		{"member twice", func(k *Key, _ *Payload, _ **device) {
			k.Members, k.membersHash = []Member{k.Members[0], k.Members[0], k.Members[1]}, Hash{}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, signer := *honest.Key, alice.devices[0]
			p := Payload{Kind: PayloadKey, Locator: k.Locator}
			tt.change(&k, &p, &signer)
			var err error
			p.Body, err = pgp.SealRecord(t.Context(), seeded(44), signer.id.Signer,
				[]*pgp.PublicKey{bob.devices[0].id.Decrypter.Public()}, k.Secret[:], k.Text(), k.Time)
			must(t, err)
			d := w.device(t, bob, bob.devices[0].secrets)
			r := d.open(t, &Arrival{Payload: p.appendTo(nil), Now: testTime})
			if r.Verdict != VerdictRefused || r.Key != nil {
				t.Errorf("%v, want refused", r.Verdict)
			}
		})
	}
}

// TestShadowedLocator lets Mallory use Alice's locator for her own key to Bob,
// before and after Alice's comes: Alice's messages still open.
func TestShadowedLocator(t *testing.T) {
	w := world{}
	alice, bob, mallory := w.person(t, 1, 1), w.person(t, 2, 1), w.person(t, 3, 1)
	honest := alice.sender(t, bob).text(t, alice.roster(t, bob), "from Alice")
	theirs := mallory.sender(t, bob).text(t, mallory.roster(t, bob), "from Mallory").Key
	for _, first := range []bool{true, false} {
		d := w.device(t, bob, bob.devices[0].secrets)
		a := honest.arrivals(testTime)
		if !first {
			d.open(t, a[0])
		}
		for i := range maxShadows + 3 {
			k := *theirs
			k.Locator, k.Secret = honest.Key.Locator, SessionKey{byte(i)}
			keys, err := k.Secret.derive()
			must(t, err)
			k.Commitment = keys.commitment
			d.open(t, resigned(t, &k, mallory.devices[0], d))
			if first && i == 2 {
				d.open(t, a[0])
			}
		}
		if m := wantMessage(t, d.open(t, a[1]), ProblemNone); m.From != alice.fp() {
			t.Errorf("from %s", m.From)
		}
		if keys, _ := d.store.Keys(t.Context(), honest.Key.Locator); len(keys) > maxShadows+1 {
			t.Errorf("%d keys under one locator", len(keys))
		}
	}
}

// TestHiddenByShadow has Mallory's key under Alice's locator come first, and
// Alice's message before Alice's key: it waits for its key.
func TestHiddenByShadow(t *testing.T) {
	w := world{}
	alice, bob, mallory := w.person(t, 1, 1), w.person(t, 2, 1), w.person(t, 3, 1)
	honest := alice.sender(t, bob).text(t, alice.roster(t, bob), "from Alice")
	k := *mallory.sender(t, bob).text(t, mallory.roster(t, bob), "from Mallory").Key
	k.Locator = honest.Key.Locator
	d, a := bob.devices[0], honest.arrivals(testTime)
	if r := d.open(t, resigned(t, &k, mallory.devices[0], d)); r.Verdict != VerdictKey || r.Key.Problem != ProblemNone {
		t.Fatalf("Mallory's key: %v", r.Verdict)
	}
	if r := d.open(t, a[1]); r.Verdict != VerdictNeedKey || r.Locator != k.Locator || !errors.Is(r.Reason, ErrUnsealed) {
		t.Fatalf("Alice's message: %v (%v), want need key", r.Verdict, r.Reason)
	}
	d.open(t, a[0])
	wantMessage(t, d.open(t, a[1]), ProblemNone)
}

// TestBadRecordSignature marks the record and its messages, until the good
// record comes. (Nothing here can make such a record, so it is damaged after
// it was opened.)
func TestBadRecordSignature(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	sealed := alice.sender(t, bob).text(t, alice.roster(t, bob), "x")
	d, a := bob.devices[0], sealed.arrivals(testTime)
	p, err := ParsePayload(sealed.KeyRecord)
	must(t, err)
	record, err := pgp.OpenRecord(t.Context(), d.id.Decrypter, p.Body)
	must(t, err)
	record.Sig[10]++
	k, err := readKey(record, p.Locator)
	must(t, err)
	who, err := d.recv.signer(t.Context(), k.From, k.Device, a[0])
	must(t, err)
	if k.Problem = d.recv.judgeKey(who, record, k); k.Problem != ProblemSignature {
		t.Fatalf("problem %q", k.Problem)
	}
	r, err := d.recv.takeKey(t.Context(), d.store, k, true)
	if err != nil || r.Verdict != VerdictKey || r.Track != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	wantMessage(t, d.open(t, a[1]), ProblemSignature)
	d.open(t, a[0])
	wantMessage(t, d.open(t, a[1]), ProblemNone)
}
