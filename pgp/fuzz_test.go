package pgp

import (
	"bytes"
	"testing"
	"time"
)

func FuzzParseCertificate(f *testing.F) {
	a := newAccount(f, 1, 2)
	f.Add(a.cert.Bytes())
	f.Add([]byte(a.cert.Armor()))
	revoked, err := RevokeDevice(f.Context(), a.primary, a.cert, a.devices[0].Signing.Public().Fingerprint(), ReasonRetired, testTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(revoked.Bytes())
	now := testTime.Add(48 * time.Hour)
	q := newQuarrel(f, 1, 3)
	f.Add(q.contest(f, q.remove(f, q.cert, 2, 0, now), 0, 2, now).Bytes())
	for _, b := range adoptedFiles(f) {
		f.Add(b)
	}
	f.Add(transferableSeed(f, a))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCertificate(b, now)
		if err != nil {
			return
		}
		again, err := ParseCertificate(c.Bytes(), now)
		if err != nil || again.Hash() != c.Hash() {
			t.Errorf("canonical form reads back differently: %v", err)
		}
		if m, err := Merge(c, again, now); err != nil || m.Hash() != c.Hash() {
			t.Errorf("merge with itself: %v", err)
		}
	})
}

// transferableSeed has secret packets, old headers and other people's packets.
func transferableSeed(tb testing.TB, a *testAccount) []byte {
	list := packets(tb, a.cert.Bytes())
	old := func(tag byte, body []byte) []byte {
		return append([]byte{0x81 | tag<<2, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	b := old(tagPublicKey, a.cert.Primary().Body())
	b = append(b, old(tagUserID, []byte("Alice"))...)
	b = append(b, join(list[1:]...)...)
	b = append(b, old(tagUserAttr, []byte{1, 2})...)
	return append(b, old(tagPublicSubkey, a.devices[0].Encryption.Public().Body())...)
}

func FuzzParsePublicKey(f *testing.F) {
	d := testDevice(f, 1, "x")
	f.Add(d.Signing.Public().Packet(false))
	f.Add(d.Encryption.Public().Packet(true))
	for _, b := range adoptedFiles(f) {
		f.Add(packets(f, b)[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePublicKey(b)
		if err != nil {
			return
		}
		again, err := ParsePublicKey(k.Packet(true))
		if err != nil || !again.Equal(k) || again.Fingerprint() != k.Fingerprint() {
			t.Errorf("key reads back differently: %v", err)
		}
		_ = VerifyCompact(k, b, testTime, Compact{})
		_ = k.verify(certHash(k), make([]byte, certHash(k).Size()), b)
		if _, ok := k.X25519(); ok {
			_, _ = SealSessionKey(seeded(1), k, testSessionKey)
			_, _ = d.Encryption.SharedSecret(t.Context(), k)
		}
	})
}

func FuzzOpenProof(f *testing.F) {
	k, server := testKey(f, 1), testDevice(f, 2, "server")
	good := testProof(f, k, server, "hello", testTime)
	f.Add(good)
	f.Add(testProof(f, testKey(f, 3), server, "hello", testTime))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := OpenProof(t.Context(), k.Public(), server.Encryption, b, testTime)
		if err == nil && !bytes.Equal(b, good) || err != nil && err != ErrProof {
			t.Errorf("open: %q, %v", text, err)
		}
	})
}

func FuzzOpenRecord(f *testing.F) {
	from, to, msg := testRecord(f, "hello")
	f.Add(msg)
	inner, err := signMessage(f.Context(), from.Signing, []byte("hello"), testTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(inner)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := OpenRecord(t.Context(), to[1].Encryption, b); err == nil {
			if r.Verify(from.Signing.Public()) != nil || string(r.Plaintext) != "hello" {
				t.Errorf("opened another record: %q", r.Plaintext)
			}
		}
		// What is inside, as if somebody had sealed it.
		if r, err := readRecord(testSessionKey, b); err == nil && r.Verify(from.Signing.Public()) == nil && string(r.Plaintext) != "hello" {
			t.Errorf("forged %q", r.Plaintext)
		}
	})
}

func FuzzUnmarshalSecrets(f *testing.F) {
	primary, dev := testKey(f, 1), testDevice(f, 2, "laptop")
	f.Add(protectedFile(f))
	for _, p := range []*SecretKey{primary, nil} {
		b, err := MarshalSecrets(p, dev, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Without a passphrase: Argon2 would leave no time for anything else.
		p, d, err := UnmarshalSecrets(b, nil)
		if err != nil {
			return
		}
		again, err := MarshalSecrets(p, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p2, d2, err := UnmarshalSecrets(again, nil); err != nil || !sameSecret(p, p2) || d != nil && !sameSecret(d.Encryption, d2.Encryption) {
			t.Errorf("secrets read back differently: %v", err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	a := newAccount(f, 1, 1)
	for _, p := range packets(f, a.cert.Bytes()) {
		_, body, _, _ := nextPacket(p)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSignature(b)
		if err != nil {
			return
		}
		id := [8]byte{1, 2, 3}
		again, err := parseSignature(s.body(id))
		if err != nil || again.compare(s) != 0 || again.facts.created != s.facts.created || again.issuer != s.issuer {
			t.Errorf("signature reads back differently: %v", err)
		}
		_ = s.verify(a.cert.Primary(), b)
	})
}
