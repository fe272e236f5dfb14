package keyserver_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

func TestNewChecksConfig(t *testing.T) {
	if _, err := keyserver.New(keyserver.Config{}); err == nil {
		t.Error("no store")
	}
	if _, err := keyserver.New(keyserver.Config{Store: keyserver.NewMem(), Registration: 9}); err == nil {
		t.Error("unknown registration policy")
	}
}

func TestReload(t *testing.T) {
	store := keyserver.NewMem()
	s := newServer(t, keyserver.Config{Store: store})
	for range 3 {
		a := newAccount(t, 1)
		mustAccept(t, s, keyserver.FromSession, a.entry(a.record(a.devices[0], 1, nil, nil)))
	}
	again := newServer(t, keyserver.Config{Store: store})
	if got, want := *again.Digest(), *s.Digest(); got != want {
		t.Error("digest differs after a restart")
	}
	if n := again.Metrics().Accounts; n != 3 {
		t.Errorf("%d accounts, want 3", n)
	}
}

// decayed changes the last octet of every certificate that it gives back: one of
// a signature.
type decayed struct{ *keyserver.Mem }

func (d decayed) Get(ctx context.Context, fp omega.Fingerprint) (*keyserver.Item, error) {
	item, err := d.Mem.Get(ctx, fp)
	if err == nil {
		w, decodeErr := wire.DecodeEntry(item.Entry)
		if decodeErr != nil {
			return nil, decodeErr
		}
		w.Certificate[len(w.Certificate)-1] ^= 1 // it lies in item.Entry
	}
	return item, err
}

func TestDecayedCertificateIsNotTaken(t *testing.T) {
	a := newAccount(t, 1)
	store := keyserver.NewMem()
	s := newServer(t, keyserver.Config{Store: store})
	mustAccept(t, s, keyserver.FromSession, a.entry(a.record(a.devices[0], 1, nil, nil)))
	if e, err := newServer(t, keyserver.Config{Store: store}).Find(t.Context(), a.fp()); err != nil || len(e.Certificate.Devices()) != 1 {
		t.Errorf("find = %v, %v; want what was stored", e, err)
	}
	if e, err := newServer(t, keyserver.Config{Store: decayed{store}}).Find(t.Context(), a.fp()); err == nil && len(e.Certificate.Devices()) != 0 {
		t.Error("a device whose binding does not verify was taken")
	}
	if p, err := newServer(t, keyserver.Config{Store: decayed{store}}).Plain(t.Context(), a.fp()); err == nil && len(p.Certificate) >= len(a.cert.Bytes()) {
		t.Error("what decayed was given out")
	}
}

// TestPlain: the plain view is the certificate that stands, from the store and
// from memory, by every fingerprint, before and after changes.
func TestPlain(t *testing.T) {
	a := newAccount(t, 1)
	store := keyserver.NewMem()
	s := newServer(t, keyserver.Config{Store: store})
	if _, err := s.Plain(t.Context(), a.fp()); omegaCode(err) != omega.CodeNotFound {
		t.Errorf("an unknown account: %v", err)
	}
	rec := a.record(a.devices[0], 1, nil, nil)
	for seq := range 3 {
		if seq > 0 {
			a.addDevice()
			rec = a.record(a.devices[0], uint64(seq+1), rec, nil)
		}
		mustAccept(t, s, keyserver.FromSession, a.entry(rec))
		for _, fp := range []omega.Fingerprint{a.fp(), a.fp(), a.devices[0].Signing.Public().Fingerprint()} {
			for name, s := range map[string]*keyserver.Server{"": s, " after a restart": newServer(t, keyserver.Config{Store: store})} {
				p, err := s.Plain(t.Context(), fp)
				if err != nil {
					t.Fatalf("change %d, %s%s: %v", seq, fp, name, err)
				}
				if !bytes.Equal(p.Certificate, a.cert.Bytes()) || p.Hash != a.cert.Hash() || p.Fingerprint() != a.fp() {
					t.Errorf("change %d, %s%s: not what stands", seq, fp, name)
				}
				if n := s.Metrics().Parsed; n != 0 {
					t.Errorf("change %d, %s%s: %d entries parsed", seq, fp, name, n)
				}
			}
		}
	}
	if n := s.Metrics().Lookups; n != 9 {
		t.Errorf("%d look-ups, want 9", n)
	}
}

// failing fails every Put.
type failing struct {
	*keyserver.Mem
	err error
}

func (f failing) Put(context.Context, *keyserver.Item) error { return f.err }

