package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

func TestSendAndReceive(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 2)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	for i, text := range []string{"你好", "", "two\n\nblank: lines\r\n", "Kind: read\n\n" + strings.Repeat("長", 1000)} {
		sealed := s.text(t, roster, text)
		if got := sealed.KeyRecord != nil; got != (i == 0) {
			t.Errorf("message %d: key record %v", i, got)
		}
		for _, d := range []*device{bob.devices[0], bob.devices[1], alice.devices[1]} {
			m := wantMessage(t, d.receive(t, sealed, testTime), ProblemNone)
			if m.Content.Text != text || m.From != alice.fp() || m.Chat != roster.Chat || m.Sequence != uint32(i+1) {
				t.Errorf("got %q from %s in %s, sequence %d", m.Content.Text, m.From, m.Chat, m.Sequence)
			}
			if !bytes.Equal(m.Transcript, sealed.Message.Transcript) || !m.Time.Equal(testTime) || m.ListDiffers {
				t.Errorf("transcript, time or list is not what was sent")
			}
			if got, want := m.Peer, map[bool]omega.Fingerprint{true: bob.fp(), false: alice.fp()}[d == alice.devices[1]]; got != want {
				t.Errorf("peer %s, want %s", got, want)
			}
			if !bytes.Equal(append(m.Head(), text...), m.Transcript) {
				t.Error("head and text are not the transcript")
			}
		}
	}
}

func TestOverhead(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	s.text(t, roster, "first")
	for _, n := range []int{1, 100, 127, 128, 5000, 16383, 16384, omega.MaxText} {
		sealed := s.text(t, roster, strings.Repeat("x", n))
		if got := len(sealed.Payload) - n; got > 120 || sealed.KeyRecord != nil {
			t.Errorf("text of %d octets: %d octets overhead, want at most 120", n, got)
		}
	}
}

func TestRenewal(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	before := alice.roster(t, bob)
	added := w.person(t, 3, 1).devices[0].secrets
	bob.bind(t, added, testTime.Add(-time.Hour))
	after := alice.roster(t, bob)

	for _, tt := range []struct {
		name   string
		change func(s *Sender) (time.Time, *Roster)
		want   bool
	}{
		{"nothing", func(*Sender) (time.Time, *Roster) { return testTime.Add(time.Second), before }, false},
		{"almost a day", func(*Sender) (time.Time, *Roster) { return testTime.Add(MaxKeyAge - time.Millisecond), before }, false},
		{"a day", func(*Sender) (time.Time, *Roster) { return testTime.Add(MaxKeyAge), before }, true},
		{"clock set back a little", func(*Sender) (time.Time, *Roster) { return testTime.Add(-omega.ClockTolerance), before }, false},
		{"clock set back", func(*Sender) (time.Time, *Roster) { return testTime.Add(-time.Hour), before }, true},
		{"new device", func(*Sender) (time.Time, *Roster) { return testTime, after }, true},
		{"last message", func(s *Sender) (time.Time, *Roster) { s.state.Count = MaxKeyMessages - 1; return testTime, before }, false},
		{"too many", func(s *Sender) (time.Time, *Roster) { s.state.Count = MaxKeyMessages; return testTime, before }, true},
		{"profile", func(s *Sender) (time.Time, *Roster) { s.profile = "大明"; return testTime, before }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := alice.sender(t, bob)
			first := s.text(t, before, "one")
			now, roster := tt.change(s)
			next := s.at(t, now, roster, NewText("two"))
			if got := next.KeyRecord != nil; got != tt.want {
				t.Fatalf("new key %v, want %v", got, tt.want)
			}
			if tt.want && (next.Key.Epoch != 2 || next.Key.First != 2 || next.Key.Locator == first.Key.Locator || next.Key.Secret == first.Key.Secret) {
				t.Errorf("epoch %d, first %d, or an old locator or secret", next.Key.Epoch, next.Key.First)
			}
			if next.Message.Sequence != 2 {
				t.Errorf("sequence %d, want 2", next.Message.Sequence)
			}
		})
	}
}

