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

// now is the time of every test.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// An account can publish: its primary key and the secrets of its devices.
type account struct {
	t       *testing.T
	primary *pgp.SecretKey
	cert    *pgp.Certificate
	devices []*pgp.DeviceSecrets
}

func newAccount(t *testing.T, devices int) *account {
	t.Helper()
	made := now.Add(-time.Hour)
	primary, err := pgp.GenerateSigning(rand.Reader, made)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, made)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{t: t, primary: primary, cert: cert}
	for range devices {
		a.addDevice()
	}
	return a
}

func (a *account) fp() omega.Fingerprint { return a.cert.Fingerprint() }

// addDevice binds one more device.
func (a *account) addDevice() *pgp.DeviceSecrets {
	a.t.Helper()
	made := now.Add(-time.Hour)
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

func (a *account) revoke(dev *pgp.DeviceSecrets) {
	a.t.Helper()
	cert, err := pgp.RevokeDevice(a.t.Context(), a.primary, a.cert, dev.Signing.Public().Fingerprint(), pgp.ReasonNone, now)
	if err != nil {
		a.t.Fatal(err)
	}
	a.cert = cert
}

// record makes a signed record; edit may change it before it is signed.
func (a *account) record(dev *pgp.DeviceSecrets, seq uint64, prev *wire.Record, edit func(*wire.Record)) *wire.Record {
	a.t.Helper()
	rec := &wire.Record{
		Sequence: seq, Issued: now, Expires: now.Add(7 * 24 * time.Hour),
		Certificate: a.cert.Hash(), User: a.fp(), Device: dev.Signing.Public().Fingerprint(),
		Homes: []omega.Fingerprint{fpOf(1)},
	}
	if prev != nil {
		rec.Previous = prev.Hash()
	}
	if edit != nil {
		edit(rec)
	}
	sig, err := pgp.SignCompact(a.t.Context(), dev.Signing, rec.Signed(), now)
	if err != nil {
		a.t.Fatal(err)
	}
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return rec
}

// entry puts the present certificate and a record together.
func (a *account) entry(rec *wire.Record) wire.Entry {
	e := keyserver.Entry{Certificate: a.cert, Record: rec}
	return e.Wire()
}

func fpOf(n byte) omega.Fingerprint {
	b := make([]byte, 20)
	b[19] = n
	fp, err := omega.FingerprintV4(b)
	if err != nil {
		panic(err)
	}
	return fp
}

func newServer(t *testing.T, cfg keyserver.Config) *keyserver.Server {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = keyserver.NewMem()
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return now }
	}
	s, err := keyserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAccept(t *testing.T, s *keyserver.Server, src keyserver.Source, e wire.Entry) *keyserver.Entry {
	t.Helper()
	stands, changed, err := s.Accept(t.Context(), src, e)
	if err != nil || !changed {
		t.Fatalf("accept: changed %v, %v", changed, err)
	}
	return stands
}
