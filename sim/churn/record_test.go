package churn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	frames "github.com/omega-im/omega/wire"
)

// What the simulator counts for an announcement and its certificate is what they
// take in batches: announcements of simulated servers with the signatures and
// certificates of real ones. (spec/cloud.md, CLOUD-51)
func TestRecordOctets(t *testing.T) {
	w := grown(t, 120, 2).clone(1)
	random := rand.NewChaCha8([32]byte{7})
	ctx, begin := t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var batch frames.Batch
	records, octets := 0, 0
	send := func() {
		octets += frames.HeaderSize + len(batch.AppendTo(nil))
	}
	for i := range w.servers {
		now := begin.Add(time.Duration(i) * 7919 * time.Second) // no two at one time
		primary, err := pgp.GenerateSigning(random, now)
		if err != nil {
			t.Fatal(err)
		}
		dev, err := pgp.GenerateDevice(random, "server", now)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
		if err != nil {
			t.Fatal(err)
		}
		req, err := dev.Request(ctx, primary.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		if cert, err = pgp.AddDevice(ctx, primary, cert, req, now); err != nil {
			t.Fatal(err)
		}
		id, err := pgp.NewIdentity(cert, dev)
		if err != nil {
			t.Fatal(err)
		}
		a, err := mesh.Decode(w.servers[i].own.octets)
		if err != nil {
			t.Fatal(err)
		}
		a.Server, a.Certificate = cert.Fingerprint(), cert.Hash()
		lsa, err := a.Sign(func(data []byte, at time.Time) (mesh.Signature, error) {
			sig, err := pgp.SignCompact(ctx, id.Signer, data, at)
			return mesh.Signature(sig), err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !batch.Room(len(cert.Bytes()), len(lsa)) {
			send()
		}
		batch.Add(frames.TypeServerCert, cert.Bytes())
		batch.Add(frames.TypeLSA, lsa)
		records++
	}
	send()
	got := float64(octets) / float64(records)
	t.Logf("%.0f octets each", got)
	if got > recordOctets || got < 0.9*recordOctets {
		t.Errorf("%.0f octets each; the simulator counts %d, which must not be too few or a tenth too many", got, recordOctets)
	}
}
