package chat

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
)

// A device and a copy of it go on side by side: in whatever order their messages
// arrive, all are good, what one of them lost is missed, and nobody asks for
// what lies between the two. (spec/chat.md, CHAT-6)
func TestLeap(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	chat, dev := omega.DirectChat(alice.fp(), bob.fp()), alice.devices[0].id.Device()
	roster := alice.roster(t, bob)
	original := alice.sender(t, bob)
	before := original.text(t, roster, "before")
	state := original.State()
	must(t, state.Leap(seeded(9)))
	if state.Sequence < leap || state.Sequence > 2*leap+1 {
		t.Fatalf("leapt to %d", state.Sequence)
	}
	restored, err := NewSender(alice.devices[0].id, seeded(8), "", state)
	must(t, err)
	var all []*Arrival
	at := testTime.Add(time.Hour)
	all = append(all, before.arrivals(at)...)
	var lost uint32
	for i := range 4 {
		o, r := original.text(t, roster, "original"), restored.text(t, roster, "restored")
		if i == 0 && (o.KeyRecord != nil || r.KeyRecord == nil || r.Key.Epoch != o.Key.Epoch+1) {
			t.Fatalf("the copy has no key of its own")
		}
		all = append(all, r.arrivals(at)...)
		if i == 1 {
			lost = o.Message.Sequence
			continue
		}
		all = append(all, o.arrivals(at)...)
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := w.device(t, bob, bob.devices[0].secrets)
		took, parked := deliver(rt, d, rapid.Permutation(all).Draw(rt, "order"))
		if len(took) != 8 || len(parked) != 0 {
			rt.Fatalf("took %v, %d are parked", took, len(parked))
		}
		track, err := d.store.Track(t.Context(), chat, dev)
		if got := track.MissingSequences(MaxIDs); err != nil || !slices.Equal(got, []uint32{lost}) {
			rt.Fatalf("missing: %v, %v, want %d", got, err, lost)
		}
	})
}

// Who leaps before the first message has something before it nonetheless, and no
// leap goes beyond the last sequence.
func TestLeapAtTheEnds(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	state := SenderState{Chat: omega.DirectChat(alice.fp(), bob.fp())}
	must(t, state.Leap(seeded(1)))
	s, err := NewSender(alice.devices[0].id, seeded(2), "", state)
	must(t, err)
	d := w.device(t, bob, bob.devices[0].secrets)
	first := s.text(t, alice.roster(t, bob), "first")
	for _, a := range first.arrivals(testTime) {
		if r := d.open(t, a); r.Verdict == VerdictMessage {
			wantMessage(t, r, ProblemNone)
		}
	}
	state.Sequence = 1<<32 - leap
	must(t, state.Leap(seeded(3)))
	if state.Sequence != 1<<32-1 {
		t.Errorf("leapt to %d", state.Sequence)
	}
}
