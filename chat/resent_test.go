package chat

import (
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
	two := s.at(t, testTime, roster, &Content{Kind: "poll", Text: "two", Lines: []string{"Poll: yes no"}})
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
