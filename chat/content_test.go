package chat

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/omega-im/omega"
)

func TestContentRoundTrip(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	s, roster, d := alice.sender(t, bob), alice.roster(t, bob), bob.devices[0]
	for _, c := range []*Content{
		NewText("x"),
		{Kind: KindText, Text: "x", Seen: omega.ID{1}, Lines: []string{"Media: 00ff 12 image/png", "X: y"}},
		{Kind: KindDelivered, Receipt: &Receipt{Device: d.id.Device(), UpTo: 7, IDs: []omega.ID{{1}, {2}}}},
		{Kind: KindRead, Receipt: &Receipt{Device: d.id.Device(), IDs: []omega.ID{}}},
		{Kind: KindResend, Resend: &ResendRequest{Locator: Locator{1}}},
		{Kind: KindResend, Resend: &ResendRequest{Device: d.id.Device(), Chat: roster.Chat, Sequences: []uint32{1, 9}}},
		{Kind: "unheard-of", Text: "which?"},
	} {
		sealed := s.at(t, testTime, roster, c)
		got := wantMessage(t, d.receive(t, sealed, testTime), ProblemNone).Content
		again, err := DecodeContent(got.raw)
		must(t, err)
		got.raw, again.raw, got.hash, again.hash = nil, nil, Hash{}, Hash{}
		if !reflect.DeepEqual(got, c) || !reflect.DeepEqual(again, c) {
			t.Errorf("got %+v, want %+v", got, c)
		}
		if c.Kind.Control() != (c.Kind != KindText && c.Kind != "unheard-of") {
			t.Errorf("%s: control %v", c.Kind, c.Kind.Control())
		}
	}
}

// TestUnknownFields verifies a message with fields of a later version: they
// are signed by their hash.
func TestUnknownFields(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	later := protowire.AppendTag(raw(t, NewText("see the picture")), 500, protowire.BytesType)
	later = protowire.AppendBytes(later, []byte("what nobody knows yet"))
	c, err := DecodeContent(later)
	must(t, err)
	sealed := alice.sender(t, bob).at(t, testTime, alice.roster(t, bob), c)
	m := wantMessage(t, bob.devices[0].receive(t, sealed, testTime), ProblemNone)
	if !bytes.Equal(raw(t, m.Content), later) || !bytes.Contains(m.Transcript, []byte("\nContent-Hash: ")) {
		t.Errorf("transcript\n%s", m.Transcript)
	}
}

func TestContentLimits(t *testing.T) {
	field := func(num protowire.Number, b string) string {
		return string(protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), b))
	}
	for _, tt := range []struct{ name, raw string }{
		{"text twice", field(1, "a") + field(1, "b")},
		{"kind twice", field(2, "read") + field(2, "text")},
		{"kind spelt", field(2, "Read")},
		{"kind with a line", field(2, "text\nFrom: x")},
		{"long kind", field(2, strings.Repeat("a", 33))},
		{"seen of 15 octets", field(3, strings.Repeat("a", 15))},
		{"line of lines", field(4, "A: b\nC: d")},
		{"empty line", field(4, "")},
		{"reserved line", field(4, "Content-Hash: 00")},
		{"line without value", field(4, "A: ")},
		{"many lines", strings.Repeat(field(4, "A: b"), MaxLines+1)},
		{"receipt without kind", field(5, "")},
		{"receipt with too many ids", field(2, "read") + field(5, strings.Repeat(field(3, strings.Repeat("i", 16)), MaxIDs+1))},
		{"receipt with a short id", field(2, "read") + field(5, field(3, "i"))},
		{"receipt with a bad device", field(2, "read") + field(5, field(1, "\x04i"))},
		{"resent with a short signature", field(2, "resent") + field(7, field(2, "i"))},
		{"no UTF-8", field(1, "\xff")},
		{"long text", field(1, strings.Repeat("a", omega.MaxText+1))},
		{"broken", "\x0a\x05a"},
	} {
		if c, err := DecodeContent([]byte(tt.raw)); err == nil {
			t.Errorf("%s: read %+v", tt.name, c)
		}
	}
}

func TestTranscriptIsStrict(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	s.text(t, roster, "one")
	c := &Content{Kind: KindText, Text: "body\n\nFrom: somebody\r\n", Seen: omega.ID{7}, Lines: []string{"Media: x"}, Receipt: nil}
	good := string(s.at(t, testTime, roster, c).Message.Transcript)
	parsed, err := ParseTranscript([]byte(good))
	must(t, err)
	if string(parsed.Bytes()) != good || parsed.Text != c.Text || parsed.Lines[0] != "Media: x" || parsed.Seen != c.Seen {
		t.Errorf("parsed %+v", parsed)
	}
	for _, tt := range []struct{ name, from, to string }{
		{"version", "Omega-Message: 1", "Omega-Message: 2"},
		{"no version", "Omega-Message: 1\n", ""},
		{"case of digits", parsed.ID.String(), strings.ToUpper(parsed.ID.String())},
		{"case of fingerprint", parsed.From.String(), strings.ToLower(parsed.From.String())},
		{"leading zero", "Sequence: 2", "Sequence: 02"},
		{"sign", "Sequence: 2", "Sequence: +2"},
		{"sequence 0", "Sequence: 2", "Sequence: 0"},
		{"zone", ".123Z", ".123+00:00"},
		{"finer time", ".123Z", ".1234Z"},
		{"no space", "Kind: text", "Kind:text"},
		{"two spaces", "Kind: text", "Kind:  text"},
		{"carriage return", "Kind: text\n", "Kind: text\r\n"},
		{"line after line", "Media: x\n", "Media: x\nKind: read\n"},
		{"seen twice", "Seen: ", "Seen: " + parsed.Seen.String() + "\nSeen: "},
		{"zero seen", parsed.Seen.String(), omega.ID{}.String()},
		{"order", "Kind: text\nMedia: x\n", "Media: x\nKind: text\n"},
		{"no blank line", "\n\nbody", "\nbody"},
		{"text is no UTF-8", "body", "\xff"},
		{"hash of nothing", "Media: x\n", "Media: x\nContent-Hash: " + Hash{}.String() + "\n"},
		{"short hash", "Media: x\n", "Media: x\nContent-Hash: 00\n"},
		{"empty", good, ""},
	} {
		bad := strings.Replace(good, tt.from, tt.to, 1)
		if bad == good {
			t.Fatalf("%s: changes nothing", tt.name)
		}
		if _, err := ParseTranscript([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
}
