package eddsa

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSameOctets: any key signs any message with the octets of crypto/ed25519.
func TestSameOctets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		key, message := randomKey(r), random(r, r.IntN(300))
		got := Sign(key, message)
		if want := ed25519.Sign(key, message); !bytes.Equal(got[:], want) {
			t.Fatalf("key %x, message %x: %x, want %x", key.Seed(), message, got, want)
		}
	}
}

// TestSameVerdicts: what is changed, wherever, is refused as crypto/ed25519 refuses it.
func TestSameVerdicts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	good, bad := 0, 0
	for range 2000 {
		key, message := randomKey(r), random(r, 1+r.IntN(100))
		public, sig := slices.Clone(key.Public().(ed25519.PublicKey)), ed25519.Sign(key, message)
		if part := [][]byte{nil, public, message, sig[:32], sig[32:]}[r.IntN(5)]; part != nil {
			part[r.IntN(len(part))] ^= 1 << r.IntN(8)
		}
		if same(t, public, message, sig) {
			good++
		} else {
			bad++
		}
	}
	if good < 200 || bad < 1000 {
		t.Errorf("%d good and %d bad signatures", good, bad)
	}
}

// TestSameScalars: a second encoding of S, and one that is too long or too short, are refused.
func TestSameScalars(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		key, message := randomKey(r), random(r, 20)
		public, sig := key.Public().(ed25519.PublicKey), ed25519.Sign(key, message)
		s := new(big.Int).Add(fromLittle(sig[32:]), order)
		if same(t, public, message, append(slices.Clone(sig[:32]), little(s)...)) {
			t.Fatal("S+L was accepted")
		}
		for _, s := range [][]byte{nil, sig[:63], append(slices.Clone(sig), 0)} {
			if same(t, public, message, s) {
				t.Fatalf("a signature of %d octets was accepted", len(s))
			}
		}
	}
}

// TestSameSmallOrder: keys and points R of small order, in all their encodings, with sums
// that are right without the cofactor, with it only, or not at all.
func TestSameSmallOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	accepted, refused := 0, 0
	for _, encoding := range smallOrder {
		for range 64 {
			nonce, message := randomKey(r), random(r, 16)
			// R = sB, so that sB = R + hA where h is a multiple of A's order.
			h := sha512.Sum512(nonce.Seed())
			h[0] &= 248
			h[31] = h[31]&127 | 64
			s := little(new(big.Int).Mod(fromLittle(h[:32]), order))
			for _, sig := range [][]byte{
				append(slices.Clone(nonce.Public().(ed25519.PublicKey)), s...),
				append(slices.Clone(encoding), make([]byte, 32)...),
				append(slices.Clone(encoding), s...),
			} {
				if same(t, encoding, message, sig) {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	if accepted < 100 || refused < 100 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
}

func TestKeyLength(t *testing.T) {
	for _, f := range []func(){
		func() { Verify(make(ed25519.PublicKey, 31), nil, make([]byte, 64)) },
		func() { Sign(make(ed25519.PrivateKey, 32), nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a key of a wrong length was taken")
				}
			}()
			f()
		}()
	}
}

func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	f.Add([]byte(key.Public().(ed25519.PublicKey)), []byte("message"), ed25519.Sign(key, []byte("message")))
	for _, e := range smallOrder {
		f.Add(e, []byte("message"), append(slices.Clone(e), make([]byte, 32)...))
	}
	f.Fuzz(func(t *testing.T, public, message, sig []byte) {
		if len(public) == ed25519.PublicKeySize {
			same(t, public, message, sig)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	key, message := ed25519.NewKeyFromSeed(make([]byte, 32)), make([]byte, 32)
	b.Run("eddsa", func(b *testing.B) {
		for b.Loop() {
			Sign(key, message)
		}
	})
	b.Run("crypto", func(b *testing.B) {
		for b.Loop() {
			ed25519.Sign(key, message)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, message := ed25519.NewKeyFromSeed(make([]byte, 32)), make([]byte, 32)
	public, sig := key.Public().(ed25519.PublicKey), ed25519.Sign(key, message)
	b.Run("eddsa", func(b *testing.B) {
		for b.Loop() {
			Verify(public, message, sig)
		}
	})
	b.Run("crypto", func(b *testing.B) {
		for b.Loop() {
			ed25519.Verify(public, message, sig)
		}
	})
}

// same returns the verdict, which must be that of crypto/ed25519.
func same(t *testing.T, public ed25519.PublicKey, message, sig []byte) bool {
	t.Helper()
	got, want := Verify(public, message, sig), ed25519.Verify(public, message, sig)
	if got != want {
		t.Fatalf("key %x, message %x, signature %x: %v, want %v", public, message, sig, got, want)
	}
	return got
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomKey(r *rand.Rand) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(random(r, 32)) }

func fromLittle(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// order is L of RFC 8032, section 5.1.
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// smallOrder has the encodings, canonical and not, of the points whose order is 1, 2, 4 or 8:
// y is 1, -1, 0 or one of two roots, with either sign, and the first three also as y+p.
var smallOrder = func() (all [][]byte) {
	for _, s := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		negative := slices.Clone(b)
		negative[31] |= 0x80
		all = append(all, b, negative)
	}
	return all
}()
