package secure

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// TestDirect: both accounts find the same chat, which is not their normal one.
func TestDirect(t *testing.T) {
	devices := people(t, 3, 1, false)
	a, b, c := devices[0].account, devices[1].account, devices[2].account
	if Direct(a, b) != Direct(b, a) || Direct(a, b) == Direct(a, c) || Direct(a, b) == omega.DirectChat(a, b) {
		t.Error("not one chat for two accounts")
	}
}

// TestSaid: what the signature of a message covers is read back, and nothing else is.
func TestSaid(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	prekey, err := SignPrekey(t.Context(), devices[0].sign, devices[0].account, devices[0].prekey.Public(), UseChat, now, now.Add(time.Hour))
	must(t, err)
	for _, next := range []*Prekey{nil, prekey} {
		m := &Message{ID: omega.ID{7}, Time: now, Content: []byte("content"), Next: next}
		if epochs[0].Sent(devices[0].id()) == 0 {
			m.Sent = []Count{{Hash{1}, 3}, {Hash{2}, 100}}
		}
		_, err := epochs[0].SealMessage(t.Context(), devices[0].sign, m)
		must(t, err)
		s, err := ReadText(m.Text)
		must(t, err)
		if s.ID != m.ID || s.Chat != epochs[0].Record.Chat || s.Epoch != epochs[0].Record.Hash() || s.From != m.From || s.Device != m.Device || s.Number != m.Number || !s.Time.Equal(m.Time) {
			t.Errorf("%+v", s)
		}
		must(t, s.Verify(devices[0].sign.Public(), m.Signature, m.Content))
		if err := s.Verify(devices[0].sign.Public(), m.Signature, []byte("another")); !errors.Is(err, pgp.ErrSignature) {
			t.Errorf("another content: %v", err)
		}
		if err := s.Verify(devices[1].sign.Public(), m.Signature, m.Content); !errors.Is(err, pgp.ErrSignature) {
			t.Errorf("another device: %v", err)
		}
		for i := range m.Text {
			changed := bytes.Clone(m.Text)
			changed[i] ^= 1
			if s, err := ReadText(changed); err == nil && s.Verify(devices[0].sign.Public(), m.Signature, m.Content) == nil {
				t.Fatalf("octet %d changed, and it verifies", i)
			}
		}
		for _, bad := range [][]byte{nil, m.Text[:len(m.Text)-1], append(bytes.Clone(m.Text), '\n'), bytes.Repeat([]byte("x"), maxText+1)} {
			if _, err := ReadText(bad); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d octets: %v", len(bad), err)
			}
		}
	}
}

// TestForget: a message that came another way is missed no more, and its key is gone.
func TestForget(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	from, to := devices[0], epochs[1]
	var payloads [][]byte
	for range 4 {
		p, err := epochs[0].Seal(from.id(), now, []byte("x"))
		must(t, err)
		payloads = append(payloads, p)
	}
	_, err := to.Unseal(payloads[2])
	must(t, err)
	want := func(numbers ...uint32) {
		t.Helper()
		gaps := to.Gaps(devices[1].id())
		if len(numbers) == 0 && len(gaps) == 0 {
			return
		}
		if len(gaps) != 1 || gaps[0].Device != from.id() || !slices.Equal(gaps[0].Numbers, numbers) {
			t.Errorf("gaps %v, want %v", gaps, numbers)
		}
	}
	want(0, 1)
	to.stateCount(from.id(), 4)
	want(0, 1, 3)
	to.Forget(from.id(), 1)
	want(0, 3)
	if _, err := to.Unseal(payloads[1]); !errors.Is(err, ErrUsed) {
		t.Errorf("a message that came another way: %v", err)
	}
	to.Forget(from.id(), 3)
	want(0)
	to.Forget(from.id(), 3)
	to.Forget(from.id(), MaxLimit)
	to.Forget(omega.Fingerprint{}, 0)
	_, err = to.Unseal(payloads[0])
	must(t, err)
	want()
	if gaps := to.Gaps(from.id()); len(gaps) != 0 {
		t.Errorf("gaps of oneself: %v", gaps)
	}
}

// TestStored: records and counts come back as they were stored.
func TestStored(t *testing.T) {
	devices := people(t, 2, 2, false)
	_, epochs := open(t, devices)
	r, err := UnmarshalRecord(epochs[0].Record.Marshal())
	if err != nil || r.Hash() != epochs[0].Record.Hash() || r.VerifyRecord(devices[0].sign.Public()) != nil {
		t.Errorf("%v, %v", r, err)
	}
	list := []Told{{devices[0].id(), Count{Hash{1}, 100}}, {devices[1].id(), Count{Hash{2}, 0}}}
	if got, err := UnmarshalTold(MarshalTold(list)); err != nil || !slices.Equal(got, list) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range [][]byte{{1}, MarshalTold(list)[:40], bytes.Repeat(MarshalTold(list[:1]), maxAhead+1)} {
		if _, err := UnmarshalTold(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d octets: %v", len(bad), err)
		}
	}
	if _, err := UnmarshalRecord(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("no record: %v", err)
	}
}

// TestNextFree: an epoch may be opened at once where somebody was added, where the
// device does not send any more, and where there is none.
func TestNextFree(t *testing.T) {
	devices := people(t, 2, 1, false)
	o, _ := open(t, devices)
	book := &Book{Chat: o.Epoch.Record.Chat, Device: devices[0].id()}
	must(t, book.Add(o.Epoch, now))
	all := view2(devices)
	free := func(what string, v *View, want bool) {
		t.Helper()
		if _, _, wait := book.Next(v, now.Add(time.Minute)); wait.IsZero() != want {
			t.Errorf("%s: free is %v, want %v", what, wait.IsZero(), want)
		}
	}
	free("nothing happened", all, false)
	more := view2(devices)
	more.Devices[people(t, 3, 1, false)[2].id()] = true
	free("somebody was added", more, true)
	avoid := view2(devices)
	avoid.Avoid = map[Hash]bool{o.Epoch.Record.Hash(): true}
	free("it does not send any more", avoid, true)
	if _, err := book.Sending(avoid, now); !errors.Is(err, ErrEnded) {
		t.Errorf("and sends: %v", err)
	}
	book.End(func(*Epoch) bool { return true })
	free("there is none", all, true)
	if len(book.Epochs) != 0 || len(book.Gone) != 1 {
		t.Errorf("%d epochs are left, %d are gone", len(book.Epochs), len(book.Gone))
	}
	if err := book.Add(o.Epoch, now); !errors.Is(err, ErrKnown) {
		t.Errorf("it comes again: %v", err)
	}
}

func view2(devices []*device) *View {
	v := &View{Devices: map[omega.Fingerprint]bool{}}
	for _, d := range devices {
		v.Devices[d.id()] = true
	}
	return v
}
