package chat

import (
	"testing"

	"github.com/omega-im/omega"
)

// TestAnnounce: a key that is announced says the name without a message, and twice too; the
// next message is under the last one, has the sequence that was due, and lacks nothing.
// (spec/chat.md, CHAT-98)
func TestAnnounce(t *testing.T) {
	w := world{}
	alice, bob, carol := w.person(t, 1, 1), w.person(t, 2, 1), w.person(t, 3, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	d := bob.devices[0]
	wantMessage(t, d.receive(t, s.text(t, roster, "one"), testTime), ProblemNone)
	var last *Sealed
	for i, name := range []string{"大明", "小明"} {
		s.profile = name
		sealed, err := s.Announce(t.Context(), testTime, roster)
		must(t, err)
		must(t, sealed.Remember(t.Context(), alice.devices[0].store))
		if sealed.Message != nil || sealed.Payload != nil || sealed.KeyID == (omega.ID{}) {
			t.Error("a message with what is announced")
		}
		r := d.open(t, &Arrival{ID: sealed.KeyID, Payload: sealed.KeyRecord, Now: testTime, Fresh: true})
		if r.Verdict != VerdictKey || r.Key.Profile != name || r.Key.Problem != ProblemNone || r.Key.First != 2 || r.Key.Epoch != uint32(i+2) {
			t.Fatalf("record: %v %v %+v", r.Verdict, r.Reason, r.Key)
		}
		if r.Track == nil || len(r.Track.Wanted()) > 0 {
			t.Errorf("%s: what is missing is %v", name, r.Track)
		}
		last = sealed
	}
	next := s.text(t, roster, "two")
	if next.KeyRecord != nil || next.Key.Locator != last.Key.Locator || next.Message.Sequence != 2 {
		t.Errorf("next: record %v, sequence %d", next.KeyRecord != nil, next.Message.Sequence)
	}
	r := d.receive(t, next, testTime)
	wantMessage(t, r, ProblemNone)
	if r.Track != nil && len(r.Track.Wanted()) > 0 {
		t.Errorf("missing: %v", r.Track.Wanted())
	}
	if _, err := s.Announce(t.Context(), testTime, carol.roster(t, bob)); err == nil {
		t.Error("announced in another chat")
	}
}
