package keyserver_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

func TestRegisterAndFind(t *testing.T) {
	s := newServer(t, keyserver.Config{})
	var told []*keyserver.Entry
	s.OnChange(func(e *keyserver.Entry) { told = append(told, e) })
	a := newAccount(t, 2)
	rec := a.record(a.devices[0], 1, nil, nil)
	before := s.Generation(t.Context(), a.fp())
	mustAccept(t, s, keyserver.FromSession, a.entry(rec))
	if len(told) != 1 || told[0].Fingerprint() != a.fp() {
		t.Errorf("watcher was told %v", told)
	}
	for _, fp := range []omega.Fingerprint{a.fp(), a.devices[0].Signing.Public().Fingerprint(), a.devices[1].Encryption.Public().Fingerprint()} {
		e, err := s.Find(t.Context(), fp)
		if err != nil || e.Certificate.Hash() != a.cert.Hash() || e.Sequence() != 1 {
			t.Errorf("find %s: %v, %v", fp, e, err)
		}
		if raw, err := s.Raw(t.Context(), fp); err != nil || len(raw) == 0 {
			t.Errorf("raw %s: %d octets, %v", fp, len(raw), err)
		}
	}
	r, err := s.Route(t.Context(), a.fp())
	if err != nil || len(r.Homes) != 1 || r.Homes[0] != fpOf(1) {
		t.Errorf("route = %+v, %v", r, err)
	}
	if g := s.Generation(t.Context(), a.fp()); g == 0 || g == before {
		t.Errorf("generation %d after %d", g, before)
	}
	if _, changed, err := s.Accept(t.Context(), keyserver.FromSession, a.entry(rec)); changed || err != nil {
		t.Errorf("the same again: changed %v, %v", changed, err)
	}
	if _, err := s.Find(t.Context(), fpOf(9)); !errors.Is(err, &omega.Error{Code: omega.CodeNotFound}) {
		t.Errorf("stranger: %v", err)
	}
}

func TestAcceptRefuses(t *testing.T) {
	a, other := newAccount(t, 2), newAccount(t, 1)
	dev := a.devices[0]
	good := a.record(dev, 1, nil, nil)
	for _, tt := range []struct {
		name  string
		entry wire.Entry
		want  omega.Code
	}{
		{"no certificate", wire.Entry{}, omega.CodeBadRequest},
		{"garbage", wire.Entry{Certificate: []byte("\x99garbage")}, omega.CodeBadRequest},
		{"garbage record", wire.Entry{Certificate: a.cert.Bytes(), Record: []byte{1, 2, 3}}, omega.CodeBadRequest},
		{"no record", a.entry(nil), omega.CodeBadRequest},
		{"another account's record", wire.Entry{Certificate: other.cert.Bytes(), Record: good.Bytes()}, omega.CodeRefused},
		{"another account's device", a.entry(a.record(other.devices[0], 1, nil, nil)), omega.CodeBadRequest},
		{"changed after signing", a.entry(func() *wire.Record { r := *good; r.Sequence = 2; return &r }()), omega.CodeBadRequest},
		{"claims another device", a.entry(func() *wire.Record {
			r := *good
			r.Device = a.devices[1].Signing.Public().Fingerprint()
			return &r
		}()), omega.CodeBadRequest},
		{"another certificate hash", a.entry(a.record(dev, 1, nil, func(r *wire.Record) { r.Certificate[0] ^= 1 })), omega.CodeBadRequest},
		{"from the future", a.entry(a.record(dev, 1, nil, func(r *wire.Record) { r.Issued = now.Add(3 * time.Minute) })), omega.CodeBadRequest},
		{"home twice", a.entry(a.record(dev, 1, nil, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(1), fpOf(1)} })), omega.CodeBadRequest},
		{"sequence beyond its time", a.entry(a.record(dev, 1<<60, nil, nil)), omega.CodeBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, keyserver.Config{})
			_, changed, err := s.Accept(t.Context(), keyserver.FromSession, tt.entry)
			var e *omega.Error
			if !errors.As(err, &e) || e.Code != tt.want || changed {
				t.Errorf("accept = changed %v, %v; want %s", changed, err, tt.want)
			}
			if m := s.Metrics(); m.Accounts != 0 || m.Refused != 1 {
				t.Errorf("metrics %+v", m)
			}
		})
	}
}