func TestSealChecks(t *testing.T) {
	w := world{}
	alice, bob, carol := w.person(t, 1, 1), w.person(t, 2, 1), w.person(t, 3, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	for _, tt := range []struct {
		name   string
		roster *Roster
		c      *Content
	}{
		{"other chat", alice.roster(t, carol), NewText("x")},
		{"too long", roster, NewText(strings.Repeat("x", omega.MaxText+1))},
		{"no UTF-8", roster, NewText("\xff")},
		{"kind", roster, &Content{Kind: "No kind"}},
		{"no receipt", roster, &Content{Kind: KindRead}},
		{"line", roster, &Content{Kind: KindText, Lines: []string{"Media: a\nKind: b"}}},
		{"reserved line", roster, &Content{Kind: KindText, Lines: []string{"Kind: read"}}},
	} {
		if _, err := s.Seal(t.Context(), testTime, tt.roster, tt.c); err == nil {
			t.Errorf("%s: sealed", tt.name)
		}
	}
	if s.State().Sequence != 0 || s.State().Key != nil {
		t.Error("failures moved the sender")
	}
	if _, err := NewRoster(alice.cert, alice.devices[0].id.Device(), w.person(t, 9, 0).cert, testTime); !errors.Is(err, ErrNoReaders) {
		t.Errorf("a roster without readers: %v", err)
	}
	own, err := NewRoster(alice.cert, alice.devices[0].id.Device(), alice.cert, testTime)
	must(t, err)
	if note := alice.sender(t, alice).text(t, own, "for myself"); len(own.readers) != 0 || !note.Message.Verified {
		t.Error("an account with one device cannot write to itself")
	}
}

func TestStateSurvives(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	bob.devices[0].receive(t, s.text(t, roster, "one"), testTime)
	state := s.State()
	back, err := UnmarshalSenderState(state.Marshal())
	must(t, err)
	if !reflect.DeepEqual(back, state) {
		t.Errorf("state %+v, want %+v", back, state)
	}
	if s, err = NewSender(alice.devices[0].id, seeded(9), "小明", back); err != nil {
		t.Fatal(err)
	}
	two := s.text(t, roster, "two")
	if two.KeyRecord != nil {
		t.Error("a new key after the state was read back")
	}
	wantMessage(t, bob.devices[0].receive(t, two, testTime), ProblemNone)

	k, err := UnmarshalKey(two.Key.Marshal())
	must(t, err)
	if !k.Same(two.Key) || k.Secret != two.Key.Secret {
		t.Error("key is not the same")
	}
	track := &Track{Chat: roster.Chat, Device: alice.fp(), Low: 3, Highest: 9, Missing: []Range{{4, 5}, {7, 7}}, Last: 9, LastLink: Link{1}, LastTime: 5}
	if got, err := UnmarshalTrack(track.Chat, track.Device, track.Marshal()); err != nil || !reflect.DeepEqual(got, track) {
		t.Errorf("track %+v, %v", got, err)
	}
	if _, err := NewSender(bob.devices[0].id, seeded(9), "", back); err == nil {
		t.Error("another device continued the state")
	}
}

// TestSecretsHide looks for the secret in everything that a log could write.
func TestSecretsHide(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s := alice.sender(t, bob)
	sealed := s.text(t, alice.roster(t, bob), "x")
	state := s.State()
	var log bytes.Buffer
	for _, v := range []any{s, state, &state, sealed.Key, *sealed.Key, sealed, sealed.Key.Secret, &sealed.Key.Secret} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		b, err := json.Marshal(v)
		must(t, err)
		log.Write(b)
	}
	secret := sealed.Key.Secret
	numbers := make([]string, 4)
	for i, c := range secret[:4] {
		numbers[i] = fmt.Sprint(c)
	}
	for _, form := range []string{
		fmt.Sprintf("%x", secret[:4]), fmt.Sprintf("%X", secret[:4]), string(secret[:8]),
		strings.Join(numbers, " "), strings.Join(numbers, ","), strings.Join(numbers, ", "),
		fmt.Sprintf("%#v", secret[:4])[7:30],
	} {
		if strings.Contains(log.String(), form) {
			t.Errorf("the secret shows as %q", form)
		}
	}
	if !strings.Contains(log.String(), hidden) {
		t.Error("nothing was logged")
	}
}

func TestSanitizeName(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"小明", "小明"},
		{"  a \n\t b\u2028 c ", "a b c"},
		{"\x1b[31mred\u202egnp.exe", "[31mredgnp.exe"},
		{"\xff\ufeffx\x00", "x"},
		{strings.Repeat("明", 30), strings.Repeat("明", 21)},
		{strings.Repeat("x", 63) + " y", strings.Repeat("x", 63)},
		{" \u200e ", ""},
	} {
		got := SanitizeName(tt.in)
		if got != tt.want || SanitizeName(got) != got {
			t.Errorf("SanitizeName(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