func TestNothingIsAcknowledgedThatWasNotStored(t *testing.T) {
	a := newAccount(t, 1)
	for _, tt := range []struct {
		err  error
		want omega.Code
	}{
		{errors.New("disk on fire"), omega.CodeInternal},
		{fmt.Errorf("put: %w", keyserver.ErrDiskFull), omega.CodeDiskFull},
	} {
		s := newServer(t, keyserver.Config{Store: failing{keyserver.NewMem(), tt.err}})
		s.OnChange(func(*keyserver.Entry) { t.Error("a watcher was told") })
		_, changed, err := s.Accept(t.Context(), keyserver.FromSession, a.entry(a.record(a.devices[0], 1, nil, nil)))
		if changed || omegaCode(err) != tt.want {
			t.Errorf("accept = %v, %v; want %s", changed, err, tt.want)
		}
		if _, err := s.Find(t.Context(), a.fp()); omegaCode(err) != omega.CodeNotFound {
			t.Errorf("found what was not stored: %v", err)
		}
		if *s.Digest() != (keyserver.Digest{}) {
			t.Error("the digest knows what was not stored")
		}
	}
}

func TestConcurrentAccept(t *testing.T) {
	s := newServer(t, keyserver.Config{MaxCached: 2, MaxRoutes: 1})
	const accounts = 6
	var all []*account
	for range accounts {
		all = append(all, newAccount(t, 1))
	}
	var wg sync.WaitGroup
	for _, a := range all {
		var prev *wire.Record
		var entries []wire.Entry
		for n := range 10 {
			prev = a.record(a.devices[0], uint64(n+1), prev, nil)
			entries = append(entries, a.entry(prev))
		}
		for range 2 {
			wg.Go(func() {
				for _, e := range entries {
					if _, _, err := s.Accept(context.Background(), keyserver.FromServer, e); err != nil {
						t.Error(err)
					}
					if r, err := s.Route(context.Background(), a.fp()); err != nil || r.Sequence == 0 {
						t.Errorf("route %+v, %v", r, err)
					}
					if _, err := s.Find(context.Background(), a.fp()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	for _, a := range all {
		e, err := s.Find(t.Context(), a.fp())
		r, err2 := s.Route(t.Context(), a.fp())
		if err != nil || err2 != nil || e.Sequence() != 10 || r.Sequence != 10 {
			t.Errorf("%s: %v %v %v %v", a.fp(), e, err, r, err2)
		}
	}
}

func TestDigestAndBuckets(t *testing.T) {
	s, o := newServer(t, keyserver.Config{}), newServer(t, keyserver.Config{})
	var only *account
	for n := range 8 {
		a := newAccount(t, 1)
		e := a.entry(a.record(a.devices[0], 1, nil, nil))
		mustAccept(t, s, keyserver.FromServer, e)
		if n < 7 {
			mustAccept(t, o, keyserver.FromServer, e)
		} else {
			only = a
		}
	}
	d, err := keyserver.DecodeDigest(s.Digest().AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	differing := d.Differing(o.Digest())
	if len(differing) != 1 || differing[0] != keyserver.Bucket(only.fp()) {
		t.Fatalf("differing buckets %v", differing)
	}
	var wants []omega.Fingerprint
	err = s.Bucket(t.Context(), differing[0], func(list []keyserver.Summary) error {
		bucket, decoded, err := keyserver.DecodeSummaries(keyserver.AppendSummaries(nil, differing[0], list))
		if err != nil || bucket != differing[0] {
			return fmt.Errorf("bucket %d: %w", bucket, err)
		}
		wants, err = o.Wants(t.Context(), decoded, keyserver.Everything)
		return err
	})
	if err != nil || len(wants) != 1 || wants[0] != only.fp() {
		t.Errorf("wants %v, %v", wants, err)
	}
}

func TestVerifyLease(t *testing.T) {
	a := newAccount(t, 2)
	a.revoke(a.devices[1])
	stranger := newAccount(t, 1)
	for _, tt := range []struct {
		name string
		dev  *pgp.DeviceSecrets
		edit func(*wire.Lease)
		late func(*wire.Lease) // after signing
		want error
	}{
		{name: "good", dev: a.devices[0]},
		{name: "expired", dev: a.devices[0], edit: func(l *wire.Lease) { l.Issued, l.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour) }, want: keyserver.ErrLease},
		{name: "too long", dev: a.devices[0], edit: func(l *wire.Lease) { l.NotAfter = now.Add(25 * time.Hour) }, want: keyserver.ErrLease},
		{name: "from the future", dev: a.devices[0], edit: func(l *wire.Lease) { l.Issued = now.Add(time.Hour); l.NotAfter = now.Add(2 * time.Hour) }, want: keyserver.ErrFuture},
		{name: "revoked device", dev: a.devices[1], want: keyserver.ErrDevice},
		{name: "stranger's device", dev: stranger.devices[0], want: keyserver.ErrDevice},
		{name: "stranger's user", dev: a.devices[0], edit: func(l *wire.Lease) { l.User = stranger.fp() }, want: keyserver.ErrNotOwner},
		{name: "stranger signs", dev: stranger.devices[0], edit: func(l *wire.Lease) { l.Device = a.devices[0].Signing.Public().Fingerprint() }, want: pgp.ErrSignature},
		{name: "changed proxy", dev: a.devices[0], late: func(l *wire.Lease) { l.Proxy = fpOf(9) }, want: pgp.ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &wire.Lease{User: a.fp(), Device: tt.dev.Signing.Public().Fingerprint(), Proxy: fpOf(1), Epoch: 1,
				Issued: now, NotAfter: now.Add(time.Hour), Homes: []wire.LeaseHome{{Home: fpOf(2)}}}
			if tt.edit != nil {
				tt.edit(l)
			}
			sig, err := pgp.SignCompact(t.Context(), tt.dev.Signing, l.Signed(), now)
			if err != nil {
				t.Fatal(err)
			}
			l.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
			if tt.late != nil {
				tt.late(l)
			}
			dev, err := keyserver.VerifyLease(a.cert, l, now)
			if !errors.Is(err, tt.want) {
				t.Fatalf("verify = %v, want %v", err, tt.want)
			}
			if err == nil && dev.Signing.Fingerprint() != l.Device {
				t.Errorf("device %s", dev.Signing.Fingerprint())
			}
		})
	}
}

func TestAckKey(t *testing.T) {
	dev, home := newAccount(t, 1), newAccount(t, 1)
	d, h := dev.devices[0], home.devices[0]
	device := d.Signing.Public().Fingerprint()
	theirs, err := keyserver.NewAckKey(t.Context(), d.Encryption, h.Encryption.Public(), device, home.fp())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := keyserver.NewAckKey(t.Context(), h.Encryption, d.Encryption.Public(), device, home.fp())
	if err != nil || ours != theirs {
		t.Fatalf("keys differ: %v", err)
	}
	ack := &wire.Ack{Home: home.fp(), Device: device, Seq: 7}
	ack.MAC = theirs.MAC(ack)
	if !ours.Check(ack) {
		t.Error("a true acknowledgement does not verify")
	}
	ack.Seq++
	if ours.Check(ack) {
		t.Error("another sequence verifies")
	}
	elsewhere, err := keyserver.NewAckKey(t.Context(), h.Encryption, d.Encryption.Public(), device, fpOf(1))
	if err != nil || elsewhere == ours {
		t.Errorf("the key does not depend on the home: %v", err)
	}
	if s := fmt.Sprintf("%v %s", ours, ours); s != "AckKey(hidden) AckKey(hidden)" {
		t.Errorf("printed as %s", s)
	}
}

// The code is what package hmac makes.
func TestAckKeyIsHMAC(t *testing.T) {
	for n := range byte(3) {
		key := keyserver.AckKey{n, 31: n}
		ack := &wire.Ack{Home: fpOf(n + 1), Device: fpOf(n + 2), Seq: uint64(n) << 40}
		h := hmac.New(sha256.New, key[:])
		h.Write(ack.Unsigned(nil))
		if got, want := key.MAC(ack), h.Sum(nil)[:wire.MACSize]; !bytes.Equal(got[:], want) {
			t.Errorf("code %d = %x, want %x", n, got, want)
		}
	}
}

func BenchmarkAckKeyMAC(b *testing.B) {
	key, ack := keyserver.AckKey{1}, &wire.Ack{Home: fpOf(1), Device: fpOf(2), Seq: 3}
	b.ReportAllocs()
	for b.Loop() {
		key.MAC(ack)
	}
}

func FuzzDecodeSummaries(f *testing.F) {
	f.Add(keyserver.AppendSummaries(nil, 0, []keyserver.Summary{{Fingerprint: fpOf(1), Sequence: 3}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		bucket, list, err := keyserver.DecodeSummaries(b)
		if err == nil && string(keyserver.AppendSummaries(nil, bucket, list)) != string(b) {
			t.Fatalf("decoded and encoded differ for %x", b)
		}
	})
}

func FuzzAccept(f *testing.F) {
	f.Add([]byte{})
	f.Add(wire.AppendEntry(nil, &wire.Entry{Certificate: []byte{0x98, 3, 4, 0, 0}, Record: []byte{1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := wire.DecodeEntry(b)
		if err != nil {
			return
		}
		s := newServer(t, keyserver.Config{})
		if _, changed, err := s.Accept(t.Context(), keyserver.FromServer, e); err == nil != changed {
			t.Fatalf("changed %v, %v", changed, err)
		}
	})
}