func TestRecordWithinClockTolerance(t *testing.T) {
	a := newAccount(t, 1)
	s := newServer(t, keyserver.Config{})
	mustAccept(t, s, keyserver.FromSession, a.entry(a.record(a.devices[0], 1, nil, func(r *wire.Record) {
		r.Issued, r.Expires = now.Add(time.Minute), now.Add(-time.Minute) // an expired record still delivers
	})))
}

func TestRegistrationPolicy(t *testing.T) {
	a := newAccount(t, 1)
	e := a.entry(a.record(a.devices[0], 1, nil, nil))
	s := newServer(t, keyserver.Config{Registration: keyserver.RegistrationClosed})
	if _, _, err := s.Accept(t.Context(), keyserver.FromSession, e); !errors.Is(err, &omega.Error{Code: omega.CodeRefused}) && omegaCode(err) != omega.CodeRefused {
		t.Errorf("closed: %v", err)
	}
	mustAccept(t, s, keyserver.FromServer, e)
	joining := true
	newcomer := newServer(t, keyserver.Config{Joining: func() bool { return joining }})
	if _, _, err := newcomer.Accept(t.Context(), keyserver.FromSession, e); omegaCode(err) != omega.CodeUnavailable {
		t.Errorf("joining: %v", err)
	}
	joining = false
	mustAccept(t, newcomer, keyserver.FromSession, e)
	full := newServer(t, keyserver.Config{MaxAccounts: 1})
	mustAccept(t, full, keyserver.FromServer, e)
	b := newAccount(t, 1)
	if _, _, err := full.Accept(t.Context(), keyserver.FromServer, b.entry(nil)); omegaCode(err) != omega.CodeDiskFull {
		t.Errorf("full: %v", err)
	}
}

func omegaCode(err error) omega.Code {
	var e *omega.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return omega.CodeOK
}

func TestCompareAndSwap(t *testing.T) {
	a := newAccount(t, 2)
	first := a.record(a.devices[0], 1, nil, nil)
	second := a.record(a.devices[0], 2, first, nil)
	rival := a.record(a.devices[1], 2, first, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(2)} })
	for _, tt := range []struct {
		name     string
		rec      *wire.Record
		want     omega.Code
		evidence int
	}{
		{"next", a.record(a.devices[1], 3, second, nil), omega.CodeOK, 0},
		{"gap", a.record(a.devices[1], 9, nil, nil), omega.CodeOK, 0},
		{"again", second, omega.CodeOK, 0},
		{"older", first, omega.CodeConflict, 0},
		{"rival", rival, omega.CodeConflict, 2},
		{"next of a rival", a.record(a.devices[1], 3, rival, nil), omega.CodeConflict, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, keyserver.Config{})
			mustAccept(t, s, keyserver.FromSession, a.entry(first))
			mustAccept(t, s, keyserver.FromSession, a.entry(second))
			for range 2 { // repeating changes nothing
				stands, _, err := s.Accept(t.Context(), keyserver.FromSession, a.entry(tt.rec))
				if omegaCode(err) != tt.want {
					t.Fatalf("accept = %v, want %s", err, tt.want)
				}
				if tt.want == omega.CodeConflict && stands.Record.Hash() != second.Hash() {
					t.Errorf("stands record %d", stands.Sequence())
				}
			}
			ev, err := s.Evidence(t.Context(), a.fp())
			if err != nil || len(ev) != tt.evidence {
				t.Errorf("%d pieces of evidence, %v; want %d", len(ev), err, tt.evidence)
			}
		})
	}
}

func TestSessionMustKnowTheCertificate(t *testing.T) {
	a := newAccount(t, 1)
	s := newServer(t, keyserver.Config{})
	first := a.record(a.devices[0], 1, nil, nil)
	mustAccept(t, s, keyserver.FromSession, a.entry(first))
	stale := *a
	a.addDevice()
	mustAccept(t, s, keyserver.FromServer, a.entry(nil))
	if _, _, err := s.Accept(t.Context(), keyserver.FromSession, stale.entry(stale.record(a.devices[0], 2, first, nil))); omegaCode(err) != omega.CodeConflict {
		t.Errorf("record over a stale certificate: %v", err)
	}
	e := mustAccept(t, s, keyserver.FromSession, a.entry(a.record(a.devices[1], 2, first, nil)))
	if len(e.Certificate.Devices()) != 2 {
		t.Errorf("%d devices", len(e.Certificate.Devices()))
	}
}

