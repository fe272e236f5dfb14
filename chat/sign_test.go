package chat

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A signCase is a key that both sides have.
type signCase struct {
	ann, bob *person
	world    world
	key      *Key
}

func newSignCase(tb testing.TB) *signCase {
	w := world{}
	c := &signCase{ann: w.person(tb, 1, 1), bob: w.person(tb, 2, 1), world: w}
	s := c.ann.sender(tb, c.bob)
	sealed, err := s.Seal(tb.Context(), testTime, c.ann.roster(tb, c.bob), NewText("x"))
	must(tb, err)
	c.key = sealed.Key
	bob := c.bob.devices[0]
	for _, a := range sealed.arrivals(testTime) {
		_, err := bob.recv.Open(tb.Context(), bob.store, a)
		must(tb, err)
	}
	return c
}

func (c *signCase) seal(tb testing.TB, s *Sign) *Arrival {
	tb.Helper()
	id, payload, err := SealSign(tb.Context(), c.ann.devices[0].id, seeded(9), c.key, s)
	must(tb, err)
	return &Arrival{ID: id, Payload: payload, Now: testTime}
}

func (c *signCase) open(tb testing.TB, a *Arrival) (*Sign, error) {
	bob := c.bob.devices[0]
	return bob.recv.OpenSign(tb.Context(), bob.store, a)
}

func TestSign(t *testing.T) {
	c := newSignCase(t)
	for _, want := range []Sign{
		{What: Typing, Time: testTime},
		{What: Here, Ask: true, Time: testTime.Add(time.Minute)},
		{What: Away, Seen: testTime.Add(-time.Hour), Time: testTime.Add(-time.Minute)},
		{What: 99, Time: testTime},
	} {
		a := c.seal(t, &want)
		if len(a.Payload) != 105 {
			t.Errorf("%d octets", len(a.Payload))
		}
		want.Chat, want.From, want.Device = c.key.Chat, c.key.From, c.key.Device
		want.Time = want.Time.UTC().Truncate(time.Millisecond)
		if !want.Seen.IsZero() {
			want.Seen = want.Seen.UTC().Truncate(time.Millisecond)
		}
		got, err := c.open(t, a)
		if err != nil || *got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		// The way of messages takes none.
		if r, err := c.bob.devices[0].recv.Open(t.Context(), c.bob.devices[0].store, a); err != nil || r.Verdict != VerdictRefused {
			t.Errorf("as a message: %+v, %v", r, err)
		}
	}
	if _, _, err := SealSign(t.Context(), c.bob.devices[0].id, seeded(9), c.key, &Sign{}); err == nil {
		t.Error("sealed under another device's key")
	}
}

// TestSignsThatAreDropped: nobody but the device can make one, move one to another
// envelope, or bring an old one.
func TestSignsThatAreDropped(t *testing.T) {
	c := newSignCase(t)
	good := c.seal(t, &Sign{What: Typing, Time: testTime})
	with := func(change func(a *Arrival)) *Arrival {
		a := *good
		a.Payload = bytes.Clone(a.Payload)
		change(&a)
		return &a
	}
	// A member knows the key and signs for himself.
	id, body := omega.ID{7}, (&Sign{What: Typing, Time: testTime}).body()
	sig, err := pgp.SignCompact(t.Context(), c.bob.devices[0].id.Signer, signText(c.key, id, body), testTime)
	must(t, err)
	gcm, err := signCipher(c.key, id)
	must(t, err)
	payload := gcm.Seal((&Payload{Kind: PayloadSign, Locator: c.key.Locator}).appendTo(nil), make([]byte, 12), append(append([]byte{64}, sig[:]...), body...), signPlace(c.key))
	for name, a := range map[string]*Arrival{
		"another envelope":  with(func(a *Arrival) { a.ID = omega.ID{1} }),
		"another locator":   with(func(a *Arrival) { a.Payload[1]++ }),
		"changed":           with(func(a *Arrival) { a.Payload[20]++ }),
		"too short":         with(func(a *Arrival) { a.Payload = a.Payload[:len(a.Payload)-1] }),
		"another kind":      with(func(a *Arrival) { a.Payload[0] = byte(PayloadMessage) }),
		"empty":             with(func(a *Arrival) { a.Payload = nil }),
		"old":               with(func(a *Arrival) { a.Now = testTime.Add(3 * time.Minute) }),
		"early":             with(func(a *Arrival) { a.Now = testTime.Add(-3 * time.Minute) }),
		"signed by another": {ID: id, Payload: payload, Now: testTime},
	} {
		if s, err := c.open(t, a); s != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsealed) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	// A device that is in no certificate any more.
	c.world[c.ann.fp()] = c.bob.cert
	if s, err := c.open(t, good); s != nil || !errors.Is(err, ErrMalformed) {
		t.Errorf("by nobody's device: %+v, %v", s, err)
	}
}

func FuzzOpenSign(f *testing.F) {
	c := newSignCase(f)
	f.Add(c.seal(f, &Sign{What: Typing, Time: testTime}).Payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if s, err := c.open(t, &Arrival{Payload: payload, Now: testTime}); s != nil || err == nil {
			t.Errorf("made up: %+v", s)
		}
	})
}

func FuzzReadSign(f *testing.F) {
	f.Add((&Sign{What: Away, Seen: testTime, Time: testTime}).body())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSign(b)
		if err != nil {
			return
		}
		b = bytes.Clone(b)
		b[7] &= flagAsk // flags of later versions are passed over
		if !bytes.Equal(s.body(), b) {
			t.Errorf("%x became %x", b, s.body())
		}
	})
}
