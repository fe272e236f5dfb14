package whole

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
)

// sender returns an honest sender of the insider's device to somebody.
func (in *insider) sender(t *testing.T, id *pgp.Identity, peer *pgp.Certificate) (*chat.Sender, *chat.Roster) {
	t.Helper()
	roster, err := chat.NewRoster(id.Certificate, id.Device(), peer, time.Now())
	must(t, err)
	s, err := chat.NewSender(id, rand.Reader, in.cfg.Name, chat.SenderState{Chat: roster.Chat})
	must(t, err)
	return s, roster
}

// text seals a text, and posts its key record if there is one.
func (in *insider) text(t *testing.T, s *chat.Sender, roster *chat.Roster, to omega.Fingerprint, at time.Time, text string) *chat.Sealed {
	t.Helper()
	sealed, err := s.Seal(t.Context(), at, roster, chat.NewText(text))
	must(t, err)
	if sealed.KeyRecord != nil {
		in.post(t, to, sealed.KeyID, sealed.KeyRecord)
	}
	return sealed
}

// wantShown takes the next message, which must be shown for what it is.
func (d *device) wantShown(t *testing.T, text, problem string) clientrpc.Message {
	t.Helper()
	m := d.receive(t, 1)[0]
	if m.Text != text || m.Problem != problem || m.Verified != (problem == "") {
		t.Fatalf("%q, verified %v, problem %q; want %q with problem %q", m.Text, m.Verified, m.Problem, text, problem)
	}
	return m
}

// TestHostile lets somebody who has a session key, and keys of their own, send
// what the real client never would. Every reader shows it for what it is, and
// goes on reading what is honest.
func TestHostile(t *testing.T) {
	t.Parallel()
	in, v := newInsider(t, "mallory", cloud[1].address()), newPerson(t, "victim", cloud[2].address())
	_, _, victim := v.secretsOf(t)
	s, roster := in.sender(t, in.id, victim.Certificate)
	post := func(id omega.ID, payload []byte) { t.Helper(); in.post(t, v.account, id, payload) }

	one := in.text(t, s, roster, v.account, time.Now(), "one")
	post(one.Message.ID, one.Payload)
	v.wantShown(t, "one", "")

	// Ciphertext that was changed: nothing is shown, the true one still is.
	two := in.text(t, s, roster, v.account, time.Now(), "two")
	damaged := bytes.Clone(two.Payload)
	damaged[len(damaged)-20]++
	post(two.Message.ID, damaged)
	f := forge(two, in.id.Signer)
	f.signature = &pgp.Compact{1, 2, 3}
	f.text = "not signed"
	post(two.Message.ID, f.payload(t))
	v.wantShown(t, "not signed", clientrpc.ProblemSignature)
	post(two.Message.ID, two.Payload)
	v.wantShown(t, "two", "")

	// A second content for a sequence, signed by the same device.
	f = forge(two, in.id.Signer)
	f.id, f.text = newID(), "zwei"
	post(f.id, f.payload(t))
	v.wantShown(t, "zwei", clientrpc.ProblemReplay)
	// An old signature in a new place.
	three := in.text(t, s, roster, v.account, time.Now(), "three")
	f = forge(three, in.id.Signer)
	f.signature, f.text = &two.Message.Signature, "two again"
	post(f.id, f.payload(t))
	v.wantShown(t, "two again", clientrpc.ProblemReplay)
	post(three.Message.ID, three.Payload)
	v.wantShown(t, "three", "")
	// Exactly the same once more: nothing.
	post(newID(), three.Payload)
	post(one.Message.ID, bytes.Clone(one.Payload))

	in.forwarded(t, v, victim)
	in.revoked(t, v, victim)

	// A time that cannot be; what follows is before it.
	late := in.text(t, s, roster, v.account, time.Now().Add(time.Hour), "from tomorrow")
	post(late.Message.ID, late.Payload)
	v.wantShown(t, "from tomorrow", clientrpc.ProblemClock)

	for _, m := range v.history(t, in.device) {
		if m.Verified != (m.Problem == "") {
			t.Errorf("history: %q, verified %v, problem %q", m.Text, m.Verified, m.Problem)
		}
	}
}

// forwarded wraps a key for another reader than its list names.
func (in *insider) forwarded(t *testing.T, v *device, victim *pgp.Identity) {
	t.Helper()
	other := newPerson(t, "carol", cloud[0].address())
	_, _, carol := other.secretsOf(t)
	s, roster := in.sender(t, in.id, carol.Certificate)
	sealed, err := s.Seal(t.Context(), time.Now(), roster, chat.NewText("for Carol"))
	must(t, err)
	in.post(t, v.account, newID(), wrap(t, sealed.Key, in.id.Signer, victim.Decrypter.Public()))
	in.post(t, v.account, sealed.Message.ID, sealed.Payload)
	m := v.wantShown(t, "for Carol", clientrpc.ProblemForwarded)
	if m.Chat != omega.DirectChat(in.account, v.account) {
		t.Errorf("shown in chat %s", m.Chat)
	}
}

// revoked sends from a device whose certificate says that it was revoked.
func (in *insider) revoked(t *testing.T, v *device, victim *pgp.Identity) {
	t.Helper()
	past := time.Now().Add(-time.Second)
	secrets, err := pgp.GenerateDevice(rand.Reader, "stolen", past)
	must(t, err)
	req, err := secrets.Request(t.Context(), in.id.Certificate.Primary(), past)
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), in.primary, in.id.Certificate, req, past)
	must(t, err)
	stolen, err := pgp.NewIdentity(cert, secrets)
	must(t, err)
	s, roster := in.sender(t, stolen, victim.Certificate)
	if cert, err = pgp.RevokeDevice(t.Context(), in.primary, cert, stolen.Device(), pgp.ReasonCompromised, time.Now()); err != nil {
		t.Fatal(err)
	}
	in.publish(t, cert)
	sealed := in.text(t, s, roster, v.account, time.Now(), "from a stolen device")
	in.post(t, v.account, sealed.Message.ID, sealed.Payload)
	if m := v.wantShown(t, "from a stolen device", clientrpc.ProblemDevice); m.Device != stolen.Device() {
		t.Errorf("device %s", m.Device)
	}
}

// TestWrongClock lets a real client with a clock that is ahead write: the text
// arrives and is marked.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	v := newPerson(t, "victim", cloud[3].address())
	a := newPerson(t, "a", cloud[0].address())
	a.close(t)
	a.cfg.Clock = func() time.Time { return time.Now().Add(omega.ClockTolerance + time.Minute) }
	a.open(t)
	st := a.online(t)
	if st.Skew < omega.ClockTolerance || st.Skew > omega.ClockTolerance+2*time.Minute {
		t.Errorf("skew %v", st.Skew)
	}
	a.send(t, v, "from the future", "stored")
	v.wantShown(t, "from the future", clientrpc.ProblemClock)
}
