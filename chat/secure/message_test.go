package secure

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// finder knows the devices that are given.
func finder(devices ...*device) FindKey {
	return func(account, id omega.Fingerprint) *pgp.PublicKey {
		for _, d := range devices {
			if d.account == account && d.id() == id {
				return d.sign.Public()
			}
		}
		return nil
	}
}

// say seals a message of a device.
func (d *device) say(tb testing.TB, e *Epoch, id omega.ID, content string) []byte {
	tb.Helper()
	p, err := e.SealMessage(tb.Context(), d.sign, &Message{ID: id, Time: now, Content: []byte(content)})
	must(tb, err)
	return p
}

// A message says who wrote it, with what is needed for the next epoch, and gpg's kind
// of signature proves it.
func TestMessage(t *testing.T) {
	devices := people(t, 2, 2, false)
	_, epochs := open(t, devices)
	next, err := pgp.GeneratePrekey(rand.NewChaCha8([32]byte{3}), now)
	must(t, err)
	told, err := SignPrekey(t.Context(), devices[0].sign, devices[0].account, next.Public(), UseChat, now, now.Add(time.Hour))
	must(t, err)
	sent := &Message{ID: omega.ID{5}, Time: now, Next: told, Content: []byte("你好")}
	p, err := epochs[0].SealMessage(t.Context(), devices[0].sign, sent)
	must(t, err)
	for i, e := range epochs[1:] {
		m, err := e.OpenMessage(p, sent.ID, finder(devices...))
		must(t, err)
		if m.From != devices[0].account || m.Device != devices[0].id() || !m.Time.Equal(now) || string(m.Content) != "你好" || m.Next.Hash() != told.Hash() {
			t.Errorf("device %d reads %+v", i+1, m)
		}
		must(t, pgp.VerifyCompact(devices[0].sign.Public(), m.Text, m.Time.Truncate(time.Second), m.Signature))
		if _, err := e.OpenMessage(p, sent.ID, finder(devices...)); !errors.Is(err, ErrUsed) {
			t.Errorf("device %d, again: %v, want ErrUsed", i+1, err)
		}
	}
}

// TestForged: what another member makes with the keys that he has is refused, and the
// true message can still be read.
func TestForged(t *testing.T) {
	devices := people(t, 3, 1, false)
	o, epochs := open(t, devices)
	author, member, reader := devices[0], devices[1], epochs[2]
	id := omega.ID{7}
	forge := func(sign *device, edit func(*Message)) []byte {
		// The member has the secret, so he can go along the author's chain.
		fresh, err := Unmarshal(epochs[1].Marshal())
		must(t, err)
		m := &Message{ID: id, From: author.account, Device: author.id(), Time: now, Content: []byte("forged")}
		edit(m)
		m.Text = fresh.text(m)
		if sign != nil {
			m.Signature, err = pgp.SignCompact(t.Context(), sign.sign, m.Text, m.Time.Truncate(time.Second))
			must(t, err)
		}
		p, err := fresh.Seal(author.id(), now, m.inner())
		must(t, err)
		return p
	}
	true1 := author.say(t, o.Epoch, id, "true")
	for _, tt := range []struct {
		what string
		p    []byte
		id   omega.ID
		find FindKey
		want error
	}{
		{"signed by nobody", forge(nil, func(*Message) {}), id, finder(devices...), pgp.ErrSignature},
		{"signed by the forger", forge(member, func(*Message) {}), id, finder(devices...), pgp.ErrSignature},
		{"in another envelope", true1, omega.ID{8}, finder(devices...), pgp.ErrSignature},
		{"device not known", true1, id, finder(member), ErrSigner},
		{"after the end", forge(author, func(m *Message) { m.Time = now.Add(MaxAge + time.Second) }), id, finder(devices...), ErrEnded},
		{"before the epoch", forge(author, func(m *Message) { m.Time = now.Add(-time.Hour) }), id, finder(devices...), ErrMalformed},
	} {
		if m, err := reader.OpenMessage(tt.p, tt.id, tt.find); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", tt.what, m, err, tt.want)
		}
	}
	m, err := reader.OpenMessage(true1, id, finder(devices...))
	must(t, err)
	if string(m.Content) != "true" {
		t.Errorf("the true message reads %q", m.Content)
	}
}

// TestAnotherChat: a message passed on to another chat of the same people, or to
// another epoch, opens nowhere.
func TestAnotherChat(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, here := open(t, devices)
	there, err := Open(t.Context(), rand.NewChaCha8([32]byte{2}), devices[0].sign, plan(devices))
	must(t, err)
	p := devices[0].say(t, here[0], omega.ID{1}, "x")
	if _, err := there.Epoch.OpenMessage(p, omega.ID{1}, finder(devices...)); !errors.Is(err, ErrUnsealed) {
		t.Errorf("in another epoch: %v, want ErrUnsealed", err)
	}
	// Even who has both secrets cannot carry it over: the signature names chat and epoch.
	in, err := here[1].Unseal(p)
	must(t, err)
	moved, err := there.Epoch.Seal(devices[0].id(), now, in.Octets)
	must(t, err)
	other, err := devices[1].accept(there)
	must(t, err)
	if _, err := other.OpenMessage(moved, omega.ID{1}, finder(devices...)); !errors.Is(err, pgp.ErrSignature) {
		t.Errorf("sealed again in another epoch: %v, want ErrSignature", err)
	}
}

// TestCounts: only the first message of a device in an epoch tells counts, each once
// and in order.
func TestCounts(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	ordered := []Count{{Hash{1}, 42}, {Hash{2}, 0}}
	seal := func(counts []Count) ([]byte, error) {
		return epochs[0].SealMessage(t.Context(), devices[0].sign, &Message{ID: omega.ID{1}, Time: now, Sent: counts})
	}
	if _, err := seal([]Count{ordered[1], ordered[0]}); !errors.Is(err, ErrMalformed) {
		t.Errorf("out of order: %v", err)
	}
	if _, err := seal(make([]Count, MaxCounts+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too many: %v", err)
	}
	p, err := seal(ordered)
	must(t, err)
	m, err := epochs[1].OpenMessage(p, omega.ID{1}, finder(devices...))
	if err != nil || !slices.Equal(m.Sent, ordered) {
		t.Errorf("told %+v, %v", m, err)
	}
	if _, err := seal(ordered); !errors.Is(err, ErrMalformed) {
		t.Errorf("in the second message: %v", err)
	}
}

func FuzzParseInner(f *testing.F) {
	d := people(f, 1, 1, false)[0]
	f.Add((&Message{Time: now, Sent: []Count{{Hash{1}, 1}, {Hash{2}, 100}}, Next: d.signed, Content: []byte("x")}).inner())
	f.Add((&Message{Time: now}).inner())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseInner(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		if !bytes.Equal(m.inner(), b) {
			t.Fatal("written differently")
		}
	})
}
