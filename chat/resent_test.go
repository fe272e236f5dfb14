package chat

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// TestResent fills gaps: by the author, and by another device of the reader.
func TestResent(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 2)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one := s.text(t, roster, "one")
	two := s.at(t, testTime, roster, &Content{Kind: "unheard-of", Text: "two", Lines: []string{"Poll: yes no"}})
	late := testTime.Add(48 * time.Hour)

	for _, lost := range []*Sealed{one, two} {
		for _, by := range []string{"author", "own device"} {
			t.Run(lost.Message.Content.Text+" by "+by, func(t *testing.T) {
				d := w.device(t, bob, bob.devices[0].secrets)
				for _, x := range []*Sealed{one, two} {
					if x != lost {
						d.receive(t, x, testTime)
					}
				}
				if lost == two {
					d.store.PutTrack(t.Context(), &Track{Chat: roster.Chat, Device: alice.devices[0].id.Device(), Low: 1, Highest: 2, Missing: []Range{{2, 2}}}, nil)
				}
				sender, r, held := alice.sender(t, bob), roster, lost.Message
				if by == "own device" {
					sender, r = newSelf(t, bob, 1)
					other := w.device(t, bob, bob.devices[1].secrets)
					other.receive(t, one, testTime)
					if held = other.receive(t, lost, testTime).Message; held.Peer != alice.fp() {
						t.Fatalf("peer %s", held.Peer)
					}
				} else {
					sender.state.Sequence = 2 // it has a new key by now
					sender.state.Previous = two.Message.Link()
				}
				c, err := held.Again(r.Chat)
				must(t, err)
				got := d.receive(t, sender.at(t, late, r, c), late)
				wantMessage(t, got, ProblemNone)
				m := wantMessage(t, got.Original, ProblemNone)
				if m.ID != lost.Message.ID || m.Content.Text != lost.Message.Content.Text || !m.Time.Equal(testTime) || m.Chat != roster.Chat || m.Peer != alice.fp() {
					t.Errorf("got %+v", m)
				}
				if got := d.receive(t, sender.at(t, late, r, c), late); got.Original.Verdict != VerdictDuplicate {
					t.Errorf("again: %v", got.Original.Verdict)
				}
			})
		}
	}
}

// newSelf makes the nth device of p ready to write to p's others.
func newSelf(t *testing.T, p *person, n int) (*Sender, *Roster) {
	t.Helper()
	id := p.devices[n].id
	r, err := NewRoster(p.cert, id.Device(), p.cert, testTime)
	must(t, err)
	s, err := NewSender(id, seeded(77), "", SenderState{Chat: r.Chat})
	must(t, err)
	return s, r
}

