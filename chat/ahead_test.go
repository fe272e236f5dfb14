package chat

import (
	"context"
	"testing"
)

// checkAhead looks at an arrival with the keys that d has.
func (d *device) checkAhead(tb testing.TB, a *Arrival) *Checked {
	tb.Helper()
	return d.recv.CheckAhead(tb.Context(), func(l Locator) []*Key {
		keys, err := d.store.Keys(context.Background(), l)
		must(tb, err)
		return keys
	}, a)
}

// TestCheckAhead has a good signature remembered, of its message only, and nothing
// of what cannot be opened. TestMessageAttacks has forgeries judged with what was
// found out ahead.
func TestCheckAhead(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one, two := s.text(t, roster, "one"), s.text(t, roster, "two")
	d := w.device(t, bob, bob.devices[0].secrets)
	key, message := one.arrivals(testTime)[0], one.arrivals(testTime)[1]
	if d.checkAhead(t, message) != nil || d.checkAhead(t, key) != nil || d.checkAhead(t, &Arrival{Payload: []byte{9}}) != nil {
		t.Error("something is remembered without a key, or of no message")
	}
	d.open(t, key)
	checked := d.checkAhead(t, message)
	signer := alice.devices[0].id.Signer.Public()
	if !checked.holds(signer, one.Message) {
		t.Error("a good signature is not remembered")
	}
	if checked.holds(signer, two.Message) || checked.holds(bob.devices[0].id.Signer.Public(), one.Message) {
		t.Error("the signature of one message and device stands for another one")
	}
	other := *one.Message
	other.Signature[0]++
	if checked.holds(signer, &other) || (*Checked)(nil).holds(signer, one.Message) || (&Checked{}).holds(signer, one.Message) {
		t.Error("another signature is taken for the one that was good")
	}
	message.Checked = checked
	wantMessage(t, d.open(t, message), ProblemNone)
	wantMessage(t, d.receive(t, two, testTime), ProblemNone)
}
