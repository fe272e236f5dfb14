package chat

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// TestNewDevice sends from a device that the reader's copy of the certificate
// does not know: it fetches the newest before it says that there is a problem.
func TestNewDevice(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	stale := alice.cert
	secrets, err := pgp.GenerateDevice(seeded(5), "new", testTime.Add(-time.Minute))
	must(t, err)
	alice.bind(t, secrets, testTime.Add(-time.Minute))
	fresh := alice.cert
	alice.devices[0] = w.device(t, alice, secrets)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	sealed := s.text(t, roster, "x")

	for _, tt := range []struct {
		name      string
		before    *pgp.Certificate
		after     *pgp.Certificate
		afterward Problem
	}{
		{"stranger", nil, fresh, ProblemNone},
		{"stale certificate", stale, fresh, ProblemNone},
		{"not bound", stale, stale, ProblemDevice},
		{"no certificate anywhere", nil, nil, ProblemDevice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := w.device(t, bob, bob.devices[0].secrets)
			w[alice.fp()] = tt.before
			key, msg := sealed.arrivals(testTime)[0], sealed.arrivals(testTime)[1]
			for range 2 { // opening again changes nothing
				if r := d.open(t, key); r.Verdict != VerdictNeedCert || r.Account != alice.fp() {
					t.Fatalf("key record: %v, want need certificate", r.Verdict)
				}
			}
			w[alice.fp()] = tt.after
			key.Fresh, msg.Fresh = true, true
			if r := d.open(t, key); r.Verdict != VerdictKey {
				t.Fatalf("key record again: %v (%v)", r.Verdict, r.Reason)
			}
			wantMessage(t, d.open(t, msg), tt.afterward)
		})
	}
}

func TestInactiveDevice(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 2), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	before, after := s.text(t, roster, "before"), s.text(t, roster, "after")
	d := bob.devices[0]
	wantMessage(t, d.receive(t, before, testTime), ProblemNone)

	lost, err := pgp.RevokeDevice(t.Context(), alice.primary, alice.cert, alice.devices[0].id.Device(), pgp.ReasonNone, testTime)
	must(t, err)
	gone, err := pgp.Revoke(t.Context(), alice.primary, alice.cert, pgp.ReasonNone, testTime)
	must(t, err)
	for name, cert := range map[string]*pgp.Certificate{"device revoked": lost, "account revoked": gone} {
		w[alice.fp()] = cert
		a := after.arrivals(testTime)[0]
		if r := d.open(t, a); r.Verdict != VerdictNeedCert {
			t.Errorf("%s: %v, want need certificate", name, r.Verdict)
		}
		a.Fresh = true
		wantMessage(t, d.open(t, a), ProblemDevice)
	}
	if _, err := NewRoster(bob.cert, d.id.Device(), gone, testTime); err == nil {
		t.Error("a roster with a revoked account")
	}
}

// TestExpiry judges by when the home took the message: not by the sender's
// clock, which could be set back, nor by when the reader woke up.
func TestExpiry(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	expires := testTime.Add(time.Hour)
	cert, err := pgp.Renew(t.Context(), alice.primary, alice.cert, expires, testTime.Add(-time.Hour))
	must(t, err)
	w[alice.fp()] = cert
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	sealed := s.text(t, roster, "x")
	for _, tt := range []struct {
		name          string
		received, now time.Time
		want          Problem
	}{
		{"in time", testTime, testTime, ProblemNone},
		{"read late", testTime, expires.Add(time.Hour), ProblemNone},
		{"sent late", expires.Add(time.Minute), testTime, ProblemDevice},
		{"unknown home time", time.Time{}, expires.Add(time.Minute), ProblemDevice},
	} {
		d := w.device(t, bob, bob.devices[0].secrets)
		for i, a := range sealed.arrivals(tt.now) {
			a.Received, a.Fresh = tt.received, true
			if r := d.open(t, a); i == 1 {
				if got := r.Message.Problem; got != tt.want {
					t.Errorf("%s: problem %q, want %q", tt.name, got, tt.want)
				}
			}
		}
	}
}