// TestResentAttacks: the outer sender cannot make an original, nor move one.
func TestResentAttacks(t *testing.T) {
	w := world{}
	alice, bob, carol := w.person(t, 1, 1), w.person(t, 2, 2), w.person(t, 3, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	original := s.text(t, roster, "one").Message
	toCarol := alice.sender(t, carol).text(t, alice.roster(t, carol), "for Carol").Message
	byBob := func() *Message {
		bs, err := NewSender(bob.devices[0].id, seeded(3), "", SenderState{Chat: roster.Chat})
		must(t, err)
		br, err := NewRoster(bob.cert, bob.devices[0].id.Device(), alice.cert, testTime)
		must(t, err)
		return bs.text(t, br, "by Bob").Message
	}()
	for _, tt := range []struct {
		name   string
		change func(r *Resent)
		self   bool
		want   Verdict
		why    Problem
	}{
		{"honest", func(*Resent) {}, false, VerdictMessage, ProblemNone},
		{"text", func(r *Resent) { r.Transcript = append(r.Transcript, '!') }, false, VerdictMessage, ProblemSignature},
		{"signature", func(r *Resent) { r.Signature = pgp.Compact{} }, false, VerdictMessage, ProblemSignature},
		{"content that was not signed", func(r *Resent) { r.Content = append(raw(t, NewText("one")), 0x40, 1) }, false, VerdictRefused, ""},
		{"other text in the content", func(r *Resent) { r.Content = raw(t, NewText("two")) }, false, VerdictRefused, ""},
		{"an answer with an answer inside", func(r *Resent) {
			r.Transcript = bytes.Replace(r.Transcript, []byte("Kind: text"), []byte("Kind: resent"), 1)
			r.Content = raw(t, &Content{Kind: KindResent, Resent: &Resent{}})
		}, false, VerdictRefused, ""},
		{"an answer that was not signed", func(r *Resent) {
			r.Transcript = bytes.Replace(r.Transcript, []byte("Kind: text"), []byte("Kind: resent"), 1)
		}, false, VerdictMessage, ProblemSignature},
		{"no transcript", func(r *Resent) { r.Transcript = nil }, false, VerdictRefused, ""},
		{"to somebody else", func(r *Resent) { *r = *again(t, toCarol, roster.Chat) }, false, VerdictRefused, ""},
		{"to somebody else, said to be here", func(r *Resent) { *r = *again(t, toCarol, roster.Chat); r.Peer = omega.Fingerprint{} }, false, VerdictRefused, ""},
		{"of the reader", func(r *Resent) { *r = *again(t, byBob, roster.Chat) }, false, VerdictRefused, ""},
		{"of the reader, by the reader", func(r *Resent) { *r = *again(t, byBob, omega.ChatID{}); r.Peer = alice.fp() }, true, VerdictMessage, ProblemNone},
		{"to somebody else, by the reader", func(r *Resent) { *r = *again(t, toCarol, omega.ChatID{}) }, true, VerdictRefused, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := w.device(t, bob, bob.devices[0].secrets)
			c, err := original.Again(roster.Chat)
			must(t, err)
			tt.change(c.Resent)
			sender, r := alice.sender(t, bob), roster
			if tt.self {
				sender, r = newSelf(t, bob, 1)
			} else {
				sender.state.Sequence, sender.state.Previous = 2, Link{1}
			}
			got := d.receive(t, sender.at(t, testTime, r, c), testTime)
			wantMessage(t, got, ProblemNone)
			if got.Original.Verdict != tt.want {
				t.Fatalf("original: %v (%v), want %v", got.Original.Verdict, got.Original.Reason, tt.want)
			}
			if tt.want == VerdictMessage {
				wantMessage(t, got.Original, tt.why)
			}
		})
	}
}

func again(t *testing.T, m *Message, chat omega.ChatID) *Resent {
	t.Helper()
	c, err := m.Again(chat)
	must(t, err)
	return c.Resent
}

// TestResentLost loses an answer: it is asked for like everything else, and
// fills its place without what it brought, which has a place of its own.
func TestResentLost(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster, d := alice.sender(t, bob), alice.roster(t, bob), bob.devices[0]
	d.receive(t, s.text(t, roster, "one"), testTime)
	two := s.text(t, roster, "two").Message
	again := func(m *Message) *Sealed {
		t.Helper()
		c, err := m.Again(roster.Chat)
		must(t, err)
		return s.at(t, testTime, roster, c)
	}
	answer := again(two)
	d.receive(t, s.text(t, roster, "four"), testTime)
	missing := func(want ...uint32) {
		t.Helper()
		track, err := d.store.Track(t.Context(), roster.Chat, alice.devices[0].id.Device())
		must(t, err)
		if got := track.MissingSequences(9); !slices.Equal(got, want) {
			t.Errorf("missing %v, want %v", got, want)
		}
	}
	missing(2, 3)
	sealed := again(answer.Message)
	r := d.receive(t, sealed, testTime)
	wantMessage(t, r, ProblemNone)
	if m := wantMessage(t, r.Original, ProblemNone); m.ID != answer.Message.ID || m.Content.Resent != nil || r.Original.Original != nil {
		t.Errorf("%+v", m)
	}
	if len(sealed.Payload) > 2048 {
		t.Errorf("%d octets for an answer that brings nothing", len(sealed.Payload))
	}
	missing(2)
	if r := d.receive(t, again(two), testTime); wantMessage(t, r.Original, ProblemNone).Content.Text != "two" {
		t.Errorf("got %+v", r.Original.Message)
	}
	missing()
	// The answer itself, late: it is known, and so is what it brings.
	if r := d.receive(t, answer, testTime); r.Verdict != VerdictDuplicate {
		t.Errorf("late: %v", r.Verdict)
	}
}