// TestRevocationVoidsRecords: the record of a stolen device falls with it, on
// every server, whatever arrives first.
func TestRevocationVoidsRecords(t *testing.T) {
	a := newAccount(t, 2)
	stolen := a.devices[1]
	first := a.record(a.devices[0], 1, nil, nil)
	before := a.entry(first)
	hijack := a.entry(a.record(stolen, 5000, nil, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(66)} }))
	a.revoke(stolen)
	after := a.entry(nil)
	orders := [][]wire.Entry{{before, hijack, after, before}, {after, hijack, before}, {hijack, after, before}, {before, after, hijack}}
	var hash [32]byte
	for i, order := range orders {
		s := newServer(t, keyserver.Config{})
		for _, e := range order {
			if _, _, err := s.Accept(t.Context(), keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		e, err := s.Find(t.Context(), a.fp())
		if err != nil || e.Sequence() != 1 || e.Homes()[0] != fpOf(1) {
			t.Fatalf("order %d: %+v, %v", i, e, err)
		}
		if i > 0 && e.Hash() != hash {
			t.Errorf("order %d holds something else", i)
		}
		hash = e.Hash()
	}
}

func TestRevokedAccount(t *testing.T) {
	a := newAccount(t, 1)
	s := newServer(t, keyserver.Config{})
	first := a.record(a.devices[0], 1, nil, nil)
	mustAccept(t, s, keyserver.FromSession, a.entry(first))
	cert, err := pgp.Revoke(t.Context(), a.primary, a.cert, pgp.ReasonNone, now)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	e := mustAccept(t, s, keyserver.FromSession, a.entry(nil))
	if e.Record != nil {
		t.Error("a revoked account has a location record")
	}
	if _, _, err := s.Accept(t.Context(), keyserver.FromSession, a.entry(a.record(a.devices[0], 2, first, nil))); omegaCode(err) != omega.CodeRefused {
		t.Errorf("record of a revoked account: %v", err)
	}
}

// TestAnyOrderConverges: servers that have seen the same entries in any order
// hold the same and have equal digests.
func TestAnyOrderConverges(t *testing.T) {
	a := newAccount(t, 2)
	first := a.record(a.devices[0], 1, nil, nil)
	entries := []wire.Entry{a.entry(first)}
	entries = append(entries,
		a.entry(a.record(a.devices[0], 2, first, nil)),
		a.entry(a.record(a.devices[1], 2, first, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(2)} })))
	a.addDevice()
	entries = append(entries, a.entry(nil), a.entry(a.record(a.devices[2], 3, nil, nil)))
	a.revoke(a.devices[2])
	entries = append(entries, a.entry(nil))
	r := rand.New(rand.NewPCG(1, 2))
	var want *keyserver.Digest
	for range 20 {
		s := newServer(t, keyserver.Config{})
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		for _, e := range entries {
			if _, _, err := s.Accept(t.Context(), keyserver.FromServer, e); err != nil {
				t.Fatal(err)
			}
		}
		got := s.Digest()
		if want == nil {
			want = got
		}
		if diff := got.Differing(want); len(diff) != 0 {
			e, _ := s.Find(t.Context(), a.fp())
			t.Fatalf("buckets %v differ; stands %d", diff, e.Sequence())
		}
	}
}

