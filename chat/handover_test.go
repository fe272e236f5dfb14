package chat

import (
	"slices"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

func aHandover(t testing.TB, size int64) *Handover {
	t.Helper()
	a, _ := omega.FingerprintV4(append(make([]byte, 19), 1))
	b, _ := omega.FingerprintV4(append(make([]byte, 19), 2))
	h := &Handover{To: a, Ref: media.Ref{Name: media.Hash{1}, Size: size}, Servers: []omega.Fingerprint{a, b}, Messages: 7}
	if media.HasTree(size) {
		h.Ref.Root = media.Hash{2}
	}
	return h
}

// What is said of a history is read as it was written, by way of the wire, and nothing
// else is.
func TestHandoverLines(t *testing.T) {
	taken := &Handover{To: aHandover(t, 1).To, Taken: true, Ref: media.Ref{Name: media.Hash{1}}}
	asks := &Handover{To: taken.To, From: aHandover(t, 1).Servers[1]}
	for _, h := range []*Handover{aHandover(t, 9), aHandover(t, 2<<20), taken, asks} {
		raw, err := NewHandover(h).Raw()
		if err != nil {
			t.Fatal(err)
		}
		c, err := DecodeContent(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseHandover(c)
		if err != nil || got.To != h.To || got.From != h.From || got.Ref != h.Ref || got.Taken != h.Taken || got.Messages != h.Messages || !slices.Equal(got.Servers, h.Servers) {
			t.Errorf("%+v became %+v, %v", h, got, err)
		}
		if !c.Kind.Control() {
			t.Error("it is shown")
		}
	}
	good := NewHandover(aHandover(t, 9)).Lines
	for name, lines := range map[string][]string{
		"nothing": nil, "too little": good[:2], "another order": {good[1], good[0], good[2], good[3]},
		"something more":                 append(slices.Clone(good), "More: x"),
		"a number with a zero before it": append(slices.Clone(good[:3]), "History-Messages: 07"),
		"no servers":                     {good[0], good[1], "History-Servers: x", good[3]},
		"asked of nobody":                {good[0], "History-From: x"},
		"asked, and more":                {good[0], "History-From: " + asks.From.String(), good[1]},
		"no octets":                      {good[0], strings.Replace(good[1], " 9", " 0", 1), good[2], good[3]},
	} {
		if h, err := ParseHandover(&Content{Kind: KindHistory, Lines: lines}); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func FuzzParseHandover(f *testing.F) {
	f.Add(strings.Join(NewHandover(aHandover(f, 9)).Lines, "\n"))
	f.Add(strings.Join(NewHandover(aHandover(f, 2<<20)).Lines, "\n"))
	f.Add(strings.Join(NewHandover(&Handover{To: aHandover(f, 1).To, From: aHandover(f, 1).Servers[1]}).Lines, "\n"))
	f.Add("History-For: x")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		h, err := ParseHandover(&Content{Kind: KindHistory, Lines: lines})
		if err == nil && strings.Join(NewHandover(h).Lines, "\n") != text {
			t.Errorf("%q was read as %+v", text, h)
		}
	})
}
