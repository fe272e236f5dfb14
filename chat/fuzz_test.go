package chat

import (
	"bytes"
	"testing"

	"github.com/omega-im/omega"
)

func FuzzPayload(f *testing.F) {
	w := world{}
	alice, bob := w.person(f, 1, 1), w.person(f, 2, 1)
	sealed := alice.sender(f, bob).text(f, alice.roster(f, bob), "x")
	d := bob.devices[0]
	for _, a := range sealed.arrivals(testTime) {
		f.Add(a.Payload)
		d.open(f, a)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePayload(b)
		if err == nil && !bytes.Equal(p.appendTo(nil), b) {
			t.Error("parsing and writing differ")
		}
		r, err := d.recv.Open(t.Context(), d.store, &Arrival{ID: sealed.Message.ID, Payload: b, Now: testTime})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == VerdictMessage {
			t.Error("a message out of nothing")
		}
	})
}

func FuzzTranscript(f *testing.F) {
	w := world{}
	alice, bob := w.person(f, 1, 1), w.person(f, 2, 1)
	s, roster := alice.sender(f, bob), alice.roster(f, bob)
	f.Add(s.text(f, roster, "x\n\ny").Message.Transcript)
	c := &Content{Kind: KindRead, Seen: omega.ID{1}, Lines: []string{"A: b"}, Receipt: &Receipt{UpTo: 1, Device: bob.devices[0].id.Device()}}
	f.Add(s.at(f, testTime, roster, c).Message.Transcript)
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := ParseTranscript(b)
		if err == nil && !bytes.Equal(parsed.Bytes(), b) {
			t.Errorf("writing gives %q", parsed.Bytes())
		}
	})
}

func FuzzKeyRecord(f *testing.F) {
	w := world{}
	alice, bob := w.person(f, 1, 2), w.person(f, 2, 1)
	k := alice.sender(f, bob).text(f, alice.roster(f, bob), "x").Key
	f.Add(k.Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := parseKey(b)
		if err == nil && !bytes.Equal(parsed.Text(), b) {
			t.Errorf("writing gives %q", parsed.Text())
		}
		if k, err := UnmarshalKey(b); err == nil && !bytes.Equal(k.Marshal(), b) {
			t.Error("stored key changes")
		}
		if s, err := UnmarshalSenderState(b); err == nil && b[0] == senderStateVersion && !bytes.Equal(s.Marshal(), b) {
			t.Error("stored sender changes")
		}
	})
}

func FuzzContent(f *testing.F) {
	f.Add([]byte("\x0a\x01x"))
	c := &Content{Kind: KindResend, Resend: &ResendRequest{Locator: Locator{1}, Sequences: []uint32{1, 2}}, Lines: []string{"A: b"}}
	b, err := c.Raw()
	must(f, err)
	f.Add(b)
	l := Link{1}
	for _, c := range []*Content{
		{Kind: KindText, Text: "🐦粗", Entities: []Entity{{Type: EntityBold, Offset: 2, Length: 1}}, Reply: &Reply{l, "q", 1}, Forward: &Forward{Name: "x"}, Silent: true},
		{Kind: KindEdit, Text: "x", Edit: &Edit{l, 1}},
		{Kind: KindDelete, Delete: &Delete{[]Link{l}}},
		{Kind: KindReaction, Reaction: &Reaction{l, 1, []string{"推"}}},
		{Kind: KindPoll, Text: "?", Lines: PollLines([]string{"a", "b"}), Poll: &Poll{Multiple: true}},
		{Kind: KindVote, Vote: &Vote{l, 1, []uint32{1}}},
		{Kind: KindEntry, Text: "x", Entry: &Entry{l, Slot{1}, 1}},
		{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Words: []Word{{MarkReaction, 1, testTime, Link{1}, testAccount(f, 1), []byte("👍")}}, Counts: []Counted{{Target: Link{1}, Version: 1, Emoji: []EmojiCount{{"👍", 1, 0}}, Votes: []int{1}}}, WordsOf: []Link{{1}}}},
		{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Subscribers: []Subscriber{{Account: testAccount(f, 1), State: SubscriberOut, Time: testTime}, {Account: testAccount(f, 1), State: Unsubscribed, Time: testTime, Ended: true}}}},
		{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Earlier: &Earlier{Before: l, Time: testTime, Count: MaxEarlier}}},
		{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Earlier: &Earlier{Before: l, Time: testTime, Links: []Link{l, {2}}, End: EarlierAllowed}}},
		{Kind: KindState, State: []Setting{{"x", []byte{1}, []byte{2}, Stamp{1, testTime, testAccount(f, 1)}}}},
	} {
		b, err := c.Raw()
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeContent(b)
		if err != nil {
			return
		}
		c.raw = nil
		again, err := c.Raw()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeContent(again); err != nil {
			t.Errorf("written again: %v", err)
		}
		if marks, err := (&Message{Content: c, Time: testTime}).Marks(); err != nil || len(marks) > MaxTargets {
			t.Errorf("%d marks, %v", len(marks), err)
		}
	})
}

// FuzzInner gives a reader anything that somebody with the key could seal.
func FuzzInner(f *testing.F) {
	w := world{}
	alice, bob := w.person(f, 1, 1), w.person(f, 2, 1)
	sealed := alice.sender(f, bob).text(f, alice.roster(f, bob), "x")
	k, d := sealed.Key, bob.devices[0]
	d.open(f, sealed.arrivals(testTime)[0])
	keys, err := k.derive()
	must(f, err)
	plaintext, err := unseal(keys, k.seat(1), sealed.Message.ID, sealed.Payload[messageHeader:])
	must(f, err)
	f.Add(plaintext)
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Equal(b, plaintext) || len(b) < innerHeader {
			return
		}
		p := Payload{Kind: PayloadMessage, Locator: k.Locator, Sequence: 1}
		payload, err := seal(p.appendTo(nil), keys, k.seat(1), sealed.Message.ID, b)
		must(t, err)
		r := d.open(t, &Arrival{ID: sealed.Message.ID, Payload: payload, Now: testTime})
		if r.Verdict == VerdictMessage && r.Message.Verified {
			t.Error("verified without the sender's key")
		}
	})
}
