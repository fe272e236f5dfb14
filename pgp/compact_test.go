package pgp

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"time"
)

// An agentSigner signs as a key in gpg-agent does: through SignDigest only.
type agentSigner struct{ k *SecretKey }

func (s agentSigner) Public() *PublicKey { return s.k.Public() }

func (s agentSigner) SignDigest(ctx context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	return s.k.SignDigest(ctx, h, digest)
}

func TestCompact(t *testing.T) {
	k, other := testKey(t, 1), testKey(t, 2)
	data := []byte("omega-im/test/v1\nhello")
	at := testTime.Add(999 * time.Millisecond)
	sig, err := SignCompact(t.Context(), k, data, at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := SignCompact(t.Context(), agentSigner{k}, data, testTime)
	if err != nil || again != sig {
		t.Errorf("signature through SignDigest differs: %v", err)
	}
	flipped := sig
	flipped[10] ^= 1
	tests := []struct {
		name string
		key  *PublicKey
		data string
		at   time.Time
		sig  Compact
		want error
	}{
		{"right", k.Public(), string(data), testTime, sig, nil},
		{"fraction of a second", k.Public(), string(data), at, sig, nil},
		{"another second", k.Public(), string(data), testTime.Add(time.Second), sig, ErrSignature},
		{"another key", other.Public(), string(data), testTime, sig, ErrSignature},
		{"other data", k.Public(), string(data) + "!", testTime, sig, ErrSignature},
		{"flipped", k.Public(), string(data), testTime, flipped, ErrSignature},
		{"zero", k.Public(), string(data), testTime, Compact{}, ErrSignature},
		{"before 1970", k.Public(), string(data), time.Unix(-1, 0), sig, ErrSignature},
		{"after 2106", k.Public(), string(data), time.Unix(1<<32, 0), sig, ErrSignature},
		{"encryption key", testDevice(t, 3, "x").Encryption.Public(), string(data), testTime, sig, ErrSignature},
	}
	for _, tt := range tests {
		if err := VerifyCompact(tt.key, []byte(tt.data), tt.at, tt.sig); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := SignCompact(t.Context(), k, data, time.Unix(1<<32, 0)); err == nil {
		t.Error("signed at a time that does not fit")
	}
	if _, err := SignCompact(t.Context(), testDevice(t, 3, "x").Encryption, data, testTime); err == nil {
		t.Error("signed with an encryption key")
	}
}

// TestDetachedSignature rebuilds packets until the integers of one are short,
// and reads them as any other signature.
func TestDetachedSignature(t *testing.T) {
	k := testKey(t, 1)
	short := 0
	for i := range 600 {
		data := []byte{byte(i), byte(i >> 8)}
		sig, err := SignCompact(t.Context(), k, data, testTime)
		if err != nil {
			t.Fatal(err)
		}
		if sig[0] == 0 || sig[32] == 0 {
			short++
		}
		_, body, rest, err := nextPacket(DetachedSignature(k.Public(), data, testTime, sig))
		if err != nil || len(rest) != 0 {
			t.Fatalf("detached signature %d: %v", i, err)
		}
		s, err := parseSignature(body)
		if err != nil {
			t.Fatalf("detached signature %d: %v", i, err)
		}
		if err := s.verify(k.Public(), data); err != nil || !s.created.Equal(testTime) || s.issuer != k.Public().Fingerprint() {
			t.Fatalf("detached signature %d: %v, %+v", i, err, s.facts)
		}
	}
	if short == 0 {
		t.Error("no signature had a short integer")
	}
	if b := DetachedSignature(testDevice(t, 3, "x").Encryption.Public(), nil, testTime, Compact{}); b != nil {
		t.Error("detached signature of an encryption key")
	}
}

func TestCompactAllocations(t *testing.T) {
	k, data, ctx := testKey(t, 1), make([]byte, 200), t.Context()
	sig, _ := SignCompact(ctx, k, data, testTime)
	if n := testing.AllocsPerRun(20, func() { _, _ = SignCompact(ctx, k, data, testTime) }); n > 3 {
		t.Errorf("SignCompact makes %v allocations, want 3 at most", n)
	}
	if n := testing.AllocsPerRun(20, func() { _ = VerifyCompact(k.Public(), data, testTime, sig) }); n > 3 {
		t.Errorf("VerifyCompact makes %v allocations, want 3 at most", n)
	}
}
