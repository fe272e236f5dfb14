package pgp

import (
	"bytes"
	"testing"
	"time"
)

func BenchmarkSignCompact(b *testing.B) {
	k, data, ctx := testKey(b, 1), make([]byte, 200), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SignCompact(ctx, k, data, testTime); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCompact(b *testing.B) {
	k, data := testKey(b, 1), make([]byte, 200)
	sig, err := SignCompact(b.Context(), k, data, testTime)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := VerifyCompact(k.Public(), data, testTime, sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCertificate(b *testing.B) {
	tests := []struct {
		name    string
		signer  Signer
		devices int
	}{
		{"eddsa-1", testKey(b, 1), 1},
		{"eddsa-3", testKey(b, 1), 3},
		{"eddsa-32", testKey(b, 1), 32},
		{"rsa2048-3", newLibSigner(b, "rsa2048"), 3},
		{"nistp521-3", newLibSigner(b, "nistp521"), 3},
		{"brainpoolP512r1-3", newLibSigner(b, "brainpoolP512r1"), 3},
	}
	for _, tt := range tests {
		cert := adopt(b, tt.signer, 10, tt.devices).cert.Bytes()
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseCertificate(cert, testTime); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(tt.name+"/own", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadOwn(cert, testTime); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSessionKey(b *testing.B) {
	d, key := testDevice(b, 1, "x"), make([]byte, 32)
	random := seeded(7)
	wrap, err := SealSessionKey(random, d.Encryption.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := SealSessionKey(random, d.Encryption.Public(), key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Encryption.OpenSessionKey(b.Context(), wrap); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	d, e, text := testDevice(b, 1, "x"), testDevice(b, 2, "y"), make([]byte, 200)
	key, random, ctx := bytes.Repeat([]byte{1}, 32), seeded(7), b.Context()
	to := []*PublicKey{d.Encryption.Public(), e.Encryption.Public()}
	msg, err := SealRecord(ctx, random, d.Signing, to, key, text, testTime)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := SealRecord(ctx, random, d.Signing, to, key, text, testTime); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := OpenRecord(ctx, e.Encryption, msg)
			if err == nil {
				err = r.Verify(d.Signing.Public())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkProof(b *testing.B) {
	d, server, text := testDevice(b, 1, "x"), testDevice(b, 2, "y"), make([]byte, 300)
	random, ctx := seeded(7), b.Context()
	proof, err := SealProof(ctx, random, d.Signing, server.Encryption.Public(), text, testTime)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := SealProof(ctx, random, d.Signing, server.Encryption.Public(), text, testTime); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := OpenProof(ctx, d.Signing.Public(), server.Encryption, proof, testTime); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	a := newAccount(b, 1, 3)
	other, err := Renew(b.Context(), a.primary, a.cert, testTime.Add(time.Hour), testTime)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Merge(a.cert, other, testTime); err != nil {
			b.Fatal(err)
		}
	}
}