// TestHomeClock takes the later of reader and home, so a slow clock here marks
// nobody.
func TestHomeClock(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	sealed := alice.sender(t, bob).text(t, alice.roster(t, bob), "x")
	slow := testTime.Add(-24 * time.Hour)
	for _, tt := range []struct {
		received time.Time
		want     Problem
	}{{testTime, ProblemNone}, {time.Time{}, ProblemClock}, {slow, ProblemClock}} {
		d := w.device(t, bob, bob.devices[0].secrets)
		var r *Result
		for _, a := range sealed.arrivals(slow) {
			a.Received = tt.received
			r = d.open(t, a)
		}
		wantMessage(t, r, tt.want)
	}
}

// TestClockGoesBack marks a message that is older than the one before it, once,
// and counts it: it is not asked for again.
func TestClockGoesBack(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster, d := alice.sender(t, bob), alice.roster(t, bob), bob.devices[0]
	later := testTime.Add(3 * omega.ClockTolerance)
	one := s.text(t, roster, "one")
	two := s.at(t, later, roster, NewText("two"))
	three := s.at(t, testTime, roster, NewText("three"))
	four := s.at(t, testTime, roster, NewText("four"))
	wantMessage(t, d.receive(t, one, later), ProblemNone)
	wantMessage(t, d.receive(t, two, later), ProblemNone)
	wantMessage(t, d.receive(t, three, later), ProblemClock)
	r := d.receive(t, four, later)
	wantMessage(t, r, ProblemNone)
	if r.Track.UpTo() != 4 {
		t.Errorf("up to %d, want 4", r.Track.UpTo())
	}
}

func TestListDiffers(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	old := alice.roster(t, bob)
	added := w.person(t, 3, 1).devices[0].secrets
	bob.bind(t, added, testTime.Add(-time.Hour))
	d := w.device(t, bob, bob.devices[0].secrets)
	s := alice.sender(t, bob)
	if m := wantMessage(t, d.receive(t, s.text(t, old, "x"), testTime), ProblemNone); !m.ListDiffers {
		t.Error("an older list does not show")
	}
	if m := wantMessage(t, d.receive(t, s.text(t, alice.roster(t, bob), "x"), testTime), ProblemNone); m.ListDiffers {
		t.Error("the list that the reader has shows as another")
	}
}

// TestSelfChat is between the devices of one account.
func TestSelfChat(t *testing.T) {
	w := world{}
	alice := w.person(t, 1, 3)
	s, roster := alice.sender(t, alice), alice.roster(t, alice)
	sealed := s.text(t, roster, "note")
	for _, d := range alice.devices[1:] {
		m := wantMessage(t, d.receive(t, sealed, testTime), ProblemNone)
		if m.Peer != alice.fp() || len(roster.Accounts()) != 1 {
			t.Errorf("peer %s", m.Peer)
		}
	}
}

// TestClockGlitch: a clock that was a year ahead for one message marks that one,
// and not the next.
func TestClockGlitch(t *testing.T) {
	w := world{}
	alice, bob := w.person(t, 1, 1), w.person(t, 2, 1)
	s, roster := alice.sender(t, bob), alice.roster(t, bob)
	one := s.text(t, roster, "one")
	ahead := s.at(t, testTime.AddDate(1, 0, 0), roster, NewText("ahead"))
	three, four := s.text(t, roster, "three"), s.at(t, testTime.Add(-time.Hour), roster, NewText("four"))
	d := bob.devices[0]
	wantMessage(t, d.receive(t, one, testTime), ProblemNone)
	wantMessage(t, d.receive(t, ahead, testTime), ProblemClock)
	wantMessage(t, d.receive(t, three, testTime), ProblemNone)
	wantMessage(t, d.receive(t, four, testTime), ProblemClock) // it is before one and three
}