// TestInvite: an invite is asked for once, for who is new, and given back when
// the account was not stored.
func TestInvite(t *testing.T) {
	if _, err := keyserver.New(keyserver.Config{Store: keyserver.NewMem(), Registration: keyserver.RegistrationInvite}); err == nil {
		t.Error("registration by invitation without anybody to ask")
	}
	var asked []*omega.Invite
	back := 0
	store := &fullStore{Store: keyserver.NewMem()}
	s := newServer(t, keyserver.Config{Store: store, Registration: keyserver.RegistrationInvite, Redeem: func(_ omega.Fingerprint, i *omega.Invite) (func(), error) {
		if asked = append(asked, i); i == nil {
			return nil, omega.Errorf(omega.CodeRefused, "it needs an invite")
		}
		return func() { back++ }, nil
	}})
	a, b := newAccount(t, 1), newAccount(t, 1)
	first := a.record(a.devices[0], 1, nil, nil)
	if _, _, err := s.Register(t.Context(), a.entry(first), nil); omegaCode(err) != omega.CodeRefused {
		t.Errorf("without one: %v", err)
	}
	store.full = true
	if _, _, err := s.Register(t.Context(), a.entry(first), &omega.Invite{1}); omegaCode(err) != omega.CodeDiskFull || back != 1 {
		t.Errorf("not stored: %v, given back %d times", err, back)
	}
	store.full = false
	if _, changed, err := s.Register(t.Context(), a.entry(first), &omega.Invite{1}); err != nil || !changed || back != 1 {
		t.Errorf("with one: %v, %v, given back %d times", changed, err, back)
	}
	if len(asked) != 3 {
		t.Errorf("asked %d times, want 3", len(asked))
	}
	// Who is known already, and what servers tell each other, needs none.
	mustAccept(t, s, keyserver.FromSession, a.entry(a.record(a.devices[0], 2, first, nil)))
	mustAccept(t, s, keyserver.FromServer, b.entry(b.record(b.devices[0], 1, nil, nil)))
	if len(asked) != 3 {
		t.Errorf("asked %d times, want 3 still", len(asked))
	}
}

// A fullStore takes nothing while it is full.
type fullStore struct {
	keyserver.Store
	full bool
}

func (s *fullStore) Put(ctx context.Context, i *keyserver.Item) error {
	if s.full {
		return keyserver.ErrDiskFull
	}
	return s.Store.Put(ctx, i)
}

// A tombstone is final: homes and devices are gone, in whatever order it comes,
// and neither its owner nor another server brings back what was there.
func TestDeletedIsFinal(t *testing.T) {
	a := newAccount(t, 2)
	rec := a.record(a.devices[0], 1, nil, nil)
	living := a.entry(rec)
	gone, err := pgp.Delete(t.Context(), a.primary, a.cert, now)
	if err != nil {
		t.Fatal(err)
	}
	tomb := wire.Entry{Certificate: gone.Bytes()}
	check := func(t *testing.T, s *keyserver.Server) {
		t.Helper()
		r, err := s.Route(t.Context(), a.fp())
		if err != nil || !r.Deleted || len(r.Homes) != 0 {
			t.Errorf("route = %+v, %v", r, err)
		}
		if e, err := s.Find(t.Context(), a.fp()); err != nil || !e.Certificate.Deleted() || e.Record != nil || len(e.Certificate.Devices()) != 0 {
			t.Errorf("entry = %+v, %v", e, err)
		}
	}
	for _, first := range []wire.Entry{living, tomb} {
		store := keyserver.NewMem()
		s := newServer(t, keyserver.Config{Store: store})
		src := keyserver.FromSession
		if len(first.Record) == 0 {
			src = keyserver.FromServer // only another server can know of it
		}
		mustAccept(t, s, src, first)
		if _, _, err := s.Accept(t.Context(), keyserver.FromServer, tomb); err != nil {
			t.Fatal(err)
		}
		check(t, s)
		if _, changed, err := s.Accept(t.Context(), keyserver.FromSession, living); changed || !errors.Is(err, &omega.Error{Code: omega.CodeDeleted}) {
			t.Errorf("registered again: changed %v, %v", changed, err)
		}
		if _, changed, err := s.Accept(t.Context(), keyserver.FromServer, living); changed || err != nil {
			t.Errorf("another server's old entry: changed %v, %v", changed, err)
		}
		if _, changed, err := s.Publish(t.Context(), a.fp(), tomb); changed || err != nil {
			t.Errorf("deleted again: changed %v, %v", changed, err)
		}
		check(t, s)
		check(t, newServer(t, keyserver.Config{Store: store})) // after a restart, out of the store
	}
}
