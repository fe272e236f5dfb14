package pgp

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"
)

var testTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestSmoke(t *testing.T) {
	ctx := t.Context()
	primary, err := GenerateSigning(rand.Reader, testTime)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := NewCertificate(ctx, primary, time.Time{}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := GenerateDevice(rand.Reader, "laptop", testTime)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dev.Request(ctx, primary.Public(), testTime)
	if err != nil {
		t.Fatal(err)
	}
	cert, err = AddDevice(ctx, primary, cert, req, testTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(cert.Bytes()), cert.Devices())
	if _, err := NewIdentity(cert, dev); err != nil {
		t.Fatal(err)
	}
	sig, err := SignCompact(ctx, dev.Signing, []byte("x"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyCompact(dev.Signing.Public(), []byte("x"), testTime, sig); err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{7}, 32)
	msg, err := SealRecord(ctx, rand.Reader, dev.Signing, []*PublicKey{dev.Encryption.Public()}, key, []byte("hello"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRecord(ctx, dev.Encryption, msg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(dev.Signing.Public()); err != nil {
		t.Fatal(err)
	}
	proof, err := SealProof(ctx, rand.Reader, dev.Signing, dev.Encryption.Public(), []byte("proof"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenProof(ctx, dev.Signing.Public(), dev.Encryption, proof, testTime); err != nil || string(got) != "proof" {
		t.Fatal(got, err, len(proof))
	}
	for _, pass := range []string{"", "secret"} {
		b, err := MarshalSecrets(primary, dev, []byte(pass))
		if err != nil {
			t.Fatal(err)
		}
		p, d, err := UnmarshalSecrets(b, []byte(pass))
		if err != nil {
			t.Fatal(err)
		}
		if p.Public().Fingerprint() != primary.Public().Fingerprint() || d.Name != "laptop" {
			t.Fatal("differs")
		}
	}
}
