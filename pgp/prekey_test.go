package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/mlkem_ecdh"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func testPrekey(tb testing.TB, seed byte) *PrekeySecret {
	tb.Helper()
	s, err := GeneratePrekey(rand.NewChaCha8([32]byte{seed}), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestPrekeyRoundTrip(t *testing.T) {
	s := testPrekey(t, 1)
	again, err := UnmarshalPrekeySecret(s.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePrekey(s.Public().Packet())
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{7}, 32)
	wrap, err := pub.Wrap(rand.NewChaCha8([32]byte{2}), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(wrap) != HybridWrapSize || len(pub.Packet()) != PrekeySize {
		t.Errorf("wrap of %d octets, prekey of %d", len(wrap), len(pub.Packet()))
	}
	if got, err := again.Open(wrap); err != nil || !bytes.Equal(got, key) {
		t.Errorf("Open = %x, %v", got, err)
	}
	if _, err := testPrekey(t, 3).Open(wrap); !errors.Is(err, ErrDecrypt) {
		t.Errorf("another secret: %v, want ErrDecrypt", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		if got := fmt.Sprintf(verb, *s); got != "PrekeySecret(hidden)" {
			t.Errorf("%s shows %q", verb, got)
		}
	}
}

// TestPrekeyOneOctet changes each octet of a wrap: no secret comes out.
func TestPrekeyOneOctet(t *testing.T) {
	s := testPrekey(t, 1)
	key := bytes.Repeat([]byte{7}, 32)
	wrap, err := s.Public().Wrap(rand.NewChaCha8([32]byte{2}), key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range wrap {
		b := bytes.Clone(wrap)
		b[i] ^= 1
		if _, err := s.Open(b); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("octet %d changed: %v, want ErrDecrypt", i, err)
		}
		if _, err := s.Open(wrap[:i]); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("cut at %d: %v, want ErrDecrypt", i, err)
		}
	}
}

// TestPrekeyAgainstLibrary has go-crypto, which passes the vectors of RFC 9980,
// read our prekey, open our wrap, and make one for us.
func TestPrekeyAgainstLibrary(t *testing.T) {
	s := testPrekey(t, 1)
	p, err := packet.Read(bytes.NewReader(s.Public().Packet()))
	if err != nil {
		t.Fatal(err)
	}
	pub := p.(*packet.PublicKey)
	if pub.KeyId != uint64(s.Public().id[0])<<56|beUint56(s.Public().id[1:]) {
		t.Errorf("key id %x, want %x", pub.KeyId, s.Public().id)
	}
	key := bytes.Repeat([]byte{9}, 32)
	wrap, err := s.Public().Wrap(rand.NewChaCha8([32]byte{2}), key)
	if err != nil {
		t.Fatal(err)
	}
	secret := &mlkem_ecdh.PrivateKey{PublicKey: *pub.PublicKey.(*mlkem_ecdh.PublicKey), SecretEc: s.x.Bytes()}
	if err := secret.DeriveMlKemKeys(s.m.Bytes(), false); err != nil {
		t.Fatal(err)
	}
	if err := mlkem_ecdh.Validate(secret); err != nil {
		t.Fatalf("the library finds that secret and public half differ: %v", err)
	}
	theirs := packet.NewDecrypterPrivateKey(s.Public().Created(), secret)
	theirs.PublicKey = *pub
	read, err := packet.Read(bytes.NewReader(wrap))
	if err != nil {
		t.Fatal(err)
	}
	ek := read.(*packet.EncryptedKey)
	if err := ek.Decrypt(theirs, nil); err != nil || !bytes.Equal(ek.Key, key) || ek.CipherFunc != packet.CipherAES256 {
		t.Errorf("library opens our wrap: %x, %v", ek.Key, err)
	}
	var b bytes.Buffer
	if err := packet.SerializeEncryptedKeyAEAD(&b, pub, packet.CipherAES256, false, key, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(b.Bytes()); err != nil || !bytes.Equal(got, key) {
		t.Errorf("we open the library's wrap: %x, %v", got, err)
	}
}

func beUint56(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func TestPrekeyMalformed(t *testing.T) {
	good := testPrekey(t, 1).Public().Packet()
	for name, b := range map[string][]byte{
		"cut":             good[:len(good)-1],
		"left over":       append(bytes.Clone(good), 0),
		"empty":           nil,
		"wrong version":   change(good, 3, 6),
		"wrong algorithm": change(good, 8, 25),
		"ML-KEM overflow": change(change(good, 41, 0xFF), 42, 0xFF),
	} {
		if _, err := ParsePrekey(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := UnmarshalPrekeySecret(make([]byte, 5)); !errors.Is(err, ErrMalformed) {
		t.Errorf("short secret: %v", err)
	}
	if _, err := GeneratePrekey(bytes.NewReader(make([]byte, 50)), time.Unix(0, 0)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short randomness: %v", err)
	}
}

func change(b []byte, at int, to byte) []byte {
	b = bytes.Clone(b)
	b[at] = to
	return b
}

func FuzzParsePrekey(f *testing.F) {
	f.Add(testPrekey(f, 1).Public().Packet())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePrekey(b)
		if err == nil && !bytes.Equal(p.Packet(), b) {
			t.Fatal("written differently")
		}
	})
}

func BenchmarkHybridWrap(b *testing.B) {
	s, key := testPrekey(b, 1), make([]byte, 32)
	rnd := rand.NewChaCha8([32]byte{2})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Public().Wrap(rnd, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHybridOpen(b *testing.B) {
	s := testPrekey(b, 1)
	wrap, err := s.Public().Wrap(rand.NewChaCha8([32]byte{2}), make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(wrap); err != nil {
			b.Fatal(err)
		}
	}
}
