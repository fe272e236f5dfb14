package chat

import (
	"bytes"
	"testing"
	"time"
)

func ref(n byte) RecordRef { return RecordRef{Sequence: uint64(n), Hash: [16]byte{n}} }

// A view goes with the first message under a key and with the first after what is
// known has changed, whatever its kind, and with no other: texts are as short as
// before.
func TestViewWhenItChanges(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	send := func(at time.Time, v View, c *Content) *Message {
		t.Helper()
		s.Tell(v)
		sealed := s.at(t, at, roster, c)
		for _, a := range sealed.arrivals(at) {
			if r := bob.devices[0].open(t, a); r.Message != nil && r.Message.Verified {
				return r.Message
			}
		}
		t.Fatal("not verified")
		return nil
	}
	v, later := View{Own: ref(7), Peer: ref(3)}, View{Own: ref(8), Peer: ref(3)}
	receipt := func() *Content {
		return &Content{Kind: KindDelivered, Receipt: &Receipt{Device: bob.devices[0].id.Device(), UpTo: 1}}
	}
	plain := 0
	for _, tt := range []struct {
		name string
		at   time.Duration
		view View
		c    *Content
		want *View
	}{
		{"nothing known", 0, View{}, NewText("a"), nil},
		{"known now", 0, v, NewText("a"), &v},
		{"the same", 0, v, NewText("a"), nil},
		{"a later record, told by a receipt", 0, later, receipt(), &later},
		{"told", 0, later, NewText("a"), nil},
		{"a new key", 25 * time.Hour, later, NewText("a"), &later},
		{"told under it", 25 * time.Hour, later, NewText("a"), nil},
		{"only the own one known", 25 * time.Hour, View{Own: ref(9)}, NewText("a"), &View{Own: ref(9)}},
	} {
		m := send(testTime.Add(tt.at), tt.view, tt.c)
		got := m.Content.View
		if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%s: view %+v, want %+v", tt.name, got, tt.want)
		}
		raw, err := m.Content.Raw()
		must(t, err)
		if tt.want == nil && m.Content.Kind == KindText {
			if plain == 0 {
				plain = len(raw)
			}
			if len(raw) != plain || len(raw) > 4 {
				t.Errorf("%s: %d octets of content", tt.name, len(raw))
			}
		} else if tt.want != nil && len(raw) > plain+52+60 {
			t.Errorf("%s: %d octets of content", tt.name, len(raw))
		}
		if tt.want != nil && !bytes.Contains(m.Transcript, []byte("Content-Hash: ")) {
			t.Errorf("%s: the signature does not cover it", tt.name)
		}
		if tt.c.View != nil {
			t.Errorf("%s: the caller's content was changed", tt.name)
		}
	}
}

// What is told survives the stored form, and a state of the version before reads
// as one that told nothing.
func TestToldIsStored(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	s.Tell(View{Own: ref(7), Peer: ref(3)})
	s.text(t, roster, "x")
	b := func() []byte { st := s.State(); return st.Marshal() }()
	st, err := UnmarshalSenderState(b)
	must(t, err)
	if st.Told != 7 || st.ToldPeer != 3 {
		t.Errorf("told %d and %d", st.Told, st.ToldPeer)
	}
	second := append(append([]byte{2}, b[1:57]...), b[73:]...)
	if st, err = UnmarshalSenderState(second); err != nil || st.Told != 7 || st.ToldPeer != 3 || st.Key == nil || !st.ToldToken.IsZero() {
		t.Errorf("version 2 reads as %+v, %v", st, err)
	}
	first := append(append([]byte{1}, b[1:41]...), b[73:]...)
	st, err = UnmarshalSenderState(first)
	must(t, err)
	if st.Told != 0 || st.ToldPeer != 0 || st.Key == nil || st.Sequence != 1 {
		t.Errorf("version 1 reads as %+v", st)
	}
}

// Views that are not what the specification says are refused.
func TestMalformedView(t *testing.T) {
	for name, raw := range map[string][]byte{
		"short hash":  {0xba, 0x01, 0x07, 0x0a, 0x05, 0x08, 0x01, 0x12, 0x01, 0xff},
		"no sequence": append([]byte{0xba, 0x01, 0x14, 0x0a, 0x12, 0x12, 0x10}, make([]byte, 16)...),
	} {
		if c, err := DecodeContent(raw); err == nil {
			t.Errorf("%s: %+v", name, c.View)
		}
	}
}
