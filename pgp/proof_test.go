package pgp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

func testProof(tb testing.TB, s Signer, server *DeviceSecrets, text string, at time.Time) []byte {
	tb.Helper()
	b, err := SealProof(tb.Context(), seeded(5), s, server.Encryption.Public(), []byte(text), at)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestProof(t *testing.T) {
	server := testDevice(t, 2, "server")
	text := strings.Repeat("p", 350)
	for _, s := range []Signer{testKey(t, 1), agentSigner{testKey(t, 1)}, newLibSigner(t, "nistp384"), newLibSigner(t, "rsa2048")} {
		b := testProof(t, s, server, text, testTime)
		got, err := OpenProof(t.Context(), s.Public(), server.Encryption, b, testTime)
		if err != nil || string(got) != text {
			t.Errorf("%s: %v", s.Public().Algorithm(), err)
		}
		t.Logf("%s: %d octets around %d", s.Public().Algorithm(), len(b)-len(text), len(text))
	}
}

func TestProofTimes(t *testing.T) {
	k, server := testKey(t, 1), testDevice(t, 2, "server")
	for _, tt := range []struct {
		at time.Duration
		ok bool
	}{
		{0, true},
		{omega.ClockTolerance, true},
		{omega.ClockTolerance + time.Second, false},
		{-omega.ClockTolerance, true}, // of the key's creation
		{-omega.ClockTolerance - time.Second, false},
	} {
		b := testProof(t, k, server, "x", testTime.Add(tt.at))
		if _, err := OpenProof(t.Context(), k.Public(), server.Encryption, b, testTime); (err == nil) != tt.ok {
			t.Errorf("signed at %v: %v, want ok = %v", tt.at, err, tt.ok)
		}
	}
}

// A countingDecrypter counts what reaches the secret key.
type countingDecrypter struct {
	Decrypter
	n int
}

func (d *countingDecrypter) OpenSessionKey(ctx context.Context, pkesk []byte) ([]byte, error) {
	d.n++
	return d.Decrypter.OpenSessionKey(ctx, pkesk)
}

func TestFlippedProof(t *testing.T) {
	k, server := testKey(t, 1), testDevice(t, 2, "server")
	b := testProof(t, k, server, "hello", testTime)
	d := &countingDecrypter{Decrypter: server.Encryption}
	for i := range b {
		for bit := range 8 {
			changed := bytes.Clone(b)
			changed[i] ^= 1 << bit
			if got, err := OpenProof(t.Context(), k.Public(), d, changed, testTime); err != ErrProof || got != nil {
				t.Errorf("octet %d, bit %d: %q, %v", i, bit, got, err)
			}
		}
		if _, err := OpenProof(t.Context(), k.Public(), d, b[:i], testTime); err != ErrProof {
			t.Errorf("cut to %d octets: %v", i, err)
		}
	}
	if d.n != 0 {
		t.Errorf("%d changed proofs reached the secret key, want none", d.n)
	}
}

func TestHostileProofs(t *testing.T) {
	ctx := t.Context()
	k, other, server := testKey(t, 1), testKey(t, 3), testDevice(t, 2, "server")
	good := testProof(t, k, server, "hello", testTime)
	outer := packets(t, good)
	literal, _, err := splitSigned(good)
	if err != nil {
		t.Fatal(err)
	}
	inner := packets(t, literal)
	resign := func(list ...[]byte) []byte {
		b, err := signMessage(ctx, k, join(list...), testTime)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := func(plain []byte) []byte {
		b, err := SealSessionKey(seeded(1), server.Encryption.Public(), testSessionKey)
		if err == nil {
			b, err = sealSEIPD(b, seeded(2), testSessionKey, plain)
		}
		if err != nil {
			t.Fatal(err)
		}
		return resign(b)
	}
	partial := append([]byte{0xC0 | tagOnePass, 0xE0 | 3}, outer[0][2:10]...) // 8 octets, then the rest
	tests := []struct {
		name  string
		key   *PublicKey
		proof []byte
		ok    bool
	}{
		{"as it should be", k.Public(), good, true},
		{"signed anew", k.Public(), resign(inner...), true},
		{"by another key", other.Public(), good, false},
		{"signed by another", k.Public(), testProof(t, other, server, "hello", testTime), false},
		{"for another server", k.Public(), testProof(t, k, testDevice(t, 8, "other"), "hello", testTime), false},
		{"only encrypted", k.Public(), literal, false},
		{"not encrypted", k.Public(), resign([]byte("hello")), false},
		{"no signature", k.Public(), join(outer[0], outer[1]), false},
		{"two signatures", k.Public(), join(good, outer[2]), false},
		{"packets in another order", k.Public(), join(outer[1], outer[0], outer[2]), false},
		{"old header", k.Public(), join([]byte{0x80 | tagOnePass<<2}, good[1:]), false},
		{"partial length", k.Public(), join(partial, []byte{5}, outer[0][10:], outer[1], outer[2]), false},
		{"compressed", k.Public(), appendPacket(nil, 8, join([]byte{0}, good)), false},
		{"two wraps", k.Public(), resign(inner[0], inner[0], inner[1]), false},
		{"1000 wraps", k.Public(), resign(bytes.Repeat(inner[0], 1000), inner[1]), false},
		{"no wrap", k.Public(), resign(inner[1]), false},
		{"passphrase packet", k.Public(), resign(appendPacket(nil, 3, []byte{4, 9, 0, 8}), inner[1]), false},
		{"two ciphertexts", k.Public(), resign(inner[0], inner[1], inner[1]), false},
		{"compressed text", k.Public(), sealed(appendPacket(nil, 8, join([]byte{0}, appendLiteral(nil, []byte("x"))))), false},
		{"two texts", k.Public(), sealed(join(appendLiteral(nil, []byte("x")), appendLiteral(nil, []byte("y")))), false},
		{"no text", k.Public(), sealed(nil), false},
		{"over the size", k.Public(), resign(inner[0], appendPacket(nil, tagSEIPD, make([]byte, 1000))), false},
		{"empty", k.Public(), nil, false},
	}
	for _, tt := range tests {
		_, err := OpenProof(ctx, tt.key, server.Encryption, tt.proof, testTime)
		if (err == nil) != tt.ok || err != nil && err != ErrProof {
			t.Errorf("%s: %v, want ok = %v", tt.name, err, tt.ok)
		}
	}
}

func TestSealProofOverTheSize(t *testing.T) {
	k, server := testKey(t, 1), testDevice(t, 2, "server")
	_, err := SealProof(t.Context(), seeded(5), k, server.Encryption.Public(), make([]byte, 1000), testTime)
	if !errors.Is(err, ErrPolicy) {
		t.Errorf("seal: %v, want %v", err, ErrPolicy)
	}
}
