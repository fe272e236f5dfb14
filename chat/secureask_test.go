package chat

import (
	"reflect"
	"testing"

	"github.com/omega-im/omega"
)

// TestSecureAsk: a request about a secure chat arrives as it was made; one that names
// too much, or nothing that has its size, does not.
func TestSecureAsk(t *testing.T) {
	var device omega.Fingerprint
	device, err := omega.ParseFingerprint("0123456789ABCDEF0123456789ABCDEF01234567")
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *SecureAsk {
		return &SecureAsk{
			Chat: omega.ChatID{1}, Have: []Locator{{1}, {2}}, Lost: []Locator{{3}}, IDs: []omega.ID{{4}, {5}},
			Gaps: []SecureGap{{Locator{1}, device, []uint32{0, 7, 99}}},
		}
	}
	raw, err := (&Content{Kind: KindSecureResend, Ask: ask()}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeContent(raw)
	if err != nil || !reflect.DeepEqual(got.Ask, ask()) || !got.Kind.Control() {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, change := range map[string]func(*SecureAsk){
		"ids":     func(a *SecureAsk) { a.IDs = make([]omega.ID, MaxIDs+1) },
		"epochs":  func(a *SecureAsk) { a.Have = make([]Locator, MaxAskedEpochs+1) },
		"lost":    func(a *SecureAsk) { a.Lost = make([]Locator, MaxAskedEpochs+1) },
		"gaps":    func(a *SecureAsk) { a.Gaps = make([]SecureGap, MaxAskedEpochs+1) },
		"numbers": func(a *SecureAsk) { a.Gaps[0].Numbers = make([]uint32, MaxAskedNumbers+1) },
	} {
		bad := ask()
		change(bad)
		raw, err := (&Content{Kind: KindSecureResend, Ask: bad}).Raw()
		if err == nil {
			_, err = DecodeContent(raw)
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, c := range []*Content{{Kind: KindSecureResend}, {Kind: KindText, Text: "x", Ask: ask()}, {Kind: KindSecureEnd, Ask: ask()}} {
		if _, err := c.Raw(); err == nil {
			t.Errorf("a %s with %+v", c.Kind, c.Ask)
		}
	}
	if _, err := (&Content{Kind: KindSecureEnd}).Raw(); err != nil {
		t.Error(err)
	}
}
