package keyserver_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// later adds a device that was linked after the others.
func (a *account) later(after time.Duration) *pgp.DeviceSecrets {
	a.t.Helper()
	made := now.Add(-time.Hour + after)
	dev, err := pgp.GenerateDevice(rand.Reader, "device", made)
	if err != nil {
		a.t.Fatal(err)
	}
	req, err := dev.Request(a.t.Context(), a.primary.Public(), made)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.cert, err = pgp.AddDevice(a.t.Context(), a.primary, a.cert, req, made); err != nil {
		a.t.Fatal(err)
	}
	a.devices = append(a.devices, dev)
	return dev
}

// removes returns cert with a device removed by another one.
func (a *account) removes(cert *pgp.Certificate, by, about *pgp.DeviceSecrets, at time.Time) *pgp.Certificate {
	a.t.Helper()
	fp := about.Signing.Public().Fingerprint()
	block, err := pgp.RevokeBefore(a.t.Context(), a.primary, a.cert, fp, now.Add(-55*time.Minute))
	if err == nil {
		cert, err = pgp.Remove(a.t.Context(), by.Signing, cert, fp, block, at)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// With a removal the records of its device are void, with a contest they hold again, and
// the thief's are void: on every server, whatever arrives first.
func TestContestBringsRecordsBack(t *testing.T) {
	a := newAccount(t, 1)
	first, thief := a.devices[0], a.later(time.Minute)
	whole := a.cert
	before := a.entry(a.record(first, 7, nil, nil))
	a.cert = a.removes(whole, thief, first, now)
	hijack := a.entry(a.record(thief, 5000, nil, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(66)} }))
	a.cert = a.removes(a.cert, first, thief, now)
	contest := a.entry(nil)
	orders := [][]wire.Entry{{before, hijack, contest}, {hijack, before, contest}, {contest, hijack, before}, {before, contest, hijack}, {hijack, contest, before}}
	var hash [32]byte
	for i, order := range orders {
		s := newServer(t, keyserver.Config{})
		for _, e := range order {
			if _, _, err := s.Accept(t.Context(), keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		e, err := s.Find(t.Context(), a.fp())
		if err != nil || e.Sequence() != 7 || e.Homes()[0] != fpOf(1) {
			t.Fatalf("order %d: %+v, %v", i, e, err)
		}
		if i > 0 && e.Hash() != hash {
			t.Errorf("order %d holds something else", i)
		}
		hash = e.Hash()
	}
}

// A removal that says that it is old can be contested for 72 hours from when a server that
// knew the account heard of it; where the server knew nothing, and after a start, its own
// time counts.
func TestTimeToContest(t *testing.T) {
	a := newAccount(t, 1)
	first, thief := a.devices[0], a.later(time.Minute)
	whole := a.cert
	known := a.entry(a.record(first, 1, nil, nil))
	said := now.Add(-50 * time.Minute)
	removed := a.removes(whole, thief, first, said)
	contest := a.removes(removed, first, thief, now)
	block, _, err := pgp.Own(contest.Said(first.Signing.Public().Fingerprint(), thief.Signing.Public().Fingerprint()))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		known bool
		heard time.Time // when the removal came
		at    time.Time // of the contest
		want  omega.Code
	}{
		{"at once", true, now, now.Add(time.Hour), omega.CodeOK},
		{"in time, by when it was heard", true, now.Add(90 * time.Hour), now.Add(161 * time.Hour), omega.CodeOK},
		{"too late", true, now, now.Add(73 * time.Hour), omega.CodeRefused},
		{"too late, by when it was heard", true, now.Add(90 * time.Hour), now.Add(163 * time.Hour), omega.CodeRefused},
		{"too late, where nothing was known", false, now.Add(90 * time.Hour), now.Add(91 * time.Hour), omega.CodeRefused},
		{"in time, where nothing was known", false, now, now.Add(70 * time.Hour), omega.CodeOK},
	} {
		clock := now
		s := newServer(t, keyserver.Config{Now: func() time.Time { return clock }})
		if row.known {
			mustAccept(t, s, keyserver.FromServer, known)
		}
		clock = row.heard
		a.cert = removed
		mustAccept(t, s, keyserver.FromServer, a.entry(nil))
		clock = row.at
		_, _, err := s.Update(t.Context(), a.fp(), block)
		if got := omegaCode(err); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
		e, err := s.Find(t.Context(), a.fp())
		if err != nil {
			t.Fatal(err)
		}
		d, _ := e.Certificate.Device(first.Signing.Public().Fingerprint())
		if d.Revoked != (row.want != omega.CodeOK) {
			t.Errorf("%s: the device is revoked: %v", row.name, d.Revoked)
		}
		// What another server took holds here as well: they agree.
		a.cert = contest
		if _, _, err := s.Accept(t.Context(), keyserver.FromServer, a.entry(nil)); err != nil {
			t.Fatal(err)
		}
		if e, _ = s.Find(t.Context(), a.fp()); e.Certificate.Hash() != contest.Hash() {
			t.Errorf("%s: servers disagree", row.name)
		}
	}
}
